/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who held locks that requests waited for, as text: "held by GET /report", "held by thread flusher". That request may
 * have ended already, or go on. Bounded.
 */
#ifndef WHYWAIT_HOLDERS_H
#define WHYWAIT_HOLDERS_H

#include <stdint.h>

#include "model/aggregate.h"
#include "requests/detail_names.h"
#include "requests/endpoints.h"
#include "whywait/abi.h"

/* What is known of a request that others have waited for. 0, or -ENOENT: nothing. */
typedef int ww_held_by_fn(void *ctx, uint64_t id, struct ww_held_by *held_by);

struct ww_holders;

/* NULL when out of memory. Names get their ids from `catalog`; `held_by` may be NULL. All outlive it. */
struct ww_holders *ww_holders__new(struct ww_catalog *catalog, struct ww_endpoints *endpoints, ww_held_by_fn *held_by,
				   void *ctx);

/* NULL-safe. */
void ww_holders__free(struct ww_holders *holders);

/* A request has ended that was of that endpoint. */
void ww_holders__ended(struct ww_holders *holders, uint64_t id, uint32_t endpoint);

/* How many requests that were counted before are under "(other)" since it was asked last: a holder's route needed room.
 */
uint64_t ww_holders__moved(struct ww_holders *holders);

/*
 * What an account's details are called, and the program's locks by who held them. A detail without a name is left out:
 * its time is in its kind all the same. Returns how many there are.
 */
size_t ww_holders__details(struct ww_holders *holders, struct ww_detail_names *names, const struct ww_account *account,
			   uint32_t service, struct ww_detail_sum details[WW_DETAIL_SUMS]);

#endif
