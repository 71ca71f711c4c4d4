/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who held the threads that requests waited for: of many endpoints at once it is what looking at each pair tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "model/crowd.h"
#include "model/limits.h"
#include "util/hash.h"

#define ENDPOINTS 1000 /* more than are looked for at once */
#define REQUESTS  3000
#define MS	  1000000ull

static uint64_t state;

static uint64_t draw(uint64_t below)
{
	state += 0x9e3779b97f4a7c15;
	return ww_hash_mix(state) % below;
}

static double rate(const void *ctx, uint32_t endpoint)
{
	(void)ctx;
	return 1 + endpoint % 7;
}

static uint64_t requests(const void *ctx, uint32_t endpoint)
{
	(void)ctx;
	(void)endpoint;
	return 100;
}

/* A queue, some work, a wait and work again, on one of a few threads. */
static void add_request(struct ww_crowd *crowd)
{
	const uint64_t queue = draw(40) * MS, busy = (1 + draw(5)) * MS, wait = draw(20) * MS;
	const struct ww_request_segment segments[] = {
		{.kind = WW_KIND_QUEUE, .start_ns = 0, .duration_ns = queue, .detail = ""},
		{.kind = WW_KIND_COMPUTE, .start_ns = queue, .duration_ns = busy, .detail = ""},
		{.kind = WW_KIND_DB, .start_ns = queue + busy, .duration_ns = wait, .detail = ""},
		{.kind = WW_KIND_COMPUTE, .start_ns = queue + busy + wait, .duration_ns = busy, .detail = ""},
	};
	const struct ww_request request = {
		.start_unix_ns = (int64_t)(draw(6000) * MS),
		.pid = 1 + (uint32_t)draw(3),
		.tid = 1 + (uint32_t)draw(2),
		.wall_ns = queue + 2 * busy + wait,
		.segments = segments,
		.segments_len = 4,
		.sampled = draw(3) > 0,
	};

	assert_int_equal(ww_crowd__add(crowd, (uint32_t)draw(ENDPOINTS), &request), 0);
}

struct expected {
	double seen_ns, busy_ns, waiting_ns, blocked_ns, queued_ns, *held_ns;
};

/* Each pair, one by one. */
static struct expected expect(const struct ww_crowd *crowd, uint32_t endpoint)
{
	struct expected told = {.held_ns = calloc(crowd->spans_len, sizeof(double))};

	for (size_t i = 0; i < crowd->len; i++) {
		const struct ww_crowd_stretch *queued = &crowd->stretches[i];

		if (queued->endpoint != endpoint || queued->state != WW_CROWD_QUEUED)
			continue;
		told.queued_ns += (double)(queued->to_ns - queued->from_ns);
		for (size_t j = 0; j < crowd->len; j++) {
			const struct ww_crowd_stretch *by = &crowd->stretches[j];
			int64_t from = by->from_ns > queued->from_ns ? by->from_ns : queued->from_ns;
			int64_t to = by->to_ns < queued->to_ns ? by->to_ns : queued->to_ns;
			double ns = (double)(to - from) * (by->sampled ? crowd->spans[by->endpoint].weight : 1);

			if (by->pid != queued->pid || by->tid != queued->tid || by->state == WW_CROWD_QUEUED ||
			    to <= from || (by->state == WW_CROWD_WAITING && by->interleaved))
				continue;
			told.seen_ns += ns;
			told.held_ns[by->endpoint] += ns;
			*(by->state == WW_CROWD_BUSY ? &told.busy_ns : &told.waiting_ns) += ns;
			if ((double)(to - from) >= WW_LIMIT_BLOCKS_SHARE * (double)(queued->to_ns - queued->from_ns))
				told.blocked_ns += ns;
		}
	}
	return told;
}

static void assert_near(double is, double should)
{
	if (fabs(is - should) > 1e-9 * fmax(fabs(should), 1))
		fail_msg("%g instead of %g", is, should);
}

static void check(struct ww_blockages *blockages, uint32_t endpoint)
{
	struct expected expected = expect(blockages->crowd, endpoint);
	struct ww_blockage told;

	assert_int_equal(ww_blockages__find(blockages, endpoint, &told), 0);
	assert_near(told.queued_ns, expected.queued_ns);
	assert_near(told.seen_ns, expected.seen_ns);
	assert_near(told.busy_ns, expected.busy_ns);
	assert_near(told.waiting_ns, expected.waiting_ns);
	assert_near(told.blocked_ns, expected.blocked_ns);
	for (uint32_t i = 0; i < blockages->crowd->spans_len; i++)
		assert_near(told.held_ns[i], expected.held_ns[i]);
	free(expected.held_ns);
}

static void many_are_told_as_each_alone(void **unused)
{
	const struct ww_crowd_beside beside = {.rate = rate, .requests = requests};
	struct ww_crowd crowd = {0};
	struct ww_blockages blockages = {.crowd = &crowd};
	unsigned searches = 0;

	(void)unused;
	for (int i = 0; i < REQUESTS; i++)
		add_request(&crowd);
	assert_int_equal(ww_crowd__settle(&crowd, &beside), 0);
	for (uint32_t endpoint = 0; endpoint < ENDPOINTS; endpoint += 7) {
		const void *before = blockages.of;
		uint32_t first = blockages.first;

		check(&blockages, endpoint);
		searches += !before || first != blockages.first;
	}
	/* All stretches are gone through a few times, not once for each. */
	assert_in_range(searches, 2, 3);
	check(&blockages, 3);
	check(&blockages, ENDPOINTS - 1);
	ww_blockages__free(&blockages);
	ww_crowd__free(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_told_as_each_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
