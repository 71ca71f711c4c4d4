/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A report for people: every endpoint at a glance, then what the largest of them wait for. */
#ifndef WHYWAIT_TABLE_H
#define WHYWAIT_TABLE_H

#include <stdio.h>

#include "model/report.h"
#include "outputs/style.h"

/*
 * Writes the report; endpoints beyond `detailed` have their line in the table, and no details. -ENOMEM; errors of `out`
 * are left to ferror().
 */
int ww_table__write(FILE *out, const struct ww_report *report, const struct ww_style *style, size_t detailed);

/* The largest terminal cell count that a table uses: lines that are longer are hard to follow. */
#define WW_TABLE_WIDTH_MAX 160

#endif
