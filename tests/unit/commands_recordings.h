/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Recordings with a known load, and commands that are run on them: for the tests of commands that read recordings. */
#ifndef WHYWAIT_TEST_COMMANDS_RECORDINGS_H
#define WHYWAIT_TEST_COMMANDS_RECORDINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/command.h"
#include "store/recorder.h"
#include "util/hash.h"

#define MS	 1000000ull
#define SECOND	 1000000000ll
#define INTERVAL (10 * SECOND)
#define START	 (1795215000 * SECOND) /* 2026-11-20T22:50:00Z, a multiple of the interval */
#define RATE	 40
#define WORKERS	 4

/* An endpoint with RATE requests in each second, whose times are spread by a tenth to both sides. */
struct load {
	const char *service, *method, *route;
	uint64_t db_ms, compute_ms;
	uint64_t leak;	  /* bytes that each request leaves behind */
	uint64_t version; /* of the program */
	const char *settings;
	bool thread_each;	 /* each request has a thread of its own */
	uint64_t waits_again_ns; /* in the queue, after each answer of the database */
};

static inline uint64_t spread(uint64_t ms, uint64_t *seed)
{
	return ms * MS * (900 + ww_hash_mix(++*seed) % 201) / 1000;
}

static inline void add_second(struct ww_recorder *recorder, const struct load *load, uint32_t endpoint, int64_t second,
			      struct ww_slice *slice)
{
	uint64_t seed = ww_hash_mix((uint64_t)second * 1000003 + load->db_ms * 7 + load->compute_ms + endpoint);

	for (int i = 0; i < RATE; i++) {
		uint64_t kinds[WW_KIND_COUNT] = {
			[WW_KIND_COMPUTE] = spread(load->compute_ms, &seed), [WW_KIND_DB] = spread(load->db_ms, &seed)};
		uint64_t wall = kinds[WW_KIND_COMPUTE] + kinds[WW_KIND_DB];
		struct ww_sample_operation operation = {.duration_ns = load->db_ms * MS, .kind = WW_KIND_DB};
		struct ww_sample sample = {
			.kinds_ns = kinds,
			.cpu_ns = kinds[WW_KIND_COMPUTE],
			.status = 200,
			.in_flight = 1,
			.operations = &operation,
			.operations_len = 1,
			.operations_known = true,
		};
		struct ww_request request = {
			.start_unix_ns = START + second * SECOND + i * SECOND / RATE,
			.service = load->service,
			.protocol = "http/1.1",
			.method = load->method,
			.route = load->route,
			.path = load->route,
			.comm = "shop",
			.pid = 100 + (uint32_t)i % WORKERS,
			.tid = load->thread_each ? 1000 + (uint32_t)(second * RATE + i) : 100 + (uint32_t)i % WORKERS,
			.traceparent = "",
			.status = 200,
			.wall_ns = wall,
		};

		struct ww_request_segment segments[] = {
			{.kind = WW_KIND_DB, .detail = "", .duration_ns = kinds[WW_KIND_DB]},
			{.kind = WW_KIND_QUEUE, .detail = "", .duration_ns = load->waits_again_ns},
			{.kind = WW_KIND_COMPUTE,
			 .detail = "",
			 .duration_ns = kinds[WW_KIND_COMPUTE] - load->waits_again_ns},
		};

		if (load->waits_again_ns) {
			kinds[WW_KIND_QUEUE] = load->waits_again_ns;
			kinds[WW_KIND_COMPUTE] -= load->waits_again_ns;
			segments[1].start_ns = kinds[WW_KIND_DB];
			segments[2].start_ns = kinds[WW_KIND_DB] + load->waits_again_ns;
			request.segments = segments;
			request.segments_len = 3;
		}
		memcpy(request.kinds_ns, kinds, sizeof(kinds));
		assert_int_equal(ww_slice__add(slice, endpoint, &sample), 0);
		if (recorder && ww_recorder__wants(recorder, endpoint, wall, false))
			ww_recorder__keep(recorder, endpoint, &request);
	}
}

/* The seconds from `first` on; `path` ends with XXXXXX. */
static inline void make_recording_of(char *path, const struct load *loads, uint32_t len, int first, int seconds)
{
	struct ww_recorder_options options = {.path = path, .replace = true, .keep = 20, .settings = loads->settings};
	struct ww_recorder *recorder = NULL;
	struct ww_catalog catalog;
	char message[256] = "";

	close(mkstemp(path));
	unlink(path);
	assert_int_equal(ww_catalog__init(&catalog), 0);
	for (uint32_t i = 0; i < len; i++) {
		ww_catalog__add_service(&catalog, &(struct ww_catalog_service){loads[i].service, "", "/"});
		ww_catalog__add_endpoint(&catalog,
					 &(struct ww_catalog_endpoint){i, "http", loads[i].method, loads[i].route});
	}
	if (ww_recorder__create(&recorder, &options, message, sizeof(message)))
		fail_msg("%s", message);
	for (int second = first; second < first + seconds; second++) {
		struct ww_service_usage usage[8] = {0};
		struct ww_service_program programs[8];
		struct ww_slice slice = {0};
		struct ww_commit commit = {
			.catalog = &catalog,
			.slice = &slice,
			.interval = START + second / 10 * INTERVAL,
			.start_unix_ns = START + first * SECOND,
			.end_unix_ns = START + (second + 1) * SECOND,
			.usage = usage,
			.usage_len = len,
			.programs = programs,
			.programs_len = len,
			.last = second == first + seconds - 1,
		};

		for (uint32_t i = 0; i < len; i++) {
			usage[i] = (struct ww_service_usage){
				.service = i,
				.processes = 2,
				.threads = 4,
				.rss_bytes = 50000000 + loads[i].leak * RATE * (uint64_t)second,
				.rss_peak_bytes = 60000000,
				.minor_faults = 10 * (uint64_t)(second % 10 + 1),
				.oom_kills = second / 10 == 1,
				.oom_known = true,
				.cpu_ns = (uint64_t)RATE * loads[i].compute_ms * MS * (uint64_t)(second % 10 + 1)};
			programs[i] = (struct ww_service_program){i, (char *)"/usr/bin/shop", 5000, START, 7};
			programs[i].bytes += loads[i].version;
			add_second(recorder, &loads[i], i, second, &slice);
		}
		assert_int_equal(ww_recorder__commit(recorder, &commit), 0);
		ww_slice__free(&slice);
	}
	assert_int_equal(ww_recorder__close(recorder), 0);
	ww_catalog__free(&catalog);
}

static inline void make_recording(char *path, const struct load *loads, uint32_t len, int seconds)
{
	make_recording_of(path, loads, len, 0, seconds);
}

static char text[1 << 20];

static inline int command_of(int argc, char **words)
{
	static const struct {
		const char *name;
		int (*run)(int, char **);
	} commands[] = {{"compare", ww_command_compare},   {"capacity", ww_command_capacity},
			{"merge", ww_command_merge},	   {"report", ww_command_report},
			{"requests", ww_command_requests}, {"stacks", ww_command_stacks}};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(words[0], commands[i].name))
			return commands[i].run(argc, words);
	return 98;
}

/* Runs a command in a child; `text` is what it wrote to both of its outputs. Returns its exit status. */
static inline int run(const char *output, char **words)
{
	int ends[2], argc = 0, status;
	size_t len = 0;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		while (words[argc])
			argc++;
		if (output && !freopen(output, "w", stdout))
			_exit(99);
		_exit(command_of(argc, words));
	}
	close(ends[1]);
	for (ssize_t got; (got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define RUN(...)	 run(NULL, (char *[]){__VA_ARGS__, NULL})
#define RUN_INTO(o, ...) run(o, (char *[]){__VA_ARGS__, NULL})

static inline size_t count(const char *what)
{
	size_t found = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		found++;
	return found;
}

#define FAILS(line, ...)                                                                                               \
	do {                                                                                                           \
		assert_int_equal(RUN(__VA_ARGS__), 2);                                                                 \
		if (!strstr(text, line))                                                                               \
			fail_msg("%s", text);                                                                          \
		assert_int_equal(count("\n"), 1);                                                                      \
		assert_int_equal(text[strlen(text) - 1], '\n');                                                        \
	} while (0)

#endif
