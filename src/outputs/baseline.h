/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The baseline: what to hold a change against, on one page of Markdown, for a pull request or a wiki. */
#ifndef WHYWAIT_BASELINE_H
#define WHYWAIT_BASELINE_H

#include <stdio.h>

#include "model/report.h"

/* -ENOMEM. Errors of `out`: ferror(). */
int ww_baseline__write(FILE *out, const struct ww_report *report);

#endif
