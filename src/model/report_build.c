/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/report_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/amdahl.h"
#include "model/findings.h"
#include "model/limits.h"
#include "util/arena.h"

void ww_report_free(struct ww_report *report)
{
	if (report)
		ww_arena__free(report->arena); /* the report itself lies in it */
}

static int compare_details(const void *left, const void *right)
{
	const struct ww_detail_row *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->sum_ns != b->sum_ns)
		return a->sum_ns > b->sum_ns ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int compare_operations(const void *left, const void *right)
{
	const struct ww_operation_row *a = left, *b = right;
	int order;

	if (a->sum_ns != b->sum_ns)
		return a->sum_ns > b->sum_ns ? -1 : 1;
	order = strcmp(a->summary, b->summary);
	if (!order)
		order = strcmp(a->statement, b->statement);
	return order ? order : strcmp(a->peer, b->peer);
}

static int compare_status(const void *left, const void *right)
{
	const struct ww_status_count *a = left, *b = right;

	return (a->status > b->status) - (a->status < b->status);
}

static int compare_endpoints(const void *left, const void *right)
{
	const struct ww_endpoint_report *a = left, *b = right;
	int order;

	if (a->wall.sum != b->wall.sum)
		return a->wall.sum > b->wall.sum ? -1 : 1;
	order = strcmp(a->service, b->service);
	if (!order)
		order = strcmp(a->route, b->route);
	return order ? order : strcmp(a->method, b->method);
}

static void fill_tail(struct ww_endpoint_report *endpoint, const struct ww_histogram *histogram)
{
	for (uint32_t at = ww_histogram__position(histogram, 95); at < histogram->len; at++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(histogram, at, &index);

		endpoint->tail_requests += bucket.count;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			endpoint->tail_kinds_sum_ns[kind] += bucket.kinds_ns[kind];
			endpoint->tail_wall_sum_ns += bucket.kinds_ns[kind];
		}
	}
}

static int fill_rows(struct ww_arena *arena, struct ww_endpoint_report *endpoint, const struct ww_catalog *catalog,
		     const struct ww_aggregate *aggregate)
{
	endpoint->status = ww_arena__array(arena, aggregate->status_len, sizeof(*endpoint->status));
	endpoint->details = ww_arena__array(arena, aggregate->details_len, sizeof(*endpoint->details));
	if (!endpoint->status || !endpoint->details)
		return -ENOMEM;
	endpoint->status_len = aggregate->status_len;
	for (size_t i = 0; i < endpoint->status_len; i++) {
		endpoint->status[i].status = aggregate->status[i].status;
		endpoint->status[i].requests = aggregate->status[i].requests;
	}
	qsort(endpoint->status, endpoint->status_len, sizeof(*endpoint->status), compare_status);
	endpoint->details_len = aggregate->details_len;
	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_sum *detail = &aggregate->details[i];

		endpoint->details[i].kind = detail->kind;
		endpoint->details[i].name = ww_arena__strdup(arena, ww_intern__get(catalog->names, detail->name));
		endpoint->details[i].sum_ns = detail->ns;
		endpoint->details[i].count = detail->count;
		if (!endpoint->details[i].name)
			return -ENOMEM;
	}
	qsort(endpoint->details, endpoint->details_len, sizeof(*endpoint->details), compare_details);
	return 0;
}

static int fill_operations(struct ww_arena *arena, struct ww_endpoint_report *endpoint,
			   const struct ww_catalog *catalog, const struct ww_aggregate *aggregate)
{
	const struct ww_operation_sums *sums = &aggregate->operations;

	endpoint->operations_requests = aggregate->operations_requests;
	endpoint->operations = ww_arena__array(arena, sums->len, sizeof(*endpoint->operations));
	if (!endpoint->operations)
		return -ENOMEM;
	for (uint32_t i = 0; i < sums->len; i++) {
		const struct ww_operation_sum *sum = &sums->sums[i];
		const struct ww_catalog_operation name = ww_catalog__operation_name(catalog, sum->name);

		if (!sum->count)
			continue;

		struct ww_operation_row *row = &endpoint->operations[endpoint->operations_len++];

		*row = (struct ww_operation_row){
			.kind = name.kind,
			.flags = sum->flags,
			.system = ww_arena__strdup(arena, name.system),
			.peer = ww_arena__strdup(arena, name.peer),
			.summary = ww_arena__strdup(arena, name.summary),
			.statement = ww_arena__strdup(arena, name.statement),
			.requests = sum->requests < aggregate->operations_requests ? sum->requests
										   : aggregate->operations_requests,
			.count = sum->count,
			.errors = sum->errors,
			.sum_ns = sum->ns,
			.p95_ns = ww_operation_sum__quantile(sum, 95),
			.max_ns = sum->max_ns,
			.bytes_out = sum->bytes_out,
			.bytes_in = sum->bytes_in,
		};
		if (!row->system || !row->peer || !row->summary || !row->statement)
			return -ENOMEM;
	}
	qsort(endpoint->operations, endpoint->operations_len, sizeof(*endpoint->operations), compare_operations);
	return 0;
}

/* What would be, and what to mend: after all else. */
static int fill_outlook(struct ww_arena *arena, struct ww_endpoint_report *endpoint,
			const struct ww_histogram *histogram, const struct ww_findings_input *input)
{
	const struct ww_study *study = input->study;
	struct ww_speedup faster = ww_speedup__none();
	int err = ww_outlook__build(arena, histogram, study ? study->cases : NULL, study ? study->cases_len : 0,
				    &endpoint->outlook);

	faster.factor[WW_KIND_COMPUTE] = WW_LIMIT_FASTER;
	if (!err)
		err = ww_amdahl__predict(endpoint, &faster, &endpoint->faster);
	if (err && err != -ENODATA)
		return err;
	return ww_findings__fill(arena, endpoint, input);
}

static int fill_sampling(struct ww_arena *arena, struct ww_endpoint_report *endpoint,
			 const struct ww_histogram *histogram, const struct ww_blocks *blocks,
			 const struct ww_report_frame *frame)
{
	struct ww_sampling *sampling = ww_arena__alloc(arena, sizeof(*sampling));

	if (!sampling || ww_sampling__build(arena, histogram, blocks, sampling))
		return -ENOMEM;
	sampling->start_ns = frame->start_unix_ns;
	sampling->end_ns = frame->end_unix_ns;
	sampling->unit_ns = frame->unit_ns;
	sampling->gaps = frame->gaps;
	sampling->gaps_len = frame->gaps_len;
	endpoint->sampling = sampling;
	return 0;
}

static int fill_endpoint(struct ww_arena *arena, struct ww_endpoint_report *endpoint, const struct ww_catalog *catalog,
			 uint32_t id, const struct ww_aggregate *aggregate, const struct ww_report_frame *frame,
			 struct ww_blockages *blockages)
{
	const struct ww_findings_input input = {
		.study = frame->studies ? frame->studies[id] : NULL,
		.crowd = frame->crowd,
		.blockages = blockages,
		.catalog = catalog,
		.id = id,
		.profile = frame->profile,
	};
	const struct ww_catalog_endpoint *names = &catalog->endpoints[id];
	int64_t window_ns = frame->end_unix_ns - frame->start_unix_ns - frame->unobserved_ns;
	int err;

	endpoint->service = ww_arena__strdup(arena, catalog->services[names->service].name);
	endpoint->protocol = ww_arena__strdup(arena, names->protocol);
	endpoint->method = ww_arena__strdup(arena, names->method);
	endpoint->route = ww_arena__strdup(arena, names->route);
	if (!endpoint->service || !endpoint->protocol || !endpoint->method || !endpoint->route)
		return -ENOMEM;
	endpoint->requests = aggregate->requests;
	endpoint->errors = aggregate->errors;
	endpoint->aborted = aggregate->aborted;
	endpoint->wall.sum = ww_aggregate__wall_ns(aggregate);
	endpoint->wall.mean = endpoint->wall.sum / aggregate->requests;
	endpoint->wall.p50 = ww_histogram__quantile(&aggregate->histogram, 50);
	endpoint->wall.p95 = ww_histogram__quantile(&aggregate->histogram, 95);
	endpoint->wall.p99 = ww_histogram__quantile(&aggregate->histogram, 99);
	endpoint->wall.max = aggregate->wall_max_ns;
	if (window_ns > 0) {
		endpoint->rate_per_s = (double)aggregate->requests * 1e9 / (double)window_ns;
		endpoint->in_flight_mean = (double)endpoint->wall.sum / (double)window_ns;
	}
	endpoint->in_flight_max = aggregate->in_flight_max;
	endpoint->cpu_sum_ns = aggregate->cpu_ns;
	endpoint->allocated = aggregate->allocated;
	endpoint->bytes_in = aggregate->bytes_in;
	endpoint->bytes_out = aggregate->bytes_out;
	memcpy(endpoint->kinds_sum_ns, aggregate->kinds_ns, sizeof(endpoint->kinds_sum_ns));
	memcpy(endpoint->attribution, aggregate->attribution, sizeof(endpoint->attribution));
	fill_tail(endpoint, &aggregate->histogram);
	err = fill_rows(arena, endpoint, catalog, aggregate);
	if (!err)
		err = fill_operations(arena, endpoint, catalog, aggregate);
	if (!err && frame->blocks)
		err = fill_sampling(arena, endpoint, &aggregate->histogram, &frame->blocks[id], frame);
	return err ? err : fill_outlook(arena, endpoint, &aggregate->histogram, &input);
}

static int fill_frame(struct ww_arena *arena, struct ww_report *report, const struct ww_report_frame *frame)
{
	struct ww_gap *gaps;

	report->host = ww_arena__strdup(arena, frame->host);
	report->kernel = ww_arena__strdup(arena, frame->kernel);
	report->stand_ins = ww_arena__strdup(arena, frame->stand_ins ? frame->stand_ins : "");
	report->losses = ww_arena__array(arena, frame->losses_len, sizeof(*report->losses));
	report->unreadable = ww_arena__array(arena, frame->unreadable_len, sizeof(*report->unreadable));
	report->services = ww_arena__array(arena, frame->services_len, sizeof(*report->services));
	report->settings = ww_arena__strdup(arena, frame->settings ? frame->settings : "");
	gaps = ww_arena__array(arena, frame->gaps_len, sizeof(*gaps));
	if (!gaps || !report->settings || !report->host || !report->kernel || !report->stand_ins || !report->losses ||
	    !report->unreadable || !report->services)
		return -ENOMEM;
	report->cpus = frame->cpus;
	report->host_busy_ns = frame->host_busy_ns;
	report->start_unix_ns = frame->start_unix_ns;
	report->end_unix_ns = frame->end_unix_ns;
	report->unobserved_ns = frame->unobserved_ns;
	if (frame->gaps_len)
		memcpy(gaps, frame->gaps, frame->gaps_len * sizeof(*gaps));
	report->gaps = gaps;
	report->gaps_len = frame->gaps_len;
	report->unended = frame->unended;
	report->complete = true;
	for (size_t i = 0; i < frame->losses_len; i++) {
		struct ww_loss *loss = &report->losses[report->losses_len];

		if (!frame->losses[i].count)
			continue;
		*loss = frame->losses[i];
		loss->cause = ww_arena__strdup(arena, loss->cause);
		if (!loss->cause)
			return -ENOMEM;
		if (loss->loses)
			report->complete = false;
		report->losses_len++;
	}
	for (size_t i = 0; i < frame->unreadable_len; i++) {
		struct ww_unreadable_port *port = &report->unreadable[report->unreadable_len];

		if (!frame->unreadable[i].connections)
			continue;
		*port = frame->unreadable[i];
		port->protocol = ww_arena__strdup(arena, port->protocol);
		if (!port->protocol)
			return -ENOMEM;
		report->unreadable_len++;
	}
	for (size_t i = 0; i < frame->services_len; i++) {
		struct ww_service_report *service = &report->services[i];

		*service = frame->services[i];
		service->service = ww_arena__strdup(arena, service->service);
		service->container = ww_arena__strdup(arena, service->container);
		service->cgroup = ww_arena__strdup(arena, service->cgroup);
		if (service->executable)
			service->executable = ww_arena__strdup(arena, service->executable);
		if (service->samples_len) {
			struct ww_service_sample *samples =
				ww_arena__array(arena, service->samples_len, sizeof(*samples));

			if (!samples)
				return -ENOMEM;
			memcpy(samples, service->samples, service->samples_len * sizeof(*samples));
			service->samples = samples;
		}
		if (!service->service || !service->container || !service->cgroup ||
		    (frame->services[i].executable && !service->executable))
			return -ENOMEM;
	}
	report->services_len = frame->services_len;
	return 0;
}

static int compare_ids(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* In the order of their ids, in which who held their threads is found quickly. */
static int fill_endpoints(struct ww_arena *arena, struct ww_report *report, const struct ww_report_frame *frame,
			  const struct ww_catalog *catalog, const struct ww_slice *slice)
{
	struct ww_report_frame lasting = *frame; /* what endpoints refer to is the report's */
	struct ww_blockages blockages = {.crowd = frame->crowd};
	uint32_t *ids = calloc(slice->used_len + 1, sizeof(*ids));
	int err = ids ? 0 : -ENOMEM;

	lasting.gaps = report->gaps;
	if (slice->used_len && ids) {
		memcpy(ids, slice->used, slice->used_len * sizeof(*ids));
		qsort(ids, slice->used_len, sizeof(*ids), compare_ids);
	}
	for (uint32_t i = 0; !err && i < slice->used_len; i++)
		err = fill_endpoint(arena, &report->endpoints[i], catalog, ids[i], slice->by_endpoint[ids[i]], &lasting,
				    &blockages);
	ww_blockages__free(&blockages);
	free(ids);
	return err;
}

int ww_report__build(const struct ww_report_frame *frame, const struct ww_catalog *catalog,
		     const struct ww_slice *slice, struct ww_report **report)
{
	struct ww_arena *arena = ww_arena__new();
	struct ww_report *built;
	int err = -ENOMEM;

	if (!arena)
		return err;
	built = ww_arena__alloc(arena, sizeof(*built));
	if (!built)
		goto fail;
	built->arena = arena;
	err = fill_frame(arena, built, frame);
	if (err)
		goto fail;
	built->endpoints = ww_arena__array(arena, slice->used_len, sizeof(*built->endpoints));
	err = built->endpoints ? fill_endpoints(arena, built, frame, catalog, slice) : -ENOMEM;
	if (err)
		goto fail;
	built->endpoints_len = slice->used_len;
	qsort(built->endpoints, built->endpoints_len, sizeof(*built->endpoints), compare_endpoints);
	*report = built;
	return 0;
fail:
	ww_arena__free(arena);
	return err;
}
