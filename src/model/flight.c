/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/flight.h"

#include <stdlib.h>
#include <string.h>

void ww_flight__free(struct ww_flight *flight)
{
	if (!flight)
		return;
	free(flight->points);
	*flight = (struct ww_flight){0};
}

static int append(struct ww_flight *flight, uint64_t at_ns)
{
	if (flight->len == WW_FLIGHT_POINTS) {
		/* The oldest moment keeps its count; the next one's time is told by the lower count of the one behind.
		 */
		flight->points[0].more += flight->points[1].more;
		flight->len--;
		memmove(flight->points + 1, flight->points + 2, (flight->len - 1) * sizeof(*flight->points));
	}
	if (flight->len == flight->cap) {
		uint32_t cap = flight->cap ? flight->cap * 2 : 4;
		struct ww_flight_point *points = reallocarray(flight->points, cap, sizeof(*points));

		if (!points)
			return -1;
		flight->points = points;
		flight->cap = cap;
	}
	flight->points[flight->len++] = (struct ww_flight_point){.at_ns = at_ns};
	return 0;
}

uint64_t ww_flight__add(struct ww_flight *flight, uint64_t start_ns, uint64_t end_ns)
{
	/* The time between the last end and this one: nothing that has ended was in flight then, but this request. */
	if (!flight->len || flight->points[flight->len - 1].at_ns < end_ns) {
		if (append(flight, end_ns))
			return 0;
	}

	/* A point stands for the time up to it: [start, end) raises those after `start` and up to `end`. */
	uint32_t first, past = flight->len;

	while (past > 0 && flight->points[past - 1].at_ns > end_ns)
		past--;
	first = past;

	uint64_t most = 0;

	for (uint32_t i = past; i < flight->len; i++)
		most += flight->points[i].more;
	while (first > 0 && flight->points[first - 1].at_ns > start_ns)
		most += flight->points[--first].more;
	if (first == past) /* late, and what was known of that time is no longer told apart */
		return 1;

	/* All of them rise by one: only the steps at both ends change. */
	flight->points[past - 1].more++;
	if (first > 0 && --flight->points[first - 1].more == 0) {
		/* As many as at a later moment: that one stands for both from now on. */
		memmove(&flight->points[first - 1], &flight->points[first],
			(flight->len - first) * sizeof(*flight->points));
		flight->len--;
	}
	return most + 1;
}
