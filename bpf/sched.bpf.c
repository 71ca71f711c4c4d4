// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The scheduler's part: splits a thread's interval into running, waiting for a CPU, and waiting for the cause that the
 * blocking syscall names. Tasks that never worked for a request have no storage and leave after one look-up.
 */
#include "cause.bpf.h"
#include "collector.bpf.h"
#include "compat.bpf.h"
#include "cork.bpf.h"
#include "goroutine.bpf.h"
#include "halt.bpf.h"
#include "job.bpf.h"
#include "lock.bpf.h"
#include "pipe.bpf.h"
#include "select.bpf.h"
#include "stack.bpf.h"
#include "submit.bpf.h"
#include "tasks.bpf.h"
#include "unit.bpf.h"

#define WW_STEP_NS 50000 /* a loop that ran for less looked at its descriptors, and did no step of a request */

/*
 * Whether the loop may have worked for the request that is taken to wait for a timer. It may wait for the rest of an
 * answer as well, where the loop is not Node's, whose answers come whole mostly: then it was a timer, or another thread
 * of the process, that has woken it since. nginx wakes up for each connection that can be written to again, too, and
 * writes its log when a request has ended.
 */
static __always_inline bool ww_loop_may_work(const struct ww_thread *t, const struct ww_request *r)
{
	if (t->phase_at || !r->unread || !r->answered)
		return true;
	return t->slept >= r->mark && t->slept <= t->start && (t->posted || ww_timer_may_be(t, r, t->start));
}

/* An event loop worked and touched no socket: for the only request that waited for a timer, if there is only one. */
static __always_inline void ww_loop_worked(struct ww_thread *t, const struct ww_cause *hint, u64 now)
{
	struct ww_request *r = ww_request_get(ww_carrier_sleeper(t, true));
	struct ww_touch timer = {.kind = WW_KIND_OTHER};
	if (!r || r->mark > t->start || !ww_loop_may_work(t, r))
		return;
	ww_charge_gap(r, t, &timer, t->start);
	if (r->mark == t->start)
		ww_give(r, t);
	r->hint = *hint;
	ww_infer(r);
	ww_interval_reset(t, now);
}

static __always_inline void ww_switch_out(struct ww_thread *t, struct task_struct *prev, bool blocked, u32 state,
					  u64 now)
{
	ww_interval_ran(t, now);
	if (ww_stacks_on) {
		t->stack = 0;
		if (t->sampled)
			t->stack = ww_stack_of_switch(prev, t);
	}
	if (!blocked) {
		t->off = WW_OFF_RUNQ;
		t->off_cause.kind = WW_KIND_RUNQ;
		t->off_cause.type = WW_DETAIL_NONE;
		if ((t->ref || t->fresh) && ww_task_throttled(prev))
			t->off_cause = ww_named(WW_KIND_RUNQ, WW_NAME_THROTTLED);
		return;
	}
	struct ww_blocked b;
	ww_cause_of_block(&b, prev, state);
	if (b.cause.nr == WW_SYS_CONNECT + 1 && (t->ref || t->job) && t->connecting.type && ww_connects(prev)) {
		/* No other socket can end this wait. */
		b.off = WW_OFF_BLOCKED;
		b.cause = t->connecting;
	}
	/* A thread of Go's without a goroutine waits for any. */
	if (t->go && !ww_goroutine_blocks(t, now))
		b.off = WW_OFF_SOCKET;
	if (b.off == WW_OFF_SOCKET)
		ww_cork_ends(t, now);
	t->awaits = 0;
	/* One that waits for the interpreter's lock has let go of it before, and put nothing anywhere since. */
	if (ww_workers_known && (t->ref || t->submits) && !t->go && !ww_is_interpreters(b.cause))
		ww_worker_claims(t, false);
	t->off = b.off;
	t->off_cause = b.cause;
	t->timed = b.timed + (b.timed && b.told);
	t->expired = 1;
	t->stopped = 0;
	if (b.off != WW_OFF_SOCKET) {
		/* Without a request, a futex is where a pool's thread waits for one. */
		t->futex = b.futex;
		t->futex_sp = b.sp;
		b.may_idle |= ww_queues_on && t->pipe && b.cause.value == WW_NAME_PIPE;
		if (t->executor) {
			if (b.may_idle && b.waits)
				ww_executor_waits(t);
		} else if (t->pool && b.may_idle && b.waits)
			ww_handoff_parks(t);
		else if (!t->ref && !t->home && b.may_idle) {
			t->off = WW_OFF_IDLE;
			if (b.waits)
				ww_idles(t);
		}
		if (t->off == WW_OFF_BLOCKED && ww_is_futex(t->off_cause)) {
			t->stops = ww_stopped_at(prev, now);
			if (b.waits && t->ref && !t->go && !t->loop && !ww_is_interpreters(b.cause))
				ww_worker_blocks(t);
			if (t->awaits)
				ww_worker_claims(t, true);
		}
		return;
	}
	if (!t->ref && t->loop && !t->python && t->pending_len && t->cpu_ns > WW_STEP_NS)
		ww_loop_worked(t, &b.cause, now);
	if (ww_queues_on && t->takes)
		ww_unit_waits(t, (u64)b.cause.nr << 32 | (u32)WW_REGS_ARG1(ww_task_regs(prev)));
	t->off_nr = b.cause.nr;
	t->slept = now;
	t->posted = 0;
	t->worked_ns = now - t->woke;
	if (ww_is_epoll(b.cause.nr))
		t->loop = !t->go && !t->executor;
	if (t->uvloop == WW_UVLOOP_DOUBTED && ww_is_epoll(b.cause.nr))
		ww_uvloop_sleeps(t);
	t->deadline = b.timeout_ns ? now + b.timeout_ns : 0;
	struct ww_request *r = ww_request_get(t->ref);
	/* What it does next may be the request's still: of that, stacks are taken, too. */
	bool sampled = ww_stacks_on && t->sampled && r;
	if (r && ww_hold(t, r, t->ref)) {
		if (ww_owns(r, prev->pid)) {
			t->home = t->go ? 0 : t->ref;
			if (r->mark == t->start)
				ww_give(r, t);
			else
				ww_count(WW_COUNT_SLOT_STALE);
			ww_interval_reset(t, now);
			ww_detach(t, r, b.cause);
		} else if (!t->go) { /* another goroutine of the request may have taken it to another thread */
			ww_count(WW_COUNT_SLOT_STALE);
		}
		ww_let_go(t, r);
	}
	t->sampled = sampled;
	t->ref = 0;
	if (t->pending_len && t->python)
		ww_loop_sleeps(t, &b.cause, now);
}

static __always_inline void ww_switch_in(struct ww_thread *t, struct task_struct *next, u64 now)
{
	if (t->gift || t->parked)
		ww_handoff_taken(t);
	if (t->off == WW_OFF_NOT) {
		/* Its switch-out was not reported: what it did since the last event can't be told. */
		struct ww_cause unseen = {.kind = WW_KIND_OTHER};
		ww_count(WW_COUNT_SWITCH_UNSEEN);
		ww_interval_waited(t, unseen, t->mark, now);
		t->mark = now;
		if (t->gc != t->gc_mark)
			t->gc_mark = ww_clock_at(t->gc, now);
		return;
	}
	if (t->off == WW_OFF_BLOCKED && ww_is_futex(t->off_cause))
		t->stopped = ww_clock_since(t->stops, ww_stopped_at(next, now));
	if (t->off == WW_OFF_SOCKET)
		t->woke = now;
	bool idle = t->off == WW_OFF_IDLE;
	ww_interval_resume(t, now, true);
	t->on_cpu = now;
	if (idle && t->executor)
		ww_executor_begins(t);
}

/* A thread of a program with tokio: those that wake others, or make them, do so for blocking work, too. */
static __always_inline bool ww_tokio_runs(struct task_struct *task)
{
	struct ww_thread *t = ww_by_hand ? NULL : ww_thread_get(task);
	return t && t->go == WW_GO_TOKIO;
}

/* Another thread of that process, which waits and is to be followed. */
static __noinline void ww_tokio_met_thread(struct task_struct *task)
{
	struct ww_thread *t = ww_thread_create(task);
	if (!t) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return;
	}
	t->tid = task->pid;
	t->start = bpf_ktime_get_ns();
	t->mark = t->start;
	t->waking = t->start;
	t->off = WW_OFF_SOCKET;
	t->go = WW_GO_TOKIO;
}

static __always_inline int ww_switched(bool preempt, struct task_struct *prev, struct task_struct *next, u32 prev_state)
{
	u64 now = 0;
	struct ww_thread *t = ww_thread_get(prev);
	/* What is left out of this it computes. */
	if (t && !(t->exact & WW_EXACT_CHANGES)) {
		if (t->executor && (t->uvpool || preempt || !prev_state || ww_syscall_nr(prev) == WW_SYS_FUTEX + 1))
			ww_executor_tells(t);
		now = bpf_ktime_get_ns(); /* not before: an account may have begun in there */
		if (t->corked)
			ww_cork_look(t, now, false);
		ww_switch_out(t, prev, !preempt && prev_state, prev_state, now);
		if (t->job)
			ww_job_out(t, now);
	}
	t = ww_thread_get(next);
	if (!t || t->exact & WW_EXACT_CHANGES)
		return 0;
	now = now ? now : bpf_ktime_get_ns();
	if (t->job)
		ww_job_in(t, now);
	ww_switch_in(t, next, now);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(ww_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
	return ww_switched(preempt, prev, next, prev_state);
}

/* Where it has three arguments (ww_task_state()). */
SEC("?tp_btf/sched_switch")
int BPF_PROG(ww_sched_switch_three, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return ww_switched(preempt, prev, next, ww_task_state(prev));
}

/* Another thread of its process ends a loop's wait for sockets: notes it where that is by no socket. */
static __noinline void ww_loop_posted(struct ww_thread *t, struct task_struct *by)
{
	if (ww_syscall_nr(by) != WW_SYS_WRITE + 1)
		return;
	u32 type = ww_fd_type(by, WW_REGS_ARG1(ww_task_regs(by)));
	if (!type)
		t->posted = WW_NAME_EVENTFD;
	else if (type == S_IFIFO)
		t->posted = WW_NAME_PIPE;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(ww_sched_waking, struct task_struct *p)
{
	struct ww_thread *t = ww_thread_get(p);
	u64 now = 0;
	if (t) {
		now = bpf_ktime_get_ns();
		t->waking = now;
	} else if (!(ww_queues_on && ww_takers_known) &&
		   (ww_by_hand || !(ww_python_loops || ww_workers_known || ww_tokio_any || ww_relays_known ||
				    ww_handoff_may_be(p)))) {
		return 0;
	}
	struct task_struct *by = ww_current();
	if (ww_field(by, tgid) != p->tgid || by == p)
		return 0;
	if (ww_queues_on && ww_takers_known) {
		struct ww_wake w = {.waker = by, .woken = p};
		ww_elsewhere_wakes(&w);
	}
	if (!t && ww_tokio_any && ww_tokio_runs(by))
		ww_tokio_met_thread(p);
	if (t && t->timed)
		ww_timed_ended(t, by, now);
	if (t && t->loop && t->off == WW_OFF_SOCKET && !t->python)
		ww_loop_posted(t, by);
	if (t && ww_lock_waits(t))
		ww_lock_ended(t, by, now);
	struct ww_thread *waker = ww_by_hand ? NULL : ww_thread_get(by);
	if (waker && waker->executor && t && t->loop) {
		ww_executor_tells(waker);
		now = bpf_ktime_get_ns();
	}
	if (waker && waker->python && waker->loop) {
		struct ww_wake w = {.waker = by, .woken = p, .now = now ? now : bpf_ktime_get_ns()};
		ww_executor_wakes(&w, waker);
	} else if (waker ? !waker->go && (waker->ref || waker->pool || waker->executor || waker->submits ||
					  (t && t->executor))
			 : t && t->executor) {
		struct ww_wake w = {.waker = by, .woken = p, .now = now ? now : bpf_ktime_get_ns()};
		if (!ww_worker_wakes(&w, waker) && waker)
			ww_handoff_wakes(&w, waker);
	}
	return 0;
}

/* Children of a selected process are selected too: `record -- COMMAND` observes all that the command starts. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(ww_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 from = parent->tgid, to = child->tgid;
	u8 one = 1;
	if (from != to && bpf_map_lookup_elem(&ww_selected_pids, &from) &&
	    bpf_map_update_elem(&ww_selected_pids, &to, &one, BPF_ANY))
		ww_count(WW_COUNT_SELECTED_FULL);
	if (ww_queues_on && ww_takers_known && from == to)
		ww_elsewhere_makes(ww_thread_get(parent));
	if (from == to && (ww_python_loops || ww_workers_known) && !ww_by_hand)
		ww_executor_made(parent, child);
	if (from == to && ww_tokio_any && ww_tokio_runs(parent))
		ww_tokio_met_thread(child);
	if (!ww_by_hand)
		ww_job_forks(parent, child);
	return 0;
}

#define WW_GENERATIONS 1024

/* By process id modulo the size: counts up when what user space has learnt of a process with that id is so no more. */
__u32 ww_generations[WW_GENERATIONS] = {};

/* What user space has learnt of the process's program is forgotten, there and here. */
static __always_inline void ww_program_ended(u32 tgid)
{
	bpf_map_delete_elem(&ww_pythons, &tgid);
	bpf_map_delete_elem(&ww_libuvs, &tgid);
	if (ww_python_loops)
		bpf_map_delete_elem(&ww_uvloops, &tgid);
	bpf_map_delete_elem(&ww_pools, &tgid);
	bpf_map_delete_elem(&ww_gos, &tgid);
	bpf_map_delete_elem(&ww_tasks, &tgid);
	bpf_map_delete_elem(&ww_executors, &tgid);
	bpf_map_delete_elem(&ww_workers, &tgid);
	if (ww_queues_on) {
		bpf_map_delete_elem(&ww_queue_parents, &tgid);
		bpf_map_delete_elem(&ww_takers, &tgid);
	}
	bpf_map_delete_elem(&ww_interpreters, &tgid);
	struct ww_collections *collections = bpf_map_lookup_elem(&ww_collections, &tgid);
	if (collections)
		collections->ended = 1;
	__sync_fetch_and_add(&ww_generations[tgid % WW_GENERATIONS], 1);
}

/* The thread goes on in another program: of the old one's event loop nothing is left. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ww_sched_process_exec, struct task_struct *p)
{
	ww_program_ended(p->tgid);
	if (!ww_by_hand && (u32)p->tgid == ww_job_leader && !ww_job_ref && !ww_job_serves)
		ww_job_begins(p);
	struct ww_collector *c = ww_collector_of(p);
	if (c)
		__builtin_memset(c, 0, sizeof(*c));
	struct ww_loop *loop = ww_loop_get(false);
	if (loop)
		__builtin_memset(loop->serving, 0, sizeof(loop->serving));
	struct ww_thread *t = ww_thread_get(p);
	if (!t)
		return 0;
	t->gc = 0;
	t->gc_mark = 0;
	t->stopped = 0;
	t->tid = p->pid; /* another thread's than the first takes that one's */
	t->loop = 0;
	t->shared = 0;
	t->mixed = 0;
	t->pending_len = 0;
	t->named = 0;
	t->python = 0;
	t->python_tries = 0;
	t->executor = WW_EXECUTOR_NOT;
	t->submitter = 0;
	t->told = 0;
	t->handle_frame = 0;
	t->newest = 0;
	t->handle_tries = 0;
	t->nested = 0;
	t->uvloop = 0;
	t->uvpool = 0;
	t->base = 0;
	t->owes = 0;
	t->worker = 0;
	ww_takes_no_more(t);
	t->taking = 0;
	t->reading = 0;
	t->relays = 0;
	t->spreads = 0;
	t->strays = 0;
	t->pipe = 0;
	t->loop_slot = 0;
	t->item = 0;
	t->item_vars = 0;
	t->given = 0;
	t->awaits = 0;
	t->submits = 0;
	t->made = 0;
	t->frames_of = 0;
	t->frames_tries = 0;
	t->go = 0;
	t->go_tries = 0;
	t->java_thread = 0;
	t->tasks_slot = 0;
	t->tasks_tries = 0;
	t->tasks_at = 0;
	t->exact = 0;
	t->goroutine = 0;
	t->phase_at = 0;
	t->phase_read = 0;
	t->phase_asked = 0;
	t->turns_at = 0;
	t->turn_len = 0;
	t->several = 0;
	t->others = 0;
	t->others_seen = 0;
	t->root = 0;
	t->root_lost = 0;
	t->untold = 0;
	t->deferred = 0;
	t->defers = 0;
	return 0;
}

/* What is known of a process ends with it: its id may be another's next. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(ww_sched_process_exit, struct task_struct *p)
{
	u32 tgid = p->tgid;
	struct ww_thread *t = ww_thread_get(p);
	if (t) {
		ww_cork_ends(t, bpf_ktime_get_ns());
		ww_tasks_forgets(t);
	}
	if (t && t->executor) {
		struct ww_request *a = ww_request_get(t->ref ? t->ref : t->home);
		/* What it has begun since its last work was none: it was woken to end. */
		if (a && a->helper)
			ww_handoff_end(a);
		ww_executor_rests(t);
	}
	struct ww_request *unit = t ? ww_request_get(t->unit) : NULL;
	if (unit) {
		/* It ends within a unit: the sweep sees to that, as to what has no connection any more. */
		unit->account.flags |= WW_FLAG_ABORTED;
		unit->opened = 0;
	}
	if (ww_queues_on && t && t->pipe && t->takes)
		ww_queue_untaken(t->pipe);
	if (!ww_by_hand)
		ww_job_leaves(p);
	/* While other threads go on, so does the process; a leader also ends in another thread's execve(). */
	if (BPF_CORE_READ(p, signal, live.counter))
		return 0;
	if (ww_select_by_pid)
		bpf_map_delete_elem(&ww_selected_pids, &tgid);
	ww_program_ended(tgid);
	if (!ww_by_hand && tgid == ww_job_leader)
		ww_job_ends(p);
	return 0;
}

/* State that is kept by hand goes with the task, when the last one that could name it has let go of it. */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(ww_sched_process_free, struct task_struct *p)
{
	u64 key = (u64)p;
	bpf_map_delete_elem(&ww_hashed_threads, &key);
	bpf_map_delete_elem(&ww_hashed_loops, &key);
	bpf_map_delete_elem(&ww_hashed_collectors, &key);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
