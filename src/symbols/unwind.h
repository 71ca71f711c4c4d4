/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From what the kernel side copied of a thread's stack to the names of its functions: by the tables that exceptions
 * are unwound by (.eh_frame), by frame pointers where there are none. Not thread-safe.
 */
#ifndef WHYWAIT_UNWIND_H
#define WHYWAIT_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/intern.h"
#include "whywait/abi.h"

struct ww_unwinder;

#define WW_WALK_MOST 256 /* frames; of deeper stacks the outermost are left out */

struct ww_walk {
	uint32_t len;
	bool whole; /* it reaches the thread's start */
	uint64_t
		names_ns; /* CPU time that finding names took: those that were not known yet, and all of JavaScript's */
	uint32_t frames[WW_WALK_MOST]; /* in `frames`, innermost first */
};

/*
 * Frames are added to `frames`, which has to outlive the unwinder: each a string, the function's name, or
 * `[file+0x1234]` where it has none. NULL when out of memory.
 */
struct ww_unwinder *ww_unwinder__new(struct ww_intern *frames);

/* NULL-safe. */
void ww_unwinder__free(struct ww_unwinder *unwinder);

/*
 * Walks a stack; `size` is how many bytes there are at `stack`, whatever it says itself. What can't be unwound is what
 * there is of it, and not `whole`. -EPROTO when it contradicts itself, -ENOMEM; *walk is undefined then.
 */
int ww_unwinder__walk(struct ww_unwinder *unwinder, const struct ww_stack *stack, size_t size, struct ww_walk *walk);

/* How many files' tables are kept, and in how many bytes, about. */
void ww_unwinder__files(const struct ww_unwinder *unwinder, unsigned *files, size_t *bytes);

#endif
