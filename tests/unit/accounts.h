/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounts as the kernel side would send them, drawn at random from a seed, for the tests of what takes them in. */
#ifndef WHYWAIT_TEST_ACCOUNTS_H
#define WHYWAIT_TEST_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/hash.h"
#include "whywait/abi.h"

struct draw {
	uint64_t state;
};

static inline uint64_t draw_number(struct draw *draw, uint64_t below)
{
	draw->state += 0x9e3779b97f4a7c15;
	return ww_hash_mix(draw->state) % below;
}

/* A seed from WHYWAIT_TEST_SEED, or of the moment; printed so that a failure can be repeated. */
static inline struct draw draw_start(void)
{
	const char *given = getenv("WHYWAIT_TEST_SEED");
	struct draw draw = {.state = given ? strtoull(given, NULL, 10)
					   : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32};

	printf("# WHYWAIT_TEST_SEED=%llu\n", (unsigned long long)draw.state);
	return draw;
}

/* Spread over magnitudes, as durations are: 0 to about 70 s. */
static inline uint64_t draw_duration(struct draw *draw)
{
	return draw_number(draw, 1ull << draw_number(draw, 37));
}

/* An account of a request for `path` that ended at end_ns; kinds, details and outcome are drawn. */
static inline struct ww_account draw_account(struct draw *draw, uint64_t id, const char *path, uint64_t end_ns)
{
	static const char *const methods[] = {"GET", "GET", "GET", "POST", "DELETE"};
	static const uint16_t statuses[] = {200, 200, 200, 204, 404, 500, 503, 0};
	struct ww_account account = {
		.version = WW_ABI_VERSION,
		.id = id,
		.end_ns = end_ns,
		.attribution = (uint8_t)draw_number(draw, WW_ATTRIBUTION_COUNT),
		.status = statuses[draw_number(draw, 8)],
		.bytes_in = draw_number(draw, 1000),
		.bytes_out = draw_number(draw, 100000),
		.cpu_ns = draw_duration(draw),
		.tgid = 0x7ffffff0, /* no such process */
		.tid = 0x7ffffff0,
		.port = 8000,
		.minor = 1,
		.comm = "worker",
	};
	uint64_t wall = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (draw_number(draw, 3))
			continue;
		account.kinds_ns[kind] = draw_duration(draw) / 4;
		wall += account.kinds_ns[kind];
		if (account.details_len < WW_DETAILS && account.kinds_ns[kind])
			account.details[account.details_len++] = (struct ww_detail){
				.ns = draw_number(draw, account.kinds_ns[kind]) + 1,
				.count = (uint32_t)draw_number(draw, 5) + 1,
				.kind = (uint8_t)kind,
				.type = WW_DETAIL_SYSCALL,
				.value = (uint32_t)draw_number(draw, 5), /* few: an aggregate has room for 64 names */
			};
	}
	account.start_ns = end_ns - wall;
	account.first_byte_ns = account.start_ns + wall / 2;
	if (!account.status)
		account.flags |= WW_FLAG_ABORTED;
	strcpy(account.method, methods[draw_number(draw, 5)]);
	account.target_len = (uint16_t)strlen(path); /* at most WW_TARGET_MAX */
	memcpy(account.target, path, account.target_len);
	account.size = (uint16_t)(offsetof(struct ww_account, target) + account.target_len);
	return account;
}

/* A directory that is removed by drop_directory(), with the files in it. */
static inline const char *make_directory(void)
{
	static char path[] = "/tmp/whywait-unit-XXXXXX";

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	return mkdtemp(path);
}

static inline void drop_directory(const char *path)
{
	char command[1024];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command))
		perror(path);
}

#endif
