/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The processes that a process has started: selecting a server's master selects its workers.
 */
#ifndef WHYWAIT_DESCENDANTS_H
#define WHYWAIT_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * All living processes among `roots` and below them. *pids is allocated, the caller frees it; -ENOMEM, or what reading
 * /proc gave. Processes that start meanwhile may be missing: attach before, so that forks are followed.
 */
int ww_descendants__find(const pid_t *roots, size_t roots_len, pid_t **pids, size_t *pids_len);

/* Whether the calling process is `pid` or descends from it. */
bool ww_descendants__include_self(pid_t pid);

/* A pidfd of a process, or -ESRCH when it has ended, also before its parent has waited for it. */
int ww_descendants__watch(pid_t pid);

#endif
