/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The requests of an endpoint in stretches of time ("blocks": seconds, or intervals of a recording). What came at the
 * same time shares its luck: a busy neighbour, a cold cache, a queue. So how far a mean or quantile may be off is told
 * from how blocks differ, not from the number of requests.
 */
#ifndef WHYWAIT_BLOCKS_H
#define WHYWAIT_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "model/aggregate.h"
#include "util/arena.h"

struct ww_block_count {
	uint64_t requests;
	uint32_t index; /* ww_bucket() of their wall times */
};

struct ww_block {
	int64_t at; /* Unix ns: when it begins; no two of an endpoint begin at the same time */
	uint64_t requests, errors, cpu_ns;
	uint64_t kinds_ns[WW_KIND_COUNT];
	uint64_t operations_requests, db_operations, net_operations;
	struct ww_allocated allocated;
	struct ww_block_count *counts; /* by index */
	uint32_t counts_len;
};

/* All zeros is none. */
struct ww_blocks {
	struct ww_block *blocks; /* by time */
	uint32_t len, cap;
};

/* NULL-safe. Frees the content, not `blocks` itself, which is empty then. */
void ww_blocks__free(struct ww_blocks *blocks);

/* Adds to the block that begins then: all of an aggregate, or of another block. -ENOMEM leaves them as they were. */
int ww_blocks__add(struct ww_blocks *blocks, int64_t at, const struct ww_aggregate *aggregate);
int ww_blocks__add_block(struct ww_blocks *blocks, int64_t at, const struct ww_block *from);

/* Adds operations that were read apart from their requests; -ENOENT when no block begins then. */
int ww_blocks__add_operations(struct ww_blocks *blocks, int64_t at, uint8_t kind, uint64_t operations);

/* Adds allocations that were read apart from their requests to the block that has that second; false: there is none. */
bool ww_blocks__add_allocated(struct ww_blocks *blocks, int64_t second, const struct ww_allocated *allocated);

/* Adds all blocks, each begun at a multiple of `unit_ns`: 0 as they are. -ENOMEM may leave a part added. */
int ww_blocks__merge(struct ww_blocks *blocks, const struct ww_blocks *from, int64_t unit_ns);

/* Of a window, what was not observed: Unix ns. */
struct ww_gap {
	int64_t start_ns, end_ns;
};

/* What an endpoint's report says of its requests for those who ask how sure it is. Of an arena. */
struct ww_sampling {
	/* The wall times in ascending order. */
	const struct ww_rank {
		uint64_t upto; /* requests in this bucket and those before */
		uint32_t index;
	} * ranks;
	uint32_t ranks_len;
	const struct ww_block *blocks;
	uint32_t blocks_len;
	int64_t start_ns, end_ns; /* what they are of, and how long a block is at the most; of what builds the report */
	int64_t unit_ns;
	const struct ww_gap *gaps; /* the same; within the window */
	uint32_t gaps_len;
};

/* A copy of both; -ENOMEM. `blocks` may be NULL. */
int ww_sampling__build(struct ww_arena *arena, const struct ww_histogram *histogram, const struct ww_blocks *blocks,
		       struct ww_sampling *sampling);

#endif
