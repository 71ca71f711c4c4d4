/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording to be written and read back, in a directory of its own. */
#ifndef WHYWAIT_TEST_RECORDINGS_H
#define WHYWAIT_TEST_RECORDINGS_H

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
	bool ended; /* what was read back last */
};

static inline int make_fixture(void **state)
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

static inline int drop_fixture(void **state)
{
	struct fixture *fixture = *state;

	ww_slice__free(&fixture->slice);
	ww_catalog__free(&fixture->catalog);
	drop_directory(fixture->directory);
	free(fixture);
	return 0;
}

static inline struct ww_recorder *create(struct fixture *fixture, bool replace)
{
	const struct ww_recorder_options options = {.path = fixture->path, .keep = 5, .replace = replace};
	struct ww_recorder *recorder = NULL;

	if (ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	return recorder;
}

/* Commits so many requests of one endpoint; those that are wanted are kept. */
static inline int commit(struct fixture *fixture, struct ww_recorder *recorder, unsigned requests, bool last)
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
		const struct ww_sample sample = {.kinds_ns = kinds_ns,
						 .status = 200,
						 .in_flight = 1,
						 .allocations = 3,
						 .allocations_weight = WW_ALLOCATIONS_ONE};

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

static inline int open_fails(struct fixture *fixture, const char *path)
{
	struct ww_recording *recording = NULL;
	int err = ww_recording__open(&recording, path, fixture->message, sizeof(fixture->message));

	assert_null(recording);
	assert_true(err < 0);
	assert_non_null(strstr(fixture->message, path));
	assert_null(strchr(fixture->message, '\n'));
	return err;
}

/* What a reader finds: requests counted, requests kept, whether it is complete; and whether it has ended. */
static inline uint64_t read_back(struct fixture *fixture, uint64_t *kept, bool *complete)
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
	fixture->ended = !report->unended;
	ww_report_free(report);
	assert_int_equal(ww_recording__requests(recording, &all, 0, &cursor), 0);
	for (*kept = 0; ww_request_cursor__next(cursor, &request) > 0; ++*kept)
		;
	ww_request_cursor__close(cursor);
	ww_recording__close(recording);
	return requests;
}

static inline void write_file(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

#endif
