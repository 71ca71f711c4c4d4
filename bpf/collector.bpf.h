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

/* What a stop of a process that ends with it turned out to be. */
enum ww_part {
	WW_PART_NONE,
	WW_PART_FIRST, /* of a collection that goes on beside the program */
	WW_PART_LAST,
};

struct ww_collector {
	u64 stop;    /* a clock that runs while the process is stopped by it (clock.bpf.h) */
	u64 began;   /* when the collection under way began; 0: none is */
	u64 sp;	     /* of a function that collects: the thread's stack pointer where it was called */
	u64 stopped; /* since when the process is stopped, for whatever; 0: it is not */
	u64 left;    /* when a first part of a collection of Go's ended but for waking the threads; 0: that is over */
	u64 first;   /* since when the process was stopped for that part, */
	u64 parted;  /* and for how long: it is counted with the last one */
	u64 total;   /* where the runtime adds up how long a collection has it stopped; 0: not known */
	u32 part;    /* enum ww_part, of that stop */
	u16 small;   /* what is under way is a part of a collection that is counted elsewhere */
	u16 clocked; /* and was begun by the runtime's own clock, which ends it */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ww_collector);
} ww_collectors SEC(".maps") __weak;

#define WW_HASHED_COLLECTORS 2048

/* In its place, where there is no storage (storage.bpf.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_HASHED_COLLECTORS);
	__type(key, u64); /* struct task_struct * */
	__type(value, struct ww_collector);
} ww_hashed_collectors SEC(".maps") __weak;

/* What user space reads of a process's collector. */
struct ww_collections {
	u64 count;
	u64 ns;	     /* that they stopped the process, or its thread */
	u32 program; /* counts up when the process id is another program's */
	u32 ended;   /* the program has; the next collection is another one's */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32); /* tgid */
	__type(value, struct ww_collections);
} ww_collections SEC(".maps") __weak;

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
