/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The operations of many requests, summed by name, with how long they took in log-linear buckets. Sums are exact; they
 * merge without loss.
 */
#ifndef WHYWAIT_OPERATION_SUMS_H
#define WHYWAIT_OPERATION_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whywait/latency.h"

#define WW_OPERATION_SUMS 128 /* names that are summed on their own; the rest goes to ww_operation_other() */

/*
 * Buckets of four of whywait/latency.h, 32 per power of two: 3 % wide, and eight bytes each, since there may be many
 * of them for each name of each endpoint.
 */
#define WW_DURATION_SHIFT 2
#define WW_DURATIONS	  (WW_BUCKETS >> WW_DURATION_SHIFT)

#define WW_DURATION_MOST ((1ull << 48) - 1) /* that a bucket counts */

struct ww_duration_count {
	uint64_t index : 16;
	uint64_t count : 48;
};

/* An operation, as it is added. */
struct ww_sample_operation {
	uint64_t duration_ns;
	uint64_t bytes_out, bytes_in;
	uint32_t name; /* ww_catalog__operation() */
	uint16_t flags;
	uint8_t kind;
	bool error;
};

struct ww_operation_sum {
	uint64_t requests; /* that had at least one; of ww_operation_other() at most so many */
	uint64_t count;	   /* 0: the row is to be ignored */
	uint64_t errors;
	uint64_t ns, max_ns;
	uint64_t bytes_out, bytes_in;
	struct ww_duration_count *durations; /* by index; a count of 0 is to be ignored */
	uint16_t durations_len, durations_cap;
	uint32_t name;	/* id in the catalog */
	uint32_t last;	/* the adding that it was in last */
	uint16_t flags; /* those that all of them have */
	uint8_t kind;
};

/* All zeros is an empty one. */
struct ww_operation_sums {
	struct ww_operation_sum *sums; /* in the order of their first appearance */
	uint32_t len, cap;
	uint32_t durations; /* in all rows */
	uint32_t used;	    /* rows up to here have memory of their own */
	uint32_t adding;
};

/* NULL-safe. Frees the content, not `sums` itself, which is empty then. */
void ww_operation_sums__free(struct ww_operation_sums *sums);

/* Empties it and keeps its memory. */
void ww_operation_sums__clear(struct ww_operation_sums *sums);

/* The memory that the rows need. */
static inline uint64_t ww_operation_sums__bytes(const struct ww_operation_sums *sums)
{
	return sums->len * sizeof(struct ww_operation_sum) + sums->durations * sizeof(struct ww_duration_count);
}

/* Makes room for operations, so that adding them can't fail. -ENOMEM leaves the sums as they were. */
int ww_operation_sums__reserve(struct ww_operation_sums *sums, const struct ww_sample_operation *operations,
			       size_t len);

/* Adds all the operations of a request, for which there must be room. */
void ww_operation_sums__add(struct ww_operation_sums *sums, const struct ww_sample_operation *operations, size_t len);

/* The same for the sums of others. */
int ww_operation_sums__reserve_merge(struct ww_operation_sums *sums, const struct ww_operation_sums *from);
void ww_operation_sums__merge(struct ww_operation_sums *sums, const struct ww_operation_sums *from);

/* Makes room for a row and adds it: for readers of what was stored. -ENOMEM leaves the sums as they were. */
int ww_operation_sums__add_row(struct ww_operation_sums *sums, const struct ww_operation_sum *row);

/* The duration that so many percent of the operations did not exceed, by nearest rank, within 1.6 %; of a row that is
 * not to be ignored.
 */
uint64_t ww_operation_sum__quantile(const struct ww_operation_sum *sum, unsigned percent);

#endif
