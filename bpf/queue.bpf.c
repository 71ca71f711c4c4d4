// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Messages of queues that a process hands on to processes that it has made, by a pipe to each (Celery's pool of
 * processes): a unit of work begins when one is written to such a pipe, and ends when its reader reads from it anew.
 *
 * Nothing else than the system calls tells of pipes: when a message is written while its reader is on the way to read,
 * nobody is woken. Loaded only for `--unit queue`. The kernel keeps preemption off around programs of this tracepoint,
 * as it needs that itself to tell which runs (include/trace/bpf_probe.h).
 */
#include "cause.bpf.h"
#include "queue.bpf.h"

/* Messages that were handed on, by the pipe's inode, until they are taken. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, ww_ref);
} ww_queue_pipes SEC(".maps");

/* The inode of a pipe that a file descriptor is an end of; 0: it is none. */
static __always_inline u64 ww_queue_pipe(struct task_struct *task, u64 fd)
{
	struct inode *inode = ww_fd_inode(task, fd);
	return inode && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFIFO ? (u64)inode : 0;
}

/* What was handed on by that pipe and is not taken yet. */
static __always_inline struct ww_request *ww_queue_handed(u64 pipe)
{
	ww_ref *ref = bpf_map_lookup_elem(&ww_queue_pipes, &pipe);
	return ref ? ww_request_get(*ref) : NULL;
}

#define WW_PICKLE_MIN 32 /* bytes: no task is shorter */

/* A pickle with a frame (protocol 4 and later), as Python's multiprocessing and billiard send what is to be done. */
static __always_inline bool ww_queue_is_pickle(const u8 *b)
{
	return b[0] == 0x80 && (b[1] == 4 || b[1] == 5) && b[2] == 0x95;
}

/* Tells user space what was written: the message's name is in there. */
static __always_inline void ww_queue_says(u64 request, u8 system, u64 at, u64 len)
{
	struct ww_traffic_room *room = ww_traffic_room();
	if (!room)
		return;
	struct ww_traffic *record = &room->record;
	__builtin_memset(record, 0, sizeof(*record));
	record->type = WW_TRAFFIC_MESSAGE;
	record->system = system;
	record->request = request;
	record->at_ns = bpf_ktime_get_ns();
	record->began_ns = record->at_ns;
	record->total = len;
	if (len > WW_TRAFFIC_HTTP_HEAD)
		len = WW_TRAFFIC_HTTP_HEAD;
	barrier_var(len);
	if (len > WW_TRAFFIC_HTTP_HEAD || bpf_probe_read_user(room->data, len, (void *)at)) {
		ww_count(WW_COUNT_TRAFFIC_UNREAD);
		len = 0;
	}
	record->head = len;
	ww_traffic_put(record, len);
}

/* A process that takes messages writes: one that is for the reader of that pipe? */
static __always_inline void ww_queue_written(struct task_struct *task, struct pt_regs *regs, u8 system)
{
	u64 at = WW_REGS_ARG2(regs), len = WW_REGS_ARG3(regs);
	u8 b[4];
	if (len < WW_PICKLE_MIN || !ww_selected_process() || bpf_probe_read_user(b, sizeof(b), (void *)at) ||
	    !ww_queue_is_pickle(b))
		return;
	u64 pipe = ww_queue_pipe(task, WW_REGS_ARG1(regs));
	if (!pipe)
		return;
	struct ww_request *r = ww_queue_handed(pipe);
	if (r) {
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		ww_request_free(r);
	}
	r = ww_unit_new(bpf_ktime_get_ns(), WW_FLAG_MESSAGE, system);
	if (!r)
		return;
	r->message = 1;
	ww_ref ref = r->account.id;
	if (bpf_map_update_elem(&ww_queue_pipes, &pipe, &ref, BPF_ANY)) {
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		ww_request_free(r);
		return;
	}
	ww_queue_says(ref, system, at, len);
}

/* The running thread has been handed the message: it works on that since it was woken, or since now. */
static __always_inline void ww_queue_takes(struct ww_thread *t, struct ww_request *r, u64 pipe)
{
	struct ww_touch touch = {.kind = WW_KIND_OTHER, .receive = true, .ready = r->mark};
	u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	bpf_map_delete_elem(&ww_queue_pipes, &pipe);
	if (!ww_queue_ends(t, now)) {
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		ww_request_free(r);
		return;
	}
	struct ww_account *a = &r->account;
	a->tgid = id >> 32;
	a->tid = id;
	a->cgroup_id = bpf_get_current_cgroup_id();
	bpf_get_current_comm(a->comm, sizeof(a->comm));
	ww_touched(t, r, &touch, now);
	t->unit = a->id;
	t->taking = 1;
}

/* A process that one has made which takes messages reads: another message? */
static __always_inline void ww_queue_read(struct task_struct *task, struct ww_thread *t, struct pt_regs *regs)
{
	u64 pipe = ww_queue_pipe(task, WW_REGS_ARG1(regs)), now = bpf_ktime_get_ns();
	if (!pipe || (t && t->takes && t->pipe != pipe) || (!t && !ww_selected_process()))
		return;
	t = t ?: ww_thread_make(task, now);
	if (!t)
		return;
	/* The first message tells that it is the one: of that, what is read last may come behind this call. */
	t->pipe = pipe;
	struct ww_request *r = ww_queue_handed(pipe);
	if (r) {
		ww_queue_takes(t, r, pipe);
	} else if (t->takes && !t->taking) {
		ww_queue_ends(t, now);
		t->fresh = 1;
	}
}

static __always_inline void ww_queue_called(struct pt_regs *regs, long nr)
{
	struct task_struct *task = ww_current();
	struct ww_thread *t = ww_thread_get(task);
	u32 tgid = ww_field(task, tgid);
	if (nr == WW_SYS_READ) {
		struct task_struct *leader = BPF_CORE_READ(task, group_leader);
		u32 by = BPF_CORE_READ(leader, real_parent, tgid);
		if ((t && t->pipe) || bpf_map_lookup_elem(&ww_queue_parents, &by))
			ww_queue_read(task, t, regs);
		return;
	}
	if (t && t->pipe) {
		/* It has read what it was woken for, and no more of it than that. */
		struct ww_request *r = ww_queue_handed(t->pipe);
		if (r && !t->taking)
			ww_queue_takes(t, r, t->pipe);
		t->taking = 0;
	}
	u8 *system = bpf_map_lookup_elem(&ww_queue_parents, &tgid);
	if (system)
		ww_queue_written(task, regs, *system);
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(ww_queue_call, struct pt_regs *regs, long nr)
{
	if ((nr != WW_SYS_READ && nr != WW_SYS_WRITE) || !ww_queue_parents_known)
		return 0;
	ww_queue_called(ww_task_regs(ww_current()), nr);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
