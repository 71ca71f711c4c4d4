/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to be done to the table of requests with the next commit. Of the slowest so far most are soon not the slowest
 * any more: so a request that comes and goes within a second never reaches the file. Internal to src/store.
 */
#ifndef WHYWAIT_PENDING_H
#define WHYWAIT_PENDING_H

#include "store/rows.h"

/* All zeros is an empty one. */
struct ww_pending {
	struct ww_pending_request {
		int64_t id;
		uint32_t endpoint;
		struct ww_request *request; /* NULL: dropped */
	} * requests;			    /* in ascending order of their ids */
	size_t len, cap;
	int64_t *dropped; /* ids of rows that are in the file */
	size_t dropped_len, dropped_cap;
	int64_t *unsampled; /* the same */
	size_t unsampled_len, unsampled_cap;
	struct ww_arena *arena; /* of the requests */
	size_t bytes;		/* that they take */
};

/* NULL-safe. Frees the content, not `pending` itself, which is empty then. */
void ww_pending__free(struct ww_pending *pending);

/* Puts in a copy of a request under the id that follows the last one's. -ENOMEM. */
int ww_pending__add(struct ww_pending *pending, int64_t id, uint32_t endpoint, const struct ww_request *request);

/* Takes out a request, or has its row deleted. -ENOMEM. */
int ww_pending__drop(struct ww_pending *pending, int64_t id);

/* Takes a request out of the fair sample; it stays. -ENOMEM. */
int ww_pending__unsample(struct ww_pending *pending, int64_t id);

/* Does all of it, in a transaction that is open. An SQLite result code; what was pending stays so. */
int ww_pending__write(const struct ww_pending *pending, struct ww_rows *rows);

/* Forgets all of it. Returns how many requests it had. */
size_t ww_pending__clear(struct ww_pending *pending);

#endif
