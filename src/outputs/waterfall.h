/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole requests for people: a line of what, and below it when it computed and waited for what. */
#ifndef WHYWAIT_WATERFALL_H
#define WHYWAIT_WATERFALL_H

#include <stdio.h>

#include "model/request.h"
#include "outputs/style.h"

/*
 * Writes one request: a row for each kind and cause, in the order of their first time, drawn over the request's time
 * from left to right. Rows add up to the request's wall time. Where no time line was kept there are the figures and a
 * bar of kinds. -ENOMEM; errors of `out` are left to ferror().
 */
int ww_waterfall__write(FILE *out, const struct ww_request *request, const struct ww_style *style);

#endif
