/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long requests took, in log-linear buckets (whywait/latency.h) that also carry the summed kinds of their requests:
 * so every quantile and the tail have a breakdown of their own. Only buckets that are used take memory, at most
 * WW_BUCKETS. Merging loses nothing.
 */
#ifndef WHYWAIT_HISTOGRAM_H
#define WHYWAIT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "whywait/abi.h"
#include "whywait/latency.h"

struct ww_bucket {
	uint64_t count;			  /* requests */
	uint64_t kinds_ns[WW_KIND_COUNT]; /* summed over them: sums to their summed wall time */
};

/*
 * All zeros is an empty one. There is one for each endpoint, and requests of one know few kinds: of a bucket only those
 * are kept that any bucket has time of.
 */
struct ww_histogram {
	uint64_t *rows; /* of buckets, in the order of their first use: the count, and the time of each of `kinds` */
	struct ww_bucket_place {
		uint16_t index; /* ww_bucket() of the wall time */
		uint16_t place; /* in `rows` */
	} * order;		/* by index */
	uint32_t len, cap;
	uint32_t room;	/* words that `rows` has memory for */
	uint32_t kinds; /* set of bits */
};
_Static_assert(WW_BUCKETS <= UINT16_MAX, "a bucket's index fits struct ww_bucket_place");
_Static_assert(WW_KIND_COUNT < 32, "a set of kinds fits");

/* NULL-safe. Frees the content, not `histogram` itself, which is empty then. */
void ww_histogram__free(struct ww_histogram *histogram);

/* Empties it and keeps its memory. */
void ww_histogram__clear(struct ww_histogram *histogram);

/* Adds `count` requests whose wall times fall into the bucket `index`. -ENOMEM leaves it as it was. */
int ww_histogram__add(struct ww_histogram *histogram, uint32_t index, uint64_t count,
		      const uint64_t kinds_ns[WW_KIND_COUNT]);

/* Adds all of `from`. -ENOMEM may leave a part added: make room first with ww_histogram__reserve(). */
int ww_histogram__merge(struct ww_histogram *histogram, const struct ww_histogram *from);

/* The set of kinds that have time. */
uint32_t ww_histogram__kinds(const uint64_t kinds_ns[WW_KIND_COUNT]);

/* Makes room for `more` buckets that are not used yet, and for time of `kinds`, so that adding as many can't fail. */
int ww_histogram__reserve(struct ww_histogram *histogram, uint32_t more, uint32_t kinds);

/* The bucket at a position in the order of wall time, 0 <= position < len; *index is its index. */
struct ww_bucket ww_histogram__at(const struct ww_histogram *histogram, uint32_t position, uint32_t *index);

/* Requests in all buckets. */
uint64_t ww_histogram__count(const struct ww_histogram *histogram);

/*
 * The position of the bucket that holds the quantile percent/100 by nearest rank: the smallest wall time that at least
 * so many percent of the requests do not exceed. The histogram must not be empty.
 */
uint32_t ww_histogram__position(const struct ww_histogram *histogram, unsigned percent);

/* The mean wall time of the requests in that bucket, in ns: less than 1/128 from each of them. */
uint64_t ww_histogram__quantile(const struct ww_histogram *histogram, unsigned percent);

#endif
