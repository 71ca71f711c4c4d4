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

#include "accounts.h"
#include "store/recorder.h"
#include "store/recording.h"

#define INTERVAL 10000000000ll

struct fixture {
	struct draw draw;
	const char *directory;
	char path[128], old[136], log[136];
	char message[512];
	struct ww_catalog catalog;
	struct ww_slice slice;
	int64_t interval;
};

static int make_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct ww_catalog_service service = {.name = "shop:80", .container = "", .cgroup = "/"};
	const struct ww_catalog_endpoint endpoint = {.protocol = "http", .method = "GET", .route = "/"};

	fixture->draw = draw_start();
	fixture->directory = make_directory();
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", fixture->directory);
	snprintf(fixture->old, sizeof(fixture->old), "%s.old", fixture->path);
	snprintf(fixture->log, sizeof(fixture->log), "%s-wal", fixture->path);
	ww_catalog__init(&fixture->catalog);
	ww_catalog__add_service(&fixture->catalog, &service);
	ww_catalog__add_endpoint(&fixture->catalog, &endpoint);
	*state = fixture;
	return 0;
}

static int drop_fixture(void **state)
{
	struct fixture *fixture = *state;

	ww_slice__free(&fixture->slice);
	ww_catalog__free(&fixture->catalog);
	drop_directory(fixture->directory);
	free(fixture);
	return 0;
}

static struct ww_recorder *create(struct fixture *fixture, bool replace)
{
	const struct ww_recorder_options options = {.path = fixture->path, .keep = 5, .replace = replace};
	struct ww_recorder *recorder = NULL;

	if (ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	return recorder;
}

/* Commits so many requests of one endpoint; those that are wanted are kept. */
static int commit(struct fixture *fixture, struct ww_recorder *recorder, unsigned requests, bool last)
{
	const struct ww_commit commit = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = fixture->interval,
		.start_unix_ns = 1,
		.end_unix_ns = fixture->interval + INTERVAL,
		.last = last,
	};
	int err;

	for (unsigned i = 0; i < requests; i++) {
		struct ww_request request = {.service = "shop:80",
					     .protocol = "http/1.1",
					     .method = "GET",
					     .route = "/",
					     .path = "/",
					     .comm = "shop",
					     .traceparent = ""};
		uint64_t kinds_ns[WW_KIND_COUNT] = {
			draw_duration(&fixture->draw), [WW_KIND_DB] = draw_duration(&fixture->draw)};
		const struct ww_sample sample = {.kinds_ns = kinds_ns, .status = 200, .in_flight = 1};

		memcpy(request.kinds_ns, kinds_ns, sizeof(kinds_ns));
		request.wall_ns = kinds_ns[0] + kinds_ns[WW_KIND_DB];
		assert_int_equal(ww_slice__add(&fixture->slice, 0, &sample), 0);
		if (ww_recorder__wants(recorder, 0, request.wall_ns, false))
			ww_recorder__keep(recorder, 0, &request);
	}
	err = ww_recorder__commit(recorder, &commit);
	ww_slice__clear(&fixture->slice);
	return err;
}

/* What a reader finds: requests counted, requests kept, and whether it is complete. */
static uint64_t read_back(struct fixture *fixture, uint64_t *kept, bool *complete)
{
	const struct ww_selection all = {0};
	struct ww_recording *recording;
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	struct ww_report *report;
	uint64_t requests;

	if (ww_recording__open(&recording, fixture->path, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	if (ww_recording__report(recording, &all, &report))
		fail_msg("%s", ww_recording__message(recording));
	requests = report->endpoints_len ? report->endpoints[0].requests : 0;
	if (complete)
		*complete = report->complete;
	ww_report_free(report);
	assert_int_equal(ww_recording__requests(recording, &all, 0, &cursor), 0);
	for (*kept = 0; ww_request_cursor__next(cursor, &request) > 0; ++*kept)
		;
	ww_request_cursor__close(cursor);
	ww_recording__close(recording);
	return requests;
}

static int open_fails(struct fixture *fixture, const char *path)
{
	struct ww_recording *recording = NULL;
	int err = ww_recording__open(&recording, path, fixture->message, sizeof(fixture->message));

	assert_null(recording);
	assert_true(err < 0);
	assert_non_null(strstr(fixture->message, path));
	assert_null(strchr(fixture->message, '\n'));
	return err;
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

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

	assert_int_equal(read_back(fixture, &kept, NULL), 0);
	for (unsigned i = 1; i <= 25; i++) {
		fixture->interval = i / 10 * INTERVAL;
		assert_int_equal(commit(fixture, recorder, 10, false), 0);
		assert_int_equal(read_back(fixture, &kept, NULL), 10 * i);
		assert_true(kept > 0);
	}
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(read_back(fixture, &kept, NULL), 250);
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
		assert_int_equal(read_back(fixture, &kept, NULL), 10 * commits);
	}
}

static void an_earlier_recording_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	pid_t child;
	uint64_t kept;

	commit(fixture, recorder, 7, true);
	ww_recorder__close(recorder);
	/* One that was killed: its log moves with it, and is not played into the new one. */
	child = fork();
	if (!child) {
		recorder = create(fixture, false);
		commit(fixture, recorder, 9, false);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	assert_int_equal(access(fixture->old, F_OK), 0);
	assert_int_equal(read_back(fixture, &kept, NULL), 9);
	recorder = create(fixture, false);
	commit(fixture, recorder, 11, true);
	ww_recorder__close(recorder);
	assert_int_equal(read_back(fixture, &kept, NULL), 11);
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db.old", fixture->directory);
	assert_int_equal(read_back(fixture, &kept, NULL), 9);
	/* Deleted when that is asked for. */
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", fixture->directory);
	recorder = create(fixture, true);
	ww_recorder__close(recorder);
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db.old", fixture->directory);
	assert_int_equal(read_back(fixture, &kept, NULL), 9);
}

static int create_fails(struct fixture *fixture, const char *path)
{
	const struct ww_recorder_options options = {.path = path};
	struct ww_recorder *recorder = NULL;
	int err = ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message));

	assert_null(recorder);
	assert_non_null(strstr(fixture->message, path));
	assert_null(strchr(fixture->message, '\n'));
	return err;
}

static void what_is_no_recording_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder, *second;
	char path[160], text[8];
	FILE *file;

	write_file(fixture->path, "my notes", 8);
	assert_int_equal(create_fails(fixture, fixture->path), -EEXIST);
	file = fopen(fixture->path, "r");
	assert_int_equal(fread(text, 1, sizeof(text), file), 8);
	assert_memory_equal(text, "my notes", 8);
	fclose(file);
	assert_int_equal(create_fails(fixture, "/dev/null"), -EEXIST);
	assert_int_equal(create_fails(fixture, fixture->directory), -EISDIR);
	snprintf(path, sizeof(path), "%s/no/such.db", fixture->directory);
	assert_int_equal(create_fails(fixture, path), -ENOENT);
	/* An empty file, as mktemp(1) makes them, is nobody's. */
	write_file(fixture->path, "", 0);
	recorder = create(fixture, false);
	/* And one that is being written is somebody's. */
	assert_int_equal(create_fails(fixture, fixture->path), -EBUSY);
	assert_int_equal(ww_recorder__close(recorder), 0);
	second = create(fixture, false);
	assert_int_equal(ww_recorder__close(second), 0);
	assert_int_equal(ww_recorder__close(NULL), 0);
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
		cmocka_unit_test_setup_teardown(a_killed_recorder_leaves_what_it_committed, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(an_earlier_recording_is_moved_aside, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_is_no_recording_is_left_alone, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_is_no_recording_is_not_read, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_disk_that_fills_costs_only_what_came_since, make_fixture,
						drop_fixture),
		cmocka_unit_test_setup_teardown(another_writer_delays_but_costs_nothing, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(the_schema_is_documented, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(the_view_for_people_sums_up, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
