/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the calls on upstream connections to operations: keeps for each connection what its two ends say to one another,
 * in the protocol that it speaks. Bounded: the connection that was used longest ago makes room. Internal to
 * src/requests.
 */
#ifndef WHYWAIT_CONVERSATIONS_H
#define WHYWAIT_CONVERSATIONS_H

#include "requests/detail_names.h"
#include "requests/operations.h"

#define WW_CONVERSATIONS_MAX 2048 /* connections at a time */

struct ww_conversations;

/* What it is given must outlive it. To be freed with ww_conversations__free(); NULL when out of memory. */
struct ww_conversations *ww_conversations__new(struct ww_catalog *catalog, struct ww_detail_names *names,
					       struct ww_operations *operations);

/* NULL-safe. */
void ww_conversations__free(struct ww_conversations *conversations);

/* Takes a record, in the order of the ring. -EPROTO when it contradicts itself; -ENOMEM. */
int ww_conversations__traffic(struct ww_conversations *conversations, const struct ww_traffic *traffic, size_t size);

/* The request has ended at `end_ns`: what it is still owed is decided. To be called before ww_operations__take(). */
void ww_conversations__settle(struct ww_conversations *conversations, uint64_t request, uint64_t end_ns);

/* Connections that had to make room since the start. */
uint64_t ww_conversations__forgotten(const struct ww_conversations *conversations);

#endif
