/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a process's interpreter has its lock, so that waits for it are told from those for the program's own.
 *
 * CPython has it in _PyRuntime: in 3.8 to 3.11 in the runtime's own state, later in that of the main interpreter, which
 * is a part of it; no other lock that is in there is a futex. So no table of offsets is needed. (An interpreter with a
 * lock of its own, PEP 684, has it elsewhere.)
 *
 * Ruby's threads wait for their lock, to sleep, and for a Mutex on one condition, each on its own. What tells these
 * waits apart is the mutex that they let go of: that of the lock lies in the ractor, the other in the thread. Since 3.3
 * there is one for both.
 */
#ifndef WHYWAIT_INTERPRETER_H
#define WHYWAIT_INTERPRETER_H

#include <stdint.h>
#include <sys/types.h>

/* As the BPF side wants it: struct ww_interpreter. */
struct ww_interpreter_layout {
	uint64_t from, to;
	uint32_t name; /* enum ww_detail_name */
	uint32_t by_mutex;
};

/* Looks at a process. -ENOENT: it is no such interpreter; -ESRCH, -EACCES: it can't be read. */
int ww_interpreter__find(pid_t pid, struct ww_interpreter_layout *layout);

#endif
