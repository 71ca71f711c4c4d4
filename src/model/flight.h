/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many requests were in flight at once, from requests that come in the order of their end. Exact for requests in
 * that order; one that comes late may be missed, none is counted twice. Memory: one number per change of the count that
 * may still matter, WW_FLIGHT_POINTS at most.
 */
#ifndef WHYWAIT_FLIGHT_H
#define WHYWAIT_FLIGHT_H

#include <stdint.h>

#define WW_FLIGHT_POINTS 1024 /* beyond these, what began between the oldest two may be told too low */

/* All zeros is an empty one. */
struct ww_flight {
	/*
	 * Moments, in order, of which each had more requests in flight than any later one; a moment stands for the time
	 * since the one before. `more` is by how many more than the next (the last: than none).
	 */
	struct ww_flight_point {
		uint64_t at_ns;
		uint64_t more;
	} * points;
	uint32_t len, cap;
};

/* NULL-safe. Frees the content, not `flight` itself, which is empty then. */
void ww_flight__free(struct ww_flight *flight);

/*
 * Adds a request that was in flight during [start_ns, end_ns). Returns the most requests that were in flight at once
 * during it, as far as they have ended: at least 1, or 0 when out of memory.
 */
uint64_t ww_flight__add(struct ww_flight *flight, uint64_t start_ns, uint64_t end_ns);

#endif
