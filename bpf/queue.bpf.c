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

#define WW_PIPEFS_MAGIC 0x50495045 /* include/uapi/linux/magic.h */

/* The number of a pipe that a file descriptor is an end of; 0: it is none. */
static __always_inline u64 ww_queue_pipe(struct task_struct *task, u64 fd)
{
	struct inode *inode = ww_fd_inode(task, fd);
	if (!inode || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFIFO ||
	    BPF_CORE_READ(inode, i_sb, s_magic) != WW_PIPEFS_MAGIC)
		return 0;
	return BPF_CORE_READ(inode, i_ino);
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
	u64 now = bpf_ktime_get_ns();
	struct ww_queue_pipe *p = bpf_map_lookup_elem(&ww_queue_pipes, &pipe);
	if (!p) {
		struct ww_queue_pipe new = {now, now};
		bpf_map_update_elem(&ww_queue_pipes, &pipe, &new, BPF_NOEXIST);
		p = bpf_map_lookup_elem(&ww_queue_pipes, &pipe);
	}
	/* It has its number also where nothing is known of it, so that those behind it keep theirs. */
	struct ww_queue_place place = {.pipe = pipe, .number = p ? ww_next(&p->put) : 0};
	struct ww_request *r = p ? ww_unit_new(now, WW_FLAG_MESSAGE, system) : NULL;
	if (!r)
		return;
	r->message = 1;
	ww_ref ref = r->account.id;
	if (bpf_map_update_elem(&ww_queue_handed, &place, &ref, BPF_ANY)) {
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		ww_request_free(r);
		return;
	}
	ww_queue_says(ref, system, at, len);
}

/*
 * The running thread has been handed the next message of its pipe, if there is one: it works on that since it was
 * woken, or since now. False when there is none.
 */
static __always_inline bool ww_queue_takes(struct ww_thread *t)
{
	struct ww_queue_pipe *p = bpf_map_lookup_elem(&ww_queue_pipes, &t->pipe);
	struct ww_queue_place place = {.pipe = t->pipe};
	if (!p || !ww_queue_next(p, &place.number))
		return false;
	u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	ww_ref *ref = bpf_map_lookup_elem(&ww_queue_handed, &place);
	struct ww_request *r = ref ? ww_request_get(*ref) : NULL;
	t->taking = 1;
	/* Who deletes it has it. */
	bool mine = !bpf_map_delete_elem(&ww_queue_handed, &place);
	if (!mine || !r || !ww_queue_ends(t, now)) {
		ww_queue_ends(t, now);
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		if (mine && r)
			ww_request_free(r);
		return true;
	}
	struct ww_touch touch = {.kind = WW_KIND_OTHER, .receive = true, .ready = r->mark};
	struct ww_account *a = &r->account;
	a->tgid = id >> 32;
	a->tid = id;
	a->cgroup_id = bpf_get_current_cgroup_id();
	bpf_get_current_comm(a->comm, sizeof(a->comm));
	/* That what was written to the pipe is what is read from it is seen by its order only. */
	ww_infer(r);
	ww_touched(t, r, &touch, now);
	t->unit = a->id;
	return true;
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
	/* It is read in several parts. */
	if (t->taking)
		return;
	t->reading = !ww_queue_takes(t);
	if (t->reading && t->takes) {
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
		if (t->reading)
			ww_queue_takes(t);
		t->reading = 0;
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
