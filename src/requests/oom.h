/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes that were killed since a control group had no memory left for them. */
#ifndef WHYWAIT_OOM_H
#define WHYWAIT_OOM_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The file that counts them for the control group of a process: of the memory controller, in version 2 or 1. It is the
 * caller's, to be freed with free(). NULL: there is none, or it is the root's, which says nothing of the process.
 */
char *ww_oom__file(const char *proc, pid_t pid);

/* What it counts so far; a negative errno leaves *kills untouched. */
int ww_oom__kills(const char *file, uint64_t *kills);

#endif
