/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What wall times would be if something were faster, beside what they are. */
#ifndef WHYWAIT_WHATIF_H
#define WHYWAIT_WHATIF_H

#include <stdio.h>

#include "model/amdahl.h"
#include "outputs/style.h"

#define WW_ASSUMPTION 512

/* "if compute were 10 times as fast, and calls .. ran together, and all else stayed": returns `text`. */
const char *ww_whatif__assumption(char text[WW_ASSUMPTION], const struct ww_speedup *speedup);

/* A table: a line an endpoint, now and then. -errno. */
int ww_whatif__table(FILE *out, const struct ww_report *report, const struct ww_speedup *speedup,
		     const struct ww_style *style);

#endif
