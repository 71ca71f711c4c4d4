/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Performance events of user probes that are opened while this process may, for programs that are attached when it may
 * not any more: of the process, until it ends.
 */
#ifndef WHYWAIT_USER_EVENTS_H
#define WHYWAIT_USER_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Opens one for a place in the file that is open as `file`. A negative errno. */
int ww_user_events__open(int file, uint64_t offset, uint64_t semaphore, bool at_return);

/* A copy of that of a place in the file at `path`: a descriptor, or -ENOENT. */
int ww_user_events__find(const char *path, uint64_t offset, bool at_return);

#endif
