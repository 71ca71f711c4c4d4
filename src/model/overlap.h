/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a request would not have waited for without one of its operations: the time in which that operation alone was
 * outstanding, as far as the request was charged for waiting then.
 *
 * An operation's own duration says too much: while it lasted, the request may have computed, or waited for another one
 * at the same time. So durations are taken down to what was charged: by the ratio of the kind's time to the time in
 * which operations of that kind were outstanding.
 */
#ifndef WHYWAIT_OVERLAP_H
#define WHYWAIT_OVERLAP_H

#include "model/request.h"

#define WW_OVERLAP_MAX 4096 /* operations of a request that are looked at */

struct ww_alone {
	uint64_t wait_ns; /* of the operation's kind */
	/*
	 * Of `queue` and `runq`: when an answer arrives its request waits once more, for a busy event loop or for a
	 * CPU. The time in the queue after the request was first picked up, and that without a CPU after waits, divided
	 * among the answers that it waited for.
	 */
	uint64_t queue_ns, runq_ns;
};

/*
 * Writes to alone[i] for each of the first min(operations_len, WW_OVERLAP_MAX) operations, and their number to *len.
 * Sums of wait_ns never exceed what the kinds were charged, nor the others. -ENOMEM.
 */
int ww_overlap__alone(const struct ww_request *request, struct ww_alone *alone, size_t *len);

/* An operation's stretch, within the request whatever it says of itself. */
struct ww_stretch {
	uint64_t from_ns, to_ns;
};

struct ww_stretch ww_overlap__stretch(const struct ww_request *request, const struct ww_operation *operation);

/* Time in the queue before anything else: until the request was first picked up. */
uint64_t ww_overlap__first_queue(const struct ww_request *request);

#endif
