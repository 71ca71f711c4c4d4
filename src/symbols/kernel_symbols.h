/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of the kernel's functions: /proc/kallsyms. */
#ifndef WHYWAIT_KERNEL_SYMBOLS_H
#define WHYWAIT_KERNEL_SYMBOLS_H

#include <stdint.h>

struct ww_kernel_symbols;

/*
 * Reads them. A negative errno; -ENOENT when the kernel hides its addresses from this process. The table is the
 * caller's, to be freed with ww_kernel_symbols__free().
 */
int ww_kernel_symbols__read(struct ww_kernel_symbols **symbols, const char *path);

/* The function that holds the address; NULL when none does. Valid until the table is freed. */
const char *ww_kernel_symbols__find(const struct ww_kernel_symbols *symbols, uint64_t address);

/* NULL-safe. */
void ww_kernel_symbols__free(struct ww_kernel_symbols *symbols);

#endif
