/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Seeded draws of requests as servers have them, as reports and pairs of them. Behind cmocka.h. */
#ifndef WHYWAIT_TEST_DRAWS_H
#define WHYWAIT_TEST_DRAWS_H

#include <math.h>

#include "model/comparison.h"
#include "model/report_build.h"
#include "util/hash.h"

#define MS	    1e6
#define SECONDS_MAX 60
#define TRIALS	    200 /* where nothing differs */

static uint64_t seed;

static inline double uniform(void)
{
	seed += 0x9e3779b97f4a7c15;
	return ((double)(ww_hash_mix(seed) >> 11) + 0.5) / 9007199254740992.0;
}

static inline double normal(void)
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

static inline void draw_request(const struct world *world, double luck, struct ww_aggregate *aggregate)
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
static inline struct ww_report *draw_two(const struct world *world, const struct world *beside)
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

static inline struct ww_report *draw(const struct world *world)
{
	return draw_two(world, NULL);
}

struct pair {
	struct ww_report *before, *after;
	struct ww_comparison comparison;
	const struct ww_endpoint_comparison *endpoint;
};

static inline struct pair compare(const struct world *before, const struct world *after)
{
	struct pair pair = {.before = draw(before), .after = draw(after)};

	assert_int_equal(
		ww_comparison__make(pair.before, pair.after, &(struct ww_comparison_sides){0}, &pair.comparison), 0);
	assert_int_equal(pair.comparison.common, 1);
	pair.endpoint = &pair.comparison.endpoints[0];
	return pair;
}

static inline void drop(struct pair *pair)
{
	ww_comparison__free(&pair->comparison);
	ww_report_free(pair->before);
	ww_report_free(pair->after);
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

#endif
