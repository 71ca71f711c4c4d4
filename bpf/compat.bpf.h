/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where kernels differ: each difference is one function here, under the kernel commit that made it necessary, decided
 * by what the running kernel's BTF has, never by its version.
 */
#ifndef WHYWAIT_COMPAT_H
#define WHYWAIT_COMPAT_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* Set before loading: sched_switch tells the state that the task had when it was switched out. */
const volatile bool ww_switch_tells_state __weak = true;

struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

struct task_struct___since_5_14 {
	unsigned int __state;
} __attribute__((preserve_access_index));

/*
 * The state in which sched_switch, whose arguments `ctx` are, found `prev`. Its argument came with fa2c3254d7cf
 * ("sched/tracing: Don't re-read p->state when emitting sched_switch event", 5.18); before, it is read from the task,
 * whose field was renamed in 2f064a59a11f ("sched: Change task_struct::state", 5.14).
 */
static __always_inline u32 ww_switch_state(const unsigned long long *ctx, struct task_struct *prev)
{
	struct task_struct___since_5_14 *since = (void *)prev;
	struct task_struct___before_5_14 *before = (void *)prev;
	if (ww_switch_tells_state)
		return ctx[3];
	if (bpf_core_field_exists(since->__state))
		return BPF_CORE_READ(since, __state);
	return BPF_CORE_READ(before, state);
}

struct task_struct___throttled {
	bool throttled;
} __attribute__((preserve_access_index));

/*
 * Whether a preempted task waits for its cgroup's CPU quota. Since 2cd571245b43 ("sched/fair: Add related data
 * structure for task based throttle", 6.18) the task itself knows; before, its run queue is throttled as a whole.
 */
static __always_inline bool ww_task_throttled(struct task_struct *p)
{
	struct task_struct___throttled *task = (void *)p;
	if (bpf_core_field_exists(task->throttled))
		return BPF_CORE_READ(task, throttled);
	if (bpf_core_field_exists(struct cfs_rq, throttle_count))
		return BPF_CORE_READ(p, se.cfs_rq, throttle_count) > 0;
	return false;
}

#endif
