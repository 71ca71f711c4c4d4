/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A command as one unit of work: an account from its start to its end, over all of its threads and children (rule 8 of
 * DESIGN.md). It computes while any of them is on a CPU. What it waited for while none was, the one says that is on a
 * CPU first: that is what all the others may have waited for, too. Where that one waited for sockets, the next that it
 * touches tells which.
 *
 * A command that answers requests has those accounts, and this one ends with the first of them.
 */
#ifndef WHYWAIT_JOB_H
#define WHYWAIT_JOB_H

#include "account.bpf.h"

/* Set before the command starts: the process whose next execve() begins it; 0: there is none. */
__u32 ww_job_leader __weak = 0;
__u64 ww_job_ref __weak = 0;
__u32 ww_job_running __weak = 0;   /* threads of it that are on a CPU */
__u32 ww_job_preempted __weak = 0; /* that want one, and did not wait for anything else */
__u32 ww_job_alone __weak = 0;	   /* the thread that has been the only one on a CPU since one is; 0: there is none */
__u64 ww_job_gc __weak = 0;	   /* what its clock of collecting garbage showed at the beginning of that */
__u8 ww_job_serves __weak = 0;	   /* it has answered a request, and has no account any more */

static __always_inline struct ww_request *ww_job_get(void)
{
	return ww_job_ref ? ww_request_get(ww_job_ref) : NULL;
}

/* The account that what the thread asks others for is for; 0: the thread is of no command, or that answers requests. */
static __always_inline ww_ref ww_job_of(const struct ww_thread *t)
{
	struct ww_request *r = t->job ? ww_job_get() : NULL;
	return r ? r->account.id : 0;
}

#define WW_JOB_TRIES 200

/*
 * Whether it is the running CPU's alone now, to be let go of again, and still the command's. Nobody waits for long:
 * what a CPU could not have charged, the next one does.
 */
WW_GLOBAL1(int, ww_job_hold, R, r)
{
	for (u32 i = 0; r && i < WW_JOB_TRIES / WW_HOLD_SOME; i++) {
		if (!ww_hold_some(r))
			continue;
		if (r->live && r->account.id == ww_job_ref)
			return 1;
		*(volatile u32 *)&r->held = 0;
		return 0;
	}
	ww_count(WW_COUNT_REQUEST_BUSY);
	return 0;
}

static __always_inline void ww_job_let_go(struct ww_request *r)
{
	*(volatile u32 *)&r->held = 0;
}

/* The gap whose end is waiting for a word of its thread: it has none, so the syscall is all that is known. */
static __always_inline void ww_job_settle(struct ww_request *r)
{
	if (!r->owner)
		return;
	ww_charge(r, r->hint.kind, r->hint.type, r->hint.value, r->queued);
	ww_charge(r, WW_KIND_RUNQ, WW_DETAIL_NONE, 0, r->due);
	r->owner = 0;
}

/* The first thread to run since none did: what it waited for is what the command did. Before its interval is resumed.
 */
static __always_inline void ww_job_resumed(struct ww_request *r, const struct ww_thread *t, u64 now)
{
	struct ww_cause cause = t->off_cause;
	u64 woken = t->waking;
	ww_job_settle(r);
	/* One of them could have run all the time, whichever it is that does first. */
	if (t->off == WW_OFF_RUNQ || ww_job_preempted) {
		if (cause.kind != WW_KIND_RUNQ)
			cause = (struct ww_cause){.kind = WW_KIND_RUNQ};
		ww_charge(r, cause.kind, cause.type, cause.value, now);
		return;
	}
	if (woken > now || t->off == WW_OFF_NOT)
		woken = now;
	if (woken < r->mark)
		woken = r->mark;
	if (t->off == WW_OFF_SOCKET) {
		if (t->deadline && woken + WW_TIMEOUT_UNIT_NS >= t->deadline)
			cause = (struct ww_cause){.kind = WW_KIND_SLEEP};
		r->owner = t->tid;
		r->hint = cause;
		r->queued = woken;
		r->due = now;
		return;
	}
	if (t->off == WW_OFF_NOT)
		cause = (struct ww_cause){.kind = WW_KIND_OTHER};
	/* Nobody else has ended the wait for a futex: its timeout did. */
	if (t->timed && t->expired && ww_is_futex(cause))
		cause = (struct ww_cause){.kind = WW_KIND_SLEEP};
	ww_charge(r, cause.kind, cause.type, cause.value, woken);
	ww_charge(r, WW_KIND_RUNQ, WW_DETAIL_NONE, 0, now);
}

/* Counts the thread among those that want a CPU, or no more. */
static __always_inline void ww_job_waits(struct ww_thread *t, bool waits)
{
	if (waits && !t->job_waits)
		__sync_fetch_and_add(&ww_job_preempted, 1);
	if (!waits && t->job_waits)
		__sync_fetch_and_add(&ww_job_preempted, -1);
	t->job_waits = waits;
}

/* A thread of the command gets a CPU. */
WW_GLOBAL2(int, ww_job_in, T, t, N, now)
{
	struct ww_request *r = ww_job_get();
	if (!t)
		return 0;
	if (!r) {
		t->job = 0;
		return 0;
	}
	/* Its interval is nobody's: the command's account has no need of it. */
	if (!t->ref)
		ww_interval_reset(t, t->mark);
	bool held = ww_job_hold(r);
	ww_job_waits(t, false);
	/* Unless it was not seen to let go of the last one. */
	if (!t->job_since) {
		bool first = __sync_fetch_and_add(&ww_job_running, 1) == 0;
		ww_job_alone = first ? t->tid : 0;
		ww_job_gc = ww_clock_at(t->gc, now);
		if (first && held)
			ww_job_resumed(r, t, now);
	}
	t->job_since = now;
	if (held)
		ww_job_let_go(r);
	return 0;
}

/*
 * For how long the only thread on a CPU has collected garbage, of what is not charged yet: what was told to be
 * computing already (ww_job_shows()) stays so. Beside another thread that computes nothing is.
 */
static __always_inline u64 ww_job_collected(const struct ww_request *r, const struct ww_thread *t, u64 now)
{
	u64 gc = ww_job_alone == t->tid ? ww_clock_since(ww_job_gc, ww_clock_at(t->gc, now)) : 0;
	u64 left = now > r->mark ? now - r->mark : 0;
	return gc < left ? gc : left;
}

/* It lets go of the CPU. */
WW_GLOBAL2(int, ww_job_out, T, t, N, now)
{
	struct ww_request *r = ww_job_get();
	if (!r || !t)
		return 0;
	u64 ran = now - t->job_since;
	bool held = ww_job_hold(r);
	ww_job_waits(t, t->off == WW_OFF_RUNQ);
	/* Else it was not seen to get the CPU. */
	if (t->job_since) {
		t->job_since = 0;
		__sync_fetch_and_add(&r->account.cpu_ns, ran);
		bool last = __sync_fetch_and_add(&ww_job_running, -1) == 1;
		if (held && (last || r->owner == t->tid))
			ww_job_settle(r);
		if (held && last) {
			ww_charge(r, WW_KIND_COMPUTE, WW_DETAIL_NONE, 0, now - ww_job_collected(r, t, now));
			ww_charge(r, WW_KIND_GC, WW_DETAIL_NONE, 0, now);
		}
	}
	if (held)
		ww_job_let_go(r);
	return 0;
}

#define WW_JOB_LATE_NS 100000 /* data may be seen to arrive so long after the wake-up for it */

/* A thread of the command, which runs, touches a socket: that may be what the command waited for. */
WW_GLOBAL3(int, ww_job_touched, R, r, T, t, W, touch)
{
	if (!r || !t || !touch || r->owner != t->tid || !ww_job_hold(r))
		return 0;
	bool waited = touch->receive ? !touch->ready || (touch->ready + WW_JOB_LATE_NS >= r->mark &&
							 touch->ready <= r->queued + WW_JOB_LATE_NS)
				     : touch->blocked;
	if (waited)
		r->hint = (struct ww_cause){.kind = touch->kind, .type = touch->type, .value = touch->value};
	ww_job_settle(r);
	ww_job_let_go(r);
	return 0;
}

/* Sends the account as it is so far. */
static __always_inline void ww_job_report(struct ww_request *r, u64 wake)
{
	struct ww_account *a = &r->account;
	a->end_ns = r->mark;
	a->size = offsetof(struct ww_account, target);
	a->flags |= WW_FLAG_PART;
	if (bpf_ringbuf_output(&ww_accounts, a, offsetof(struct ww_account, target), wake))
		ww_count(WW_COUNT_ACCOUNT_RING_FULL);
	a->flags &= ~WW_FLAG_PART;
}

/* The command starts: in its first thread, which runs. */
static __always_inline void ww_job_begins(struct task_struct *task)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_thread *t = ww_thread_create(task);
	struct ww_request *r = t ? ww_request_open(now) : NULL;
	if (!r) {
		ww_count(t ? WW_COUNT_REQUEST_TABLE_FULL : WW_COUNT_TASK_STORAGE_FAILED);
		return;
	}
	struct ww_account *a = &r->account;
	r->job = 1;
	r->state = WW_STATE_ATTACHED;
	a->tgid = task->tgid;
	a->tid = task->pid;
	a->cgroup_id = bpf_get_current_cgroup_id();
	bpf_get_current_comm(a->comm, sizeof(a->comm));
	a->method[0] = 'r'; /* what has one is no request that was given up in its head */
	a->flags = WW_FLAG_RUN;
	t->tid = task->pid;
	t->start = now;
	t->mark = now;
	t->job = 1;
	t->job_since = now;
	ww_job_running = 1;
	ww_job_alone = task->pid;
	ww_job_gc = 0;
	ww_job_preempted = 0;
	ww_job_ref = a->id;
	/* User space then knows whose what it asks for is. */
	ww_job_report(r, BPF_RB_FORCE_WAKEUP);
}

/* A thread of the command makes another one, or a process. */
static __always_inline void ww_job_forks(struct task_struct *parent, struct task_struct *child)
{
	struct ww_thread *t = ww_job_ref ? ww_thread_get(parent) : NULL;
	if (!t || !t->job)
		return;
	t = ww_thread_create(child);
	if (!t) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return;
	}
	u64 now = bpf_ktime_get_ns();
	t->tid = child->pid;
	t->start = now;
	t->mark = now;
	t->waking = now;
	t->off = WW_OFF_RUNQ;
	t->off_cause = (struct ww_cause){.kind = WW_KIND_RUNQ};
	t->job = 1;
	ww_job_waits(t, true);
}

/* A thread of the command ends: what is left to do for it in the kernel is nobody's. */
static __always_inline void ww_job_leaves(struct task_struct *task)
{
	struct ww_thread *t = ww_job_ref ? ww_thread_get(task) : NULL;
	if (!t || !t->job)
		return;
	ww_job_out(t, bpf_ktime_get_ns());
	t->job = 0;
}

/* The command's process ends; what its children do afterwards is not its. */
static __always_inline void ww_job_ends(struct task_struct *task)
{
	struct ww_request *r = ww_job_get();
	u64 now = bpf_ktime_get_ns();
	if (!r)
		return;
	bool held = ww_job_hold(r);
	ww_job_ref = 0; /* from here on nobody else holds it */
	if (held)
		ww_job_settle(r);
	ww_charge(r, WW_KIND_COMPUTE, WW_DETAIL_NONE, 0, now);
	if (BPF_CORE_READ(task, exit_code))
		r->account.flags |= WW_FLAG_ABORTED;
	if (held)
		ww_job_let_go(r);
	ww_request_close(r);
}

/* The same, charged up to now if it computes: what it waits for shows at the end of that. */
static __always_inline void ww_job_shows(void)
{
	struct ww_request *r = ww_job_get();
	if (!r || !ww_job_hold(r))
		return;
	if (ww_job_running && !r->owner)
		ww_charge(r, WW_KIND_COMPUTE, WW_DETAIL_NONE, 0, bpf_ktime_get_ns());
	ww_job_report(r, BPF_RB_NO_WAKEUP);
	ww_job_let_go(r);
}

/* It answers a request: from now on it is told by those. */
static __always_inline void ww_job_answers(void)
{
	struct ww_request *r = ww_job_get();
	/* Else the next answer tries again. */
	if (r && !ww_job_hold(r))
		return;
	ww_job_serves = 1;
	ww_job_ref = 0;
	if (r)
		ww_request_free(r);
}

#endif
