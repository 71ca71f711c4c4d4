/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What runtimes with heaps of their own say that they have allocated, read from the memory of the processes: Go's
 * counts of objects and bytes, HotSpot's bytes of each thread. Nothing is added to the program.
 */
#ifndef WHYWAIT_HEAPS_H
#define WHYWAIT_HEAPS_H

#include <stdint.h>

#include "requests/process.h"
#include "requests/services.h"

struct ww_heaps;

/* To be freed with ww_heaps__free(); NULL when out of memory. */
struct ww_heaps *ww_heaps__new(void);

/* NULL-safe. */
void ww_heaps__free(struct ww_heaps *heaps);

/* A ww_allocated_fn; `ctx` are the heaps. At the first call for a process its files are looked into, and it has no
 * counts yet. */
int ww_heaps__allocated(void *ctx, uint32_t pid, const struct ww_process_usage *usage, struct ww_heap_counts *counts);

#endif
