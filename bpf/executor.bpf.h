/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools of CPython's threads that work for an event loop: run_in_executor(), to_thread(), and what frameworks build on
 * them for handlers that are no coroutines (rule 5 of DESIGN.md).
 *
 * What such a thread does between two waits for work goes to an account of its own. When its work is done it has the
 * loop call something with the Future that a Task awaits, and wakes the loop by a byte. That Future tells which Task
 * awaits it (awaiter.bpf.h): so whose the work was is read, and not guessed. The account is put on the process's list,
 * and the loop's thread adds it to its Context's, over whose gap it says what was waited for.
 *
 * All of it is of CPython from 3.11 on, by frames: what a thread is at tells whether it waits for work, too.
 */
#ifndef WHYWAIT_EXECUTOR_H
#define WHYWAIT_EXECUTOR_H

#include "uvpool.bpf.h"

#define WW_EXECUTOR_DONE 64   /* pieces of work that the loop's thread sees to at once */
#define WW_EXECUTOR_MOST 4096 /* and that may end before it does */

#define WW_EXECUTOR_OVER (1ull << 62) /* beside a Context: that has answered its request. No key has the bit */

struct ww_executor {
	ww_ref done; /* accounts of work that is done, the newest first, linked by `next` */
	ww_ref left; /* those that the loop's thread had no time for, the oldest first */
	u64 busy;    /* threads that are not idle, */
	u64 most;    /* and the most of them that there were when one was given work */
};

/* Processes whose event loop has threads that work for it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, struct ww_executor);
} ww_executors SEC(".maps") __weak;

/* The thread's process's; NULL: its loop has no such threads. */
static __always_inline struct ww_executor *ww_executor_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_executors, &tgid);
}

static __always_inline struct ww_executor *ww_executor_make(u32 tgid)
{
	struct ww_executor none = {}, *e = bpf_map_lookup_elem(&ww_executors, &tgid);
	if (e)
		return e;
	bpf_map_update_elem(&ww_executors, &tgid, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&ww_executors, &tgid);
}

/* ---- what a thread is at ---- */

/*
 * Whether the thread, which is about to wait for a semaphore, waits for its next piece of work: in the function that it
 * was started with, or in one that this calls to take from a queue.
 */
WW_GLOBAL1(int, ww_executor_idles, T, t)
{
	if (!t)
		return 0;
	u64 frame = ww_frame_of(t);
	if (!frame)
		return 0;
	u64 name = ww_frame_name(frame, t->version);
	if ((name & WW_WORD7_MASK) == WW_WORD8('_', 'w', 'o', 'r', 'k', 'e', 'r', 0))
		ww_worker_learns(t, frame);
	if ((name & WW_WORD5_MASK) == WW_WORD4('w', 'a', 'i', 't')) {
		if (ww_frame_notified(frame, t->version))
			return 0;
		frame = ww_frame_below(frame, t->version);
		name = ww_frame_name(frame, t->version);
		if ((name & WW_WORD4_MASK) != WW_WORD4('g', 'e', 't', 0))
			return 0;
	}
	if ((name & WW_WORD4_MASK) == WW_WORD4('g', 'e', 't', 0)) {
		t->loop_slot = frame; /* there the frame of what it calls next will be */
		frame = ww_frame_below(frame, t->version);
	}
	/* It is Thread.run(), or what that calls. */
	for (u32 i = 0; i < 2 && frame; i++) {
		frame = ww_frame_below(frame, t->version);
		if (ww_frame_name(frame, t->version) == WW_WORD8('_', 'b', 'o', 'o', 't', 's', 't', 'r'))
			return 1;
	}
	return 0;
}

/*
 * The thread wakes an event loop, or is about to, in BaseEventLoop.call_soon_threadsafe(callback, *args) or what that
 * calls: the Future that the callback is for. 0: this is no end of work. ~0: it can't be read.
 */
WW_GLOBAL1(u64, ww_executor_future, T, t)
{
	if (!t)
		return ~0ull;
	u64 frame = ww_frame_of(t);
	if (!frame)
		return ~0ull;
	u64 name = ww_frame_name(frame, t->version);
	if (name != WW_WORD8('c', 'a', 'l', 'l', '_', 's', 'o', 'o')) {
		frame = ww_frame_below(frame, t->version); /* of _write_to_self() */
		name = ww_frame_name(frame, t->version);
	}
	if (name != WW_WORD8('c', 'a', 'l', 'l', '_', 's', 'o', 'o'))
		return 0;
	/* Its locals: self, callback, context, args. */
	u64 args = ww_frame_local(frame, 3, t->version);
	u64 future =
		ww_user_word(args + WW_PYTHON_SIZE) ? ww_user_word(args + ww_python_offsets(t->version)->tuple) : 0;
	u64 type = ww_user_word(ww_user_word(future + WW_PYTHON_TYPE) + WW_PYTHON_TYPE_NAME);
	return future && ww_user_word(type) == WW_WORD8('_', 'a', 's', 'y', 'n', 'c', 'i', 'o') ? future : 0;
}

/* ---- the thread of the pool ---- */

/* It has been woken, or was made: what it does from its interval's beginning on is a piece of work. */
WW_GLOBAL1(int, ww_executor_begins, T, t)
{
	if (!t)
		return 0;
	/* The running thread may be another process's still. */
	u32 tgid = t->executes_for;
	struct ww_executor *e = bpf_map_lookup_elem(&ww_executors, &tgid);
	struct ww_request *a = ww_request_get(t->ref);
	if (!a)
		a = ww_handoff_begin(t);
	if (a && a->helper && t->given) {
		a->root = t->given;
		a->direct = 1;
	}
	t->given = 0;
	if (t->executor >= WW_EXECUTOR_BUSY)
		return 0;
	if (!e && (t->uvpool || t->submitter))
		t->executor = WW_EXECUTOR_UNCOUNTED;
	if (!e)
		return 0;
	t->executor = WW_EXECUTOR_BUSY;
	__sync_fetch_and_add(&e->busy, 1);
	return 0;
}

/* A thread of a pool, of the running thread's process, has no work yet. */
static __always_inline void ww_executor_expects(struct ww_thread *t)
{
	t->executor = WW_EXECUTOR_IDLE;
	t->executes_for = bpf_get_current_pid_tgid() >> 32;
}

/* The thread of a pool has no work any more, or ends. */
static __always_inline void ww_executor_rests(struct ww_thread *t)
{
	u32 tgid = t->executes_for;
	struct ww_executor *e = bpf_map_lookup_elem(&ww_executors, &tgid);
	if (e && t->executor == WW_EXECUTOR_BUSY)
		__sync_fetch_and_add(&e->busy, -1);
	ww_executor_expects(t);
}

/* It is about to wait for a semaphore. */
WW_GLOBAL1(int, ww_executor_waits, T, t)
{
	if (!t)
		return 0;
	struct ww_request *a = ww_request_get(t->ref);
	if (a && !a->helper)
		return 0; /* it serves requests itself */
	if (!ww_executor_idles(t))
		return 0;
	if (t->worker)
		ww_worker_forgets(t);
	t->owes = 0;
	t->owes_by = 0;
	if (a)
		ww_handoff_end(a);
	t->item = 0;
	t->item_vars = 0;
	t->made = 0;
	ww_executor_rests(t);
	t->ref = 0;
	t->home = 0;
	t->submitter = 0;
	t->told = 0;
	t->off = WW_OFF_IDLE;
	return 0;
}

static __always_inline void ww_executor_push(struct ww_executor *e, struct ww_request *a)
{
	for (u32 i = 0; i < 8; i++) {
		ww_ref before = *(volatile u64 *)&e->done;
		a->next = before;
		if (__sync_val_compare_and_swap(&e->done, before, a->account.id) == before)
			return;
	}
	ww_count(WW_COUNT_CARRIER_FORGOTTEN);
	ww_request_free(a);
}

/* Whether the thread's process has an event loop of CPython's that is followed: not each that is known is observed. */
static __always_inline bool ww_executor_may_be(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	return python && python->loops;
}

/* The running thread, of such a process, was not known. */
static __always_inline struct ww_thread *ww_executor_met(struct task_struct *task)
{
	struct ww_thread *t = ww_thread_create(task);
	if (!t) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return NULL;
	}
	t->tid = ww_field(task, pid);
	t->start = bpf_ktime_get_ns();
	t->mark = t->start;
	return t;
}

/* The same of a pool's of uvloop's, in the midst of its work. NULL: it is not followed. */
static __noinline struct ww_thread *ww_executor_meets(struct task_struct *task)
{
	struct ww_thread *t = ww_by_hand ? NULL : ww_executor_met(task);
	if (!t)
		return NULL;
	t->uvpool = WW_UVPOOL_ANY;
	ww_executor_make(bpf_get_current_pid_tgid() >> 32);
	ww_executor_expects(t);
	ww_executor_begins(t);
	return t;
}

#define WW_EXECUTOR_GONE ~0ull /* the loop has seen to it already: nothing tells which Task has awaited that */

/*
 * The Task that awaits what the thread has done, with WW_AWAITER_BITS, when it tells its loop that it is done; 0: it
 * does not, or has been heard before.
 */
WW_GLOBAL2(u64, ww_executor_found, T, t, N, early)
{
	if (!t)
		return 0;
	u64 future = ww_executor_future(t);
	if (!future)
		return 0;
	u64 found = future == ~0ull ? 0 : ww_awaiter_root(future, t->version);
	/* The next one may have its address, but another Task awaits that. */
	if (future == t->told && (!found || found == t->told_for))
		return 0;
	if (!found)
		return early ? 0 : WW_EXECUTOR_GONE;
	t->told = future;
	t->told_for = found;
	return found;
}

/* What the thread has done is for a Task, with WW_AWAITER_BITS, or a Context; 0 and WW_EXECUTOR_GONE: see above. */
WW_GLOBAL3(int, ww_executor_hands, T, t, N, found, N, context)
{
	if (!t)
		return 0;
	u64 task = found == WW_EXECUTOR_GONE ? 0 : found & ~WW_AWAITER_BITS, submitter = t->submitter;
	bool unknown = !t->executor;
	struct ww_executor *e = context ? ww_executor_make(bpf_get_current_pid_tgid() >> 32) : NULL;
	if (!e || (unknown && (!task || ww_request_get(t->ref)))) {
		/* It may be told yet. */
		if (found)
			t->told = 0;
		return 0;
	}
	if (unknown) {
		ww_executor_expects(t);
		ww_executor_begins(t);
	}
	/* Who has woken it may have done so for other work than that which it took. */
	bool over = submitter & WW_EXECUTOR_OVER;
	submitter &= ~WW_EXECUTOR_OVER;
	if (!task)
		context = submitter;
	u64 now = bpf_ktime_get_ns();
	struct ww_request *a = ww_request_get(t->ref ? t->ref : t->home);
	if (!a)
		a = ww_handoff_begin(t);
	if (!a || !a->helper)
		return 0;
	struct ww_touch end = {.kind = WW_KIND_OTHER};
	ww_touched(t, a, &end, now);
	ww_handoff_leave(t, a);
	a->early = context != submitter;
	if (over && !a->early)
		context = 0;
	if (t->uvpool) {
		a->root = t->owes_to;
		context = a->root == WW_UVLOOP_ANSWERED ? 0 : context;
	}
	t->submitter = 0;
	a->context = context;
	a->task = task;
	a->code = ww_task_code(a->task, t->version);
	if (task)
		ww_awaiter_marks(a, found & WW_AWAITER_BITS);
	if (unknown) {
		/* What it did for this one was not seen. */
		a->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_traffic_note(a, false);
	}
	if (context)
		ww_executor_push(e, a);
	else
		ww_request_free(a);
	ww_handoff_begin(t); /* it may have the next one without a wait */
	return 0;
}

/*
 * It has sent a byte to a socket without a name: its work may be done. Or it may be about to (`early`), as another
 * thread is to have the interpreter's lock, or the CPU: the loop may answer then before that byte is sent.
 */
static __always_inline void ww_executor_ends(struct ww_thread *t, u64 early)
{
	u64 found = t->uvpool ? 0 : ww_executor_found(t, early);
	bool task = found && found != WW_EXECUTOR_GONE;
	if (found)
		ww_executor_hands(t, found, task ? ww_task_key(found & ~WW_AWAITER_BITS, t->version) : found);
}

/* Another thread is to have the interpreter's lock, or the CPU, which that of a pool has now. */
static __always_inline void ww_executor_tells(struct ww_thread *t)
{
	if (t->executor < WW_EXECUTOR_BUSY || !ww_python_loops || t->loop || t->job)
		return;
	if (!t->uvpool)
		ww_executor_ends(t, 1);
	else if (ww_uvpool_looks(t, false))
		ww_executor_hands(t, t->owes_task, t->owes_key);
}

/* ---- the thread of the loop ---- */

/* The work of an account is for a Context that has no account, or an old one: it is the Context's account now. */
static __always_inline void ww_executor_becomes(struct ww_thread *t, struct ww_request *a, struct ww_carrier *known,
						const struct ww_carrier_key *key)
{
	a->helper = 0;
	a->submitted = 1;
	a->next = known ? known->ref : 0;
	a->begun_batch = t->batch;
	a->begun_slept = t->slept;
	a->state = WW_STATE_READY;
	ww_carrier_know(known, key, a->account.id);
	struct ww_loop *loop = ww_loop_get(true);
	if (loop)
		ww_carrier_keep(t, loop, a->account.id);
	else
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
}

/* Finds the account to which one of work that is done is to be added, its Context's; 0: it is that now. */
WW_GLOBAL2(u64, ww_executor_fold, T, t, R, a)
{
	if (!t || !a)
		return 0;
	struct ww_carrier_key key = {.context = a->context, .program = ww_program()};
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	bool told = t->uvloop && a->root;
	struct ww_request *r = ww_request_get(told ? a->root : known ? known->ref : 0);
	u64 now = bpf_ktime_get_ns();
	if (told && !r) {
		/* Its client has gone. */
		ww_request_free(a);
		return 0;
	}
	if (told)
		ww_uvpool_returns(a->root);
	bool answered = known && known->connection;
	if (r && (r->helper || (a->early && ww_carrier_outlived(t, r))))
		r = NULL;
	/* A process may have several loops: what another one's thread is at, that alone may charge. */
	if (r && r->state == WW_STATE_ATTACHED && !ww_owns(r, t->tid)) {
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_traffic_note(r, false);
		ww_request_free(a);
		return 0;
	}
	if (!r) {
		ww_executor_becomes(t, a, known, &key);
		r = a;
	} else {
		/* Up to then it waited for a thread of the pool. */
		if (a->account.start_ns > r->mark)
			ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, a->account.start_ns);
	}
	r->handed = 1;
	r->folded = now;
	r->batch = t->batch;
	/* What goes on when its Task has answered is not another one's. */
	if (r->anonymous && (!answered || ww_loop_alone(t, r, r->account.start_ns)))
		ww_subtask_answered(t, r, now);
	return r == a ? 0 : r->account.id;
}

/*
 * Sees to one piece of work that is done; returns the next one. Apart, so that the verifier does not look at it in each
 * turn of a loop.
 */
WW_GLOBAL2(u64, ww_executor_folded, T, t, N, ref)
{
	struct ww_request *a = ww_request_get(ref);
	if (!a)
		return 0;
	ref = a->next;
	ww_carrier_early(ww_request_get(ww_executor_fold(t, a)), a);
	return ref;
}

struct ww_executor_folding {
	ww_ref at;    /* the newest that is not in order yet */
	ww_ref first; /* the oldest that is not seen to yet */
};

static __always_inline long ww_executor_turn(u32 i, void *ctx)
{
	struct ww_executor_folding *f = ctx;
	struct ww_request *a = ww_request_get(f->at);
	if (!a || !a->helper)
		return 1;
	f->at = a->next;
	a->next = f->first;
	f->first = a->account.id;
	return 0;
}

static long ww_executor_turn_back(u32 i, void *ctx)
{
	return ww_executor_turn(i, ctx);
}

/* The loop's thread goes on: it sees to what its pools have done. */
WW_GLOBAL1(int, ww_executor_folds, T, t)
{
	struct ww_executor *e = ww_executor_of();
	if (!t || !e || !(e->done | e->left))
		return 0;
	u64 now = bpf_ktime_get_ns();
	t->folded = now;
	struct ww_request *r = ww_request_get(t->ref);
	if (r && ww_owns(r, t->tid)) {
		struct ww_touch step = {.kind = WW_KIND_OTHER};
		struct ww_cause nothing = {.kind = WW_KIND_OTHER};
		u8 unread = r->unread, sent = t->sent;
		ww_touched(t, r, &step, now);
		/* The loop's turn goes on: nothing was sent, and the request's step comes yet. */
		r->unread = unread;
		t->sent = sent;
		ww_detach(t, r, nothing);
	}
	struct ww_executor_folding f = {.first = __sync_lock_test_and_set(&e->left, 0)};
	if (!f.first)
		f.at = __sync_lock_test_and_set(&e->done, 0);
	if (!ww_without_loop) {
		bpf_loop(WW_EXECUTOR_MOST, ww_executor_turn_back, &f, 0);
	} else {
		for (u32 i = 0; i < WW_EXECUTOR_DONE; i++) {
			if (ww_executor_turn(i, &f))
				break;
		}
	}
	/* No callback: the stack has no room for one more. */
	for (u32 i = 0; i < WW_EXECUTOR_DONE && f.first; i++)
		f.first = ww_executor_folded(t, f.first);
	/* The rest waits for its next touch; unless another loop's thread has left some just now. */
	if (ww_request_get(f.first) && __sync_val_compare_and_swap(&e->left, 0, f.first))
		ww_count(WW_COUNT_CARRIER_FORGOTTEN);
	if (ww_request_get(f.at) && __sync_val_compare_and_swap(&e->done, 0, f.at))
		ww_count(WW_COUNT_CARRIER_FORGOTTEN);
	return 1;
}

/* The running thread answers, if it is such a loop's: what its pools have done by then ends before that does. */
static __always_inline void ww_executor_before(struct task_struct *task)
{
	struct ww_thread *t = ww_thread_get(task);
	if (t && t->python && t->loop)
		ww_executor_folds(t);
}

#endif
