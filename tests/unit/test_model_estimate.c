/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How far figures may be off, and differences of two: of seeded draws, and of blocks made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "draws.h"
#include "model/requirement.h"
#include "model/service_samples.h"

/* The intervals hold the truth as often as they say: that of the median is known here. */
static void intervals_hold_the_truth(void **state)
{
	struct world world = shop;
	unsigned median = 0, p95 = 0;

	(void)state;
	seed = 4;
	world.tail = 0;
	world.compute_ms = 1e-6;
	for (int i = 0; i < TRIALS; i++) {
		struct ww_report *report = draw(&world);
		const struct ww_sampling *sampling = report->endpoints[0].sampling;
		struct ww_estimate estimate = ww_estimate__quantile(sampling, 50, report->endpoints[0].wall.p50);
		double low, high;

		ww_estimate__interval(&estimate, 0.05, &low, &high);
		median += low <= 40 * MS && high >= 40 * MS;
		estimate = ww_estimate__quantile(sampling, 95, report->endpoints[0].wall.p95);
		ww_estimate__interval(&estimate, 0.05, &low, &high);
		p95 += low <= 40 * MS * exp(1.644854 * 0.3) && high >= 40 * MS * exp(1.644854 * 0.3);
		ww_report_free(report);
	}
	assert_in_range(median, TRIALS * 93 / 100, TRIALS);
	assert_in_range(p95, TRIALS * 93 / 100, TRIALS);
}

/* Seconds of the first minute, then intervals of ten: that memory grew in the first minute says little of ten. */
static void samples_weigh_by_their_length(void **state)
{
	struct ww_service_sample samples[60 + 54];
	struct ww_service_report service = {.rss_steady_bytes = 100000000, .samples = samples, .samples_len = 60 + 54};
	struct ww_estimate memory;

	(void)state;
	seed = 11;
	for (unsigned i = 0; i < 60; i++)
		samples[i] = (struct ww_service_sample){
			.samples = 1, .rss_bytes = 50000000 + i * 800000, .pss_bytes = 30000000 + i};
	for (unsigned i = 60; i < 60 + 54; i++)
		samples[i] = (struct ww_service_sample){
			.samples = 10, .rss_bytes = (uint64_t)(100e6 + 1e5 * normal()), .pss_bytes = 60000000};
	assert_int_equal(ww_service_samples__sum(&service), 0);
	assert_int_equal(service.pss_steady_bytes, 60000000);
	memory = ww_service_samples__memory(&service);
	assert_int_equal(memory.how, WW_ESTIMATE_MEAN);
	assert_true(memory.value == 100e6 && memory.error > 1e5);
	/* The halves of the ten minutes are 5 % apart; those of as many samples would be 25 %. */
	if (memory.error > 4e6)
		fail_msg("%g", memory.error);
	/* Nothing is known of a damaged file's. */
	for (unsigned i = 0; i < 60 + 54; i++)
		samples[i].samples = 0;
	assert_int_equal(ww_service_samples__memory(&service).how, WW_ESTIMATE_UNKNOWN);
	assert_int_equal(ww_service_samples__sum(&service), 0);
}

/* Requests that come in bursts are as many as they are by chance. */
static void gaps_without_requests_make_a_rate_unsure(void **state)
{
	struct ww_block blocks[6] = {0};
	struct ww_sampling sampling = {
		.blocks = blocks, .blocks_len = 6, .end_ns = 60000000000ll, .unit_ns = 10000000000ll};
	struct ww_estimate even, bursts;

	(void)state;
	/* Each block is a second: of a minute, or six that follow each other. */
	for (int i = 0; i < 6; i++)
		blocks[i] = (struct ww_block){.at = (10ll * i + 5) * 1000000000, .requests = 100};
	even = ww_estimate__rate(&sampling, 10);
	for (int i = 0; i < 6; i++)
		blocks[i].at = i * 1000000000ll;
	bursts = ww_estimate__rate(&sampling, 10);
	assert_true(bursts.error > 2 * even.error && even.error > 0);
	/* Intervals, of which all have the same. */
	for (int i = 0; i < 6; i++)
		blocks[i].at = (10ll * i + 10) * 1000000000 - 1;
	assert_true(ww_estimate__rate(&sampling, 10).error < 0.001);
	/* What a damaged file says has no rate that is known. */
	blocks[0].at = INT64_MIN;
	blocks[5].at = INT64_MAX;
	assert_true(ww_estimate__rate(&sampling, 10).value == 10);
	sampling.start_ns = INT64_MIN;
	sampling.end_ns = INT64_MAX;
	assert_int_equal(ww_estimate__rate(&sampling, 10).how, WW_ESTIMATE_UNKNOWN);
}

/* What was not observed is no stretch without requests: a daemon that did not run for a while is as sure of its rate.
 */
static void gaps_in_observing_leave_a_rate_as_sure(void **state)
{
	const struct ww_gap gaps[] = {{120000000000ll, 297000000000ll}, {420000000000ll, 541000000000ll}};
	struct ww_block blocks[60];
	struct ww_sampling sampling = {.blocks = blocks, .end_ns = 600000000000ll, .unit_ns = 10000000000ll};
	struct ww_change change = {0};
	struct ww_endpoint_report report = {.protocol = "http", .requests = 1};
	struct ww_endpoint_comparison endpoint = {.before = &report, .after = &report};
	struct ww_requirement requirement;
	struct ww_sentence why = {0};
	struct ww_estimate all;
	char message[256];

	(void)state;
	seed = 10;
	for (int64_t i = 0; i < 60; i++) {
		int64_t from = i * 10000000000ll, observed = 10000000000ll;

		for (size_t gap = 0; gap < 2; gap++) {
			int64_t begin = gaps[gap].start_ns > from ? gaps[gap].start_ns : from;
			int64_t end = gaps[gap].end_ns < from + 10000000000ll ? gaps[gap].end_ns : from + 10000000000ll;

			observed -= end > begin ? end - begin : 0;
		}
		if (observed)
			blocks[sampling.blocks_len++] = (struct ww_block){
				.at = from + 10000000000ll - 1,
				.requests = (uint64_t)((100 + 3 * normal()) * (double)observed / 1e9)};
	}
	all = ww_estimate__rate(&sampling, 100);
	sampling.gaps = gaps;
	sampling.gaps_len = 2;
	change.before = change.after = ww_estimate__rate(&sampling, 100);
	assert_int_equal(change.after.how, WW_ESTIMATE_MEAN);
	assert_true(change.after.error > 0.1 && change.after.error < 1.5);
	assert_true(all.error > 5 * change.after.error);
	/* So that a pass line is decided. */
	endpoint.changes[WW_METRIC_REQUESTS] = change;
	assert_int_equal(ww_requirement__parse("requests -5%", &requirement, message, sizeof(message)), 0);
	assert_int_equal(ww_requirement__judge(&requirement, &endpoint, &why), WW_REQUIREMENT_MET);
	endpoint.changes[WW_METRIC_REQUESTS].before = endpoint.changes[WW_METRIC_REQUESTS].after = all;
	assert_int_equal(ww_requirement__judge(&requirement, &endpoint, &why), WW_REQUIREMENT_UNDECIDED);
	/* Where all of it is one gap nothing is known; nor does one beyond the window do harm. */
	sampling.gaps = &(struct ww_gap){0, INT64_MAX / 2};
	sampling.gaps_len = 1;
	assert_int_equal(ww_estimate__rate(&sampling, 100).how, WW_ESTIMATE_UNKNOWN);
}

/* What is sure has no interval that holds 0; how likely chance is says the same as the interval. */
static unsigned check_intervals(const struct pair *pair)
{
	unsigned apart = 0;

	for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++) {
		const struct ww_change *change = &pair->endpoint->changes[metric];
		double chance = ww_difference__chance(&change->before, &change->after, change->correlation);
		bool leaves_out = change->low > 0 || change->high < 0;

		if (change->certainty < WW_CERTAINTY_SAME)
			continue;
		if (leaves_out != (chance < 0.05) || (change->certainty == WW_CERTAINTY_SURE && !leaves_out) ||
		    !(change->low <= change->after.value - change->before.value) ||
		    !(change->high >= change->after.value - change->before.value))
			fail_msg("%s: %g to %g of %g -> %g, chance %g, %s", ww_metric_name(metric), change->low,
				 change->high, change->before.value, change->after.value, chance,
				 ww_certainty_name(change->certainty));
		apart += leaves_out;
	}
	return apart;
}

static void what_is_sure_has_no_interval_with_nothing_in_it(void **state)
{
	const struct ww_comparison_sides sides = {.before = "shop:80", .after = "shop:81"};
	unsigned apart = 0, pairs = 0;

	(void)state;
	seed = 12;
	for (unsigned i = 0; i < TRIALS; i++) {
		struct world world = shop, other;
		struct pair pair = {0};

		world.seconds = 8 + i % 32;
		world.tail = i % 3 ? 0 : 0.05;
		world.luck = 0.1 * (i % 6);
		world.lasting = i % 2 ? 0.8 : 0;
		other = world;
		other.db_ms *= 1 + 0.02 * (i % 20);
		other.operations += i % 4 == 0;
		other.errors *= 1 + i % 5;
		if (i % 5 == 0)
			pair = compare(&world, &other);
		else {
			pair.before = draw_two(&world, &other);
			assert_int_equal(ww_comparison__make(pair.before, pair.before, &sides, &pair.comparison), 0);
			pair.endpoint = &pair.comparison.endpoints[0];
		}
		apart += check_intervals(&pair);
		pairs++;
		drop(&pair);
	}
	print_message("# %u differences whose interval leaves out 0, of %u comparisons\n", apart, pairs);
	assert_true(apart > pairs / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_hold_the_truth),
		cmocka_unit_test(samples_weigh_by_their_length),
		cmocka_unit_test(gaps_without_requests_make_a_rate_unsure),
		cmocka_unit_test(gaps_in_observing_leave_a_rate_as_sure),
		cmocka_unit_test(what_is_sure_has_no_interval_with_nothing_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
