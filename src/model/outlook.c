/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/outlook.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A case by its wall time, for finding those of a bucket. */
struct place {
	uint64_t wall_ns;
	uint32_t of;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	return (a->wall_ns > b->wall_ns) - (a->wall_ns < b->wall_ns);
}

static uint64_t wall_of(const struct ww_bucket *bucket)
{
	uint64_t wall = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		wall += bucket->kinds_ns[kind];
	return wall;
}

/* The first place whose wall time is not below `ns`. */
static size_t lower_bound(const struct place *places, size_t len, uint64_t ns)
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (places[middle].wall_ns < ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The case whose wall time is nearest; `at` is the lower bound of `ns`. */
static uint32_t nearest(const struct place *places, size_t len, size_t at, uint64_t ns)
{
	if (at == len || (at > 0 && ns - places[at - 1].wall_ns < places[at].wall_ns - ns))
		at--;
	return places[at].of;
}

/* The requests of a bucket are divided among the cases in it; those of a bucket without one go to the nearest case. */
static size_t add_stands(struct ww_stand *stands, size_t len, const struct place *places, size_t places_len,
			 uint32_t index, const struct ww_bucket *bucket)
{
	uint64_t low = ww_bucket_low(index), mean = wall_of(bucket) / bucket->count;
	size_t first = lower_bound(places, places_len, low), end = first;

	while (end < places_len && places[end].wall_ns - low < ww_bucket_width(index))
		end++;
	if (end == first) {
		uint32_t of = nearest(places, places_len, lower_bound(places, places_len, mean), mean);

		stands[len] = (struct ww_stand){.requests = (double)bucket->count, .wall_ns = mean, .of = of};
		return len + 1;
	}
	for (size_t i = first; i < end; i++)
		stands[len++] = (struct ww_stand){
			.requests = (double)bucket->count / (double)(end - first),
			.wall_ns = mean,
			.of = places[i].of,
		};
	return len;
}

/* The buckets as cases: each the mean of its requests. */
static struct ww_case *cases_of_buckets(struct ww_arena *arena, const struct ww_histogram *histogram)
{
	struct ww_case *cases = ww_arena__array(arena, histogram->len, sizeof(*cases));

	for (uint32_t at = 0; cases && at < histogram->len; at++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(histogram, at, &index);

		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			cases[at].kinds_ns[kind] = bucket.kinds_ns[kind] / bucket.count;
			cases[at].wall_ns += cases[at].kinds_ns[kind];
		}
	}
	return cases;
}

/* Every bucket its own case, or the kept ones: their places are the caller's. */
static int make_stands(struct ww_arena *arena, const struct ww_histogram *histogram, struct ww_outlook *outlook)
{
	size_t len = outlook->cases_len;
	struct place *places = calloc(len, sizeof(*places));
	struct ww_stand *stands = ww_arena__array(arena, len + histogram->len, sizeof(*stands));

	if (!places || !stands) {
		free(places);
		return -ENOMEM;
	}
	for (size_t i = 0; i < len; i++)
		places[i] = (struct place){.wall_ns = outlook->cases[i].wall_ns, .of = (uint32_t)i};
	qsort(places, len, sizeof(*places), compare_places);
	for (uint32_t at = 0; at < histogram->len; at++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(histogram, at, &index);

		outlook->stands_len = add_stands(stands, outlook->stands_len, places, len, index, &bucket);
	}
	free(places);
	outlook->stands = stands;
	return 0;
}

int ww_outlook__build(struct ww_arena *arena, const struct ww_histogram *histogram, const struct ww_case *cases,
		      size_t cases_len, struct ww_outlook *outlook)
{
	struct ww_outlook built = {.cases_len = cases_len, .from_buckets = !cases_len};
	struct ww_case *copies;
	int err;

	if (!histogram->len) {
		*outlook = (struct ww_outlook){0};
		return 0;
	}
	if (built.from_buckets) {
		built.cases_len = histogram->len;
		copies = cases_of_buckets(arena, histogram);
	} else {
		copies = ww_arena__array(arena, cases_len, sizeof(*copies));
		if (copies)
			memcpy(copies, cases, cases_len * sizeof(*copies));
	}
	if (!copies)
		return -ENOMEM;
	built.cases = copies;
	err = make_stands(arena, histogram, &built);
	if (!err)
		*outlook = built;
	return err;
}

struct after {
	double wall_ns, requests;
};

static int compare_after(const void *left, const void *right)
{
	const struct after *a = left, *b = right;

	return (a->wall_ns > b->wall_ns) - (a->wall_ns < b->wall_ns);
}

/* By nearest rank, as ww_histogram__quantile(). Shares of a request are sums of fractions: a hair below is there. */
static uint64_t quantile(const struct after *after, size_t len, double requests, unsigned percent)
{
	double rank = ceil(requests * percent / 100 - 1e-6), seen = 0;
	size_t at = 0;

	for (; at < len - 1; at++) {
		seen += after[at].requests;
		if (seen >= rank - 1e-6)
			break;
	}
	return (uint64_t)llround(after[at].wall_ns);
}

int ww_outlook__forecast(const struct ww_outlook *outlook, const uint64_t *after_ns, struct ww_forecast *forecast)
{
	struct after *after;
	double sum = 0, requests = 0;

	if (!outlook->stands_len)
		return -ENODATA;
	after = calloc(outlook->stands_len, sizeof(*after));
	if (!after)
		return -ENOMEM;
	for (size_t i = 0; i < outlook->stands_len; i++) {
		const struct ww_stand *stand = &outlook->stands[i];
		double was = (double)outlook->cases[stand->of].wall_ns, is = (double)after_ns[stand->of];

		after[i].requests = stand->requests;
		after[i].wall_ns = was > 0 ? (double)stand->wall_ns * (is / was) : (double)stand->wall_ns;
		sum += after[i].wall_ns * stand->requests;
		requests += stand->requests;
	}
	qsort(after, outlook->stands_len, sizeof(*after), compare_after);
	forecast->mean_ns = (uint64_t)llround(sum / requests);
	forecast->p50_ns = quantile(after, outlook->stands_len, requests, 50);
	forecast->p95_ns = quantile(after, outlook->stands_len, requests, 95);
	forecast->p99_ns = quantile(after, outlook->stands_len, requests, 99);
	free(after);
	return 0;
}

double ww_outlook__weigh(const struct ww_outlook *outlook, double *weights)
{
	double requests = 0;

	memset(weights, 0, outlook->cases_len * sizeof(*weights));
	for (size_t i = 0; i < outlook->stands_len; i++) {
		weights[outlook->stands[i].of] += outlook->stands[i].requests;
		requests += outlook->stands[i].requests;
	}
	return requests;
}
