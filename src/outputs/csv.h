/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Comma-separated values (RFC 4180) for spreadsheets and capacity planners. docs/outputs.md explains the columns. */
#ifndef WHYWAIT_CSV_H
#define WHYWAIT_CSV_H

#include <stdio.h>

#include "model/report.h"
#include "model/request.h"

#define WW_CSV_END "\r\n" /* RFC 4180 ends a record so, whatever the system */

/*
 * A field, in quotes where it needs them. What spreadsheets take for a formula has a ' in front, as OWASP has it (CSV
 * Injection): names of services come from programs. -ENOMEM.
 */
int ww_csv__text(FILE *out, const char *text);

/* A header, once; then the rows of any number of reports, such as one an interval. Errors of `out`: ferror(). */
void ww_csv__report_header(FILE *out);
int ww_csv__report(FILE *out, const struct ww_report *report); /* one row an endpoint; -ENOMEM */

void ww_csv__request_header(FILE *out);
int ww_csv__request(FILE *out, const struct ww_request *request); /* one row; -ENOMEM */

#endif
