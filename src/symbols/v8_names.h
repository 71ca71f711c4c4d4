/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of a process's JavaScript functions that are known already. */
#ifndef WHYWAIT_V8_NAMES_H
#define WHYWAIT_V8_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "symbols/modules.h"

struct ww_v8_names;

/* NULL: there is no V8 in the process whose objects can be read, or no memory. */
struct ww_v8_names *ww_v8_names__new(const struct ww_modules *modules);

/* NULL-safe. */
void ww_v8_names__free(struct ww_v8_names *names);

/* Where a frame has what tells what it is, and its function: bytes from where its frame pointer points to. */
int ww_v8_names__kind_at(const struct ww_v8_names *names);
int ww_v8_names__function_at(const struct ww_v8_names *names);

/*
 * The name of a frame's function, by these two words of it; until the next call. NULL: the frame is none of
 * JavaScript's, or its function can't be read.
 */
const char *ww_v8_names__find(struct ww_v8_names *names, uint64_t kind, uint64_t function);

#endif
