/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/codec.h"

#include <errno.h>

/* SQLite gives NULL for a blob that is empty, and nothing may be added to that. */
static struct ww_reader reader_of(const void *data, size_t len)
{
	const uint8_t *at = len ? data : (const uint8_t *)"";

	return (struct ww_reader){.at = at, .end = at + len};
}

static void put_buckets(struct ww_bytes *bytes, const struct ww_histogram *histogram)
{
	uint32_t before = 0;

	ww_bytes__put_number(bytes, histogram->len);
	for (uint32_t at = 0; at < histogram->len; at++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(histogram, at, &index);

		ww_bytes__put_number(bytes, index - before);
		ww_bytes__put_number(bytes, bucket.count);
		ww_bytes__put_number(bytes, ww_histogram__kinds(bucket.kinds_ns));
		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			if (bucket.kinds_ns[kind])
				ww_bytes__put_number(bytes, bucket.kinds_ns[kind]);
		}
		before = index;
	}
}

static int read_buckets(struct ww_reader *reader, struct ww_histogram *histogram, uint64_t kinds_ns[WW_KIND_COUNT],
			uint64_t *requests)
{
	uint64_t len = ww_reader__number(reader), index = 0;

	if (reader->failed || len > WW_BUCKETS)
		return -EBADMSG;
	for (uint64_t at = 0; at < len; at++) {
		uint64_t bucket_kinds_ns[WW_KIND_COUNT] = {0};
		uint64_t more = ww_reader__number(reader), count = ww_reader__number(reader);
		uint64_t mask = ww_reader__number(reader);

		if (reader->failed || more >= WW_BUCKETS || (at && !more) || !count || mask >> WW_KIND_COUNT)
			return -EBADMSG;
		index += more;
		if (index >= WW_BUCKETS)
			return -EBADMSG;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			if (mask >> kind & 1)
				bucket_kinds_ns[kind] = ww_reader__number(reader);
			kinds_ns[kind] += bucket_kinds_ns[kind];
		}
		if (reader->failed)
			return -EBADMSG;
		*requests += count;

		int err = ww_histogram__add(histogram, (uint32_t)index, count, bucket_kinds_ns);

		if (err)
			return err;
	}
	return 0;
}

void ww_codec__put_histogram(struct ww_bytes *bytes, const struct ww_histogram *histogram)
{
	put_buckets(bytes, histogram);
}

int ww_codec__read_histogram(const void *data, size_t len, struct ww_histogram *histogram,
			     uint64_t kinds_ns[WW_KIND_COUNT], uint64_t *requests)
{
	struct ww_reader reader = reader_of(data, len);
	int err = read_buckets(&reader, histogram, kinds_ns, requests);

	if (!err && (reader.failed || reader.at != reader.end))
		err = -EBADMSG;
	return err;
}

static void put_aggregate(struct ww_bytes *bytes, const struct ww_aggregate *aggregate)
{
	ww_bytes__put_number(bytes, aggregate->errors);
	ww_bytes__put_number(bytes, aggregate->aborted);
	for (int i = 0; i < WW_ATTRIBUTION_COUNT; i++)
		ww_bytes__put_number(bytes, aggregate->attribution[i]);
	ww_bytes__put_number(bytes, aggregate->wall_max_ns);
	ww_bytes__put_number(bytes, aggregate->cpu_ns);
	ww_bytes__put_number(bytes, aggregate->bytes_in);
	ww_bytes__put_number(bytes, aggregate->bytes_out);
	ww_bytes__put_number(bytes, aggregate->in_flight_max);
	ww_bytes__put_number(bytes, aggregate->status_len);
	for (uint32_t i = 0; i < aggregate->status_len; i++) {
		ww_bytes__put_number(bytes, aggregate->status[i].status);
		ww_bytes__put_number(bytes, aggregate->status[i].requests);
	}
	ww_bytes__put_number(bytes, aggregate->details_len);
	for (uint32_t i = 0; i < aggregate->details_len; i++) {
		ww_bytes__put_number(bytes, aggregate->details[i].kind);
		ww_bytes__put_number(bytes, aggregate->details[i].name);
		ww_bytes__put_number(bytes, aggregate->details[i].ns);
		ww_bytes__put_number(bytes, aggregate->details[i].count);
	}
	put_buckets(bytes, &aggregate->histogram);
}

static int read_aggregate(struct ww_reader *reader, uint32_t names, struct ww_aggregate *aggregate)
{
	int err = 0;

	aggregate->errors = ww_reader__number(reader);
	aggregate->aborted = ww_reader__number(reader);
	for (int i = 0; i < WW_ATTRIBUTION_COUNT; i++)
		aggregate->attribution[i] = ww_reader__number(reader);
	aggregate->wall_max_ns = ww_reader__number(reader);
	aggregate->cpu_ns = ww_reader__number(reader);
	aggregate->bytes_in = ww_reader__number(reader);
	aggregate->bytes_out = ww_reader__number(reader);
	aggregate->in_flight_max = ww_reader__number(reader);
	for (uint64_t left = ww_reader__number(reader); left && !reader->failed && !err; left--) {
		uint64_t status = ww_reader__number(reader), requests = ww_reader__number(reader);

		if (status > UINT16_MAX)
			return -EBADMSG;
		err = ww_aggregate__add_status(aggregate, (uint16_t)status, requests);
	}
	for (uint64_t left = ww_reader__number(reader); left && !reader->failed && !err; left--) {
		uint64_t kind = ww_reader__number(reader), name = ww_reader__number(reader);
		struct ww_detail_sum detail = {.ns = ww_reader__number(reader)};

		detail.count = ww_reader__number(reader);
		if (kind >= WW_KIND_COUNT || name >= names)
			return -EBADMSG;
		detail.kind = (uint8_t)kind;
		detail.name = (uint32_t)name;
		err = ww_aggregate__add_detail(aggregate, &detail);
	}
	if (err)
		return err;
	if (reader->failed)
		return -EBADMSG;
	return read_buckets(reader, &aggregate->histogram, aggregate->kinds_ns, &aggregate->requests);
}

void ww_codec__put_slice(struct ww_bytes *bytes, const struct ww_slice *slice)
{
	for (uint32_t i = 0; i < slice->used_len; i++) {
		ww_bytes__put_number(bytes, slice->used[i]);
		put_aggregate(bytes, slice->by_endpoint[slice->used[i]]);
	}
}

int ww_codec__read_slice(const void *data, size_t len, uint32_t endpoints, uint32_t names,
			 bool (*wanted)(const void *ctx, uint32_t endpoint), const void *ctx, struct ww_slice *slice)
{
	struct ww_reader reader = reader_of(data, len);
	struct ww_aggregate aggregate = {0};
	int err = 0;

	while (!err && reader.at < reader.end) {
		uint64_t endpoint = ww_reader__number(&reader);

		ww_aggregate__clear(&aggregate);
		err = endpoint < endpoints ? read_aggregate(&reader, names, &aggregate) : -EBADMSG;
		if (!err && wanted(ctx, (uint32_t)endpoint))
			err = ww_slice__merge_endpoint(slice, (uint32_t)endpoint, &aggregate);
	}
	ww_aggregate__free(&aggregate);
	return err;
}
