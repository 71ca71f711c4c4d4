/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the whole host does. */
#ifndef WHYWAIT_HOST_H
#define WHYWAIT_HOST_H

#include <stdint.h>

/*
 * CPU time of all that has run since it was started, and that the hypervisor gave to others while something wanted to
 * run; `proc` is where the proc file system is. 0: not known.
 */
uint64_t ww_host__busy_ns(const char *proc);

#endif
