/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/histogram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 4

void ww_histogram__free(struct ww_histogram *histogram)
{
	if (!histogram)
		return;
	free(histogram->buckets);
	free(histogram->order);
	*histogram = (struct ww_histogram){0};
}

void ww_histogram__clear(struct ww_histogram *histogram)
{
	/* Nor is one of an interval with an outage kept as large for ever. */
	if (histogram->cap > 2 * FIRST_CAP && histogram->len < histogram->cap / 2)
		ww_histogram__free(histogram);
	histogram->len = 0;
}

int ww_histogram__reserve(struct ww_histogram *histogram, uint32_t more)
{
	uint32_t need = histogram->len + more, cap = histogram->cap ? histogram->cap : FIRST_CAP;

	if (need <= histogram->cap)
		return 0;
	/* There is one for each endpoint: what is kept free in all of them is much. */
	while (cap < need)
		cap += cap / 2;

	struct ww_bucket *buckets = reallocarray(histogram->buckets, cap, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	histogram->buckets = buckets;

	struct ww_bucket_place *order = reallocarray(histogram->order, cap, sizeof(*order));

	if (!order)
		return -ENOMEM;
	histogram->order = order;
	histogram->cap = cap;
	return 0;
}

/* The first position whose index is not below `index`. */
static uint32_t lower_bound(const struct ww_histogram *histogram, uint32_t index)
{
	uint32_t low = 0, high = histogram->len;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (histogram->order[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int ww_histogram__add(struct ww_histogram *histogram, uint32_t index, uint64_t count,
		      const uint64_t kinds_ns[WW_KIND_COUNT])
{
	uint32_t position = lower_bound(histogram, index);

	if (position == histogram->len || histogram->order[position].index != index) {
		if (ww_histogram__reserve(histogram, 1))
			return -ENOMEM;
		memmove(&histogram->order[position + 1], &histogram->order[position],
			(histogram->len - position) * sizeof(*histogram->order));
		histogram->order[position].index = (uint16_t)index;
		histogram->order[position].place = (uint16_t)histogram->len;
		histogram->buckets[histogram->len] = (struct ww_bucket){0};
		histogram->len++;
	}

	struct ww_bucket *bucket = &histogram->buckets[histogram->order[position].place];

	bucket->count += count;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		bucket->kinds_ns[kind] += kinds_ns[kind];
	return 0;
}

int ww_histogram__merge(struct ww_histogram *histogram, const struct ww_histogram *from)
{
	for (uint32_t position = 0; position < from->len; position++) {
		uint32_t index;
		const struct ww_bucket *bucket = ww_histogram__at(from, position, &index);
		int err = ww_histogram__add(histogram, index, bucket->count, bucket->kinds_ns);

		if (err)
			return err;
	}
	return 0;
}

const struct ww_bucket *ww_histogram__at(const struct ww_histogram *histogram, uint32_t position, uint32_t *index)
{
	*index = histogram->order[position].index;
	return &histogram->buckets[histogram->order[position].place];
}

uint64_t ww_histogram__count(const struct ww_histogram *histogram)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < histogram->len; i++)
		count += histogram->buckets[i].count;
	return count;
}

uint32_t ww_histogram__position(const struct ww_histogram *histogram, unsigned percent)
{
	uint64_t count = ww_histogram__count(histogram);
	/* ceil(count * percent / 100) without overflow */
	uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
	uint64_t seen = 0;
	uint32_t position = 0;

	for (; position < histogram->len - 1; position++) {
		seen += histogram->buckets[histogram->order[position].place].count;
		if (seen >= rank)
			break;
	}
	return position;
}

uint64_t ww_histogram__quantile(const struct ww_histogram *histogram, unsigned percent)
{
	uint32_t position = ww_histogram__position(histogram, percent);
	const struct ww_bucket *bucket = &histogram->buckets[histogram->order[position].place];
	uint64_t wall = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		wall += bucket->kinds_ns[kind];
	return wall / bucket->count;
}
