/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/aggregate.h"

#include <errno.h>
#include <stdlib.h>

void ww_aggregate__free(struct ww_aggregate *aggregate)
{
	if (!aggregate)
		return;
	ww_histogram__free(&aggregate->histogram);
	free(aggregate->details);
	free(aggregate->status);
	ww_operation_sums__free(&aggregate->operations);
	*aggregate = (struct ww_aggregate){0};
}

void ww_aggregate__clear(struct ww_aggregate *aggregate)
{
	struct ww_aggregate kept = *aggregate;

	*aggregate = (struct ww_aggregate){
		.histogram = kept.histogram,
		.details = kept.details,
		.details_cap = kept.details_cap,
		.status = kept.status,
		.status_cap = kept.status_cap,
		.operations = kept.operations,
	};
	ww_histogram__clear(&aggregate->histogram);
	ww_operation_sums__clear(&aggregate->operations);
}

static int reserve(void **array, uint32_t *cap, uint32_t need, size_t size)
{
	uint32_t larger = *cap ? *cap : 2;

	if (need <= *cap)
		return 0;
	while (larger < need)
		larger *= 2;

	void *memory = reallocarray(*array, larger, size);

	if (!memory)
		return -ENOMEM;
	*array = memory;
	*cap = larger;
	return 0;
}

/* Room for as many new details, statuses and buckets, so that what follows can't fail half-way. */
static int reserve_all(struct ww_aggregate *aggregate, size_t details, uint32_t status, uint32_t buckets,
		       uint32_t kinds)
{
	/* Beside the bound: a rest for each kind, and one for the statuses. */
	uint32_t most_details = WW_AGGREGATE_DETAILS + WW_KIND_COUNT, most_status = WW_AGGREGATE_STATUS + 1;
	uint32_t need = aggregate->details_len + (uint32_t)details;
	int err = reserve((void **)&aggregate->details, &aggregate->details_cap,
			  need < most_details ? need : most_details, sizeof(*aggregate->details));

	if (err)
		return err;
	need = aggregate->status_len + status;
	err = reserve((void **)&aggregate->status, &aggregate->status_cap, need < most_status ? need : most_status,
		      sizeof(*aggregate->status));
	if (err)
		return err;
	return buckets ? ww_histogram__reserve(&aggregate->histogram, buckets, kinds) : 0;
}

static struct ww_detail_sum *find_detail(struct ww_aggregate *aggregate, uint8_t kind, uint32_t name)
{
	for (uint32_t i = 0; i < aggregate->details_len; i++) {
		if (aggregate->details[i].name == name && aggregate->details[i].kind == kind)
			return &aggregate->details[i];
	}
	return NULL;
}

static void add_detail(struct ww_aggregate *aggregate, const struct ww_detail_sum *detail)
{
	uint32_t name = detail->name;
	struct ww_detail_sum *sum = find_detail(aggregate, detail->kind, name);

	if (!sum && aggregate->details_len >= WW_AGGREGATE_DETAILS) {
		name = 0;
		sum = find_detail(aggregate, detail->kind, name);
	}
	if (!sum) {
		sum = &aggregate->details[aggregate->details_len++];
		*sum = (struct ww_detail_sum){.name = name, .kind = detail->kind};
	}
	sum->ns += detail->ns;
	sum->count += detail->count;
}

static struct ww_status_sum *find_status(struct ww_aggregate *aggregate, uint16_t status)
{
	for (uint32_t i = 0; i < aggregate->status_len; i++) {
		if (aggregate->status[i].status == status)
			return &aggregate->status[i];
	}
	return NULL;
}

static void add_status(struct ww_aggregate *aggregate, uint16_t status, uint64_t requests)
{
	struct ww_status_sum *sum = find_status(aggregate, status);

	if (!sum && aggregate->status_len >= WW_AGGREGATE_STATUS) {
		status = WW_STATUS_OTHER;
		sum = find_status(aggregate, status);
	}
	if (!sum) {
		sum = &aggregate->status[aggregate->status_len++];
		*sum = (struct ww_status_sum){.status = status};
	}
	sum->requests += requests;
}

int ww_aggregate__add_detail(struct ww_aggregate *aggregate, const struct ww_detail_sum *detail)
{
	int err = reserve_all(aggregate, 1, 0, 0, 0);

	if (!err)
		add_detail(aggregate, detail);
	return err;
}

int ww_aggregate__add_status(struct ww_aggregate *aggregate, uint16_t status, uint64_t requests)
{
	int err = reserve_all(aggregate, 0, 1, 0, 0);

	if (!err)
		add_status(aggregate, status, requests);
	return err;
}

int ww_aggregate__add(struct ww_aggregate *aggregate, const struct ww_sample *sample)
{
	uint64_t wall = 0;
	int err = reserve_all(aggregate, sample->details_len, 1, 1, ww_histogram__kinds(sample->kinds_ns));

	if (!err && sample->operations_known)
		err = ww_operation_sums__reserve(&aggregate->operations, sample->operations, sample->operations_len);
	if (err)
		return err;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		wall += sample->kinds_ns[kind];
		aggregate->kinds_ns[kind] += sample->kinds_ns[kind];
	}
	ww_histogram__add(&aggregate->histogram, ww_bucket(wall), 1, sample->kinds_ns);
	for (size_t i = 0; i < sample->details_len; i++)
		add_detail(aggregate, &sample->details[i]);
	add_status(aggregate, sample->status, 1);
	if (sample->operations_known) {
		ww_operation_sums__add(&aggregate->operations, sample->operations, sample->operations_len);
		aggregate->operations_requests++;
	}
	aggregate->requests++;
	aggregate->errors += ww_is_error(sample->status, sample->aborted);
	aggregate->aborted += sample->aborted;
	aggregate->attribution[sample->attribution]++;
	aggregate->cpu_ns += sample->cpu_ns;
	aggregate->bytes_in += sample->bytes_in;
	aggregate->bytes_out += sample->bytes_out;
	if (sample->allocations_weight)
		ww_allocated__add(&aggregate->allocated,
				  &(struct ww_allocated){1, sample->allocations_weight,
							 sample->allocations_weight * sample->allocations});
	if (aggregate->wall_max_ns < wall)
		aggregate->wall_max_ns = wall;
	if (aggregate->in_flight_max < sample->in_flight)
		aggregate->in_flight_max = sample->in_flight;
	return 0;
}

int ww_aggregate__merge(struct ww_aggregate *aggregate, const struct ww_aggregate *from)
{
	int err =
		reserve_all(aggregate, from->details_len, from->status_len, from->histogram.len, from->histogram.kinds);

	if (!err)
		err = ww_operation_sums__reserve_merge(&aggregate->operations, &from->operations);
	if (err)
		return err;
	ww_operation_sums__merge(&aggregate->operations, &from->operations);
	aggregate->operations_requests += from->operations_requests;
	ww_histogram__merge(&aggregate->histogram, &from->histogram);
	for (uint32_t i = 0; i < from->details_len; i++)
		add_detail(aggregate, &from->details[i]);
	for (uint32_t i = 0; i < from->status_len; i++)
		add_status(aggregate, from->status[i].status, from->status[i].requests);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		aggregate->kinds_ns[kind] += from->kinds_ns[kind];
	for (int i = 0; i < WW_ATTRIBUTION_COUNT; i++)
		aggregate->attribution[i] += from->attribution[i];
	aggregate->requests += from->requests;
	aggregate->errors += from->errors;
	aggregate->aborted += from->aborted;
	aggregate->cpu_ns += from->cpu_ns;
	aggregate->bytes_in += from->bytes_in;
	aggregate->bytes_out += from->bytes_out;
	ww_allocated__add(&aggregate->allocated, &from->allocated);
	if (aggregate->wall_max_ns < from->wall_max_ns)
		aggregate->wall_max_ns = from->wall_max_ns;
	if (aggregate->in_flight_max < from->in_flight_max)
		aggregate->in_flight_max = from->in_flight_max;
	return 0;
}

void ww_allocated__add(struct ww_allocated *allocated, const struct ww_allocated *more)
{
	allocated->requests += more->requests;
	allocated->weight += more->weight;
	allocated->allocations += more->allocations;
}

uint64_t ww_aggregate__wall_ns(const struct ww_aggregate *aggregate)
{
	uint64_t wall = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		wall += aggregate->kinds_ns[kind];
	return wall;
}
