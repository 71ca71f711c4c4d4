/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is kept of a task and of a socket, the running task, and a task's saved registers: by the kernel's storage and
 * helpers, or by hand where it does not give them to programs of tracepoints.
 *
 * By hand, state lies in hash tables by the address of its owner, and goes when that does (sched_process_free, a
 * socket's destructor). Which way it is is a constant to the verifier, which leaves the other way out.
 */
#ifndef WHYWAIT_STORAGE_H
#define WHYWAIT_STORAGE_H

#include "maps.bpf.h"

/*
 * Set before loading: some of this is not there. a10787e6d58c ("bpf: Enable task local storage for tracing programs",
 * 5.13), 8e4597c627fb ("bpf: Allow using bpf_sk_storage in FENTRY/FEXIT/RAW_TP", 5.11), 3ca1032ab7ab ("bpf: Implement
 * get_current_task_btf and RET_PTR_TO_BTF_ID", 5.11), dd6e10fbd9fb ("bpf: Add bpf_task_pt_regs() helper", 5.15).
 */
const volatile bool ww_by_hand __weak = false;

#define WW_HASHED_THREADS 8192
#define WW_HASHED_LOOPS	  512
#define WW_HASHED_CONNS	  16384

/* Made, each in place of the storage of the same name, only where it is used. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_HASHED_THREADS);
	__type(key, u64); /* struct task_struct * */
	__type(value, struct ww_thread);
} ww_hashed_threads SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_HASHED_LOOPS);
	__type(key, u64);
	__type(value, struct ww_loop);
} ww_hashed_loops SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_HASHED_CONNS);
	__type(key, u64); /* struct sock * */
	__type(value, struct ww_conn);
} ww_hashed_conns SEC(".maps") __weak;

/* What a new element of a table is: nothing is ever written here. */
union ww_blank {
	struct ww_thread thread;
	struct ww_loop loop;
	struct ww_conn conn;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, union ww_blank);
} ww_blanks SEC(".maps") __weak;

static __always_inline void *ww_hashed(void *map, u64 key, bool create)
{
	u32 zero = 0;
	void *value = bpf_map_lookup_elem(map, &key);
	if (value || !create)
		return value;
	void *blank = bpf_map_lookup_elem(&ww_blanks, &zero);
	if (blank)
		bpf_map_update_elem(map, &key, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, &key);
}

/* The task that runs: its fields are read by ww_field(). */
static __always_inline struct task_struct *ww_current(void)
{
	return ww_by_hand ? (struct task_struct *)bpf_get_current_task() : bpf_get_current_task_btf();
}

/*
 * Names the program that the running process runs: what is kept by it does not outlive that. Ids of processes come
 * again, and one may go on with another program, whose addresses and numbers of tasks are the same again.
 */
static __always_inline u64 ww_program(void)
{
	/* By hand these would be read into the stack, which has no room for that: there it is the process only. */
	if (ww_by_hand)
		return bpf_get_current_pid_tgid() >> 32;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 run = task->group_leader->start_time + task->self_exec_id;
	return (u64)run << 32 | (u32)task->tgid;
}

/*
 * What is kept of a task and of a socket; NULL when nothing is. Most have no storage of any program: to see that costs
 * a load, to ask for it a call.
 */
static __always_inline struct ww_thread *ww_thread_get(struct task_struct *task)
{
	if (ww_by_hand)
		return ww_hashed(&ww_hashed_threads, (u64)task, false);
	return task->bpf_storage ? bpf_task_storage_get(&ww_threads, task, NULL, 0) : NULL;
}

static __always_inline struct ww_thread *ww_thread_create(struct task_struct *task)
{
	if (ww_by_hand)
		return ww_hashed(&ww_hashed_threads, (u64)task, true);
	return bpf_task_storage_get(&ww_threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Of the task that runs. */
static __always_inline struct ww_loop *ww_loop_get(bool create)
{
	if (ww_by_hand)
		return ww_hashed(&ww_hashed_loops, bpf_get_current_task(), create);
	return bpf_task_storage_get(&ww_loops, bpf_get_current_task_btf(), NULL,
				    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

static __always_inline struct ww_conn *ww_conn_get(struct sock *sk)
{
	if (ww_by_hand)
		return ww_hashed(&ww_hashed_conns, (u64)sk, false);
	return sk->sk_bpf_storage ? bpf_sk_storage_get(&ww_conns, sk, NULL, 0) : NULL;
}

static __always_inline struct ww_conn *ww_conn_make(struct sock *sk)
{
	if (ww_by_hand) {
		struct ww_conn *conn = ww_hashed(&ww_hashed_conns, (u64)sk, true);
		if (conn)
			conn->sock = (u64)sk;
		return conn;
	}
	struct ww_conn *conn = bpf_sk_storage_get(&ww_conns, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* Of two CPUs that make it at the same time the later one gets none (-EAGAIN, -EEXIST): then it is there. */
	return conn ?: bpf_sk_storage_get(&ww_conns, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void ww_conn_forget(struct sock *sk)
{
	u64 key = (u64)sk;
	bpf_map_delete_elem(&ww_hashed_conns, &key);
}

#define WW_STACK 16384 /* of the kernel, of a task (THREAD_SIZE) */

/* A task's registers as its syscall found them, for WW_REGS_.. (registers.bpf.h). */
static __always_inline struct pt_regs *ww_task_regs(struct task_struct *task)
{
	if (!ww_by_hand)
		return (struct pt_regs *)bpf_task_pt_regs(task);
	/* They are at the end of the stack, which KASAN doubles; FRED needs room behind them. */
	void *stack = BPF_CORE_READ(task, stack);
	u32 size = WW_STACK << bpf_core_field_exists(struct kmem_cache, kasan_info);
	u32 room = bpf_core_type_exists(struct fred_info) ? 16 : 0;
	return stack + size - room - bpf_core_type_size(struct pt_regs);
}

/* A field of what ww_current() or ww_task_regs() found. */
#define ww_field(of, field) (ww_by_hand ? BPF_CORE_READ(of, field) : (of)->field)

#endif
