/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording that goes on, interval by interval. Behind cmocka.h. */
#ifndef WHYWAIT_TEST_GOES_ON_H
#define WHYWAIT_TEST_GOES_ON_H

#include <sqlite3.h>
#include <sys/stat.h>

#include "recordings.h"

#define MINUTE (6 * INTERVAL)
#define HOUR   (60 * MINUTE)
#define START  (500000 * HOUR)

#define ENDPOINTS 3

static const struct ww_retention short_lived = {.age_ns = 4 * HOUR, .fine_ns = 10 * MINUTE, .minutes_ns = HOUR};

static const struct ww_retention lasting = {.fine_ns = 10 * MINUTE, .minutes_ns = HOUR};

static inline void add_endpoints(struct fixture *fixture)
{
	static const char *const routes[] = {"/", "/b", "/c"};

	while (fixture->catalog.endpoints_len < ENDPOINTS) {
		const struct ww_catalog_endpoint endpoint = {
			.protocol = "http", .method = "GET", .route = routes[fixture->catalog.endpoints_len]};

		ww_catalog__add_endpoint(&fixture->catalog, &endpoint);
	}
}

static inline struct ww_recorder *go_on(struct fixture *fixture, const char *path, const struct ww_retention *retention)
{
	const struct ww_recorder_options options = {.path = path,
						    .keep = 5,
						    .goes_on = retention,
						    .retention = retention ? *retention : (struct ww_retention){0}};
	struct ww_recorder *recorder = NULL;

	if (ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	return recorder;
}

static inline void keep(struct ww_recorder *recorder, uint32_t endpoint, int64_t at, const struct ww_sample *sample)
{
	struct ww_request request = {.start_unix_ns = at,
				     .service = "shop:80",
				     .protocol = "http/1.1",
				     .method = "GET",
				     .route = "/",
				     .path = "/",
				     .comm = "shop",
				     .traceparent = "",
				     .status = sample->status};

	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		request.kinds_ns[kind] = sample->kinds_ns[kind];
		request.wall_ns += sample->kinds_ns[kind];
	}
	if (ww_recorder__wants(recorder, endpoint, request.wall_ns, sample->status >= 500))
		ww_recorder__keep(recorder, endpoint, &request);
}

/* The interval that begins then, in all recorders. */
static inline void put_interval(struct fixture *fixture, struct ww_recorder **recorders, size_t len, int64_t at,
				unsigned requests, bool last)
{
	const struct ww_loss losses[] = {{.cause = "account_ring_full", .count = 0, .loses = true}};
	/* Less memory after two hours. */
	const struct ww_service_usage usage = {.processes = 2,
					       .threads = 3,
					       .rss_bytes = at < START + 2 * HOUR ? 2 << 20 : 1 << 20,
					       .rss_peak_bytes = 2 << 20,
					       .cpu_ns = 1000000};
	const struct ww_commit commit = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = at,
		.start_unix_ns = START,
		.end_unix_ns = at + INTERVAL,
		.usage = &usage,
		.usage_len = 1,
		.losses = losses,
		.losses_len = 1,
		.last = last,
	};

	for (unsigned i = 0; i < requests; i++) {
		const struct ww_detail_sum detail = {.kind = WW_KIND_DB, .name = 0, .ns = 5, .count = 1};
		uint64_t kinds_ns[WW_KIND_COUNT] = {
			draw_duration(&fixture->draw), [WW_KIND_DB] = 5 + draw_duration(&fixture->draw)};
		const struct ww_sample sample = {.kinds_ns = kinds_ns,
						 .status = i % 50 ? 200 : 503,
						 .details = &detail,
						 .details_len = 1,
						 .in_flight = i % 7};

		assert_int_equal(ww_slice__add(&fixture->slice, i % ENDPOINTS, &sample), 0);
		for (size_t r = 0; r < len; r++)
			keep(recorders[r], i % ENDPOINTS, at + i, &sample);
	}
	for (size_t r = 0; r < len; r++)
		assert_int_equal(ww_recorder__commit(recorders[r], &commit), 0);
	ww_slice__clear(&fixture->slice);
}

static inline struct ww_report *report_of(struct fixture *fixture, const char *path, int64_t since, int64_t until)
{
	const struct ww_selection selection = {.since_unix_ns = since, .until_unix_ns = until, .sampling = true};
	struct ww_recording *recording;
	struct ww_report *report;

	if (ww_recording__open(&recording, path, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	if (ww_recording__report(recording, &selection, &report))
		fail_msg("%s", ww_recording__message(recording));
	ww_recording__close(recording);
	return report;
}

static inline int64_t number_of(struct fixture *fixture, const char *query)
{
	sqlite3_stmt *statement;
	int64_t number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

/* In memory where there is room for it: hours of checkpoints would wait for the disk. */
static inline int make_in_memory(void **state)
{
	static char path[64];
	struct fixture *fixture;

	make_fixture(state);
	fixture = *state;
	strcpy(path, "/dev/shm/whywait-unit-XXXXXX");
	if (!mkdtemp(path))
		return 0;
	drop_directory(fixture->directory);
	fixture->directory = path;
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", path);
	snprintf(fixture->old, sizeof(fixture->old), "%s.old", fixture->path);
	snprintf(fixture->log, sizeof(fixture->log), "%s-wal", fixture->path);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_in_memory, drop_fixture)

#endif
