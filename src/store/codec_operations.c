/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "store/codec.h"

static struct ww_reader reader_of(const void *data, size_t len)
{
	const uint8_t *at = len ? data : (const uint8_t *)"";

	return (struct ww_reader){.at = at, .end = at + len};
}

void ww_codec__put_durations(struct ww_bytes *bytes, const struct ww_operation_sum *sum)
{
	uint64_t used = 0;
	uint32_t before = 0;

	for (uint16_t i = 0; i < sum->durations_len; i++)
		used += sum->durations[i].count > 0;
	ww_bytes__put_number(bytes, used);
	for (uint16_t i = 0; i < sum->durations_len; i++) {
		if (!sum->durations[i].count)
			continue;
		ww_bytes__put_number(bytes, sum->durations[i].index - before);
		ww_bytes__put_number(bytes, sum->durations[i].count);
		before = sum->durations[i].index;
	}
}

static int read_durations(struct ww_reader *reader, struct ww_operation_sum *sum)
{
	uint64_t len = ww_reader__number(reader), index = 0, left = sum->count;
	struct ww_duration_count *durations;

	/* Each takes two bytes at least. */
	if (reader->failed || !len || len > WW_DURATIONS || len > (uint64_t)(reader->end - reader->at) / 2)
		return -EBADMSG;
	durations = calloc(len, sizeof(*durations));
	if (!durations)
		return -ENOMEM;
	for (uint64_t at = 0; at < len; at++) {
		uint64_t more = ww_reader__number(reader), count = ww_reader__number(reader);

		index += more;
		if (reader->failed || more >= WW_DURATIONS || (at && !more) || index >= WW_DURATIONS || !count ||
		    count > left || count > WW_DURATION_MOST) {
			free(durations);
			return -EBADMSG;
		}
		left -= count;
		durations[at].index = (uint16_t)index;
		durations[at].count = count & WW_DURATION_MOST;
	}
	if (left) {
		free(durations);
		return -EBADMSG;
	}
	sum->durations = durations;
	sum->durations_len = sum->durations_cap = (uint16_t)len;
	return 0;
}

int ww_codec__read_durations(const void *data, size_t len, struct ww_operation_sum *sum)
{
	struct ww_reader reader = reader_of(data, len);
	struct ww_operation_sum read = {.count = sum->count};
	int err = read_durations(&reader, &read);

	if (!err && reader.at != reader.end) {
		free(read.durations);
		err = -EBADMSG;
	}
	if (err)
		return err;
	sum->durations = read.durations;
	sum->durations_len = read.durations_len;
	sum->durations_cap = read.durations_cap;
	return 0;
}

static void put_sum(struct ww_bytes *bytes, const struct ww_operation_sum *sum)
{
	ww_bytes__put_number(bytes, sum->name);
	ww_bytes__put_number(bytes, sum->requests);
	ww_bytes__put_number(bytes, sum->count);
	ww_bytes__put_number(bytes, sum->errors);
	ww_bytes__put_number(bytes, sum->ns);
	ww_bytes__put_number(bytes, sum->max_ns);
	ww_bytes__put_number(bytes, sum->bytes_out);
	ww_bytes__put_number(bytes, sum->bytes_in);
	ww_bytes__put_number(bytes, sum->flags);
	ww_codec__put_durations(bytes, sum);
}

/* The durations of *sum are the caller's, to be freed. */
static int read_sum(struct ww_reader *reader, const struct ww_catalog *catalog, struct ww_operation_sum *sum)
{
	uint64_t name = ww_reader__number(reader), flags;
	struct ww_operation_sum read = {.requests = ww_reader__number(reader)};
	int err;

	read.count = ww_reader__number(reader);
	read.errors = ww_reader__number(reader);
	read.ns = ww_reader__number(reader);
	read.max_ns = ww_reader__number(reader);
	read.bytes_out = ww_reader__number(reader);
	read.bytes_in = ww_reader__number(reader);
	flags = ww_reader__number(reader);
	if (reader->failed || name >= ww_intern__len(catalog->operations) || flags > UINT16_MAX)
		return -EBADMSG;
	read.name = (uint32_t)name;
	read.flags = (uint16_t)flags;
	read.kind = ww_catalog__operation_name(catalog, read.name).kind;
	err = read_durations(reader, &read);
	if (!err)
		*sum = read;
	return err;
}

void ww_codec__put_operations(struct ww_bytes *bytes, const struct ww_slice *slice)
{
	for (uint32_t i = 0; i < slice->used_len; i++) {
		const struct ww_aggregate *aggregate = slice->by_endpoint[slice->used[i]];
		uint64_t used = 0;

		if (!aggregate->operations_requests)
			continue;
		for (uint32_t row = 0; row < aggregate->operations.len; row++)
			used += aggregate->operations.sums[row].count > 0;
		ww_bytes__put_number(bytes, slice->used[i]);
		ww_bytes__put_number(bytes, aggregate->operations_requests);
		ww_bytes__put_number(bytes, used);
		for (uint32_t row = 0; row < aggregate->operations.len; row++) {
			if (aggregate->operations.sums[row].count)
				put_sum(bytes, &aggregate->operations.sums[row]);
		}
	}
}

int ww_codec__read_operations(const void *data, size_t len, uint32_t endpoints, const struct ww_catalog *catalog,
			      bool (*wanted)(const void *ctx, uint32_t endpoint), const void *ctx,
			      struct ww_slice *slice)
{
	struct ww_reader reader = reader_of(data, len);
	int err = 0;

	while (!err && reader.at < reader.end) {
		uint64_t endpoint = ww_reader__number(&reader), requests = ww_reader__number(&reader);
		uint64_t rows = ww_reader__number(&reader);
		struct ww_aggregate *aggregate = NULL;

		if (reader.failed || endpoint >= endpoints)
			return -EBADMSG;
		if (wanted(ctx, (uint32_t)endpoint)) {
			aggregate = endpoint < slice->cap ? slice->by_endpoint[endpoint] : NULL;
			if (!aggregate || !aggregate->requests)
				return -EBADMSG;
			aggregate->operations_requests += requests;
		}
		for (; rows && !err; rows--) {
			struct ww_operation_sum sum = {0};

			err = read_sum(&reader, catalog, &sum);
			if (!err && aggregate)
				err = ww_operation_sums__add_row(&aggregate->operations, &sum);
			free(sum.durations);
		}
	}
	return err;
}
