/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The seconds of the interval that is being recorded, by endpoint. Internal to src/store. */
#ifndef WHYWAIT_SECONDS_H
#define WHYWAIT_SECONDS_H

#include "model/blocks.h"
#include "model/slice.h"

/* All zeros is none. */
struct ww_seconds {
	struct ww_blocks *by_endpoint;
	uint32_t len;
	uint64_t counts; /* of all blocks: what its memory grows with */
	bool over;	 /* there was no room for all of the interval: none are told */
};

/* NULL-safe. Frees the content, not `seconds` itself, which is empty then. */
void ww_seconds__free(struct ww_seconds *seconds);

/* Forgets the interval. */
void ww_seconds__clear(struct ww_seconds *seconds);

/* Adds what came in the second that began then. Without memory, or room, the interval has no seconds. */
void ww_seconds__add(struct ww_seconds *seconds, int64_t at, const struct ww_slice *slice);

/* The seconds of an endpoint; NULL: they are not told. */
const struct ww_blocks *ww_seconds__of(const struct ww_seconds *seconds, uint32_t endpoint);

#endif
