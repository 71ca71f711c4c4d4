/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What else ran on a report's host: who waits for a CPU waits for that. */
#ifndef WHYWAIT_OTHERS_H
#define WHYWAIT_OTHERS_H

#include <stdbool.h>

#include "model/report.h"

/* How many CPUs were taken by what is not in the report; below 0: not known. */
double ww_others__cpus(const struct ww_report *report);

/* Whether they left no CPU idle: how many of them wanted one shows in the waits for one then. */
bool ww_others__crowd(const struct ww_report *report);

/* Whether they took more or fewer CPUs in the one than in the other. */
bool ww_others__differ(const struct ww_report *before, const struct ww_report *after);

#endif
