/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An ingest with a recording, for the tests of what goes in and what comes out. */
#ifndef WHYWAIT_TEST_INGESTING_H
#define WHYWAIT_TEST_INGESTING_H

#include <errno.h>
#include <sys/socket.h>

#include "accounts.h"
#include "requests/ingest.h"
#include "store/recorder.h"
#include "store/recording.h"

#define SECOND 1000000000ull

/* What was put in, counted by the test itself. */
struct expected {
	uint64_t requests, errors, wall_ns, cpu_ns, bytes_out;
	uint64_t kinds_ns[WW_KIND_COUNT];
};

struct fixture {
	struct draw draw;
	const char *directory;
	char path[128];
	struct ww_recorder *recorder;
	struct ww_ingest *ingest;
	uint64_t now;
	uint64_t next_id;
	struct expected expected;
};

static inline int find_peer(void *ctx, uint32_t index, struct ww_peer *peer)
{
	static const struct ww_peer peers[] = {
		{.family = AF_INET, .system = WW_SYSTEM_POSTGRES, .port = 5432, .addr = {10, 0, 0, 1}},
		{.family = AF_INET, .system = WW_SYSTEM_HTTP, .port = 8080, .addr = {10, 0, 0, 2}},
		{.family = AF_INET6, .port = 53, .addr = {[15] = 1}},
		{.family = AF_INET6, .port = 80, .addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}},
		{.family = AF_UNIX, .system = WW_SYSTEM_REDIS, .path = "/run/redis.sock"},
		{.family = AF_UNIX},
	};

	(void)ctx;
	if (index >= sizeof(peers) / sizeof(*peers))
		return -ENOENT;
	*peer = peers[index];
	return 0;
}

static inline void start(struct fixture *fixture, struct ww_ingest_options options, unsigned keep, bool keep_all)
{
	const struct ww_recorder_options recorder_options = {.path = fixture->path, .keep = keep, .keep_all = keep_all};
	char message[512] = "";
	struct timespec now;

	if (ww_recorder__create(&fixture->recorder, &recorder_options, message, sizeof(message)))
		fail_msg("%s", message);
	options.recorder = fixture->recorder;
	options.peer = find_peer;
	assert_int_equal(ww_ingest__create(&fixture->ingest, &options), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	fixture->now = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + 100 * SECOND;
}

static inline void stop(struct fixture *fixture)
{
	assert_int_equal(ww_ingest__finish(fixture->ingest, fixture->now, NULL), 0);
	ww_ingest__destroy(fixture->ingest);
	assert_int_equal(ww_recorder__close(fixture->recorder), 0);
	fixture->ingest = NULL;
	fixture->recorder = NULL;
}

static inline int make_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->draw = draw_start();
	fixture->directory = make_directory();
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", fixture->directory);
	*state = fixture;
	return 0;
}

static inline int drop_fixture(void **state)
{
	struct fixture *fixture = *state;

	ww_ingest__destroy(fixture->ingest);
	ww_recorder__close(fixture->recorder);
	drop_directory(fixture->directory);
	free(fixture);
	return 0;
}

static inline struct ww_report *read_report(const char *path, const struct ww_selection *selection)
{
	struct ww_recording *recording;
	struct ww_report *report = NULL;
	char message[512] = "";

	if (ww_recording__open(&recording, path, message, sizeof(message)))
		fail_msg("%s", message);
	if (ww_recording__report(recording, selection, &report))
		fail_msg("%s", ww_recording__message(recording));
	ww_recording__close(recording);
	return report;
}

#endif
