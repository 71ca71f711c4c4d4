/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handoffs: threads that work for the request of another one (rule 5 of DESIGN.md). What such a thread does goes to an
 * account of its own, without a name: it is handed on with the work, and is added to the request when it ends a wait of
 * the request's thread, over which it then says what was waited for.
 *
 * Such an account begins when a thread of a request, or one that works for it, wakes an idle thread of its process by a
 * futex; or, in a thread that has done such work before, with what it does next: its pool's queue may have had a task
 * for it. Who ends up being woken by it tells in either case whose the work was. What nobody waits for, a background
 * task's, is nobody's.
 */
#ifndef WHYWAIT_HANDOFF_H
#define WHYWAIT_HANDOFF_H

#include "cause.bpf.h"
#include "fork.bpf.h"
#include "join.bpf.h"
#include "relay.bpf.h"
#include "traffic.bpf.h"

#define WW_FUTEX_WAKE	 1
#define WW_FUTEX_WAKE_OP 5

/* Java processes in which threads work for other threads' requests: all that send are followed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, u8);
} ww_pools SEC(".maps") __weak;

__u32 ww_pools_known __weak = 0;

/* A request that the thread works for, or an account of the kind that is kept here. */
static __always_inline struct ww_request *ww_handoff_of(const struct ww_thread *t)
{
	struct ww_request *r = ww_request_get(t->ref);
	return r && ww_owns(r, t->tid) ? r : NULL;
}

/* The request that an account is known, or taken, to be for. */
static __always_inline ww_ref ww_handoff_root(const struct ww_request *r)
{
	return r->helper ? r->root : r->account.id;
}

static __noinline struct ww_request *ww_handoff_open(u64 start)
{
	struct ww_request *a = ww_request_open(start);
	if (!a) {
		ww_count(WW_COUNT_CARRIER_TABLE_FULL);
		return NULL;
	}
	a->anonymous = 1;
	a->helper = 1;
	a->state = WW_STATE_WAIT;
	a->opened = 0;
	a->hint = ww_named(WW_KIND_LOCK, WW_NAME_FUTEX);
	return a;
}

/* A thread of a pool begins work that it was not seen to be woken for, with its current interval. */
static __noinline struct ww_request *ww_handoff_begin(struct ww_thread *t)
{
	struct ww_request *a = ww_handoff_open(t->start);
	if (!a)
		return NULL;
	a->owner = t->tid;
	a->state = WW_STATE_ATTACHED;
	t->ref = a->account.id;
	t->home = 0;
	return a;
}

/* Charges the account of the running thread up to now. */
static __always_inline void ww_handoff_charge(struct ww_thread *t, struct ww_request *a, u64 now)
{
	ww_interval_ran(t, now);
	if (a->mark == t->start)
		ww_give(a, t);
	ww_interval_reset(t, now);
}

/* The thread lets go of the account, which is charged up to now. */
static __always_inline void ww_handoff_leave(struct ww_thread *t, struct ww_request *a)
{
	a->owner = 0;
	a->state = WW_STATE_WAIT;
	t->ref = 0;
	t->home = 0;
}

/*
 * The thread's work for the account seems to be over. A task that nobody was woken by, one of several that were
 * started together, say, was for the request whose thread woke this one. Where that is not known, what it did was for
 * whom it handed on the rest for.
 */
static __always_inline void ww_handoff_adopt(struct ww_request *a)
{
	struct ww_request *r = ww_request_get(a->direct ? a->root : a->root ? 0 : a->child);
	if (!(a->account.traffic | a->account.traffic_lost))
		return;
	if (!r) {
		ww_fork_strays(ww_current());
		return;
	}
	ww_traffic_adopted(r, a);
	ww_infer(r);
}

#define WW_TASKS     16	     /* accounts of one thread that are kept until it is known whose they are */
#define WW_SUBMIT_NS 1000000 /* a thread that has handed on work waits for it after no more than that */

/*
 * What the thread did before is for the request, too, if it began when the request's thread, which waits since
 * `waits`, had handed on its work; else for whom it is taken to be.
 */
WW_GLOBAL3(u64, ww_handoff_before_one, R, r, N, before, N, waits)
{
	struct ww_request *a = ww_request_get(before);
	if (!a || !a->helper)
		return 0;
	before = a->before;
	if (r && !a->owned && a->opened + WW_SUBMIT_NS >= waits) {
		ww_traffic_adopted(r, a);
		ww_infer(r);
	} else {
		ww_handoff_adopt(a);
	}
	ww_request_free(a);
	return before;
}

/* All of it, the newest first. */
WW_GLOBAL3(int, ww_handoff_before, R, r, N, before, N, waits)
{
	for (u32 i = 0; i < WW_TASKS && before; i++)
		before = ww_handoff_before_one(r, before, waits);
	return 0;
}

/* Forgets an account that no thread works for any more. */
static __always_inline void ww_handoff_end(struct ww_request *a)
{
	ww_handoff_adopt(a);
	if (a->before)
		ww_handoff_before(NULL, a->before, 0);
	ww_request_free(a);
}

/* The account goes on where another one is: what that one's thread did before is what led to it. */
WW_GLOBAL2(int, ww_handoff_inherit, R, a, R, from)
{
	if (!a || !from)
		return 0;
	a->account.start_ns = from->account.start_ns;
	a->drawn = from->drawn;
	__builtin_memcpy(a->account.kinds_ns, from->account.kinds_ns, sizeof(a->account.kinds_ns));
	__builtin_memcpy(a->account.details, from->account.details, sizeof(a->account.details));
	a->account.details_len = from->account.details_len;
	__builtin_memcpy(&a->line, &from->line, sizeof(a->line));
	return 0;
}

/*
 * The thread turns to another connection: that may be the next task of its pool's queue, which it took without having
 * waited. So an account of its own begins.
 */
static __noinline struct ww_request *ww_handoff_turn(struct ww_thread *t, struct ww_request *a, u64 now)
{
	struct ww_request *next = ww_handoff_open(now);
	if (!next)
		return a;
	ww_handoff_charge(t, a, now);
	next->root = a->root;
	next->direct = a->direct;
	next->parent = a->parent;
	next->before = a->account.id;
	next->led = a->led;
	next->owned = a->owned;
	ww_handoff_inherit(next, a);
	next->account.cpu_ns = a->account.cpu_ns;
	if (ww_allocations_on)
		next->account.allocations = a->account.allocations;
	ww_handoff_leave(t, a);
	next->mark = now;
	next->owner = t->tid;
	next->state = WW_STATE_ATTACHED;
	t->ref = next->account.id;
	return next;
}

/* The account was for the request, whose thread it has woken, and which waited for that since `waits`. */
static __always_inline void ww_handoff_joined(struct ww_request *r, struct ww_request *a, u64 waits)
{
	struct ww_request *led = ww_request_get(a->parent);
	if (a->before)
		ww_handoff_before(r, a->before, waits);
	/* Its time is the request's now: so is what that thread asked for until it handed on the rest. */
	if (a->led && led && led != r && led->helper && led->account.traffic) {
		if (!led->root || led->root == ww_handoff_root(r))
			ww_traffic_adopted(r, led);
		else
			ww_traffic_note(r, false);
	}
	r->account.cpu_ns += a->account.cpu_ns;
	if (ww_allocations_on)
		r->account.allocations += a->account.allocations;
	if (r->account.attribution < a->account.attribution)
		r->account.attribution = a->account.attribution;
	ww_infer(r);
	ww_traffic_adopted(r, a);
	r->absorbed = a->account.id;
	ww_request_free(a);
}

/* ---- a thread wakes another one of its process ---- */

struct ww_wake {
	struct task_struct *waker;
	struct task_struct *woken;
	u64 now;
	u64 place; /* the futex */
	u64 sp;	   /* where the stack of the woken one is */
	u64 by_sp; /* and the waker's */
	bool idle; /* its wait may be one for work */
};

/* Whether that is by a futex, and by which. An interrupt may have come while the waker did something else. */
static __noinline bool ww_wakes_futex(struct ww_wake *w)
{
	struct pt_regs *by = ww_task_regs(w->waker), *of = ww_task_regs(w->woken);
	if ((s64)WW_REGS_NR(by) != WW_SYS_FUTEX || (s64)WW_REGS_NR(of) != WW_SYS_FUTEX)
		return false;
	u32 command = WW_REGS_ARG2(by) & WW_FUTEX_CMD;
	if (command != WW_FUTEX_WAKE && command != WW_FUTEX_WAKE_OP)
		return false;
	w->place = WW_FUTEX_PLACE(WW_REGS_ARG1(of));
	if ((WW_REGS_ARG2(of) & WW_FUTEX_CMD) != WW_FUTEX_WAIT_BITSET || w->place != WW_FUTEX_PLACE(WW_REGS_ARG1(by)))
		return false;
	w->sp = WW_REGS_SP(of);
	w->by_sp = WW_REGS_SP(by);
	w->idle = ww_futex_may_idle(of);
	return true;
}

/* Whether the task may be one of a Java process: asked at every wake-up of the host, so by loads alone. */
static __always_inline bool ww_handoff_may_be(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	return leader && leader->comm[0] == 'j' && leader->comm[1] == 'a';
}

/* Whether the thread, which runs, is one of a Java process: then that is noted. */
static __noinline bool ww_handoff_java(struct ww_thread *t, struct task_struct *task)
{
	if (t->java)
		return t->java == WW_JAVA;
	u8 one = 1;
	u32 tgid = task->tgid;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	t->java = leader && (ww_handoff_comm(leader) & 0xffffffffff) == WW_WORD4('j', 'a', 'v', 'a') ? WW_JAVA
												     : WW_JAVA_NOT;
	if (t->java != WW_JAVA)
		return false;
	if (!bpf_map_lookup_elem(&ww_pools, &tgid))
		bpf_map_update_elem(&ww_pools, &tgid, &one, BPF_ANY);
	ww_pools_known = 1;
	return true;
}

/* The running thread, if its sends are to be followed though it was not seen to work for a request. */
static __always_inline struct ww_thread *ww_handoff_sender(struct task_struct *task)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	if (!ww_pools_known || ww_by_hand || !bpf_map_lookup_elem(&ww_pools, &tgid))
		return NULL;
	struct ww_thread *t = ww_thread_create(task);
	if (!t) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return NULL;
	}
	t->tid = ww_field(task, pid);
	t->start = bpf_ktime_get_ns();
	t->mark = t->start;
	t->pool = 1;
	return t;
}

/* Whether the thread that is woken waits where it waits for work. */
static __always_inline bool ww_handoff_place(const struct ww_thread *waits, const struct ww_wake *w)
{
	return waits->place == w->place || waits->place_seen < WW_PLACE_KNOWN;
}

/*
 * Whether the account that the waker has is for the request whose thread it wakes. A thread that was seen to be handed
 * the request's work is; so is one that asked nobody for anything before the request's thread had done its last, if
 * that waits where it waits for work, too: for a lock of another kind it would not.
 */
static __always_inline bool ww_handoff_fits(const struct ww_request *a, const struct ww_request *r,
					    const struct ww_thread *waits, const struct ww_thread *t,
					    const struct ww_wake *w)
{
	/* A thread of a pool waits for what it has handed on itself, and for answers of which nobody knows whose they
	 * are. */
	if (r->helper && a->root)
		return a->parent == r->account.id;
	if (a->root && a->root == r->account.id)
		return true;
	if (a->owned || (r->helper && !a->async))
		return false;
	if (a->opened && a->opened < waits->start)
		return false;
	bool place = ww_handoff_place(waits, w);
	/* A task's end is not as deep in its thread's stack as what it does; nor is that as its wait for the next one.
	 */
	if (!a->async && t->place_seen && w->by_sp <= t->idle_sp)
		return place && w->by_sp + WW_FORK_FRAMES > t->idle_sp && ww_fork_is(w->waker);
	return place || (!a->async && t->place_seen);
}

/* Wakes the thread of a request, which waits: what the waker did for that goes to it. */
static __always_inline void ww_handoff_answer(struct ww_thread *t, struct ww_request *a, struct ww_thread *waits,
					      struct ww_request *r, const struct ww_wake *w)
{
	if (!a && t->pool)
		a = ww_handoff_begin(t);
	if (!a || !a->helper || !ww_handoff_fits(a, r, waits, t, w)) {
		/* It has waited for one of several tasks; of the others nobody knows. */
		if (ww_handoff_place(waits, w) && ww_fork_is(w->waker))
			ww_doubt(r);
		return;
	}
	ww_handoff_charge(t, a, w->now);
	ww_handoff_leave(t, a);
	a->target = r->account.id;
	struct ww_request *other = ww_request_get(waits->gift);
	waits->gift = a->account.id;
	if (other)
		ww_handoff_end(other);
}

/* Wakes an idle thread: hands on what it works for. */
static __always_inline void ww_handoff_give(struct ww_thread *t, struct ww_request *r, struct ww_thread *idle,
					    const struct ww_wake *w)
{
	struct ww_request *a = r, *other = ww_request_get(idle->gift);
	if (t->loop) {
		/* An event loop hands on what it has read; what it does itself is not for it. */
		if (!r->helper)
			return;
		ww_handoff_charge(t, r, w->now);
		ww_handoff_leave(t, r);
		r->async = 1;
	} else {
		a = ww_handoff_open(w->now);
		if (!a)
			return;
		a->root = ww_handoff_root(r);
		a->direct = !r->helper;
		if (r->helper) {
			a->parent = r->account.id;
			a->led = r->account.traffic != 0;
			r->child = a->account.id;
			ww_handoff_charge(t, r, w->now);
			if (!r->line.truncated)
				ww_handoff_inherit(a, r);
		}
	}
	a->target = 0;
	idle->gift = a->account.id;
	if (other)
		ww_handoff_end(other);
}

/* Whether the task is named like the threads that a JVM has for itself. */
static __always_inline bool ww_handoff_of_machine(struct task_struct *task)
{
	u64 comm = ww_handoff_comm(task) & 0xffffff;
	return comm == WW_WORD4('C', '1', ' ', 0) || comm == WW_WORD4('C', '2', ' ', 0) ||
	       comm == WW_WORD4('V', 'M', ' ', 0) || comm == WW_WORD4('G', 'C', ' ', 0) ||
	       comm == WW_WORD4('G', '1', ' ', 0);
}

/* A thread that waits for a futex, and is to be followed from now on. */
static __always_inline struct ww_thread *ww_handoff_follow(const struct ww_wake *w)
{
	struct ww_thread *t = ww_thread_create(w->woken);
	if (!t) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return NULL;
	}
	t->tid = w->woken->pid;
	t->start = w->now;
	t->mark = w->now;
	t->waking = w->now;
	t->off = WW_OFF_IDLE;
	t->futex = w->place;
	t->futex_sp = w->sp;
	if (ww_handoff_of_machine(w->woken))
		t->java = WW_JAVA_VM;
	return t;
}

/* The running thread `t`, which works for a request or has done work for one, wakes another one of its process. */
static __noinline void ww_handoff_wakes(struct ww_wake *w, struct ww_thread *t)
{
	struct ww_request *r = ww_handoff_of(t);
	if (!r && !t->pool)
		return;
	/* Elsewhere, who waits for a lock is not to be told from who waits for work. */
	bool java = ww_handoff_java(t, w->waker);
	if (!(java || ww_relay_may_be(t, r, w->woken->tgid)) || !ww_wakes_futex(w) || !w->idle)
		return;
	struct ww_thread *of = ww_thread_get(w->woken);
	/* It may go on with any of those that virtual threads wait for. */
	if (of && of->go)
		return;
	if (!of)
		of = ww_handoff_follow(w);
	if (!of || of->java == WW_JAVA_VM)
		return;
	if (!java) {
		ww_relay(t, of, w->place << 3, w->sp, w->now);
		return;
	}
	struct ww_request *its = ww_handoff_of(of);
	/* Of a request that has ended, no thread is in the midst of work. */
	if (its && its->helper && its->root && !ww_request_get(its->root) && of->place == w->place)
		of->parked = 1;
	if (its && (!its->helper || !of->parked)) {
		ww_handoff_answer(t, r, of, its, w);
		return;
	}
	if (ww_request_get(of->home))
		return;
	of->pool = 1;
	if (r)
		ww_handoff_give(t, r, of, w);
}

/* ---- the woken thread ---- */

/* What has woken the thread was that its work is done: it goes on with its request. */
static __always_inline void ww_handoff_answered(struct ww_thread *t, struct ww_request *a)
{
	struct ww_request *r = ww_handoff_of(t);
	if (!r || r->account.id != a->target) {
		ww_request_free(a);
		return;
	}
	u64 waits = t->mark;
	if (t->off == WW_OFF_BLOCKED && r->mark == t->start) {
		ww_give(r, t);
		ww_handoff_join(r, a, t->mark);
		ww_interval_reset(t, r->mark);
	}
	ww_handoff_joined(r, a, waits);
}

/* The thread is to run, has an account that who woke it gave it, or had one when it began to wait for work. */
WW_GLOBAL1(int, ww_handoff_taken, T, t)
{
	if (!t)
		return 0;
	struct ww_request *a = ww_request_get(t->gift), *r;
	bool parked = t->parked;
	t->gift = 0;
	t->parked = 0;
	if (a && a->target) {
		ww_handoff_answered(t, a);
		return 0;
	}
	r = ww_handoff_of(t);
	if (a && !a->helper) {
		if (!r)
			ww_relay_taken(t, a);
		return 0;
	}
	if (parked && r && r->helper && (a || !t->timed || !t->expired)) {
		ww_handoff_end(r);
		t->ref = 0;
		t->off = WW_OFF_IDLE;
		r = NULL;
		if (a)
			ww_idles(t);
	}
	if (!a)
		return 0;
	/* It may have been on its way to sleep, and have seen to that work already. */
	if (r || t->off != WW_OFF_IDLE || a->mark != t->waking) {
		ww_handoff_end(a);
		return 0;
	}
	ww_interval_reset(t, a->mark);
	t->off = WW_OFF_BLOCKED;
	t->ref = a->account.id;
	t->home = 0;
	a->owner = t->tid;
	a->state = WW_STATE_ATTACHED;
	return 0;
}

/*
 * A thread that has done work for others waits as one without work does. It may be without, or wait for what others do
 * for it in turn: who wakes it tells. What it has sent and awaits meanwhile goes to whom its answer will be handed.
 */
WW_GLOBAL1(int, ww_handoff_parks, T, t)
{
	if (!t)
		return 0;
	struct ww_request *r = ww_handoff_of(t);
	if (r && !r->helper)
		return 0;
	/* Where it waits for work its stack is not as deep as in the midst of some. */
	bool midst = r && t->place_seen && (t->place != t->futex || t->futex_sp + WW_IDLE_FRAMES < t->idle_sp);
	/* What is certain does not wait until that is told. */
	if (r && !r->outstanding && (!midst || (r->owned && r->direct)))
		ww_handoff_adopt(r);
	if (midst)
		return 0;
	if (r && !r->outstanding) {
		if (r->direct || r->owned) {
			ww_handoff_before(NULL, r->before, 0);
			r->before = 0;
		}
		t->parked = 1;
		return 0;
	}
	if (r) {
		if (r->mark == t->start)
			ww_give(r, t);
		ww_handoff_leave(t, r);
	}
	t->ref = 0;
	if (!r && ww_request_get(t->home))
		return 0;
	t->home = 0;
	t->off = WW_OFF_IDLE;
	ww_idles(t);
	return 0;
}

#endif
