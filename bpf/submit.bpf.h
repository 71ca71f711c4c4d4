/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who gives a thread of a pool of CPython's its work: who wakes it for that, or makes it. An event loop's thread does
 * so for the Task whose step it is in (executor.bpf.h), another one for the request that it serves (worker.bpf.h).
 */
#ifndef WHYWAIT_SUBMIT_H
#define WHYWAIT_SUBMIT_H

#include "executor.bpf.h"

/* A thread is given work by the loop's thread, which runs, for the Task whose step it is in. */
static __always_inline void ww_executor_submits(struct ww_thread *t, struct ww_thread *of)
{
	struct ww_carrier_key key;
	if (t->uvloop) {
		ww_executor_make(bpf_get_current_pid_tgid() >> 32);
		if (!of->executor)
			ww_executor_expects(of);
		ww_uvpool_submits(t, of);
		return;
	}
	if (!ww_carrier_context(t, &key, false))
		return;
	struct ww_executor *e = ww_executor_make(bpf_get_current_pid_tgid() >> 32);
	if (!of->executor)
		ww_executor_expects(of);
	/* A Task that has answered, and goes on at once: what it has done now is nobody's. */
	if (t->responded == key.context && t->start == t->ended_at) {
		of->submitter = key.context | WW_EXECUTOR_OVER;
		return;
	}
	/* Where all threads were at work until one was done just now, the Task has waited for that. */
	bool waited = e && t->folded > t->woke && e->busy + 1 >= e->most;
	if (e && e->busy + 1 > e->most)
		e->most = e->busy + 1;
	of->submitter = key.context;
	struct ww_request *r = ww_request_get(ww_carrier_of_send(t, NULL));
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	if (!r)
		return;
	r->submitted |= waited && r->anonymous && r->mark == r->account.start_ns;
	ww_touched(t, r, &step, bpf_ktime_get_ns());
}

/* The loop's thread wakes another one of its process. */
static __always_inline void ww_executor_wakes(struct ww_wake *w, struct ww_thread *t)
{
	if (!ww_wakes_futex(w) || !w->idle)
		return;
	struct ww_thread *of = ww_thread_get(w->woken);
	if (!of)
		of = ww_handoff_follow(w);
	if (of && of->off == WW_OFF_IDLE && !of->loop)
		ww_executor_submits(t, of);
}

/* The running thread, of a process that has such, wakes another one of it. `t`: NULL when it is not followed. */
static __noinline bool ww_worker_wakes(struct ww_wake *w, struct ww_thread *t)
{
	if (!ww_workers_of())
		return false;
	/* What an interrupt wakes says nothing of the thread that it came in. */
	if ((s64)WW_REGS_NR(ww_task_regs(w->waker)) != WW_SYS_FUTEX)
		return true;
	ww_worker_claims(t, false);
	struct ww_thread *of = ww_thread_get(w->woken);
	/* Who waits for the interpreter's lock is handed nothing. */
	if ((of && of->off == WW_OFF_BLOCKED && ww_is_interpreters(of->off_cause)) || !ww_wakes_futex(w))
		return true;
	if (t && w->idle && (!of || (of->submits && !of->executor))) {
		if (!of)
			of = ww_handoff_follow(w);
		if (!of)
			return true;
		if (!of->frames_of)
			of->frames_of = ww_python_state_of(ww_own_tid(w->woken));
		if (of->frames_of && ww_executor_idles(of))
			ww_executor_expects(of);
	}
	if (!of)
		return true;
	if (of->executor && of->off == WW_OFF_IDLE && !(t && (t->ref || t->executor))) {
		/* What it puts into queues beside that is nobody's, too. */
		t = t ? t : ww_executor_met(w->waker);
		if (t)
			t->submits = 1;
	}
	if (!t)
		return true;
	/* Such a queue hands its item to who waits for one, and never has it. */
	if (of->worker && of->executor == WW_EXECUTOR_IDLE && of->off == WW_OFF_IDLE &&
	    ww_python_offsets(of->version)->rings)
		of->given = ww_worker_root(t);
	if (of->awaits && of->off == WW_OFF_BLOCKED && t->executor)
		ww_worker_ends(t, of, w->now);
	return true;
}

/* A task makes a thread of its process. */
static __always_inline void ww_executor_made(struct task_struct *parent, struct task_struct *child)
{
	struct ww_thread *t = ww_thread_get(parent);
	if (!t)
		return;
	bool loop = t->python && t->loop;
	ww_ref root = loop || !ww_workers_of() ? 0 : ww_worker_root(t);
	if (!loop && !root)
		return;
	struct ww_thread *of = ww_thread_create(child);
	if (!of) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return;
	}
	u64 now = bpf_ktime_get_ns();
	of->tid = child->pid;
	of->start = now;
	of->mark = now;
	of->waking = now;
	of->off = WW_OFF_IDLE;
	if (loop) {
		ww_executor_submits(t, of);
		return;
	}
	ww_executor_expects(of);
	of->given = root;
	of->made = 1;
}

#endif
