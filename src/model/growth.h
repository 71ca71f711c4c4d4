/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much a service's memory grows with each request. */
#ifndef WHYWAIT_GROWTH_H
#define WHYWAIT_GROWTH_H

#include <stddef.h>
#include <stdint.h>

/* With fewer points a slope is chance. */
#define WW_GROWTH_LEAST 4

struct ww_growth_point {
	double requests; /* so far, at the time of .. */
	double bytes;
};

/*
 * Bytes per request: the median of the slopes between any two points, which single steps (a cache, a collection)
 * hardly move: P. K. Sen, JASA 63 (1968). Points are by requests, and are thinned out where there are many. NaN: there
 * are too few, or they have no requests between them; or no memory.
 */
double ww_growth__per_request(const struct ww_growth_point *points, size_t len);

#endif
