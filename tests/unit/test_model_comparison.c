/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Noise is called noise, and what differs is found: over seeded draws of requests as servers have them. Each trial is a
 * comparison of two recordings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "draws.h"

#define FINDS 12 /* where something differs */

static unsigned sure(const struct pair *pair)
{
	unsigned count = 0;

	for (int metric = 0; metric < WW_METRIC_COUNT; metric++)
		count += pair->endpoint->changes[metric].certainty == WW_CERTAINTY_SURE;
	return count;
}

/* How many of TRIALS comparisons call anything sure. */
static unsigned alarms(const struct world *world)
{
	unsigned count = 0;

	for (int i = 0; i < TRIALS; i++) {
		struct pair pair = compare(world, world);

		count += sure(&pair) > 0;
		drop(&pair);
	}
	print_message("# %u of %d comparisons call a difference sure\n", count, TRIALS);
	return count;
}

static void what_is_the_same_is_noise(void **state)
{
	struct world world;

	(void)state;
	seed = 1;
	world = shop;
	assert_in_range(alarms(&world), 0, TRIALS / 20);
	/* Short, and few requests. */
	world.seconds = 8;
	world.per_second = 4;
	assert_in_range(alarms(&world), 0, TRIALS / 20);
	/* Heavy tails. */
	world = shop;
	world.spread = 1.2;
	world.tail = 0.3;
	assert_in_range(alarms(&world), 0, TRIALS / 20);
	/* Seconds that are not alike: as on a machine with neighbours. */
	world = shop;
	world.luck = 0.2;
	assert_in_range(alarms(&world), 0, TRIALS / 20);
}

/* Moods that last for some seconds: of a minute's recording how long blocks differ tells of them. */
static void what_lasts_for_seconds_is_noise(void **state)
{
	struct world world = shop;

	(void)state;
	seed = 7;
	world.seconds = 60;
	world.per_second = 8;
	world.luck = 0.15;
	world.lasting = 0.7;
	assert_in_range(alarms(&world), 0, TRIALS / 20);
}

/* That requests of a second are as lucky is what makes the difference: were it left out, noise would be called sure. */
static void luck_of_seconds_widens_the_intervals(void **state)
{
	struct world steady = shop, lucky = shop;
	struct pair one, other;

	(void)state;
	seed = 2;
	lucky.luck = 0.3;
	one = compare(&steady, &steady);
	other = compare(&lucky, &lucky);
	for (enum ww_metric metric = WW_METRIC_MEAN; metric <= WW_METRIC_P95; metric++) {
		const struct ww_change *narrow = &one.endpoint->changes[metric],
				       *wide = &other.endpoint->changes[metric];

		if (metric != WW_METRIC_P95)
			assert_true(wide->high - wide->low > 1.5 * (narrow->high - narrow->low));
		assert_true(narrow->low < narrow->after.value - narrow->before.value);
	}
	drop(&one);
	drop(&other);
}

/* What two draws that are the very same are called. */
static enum ww_certainty twins(const struct world *world, enum ww_metric metric)
{
	struct pair pair = {0};
	enum ww_certainty certainty;

	seed = 5;
	pair.before = draw(world);
	seed = 5;
	pair.after = draw(world);
	assert_int_equal(
		ww_comparison__make(pair.before, pair.after, &(struct ww_comparison_sides){0}, &pair.comparison), 0);
	certainty = pair.comparison.endpoints[0].changes[metric].certainty;
	drop(&pair);
	return certainty;
}

/* Figures that are alike by chance are no proof that nothing has changed. */
static void what_may_be_anything_is_not_called_the_same(void **state)
{
	struct world steady = shop, lucky = shop;

	(void)state;
	steady.tail = 0;
	steady.errors = 0;
	steady.per_second = 200;
	lucky.luck = 1;
	lucky.seconds = 8;
	lucky.per_second = 4;
	assert_int_equal(twins(&lucky, WW_METRIC_MEAN), WW_CERTAINTY_NOISE);
	assert_int_equal(twins(&lucky, WW_METRIC_P50), WW_CERTAINTY_NOISE);
	assert_int_equal(twins(&lucky, WW_METRIC_P95), WW_CERTAINTY_SHORT);
	assert_int_equal(twins(&lucky, WW_METRIC_KIND + WW_KIND_DB), WW_CERTAINTY_NOISE);
	assert_int_equal(twins(&lucky, WW_METRIC_ERRORS), WW_CERTAINTY_NOISE);
	assert_int_equal(twins(&steady, WW_METRIC_MEAN), WW_CERTAINTY_SAME);
	assert_int_equal(twins(&steady, WW_METRIC_P50), WW_CERTAINTY_SAME);
	assert_int_equal(twins(&steady, WW_METRIC_KIND + WW_KIND_DB), WW_CERTAINTY_SAME);
	assert_int_equal(twins(&steady, WW_METRIC_KIND + WW_KIND_LOCK), WW_CERTAINTY_SAME);
	assert_int_equal(twins(&steady, WW_METRIC_ERRORS), WW_CERTAINTY_SAME);
}

/* Where the tail is not known the mean may be: that is what is said. */
static void what_is_known_is_said_of_few_requests(void **state)
{
	struct world few = shop;
	struct ww_sentence said = {0};
	struct pair pair;

	(void)state;
	seed = 5;
	few.luck = 1;
	few.seconds = 8;
	few.per_second = 4;
	pair = compare(&few, &few);
	assert_int_equal(pair.endpoint->changes[WW_METRIC_P95].certainty, WW_CERTAINTY_SHORT);
	ww_comparison__sentence(pair.endpoint, &said);
	if (strncmp(said.text, "no difference beyond noise; mean ", 33) != 0)
		fail_msg("%s", said.text);
	drop(&pair);
}

/* Of FINDS comparisons with a change, those that are sure of it. */
static unsigned found(const struct world *before, const struct world *after, enum ww_metric metric, int sign)
{
	unsigned count = 0;

	for (int i = 0; i < FINDS; i++) {
		struct pair pair = compare(before, after);
		const struct ww_change *change = &pair.endpoint->changes[metric];

		count += change->certainty == WW_CERTAINTY_SURE &&
			 (change->after.value - change->before.value) * sign > 0;
		drop(&pair);
	}
	print_message("# %s: found in %u of %d comparisons\n", ww_metric_name(metric), count, FINDS);
	return count;
}

static void what_differs_by_a_twentieth_is_found(void **state)
{
	struct world before = shop, after;

	(void)state;
	seed = 3;
	before.seconds = 30;
	before.per_second = 200;
	after = before;
	after.db_ms *= 1.05;
	assert_in_range(found(&before, &after, WW_METRIC_P50, 1), FINDS - 1, FINDS);
	assert_in_range(found(&before, &after, WW_METRIC_KIND + WW_KIND_DB, 1), FINDS - 1, FINDS);
	before.compute_ms = 40;
	after = before;
	after.compute_ms *= 0.95;
	assert_in_range(found(&before, &after, WW_METRIC_KIND + WW_KIND_COMPUTE, -1), FINDS - 1, FINDS);
	assert_in_range(found(&before, &after, WW_METRIC_CPU, -1), FINDS - 1, FINDS);
	after = before;
	after.errors = 0.06;
	assert_in_range(found(&before, &after, WW_METRIC_ERRORS, 1), FINDS - 1, FINDS);
	after = before;
	after.operations = 4;
	assert_in_range(found(&before, &after, WW_METRIC_OPERATIONS, 1), FINDS - 1, FINDS);
	/* The tail alone: p95 by a twentieth, with heavy tails and more requests. */
	before.spread = 0.4;
	before.per_second = 600;
	before.compute_ms = 5;
	before.tail = 0.01;
	after = before;
	after.db_ms *= 1.05;
	assert_in_range(found(&before, &after, WW_METRIC_P95, 1), FINDS - 2, FINDS);
}

static enum ww_certainty certainty_of(const struct world *before, const struct world *after, enum ww_metric metric)
{
	struct pair pair = compare(before, after);
	enum ww_certainty certainty = pair.endpoint->changes[metric].certainty;

	drop(&pair);
	return certainty;
}

/* What is sampled of the service, and how many requests there are, have intervals, too. */
static void memory_and_rates_are_judged(void **state)
{
	struct world more = shop, grows = shop, busier = shop, greedy = shop, brief = shop;

	(void)state;
	seed = 6;
	more.memory_mb *= 1.05;
	grows.grows = 1;
	busier.per_second += 3;
	greedy.operations = 4;
	brief.seconds = 4;
	assert_int_equal(certainty_of(&shop, &shop, WW_METRIC_MEMORY), WW_CERTAINTY_SAME);
	assert_int_equal(certainty_of(&shop, &more, WW_METRIC_MEMORY), WW_CERTAINTY_SURE);
	/* It is larger in the median, but was the same at the beginning: how large it is can't be told. */
	assert_int_equal(certainty_of(&shop, &grows, WW_METRIC_MEMORY), WW_CERTAINTY_NOISE);
	assert_int_equal(certainty_of(&shop, &brief, WW_METRIC_MEMORY), WW_CERTAINTY_SHORT);
	assert_int_equal(certainty_of(&shop, &shop, WW_METRIC_REQUESTS), WW_CERTAINTY_SAME);
	assert_int_equal(certainty_of(&shop, &busier, WW_METRIC_REQUESTS), WW_CERTAINTY_SURE);
	assert_int_equal(certainty_of(&shop, &brief, WW_METRIC_REQUESTS), WW_CERTAINTY_SHORT);
	assert_int_not_equal(certainty_of(&shop, &shop, WW_METRIC_ALLOCATED), WW_CERTAINTY_SURE);
	assert_int_equal(certainty_of(&shop, &greedy, WW_METRIC_ALLOCATED), WW_CERTAINTY_SURE);
}

/* Waits for a CPU that others want are no evidence; what else differs is. */
static void neighbours_are_no_difference(void **state)
{
	struct world before = shop, after;

	(void)state;
	seed = 8;
	before.tail = 0;
	before.runq_ms = 10;
	before.compute_ms = 20;
	after = before;
	after.runq_ms = 15;
	assert_int_equal(certainty_of(&before, &after, WW_METRIC_KIND + WW_KIND_RUNQ), WW_CERTAINTY_SURE);
	assert_int_equal(certainty_of(&before, &after, WW_METRIC_MEAN), WW_CERTAINTY_SURE);
	before.crowded = after.crowded = true;
	for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++)
		assert_int_not_equal(certainty_of(&before, &after, metric), WW_CERTAINTY_SURE);
	after.compute_ms *= 1.05;
	assert_int_not_equal(certainty_of(&before, &after, WW_METRIC_CPU), WW_CERTAINTY_SURE);
	after.compute_ms *= 1.15;
	assert_int_equal(certainty_of(&before, &after, WW_METRIC_CPU), WW_CERTAINTY_SURE);
	after.db_ms *= 1.3;
	assert_int_equal(certainty_of(&before, &after, WW_METRIC_MEAN), WW_CERTAINTY_SURE);
	assert_int_equal(certainty_of(&before, &after, WW_METRIC_P95), WW_CERTAINTY_SURE);
	assert_int_equal(certainty_of(&before, &after, WW_METRIC_KIND + WW_KIND_DB), WW_CERTAINTY_SURE);
	assert_int_not_equal(certainty_of(&before, &after, WW_METRIC_KIND + WW_KIND_RUNQ), WW_CERTAINTY_SURE);
}

/* Two services at the same time share their luck: as many as TRIALS pairs, what is sure of a kind. */
static unsigned sure_beside(const struct world *world, const struct world *beside, enum ww_metric metric,
			    unsigned trials)
{
	const struct ww_comparison_sides sides = {.before = "shop:80", .after = "shop:81"};
	unsigned any = 0, of_metric = 0;

	for (unsigned i = 0; i < trials; i++) {
		struct ww_report *report = draw_two(world, beside);
		struct pair pair = {.before = report};

		assert_int_equal(ww_comparison__make(report, report, &sides, &pair.comparison), 0);
		assert_int_equal(pair.comparison.common, 1);
		pair.endpoint = &pair.comparison.endpoints[0];
		any += sure(&pair) > 0;
		of_metric += pair.endpoint->changes[metric].certainty == WW_CERTAINTY_SURE;
		drop(&pair);
	}
	print_message("# beside each other: any of %u, %s of %u of %u comparisons sure\n", any, ww_metric_name(metric),
		      of_metric, trials);
	return metric == WW_METRIC_COUNT - 1 ? any : of_metric;
}

static void services_at_the_same_time_share_their_luck(void **state)
{
	struct world world = shop, slower;

	(void)state;
	seed = 9;
	world.seconds = 40;
	world.tail = 0;
	world.luck = 0.4;
	world.lasting = 0.8;
	assert_in_range(sure_beside(&world, &world, WW_METRIC_COUNT - 1, TRIALS / 5), 0, TRIALS / 100);
	slower = world;
	slower.db_ms *= 1.3;
	assert_in_range(sure_beside(&world, &slower, WW_METRIC_KIND + WW_KIND_DB, FINDS), FINDS - 4, FINDS);
	assert_in_range(found(&world, &slower, WW_METRIC_KIND + WW_KIND_DB, 1), 0, FINDS / 4);
	/* Also where they share none. */
	world.luck = 0;
	assert_in_range(sure_beside(&world, &world, WW_METRIC_COUNT - 1, TRIALS / 5), 0, TRIALS / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_same_is_noise),
		cmocka_unit_test(what_lasts_for_seconds_is_noise),
		cmocka_unit_test(luck_of_seconds_widens_the_intervals),
		cmocka_unit_test(what_may_be_anything_is_not_called_the_same),
		cmocka_unit_test(what_is_known_is_said_of_few_requests),
		cmocka_unit_test(what_differs_by_a_twentieth_is_found),
		cmocka_unit_test(memory_and_rates_are_judged),
		cmocka_unit_test(neighbours_are_no_difference),
		cmocka_unit_test(services_at_the_same_time_share_their_luck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
