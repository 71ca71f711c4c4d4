/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of code that a runtime made while it ran (Node with --perf-basic-prof, the JVM by Compiler.perfmap): a file of
 * lines `ADDRESS SIZE NAME`, which grows. What it says is not trusted.
 */
#ifndef WHYWAIT_PERF_MAP_H
#define WHYWAIT_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct ww_perf_map;

/* The map of a process, in its own root and by its own id; NULL when it has none, or out of memory. */
struct ww_perf_map *ww_perf_map__read(pid_t pid);

/* The same of an open file, which stays the caller's. */
struct ww_perf_map *ww_perf_map__parse(FILE *file);

/* The name of the code at an address, as the newest line says; NULL: none does. Valid until the map is freed. */
const char *ww_perf_map__find(const struct ww_perf_map *map, uint64_t address);

/* NULL-safe. */
void ww_perf_map__free(struct ww_perf_map *map);

#endif
