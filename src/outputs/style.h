/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How text may look where it goes: the width, whether it may be coloured, and whether it may leave ASCII. */
#ifndef WHYWAIT_STYLE_H
#define WHYWAIT_STYLE_H

#include <stdbool.h>
#include <stdio.h>

#include "whywait/abi.h"

struct ww_style {
	int width;   /* columns; 80 where no terminal tells, never below 40 */
	bool colour; /* a terminal, and neither NO_COLOR nor TERM=dumb */
	bool utf8;   /* the locale's character set */
};

/* Looks at the stream, the environment and the locale (which setlocale() has set). */
struct ww_style ww_style__of(FILE *stream);

/* SGR sequences: each is "" when the style has no colour, so that they can be printed without asking. */
const char *ww_style__kind(const struct ww_style *style, enum ww_kind kind);
const char *ww_style__kind_background(const struct ww_style *style, enum ww_kind kind);
const char *ww_style__bold(const struct ww_style *style);
const char *ww_style__dim(const struct ww_style *style);
const char *ww_style__good(const struct ww_style *style);
const char *ww_style__bad(const struct ww_style *style);
const char *ww_style__plain(const struct ww_style *style);

#endif
