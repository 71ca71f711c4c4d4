/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Python programs whose threads go from one piece of work to another within a call: gevent, eventlet. Internal to
 * src/requests. */
#ifndef WHYWAIT_GREENLETS_H
#define WHYWAIT_GREENLETS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether the process is one; false also when it can't be looked into. `proc` is where the proc file system is. */
bool ww_greenlets__has(const char *proc, pid_t pid);

#endif
