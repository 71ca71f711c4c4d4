/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "accounts.h"
#include "model/flight.h"

#define MOST 120

struct span {
	uint64_t start, end;
};

static int by_end(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	return (a->end > b->end) - (a->end < b->end);
}

/* The most spans of the first `len` that hold one moment of span `of`; it is reached where one of them starts. */
static uint64_t most_at_once(const struct span *spans, size_t len, size_t of)
{
	uint64_t most = 0;

	for (size_t i = 0; i < len; i++) {
		uint64_t moment = spans[i].start > spans[of].start ? spans[i].start : spans[of].start, count = 0;

		for (size_t j = 0; j < len; j++)
			count += spans[j].start <= moment && moment < spans[j].end;
		if (moment < spans[of].end && count > most)
			most = count;
	}
	return most;
}

static void it_is_what_counting_gives(void **state)
{
	struct draw draw = draw_start();
	static struct span spans[MOST];

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct ww_flight flight = {0};
		size_t len = draw_number(&draw, MOST) + 1;
		uint64_t range = draw_number(&draw, 2000) + 1, longest = draw_number(&draw, 300) + 1, most = 0, max = 0;

		for (size_t i = 0; i < len; i++) {
			spans[i].start = draw_number(&draw, range);
			spans[i].end = spans[i].start + draw_number(&draw, longest) + 1;
		}
		qsort(spans, len, sizeof(*spans), by_end);
		for (size_t i = 0; i < len; i++) {
			uint64_t measured = ww_flight__add(&flight, spans[i].start, spans[i].end);
			uint64_t counted = most_at_once(spans, i + 1, i);

			if (measured != counted)
				fail_msg("span %zu of %zu: %llu, not %llu", i, len, (unsigned long long)measured,
					 (unsigned long long)counted);
			most = measured > most ? measured : most;
			max = counted > max ? counted : max;
		}
		assert_true(most == max);
		ww_flight__free(&flight);
	}
}

static void late_ones_are_never_counted_twice(void **state)
{
	struct draw draw = draw_start();
	static struct span spans[MOST];

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct ww_flight flight = {0};

		for (size_t i = 0; i < MOST; i++) {
			spans[i].start = draw_number(&draw, 1000);
			spans[i].end = spans[i].start + draw_number(&draw, 100) + 1;
		}
		qsort(spans, MOST, sizeof(*spans), by_end);
		for (size_t i = 1; i < MOST; i++) {
			struct span swapped = spans[i];

			if (draw_number(&draw, 4) == 0) {
				spans[i] = spans[i - 1];
				spans[i - 1] = swapped;
			}
		}
		for (size_t i = 0; i < MOST; i++)
			assert_true(ww_flight__add(&flight, spans[i].start, spans[i].end) <=
				    most_at_once(spans, MOST, i));
		ww_flight__free(&flight);
	}
}

static void memory_is_bounded(void **state)
{
	struct ww_flight flight = {0};
	uint64_t end = 1ull << 40, most = 0;

	(void)state;
	/* Each starts before all that have ended: every one adds a moment with more at once. */
	for (uint64_t i = 0; i < 10 * WW_FLIGHT_POINTS; i++) {
		uint64_t measured = ww_flight__add(&flight, 1000 + i, end + i);

		most = measured > most ? measured : most;
		assert_true(flight.len <= WW_FLIGHT_POINTS);
	}
	assert_int_equal(most, 10 * WW_FLIGHT_POINTS);
	ww_flight__free(&flight);
	ww_flight__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_counting_gives),
		cmocka_unit_test(late_ones_are_never_counted_twice),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
