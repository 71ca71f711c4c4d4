/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What JavaScript's functions are called: read from a running V8's heap, which its collector may move meanwhile. So
 * each object on the way is looked at whether it is what it is taken for.
 */
#ifndef WHYWAIT_V8_CODE_H
#define WHYWAIT_V8_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "symbols/v8_layout.h"

/* A function's code, however many closures there are of it: as long as these are the same it is the same. */
struct ww_v8_function {
	uint64_t shared; /* its SharedFunctionInfo, */
	uint64_t name;	 /* and what that refers to */
	uint64_t script;
};

/*
 * That of the JSFunction at `function`, as a frame has it (a tagged pointer). -EFAULT: it is none, or can't be read any
 * more; -ENOENT: it is in no script, as V8's own are.
 */
int ww_v8_code__find(const struct ww_v8_layout *layout, pid_t pid, uint64_t function, struct ww_v8_function *found);

/* Writes "function (directory/file.js:12)", the line being that where the function begins. Errors as above. */
int ww_v8_code__name(const struct ww_v8_layout *layout, pid_t pid, const struct ww_v8_function *function, char *name,
		     size_t size);

#endif
