/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Aggregates as bytes, as the recording keeps them. docs/schema.md describes the format. */
#ifndef WHYWAIT_CODEC_H
#define WHYWAIT_CODEC_H

#include "model/blocks.h"
#include "model/catalog.h"
#include "model/slice.h"
#include "util/bytes.h"

/* Appends a histogram. */
void ww_codec__put_histogram(struct ww_bytes *bytes, const struct ww_histogram *histogram);

/*
 * Adds a histogram that was read to `histogram`, and its sums over all buckets to kinds_ns and *requests. The reader
 * must end with it. -EBADMSG when it is not one, -ENOMEM; both may leave a part added.
 */
int ww_codec__read_histogram(const void *data, size_t len, struct ww_histogram *histogram,
			     uint64_t kinds_ns[WW_KIND_COUNT], uint64_t *requests);

/* Appends every endpoint of a slice. */
void ww_codec__put_slice(struct ww_bytes *bytes, const struct ww_slice *slice);

/*
 * Adds every endpoint for which `wanted` says so to `slice`. Endpoint ids from `endpoints` on and names from `names` on
 * are not known. -EBADMSG when it is not a slice, -ENOMEM; both may leave a part added.
 */
int ww_codec__read_slice(const void *data, size_t len, uint32_t endpoints, uint32_t names,
			 bool (*wanted)(const void *ctx, uint32_t endpoint), const void *ctx, struct ww_slice *slice);

/* Appends how long the operations of a row took. */
void ww_codec__put_durations(struct ww_bytes *bytes, const struct ww_operation_sum *sum);

/*
 * Sets the durations of `sum`, whose count says how many there are, from what was put; to be freed by the caller.
 * -EBADMSG, -ENOMEM: the sum is as it was.
 */
int ww_codec__read_durations(const void *data, size_t len, struct ww_operation_sum *sum);

/* Appends the operations of every endpoint of a slice that has any requests whose operations are known. */
void ww_codec__put_operations(struct ww_bytes *bytes, const struct ww_slice *slice);

/* Adds them to the endpoints that are in the slice and wanted; the rest as ww_codec__read_slice(). */
int ww_codec__read_operations(const void *data, size_t len, uint32_t endpoints, const struct ww_catalog *catalog,
			      bool (*wanted)(const void *ctx, uint32_t endpoint), const void *ctx,
			      struct ww_slice *slice);

/* Appends the blocks of an endpoint in an interval: they begin with whole seconds of it. */
void ww_codec__put_blocks(struct ww_bytes *bytes, const struct ww_blocks *blocks, int64_t interval);

/* Of times that a damaged file may have anything for: it wraps around. */
static inline int64_t ww_wrapping_sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Adds blocks that were put, and their requests to *requests. -EBADMSG, -ENOMEM; both may leave a part added. */
int ww_codec__read_blocks(const void *data, size_t len, int64_t interval, uint64_t *requests, struct ww_blocks *blocks);

#endif
