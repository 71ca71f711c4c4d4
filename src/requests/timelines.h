/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Time lines that wait for their accounts: those that wait longest make room. Internal to src/requests. */
#ifndef WHYWAIT_TIMELINES_H
#define WHYWAIT_TIMELINES_H

#include <stdint.h>

#include "whywait/abi.h"

struct ww_timelines;

/* The time lines are the caller's, to be freed with ww_timelines__free(); NULL when out of memory. */
struct ww_timelines *ww_timelines__new(void);

/* NULL-safe. */
void ww_timelines__free(struct ww_timelines *timelines);

/* Puts one in; only as many segments as it has are read. Returns how many others had to make room: 0 or 1. */
unsigned ww_timelines__put(struct ww_timelines *timelines, const struct ww_segments *segments);

/* Takes out that of an account; NULL when there is none. Valid until the next call. */
const struct ww_segments *ww_timelines__take(struct ww_timelines *timelines, uint64_t id);

#endif
