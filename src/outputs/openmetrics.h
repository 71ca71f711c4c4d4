/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters since the start, for Prometheus and whatever else scrapes. docs/metrics.md explains the names. */
#ifndef WHYWAIT_OPENMETRICS_H
#define WHYWAIT_OPENMETRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "requests/totals.h"

/* The types of the two formats, as an HTTP header says them. */
#define WW_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define WW_PROMETHEUS_TYPE  "text/plain; version=0.0.4; charset=utf-8"

/* Writes OpenMetrics 1.0 or, where it is not `open`, Prometheus's text format 0.0.4. -ENOMEM, -EIO. */
int ww_openmetrics__write(FILE *out, const struct ww_totals_copy *totals, bool open);

/* Whether somebody who sends this Accept header (NULL: none) is better served with OpenMetrics. */
bool ww_openmetrics__is_accepted(const char *accept);

#endif
