/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Folded stacks, a line each, as flamegraph.pl and inferno take them: `service;GET /x;main;work 1200`, in us. */
#ifndef WHYWAIT_FOLDED_H
#define WHYWAIT_FOLDED_H

#include <stdio.h>

#include "model/profile.h"

/* Errors of `out`: ferror(). -ENOMEM. */
int ww_folded__write(FILE *out, const struct ww_profile *profile);

/* Two numbers a line, in ns of a request on average: before and after, as difffolded.pl writes them. */
int ww_folded__write_difference(FILE *out, const struct ww_profile *before, const struct ww_profile *after);

#endif
