/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/operation_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/catalog.h"

void ww_operation_sums__free(struct ww_operation_sums *sums)
{
	if (!sums)
		return;
	for (uint32_t i = 0; i < sums->used; i++)
		free(sums->sums[i].durations);
	free(sums->sums);
	*sums = (struct ww_operation_sums){0};
}

void ww_operation_sums__clear(struct ww_operation_sums *sums)
{
	sums->len = sums->durations = 0;
}

static struct ww_operation_sum *find(const struct ww_operation_sums *sums, uint32_t name)
{
	for (uint32_t i = 0; i < sums->len; i++) {
		if (sums->sums[i].name == name)
			return &sums->sums[i];
	}
	return NULL;
}

/* A new row, empty; NULL when out of memory. */
static struct ww_operation_sum *new_row(struct ww_operation_sums *sums, uint32_t name, uint8_t kind)
{
	struct ww_operation_sum *row, kept = {0};

	if (sums->len == sums->cap) {
		uint32_t cap = sums->cap ? sums->cap * 2 : 2;

		row = reallocarray(sums->sums, cap, sizeof(*row));
		if (!row)
			return NULL;
		sums->sums = row;
		sums->cap = cap;
	}
	row = &sums->sums[sums->len];
	if (sums->len < sums->used)
		kept = *row;
	*row = (struct ww_operation_sum){
		.durations = kept.durations,
		.durations_cap = kept.durations_cap,
		.name = name,
		.flags = UINT16_MAX,
		.kind = kind,
	};
	sums->len++;
	if (sums->used < sums->len)
		sums->used = sums->len;
	return row;
}

/* The row that a name is summed in: its own or, where there are too many, that of the rest. NULL: there is none yet. */
static struct ww_operation_sum *row_of(const struct ww_operation_sums *sums, uint32_t *name, uint8_t kind)
{
	struct ww_operation_sum *row = find(sums, *name);

	if (row || sums->len < WW_OPERATION_SUMS)
		return row;
	*name = ww_operation_other(kind);
	return find(sums, *name);
}

static struct ww_operation_sum *make_row(struct ww_operation_sums *sums, uint32_t name, uint8_t kind)
{
	struct ww_operation_sum *row = row_of(sums, &name, kind);

	return row ? row : new_row(sums, name, kind);
}

/* The first place whose index is not below `index`. */
static uint16_t lower_bound(const struct ww_operation_sum *row, uint16_t index)
{
	uint16_t low = 0, high = row->durations_len;

	while (low < high) {
		uint16_t middle = (uint16_t)((low + high) / 2);

		if (row->durations[middle].index < index)
			low = (uint16_t)(middle + 1);
		else
			high = middle;
	}
	return low;
}

/* Makes a bucket with a count of 0, where there is none yet. */
static int make_bucket(struct ww_operation_sums *sums, struct ww_operation_sum *row, uint16_t index)
{
	uint16_t at = lower_bound(row, index);

	if (at < row->durations_len && row->durations[at].index == index)
		return 0;
	if (row->durations_len == row->durations_cap) {
		uint16_t cap = row->durations_cap ? (uint16_t)(row->durations_cap * 2) : 2;
		struct ww_duration_count *durations = reallocarray(row->durations, cap, sizeof(*durations));

		if (!durations)
			return -ENOMEM;
		row->durations = durations;
		row->durations_cap = cap;
	}
	memmove(&row->durations[at + 1], &row->durations[at],
		(size_t)(row->durations_len - at) * sizeof(*row->durations));
	row->durations[at] = (struct ww_duration_count){.index = index};
	row->durations_len++;
	sums->durations++;
	return 0;
}

static uint16_t index_of(uint64_t ns)
{
	return (uint16_t)(ww_bucket(ns) >> WW_DURATION_SHIFT);
}

int ww_operation_sums__reserve(struct ww_operation_sums *sums, const struct ww_sample_operation *operations, size_t len)
{
	int err = 0;

	for (size_t i = 0; i < len && !err; i++) {
		struct ww_operation_sum *row = make_row(sums, operations[i].name, operations[i].kind);

		err = row ? make_bucket(sums, row, index_of(operations[i].duration_ns)) : -ENOMEM;
	}
	return err;
}

void ww_operation_sums__add(struct ww_operation_sums *sums, const struct ww_sample_operation *operations, size_t len)
{
	sums->adding++;
	for (size_t i = 0; i < len; i++) {
		const struct ww_sample_operation *operation = &operations[i];
		uint32_t name = operation->name;
		struct ww_operation_sum *row = row_of(sums, &name, operation->kind);

		row->requests += row->last != sums->adding;
		row->last = sums->adding;
		row->count++;
		row->errors += operation->error;
		row->ns += operation->duration_ns;
		if (row->max_ns < operation->duration_ns)
			row->max_ns = operation->duration_ns;
		row->bytes_out += operation->bytes_out;
		row->bytes_in += operation->bytes_in;
		row->flags &= operation->flags;
		row->durations[lower_bound(row, index_of(operation->duration_ns))].count++;
	}
}

static int reserve_row(struct ww_operation_sums *sums, const struct ww_operation_sum *from)
{
	struct ww_operation_sum *row = make_row(sums, from->name, from->kind);
	int err = row ? 0 : -ENOMEM;

	for (uint16_t i = 0; i < from->durations_len && !err; i++)
		err = make_bucket(sums, row, from->durations[i].index);
	return err;
}

static void add_row(struct ww_operation_sums *sums, const struct ww_operation_sum *from)
{
	uint32_t name = from->name;
	struct ww_operation_sum *row = row_of(sums, &name, from->kind);

	row->requests += from->requests;
	row->count += from->count;
	row->errors += from->errors;
	row->ns += from->ns;
	if (row->max_ns < from->max_ns)
		row->max_ns = from->max_ns;
	row->bytes_out += from->bytes_out;
	row->bytes_in += from->bytes_in;
	row->flags &= from->flags;
	for (uint16_t i = 0; i < from->durations_len; i++)
		row->durations[lower_bound(row, from->durations[i].index)].count += from->durations[i].count;
}

int ww_operation_sums__reserve_merge(struct ww_operation_sums *sums, const struct ww_operation_sums *from)
{
	int err = 0;

	for (uint32_t i = 0; i < from->len && !err; i++)
		err = reserve_row(sums, &from->sums[i]);
	return err;
}

void ww_operation_sums__merge(struct ww_operation_sums *sums, const struct ww_operation_sums *from)
{
	for (uint32_t i = 0; i < from->len; i++)
		add_row(sums, &from->sums[i]);
}

int ww_operation_sums__add_row(struct ww_operation_sums *sums, const struct ww_operation_sum *row)
{
	int err = reserve_row(sums, row);

	if (!err)
		add_row(sums, row);
	return err;
}

uint64_t ww_operation_sum__quantile(const struct ww_operation_sum *sum, unsigned percent)
{
	/* ceil(count * percent / 100) without overflow */
	uint64_t rank = sum->count / 100 * percent + (sum->count % 100 * percent + 99) / 100;
	uint64_t seen = 0, middle;
	uint32_t first;
	uint16_t at = 0;

	if (rank == sum->count)
		return sum->max_ns;
	for (; at < sum->durations_len - 1; at++) {
		seen += sum->durations[at].count;
		if (seen >= rank)
			break;
	}
	first = (uint32_t)sum->durations[at].index << WW_DURATION_SHIFT;
	middle = ww_bucket_low(first) + (ww_bucket_width(first) << WW_DURATION_SHIFT) / 2;
	return middle < sum->max_ns ? middle : sum->max_ns;
}
