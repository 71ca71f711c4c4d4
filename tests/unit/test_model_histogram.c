/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "accounts.h"
#include "model/histogram.h"

#define MOST 5000

static uint64_t sum_of(const uint64_t kinds_ns[WW_KIND_COUNT])
{
	uint64_t sum = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += kinds_ns[kind];
	return sum;
}

static void add(struct ww_histogram *histogram, struct draw *draw, uint64_t wall, uint64_t kinds_ns[WW_KIND_COUNT])
{
	uint64_t parts[WW_KIND_COUNT] = {0}, first = draw_number(draw, wall + 1);

	parts[draw_number(draw, WW_KIND_COUNT)] += first;
	parts[draw_number(draw, WW_KIND_COUNT)] += wall - first;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		kinds_ns[kind] += parts[kind];
	assert_int_equal(ww_histogram__add(histogram, ww_bucket(wall), 1, parts), 0);
}

static int compare(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void buckets_cover_every_duration(void **state)
{
	(void)state;
	for (uint32_t bucket = 0; bucket + 1 < WW_BUCKETS; bucket++)
		assert_true(ww_bucket_low(bucket) + ww_bucket_width(bucket) == ww_bucket_low(bucket + 1));
	for (int bit = 0; bit < 64; bit++) {
		for (int64_t near = -1; near <= 1; near++) {
			uint64_t value = (1ull << bit) + (uint64_t)near, low = ww_bucket_low(ww_bucket(value));

			assert_true(low <= value && value - low < ww_bucket_width(ww_bucket(value)));
		}
	}
	assert_true(ww_bucket(UINT64_MAX) == WW_BUCKETS - 1);
}

static void quantiles_are_within_one_percent(void **state)
{
	struct draw draw = draw_start();
	static const unsigned percents[] = {50, 95, 99, 100};
	static uint64_t walls[MOST];

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct ww_histogram histogram = {0};
		uint64_t kinds_ns[WW_KIND_COUNT] = {0}, wall_sum = 0, bucket_sum = 0;
		uint32_t len = (uint32_t)draw_number(&draw, MOST) + 1;
		unsigned magnitude = (unsigned)draw_number(&draw, 40);

		for (uint32_t i = 0; i < len; i++) {
			walls[i] = draw_number(&draw, 1ull << draw_number(&draw, magnitude + 1));
			wall_sum += walls[i];
			add(&histogram, &draw, walls[i], kinds_ns);
		}
		qsort(walls, len, sizeof(*walls), compare);
		for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
			uint64_t exact = walls[(len * (uint64_t)percents[i] + 99) / 100 - 1];
			uint64_t measured = ww_histogram__quantile(&histogram, percents[i]);
			uint64_t error = measured > exact ? measured - exact : exact - measured;

			if (error * 100 > exact)
				fail_msg("p%u of %u: %llu, not %llu", percents[i], len, (unsigned long long)measured,
					 (unsigned long long)exact);
		}
		assert_true(ww_histogram__count(&histogram) == len);
		for (uint32_t at = 0; at < histogram.len; at++) {
			uint32_t index;

			bucket_sum += sum_of(ww_histogram__at(&histogram, at, &index).kinds_ns);
		}
		assert_true(bucket_sum == wall_sum && sum_of(kinds_ns) == wall_sum);
		ww_histogram__free(&histogram);
	}
}

/* What one bucket has time of takes no room in the others before: it is there when it comes. */
static void kinds_come_later(void **state)
{
	struct ww_histogram histogram = {0};
	uint64_t sums[WW_KIND_COUNT][WW_KIND_COUNT] = {{0}};
	uint32_t index;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		/* From the last kind to the first, and each again in the buckets that are there. */
		for (int kind = WW_KIND_COUNT - 1; kind >= 0; kind--) {
			for (int bucket = kind; bucket < WW_KIND_COUNT; bucket++) {
				uint64_t kinds_ns[WW_KIND_COUNT] = {0};

				kinds_ns[kind] = 1 + (uint64_t)kind * 100 + (uint64_t)bucket;
				sums[bucket][kind] += kinds_ns[kind];
				assert_int_equal(ww_histogram__add(&histogram, (uint32_t)bucket * 3, 1, kinds_ns), 0);
			}
		}
		assert_int_equal(histogram.len, WW_KIND_COUNT);
		for (uint32_t at = 0; at < WW_KIND_COUNT; at++) {
			const struct ww_bucket bucket = ww_histogram__at(&histogram, at, &index);

			assert_int_equal(index, at * 3);
			assert_int_equal(bucket.count, (at + 1) * (turn + 1));
			assert_memory_equal(bucket.kinds_ns, sums[at], sizeof(sums[at]));
		}
	}
	ww_histogram__clear(&histogram);
	memset(sums, 0, sizeof(sums));
	sums[0][3] = 7;
	assert_int_equal(ww_histogram__add(&histogram, 5, 1, sums[0]), 0);
	const struct ww_bucket bucket = ww_histogram__at(&histogram, 0, &index);
	assert_memory_equal(bucket.kinds_ns, sums[0], sizeof(sums[0]));
	/* Two words a bucket: its count, and the one kind. */
	ww_histogram__free(&histogram);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(ww_histogram__add(&histogram, i, 1, sums[0]), 0);
	assert_true(histogram.room <= 2 * histogram.cap && histogram.cap < 200);
	ww_histogram__free(&histogram);
}

static void merging_is_adding(void **state)
{
	struct draw draw = draw_start();
	struct ww_histogram whole = {0}, parts[3] = {0}, merged = {0};
	uint64_t ignored[WW_KIND_COUNT] = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct draw same = draw;
		uint64_t wall = draw_duration(&draw);

		draw_duration(&same);
		add(&whole, &draw, wall, ignored);
		add(&parts[i % 3], &same, wall, ignored);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(ww_histogram__merge(&merged, &parts[i]), 0);
	assert_int_equal(merged.len, whole.len);
	for (uint32_t at = 0; at < whole.len; at++) {
		uint32_t index, merged_index;
		const struct ww_bucket bucket = ww_histogram__at(&whole, at, &index);
		const struct ww_bucket merged_bucket = ww_histogram__at(&merged, at, &merged_index);

		assert_int_equal(index, merged_index);
		assert_memory_equal(&bucket, &merged_bucket, sizeof(bucket));
	}
	for (int i = 0; i < 3; i++)
		ww_histogram__free(&parts[i]);
	ww_histogram__free(&whole);
	ww_histogram__free(&merged);
	ww_histogram__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_cover_every_duration),
		cmocka_unit_test(quantiles_are_within_one_percent),
		cmocka_unit_test(kinds_come_later),
		cmocka_unit_test(merging_is_adding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
