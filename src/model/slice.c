/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/slice.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void ww_slice__free(struct ww_slice *slice)
{
	if (!slice)
		return;
	for (uint32_t i = 0; i < slice->cap; i++) {
		ww_aggregate__free(slice->by_endpoint[i]);
		free(slice->by_endpoint[i]);
	}
	free(slice->by_endpoint);
	free(slice->used);
	*slice = (struct ww_slice){0};
}

void ww_slice__clear(struct ww_slice *slice)
{
	for (uint32_t i = 0; i < slice->used_len; i++)
		ww_aggregate__clear(slice->by_endpoint[slice->used[i]]);
	slice->used_len = 0;
	slice->requests = 0;
	slice->buckets = 0;
	slice->operation_bytes = 0;
}

/* The aggregate of an endpoint, with room to list it as used; NULL when out of memory. */
static struct ww_aggregate *get(struct ww_slice *slice, uint32_t endpoint)
{
	if (endpoint >= slice->cap) {
		uint32_t cap = slice->cap ? slice->cap : 64;

		while (cap <= endpoint)
			cap *= 2;

		struct ww_aggregate **by_endpoint = reallocarray(slice->by_endpoint, cap, sizeof(*by_endpoint));

		if (!by_endpoint)
			return NULL;
		memset(by_endpoint + slice->cap, 0, (cap - slice->cap) * sizeof(*by_endpoint));
		slice->by_endpoint = by_endpoint;
		slice->cap = cap;
	}
	if (slice->used_len == slice->used_cap) {
		uint32_t cap = slice->used_cap ? slice->used_cap * 2 : 64;
		uint32_t *used = reallocarray(slice->used, cap, sizeof(*used));

		if (!used)
			return NULL;
		slice->used = used;
		slice->used_cap = cap;
	}
	if (!slice->by_endpoint[endpoint])
		slice->by_endpoint[endpoint] = calloc(1, sizeof(struct ww_aggregate));
	return slice->by_endpoint[endpoint];
}

/* What a slice counts of one of its aggregates. */
struct counts {
	uint64_t requests, buckets, operation_bytes;
};

static struct counts counts_of(const struct ww_aggregate *aggregate)
{
	return (struct counts){
		.requests = aggregate->requests,
		.buckets = aggregate->histogram.len,
		.operation_bytes = ww_operation_sums__bytes(&aggregate->operations),
	};
}

static void count(struct ww_slice *slice, uint32_t endpoint, const struct counts *before)
{
	const struct counts now = counts_of(slice->by_endpoint[endpoint]);

	if (!before->requests)
		slice->used[slice->used_len++] = endpoint;
	slice->requests += now.requests - before->requests;
	slice->buckets += now.buckets - before->buckets;
	slice->operation_bytes += now.operation_bytes - before->operation_bytes;
}

int ww_slice__add(struct ww_slice *slice, uint32_t endpoint, const struct ww_sample *sample)
{
	struct ww_aggregate *aggregate = get(slice, endpoint);

	if (!aggregate)
		return -ENOMEM;

	const struct counts before = counts_of(aggregate);
	int err = ww_aggregate__add(aggregate, sample);

	if (!err)
		count(slice, endpoint, &before);
	return err;
}

int ww_slice__merge_endpoint(struct ww_slice *slice, uint32_t endpoint, const struct ww_aggregate *from)
{
	struct ww_aggregate *aggregate;

	if (!from->requests)
		return 0;
	aggregate = get(slice, endpoint);
	if (!aggregate)
		return -ENOMEM;

	const struct counts before = counts_of(aggregate);
	int err = ww_aggregate__merge(aggregate, from);

	if (!err)
		count(slice, endpoint, &before);
	return err;
}

int ww_slice__merge(struct ww_slice *slice, const struct ww_slice *from)
{
	for (uint32_t i = 0; i < from->used_len; i++) {
		int err = ww_slice__merge_endpoint(slice, from->used[i], from->by_endpoint[from->used[i]]);

		if (err)
			return err;
	}
	return 0;
}

int ww_slice__join(struct ww_slice *slice, const uint32_t *alike)
{
	struct ww_slice joined = {0};
	bool apart = true;
	int err = 0;

	for (uint32_t i = 0; i < slice->used_len; i++)
		apart &= alike[slice->used[i]] == slice->used[i];
	if (apart)
		return 0;
	for (uint32_t i = 0; !err && i < slice->used_len; i++) {
		uint32_t endpoint = slice->used[i];

		err = ww_slice__merge_endpoint(&joined, alike[endpoint], slice->by_endpoint[endpoint]);
	}
	if (err) {
		ww_slice__free(&joined);
		return err;
	}
	ww_slice__free(slice);
	*slice = joined;
	return 0;
}
