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

/* Set before loading: programs of tracepoints may be preempted (src/kernel/hooks.c tells by what). */
const volatile bool ww_preemptible __weak = false;

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/*
 * Around a program that charges the time of the thread that runs it: a switch in the middle would charge it as well,
 * and the task that runs then would find the program busy, which the kernel does not run twice on one CPU. Tracepoints
 * kept preemption off by themselves until they were protected by SRCU (7.x).
 */
static __always_inline void ww_preempt_off(void)
{
	if (ww_preemptible)
		bpf_preempt_disable();
}

static __always_inline void ww_preempt_on(void)
{
	if (ww_preemptible)
		bpf_preempt_enable();
}

struct task_struct___unmarked {
	long state;
} __attribute__((preserve_access_index));

/*
 * Why a task is switched out, where sched_switch does not say so: before fa2c3254d7cf ("sched/tracing: Don't re-read
 * p->state when emitting sched_switch event", 5.18). It was `state` before 2f064a59a11f ("sched: Change
 * task_struct::state", 5.14).
 */
static __always_inline u32 ww_task_state(struct task_struct *p)
{
	struct task_struct___unmarked *task = (void *)p;
	if (bpf_core_field_exists(struct task_struct, __state))
		return BPF_CORE_READ(p, __state);
	return BPF_CORE_READ(task, state);
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
