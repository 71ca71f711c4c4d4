/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Amdahl's law over the requests of an endpoint: what they would take if parts of them were faster. */
#ifndef WHYWAIT_AMDAHL_H
#define WHYWAIT_AMDAHL_H

#include "model/outlook.h"
#include "model/report.h"

struct ww_speedup {
	double factor[WW_KIND_COUNT]; /* how many times as fast; above 0, finite */
	bool parallel;		      /* serial operations on different peers run together */
};

/* Nothing is faster. */
struct ww_speedup ww_speedup__none(void);

/*
 * What the endpoint's wall times would be, everything else being equal. The mean follows from the exact sums where
 * nothing but kinds is faster, quantiles from the requests of its outlook. -ENOMEM; -ENODATA without requests.
 */
int ww_amdahl__predict(const struct ww_endpoint_report *endpoint, const struct ww_speedup *speedup,
		       struct ww_forecast *forecast);

#endif
