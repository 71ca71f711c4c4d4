/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "accounts.h"
#include "model/keep.h"

#define MOST 5
#define MANY 2000

/* What is kept as the caller sees it: every id that was taken and not dropped since. */
struct seen {
	bool kept[MANY];
	uint64_t walls[MANY];
	bool errors[MANY];
	bool sampled[MANY];
};

static void offer(struct ww_keep *keep, struct draw *draw, struct seen *seen, int64_t id, uint32_t most)
{
	const uint64_t random[WW_KEEP_REASONS] = {draw_number(draw, UINT64_MAX), draw_number(draw, UINT64_MAX),
						  draw_number(draw, UINT64_MAX)};
	struct ww_kept_change change;
	int taken = ww_keep__offer(keep, most, seen->walls[id], seen->errors[id], random, id + 1, &change);

	assert_true(taken >= 0);
	assert_true(taken || (!change.dropped_len && !change.unsampled && !change.sampled));
	seen->kept[id] = taken;
	seen->sampled[id] = change.sampled;
	for (unsigned i = 0; i < change.dropped_len; i++) {
		int64_t dropped = change.dropped[i] - 1;

		assert_true(dropped != id && seen->kept[dropped]);
		seen->kept[dropped] = seen->sampled[dropped] = false;
	}
	if (change.unsampled) {
		assert_true(seen->kept[change.unsampled - 1] && seen->sampled[change.unsampled - 1]);
		seen->sampled[change.unsampled - 1] = false;
	}
}

static void the_slowest_are_kept_and_not_too_many(void **state)
{
	struct draw draw = draw_start();
	static struct seen seen;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct ww_keep keep = {0};
		uint64_t errors = 0, kept = 0, sampled = 0;

		for (int64_t id = 0; id < MANY; id++) {
			seen.walls[id] = draw_number(&draw, 1u << 30) * MANY + (uint64_t)id; /* all different */
			seen.errors[id] = !draw_number(&draw, 100);
			errors += seen.errors[id];
			offer(&keep, &draw, &seen, id, MOST);
		}
		for (int64_t id = 0; id < MANY; id++) {
			uint64_t slower = 0;

			for (int64_t other = 0; other < MANY; other++)
				slower += seen.walls[other] > seen.walls[id];
			if (slower < MOST)
				assert_true(seen.kept[id]);
			kept += seen.kept[id];
			sampled += seen.sampled[id];
		}
		assert_true(sampled == MOST);
		assert_true(kept <= 3 * MOST && kept == keep.len);
		assert_true(keep.count[WW_KEEP_ERROR] == (errors < MOST ? errors : MOST));
		assert_true(keep.count[WW_KEEP_SAMPLE] == MOST);
		ww_keep__free(&keep);
	}
}

static void the_sample_is_fair(void **state)
{
	struct draw draw = draw_start();
	static struct seen seen;
	uint64_t early = 0, late = 0;

	(void)state;
	for (int64_t id = 0; id < MANY; id++)
		seen.walls[id] = (uint64_t)(id == 0); /* only the first is slow */
	for (int round = 0; round < 400; round++) {
		struct ww_keep keep = {0};

		for (int64_t id = 0; id < 200; id++)
			offer(&keep, &draw, &seen, id, 1);
		for (int64_t id = 1; id < 200; id++)
			*(id < 100 ? &early : &late) += seen.kept[id];
		ww_keep__free(&keep);
	}
	/* 398 are kept on average, half of them early: this misses by five standard deviations. */
	assert_true(early > 150 && late > 150 && early + late > 380);
}

static void fewer_may_be_kept_from_some_point_on(void **state)
{
	struct draw draw = draw_start();
	static struct seen seen;
	struct ww_keep keep = {0};

	(void)state;
	for (int64_t id = 0; id < MANY; id++) {
		seen.walls[id] = draw_number(&draw, 1u << 30);
		seen.errors[id] = draw_number(&draw, 2);
		offer(&keep, &draw, &seen, id, id < 100 ? WW_KEEP_MAX : 1);
	}
	assert_true(keep.len <= 3 * 100);
	ww_keep__clear(&keep);
	assert_true(!keep.len);
	offer(&keep, &draw, &seen, 0, 1);
	assert_true(seen.kept[0]);
	ww_keep__free(&keep);
	ww_keep__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_slowest_are_kept_and_not_too_many),
		cmocka_unit_test(the_sample_is_fair),
		cmocka_unit_test(fewer_may_be_kept_from_some_point_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
