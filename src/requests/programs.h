/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each service runs, so that two recordings of it can be told to be of another version. */
#ifndef WHYWAIT_PROGRAMS_H
#define WHYWAIT_PROGRAMS_H

#include <stddef.h>
#include <sys/types.h>

#include "store/recorder.h"

/* All zeros is none. */
struct ww_programs {
	struct ww_service_program *programs;
	size_t len, cap;
};

/* NULL-safe. Frees the content, not `programs` itself. */
void ww_programs__free(struct ww_programs *programs);

/*
 * Notes what a process of a service runs, unless it was noted for that service before. A process that can't be read, or
 * for which there is no memory, is left out.
 */
void ww_programs__note(struct ww_programs *programs, uint32_t service, const char *proc, pid_t pid);

#endif
