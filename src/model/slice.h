/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A stretch of time: an aggregate for each endpoint that had requests in it. */
#ifndef WHYWAIT_SLICE_H
#define WHYWAIT_SLICE_H

#include <stddef.h>
#include <stdint.h>

#include "model/aggregate.h"

/* All zeros is an empty one. */
struct ww_slice {
	struct ww_aggregate **by_endpoint; /* by its id; NULL or empty: no requests */
	uint32_t cap;
	uint32_t *used; /* ids of the endpoints that have requests, in the order of their first one */
	uint32_t used_len;
	uint32_t used_cap;
	uint64_t requests;	  /* of all endpoints */
	uint64_t buckets;	  /* of all histograms: what its memory grows with */
	uint64_t operation_bytes; /* of the sums of operations: the same */
};

/* NULL-safe. Frees the content, not `slice` itself, which is empty then. */
void ww_slice__free(struct ww_slice *slice);

/* Empties it and keeps its memory, for a stretch of time like this one. */
void ww_slice__clear(struct ww_slice *slice);

/* Adds a request to an endpoint. -ENOMEM leaves the slice as it was. */
int ww_slice__add(struct ww_slice *slice, uint32_t endpoint, const struct ww_sample *sample);

/* Adds an aggregate to an endpoint. -ENOMEM leaves the slice as it was. */
int ww_slice__merge_endpoint(struct ww_slice *slice, uint32_t endpoint, const struct ww_aggregate *from);

/* Adds all of `from`. -ENOMEM may leave a part of the endpoints added, each of them whole. */
int ww_slice__merge(struct ww_slice *slice, const struct ww_slice *from);

/*
 * Adds what each endpoint has to the one that `alike` says, by its id (see ww_catalog__alike()). -ENOMEM leaves the
 * slice as it was.
 */
int ww_slice__join(struct ww_slice *slice, const uint32_t *alike);

#endif
