/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Java's ForkJoinPool, whose threads take tasks from one another, and end most without waking anybody (rule 5 of
 * DESIGN.md). What such a thread has asked others for and nobody has waited for may have been for any request of the
 * process that waits for others meanwhile: those say so.
 */
#ifndef WHYWAIT_FORK_H
#define WHYWAIT_FORK_H

#include "account.bpf.h"

#define WW_FORK_FRAMES 2048 /* bytes of the stack from a thread's wait for work to the end of a task */

/* Processes that have such threads: when what one has done was last nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, u64);
} ww_forks SEC(".maps") __weak;

__u32 ww_forks_known __weak = 0; /* there is one */

/* How the task's name begins. */
static __always_inline u64 ww_handoff_comm(struct task_struct *task)
{
	u64 comm = 0;
	bpf_probe_read_kernel(&comm, sizeof(comm),
			      (const char *)task + bpf_core_field_offset(struct task_struct, comm));
	return comm;
}

/*
 * Whether the task is such a thread, by its name. It waits for work in the function in which it takes that: what it
 * calls at a task's end is a little deeper.
 */
static __always_inline bool ww_fork_is(struct task_struct *task)
{
	return (ww_handoff_comm(task) & WW_WORD7_MASK) == WW_WORD8('F', 'o', 'r', 'k', 'J', 'o', 'i', 0);
}

/* What the running thread has asked others for is nobody's. */
static __noinline void ww_fork_strays(struct task_struct *task)
{
	if (!ww_fork_is(task))
		return;
	u32 tgid = ww_field(task, tgid);
	u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&ww_forks, &tgid, &now, BPF_ANY);
	ww_forks_known = 1;
}

/* The running thread begins to answer the request, which is charged up to now. */
static __always_inline void ww_fork_answers(struct ww_request *r)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u64 *strayed = ww_forks_known ? bpf_map_lookup_elem(&ww_forks, &tgid) : NULL;
	if (strayed && *strayed > r->opened &&
	    (r->account.attribution != WW_ATTRIBUTION_EXACT || r->account.kinds_ns[WW_KIND_LOCK]))
		ww_doubt(r);
}

#endif
