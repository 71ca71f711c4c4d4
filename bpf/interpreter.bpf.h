/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which waits for a futex are for an interpreter's lock, as user space has told where that is
 * (src/kernel/interpreter.h).
 */
#ifndef WHYWAIT_INTERPRETER_H
#define WHYWAIT_INTERPRETER_H

#include "loop.bpf.h"

struct ww_interpreter {
	u64 from; /* addresses between which the lock lies: CPython's itself, */
	u64 to;	  /* Ruby's mutex, with which its threads wait for conditions of their own */
	u32 name; /* enum ww_detail_name */
	u32 by_mutex;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32); /* tgid */
	__type(value, struct ww_interpreter);
} ww_interpreters SEC(".maps") __weak;

__u32 ww_interpreters_known __weak = 0;

#define WW_CONDITION_FUTEX 40 /* in a pthread_cond_t: the first of two words */
#define WW_CONDITION_FRAME 96 /* bytes from the stack's end on in which nothing of the frame is that is looked for */

/*
 * Whether the task, the current one at switch-out, waits for a condition with a mutex that lies there. glibc keeps both
 * side by side on the stack meanwhile, for when the thread is cancelled (struct _condvar_cleanup_buffer, 2.25 on).
 */
WW_GLOBAL4(int, ww_condition_of, N, futex, N, sp, N, from, N, to)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_LOCK);
	if (!cell || bpf_probe_read_user(cell->words, sizeof(cell->words), (void *)(sp + WW_CONDITION_FRAME)))
		return 0;
#pragma unroll
	for (u32 i = 0; i + 1 < sizeof(cell->words) / sizeof(cell->words[0]); i++) {
		u64 word = futex - cell->words[i] - WW_CONDITION_FUTEX, mutex = cell->words[i + 1];
		if (word <= 4 && mutex >= from && mutex < to)
			return 1;
	}
	return 0;
}

/*
 * Whether the task, the current one at switch-out, waits for its interpreter's lock: that is its cause then. *told: or
 * else it is certain that it does not, though its threads wait for all things by the same words, as Ruby's do.
 */
static __always_inline bool ww_interpreter_waits(u32 tgid, u64 futex, u64 sp, struct ww_cause *cause, bool *told)
{
	struct ww_interpreter *of = bpf_map_lookup_elem(&ww_interpreters, &tgid);
	if (!of)
		return false;
	*told = of->by_mutex;
	if (of->by_mutex ? !ww_condition_of(futex, sp, of->from, of->to) : futex < of->from || futex >= of->to)
		return false;
	cause->value = of->name;
	return true;
}

#endif
