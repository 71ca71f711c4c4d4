/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The live table as lines, for pipes and files: a block per report, all of it, nothing cut. */
#ifndef WHYWAIT_SCREEN_PLAIN_H
#define WHYWAIT_SCREEN_PLAIN_H

#include <stdio.h>

#include "model/report.h"
#include "outputs/style.h"

/*
 * Writes a block and an empty line: when and how many, what is missing, a line per endpoint, those with the most time
 * first. `watching` says whom, in words. Errors of `out` are left to ferror().
 */
void ww_plain__write(FILE *out, const struct ww_report *report, const char *watching, const struct ww_style *style);

#endif
