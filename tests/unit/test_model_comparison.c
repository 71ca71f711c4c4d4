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

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/comparison.h"
#include "model/report_build.h"
#include "model/requirement.h"
#include "model/service_samples.h"
#include "util/hash.h"

#define MS	    1e6
#define SECONDS_MAX 60
#define TRIALS	    200 /* where nothing differs */
#define FINDS	    12	/* where something does */

static uint64_t seed;

static double uniform(void)
{
	seed += 0x9e3779b97f4a7c15;
	return ((double)(ww_hash_mix(seed) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* How requests of a server take their time. */
struct world {
	unsigned seconds, per_second;
	double db_ms, compute_ms; /* medians */
	double spread;		  /* of the logarithms */
	double tail;		  /* share of the requests that also wait in a queue, of a time without a bound */
	double errors;		  /* share */
	double operations;	  /* per request */
	double luck;		  /* how far whole seconds differ, of the logarithm */
	double lasting;		  /* part of that which a second has of the one before: as of neighbours that stay */
	double memory_mb, grows;  /* of the service, and how much of it comes in a second */
	double runq_ms;		  /* on the mean, of all of the recording */
	bool crowded;		  /* others leave no CPU idle */
};

static void draw_request(const struct world *world, double luck, struct ww_aggregate *aggregate)
{
	uint64_t kinds[WW_KIND_COUNT] = {0};
	struct ww_sample_operation operations[64];
	size_t len = 0;
	struct ww_sample sample = {
		.kinds_ns = kinds, .operations = operations, .operations_known = true, .in_flight = 1};

	kinds[WW_KIND_DB] = (uint64_t)(world->db_ms * MS * exp(luck + world->spread * normal()));
	kinds[WW_KIND_COMPUTE] = (uint64_t)(world->compute_ms * MS * exp(luck + world->spread / 2 * normal()));
	kinds[WW_KIND_RUNQ] = (uint64_t)(world->runq_ms * MS * -log(uniform()));
	/* Pareto: its variance is infinite. */
	if (uniform() < world->tail)
		kinds[WW_KIND_QUEUE] = (uint64_t)(5 * MS * pow(uniform(), -1 / 1.8));
	sample.cpu_ns = kinds[WW_KIND_COMPUTE];
	sample.status = uniform() < world->errors ? 500 : 200;
	while (len < 64 && len < world->operations + (uniform() < 0.5 ? 0 : 1))
		operations[len++] = (struct ww_sample_operation){.duration_ns = 1000, .kind = WW_KIND_DB};
	sample.operations_len = len;
	assert_int_equal(ww_aggregate__add(aggregate, &sample), 0);
}

/* A recording of one service, or of two that have the same luck: `beside` is the other one, or NULL. */
static struct ww_report *draw_two(const struct world *world, const struct world *beside)
{
	struct ww_catalog catalog;
	struct ww_slice slice = {0};
	struct ww_blocks blocks[2] = {0};
	struct ww_report *report = NULL;
	struct ww_service_sample samples[SECONDS_MAX];
	struct ww_service_report service = {.service = "shop:80",
					    .container = "",
					    .cgroup = "/",
					    .rss_steady_bytes = (uint64_t)(world->memory_mb * 1e6),
					    .allocated_requests = 1,
					    .samples = samples,
					    .samples_len = world->seconds};
	const struct ww_report_frame frame = {
		.host = "h",
		.kernel = "k",
		.cpus = 2,
		.end_unix_ns = world->seconds * 1000000000ll,
		.host_busy_ns = world->crowded ? 2 * world->seconds * 1000000000ull : 0,
		.unit_ns = 10000000000ll,
		.services = &service,
		.services_len = 1,
		.blocks = blocks,
	};

	assert_int_equal(ww_catalog__init(&catalog), 0);
	ww_catalog__add_service(&catalog, &(struct ww_catalog_service){"shop:80", "", "/"});
	ww_catalog__add_endpoint(&catalog, &(struct ww_catalog_endpoint){0, "http", "GET", "/orders/{id}"});
	if (beside) {
		ww_catalog__add_service(&catalog, &(struct ww_catalog_service){"shop:81", "", "/"});
		ww_catalog__add_endpoint(&catalog, &(struct ww_catalog_endpoint){1, "http", "GET", "/orders/{id}"});
	}
	double luck = world->luck * normal();

	assert_in_range(world->seconds, 1, SECONDS_MAX);
	for (unsigned s = 0; s < world->seconds; s++)
		samples[s] = (struct ww_service_sample){
			.samples = 1,
			.requests = world->per_second,
			.rss_bytes = (uint64_t)((world->memory_mb + world->grows * s + 0.05 * normal()) * 1e6),
			.allocated_bytes =
				(uint64_t)(world->per_second * world->operations * 1000 * (1 + 0.1 * normal())),
			.allocated_known = true,
		};
	for (unsigned s = 0; s < world->seconds; s++) {
		for (unsigned e = 0; e < 1 + (beside != NULL); e++) {
			struct ww_aggregate aggregate = {0};

			for (unsigned i = 0; i < world->per_second; i++)
				draw_request(e ? beside : world, luck, &aggregate);
			assert_int_equal(ww_slice__merge_endpoint(&slice, e, &aggregate), 0);
			assert_int_equal(ww_blocks__add(&blocks[e], s * 1000000000ll, &aggregate), 0);
			ww_aggregate__free(&aggregate);
		}
		luck = world->lasting * luck + sqrt(1 - world->lasting * world->lasting) * world->luck * normal();
	}
	assert_int_equal(ww_report__build(&frame, &catalog, &slice, &report), 0);
	ww_slice__free(&slice);
	ww_blocks__free(&blocks[0]);
	ww_blocks__free(&blocks[1]);
	ww_catalog__free(&catalog);
	return report;
}

static struct ww_report *draw(const struct world *world)
{
	return draw_two(world, NULL);
}

struct pair {
	struct ww_report *before, *after;
	struct ww_comparison comparison;
	const struct ww_endpoint_comparison *endpoint;
};

static struct pair compare(const struct world *before, const struct world *after)
{
	struct pair pair = {.before = draw(before), .after = draw(after)};

	assert_int_equal(
		ww_comparison__make(pair.before, pair.after, &(struct ww_comparison_sides){0}, &pair.comparison), 0);
	assert_int_equal(pair.comparison.common, 1);
	pair.endpoint = &pair.comparison.endpoints[0];
	return pair;
}

static void drop(struct pair *pair)
{
	ww_comparison__free(&pair->comparison);
	ww_report_free(pair->before);
	ww_report_free(pair->after);
}

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

static const struct world shop = {.seconds = 15,
				  .per_second = 30,
				  .db_ms = 40,
				  .compute_ms = 5,
				  .spread = 0.3,
				  .tail = 0.05,
				  .errors = 0.01,
				  .operations = 3,
				  .memory_mb = 100};

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
	struct ww_endpoint_report report = {.requests = 1};
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
		cmocka_unit_test(intervals_hold_the_truth),
		cmocka_unit_test(memory_and_rates_are_judged),
		cmocka_unit_test(samples_weigh_by_their_length),
		cmocka_unit_test(gaps_without_requests_make_a_rate_unsure),
		cmocka_unit_test(gaps_in_observing_leave_a_rate_as_sure),
		cmocka_unit_test(neighbours_are_no_difference),
		cmocka_unit_test(services_at_the_same_time_share_their_luck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
