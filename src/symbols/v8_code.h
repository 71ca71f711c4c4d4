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

struct ww_v8_heap {
	struct ww_v8_layout layout;
	pid_t pid;
	uint64_t shared_map; /* of all SharedFunctionInfos; 0: none was seen yet */
};

/* What a frame has: tagged pointers. */
struct ww_v8_frame {
	uint64_t context; /* in which it runs */
	uint64_t function;
};

/* A function's code, however many closures there are of it: as long as these are the same it is the same. */
struct ww_v8_function {
	uint64_t shared; /* its SharedFunctionInfo, */
	uint64_t name;	 /* and what that refers to */
	uint64_t script;
};

/*
 * That of a frame. -EFAULT: there is no function any more where it was, or one of another context, or it can't be read;
 * -ENOENT: it is in no script, as V8's own are.
 */
int ww_v8_code__find(struct ww_v8_heap *heap, const struct ww_v8_frame *frame, struct ww_v8_function *found);

/*
 * Writes "function (directory/file.js:12)", the line being that where the function begins. Errors as above; -EAGAIN:
 * something of it could not be read, and the name is what there is.
 */
int ww_v8_code__name(const struct ww_v8_heap *heap, const struct ww_v8_function *function, char *name, size_t size);

#endif
