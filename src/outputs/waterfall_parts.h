/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of a waterfall. Internal to it: users call ww_waterfall__write(). */
#ifndef WHYWAIT_WATERFALL_PARTS_H
#define WHYWAIT_WATERFALL_PARTS_H

#include <stdio.h>

#include "model/request.h"
#include "outputs/style.h"

#define WW_AXIS_FIGURES 10 /* columns of a duration, behind the axis */

/* The time of a request from left to right: what every row is drawn on. */
struct ww_axis {
	FILE *out;
	struct ww_style style;
	const struct ww_request *request;
	int label, columns; /* widths */
	double *filled;	    /* how much of each half of a column the row that is drawn next fills, 0 to 1 */
};

/* Adds a stretch of time to the row that is drawn next; what lies beyond the request's end is not drawn. */
void ww_axis__fill(const struct ww_axis *axis, uint64_t start_ns, uint64_t duration_ns);

/* Draws what was filled, in the kind's colour. */
void ww_axis__write(const struct ww_axis *axis, enum ww_kind kind);

/* The rows of the operations. -ENOMEM. */
int ww_axis__operations(const struct ww_axis *axis);

#endif
