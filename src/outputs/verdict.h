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
	char text[WW_VERDICT_TEXT]; /* "waits 93 %: db (postgres) 88 %"; names in it are escaped */
	/* "a language 10 times as fast leaves 21.7 ms of 23.3 ms, at p95 36.5 ms of 38.4 ms"; "" when that is not known
	 */
	char faster[WW_VERDICT_TEXT];
};

/* Compute from two thirds of the time on, wait up to one third; between them it is mixed. */
struct ww_verdict ww_verdict__of(const struct ww_endpoint_report *endpoint);

/* "compute", "wait", "mixed" */
const char *ww_verdict__bound_name(enum ww_bound bound);

#endif
