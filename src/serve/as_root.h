/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon opens while it is root, before it drops its privileges. */
#ifndef WHYWAIT_SERVE_AS_ROOT_H
#define WHYWAIT_SERVE_AS_ROOT_H

struct ww_serve_config;

/*
 * Has the kernel measure what BPF programs cost, and opens probes in runtimes that can't be had afterwards. Returns a
 * descriptor, the caller's, by which it goes on measuring; -1: it does not. What can't be had goes to the log.
 */
int ww_as_root__open(const struct ww_serve_config *config);

#endif
