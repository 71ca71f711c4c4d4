/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The merge of two recordings of halves of a stream of records is the recording of the whole stream: what whywait takes
 * in, replayed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "ingesting.h"
#include "model/blocks.h"
#include "store/merge.h"

#define RECORDS 3000
#define TICKS	30 /* seconds: several intervals, the last one under way */

static struct {
	const char *directory;
	char whole[128], one[128], two[128], merged[128], message[512];
} files;

static int make_files(void **state)
{
	(void)state;
	files.directory = make_directory();
	snprintf(files.whole, sizeof(files.whole), "%s/whole.db", files.directory);
	snprintf(files.one, sizeof(files.one), "%s/one.db", files.directory);
	snprintf(files.two, sizeof(files.two), "%s/two %%3f?#.db",
		 files.directory); /* a name that URIs have to escape */
	snprintf(files.merged, sizeof(files.merged), "%s/merged.db", files.directory);
	return 0;
}

static int drop_files(void **state)
{
	(void)state;
	drop_directory(files.directory);
	return 0;
}

/* The records of the stream of which `takes` says so, recorded; `ends`: else its recorder is killed. */
static void replay(const char *path, bool (*takes)(uint64_t id), bool ends)
{
	struct fixture fixture = {.draw = {.state = 7}, .directory = files.directory};
	uint64_t tick = 0;

	snprintf(fixture.path, sizeof(fixture.path), "%s", path);
	start(&fixture, (struct ww_ingest_options){0}, 5, false);
	for (uint64_t id = 1; id <= RECORDS; id++) {
		char target[32];
		struct ww_account account;

		snprintf(target, sizeof(target), "/page%u/%u", (unsigned)draw_number(&fixture.draw, 6), (unsigned)id);
		account = draw_account(&fixture.draw, id, target, fixture.now);
		/* Names in another order in each of the halves. */
		if (takes(id))
			assert_int_equal(ww_ingest__account(fixture.ingest, &account), 0);
		if (id * TICKS / RECORDS > tick) {
			tick++;
			fixture.now += SECOND;
			assert_int_equal(ww_ingest__tick(fixture.ingest, fixture.now, NULL), 0);
		}
	}
	if (ends) {
		stop(&fixture);
		return;
	}
	/* As if killed: copied with its log. */
	char command[1024];

	snprintf(command, sizeof(command), "cp '%s' '%s.k' && cp '%s-wal' '%s.k-wal'", path, path, path, path);
	assert_int_equal(system(command), 0);
	stop(&fixture);
	snprintf(command, sizeof(command), "mv '%s.k' '%s' && mv '%s.k-wal' '%s-wal'", path, path, path, path);
	assert_int_equal(system(command), 0);
}

static bool takes_all(uint64_t id)
{
	(void)id;
	return true;
}

static bool takes_some(uint64_t id)
{
	return id % 3 == 0;
}

static bool takes_others(uint64_t id)
{
	return id % 3 != 0;
}

static const struct ww_endpoint_report *find(const struct ww_report *report, const struct ww_endpoint_report *like)
{
	for (size_t i = 0; i < report->endpoints_len; i++)
		if (!strcmp(report->endpoints[i].method, like->method) &&
		    !strcmp(report->endpoints[i].route, like->route) &&
		    !strcmp(report->endpoints[i].service, like->service))
			return &report->endpoints[i];
	fail_msg("no %s %s", like->method, like->route);
	return NULL;
}

static void assert_same_endpoint(const struct ww_endpoint_report *is, const struct ww_endpoint_report *wanted)
{
	assert_int_equal(is->requests, wanted->requests);
	assert_int_equal(is->errors, wanted->errors);
	assert_int_equal(is->aborted, wanted->aborted);
	assert_memory_equal(&is->wall, &wanted->wall, sizeof(is->wall));
	assert_int_equal(is->cpu_sum_ns, wanted->cpu_sum_ns);
	assert_memory_equal(is->kinds_sum_ns, wanted->kinds_sum_ns, sizeof(is->kinds_sum_ns));
	assert_memory_equal(is->tail_kinds_sum_ns, wanted->tail_kinds_sum_ns, sizeof(is->kinds_sum_ns));
	assert_int_equal(is->bytes_in, wanted->bytes_in);
	assert_int_equal(is->bytes_out, wanted->bytes_out);
	assert_memory_equal(is->attribution, wanted->attribution, sizeof(is->attribution));
	assert_int_equal(is->status_len, wanted->status_len);
	for (size_t i = 0; i < is->status_len; i++) {
		assert_int_equal(is->status[i].status, wanted->status[i].status);
		assert_int_equal(is->status[i].requests, wanted->status[i].requests);
	}
	assert_int_equal(is->details_len, wanted->details_len);
	for (size_t i = 0; i < is->details_len; i++) {
		assert_int_equal(is->details[i].kind, wanted->details[i].kind);
		assert_string_equal(is->details[i].name, wanted->details[i].name);
		assert_int_equal(is->details[i].sum_ns, wanted->details[i].sum_ns);
		assert_int_equal(is->details[i].count, wanted->details[i].count);
	}
	assert_int_equal(is->operations_requests, wanted->operations_requests);
	assert_int_equal(is->sampling->ranks_len, wanted->sampling->ranks_len);
	for (uint32_t i = 0; i < is->sampling->ranks_len; i++)
		assert_int_equal(is->sampling->ranks[i].upto, wanted->sampling->ranks[i].upto);
}

static void assert_same(const char *is, const char *wanted)
{
	const struct ww_selection all = {.sampling = true};
	struct ww_report *a = read_report(is, &all), *b = read_report(wanted, &all);

	assert_int_equal(a->endpoints_len, b->endpoints_len);
	assert_true(a->endpoints_len > 10);
	assert_string_equal(a->host, b->host);
	assert_int_equal(a->cpus, b->cpus);
	for (size_t i = 0; i < a->endpoints_len; i++)
		assert_same_endpoint(&a->endpoints[i], find(b, &a->endpoints[i]));
	ww_report_free(a);
	ww_report_free(b);
}

static int64_t ask(const char *path, const char *query)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t number;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static void merges(const char *out, const char *a, const char *b)
{
	struct ww_merged merged;

	if (ww_merge(out, (const char *const[]){a, b}, 2, &merged, files.message, sizeof(files.message)))
		fail_msg("%s", files.message);
	assert_int_equal(merged.requests, RECORDS);
}

static void halves_are_the_whole(void **state)
{
	(void)state;
	replay(files.whole, takes_all, true);
	replay(files.one, takes_some, true);
	replay(files.two, takes_others, true);
	merges(files.merged, files.one, files.two);
	assert_same(files.merged, files.whole);
	assert_int_equal(ask(files.merged, "SELECT count(*) FROM request"),
			 ask(files.one, "SELECT count(*) FROM request") +
				 ask(files.two, "SELECT count(*) FROM request"));
	/* In the order of their ends. */
	assert_int_equal(ask(files.merged, "SELECT count(*) FROM request a JOIN request b ON b.id = a.id + 1 WHERE"
					   " a.start_unix_ns + a.wall_ns > b.start_unix_ns + b.wall_ns"),
			 0);
	assert_int_equal(ask(files.merged, "SELECT value FROM meta WHERE key = 'ended'"), 1);
	/* The order of the arguments says nothing. */
	unlink(files.merged);
	merges(files.merged, files.two, files.one);
	assert_same(files.merged, files.whole);
	assert_int_equal(ask(files.merged, "SELECT sum(length(seconds)) FROM endpoint_interval"),
			 ask(files.one, "SELECT sum(length(seconds)) FROM endpoint_interval") +
				 ask(files.two, "SELECT sum(length(seconds)) FROM endpoint_interval"));
}

static void stacks_keep_their_functions(void **state)
{
	/* Of function names; what both have is once in the result. */
	static const char add[] =
		"INSERT INTO stack_frame VALUES (0, '%s'), (1, 'main');"
		"INSERT INTO stack VALUES (0, 1, '[1,0]'), (1, 1, '[1]');"
		"INSERT INTO stack_requests SELECT interval, endpoint, 5, 1, 1 FROM endpoint_interval LIMIT 1;"
		"INSERT INTO stack_sample SELECT interval, endpoint, 5, 0, NULL, 0, 3, 1 FROM endpoint_interval LIMIT "
		"1;"
		"INSERT INTO stack_sample SELECT interval, endpoint, 5, 0, NULL, 1, 2, 1 FROM endpoint_interval LIMIT "
		"1;";
	const char *const paths[] = {files.one, files.two}, *const names[] = {"sort", "parse"};

	(void)state;
	replay(files.one, takes_some, true);
	replay(files.two, takes_others, true);
	for (int i = 0; i < 2; i++) {
		char query[1024];
		sqlite3 *db = NULL;

		snprintf(query, sizeof(query), add, names[i]);
		assert_int_equal(sqlite3_open(paths[i], &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, query, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
	}
	unlink(files.merged);
	merges(files.merged, files.one, files.two);
	assert_int_equal(ask(files.merged, "SELECT count(*) * 100 + max(id) FROM stack_frame"), 302);
	assert_int_equal(ask(files.merged, "SELECT count(*) * 100 + max(id) FROM stack"), 302);
	assert_int_equal(ask(files.merged,
			     "SELECT sum(sum_ns) FROM stack_sample JOIN stack ON stack.id = stack JOIN stack_frame"
			     " ON stack_frame.id = json_extract(frames, '$[#-1]') WHERE stack_frame.name = 'sort'"),
			 3);
	assert_int_equal(ask(files.merged,
			     "SELECT sum(sum_ns) FROM stack_sample JOIN stack ON stack.id = stack JOIN stack_frame"
			     " ON stack_frame.id = json_extract(frames, '$[#-1]') WHERE stack_frame.name = 'main'"),
			 4);
	assert_int_equal(ask(files.merged, "SELECT sum(requests) FROM stack_requests"), 2);
}

static void a_recorder_that_was_killed_is_no_loss(void **state)
{
	(void)state;
	replay(files.whole, takes_all, true);
	replay(files.one, takes_some, false);
	replay(files.two, takes_others, true);
	assert_true(ask(files.one, "SELECT count(*) FROM journal") > 0);
	unlink(files.merged);
	struct ww_merged merged;

	if (ww_merge(files.merged, (const char *const[]){files.one, files.two}, 2, &merged, files.message,
		     sizeof(files.message)))
		fail_msg("%s", files.message);
	/* What came after the last commit is missing, in the source as well. */
	assert_int_equal(ask(files.merged, "SELECT value FROM meta WHERE key = 'ended'"), 0);
	assert_int_equal(ask(files.merged, "SELECT count(*) FROM journal"), 0);
	const struct ww_selection all = {0};
	struct ww_report *reports[3] = {read_report(files.one, &all), read_report(files.two, &all),
					read_report(files.merged, &all)};
	uint64_t sums[3] = {0};

	for (int i = 0; i < 3; i++) {
		for (size_t e = 0; e < reports[i]->endpoints_len; e++)
			sums[i] += reports[i]->endpoints[e].wall.sum;
		ww_report_free(reports[i]);
	}
	assert_int_equal(sums[0] + sums[1], sums[2]);
}

static void refused(int err, const char *says, const char *out, const char *a, const char *b)
{
	struct ww_merged merged;

	assert_int_equal(ww_merge(out, (const char *const[]){a, b}, 2, &merged, files.message, sizeof(files.message)),
			 err);
	if (!strstr(files.message, says))
		fail_msg("%s", files.message);
	assert_null(strchr(files.message, '\n'));
}

static void what_can_not_be_merged_is_refused(void **state)
{
	char copy[160], command[1024];

	(void)state;
	replay(files.one, takes_some, true);
	replay(files.two, takes_others, true);
	unlink(files.merged);
	refused(-ENOENT, "/nonexistent/x.db", files.merged, files.one, "/nonexistent/x.db");
	refused(-EINVAL, "is not a recording", files.merged, files.one, "/etc/passwd");
	refused(-EINVAL, "are the same recording", files.merged, files.one, files.one);
	refused(-EEXIST, "exists: merge into another file", files.two, files.one, files.two);
	refused(-ENOENT, "can't write /nonexistent/out.db", "/nonexistent/out.db", files.one, files.two);
	snprintf(copy, sizeof(copy), "%s/copy.db", files.directory);
	snprintf(command, sizeof(command), "cp '%s' '%s'", files.one, copy);
	assert_int_equal(system(command), 0);
	refused(-EINVAL, "are the same recording", files.merged, files.one, copy);
	snprintf(command, sizeof(command), "cp '%s' '%s' && sqlite3 '%s' 'PRAGMA user_version = 0'", files.two, copy,
		 copy);
	assert_int_equal(system(command), 0);
	refused(-EINVAL, "have different versions of the recording's schema", files.merged, files.one, copy);
	snprintf(command, sizeof(command), "cp '%s' '%s' && sqlite3 '%s' 'UPDATE endpoint_status SET endpoint = 9999'",
		 files.two, copy, copy);
	assert_int_equal(system(command), 0);
	refused(-EBADMSG, "is truncated or corrupt", files.merged, files.one, copy);
	snprintf(command, sizeof(command), "cp '%s' '%s' && sqlite3 '%s' \"UPDATE kind SET name = 'tea' WHERE id = 1\"",
		 files.two, copy, copy);
	assert_int_equal(system(command), 0);
	refused(-EINVAL, "has other kinds of time", files.merged, files.one, copy);
	assert_int_equal(access(files.merged, F_OK), -1);
	snprintf(command, sizeof(command), "test -z \"$(find %s -name '*.merging*')\"", files.directory);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_are_the_whole),
		cmocka_unit_test(stacks_keep_their_functions),
		cmocka_unit_test(a_recorder_that_was_killed_is_no_loss),
		cmocka_unit_test(what_can_not_be_merged_is_refused),
	};

	return cmocka_run_group_tests(tests, make_files, drop_files);
}
