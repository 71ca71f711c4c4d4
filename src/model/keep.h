/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which requests of an endpoint are kept whole in a stretch of time: its slowest, its errors, and a fair sample. */
#ifndef WHYWAIT_KEEP_H
#define WHYWAIT_KEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Why a request is kept; several reasons may hold. */
enum ww_keep_reason {
	WW_KEEP_SLOW,	/* one of the slowest */
	WW_KEEP_ERROR,	/* an error: a fair sample of them */
	WW_KEEP_SAMPLE, /* a fair sample of all */
	WW_KEEP_REASONS
};

#define WW_KEEP_MAX 100 /* for each reason */

/* All zeros is an empty one. */
struct ww_keep {
	struct ww_kept {
		int64_t id;
		uint64_t wall_ns;
		uint8_t reasons; /* bits of enum ww_keep_reason */
	} * kept;
	uint32_t len, cap;
	uint64_t seen[WW_KEEP_REASONS];	 /* requests offered for that reason */
	uint32_t count[WW_KEEP_REASONS]; /* kept for that reason */
	uint64_t slow_from_ns;		 /* when as many slow ones are kept as may be: the fastest of them */
};

/* NULL-safe. Frees the content, not `keep` itself, which is empty then. */
void ww_keep__free(struct ww_keep *keep);

/* Starts a new stretch of time, keeping memory. What was kept stays kept. */
void ww_keep__clear(struct ww_keep *keep);

/* What keeping a request changes. */
struct ww_kept_change {
	bool sampled;			  /* it is in the fair sample of all */
	int64_t dropped[WW_KEEP_REASONS]; /* ids of those that are no longer kept, having made room for it */
	unsigned dropped_len;
	int64_t unsampled; /* the id of one that is kept still, but no longer as part of that sample; 0: none */
};

/*
 * Offers a request; at most `most` (1 .. WW_KEEP_MAX) are kept for each reason. `random` are three independent random
 * numbers. Returns whether it is to be kept under `id`, above 0, and in *change what else that means. -ENOMEM leaves
 * all as it was.
 */
int ww_keep__offer(struct ww_keep *keep, uint32_t most, uint64_t wall_ns, bool error,
		   const uint64_t random[WW_KEEP_REASONS], int64_t id, struct ww_kept_change *change);

#endif
