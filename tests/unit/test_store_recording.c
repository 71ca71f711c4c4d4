/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "recordings.h"

static void a_closed_recording_is_one_plain_file(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	unsigned char header[20];
	uint64_t kept;
	bool complete;
	FILE *file;

	for (int i = 0; i < 25; i++) {
		fixture->interval = i / 10 * INTERVAL;
		assert_int_equal(commit(fixture, recorder, 40, i == 24), 0);
	}
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(access(fixture->log, F_OK), -1);
	file = fopen(fixture->path, "r");
	assert_int_equal(fread(header, 1, sizeof(header), file), sizeof(header));
	fclose(file);
	assert_int_equal(header[18], 1); /* no log needed to read it; 2 would be WAL */
	assert_int_equal(read_back(fixture, &kept, &complete), 1000);
	assert_true(complete && kept >= 3 * 5 && kept <= 3 * 10);
	assert_true(fixture->ended);
	/* Its directory need not be writable, nor the file. */
	assert_int_equal(chmod(fixture->path, 0444), 0);
	assert_int_equal(chmod(fixture->directory, 0555), 0);
	assert_int_equal(read_back(fixture, &kept, NULL), 1000);
	assert_int_equal(chmod(fixture->directory, 0755), 0);
}

/* The service that the recording's requests are of. */
static void check_service(struct fixture *fixture, const char *name, uint64_t requests)
{
	const struct ww_selection all = {0};
	struct ww_recording *recording;
	struct ww_report *report;

	if (ww_recording__open(&recording, fixture->path, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	assert_int_equal(ww_recording__report(recording, &all, &report), 0);
	assert_int_equal(report->endpoints_len, 1);
	assert_string_equal(report->endpoints[0].service, name);
	assert_int_equal(report->endpoints[0].requests, requests);
	ww_report_free(report);
	ww_recording__close(recording);
}

static void a_service_that_is_renamed_has_its_new_name(void **state)
{
	const struct ww_catalog_service named = {.name = "mill:80", .container = "", .cgroup = "/mill"};
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);

	assert_int_equal(commit(fixture, recorder, 40, false), 0);
	check_service(fixture, "shop:80", 40);
	assert_int_equal(ww_catalog__rename_service(&fixture->catalog, 0, &named), 0);
	assert_int_equal(commit(fixture, recorder, 2, false), 0);
	check_service(fixture, "mill:80", 42);
	assert_int_equal(commit(fixture, recorder, 0, true), 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	check_service(fixture, "mill:80", 42);
}

static void it_can_be_read_while_it_is_written(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	uint64_t kept;

	assert_int_equal(open_fails(fixture, fixture->path), -ENODATA);
	for (unsigned i = 1; i <= 25; i++) {
		fixture->interval = i / 10 * INTERVAL;
		assert_int_equal(commit(fixture, recorder, 10, false), 0);
		assert_int_equal(read_back(fixture, &kept, NULL), 10 * i);
		assert_true(kept > 0);
		assert_false(fixture->ended);
	}
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(read_back(fixture, &kept, NULL), 250);
	/* Nobody has said that it is all. */
	assert_false(fixture->ended);
}

/* Without its log, as someone copies it while it is recorded. */
static uint64_t read_copy(struct fixture *fixture)
{
	char original[sizeof(fixture->path)];
	unsigned char data[4096];
	uint64_t kept, requests;
	FILE *from = fopen(fixture->path, "r"), *to;
	size_t len;

	memcpy(original, fixture->path, sizeof(original));
	snprintf(fixture->path, sizeof(fixture->path), "%s/copy.db", fixture->directory);
	to = fopen(fixture->path, "w");
	assert_non_null(from);
	assert_non_null(to);
	while ((len = fread(data, 1, sizeof(data), from)))
		assert_int_equal(fwrite(data, 1, len, to), len);
	fclose(from);
	fclose(to);
	requests = read_back(fixture, &kept, NULL);
	memcpy(fixture->path, original, sizeof(original));
	return requests;
}

static void a_copy_without_its_log_is_an_interval_old_at_most(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);

	assert_int_equal(commit(fixture, recorder, 0, false), 0);
	assert_int_equal(read_copy(fixture), 0);
	for (unsigned i = 1; i <= 25; i++) {
		fixture->interval = i / 10 * INTERVAL;
		assert_int_equal(commit(fixture, recorder, 10, false), 0);
		assert_int_equal(read_copy(fixture), i / 10 * 100);
		assert_false(fixture->ended);
	}
	assert_int_equal(commit(fixture, recorder, 10, true), 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(read_copy(fixture), 260);
	assert_true(fixture->ended);
}

static void a_killed_recorder_leaves_what_it_committed(void **state)
{
	struct fixture *fixture = *state;
	uint64_t kept;

	for (unsigned commits = 0; commits < 25; commits += 4) {
		pid_t child = fork();
		int status;

		if (!child) {
			struct ww_recorder *recorder = create(fixture, true);

			for (unsigned i = 0; i < commits; i++) {
				fixture->interval = i / 10 * INTERVAL;
				if (commit(fixture, recorder, 10, false))
					_exit(1);
			}
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		if (!commits) {
			assert_int_equal(open_fails(fixture, fixture->path), -ENODATA);
			continue;
		}
		assert_int_equal(read_back(fixture, &kept, NULL), 10 * commits);
		assert_false(fixture->ended);
	}
}

static void what_is_no_recording_is_not_read(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	struct stat status;
	unsigned char *data;
	char path[160], text[200];
	sqlite3 *db;
	FILE *file;

	for (int i = 0; i < 30; i++) {
		fixture->interval = i * INTERVAL;
		commit(fixture, recorder, 100, i == 29);
	}
	ww_recorder__close(recorder);
	snprintf(path, sizeof(path), "%s/spoilt.db", fixture->directory);
	assert_int_equal(open_fails(fixture, path), -ENOENT);
	write_file(path, "", 0);
	assert_int_equal(open_fails(fixture, path), -EINVAL);
	write_file(path, memset(text, 'x', sizeof(text)), sizeof(text));
	assert_int_equal(open_fails(fixture, path), -EINVAL);
	assert_int_equal(open_fails(fixture, fixture->directory), -EINVAL);
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(open_fails(fixture, path), -EINVAL);

	assert_int_equal(stat(fixture->path, &status), 0);
	data = malloc((size_t)status.st_size);
	file = fopen(fixture->path, "r");
	assert_int_equal(fread(data, 1, (size_t)status.st_size, file), status.st_size);
	fclose(file);
	for (off_t size = 10; size < status.st_size; size += size < 200 ? 30 : 4000) {
		write_file(path, data, (size_t)size);
		assert_int_equal(open_fails(fixture, path), -EBADMSG);
	}
	/* Any page may be damaged: that is said, or read as it is, but nothing is believed that does not add up. */
	for (off_t page = 0; page < status.st_size; page += 4096) {
		struct ww_recording *recording;
		struct ww_request_cursor *cursor;
		const struct ww_request *request;
		struct ww_report *report = NULL;
		unsigned char saved[64];

		memcpy(saved, data + page + 100, sizeof(saved));
		for (size_t i = 0; i < sizeof(saved); i++)
			data[page + 100 + (off_t)i] = (unsigned char)draw_number(&fixture->draw, 256);
		write_file(path, data, (size_t)status.st_size);
		memcpy(data + page + 100, saved, sizeof(saved));
		if (ww_recording__open(&recording, path, fixture->message, sizeof(fixture->message)))
			continue;
		if (ww_recording__report(recording, &(struct ww_selection){0}, &report))
			assert_non_null(strstr(ww_recording__message(recording), path));
		ww_report_free(report);
		if (!ww_recording__requests(recording, &(struct ww_selection){0}, 0, &cursor)) {
			while (ww_request_cursor__next(cursor, &request) > 0)
				assert_true(request->kinds_ns[0] + request->kinds_ns[WW_KIND_DB] <= request->wall_ns);
			ww_request_cursor__close(cursor);
		}
		ww_recording__close(recording);
	}
	data[63] = 99; /* user_version */
	write_file(path, data, (size_t)status.st_size);
	assert_int_equal(open_fails(fixture, path), -EPROTONOSUPPORT);
	assert_non_null(strstr(fixture->message, "newer"));
	free(data);
}

/* Ids have room in memory also where nothing has them: few rows that lie far apart are not to take all of it. */
static void ids_that_lie_far_apart_are_damage(void **state)
{
	static const char *const tables[] = {
		"detail_name SELECT n * 200000, 'a' || n",
		"operation_name SELECT n * 200000, 5, 'redis', '', 'GET', 'a' || n",
		"service SELECT n * 200000, 'a' || n, '', ''",
		"endpoint SELECT n * 200000, 0, 'http', 'GET', '/' || n",
		"stack_frame SELECT n * 200000, 'a' || n",
		"stack SELECT n * 200000, 1, '[]'",
	};
	struct fixture *fixture = *state;
	const struct ww_stack_filter filter = {.kinds = UINT32_MAX};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct ww_recorder *recorder = create(fixture, true);
		struct ww_recording *recording;
		struct ww_report *report = NULL;
		struct ww_profile *profile = NULL;
		char query[256];
		sqlite3 *db;
		int err;

		commit(fixture, recorder, 10, true);
		ww_recorder__close(recorder);
		snprintf(query, sizeof(query),
			 "WITH RECURSIVE far (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM far LIMIT 40) INSERT INTO "
			 "%s FROM far",
			 tables[i]);
		assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
		if (sqlite3_exec(db, query, NULL, NULL, NULL) != SQLITE_OK)
			fail_msg("%s: %s", query, sqlite3_errmsg(db));
		sqlite3_close(db);
		assert_int_equal(
			ww_recording__open(&recording, fixture->path, fixture->message, sizeof(fixture->message)), 0);
		err = ww_recording__report(recording, &(struct ww_selection){0}, &report);
		if (!err)
			err = ww_recording__profile(recording, &(struct ww_selection){0}, &filter, &profile);
		if (err != -EBADMSG)
			fail_msg("%s: %d", tables[i], err);
		ww_report_free(report);
		ww_profile_free(profile);
		ww_recording__close(recording);
	}
}

/* Lets files of this process grow no further; SIGXFSZ is ignored, so writing fails. */
static void limit_files(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_fills_costs_only_what_came_since(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	uint64_t kept;
	bool complete;

	for (int i = 0; i < 3; i++)
		assert_int_equal(commit(fixture, recorder, 10, false), 0);
	limit_files(4096);
	for (int i = 0; i < 3; i++) {
		assert_true(commit(fixture, recorder, 10, false) < 0);
		assert_non_null(strstr(ww_recorder__message(recorder), fixture->path));
	}
	assert_int_equal(read_back(fixture, &kept, NULL), 30);
	/* There is room again in the same interval: nothing was lost but requests kept whole. */
	limit_files(RLIM_INFINITY);
	assert_int_equal(commit(fixture, recorder, 10, false), 0);
	assert_string_equal(ww_recorder__message(recorder), "");
	assert_int_equal(ww_recorder__lost(recorder), 0);
	assert_int_equal(read_back(fixture, &kept, &complete), 70);
	assert_true(complete);
	/* And in a later one: what could not be written in its own interval is lost, and counted. */
	limit_files(4096);
	assert_true(commit(fixture, recorder, 10, false) < 0);
	fixture->interval += INTERVAL;
	assert_true(commit(fixture, recorder, 10, false) < 0);
	assert_int_equal(ww_recorder__lost(recorder), 10);
	limit_files(RLIM_INFINITY);
	assert_int_equal(commit(fixture, recorder, 10, true), 0);
	assert_int_equal(read_back(fixture, &kept, &complete), 90);
	assert_false(complete);
	assert_true(ww_recorder__close(recorder) < 0);
	assert_int_equal(read_back(fixture, &kept, &complete), 90);
}

static void another_writer_delays_but_costs_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	uint64_t kept;
	bool complete;
	sqlite3 *db;

	assert_int_equal(commit(fixture, recorder, 10, false), 0);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(commit(fixture, recorder, 10, false), -EBUSY);
	assert_int_equal(read_back(fixture, &kept, NULL), 10);
	sqlite3_close(db);
	assert_int_equal(commit(fixture, recorder, 10, true), 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(read_back(fixture, &kept, &complete), 30);
	assert_true(complete);
}

/* What they allocated is not in the journal: it goes with what is written next, also when that is another interval's.
 */
static void allocations_are_delayed_too(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	sqlite3_stmt *statement;
	sqlite3 *db;

	assert_int_equal(commit(fixture, recorder, 10, false), 0);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(commit(fixture, recorder, 10, false), -EBUSY);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	fixture->interval += INTERVAL;
	assert_int_equal(commit(fixture, recorder, 10, true), 0);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT sum(requests), sum(allocations), sum(second_unix_ns - interval >= 0 AND "
				   "second_unix_ns - interval < 10000000000) = count(*) FROM endpoint_allocation",
				   -1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(statement, 0), 30);
	assert_int_equal(sqlite3_column_int64(statement, 1), 30 * 3 * WW_ALLOCATIONS_ONE);
	assert_int_equal(sqlite3_column_int64(statement, 2), 1);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	assert_int_equal(ww_recorder__close(recorder), 0);
}

static unsigned asked;

static bool go(void *ctx)
{
	(void)ctx;
	asked++;
	return false;
}

static bool give_up(void *ctx)
{
	(void)ctx;
	asked++;
	return true;
}

/* Looking for what nothing refers to takes long in a large file: somebody is asked meanwhile, and may end it. */
static void opening_can_be_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder_options options = {.path = fixture->path, .goes_on = true, .each_while = give_up};
	struct ww_recorder *recorder = NULL;
	sqlite3_stmt *statement;
	sqlite3 *db;

	assert_int_equal(ww_recorder__close(create(fixture, false)), 0);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
				      " INSERT INTO endpoint_allocation SELECT i, i, 0, 1, 1, 1 FROM n;"
				      " INSERT INTO service VALUES (1000, 'gone:1', '', '')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	asked = 0;
	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), -EINTR);
	assert_int_equal(asked, 1);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM service WHERE id = 1000", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(statement, 0), 1);
	sqlite3_reset(statement);
	/* Who looks through it only leaves it as it was: another has ended it. */
	assert_int_equal(sqlite3_exec(db,
				      "UPDATE meta SET value = 1 WHERE key = 'ended';"
				      "UPDATE meta SET value = 'of before' WHERE key = 'stand_ins'",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	options.each_while = go;
	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), 0);
	assert_true(asked > 2);
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(statement, 0), 0);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT count(*) FROM meta WHERE key = 'ended' AND value = 1"
					    " OR key = 'stand_ins' AND value = 'of before'",
					    -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(statement, 0), 2);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

/* docs/schema.md names every table and, but for those of the kinds, every column. */
static void the_schema_is_documented(void **state)
{
	struct fixture *fixture = *state;
	FILE *file = fopen("docs/schema.md", "r");
	static char text[65536];
	sqlite3_stmt *statement;
	unsigned columns = 0;
	sqlite3 *db;

	if (!file)
		skip(); /* not run from the project's root */
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	ww_recorder__close(create(fixture, false));
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c"
					    " WHERE m.type IN ('table', 'view') AND c.name NOT LIKE '%_mean_ms'"
					    " AND c.name NOT IN (SELECT name || '_ns' FROM kind)",
					    -1, &statement, NULL),
			 SQLITE_OK);
	for (; sqlite3_step(statement) == SQLITE_ROW; columns++) {
		char table[64], column[64];

		snprintf(table, sizeof(table), "**%s**", sqlite3_column_text(statement, 0));
		snprintf(column, sizeof(column), "`%s`", sqlite3_column_text(statement, 1));
		if (!strstr(text, table))
			fail_msg("docs/schema.md has no %s", table);
		if (strcmp(table, "**breakdown**") != 0 && !strstr(strstr(text, table), column))
			fail_msg("docs/schema.md has no %s in %s", column, table);
	}
	assert_true(columns > 60);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

static void the_view_for_people_sums_up(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	sqlite3_stmt *statement;
	sqlite3 *db;

	commit(fixture, recorder, 100, true);
	ww_recorder__close(recorder);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT service, route, requests, abs(wall_mean_ms - compute_mean_ms - db_mean_ms)"
				   " FROM breakdown",
				   -1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(statement, 0), "shop:80");
	assert_int_equal(sqlite3_column_int(statement, 2), 100);
	assert_true(sqlite3_column_double(statement, 3) < 1e-5);
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_closed_recording_is_one_plain_file, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_service_that_is_renamed_has_its_new_name, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(it_can_be_read_while_it_is_written, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_copy_without_its_log_is_an_interval_old_at_most, make_fixture,
						drop_fixture),
		cmocka_unit_test_setup_teardown(a_killed_recorder_leaves_what_it_committed, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_is_no_recording_is_not_read, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(ids_that_lie_far_apart_are_damage, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_disk_that_fills_costs_only_what_came_since, make_fixture,
						drop_fixture),
		cmocka_unit_test_setup_teardown(another_writer_delays_but_costs_nothing, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(allocations_are_delayed_too, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(opening_can_be_given_up, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(the_schema_is_documented, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(the_view_for_people_sums_up, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
