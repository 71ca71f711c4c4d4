/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the samples of a service say of it as a whole, and how far that may be off. */
#ifndef WHYWAIT_SERVICE_SAMPLES_H
#define WHYWAIT_SERVICE_SAMPLES_H

#include "model/estimate.h"
#include "model/report.h"
#include "util/arena.h"

/* Adds a sample behind the others; its room is of the arena. -ENOMEM. */
int ww_service_samples__add(struct ww_arena *arena, struct ww_service_report *service,
			    const struct ww_service_sample *sample);

/* Fills in what follows from all of them: memory in the median, allocations and the requests of them. -ENOMEM. */
int ww_service_samples__sum(struct ww_service_report *service);

/* Resident memory in the median, and bytes allocated per request by the runtimes' counters; NaN: not known. */
struct ww_estimate ww_service_samples__memory(const struct ww_service_report *service);
struct ww_estimate ww_service_samples__allocated(const struct ww_service_report *service);

#endif
