/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A bar of kinds in a line of text, drawn as the live screen draws it: coloured blocks, or a letter a cell. */
#ifndef WHYWAIT_BAR_H
#define WHYWAIT_BAR_H

#include <stdint.h>
#include <stdio.h>

#include "outputs/style.h"

/* Writes `width` columns; blanks where every kind is 0. -ENOMEM. */
int ww_bar__write(FILE *out, const uint64_t kinds_ns[WW_KIND_COUNT], int width, const struct ww_style *style);

/* What stands for a kind in a bar, with its colour: one column. */
void ww_bar__write_sign(FILE *out, enum ww_kind kind, const struct ww_style *style);

#endif
