/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/comparison.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "model/others.h"
#include "model/service_samples.h"

#define INTERVAL_ALPHA	0.05
#define FALSE_DISCOVERY 0.025
#define LEAST_PART	0.01 /* what is less is no difference, and no kind of time that counts */
#define CROWD_PART	0.1  /* .. of CPU time, beside others that want the CPUs */
#define SAME_PART	0.05 /* how far a difference may be off when it is called none */
#define SAME_SHARE	0.01 /* .. of requests, where it is a share of these */

static const struct {
	const char *name;
	enum ww_unit unit;
} metrics[] = {
#define WW_METRIC(id, name, unit, meaning) {name, WW_UNIT_##unit},
#include "model/metrics.def"
#undef WW_METRIC
};

const char *ww_metric_name(enum ww_metric metric)
{
	return metric < WW_METRIC_KIND ? metrics[metric].name : ww_kind_name(metric - WW_METRIC_KIND);
}

bool ww_metric_is_of_service(enum ww_metric metric)
{
	return metric == WW_METRIC_MEMORY || metric == WW_METRIC_ALLOCATED;
}

enum ww_unit ww_metric_unit(enum ww_metric metric)
{
	return metric < WW_METRIC_KIND ? metrics[metric].unit : WW_UNIT_TIME;
}

const char *ww_certainty_name(enum ww_certainty certainty)
{
	static const char *const names[] = {
		[WW_CERTAINTY_NONE] = "",	[WW_CERTAINTY_SHORT] = "not known", [WW_CERTAINTY_SAME] = "same",
		[WW_CERTAINTY_NOISE] = "noise", [WW_CERTAINTY_SURE] = "sure",
	};

	return names[certainty];
}

double ww_change__part(const struct ww_change *change)
{
	double difference = change->after.value - change->before.value;

	if (difference == 0)
		return 0;
	return change->before.value > 0 ? difference / change->before.value : NAN;
}

/* What figures are made of, by block. */
static double requests_of(const struct ww_block *block)
{
	return (double)block->requests;
}

static double operations_requests_of(const struct ww_block *block)
{
	return (double)block->operations_requests;
}

static double allocations_weight_of(const struct ww_block *block)
{
	return (double)block->allocated.weight;
}

static double sum_of(const struct ww_block *block, int metric)
{
	double wall = 0;

	switch (metric) {
	case WW_METRIC_ERRORS:
		return (double)block->errors;
	case WW_METRIC_CPU:
		return (double)block->cpu_ns;
	case WW_METRIC_OPERATIONS:
		return (double)block->db_operations + (double)block->net_operations;
	case WW_METRIC_ALLOCATIONS:
		return (double)block->allocated.allocations;
	case WW_METRIC_MEAN:
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			wall += (double)block->kinds_ns[kind];
		return wall;
	default:
		return (double)block->kinds_ns[metric - WW_METRIC_KIND];
	}
}

/* The wall time but for the waits for a CPU, and for a worker that waits for one. */
static double own_of(const struct ww_block *block, int unused)
{
	double own = 0;

	(void)unused;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		if (kind != WW_KIND_RUNQ && kind != WW_KIND_QUEUE)
			own += (double)block->kinds_ns[kind];
	return own;
}

static struct ww_estimate of_service(const struct ww_report *report, const char *service,
				     struct ww_estimate (*estimate)(const struct ww_service_report *service))
{
	for (size_t i = 0; i < report->services_len; i++) {
		if (!strcmp(report->services[i].service, service) && report->services[i].rss_steady_bytes)
			return estimate(&report->services[i]);
	}
	return ww_estimate__bare(NAN);
}

static struct ww_estimate estimate(const struct ww_report *report, const struct ww_endpoint_report *endpoint,
				   enum ww_metric metric)
{
	const struct ww_sampling *sampling = endpoint ? endpoint->sampling : NULL;

	if (!sampling)
		return ww_estimate__bare(NAN);
	switch (metric) {
	case WW_METRIC_REQUESTS:
		return ww_estimate__rate(sampling, endpoint->rate_per_s);
	case WW_METRIC_MEMORY:
		return of_service(report, endpoint->service, ww_service_samples__memory);
	case WW_METRIC_ALLOCATED:
		return of_service(report, endpoint->service, ww_service_samples__allocated);
	case WW_METRIC_P50:
		return ww_estimate__quantile(sampling, 50, endpoint->wall.p50);
	case WW_METRIC_P95:
		return ww_estimate__quantile(sampling, 95, endpoint->wall.p95);
	case WW_METRIC_P99:
		return ww_estimate__quantile(sampling, 99, endpoint->wall.p99);
	case WW_METRIC_ERRORS:
		return ww_estimate__share(sampling, sum_of, requests_of, metric);
	case WW_METRIC_OPERATIONS:
		return ww_estimate__ratio(sampling, sum_of, operations_requests_of, metric);
	case WW_METRIC_ALLOCATIONS:
		return ww_estimate__ratio(sampling, sum_of, allocations_weight_of, metric);
	default:
		return ww_estimate__ratio(sampling, sum_of, requests_of, metric);
	}
}

/* What is large enough to be spoken of: 1 % of the figure; of a kind of time, of the wall time. */
static double least_of(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	const struct ww_change *of = &endpoint->changes[metric < WW_METRIC_KIND ? metric : WW_METRIC_MEAN];

	return LEAST_PART * fmax(of->before.value, of->after.value);
}

/* Whether what is no difference is known well enough to say so. */
static bool is_narrow(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	const struct ww_change *change = &endpoint->changes[metric];
	double most = ww_metric_unit(metric) == WW_UNIT_SHARE ? SAME_SHARE
							      : least_of(endpoint, metric) * SAME_PART / LEAST_PART;

	return change->low >= -most && change->high <= most;
}

bool ww_comparison__counts(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	const struct ww_change *change = &endpoint->changes[metric];
	double larger = fmax(change->before.value, change->after.value);

	return larger > 0 && larger >= least_of(endpoint, metric);
}

static void fill_change(struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	struct ww_change *change = &endpoint->changes[metric];

	change->low = -INFINITY;
	change->high = INFINITY;
	change->chance = 1;
	if (isnan(change->before.value) || isnan(change->after.value) || change->before.how == WW_ESTIMATE_EXACT ||
	    change->after.how == WW_ESTIMATE_EXACT)
		return;
	ww_difference__interval(&change->before, &change->after, change->correlation, 1, INTERVAL_ALPHA, &change->low,
				&change->high);
	bool apart = fabs(change->after.value - change->before.value) > least_of(endpoint, metric);
	if (!apart && is_narrow(endpoint, metric))
		change->certainty = WW_CERTAINTY_SAME;
	else if ((isinf(change->low) && change->high >= 0) || (isinf(change->high) && change->low <= 0))
		change->certainty = WW_CERTAINTY_SHORT;
	else
		change->certainty = WW_CERTAINTY_NOISE;
	if (change->certainty == WW_CERTAINTY_NOISE && apart)
		change->chance = ww_difference__chance(&change->before, &change->after, change->correlation);
}

/*
 * Where the host's other programs leave no CPU idle, or take more of them than before, how long requests wait for one
 * is their doing, in moods that last for longer than a recording: such waits are no evidence of a difference, and the
 * wall time is as far as it differs without them. The same work takes more or less CPU time then, too, as caches and
 * cores are shared.
 */
static void discount_others(struct ww_endpoint_comparison *endpoint)
{
	static const enum ww_metric walls[] = {WW_METRIC_MEAN, WW_METRIC_P50, WW_METRIC_P95, WW_METRIC_P99};
	static const enum ww_metric works[] = {WW_METRIC_CPU, WW_METRIC_KIND + WW_KIND_COMPUTE,
					       WW_METRIC_KIND + WW_KIND_GC};
	struct ww_estimate before, after;
	double chance, apart;

	if (!endpoint->before || !endpoint->after || !endpoint->before->sampling || !endpoint->after->sampling)
		return;
	before = ww_estimate__ratio(endpoint->before->sampling, own_of, requests_of, 0);
	after = ww_estimate__ratio(endpoint->after->sampling, own_of, requests_of, 0);
	apart = after.value - before.value;
	chance = ww_difference__chance(&before, &after, 0);
	endpoint->changes[WW_METRIC_KIND + WW_KIND_RUNQ].chance = 1;
	endpoint->changes[WW_METRIC_KIND + WW_KIND_QUEUE].chance = 1;
	for (size_t i = 0; i < sizeof(walls) / sizeof(*walls); i++) {
		struct ww_change *change = &endpoint->changes[walls[i]];
		bool same_way = apart * (change->after.value - change->before.value) > 0;

		change->chance = same_way ? fmax(change->chance, chance) : 1;
	}
	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++) {
		struct ww_change *change = &endpoint->changes[works[i]];

		if (fabs(change->after.value - change->before.value) <
		    CROWD_PART * fmax(change->before.value, change->after.value))
			change->chance = 1;
	}
}

/* Two services at the same time have the same neighbours: what makes both slower makes no difference. */
static double correlate(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	const struct ww_sampling *before = endpoint->before->sampling, *after = endpoint->after->sampling;
	const struct ww_change *change = &endpoint->changes[metric];

	switch (metric) {
	case WW_METRIC_REQUESTS:
	case WW_METRIC_MEMORY:
	case WW_METRIC_ALLOCATED:
	case WW_METRIC_ERRORS:
		return 0;
	case WW_METRIC_P50:
	case WW_METRIC_P95:
	case WW_METRIC_P99:
		return ww_sampling__correlation_at(before, after, (uint64_t)change->before.value,
						   (uint64_t)change->after.value);
	case WW_METRIC_OPERATIONS:
		return ww_sampling__correlation(before, after, sum_of, operations_requests_of, metric, metric);
	case WW_METRIC_ALLOCATIONS:
		return ww_sampling__correlation(before, after, sum_of, allocations_weight_of, metric, metric);
	default:
		return ww_sampling__correlation(before, after, sum_of, requests_of, metric, metric);
	}
}

static void fill_endpoint(const struct ww_comparison *comparison, struct ww_endpoint_comparison *endpoint)
{
	bool together = comparison->before == comparison->after && endpoint->before && endpoint->after &&
			endpoint->before->sampling && endpoint->after->sampling;

	const struct ww_endpoint_report *named = endpoint->before ? endpoint->before : endpoint->after;

	endpoint->method = named->method;
	endpoint->route = named->route;
	for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++) {
		endpoint->changes[metric].before = estimate(comparison->before, endpoint->before, metric);
		endpoint->changes[metric].after = estimate(comparison->after, endpoint->after, metric);
	}
	for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++) {
		if (together)
			endpoint->changes[metric].correlation = correlate(endpoint, metric);
		fill_change(endpoint, metric);
	}
	/* Two services of one recording have the same neighbours. */
	if (comparison->before != comparison->after &&
	    (ww_others__crowd(comparison->before) || ww_others__crowd(comparison->after) ||
	     ww_others__differ(comparison->before, comparison->after)))
		discount_others(endpoint);
}

/* The first endpoint of the same services; of one that only one side has, of its service there. */
static size_t first_alike(const struct ww_comparison *comparison, size_t endpoint)
{
	const struct ww_endpoint_comparison *of = &comparison->endpoints[endpoint];

	for (size_t i = 0; i < endpoint; i++) {
		const struct ww_endpoint_comparison *other = &comparison->endpoints[i];

		if ((!of->before || (other->before && !strcmp(of->before->service, other->before->service))) &&
		    (!of->after || (other->after && !strcmp(of->after->service, other->after->service))))
			return i;
	}
	return endpoint;
}

bool ww_comparison__is_said(const struct ww_comparison *comparison, size_t endpoint, enum ww_metric metric)
{
	return ww_metric_is_of_service(metric) && first_alike(comparison, endpoint) != endpoint;
}

static int compare_chances(const void *left, const void *right)
{
	const struct ww_change *const *a = left, *const *b = right;

	return ((*a)->chance > (*b)->chance) - ((*a)->chance < (*b)->chance);
}

/*
 * Among many differences some look large by chance: Y. Benjamini, Y. Hochberg, Journal of the Royal Statistical Society
 * B 57 (1995). Where nothing differs it is one comparison in forty that calls any sure.
 */
static int tell_noise(struct ww_comparison *comparison)
{
	size_t len = 0, sure = 0;
	struct ww_change **tested = calloc(comparison->common * WW_METRIC_COUNT + 1, sizeof(*tested));

	if (!tested)
		return -ENOMEM;
	for (size_t i = 0; i < comparison->common; i++) {
		for (int metric = 0; metric < WW_METRIC_COUNT; metric++) {
			struct ww_change *change = &comparison->endpoints[i].changes[metric];

			/* Those that came out the same were looked at, too. A service is looked at once. */
			if (change->certainty >= WW_CERTAINTY_SAME && !ww_comparison__is_said(comparison, i, metric) &&
			    ww_comparison__counts(&comparison->endpoints[i], metric))
				tested[len++] = change;
		}
	}
	qsort(tested, len, sizeof(*tested), compare_chances);
	for (size_t i = 0; i < len; i++) {
		if (tested[i]->chance <= FALSE_DISCOVERY * (double)(i + 1) / (double)len)
			sure = i + 1;
	}
	for (size_t i = 0; i < sure; i++)
		tested[i]->certainty = WW_CERTAINTY_SURE;
	free(tested);
	for (size_t i = 0; i < comparison->common; i++) {
		const struct ww_endpoint_comparison *first = &comparison->endpoints[first_alike(comparison, i)];

		for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++)
			if (ww_metric_is_of_service(metric))
				comparison->endpoints[i].changes[metric] = first->changes[metric];
	}
	return 0;
}

static bool is_of(const struct ww_endpoint_report *endpoint, const char *service)
{
	return !service || !strcmp(endpoint->service, service);
}

static bool is_same(const struct ww_endpoint_report *a, const struct ww_endpoint_report *b, bool service)
{
	return !strcmp(a->method, b->method) && !strcmp(a->route, b->route) &&
	       (!service || !strcmp(a->service, b->service));
}

static bool is_taken(const struct ww_comparison *comparison, const struct ww_endpoint_report *after)
{
	for (size_t i = 0; i < comparison->endpoints_len; i++) {
		if (comparison->endpoints[i].after == after)
			return true;
	}
	return false;
}

/* The only endpoint of a report that is the same and not taken yet; NULL: there is none, or more. */
static const struct ww_endpoint_report *only(const struct ww_comparison *comparison, const struct ww_report *report,
					     const char *service, const struct ww_endpoint_report *like,
					     bool by_service)
{
	const struct ww_endpoint_report *found = NULL;

	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];

		if (!is_of(endpoint, service) || !is_same(endpoint, like, by_service) || is_taken(comparison, endpoint))
			continue;
		if (found)
			return NULL;
		found = endpoint;
	}
	return found;
}

static void match(struct ww_comparison *comparison, const struct ww_comparison_sides *sides)
{
	const struct ww_report *before = comparison->before, *after = comparison->after;
	bool named = sides->before || sides->after;

	for (size_t i = 0; i < before->endpoints_len; i++) {
		if (is_of(&before->endpoints[i], sides->before))
			comparison->endpoints[comparison->endpoints_len++].before = &before->endpoints[i];
	}
	for (int by_service = !named; by_service >= 0; by_service--) {
		for (size_t i = 0; i < comparison->endpoints_len; i++) {
			struct ww_endpoint_comparison *endpoint = &comparison->endpoints[i];

			if (endpoint->after)
				continue;
			/* Several of the same route: which is which can't be told. */
			if (!by_service &&
			    only(comparison, before, sides->before, endpoint->before, false) != endpoint->before)
				continue;
			endpoint->after = only(comparison, after, sides->after, endpoint->before, by_service);
		}
	}
	for (size_t i = 0; i < after->endpoints_len; i++) {
		if (is_of(&after->endpoints[i], sides->after) && !is_taken(comparison, &after->endpoints[i]))
			comparison->endpoints[comparison->endpoints_len++].after = &after->endpoints[i];
	}
}

static int compare_endpoints(const void *left, const void *right)
{
	const struct ww_endpoint_comparison *a = left, *b = right;
	bool a_both = a->before && a->after, b_both = b->before && b->after;
	uint64_t a_ns = (a->before ? a->before->wall.sum : 0) + (a->after ? a->after->wall.sum : 0);
	uint64_t b_ns = (b->before ? b->before->wall.sum : 0) + (b->after ? b->after->wall.sum : 0);

	if (a_both != b_both)
		return a_both ? -1 : 1;
	return (a_ns < b_ns) - (a_ns > b_ns);
}

int ww_comparison__make(const struct ww_report *before, const struct ww_report *after,
			const struct ww_comparison_sides *sides, struct ww_comparison *comparison)
{
	struct ww_comparison made = {
		.before = before,
		.after = after,
		.endpoints = calloc(before->endpoints_len + after->endpoints_len + 1, sizeof(*made.endpoints)),
	};

	if (!made.endpoints)
		return -ENOMEM;
	match(&made, sides);
	qsort(made.endpoints, made.endpoints_len, sizeof(*made.endpoints), compare_endpoints);
	for (size_t i = 0; i < made.endpoints_len; i++) {
		made.common += made.endpoints[i].before && made.endpoints[i].after;
		fill_endpoint(&made, &made.endpoints[i]);
	}
	if (tell_noise(&made)) {
		ww_comparison__free(&made);
		return -ENOMEM;
	}
	*comparison = made;
	return 0;
}

void ww_comparison__free(struct ww_comparison *comparison)
{
	if (!comparison)
		return;
	free(comparison->endpoints);
	*comparison = (struct ww_comparison){0};
}
