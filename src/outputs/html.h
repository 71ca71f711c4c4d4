/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A report as one page to mail or print: no script, nothing that is fetched from elsewhere. */
#ifndef WHYWAIT_HTML_H
#define WHYWAIT_HTML_H

#include <stdio.h>

#include "model/profile.h"
#include "model/report.h"
#include "model/request.h"

#define WW_HTML_REQUESTS 3 /* whose time lines are drawn, of an endpoint */

struct ww_html;

/* The page of a report, which has to outlive it. It is the caller's, to be freed with ww_html__free(). -ENOMEM. */
int ww_html__new(struct ww_html **html, const struct ww_report *report);

/* NULL-safe. */
void ww_html__free(struct ww_html *html);

/*
 * Draws a request's time line below its endpoint, where that is in the report and has not WW_HTML_REQUESTS yet: so the
 * slowest should come first. -ENOMEM.
 */
int ww_html__add(struct ww_html *html, const struct ww_request *request);

/* Draws where in the code an endpoint's requests spent their time, by its place in the report. -ENOMEM. */
int ww_html__add_stacks(struct ww_html *html, size_t endpoint, const struct ww_profile *profile);

/* Errors of `out` are left to ferror(). -ENOMEM. */
int ww_html__write(const struct ww_html *html, FILE *out);

#endif
