/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bounds an endpoint, in a word and in a line. */
#ifndef WHYWAIT_VERDICT_H
#define WHYWAIT_VERDICT_H

#include "model/report.h"

enum ww_bound { WW_BOUND_COMPUTE, WW_BOUND_WAIT, WW_BOUND_MIXED };

#define WW_VERDICT_TEXT 256

struct ww_verdict {
	enum ww_bound bound;
	enum ww_kind largest_wait;  /* WW_KIND_COMPUTE when nothing is waited for */
	double compute_share;	    /* of the wall time, 0 to 1 */
	uint64_t faster_mean_ns;    /* mean wall time were compute ten times as fast and all else the same (Amdahl) */
	char text[WW_VERDICT_TEXT]; /* "waits 93 %: db (postgres) 88 %"; names in it are escaped */
};

/* Compute from two thirds of the time on, wait up to one third; between them it is mixed. */
struct ww_verdict ww_verdict__of(const struct ww_endpoint_report *endpoint);

/* "compute", "wait", "mixed" */
const char *ww_verdict__bound_name(enum ww_bound bound);

#endif
