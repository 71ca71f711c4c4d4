/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/capacity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NSEC 1e9

const char *ww_bottleneck_name(enum ww_bottleneck bottleneck)
{
	static const char *const names[] = {
		[WW_BOTTLENECK_WORKERS] = "workers",
		[WW_BOTTLENECK_LOOP] = "event loop",
		[WW_BOTTLENECK_CPU] = "cpu",
	};

	return names[bottleneck];
}

void ww_capacity__free(struct ww_capacity *capacity)
{
	if (!capacity)
		return;
	for (size_t i = 0; i < capacity->len; i++) {
		free(capacity->services[i].endpoints);
		free(capacity->services[i].upstreams);
	}
	free(capacity->services);
	*capacity = (struct ww_capacity){0};
}

static int compare_services(const void *left, const void *right)
{
	const struct ww_capacity_service *a = left, *b = right;

	return (a->recorded_per_s < b->recorded_per_s) - (a->recorded_per_s > b->recorded_per_s);
}

static int compare_upstreams(const void *left, const void *right)
{
	const struct ww_capacity_upstream *a = left, *b = right;

	return (a->per_s < b->per_s) - (a->per_s > b->per_s);
}

/* Seconds per request. */
static double mean(uint64_t sum_ns, const struct ww_endpoint_report *report)
{
	return (double)sum_ns / NSEC / (double)report->requests;
}

/* What a thread has to do with a request, were it not for others: not to be waited for, and on a CPU when it wants to.
 */
static uint64_t held_ns(const struct ww_endpoint_report *report)
{
	return report->wall.sum - report->kinds_sum_ns[WW_KIND_QUEUE] - report->kinds_sum_ns[WW_KIND_RUNQ];
}

static int add_upstream(struct ww_capacity_service *service, const struct ww_operation_row *row, double per_s)
{
	struct ww_capacity_upstream *upstream = NULL;

	for (size_t i = 0; i < service->upstreams_len && !upstream; i++) {
		const struct ww_capacity_upstream *one = &service->upstreams[i];

		if (one->kind == row->kind && !strcmp(one->system, row->system) && !strcmp(one->peer, row->peer))
			upstream = &service->upstreams[i];
	}
	if (!upstream) {
		struct ww_capacity_upstream *larger =
			reallocarray(service->upstreams, service->upstreams_len + 1, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		service->upstreams = larger;
		upstream = &larger[service->upstreams_len++];
		*upstream = (struct ww_capacity_upstream){.kind = row->kind, .system = row->system, .peer = row->peer};
	}
	upstream->per_s += per_s;
	upstream->in_flight += per_s * (double)row->sum_ns / NSEC / (double)row->count;
	return 0;
}

static int add_endpoint(struct ww_capacity_service *service, const struct ww_endpoint_report *report, double rate)
{
	int err = 0;

	service->endpoints[service->endpoints_len++] = (struct ww_capacity_endpoint){
		.report = report,
		.rate_per_s = rate,
		.cores = rate * mean(report->cpu_sum_ns, report),
		.held = rate * mean(held_ns(report), report),
		.in_flight = rate * mean(report->wall.sum, report),
	};
	service->rate_per_s += rate;
	service->cores += rate * mean(report->cpu_sum_ns, report);
	service->held += rate * mean(held_ns(report), report);
	service->in_flight += rate * mean(report->wall.sum, report);
	for (size_t i = 0; !err && i < report->operations_len; i++)
		err = add_upstream(service, &report->operations[i],
				   rate * (double)report->operations[i].count / (double)report->operations_requests);
	return err;
}

static double cpu_of(const struct ww_report *report, const char *service)
{
	for (size_t i = 0; i < report->services_len; i++)
		if (!strcmp(report->services[i].service, service))
			return report->services[i].cpu_seconds;
	return 0;
}

/* How much of the limits is in use, and at which rate it is all. */
static void fill_limits(struct ww_capacity_service *service, double cpus)
{
	double least = INFINITY, cores = service->cores + service->other_cores;

	if (service->threads > 0)
		service->used[service->loops ? WW_BOTTLENECK_LOOP : WW_BOTTLENECK_WORKERS] =
			(service->loops ? cores : service->held) / service->threads;
	service->used[WW_BOTTLENECK_CPU] = cores / cpus;
	for (enum ww_bottleneck what = 0; what < WW_BOTTLENECK_COUNT; what++) {
		if (service->used[what] <= 0)
			continue;
		service->most_per_s[what] = service->rate_per_s / service->used[what];
		if (service->most_per_s[what] < least) {
			least = service->most_per_s[what];
			service->first = what;
		}
	}
}

static int fill_service(struct ww_capacity_service *service, const struct ww_report *report,
			const struct ww_workers *workers, const struct ww_capacity_plan *plan, double cpus)
{
	double seconds = (double)ww_report__observed_ns(report) / NSEC, cpu_seconds = 0, grown;
	int err = 0;

	service->endpoints = calloc(report->endpoints_len, sizeof(*service->endpoints));
	if (!service->endpoints)
		return -ENOMEM;
	for (size_t i = 0; !err && i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];

		if (strcmp(endpoint->service, service->service) != 0)
			continue;
		cpu_seconds += (double)endpoint->cpu_sum_ns / NSEC;
		err = add_endpoint(service, endpoint,
				   plan->each ? plan->rate_per_s
					      : plan->rate_per_s * endpoint->rate_per_s / service->recorded_per_s);
	}
	/* What its processes did beside the requests: accepting, closing, writing logs. */
	grown = service->rate_per_s / service->recorded_per_s;
	if (!plan->part)
		service->other_cores = fmax(cpu_of(report, service->service) - cpu_seconds, 0) / seconds * grown;
	service->workers = ww_workers__of(workers, service->service);
	/* Who says how many there are says that each serves one at a time. */
	if (plan->workers) {
		service->threads = plan->workers;
	} else if (service->workers) {
		service->unlimited = ww_service_workers__are_unlimited(service->workers);
		service->loops = !service->unlimited && ww_service_workers__are_loops(service->workers);
		service->threads = service->unlimited ? 0 : (double)service->workers->threads;
	}
	fill_limits(service, cpus);
	if (service->upstreams_len)
		qsort(service->upstreams, service->upstreams_len, sizeof(*service->upstreams), compare_upstreams);
	return err;
}

/* The services of the report with enough requests. */
static int find_services(const struct ww_report *report, struct ww_capacity *capacity)
{
	capacity->services = calloc(report->endpoints_len + 1, sizeof(*capacity->services));
	if (!capacity->services)
		return -ENOMEM;
	for (size_t i = 0; i < report->endpoints_len; i++) {
		const char *name = report->endpoints[i].service;
		struct ww_capacity_service service = {.service = name};
		uint64_t requests = 0;
		bool known = false;

		for (size_t j = 0; j < report->endpoints_len; j++) {
			if (strcmp(report->endpoints[j].service, name) != 0)
				continue;
			known |= j < i;
			requests += report->endpoints[j].requests;
			service.recorded_per_s += report->endpoints[j].rate_per_s;
		}
		if (!known && requests >= WW_CAPACITY_REQUESTS)
			capacity->services[capacity->len++] = service;
	}
	return capacity->len ? 0 : -ENODATA;
}

int ww_capacity__plan(const struct ww_report *report, const struct ww_workers *workers,
		      const struct ww_capacity_plan *plan, struct ww_capacity *capacity)
{
	struct ww_capacity made = {
		.cpus = plan->cpus ? plan->cpus : report->cpus,
		.seconds = (double)ww_report__observed_ns(report) / NSEC,
	};
	int err = find_services(report, &made);

	for (size_t i = 0; !err && i < made.len; i++) {
		err = fill_service(&made.services[i], report, workers, plan, (double)made.cpus);
		made.cores += made.services[i].cores + made.services[i].other_cores;
	}
	if (err) {
		ww_capacity__free(&made);
		return err;
	}
	qsort(made.services, made.len, sizeof(*made.services), compare_services);
	*capacity = made;
	return 0;
}
