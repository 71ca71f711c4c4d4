/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Garbage collectors: what is kept of one, and what its process's threads were stopped for by it.
 *
 * A collector that stops its process is kept with the process's first thread, where the scheduler finds it by way of
 * each of the others; one that stops its own thread only, with that thread.
 */
#ifndef WHYWAIT_COLLECTOR_H
#define WHYWAIT_COLLECTOR_H

#include "clock.bpf.h"
#include "storage.bpf.h"

/* The collector that may stop this task; NULL when none has run yet. */
static __always_inline struct ww_collector *ww_collector_of(struct task_struct *task)
{
	if (ww_by_hand) {
		u64 key = (u64)BPF_CORE_READ(task, group_leader);
		return bpf_map_lookup_elem(&ww_hashed_collectors, &key);
	}
	struct task_struct *leader = task->group_leader;
	return leader && leader->bpf_storage ? bpf_task_storage_get(&ww_collectors, leader, NULL, 0) : NULL;
}

/* That of the running thread's process, or of the thread itself; NULL when there is no memory for it. */
static __always_inline struct ww_collector *ww_collector_make(bool of_process)
{
	struct ww_collector *found;
	struct task_struct *task = ww_current();

	if (ww_by_hand) {
		u64 key = of_process ? (u64)BPF_CORE_READ(task, group_leader) : (u64)task;
		struct ww_collector none = {};
		found = bpf_map_lookup_elem(&ww_hashed_collectors, &key);
		if (!found) {
			bpf_map_update_elem(&ww_hashed_collectors, &key, &none, BPF_NOEXIST);
			found = bpf_map_lookup_elem(&ww_hashed_collectors, &key);
		}
	} else {
		struct task_struct *owner = of_process ? task->group_leader : task;
		found = owner ? bpf_task_storage_get(&ww_collectors, owner, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE)
			      : NULL;
	}
	if (!found)
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
	return found;
}

/* How long the task's process has been stopped by its collector, all in all. */
static __always_inline u64 ww_stopped_at(struct task_struct *task, u64 now)
{
	struct ww_collector *c = ww_collector_of(task);
	return c ? ww_clock_at(c->stop, now) : 0;
}

#endif
