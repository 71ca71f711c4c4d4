/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Operations in a recording: sums and kept requests, also after a crash, and where a recording has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "model/report_build.h"
#include "recordings.h"
#include "store/codec.h"
#include "store/schema.h"

#define NAMES	    6
#define OPERATIONS  9
#define SECONDS	    25
#define PER_COMMIT  20
#define MANY	    10000
#define OLD_LAST    1795960660000000000ll /* the last interval of the old recording: it is in the journal only */
#define OLD_RECORDS "tests/unit/golden/before_operations.sql"

/* What a request did, drawn; the strings are the catalog's. */
static size_t draw_operations(struct fixture *fixture, struct ww_operation operations[OPERATIONS],
			      struct ww_sample_operation samples[OPERATIONS])
{
	static const struct ww_operation kinds[NAMES] = {
		{.kind = WW_KIND_DB, .system = "postgresql", .summary = "SELECT items", .statement = "SELECT ?"},
		{.kind = WW_KIND_DB, .system = "postgresql", .summary = "SELECT items", .statement = "SELECT \"?\""},
		{.kind = WW_KIND_DB, .system = "redis", .summary = "GET", .statement = ""},
		{.kind = WW_KIND_NET, .system = "http", .summary = "GET api:8080 /users/{id}", .statement = ""},
		{.kind = WW_KIND_NET, .system = "dns", .summary = "\xc3\xbc.example", .statement = ""},
		{.kind = WW_KIND_DB, .system = "postgresql", .summary = "connect", .statement = ""},
	};
	static const char *const errors[] = {"", "", "23505", "\"\\"};
	size_t len = draw_number(&fixture->draw, OPERATIONS + 1);

	for (size_t i = 0; i < len; i++) {
		struct ww_operation *operation = &operations[i];

		*operation = kinds[draw_number(&fixture->draw, NAMES)];
		operation->peer = "127.0.0.1:5432";
		operation->error = errors[draw_number(&fixture->draw, 4)];
		operation->flags = (uint16_t)draw_number(&fixture->draw, 1 << 12);
		operation->start_ns = i * 1000;
		operation->duration_ns = draw_duration(&fixture->draw);
		operation->bytes_out = draw_number(&fixture->draw, 1000);
		operation->bytes_in = draw_number(&fixture->draw, 100000);
		operation->arguments = draw_number(&fixture->draw, 4) * 0x9e3779b97f4a7c15;
		operation->prepared = draw_number(&fixture->draw, 3) * 0x9e3779b97f4a7c15;
		operation->name = ww_catalog__operation(&fixture->catalog, operation);
		samples[i] = (struct ww_sample_operation){
			.name = operation->name,
			.kind = operation->kind,
			.flags = operation->flags,
			.error = *operation->error,
			.duration_ns = operation->duration_ns,
			.bytes_out = operation->bytes_out,
			.bytes_in = operation->bytes_in,
		};
	}
	return len;
}

static uint64_t arguments_of(const struct ww_operation *operation)
{
	return operation->arguments;
}

static uint64_t prepared_of(const struct ww_operation *operation)
{
	return operation->prepared;
}

/* Numbered in the order in which they come first. */
static unsigned numbered(const struct ww_operation *operations, size_t index,
			 uint64_t (*of)(const struct ww_operation *operation))
{
	unsigned number = 1;

	if (!of(&operations[index]))
		return 0;
	for (size_t i = 0; i < index; i++) {
		bool known = !of(&operations[i]);

		if (of(&operations[i]) == of(&operations[index]))
			return numbered(operations, i, of);
		for (size_t before = 0; before < i; before++)
			known |= of(&operations[before]) == of(&operations[i]);
		number += !known;
	}
	return number;
}

/* A request that remembers in its path what it did. */
static void add_request(struct fixture *fixture, struct ww_recorder *recorder, struct ww_slice *all)
{
	struct ww_sample_operation samples[OPERATIONS];
	struct ww_operation operations[OPERATIONS];
	/* The first ones stay the slowest, while others take their places in the fair sample. */
	const uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_DB] = UINT32_MAX - all->requests};
	const struct ww_sample sample = {
		.kinds_ns = kinds_ns,
		.status = 200,
		.operations = samples,
		.operations_len = draw_operations(fixture, operations, samples),
		.operations_known = all->requests % 5 != 3,
	};
	struct ww_bytes told = {0};
	struct ww_request request = {.service = "shop:80",
				     .protocol = "http/1.1",
				     .method = "GET",
				     .route = "/",
				     .comm = "shop",
				     .traceparent = "",
				     .operations = operations,
				     .operations_len = sample.operations_len,
				     .operations_missing = !sample.operations_known,
				     .wall_ns = kinds_ns[WW_KIND_DB]};

	memcpy(request.kinds_ns, kinds_ns, sizeof(kinds_ns));
	assert_int_equal(ww_slice__add(&fixture->slice, 0, &sample), 0);
	assert_int_equal(ww_slice__add(all, 0, &sample), 0);
	for (size_t i = 0; i < request.operations_len; i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%x|%llu|%llu|%llu|%llu|%u|%u;", operations[i].system,
			 operations[i].peer, operations[i].summary, operations[i].statement, operations[i].error,
			 operations[i].flags, (unsigned long long)operations[i].start_ns,
			 (unsigned long long)operations[i].duration_ns, (unsigned long long)operations[i].bytes_out,
			 (unsigned long long)operations[i].bytes_in, numbered(operations, i, arguments_of),
			 numbered(operations, i, prepared_of));
		ww_bytes__put(&told, text, strlen(text));
	}
	ww_bytes__put(&told, request.operations_missing ? "?" : "!", 2);
	request.path = (char *)told.data;
	if (ww_recorder__wants(recorder, 0, request.wall_ns, false))
		ww_recorder__keep(recorder, 0, &request);
	ww_bytes__free(&told);
}

static int commit_only(struct fixture *fixture, struct ww_recorder *recorder, bool last)
{
	const struct ww_commit commit = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = fixture->interval,
		.start_unix_ns = 1,
		.end_unix_ns = fixture->interval + INTERVAL,
		.last = last,
	};
	int err = ww_recorder__commit(recorder, &commit);

	ww_slice__clear(&fixture->slice);
	return err;
}

static int commit_operations(struct fixture *fixture, struct ww_recorder *recorder, struct ww_slice *all, bool last)
{
	for (int i = 0; i < PER_COMMIT; i++)
		add_request(fixture, recorder, all);
	return commit_only(fixture, recorder, last);
}

static void check_kept(const struct ww_request *request)
{
	struct ww_bytes told = {0};

	for (size_t i = 0; i < request->operations_len; i++) {
		const struct ww_operation *operation = &request->operations[i];
		char text[256];

		snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%x|%llu|%llu|%llu|%llu|%llx|%llx;", operation->system,
			 operation->peer, operation->summary, operation->statement, operation->error, operation->flags,
			 (unsigned long long)operation->start_ns, (unsigned long long)operation->duration_ns,
			 (unsigned long long)operation->bytes_out, (unsigned long long)operation->bytes_in,
			 (unsigned long long)operation->arguments, (unsigned long long)operation->prepared);
		ww_bytes__put(&told, text, strlen(text));
	}
	ww_bytes__put(&told, request->operations_missing ? "?" : "!", 2);
	assert_string_equal(request->path, (char *)told.data);
	ww_bytes__free(&told);
}

static struct ww_recording *open_recording(struct fixture *fixture)
{
	struct ww_recording *recording = NULL;

	if (ww_recording__open(&recording, fixture->path, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	return recording;
}

/* Each request that was kept says what it did; returns how many are in the fair sample. */
static unsigned check_requests(struct fixture *fixture, unsigned *kept)
{
	const struct ww_selection all = {0};
	struct ww_recording *recording = open_recording(fixture);
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	unsigned sampled = 0;

	assert_int_equal(ww_recording__requests(recording, &all, 0, &cursor), 0);
	for (*kept = 0; ww_request_cursor__next(cursor, &request) > 0; ++*kept) {
		check_kept(request);
		sampled += request->sampled;
	}
	ww_request_cursor__close(cursor);
	ww_recording__close(recording);
	return sampled;
}

/* The recording's report has the very operations of one that was made without a recording. */
static void check_report(struct fixture *fixture, const struct ww_slice *all)
{
	const struct ww_selection everything = {0};
	struct ww_recording *recording = open_recording(fixture);
	struct ww_report *read, *made;

	assert_int_equal(
		ww_report__build(&(struct ww_report_frame){.host = "", .kernel = ""}, &fixture->catalog, all, &made),
		0);
	if (ww_recording__report(recording, &everything, &read))
		fail_msg("%s", ww_recording__message(recording));
	assert_int_equal(read->endpoints[0].operations_requests, made->endpoints[0].operations_requests);
	assert_true(read->endpoints[0].operations_requests < read->endpoints[0].requests);
	assert_int_equal(read->endpoints[0].operations_len, made->endpoints[0].operations_len);
	for (size_t i = 0; i < made->endpoints[0].operations_len; i++) {
		const struct ww_operation_row *a = &read->endpoints[0].operations[i],
					      *b = &made->endpoints[0].operations[i];

		assert_string_equal(a->system, b->system);
		assert_string_equal(a->peer, b->peer);
		assert_string_equal(a->summary, b->summary);
		assert_string_equal(a->statement, b->statement);
		assert_true(a->kind == b->kind && a->flags == b->flags && a->requests == b->requests);
		assert_true(a->count == b->count && a->errors == b->errors && a->sum_ns == b->sum_ns);
		assert_true(a->p95_ns == b->p95_ns && a->max_ns == b->max_ns);
		assert_true(a->bytes_out == b->bytes_out && a->bytes_in == b->bytes_in);
	}
	ww_report_free(read);
	ww_report_free(made);
	ww_recording__close(recording);
}

static void they_are_read_as_they_were_at_any_moment(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	struct ww_slice all = {0};
	unsigned kept;

	/* While it is written, part of it is in the journal only: so it is after a crash. */
	for (int second = 0; second < SECONDS; second++) {
		fixture->interval = second / 10 * INTERVAL;
		assert_int_equal(commit_operations(fixture, recorder, &all, second == SECONDS - 1), 0);
		check_report(fixture, &all);
	}
	assert_int_equal(check_requests(fixture, &kept), 3 * 5);
	assert_int_equal(ww_recorder__close(recorder), 0);
	check_report(fixture, &all);
	assert_int_equal(check_requests(fixture, &kept), 3 * 5);
	assert_true(kept > 3 * 5);
	ww_slice__free(&all);
}

static void where_all_are_kept_all_are_sampled(void **state)
{
	struct fixture *fixture = *state;
	const struct ww_recorder_options options = {.path = fixture->path, .keep_all = true};
	struct ww_recorder *recorder;
	struct ww_slice all = {0};
	unsigned kept;

	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), 0);
	assert_int_equal(commit_operations(fixture, recorder, &all, true), 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(check_requests(fixture, &kept), PER_COMMIT);
	assert_int_equal(kept, PER_COMMIT);
	ww_slice__free(&all);
}

/* So many at once are written before their commit, to spare memory; readers see them when it comes. */
static void very_many_are_written_ahead(void **state)
{
	struct fixture *fixture = *state;
	const struct ww_recorder_options options = {.path = fixture->path, .keep_all = true};
	struct ww_recorder *recorder;
	struct ww_slice all = {0};
	struct stat log;
	unsigned kept;

	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), 0);
	assert_int_equal(commit_operations(fixture, recorder, &all, false), 0);
	for (int i = 0; i < MANY; i++)
		add_request(fixture, recorder, &all);
	assert_int_equal(stat(fixture->log, &log), 0);
	assert_true(log.st_size > 1 << 20);
	check_requests(fixture, &kept);
	assert_int_equal(kept, PER_COMMIT);
	fixture->interval = INTERVAL;
	assert_int_equal(commit_only(fixture, recorder, false), 0);
	check_requests(fixture, &kept);
	assert_int_equal(kept, PER_COMMIT + MANY);
	/* Without a commit they are not. */
	for (int i = 0; i < MANY; i++)
		add_request(fixture, recorder, &all);
	assert_int_equal(ww_recorder__close(recorder), 0);
	check_requests(fixture, &kept);
	assert_int_equal(kept, PER_COMMIT + MANY);
	ww_slice__free(&all);
}

/* What a query that has one value says. */
static double number_of(const struct fixture *fixture, const char *query)
{
	sqlite3_stmt *statement;
	sqlite3 *db;
	double number;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_double(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static void plain_sql_shows_them(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	struct ww_slice all = {0};
	double per_request;
	uint64_t count = 0;

	assert_int_equal(commit_operations(fixture, recorder, &all, true), 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	per_request = number_of(fixture, "SELECT sum(per_request) FROM operation_breakdown");
	for (uint32_t i = 0; i < all.by_endpoint[0]->operations.len; i++)
		count += all.by_endpoint[0]->operations.sums[i].count;
	per_request *= (double)all.by_endpoint[0]->operations_requests;
	assert_true(per_request > (double)count - 0.001 && per_request < (double)count + 0.001);
	ww_slice__free(&all);
}

/* Makes the recording of an earlier version. */
static void make_old(const char *path)
{
	char *text = calloc(1, 1 << 20), settings[128];
	FILE *file = fopen(OLD_RECORDS, "r");
	sqlite3 *db;

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL))
		fail_msg("%s", sqlite3_errmsg(db));
	snprintf(settings, sizeof(settings), "PRAGMA application_id = %d; PRAGMA user_version = 1;",
		 WW_SCHEMA_APPLICATION);
	assert_int_equal(sqlite3_exec(db, settings, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(text);
}

static void a_recording_of_before_there_were_any_is_read(void **state)
{
	const struct ww_selection all = {0}, last = {.since_unix_ns = OLD_LAST};
	struct fixture *fixture = *state;
	struct ww_recording *recording;
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	struct ww_report *report;
	unsigned kept = 0;

	make_old(fixture->path);
	recording = open_recording(fixture);
	if (ww_recording__report(recording, &all, &report))
		fail_msg("%s", ww_recording__message(recording));
	assert_int_equal(report->endpoints_len, 2);
	for (size_t i = 0; i < report->endpoints_len; i++) {
		assert_int_equal(report->endpoints[i].requests, 8 + 18 + 1);
		assert_int_equal(report->endpoints[i].operations_len, 0);
		assert_int_equal(report->endpoints[i].operations_requests, 0);
	}
	ww_report_free(report);
	assert_int_equal(ww_recording__report(recording, &last, &report), 0);
	assert_int_equal(report->endpoints_len, 2);
	assert_int_equal(report->endpoints[0].requests, 1);
	ww_report_free(report);
	assert_int_equal(ww_recording__requests(recording, &all, 0, &cursor), 0);
	for (; ww_request_cursor__next(cursor, &request) > 0; kept++) {
		assert_int_equal(request->operations_len, 0);
		assert_true(request->operations_missing && !request->sampled);
	}
	assert_int_equal(kept, 8);
	ww_request_cursor__close(cursor);
	ww_recording__close(recording);
}

static bool everything(const void *ctx, uint32_t endpoint)
{
	(void)ctx;
	(void)endpoint;
	return true;
}

/* Whatever the bytes: no crash, no endless loop, and no more than what is there. Run under the sanitizers, too. */
static void damaged_bytes_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct ww_sample_operation samples[OPERATIONS];
	struct ww_operation operations[OPERATIONS];
	struct ww_slice slice = {0};
	struct ww_bytes bytes = {0};
	unsigned refused = 0;

	for (uint32_t i = 0; i < 200; i++) {
		const uint64_t kinds_ns[WW_KIND_COUNT] = {1};
		const struct ww_sample sample = {
			.kinds_ns = kinds_ns,
			.operations = samples,
			.operations_len = draw_operations(fixture, operations, samples),
			.operations_known = true,
		};

		assert_int_equal(ww_slice__add(&slice, i % 3, &sample), 0);
	}
	ww_codec__put_operations(&bytes, &slice);
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, bytes.data, len);
		refused += ww_codec__read_operations(copy, len, 3, &fixture->catalog, everything, NULL, &slice) ==
			   -EBADMSG;
		free(copy);
	}
	assert_true(refused >= bytes.len - 3);
	for (int round = 0; round < 3000; round++) {
		uint8_t *copy = malloc(bytes.len);

		memcpy(copy, bytes.data, bytes.len);
		for (uint64_t changes = draw_number(&fixture->draw, 8) + 1; changes; changes--)
			copy[draw_number(&fixture->draw, bytes.len)] = (uint8_t)draw_number(&fixture->draw, 256);
		ww_codec__read_operations(copy, bytes.len, 3, &fixture->catalog, everything, NULL, &slice);
		free(copy);
	}
	assert_int_equal(
		ww_codec__read_operations(bytes.data, bytes.len, 2, &fixture->catalog, everything, NULL, &slice),
		-EBADMSG);
	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t row = 0; row < slice.by_endpoint[i]->operations.len; row++)
			assert_true(slice.by_endpoint[i]->operations.sums[row].name <
				    ww_intern__len(fixture->catalog.operations));
	}
	ww_slice__free(&slice);
	ww_bytes__free(&bytes);
}

/* Very many operations in an interval are written in parts, and none is lost. */
static void an_interval_with_very_many_is_written_in_parts(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	const uint64_t kinds_ns[WW_KIND_COUNT] = {1};
	struct ww_recording *recording;
	const struct ww_selection all = {0};
	struct ww_report *report;
	uint64_t counted = 0;

	for (int i = 1; i < 1000; i++)
		ww_catalog__add_endpoint(&fixture->catalog, &(struct ww_catalog_endpoint){
								    .protocol = "http", .method = "GET", .route = "/"});
	for (int second = 0; second < 3; second++) {
		const struct ww_commit commit = {
			.catalog = &fixture->catalog,
			.slice = &fixture->slice,
			.start_unix_ns = 1,
			.end_unix_ns = INTERVAL,
			.last = second == 2,
		};

		for (uint32_t endpoint = 0; endpoint < 1000; endpoint++) {
			struct ww_sample_operation samples[100];
			const struct ww_sample sample = {
				.kinds_ns = kinds_ns,
				.operations = samples,
				.operations_len = 100,
				.operations_known = true,
			};

			for (uint32_t i = 0; i < 100; i++) {
				char summary[32];
				const struct ww_operation operation = {.kind = WW_KIND_DB,
								       .system = "",
								       .peer = "",
								       .summary = summary,
								       .statement = ""};

				snprintf(summary, sizeof(summary), "GET %u", i);
				samples[i] = (struct ww_sample_operation){
					.name = ww_catalog__operation(&fixture->catalog, &operation),
					.kind = WW_KIND_DB,
					.duration_ns = draw_duration(&fixture->draw),
				};
			}
			assert_int_equal(ww_slice__add(&fixture->slice, endpoint, &sample), 0);
		}
		assert_int_equal(ww_recorder__commit(recorder, &commit), 0);
		ww_slice__clear(&fixture->slice);
	}
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_true(number_of(fixture, "SELECT count(*) FROM endpoint_operation") > 1000 * 100);
	recording = open_recording(fixture);
	assert_int_equal(ww_recording__report(recording, &all, &report), 0);
	for (size_t i = 0; i < report->endpoints_len; i++) {
		for (size_t row = 0; row < report->endpoints[i].operations_len; row++)
			counted += report->endpoints[i].operations[row].count;
	}
	assert_int_equal(counted, 3 * 1000 * 100);
	ww_report_free(report);
	ww_recording__close(recording);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_fixture, drop_fixture)
	const struct CMUnitTest tests[] = {
		TEST(they_are_read_as_they_were_at_any_moment),
		TEST(where_all_are_kept_all_are_sampled),
		TEST(very_many_are_written_ahead),
		TEST(plain_sql_shows_them),
		TEST(a_recording_of_before_there_were_any_is_read),
		TEST(damaged_bytes_are_refused),
		TEST(an_interval_with_very_many_is_written_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
