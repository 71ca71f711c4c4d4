/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Performance events of user probes that are opened while this process may, for programs that are attached when it may
 * not any more: of the process, until it ends.
 *
 * Before Linux 5.15 an event keeps the program that it was given first, for good. So each is given a program of this
 * process, one for each target, which calls the program that the target has at the moment, or none.
 */
#ifndef WHYWAIT_USER_EVENTS_H
#define WHYWAIT_USER_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define WW_USER_EVENT_TARGETS 32

/* Opens one for a place in the file that is open as `file`: it calls what `target` has. A negative errno. */
int ww_user_events__open(int file, unsigned target, uint64_t offset, uint64_t semaphore, bool at_return);

/* Whether there is one for a place in the file at `path`. */
bool ww_user_events__has(const char *path, unsigned target, uint64_t offset, bool at_return);

/* Gives a target its program, for once more: it has it until it was taken as often. A negative errno. */
int ww_user_events__give(unsigned target, int program);
void ww_user_events__take(unsigned target);

/* Adds what the programs have taken that they call, while it was measured, to *ns. A negative errno. */
int ww_user_events__run_time(uint64_t *ns);

#endif
