/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Dynamic symbols of what a process has mapped, found by way of the mapping: the process may be in another mount
 * namespace, or its file replaced.
 */
#ifndef WHYWAIT_DYNSYM_H
#define WHYWAIT_DYNSYM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ww_dynsym {
	const char *name;
	uint64_t address; /* in the process */
	uint64_t size;
};

/*
 * Finds all of `symbols`, whose names are given, in the first mapped file that has them and whose path contains one of
 * `files` (ends with NULL). -ENOENT: none has; -ESRCH, -EACCES: the process can't be read. Addresses and sizes are
 * written on success only.
 */
int ww_dynsym__find(pid_t pid, const char *const *files, struct ww_dynsym *symbols, size_t len);

#endif
