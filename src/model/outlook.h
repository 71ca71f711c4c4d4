/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the wall times of an endpoint would be, were its requests shorter: from whole requests ("cases"), since a mean
 * says nothing of quantiles. Each case stands for the requests that took about as long as it did, so that the wall
 * times as they are come out as the histogram has them, however few requests were kept.
 */
#ifndef WHYWAIT_OUTLOOK_H
#define WHYWAIT_OUTLOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/histogram.h"
#include "util/arena.h"
#include "whywait/abi.h"

struct ww_case {
	uint64_t wall_ns;
	uint64_t kinds_ns[WW_KIND_COUNT];    /* sums to wall_ns */
	uint64_t parallel_ns[WW_KIND_COUNT]; /* of these: what running serial operations on different peers together
					      * would save */
};

/* Requests of one bucket of the histogram, and the case that stands for them. */
struct ww_stand {
	double requests;
	uint64_t wall_ns; /* their mean */
	uint32_t of;	  /* in `cases` */
};

/* All zeros where there were no requests. */
struct ww_outlook {
	const struct ww_case *cases;
	size_t cases_len;
	const struct ww_stand *stands;
	size_t stands_len;
	bool from_buckets; /* no request was kept: each case is the mean of a bucket */
};

struct ww_forecast {
	uint64_t mean_ns, p50_ns, p95_ns, p99_ns;
};

/*
 * The outlook of requests with these wall times, of which these cases are known whole; with none, the buckets are the
 * cases. What it points to is of the arena. -ENOMEM.
 */
int ww_outlook__build(struct ww_arena *arena, const struct ww_histogram *histogram, const struct ww_case *cases,
		      size_t cases_len, struct ww_outlook *outlook);

/*
 * What the wall times would be if each case took after_ns[case]. With the wall times as they are it is what the
 * histogram says. -ENOMEM; -ENODATA where there were no requests.
 */
int ww_outlook__forecast(const struct ww_outlook *outlook, const uint64_t *after_ns, struct ww_forecast *forecast);

/* Writes to weights[case] how many requests each case stands for; returns their sum. */
double ww_outlook__weigh(const struct ww_outlook *outlook, double *weights);

#endif
