/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* JSON for programs. docs/outputs.md explains the fields. */
#ifndef WHYWAIT_JSON_H
#define WHYWAIT_JSON_H

#include <stdio.h>

#include "model/amdahl.h"
#include "model/report.h"
#include "model/request.h"

/* Writes one object over several lines. -ENOMEM, -EOVERFLOW for an integer above 2^63 - 1, what writing to `out` fails
 * with. */
int ww_json__report(FILE *out, const struct ww_report *report);

/* Writes one object in one line; the same errors. */
int ww_json__request(FILE *out, const struct ww_request *request);

/* What each endpoint's wall times would be, one object. */
int ww_json__whatif(FILE *out, const struct ww_report *report, const struct ww_speedup *speedup);

#endif
