/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/histogram.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 4

static uint32_t stride_of(uint32_t kinds)
{
	return 1 + (uint32_t)__builtin_popcount(kinds);
}

static uint64_t *row_at(const struct ww_histogram *histogram, uint32_t position)
{
	return &histogram->rows[histogram->order[position].place * stride_of(histogram->kinds)];
}

void ww_histogram__free(struct ww_histogram *histogram)
{
	if (!histogram)
		return;
	free(histogram->rows);
	free(histogram->order);
	*histogram = (struct ww_histogram){0};
}

void ww_histogram__clear(struct ww_histogram *histogram)
{
	/* Nor is one of an interval with an outage kept as large for ever. */
	if (histogram->cap > 2 * FIRST_CAP && histogram->len < histogram->cap / 2)
		ww_histogram__free(histogram);
	histogram->len = 0;
	histogram->kinds = 0;
}

uint32_t ww_histogram__kinds(const uint64_t kinds_ns[WW_KIND_COUNT])
{
	uint32_t kinds = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		kinds |= (uint32_t)(kinds_ns[kind] > 0) << kind;
	return kinds;
}

/* Moves what is in the rows to where it is in rows of more kinds: from the end on, as nothing moves to the front. */
static void spread(struct ww_histogram *histogram, uint32_t kinds)
{
	const uint64_t *from = histogram->rows + histogram->len * stride_of(histogram->kinds);
	uint64_t *to = histogram->rows + histogram->len * stride_of(kinds);

	for (uint32_t row = 0; row < histogram->len; row++) {
		for (int kind = WW_KIND_COUNT - 1; kind >= 0; kind--)
			if (kinds >> kind & 1)
				*--to = histogram->kinds >> kind & 1 ? *--from : 0;
		*--to = *--from;
	}
	histogram->kinds = kinds;
}

int ww_histogram__reserve(struct ww_histogram *histogram, uint32_t more, uint32_t kinds)
{
	uint32_t need = histogram->len + more, cap = histogram->cap ? histogram->cap : FIRST_CAP, room;

	kinds |= histogram->kinds;
	/* What is kept free in all of them is much. */
	while (cap < need)
		cap += cap / 2;
	if (cap > histogram->cap) {
		struct ww_bucket_place *order = reallocarray(histogram->order, cap, sizeof(*order));

		if (!order)
			return -ENOMEM;
		histogram->order = order;
		histogram->cap = cap;
	}
	room = cap * stride_of(kinds);
	if (room > histogram->room) {
		uint64_t *rows = reallocarray(histogram->rows, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		histogram->rows = rows;
		histogram->room = room;
	}
	if (kinds != histogram->kinds)
		spread(histogram, kinds);
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
	uint32_t position = lower_bound(histogram, index), kinds = ww_histogram__kinds(kinds_ns);
	bool new = position == histogram->len || histogram->order[position].index != index;

	if ((new || kinds & ~histogram->kinds) && ww_histogram__reserve(histogram, new, kinds))
		return -ENOMEM;
	if (new) {
		memmove(&histogram->order[position + 1], &histogram->order[position],
			(histogram->len - position) * sizeof(*histogram->order));
		histogram->order[position].index = (uint16_t)index;
		histogram->order[position].place = (uint16_t)histogram->len;
		histogram->len++;
		memset(row_at(histogram, position), 0, stride_of(histogram->kinds) * sizeof(*histogram->rows));
	}

	uint64_t *at = row_at(histogram, position);

	*at += count;
	for (uint32_t left = histogram->kinds; left; left &= left - 1)
		*++at += kinds_ns[__builtin_ctz(left)];
	return 0;
}

int ww_histogram__merge(struct ww_histogram *histogram, const struct ww_histogram *from)
{
	for (uint32_t position = 0; position < from->len; position++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(from, position, &index);
		int err = ww_histogram__add(histogram, index, bucket.count, bucket.kinds_ns);

		if (err)
			return err;
	}
	return 0;
}

struct ww_bucket ww_histogram__at(const struct ww_histogram *histogram, uint32_t position, uint32_t *index)
{
	const uint64_t *at = row_at(histogram, position);
	struct ww_bucket bucket = {.count = *at};

	for (uint32_t left = histogram->kinds; left; left &= left - 1)
		bucket.kinds_ns[__builtin_ctz(left)] = *++at;
	*index = histogram->order[position].index;
	return bucket;
}

uint64_t ww_histogram__count(const struct ww_histogram *histogram)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < histogram->len; i++)
		count += *row_at(histogram, i);
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
		seen += *row_at(histogram, position);
		if (seen >= rank)
			break;
	}
	return position;
}

uint64_t ww_histogram__quantile(const struct ww_histogram *histogram, unsigned percent)
{
	const uint64_t *row = row_at(histogram, ww_histogram__position(histogram, percent));
	uint64_t wall = 0;

	for (uint32_t i = 1; i < stride_of(histogram->kinds); i++)
		wall += row[i];
	return wall / *row;
}
