/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Times as users type them. */
#ifndef WHYWAIT_WHEN_H
#define WHYWAIT_WHEN_H

#include <stdint.h>

/*
 * Understands, against the window of a recording (Unix ns):
 *   2026-11-20T16:22:10Z, with a fraction, with an offset such as +01:00, or without either: local time
 *   16:22, 16:22:10  local time: the latest such time within the window, else on the day on which it starts
 *   -5m, +90s        from the window's end back, from its start on; s, m, h, d; +0s is the start, -0s the end
 * Returns 0 and sets *unix_ns, or -EINVAL.
 */
int ww_when__parse(const char *text, int64_t window_start_ns, int64_t window_end_ns, int64_t *unix_ns);

#endif
