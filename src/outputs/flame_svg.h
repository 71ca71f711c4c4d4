/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flame graph: one SVG file that needs no other, to be opened in a browser. Widths are time; colours are the kinds of
 * time. A click zooms; what is searched for is marked, with its share.
 */
#ifndef WHYWAIT_FLAME_SVG_H
#define WHYWAIT_FLAME_SVG_H

#include <stdio.h>

#include "model/profile.h"

/* `title` is escaped. Errors of `out`: ferror(). -ENOMEM. */
int ww_flame_svg__write(FILE *out, const struct ww_profile *profile, const char *title);

/*
 * The same as a part of a page, without script: nothing zooms, names are as long as their frames are wide. The page
 * has the colours of kinds, as classes k0, k1, .. -ENOMEM.
 */
int ww_flame_svg__write_still(FILE *out, const struct ww_profile *profile);

/*
 * The same of two: widths are what a request takes now on average; what takes more of it than before is red, what takes
 * less is blue.
 */
int ww_flame_svg__write_difference(FILE *out, const struct ww_profile *before, const struct ww_profile *after,
				   const char *title);

#endif
