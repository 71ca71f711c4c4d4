/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Carriers: work of an event loop for a request that is not known yet. A timer's continuation, or a step of asyncio in
 * a batch of several, sends on an upstream without a sign of whose step it is. Such work goes to an anonymous account,
 * and is added to its request when the same chain of work writes the response.
 *
 * What makes a chain: in CPython the Context of the running Task, one word of the thread's state; elsewhere that one
 * follows from the other without a wait (what is read or sent after a read is that read's).
 *
 * A Context's memory is the next Task's once its own has ended, so an account is left for a new one when that may be.
 * What Tasks did that a request's own Task awaited is found by subtask.bpf.h.
 */
#ifndef WHYWAIT_CARRIER_H
#define WHYWAIT_CARRIER_H

#include "chain.bpf.h"
#include "phase.bpf.h"
#include "sleeper.bpf.h"
#include "subtask.bpf.h"
#include "tasks.bpf.h"
#include "untold.bpf.h"
#include "uvserver.bpf.h"
#include "worker.bpf.h"

__u32 ww_units_any __weak = 0; /* functions are units of work */

/* The Task that awaits what the thread, a loop's, does, as a key; else its Context; false: neither is told. */
static __always_inline bool ww_carrier_context(struct ww_thread *t, struct ww_carrier_key *key, const bool uvloop)
{
	if (!t->loop)
		return false;
	if (t->python_tries < WW_PYTHON_TRIES)
		ww_python_find(t);
	struct ww_python *python = t->python ? ww_python_of() : NULL;
	if (!python)
		return false;
	if (!uvloop && python->uvloop && !t->uvloop)
		ww_uvloop_beside(python->uvloop);
	if (t->shared)
		return false;
	ww_python_is_loop(python);
	key->program = ww_program();
	/* uvloop sends from a Context of its own. */
	key->context = uvloop ? 0 : ww_user_word(t->python + python->context);
	t->task = uvloop ? ww_uvloop_task() : key->context ? ww_awaiter_running(t, key->context) : 0;
	if (t->task) {
		u64 led = t->task & WW_AWAITER_BITS;
		t->task &= ~WW_AWAITER_BITS;
		t->leaf = t->task;
		u64 own = ww_task_key(t->task, t->version);
		if (own & WW_TASK_KEY && own > t->newest)
			t->newest = own;
		u64 root = ww_awaiter_root(t->task, t->version);
		t->task = root & ~WW_AWAITER_BITS;
		t->led = (root | led) & WW_AWAITER_BITS;
		t->nested |= t->task != t->leaf;
		key->context = ww_task_key(t->task, t->version);
	}
	return key->context != 0;
}

/*
 * Whether the account may be of a Task that has ended since, whose Context's memory is another Task's now: when a
 * request came after it was touched last, and its step has run.
 */
static __always_inline bool ww_carrier_outlived(const struct ww_thread *t, const struct ww_request *a)
{
	if (a->context & WW_TASK_KEY)
		return false;
	if (a->handed && t->opened_at > a->folded)
		return a->anonymous && !a->outstanding;
	return a->anonymous && !a->outstanding && t->batch != a->batch && (s32)(t->opened_batch - a->batch) >= 0;
}

static __always_inline long ww_due_step(u32 i, void *ctx)
{
	struct ww_sleepers *s = ctx;
	struct ww_request *r = ww_request_get(s->thread->pending[i & (WW_PENDING - 1)].ref);
	if (!r || r->outstanding)
		return 0;
	/*
	 * What was read is continued in that order, and before any timer; a request later than an answer, as the Task
	 * for it is to be made first.
	 */
	bool later = !r->guessed && r->batch == s->thread->batch;
	u64 since = r->mark | (u64)!r->unread << 63 | (u64)later << 62;
	if (since < s->since) {
		s->since = since;
		s->oldest = r->account.id;
	}
	return 0;
}

static long ww_due_step_back(u32 i, void *ctx)
{
	return ww_due_step(i, ctx);
}

WW_GLOBAL2(int, ww_due_plain, T, t, N, i)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_SLEEPERS);
	struct ww_sleepers s;
	if (!t || !cell)
		return 1;
	ww_cell_take(cell, s);
	s.thread = t;
	ww_due_step(i, &s);
	ww_cell_put(cell, s);
	return 0;
}

/* The request of a loop with a shared Context that has been due to be continued for longest; 0: none. */
WW_GLOBAL1(u64, ww_carrier_due, T, t)
{
	struct ww_sleepers s = {.thread = t, .since = ~0ull};
	if (!t)
		return 0;
	if (ww_without_loop)
		WW_TURNS(WW_CELL_SLEEPERS, s, WW_PENDING, ww_due_plain(t, turn_));
	else
		bpf_loop(WW_PENDING, ww_due_step_back, &s, 0);
	return s.oldest;
}

#define WW_LEFT_MANY 8
#define WW_LEFT_MAX  16

/* A Context begins a new account: if it left the last one tells in the long run if requests wait for what it does. */
static __always_inline bool ww_carrier_left(struct ww_carrier *known, ww_ref before)
{
	if (before && known->left < WW_LEFT_MAX)
		known->left++;
	else if (!before && known->left)
		known->left--;
	return known->left >= WW_LEFT_MANY;
}

/* In a step of that Task the thread does something for the request. */
static __always_inline void ww_carrier_leaf(const struct ww_thread *t, struct ww_request *r)
{
	r->leaf = t->task ? t->leaf : 0;
	r->leaf_print = ww_task_print(t->leaf, t->version);
	r->root_task = t->task;
	r->root_print = ww_task_print(t->task, t->version);
	if (t->task)
		ww_awaiter_marks(r, t->led);
}

/* Whose work is what the thread sends: by the Context, or the Task, that it is in. */
static __always_inline ww_ref ww_carrier_of_context(struct ww_thread *t, struct ww_conn *conn,
						    struct ww_carrier_key *key, const bool uvloop)
{
	/* The rest of what did not fit, which its loop sends itself. What else is sent so may be another's. */
	struct ww_request *r =
		t->handle_frame && !t->task && conn && conn->awaited ? ww_request_get(conn->first) : NULL;
	if (r) {
		if (!ww_handle_writes(t))
			ww_awaiter_marks(r, WW_AWAITER_GUESS);
		return conn->first;
	}
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, key);
	r = ww_request_get(uvloop ? ww_uvloop_whose(t, conn) : known ? known->ref : 0);
	if (r && uvloop)
		ww_task_serves(t);
	else if (uvloop && known)
		r = ww_carrier_own(known->ref);
	if (r && !ww_carrier_outlived(t, r)) {
		ww_subtask_fill(t, r, t->start);
		ww_carrier_leaf(t, r);
		return ww_carrier_ref(r);
	}
	ww_ref before = ww_carrier_ref(r);
	r = ww_carrier_begin(t);
	if (r) {
		r->next = before;
		r->context = key->context;
		r->code = ww_task_code(t->task, t->version);
		r->task = t->task;
		r->apart = t->task && ww_user_word(t->task + WW_FUTURE_CALLBACK);
		ww_carrier_leaf(t, r);
		r->background = known && ww_carrier_left(known, before);
		ww_carrier_know(known, key, r->account.id);
	}
	return ww_carrier_ref(r);
}

/* The same for a loop of uvloop's: apart, or the verifier would follow the rest of what is done once more for it. */
WW_GLOBAL2(u64, ww_carrier_of_uvloop, T, t, C, conn)
{
	struct ww_carrier_key key;
	if (!t)
		return 0;
	if (ww_carrier_context(t, &key, true))
		return ww_carrier_of_context(t, conn, &key, true);
	/* The rest of what did not fit is whose that was. What else is sent so may be another's. */
	struct ww_request *r = ww_request_get(conn && conn->awaited ? conn->first : 0);
	if (!ww_uvloop_rest(r != NULL) && r)
		ww_awaiter_marks(r, WW_AWAITER_GUESS);
	return ww_carrier_ref(r);
}

/*
 * Whose work is it that the thread sends something upstream, on a connection (NULL: on a new one)? 0 when that is
 * nobody's. Not for uvloop's loops.
 */
WW_GLOBAL2(u64, ww_carrier_of_send, T, t, C, conn)
{
	struct ww_carrier_key key;
	if (!t)
		return 0;
	struct ww_request *r = ww_request_get(t->ref);
	if (t->executor) {
		t->told = 0;
		if (!t->uvpool && (t->worker || t->loop_slot || t->made))
			return ww_worker_turn(t);
		r = r ? r : ww_request_get(t->home);
		return ww_carrier_ref(r ? r : ww_handoff_begin(t));
	}
	if (t->pool && (!t->loop || !r)) {
		/* What is sent first on a new connection is for whom it was made. */
		r = r ? r : ww_request_get(t->home);
		struct ww_request *maker = ww_request_get(conn && conn->connecting ? conn->first : 0);
		/* What does not wait for its answer, and turns to another connection, is another task. */
		if (r && r->helper && !r->root && r->outstanding && conn && conn->first != r->account.id) {
			ww_handoff_leave(t, r);
			r = NULL;
		}
		if (!r) {
			r = ww_handoff_begin(t);
			if (r && maker)
				r->root = ww_handoff_root(maker);
		}
		if (ww_tasks_known && r && r->helper)
			r = ww_request_get(ww_tasks_turn(t, r));
		u64 now = bpf_ktime_get_ns();
		if (r && r->helper && !r->owned && r->account.traffic && !r->outstanding && conn &&
		    conn->first != r->account.id && r->mark == t->start)
			r = ww_handoff_turn(t, r, now);
		if (r && r->helper && !r->opened)
			r->opened = now;
		return ww_carrier_ref(r);
	}
	if (!t->loop) {
		/* A thread of one request at a time: after a wait it is still that request's. */
		r = r ? r : ww_request_get(t->home);
		return ww_carrier_ref(r ? r : ww_request_get(conn ? conn->first : 0));
	}
	if (ww_carrier_context(t, &key, false))
		return ww_carrier_of_context(t, conn, &key, false);
	/* First it is sent for whom the connection was made, whatever was read just now. */
	struct ww_request *maker = ww_request_get(conn && conn->connecting ? conn->first : 0);
	if (maker && maker->state == WW_STATE_WAIT && !t->shared)
		return maker->account.id;
	ww_ref promised = ww_promises_on && t->root ? ww_carrier_of_promise(t) : 0;
	if (promised)
		return promised;
	/* Answers of several were read at once: what follows is one's for each connection. */
	if (t->several && !ww_phase_left(t) &&
	    (!r || !conn || conn->first != t->ref || conn->system == WW_SYSTEM_REDIS)) {
		ww_turn_now(t);
		t->turn_chains = 1;
		r = ww_carrier_begin(t);
		if (r)
			r->popped = t->several;
		return ww_carrier_ref(r);
	}
	/* One more send of the same step. */
	if (r && conn && conn->awaited && conn->first == t->ref)
		return t->ref;
	if (t->shared) {
		/* Whose it was can't be told. Giving it to the one that is due keeps the sums right. */
		r = ww_request_get(ww_carrier_due(t));
		if (r) {
			r->guessed = 1;
			r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		}
		return ww_carrier_ref(r);
	}
	/* Where the phase is not known, one that waits for another answer already is more likely asleep. */
	bool timer = ww_phase_left(t);
	if (r && !timer && (t->phase_at || !r->outstanding)) {
		/* Or it is after the work of libuv's pool, for one that waits for that. */
		if (ww_pooled_seen(t) && ww_untold_waits(t, r))
			ww_doubt(r);
		return t->ref;
	}
	if (maker)
		return maker->account.id;
	if (timer && conn)
		ww_others_seen(t, bpf_ktime_get_ns());
	/* Whose timer it was can't be told. It was one sleeper's, so giving it to one keeps the sums right. */
	ww_pooled(t, timer);
	ww_ref only = ww_carrier_sleeper(t, true);
	r = ww_request_get(only || !timer ? only : ww_carrier_sleeper(t, false));
	if (r) {
		r->guessed |= timer;
		ww_infer(r);
		if (!only)
			ww_doubt(r);
		else if (t->phase_at && !timer)
			ww_untold_guess(t, r);
		return r->account.id;
	}
	/* It has not been seen to wait: its timer follows on its read. */
	r = ww_request_get(t->ref);
	if (r && !r->outstanding)
		return t->ref;
	r = ww_carrier_begin(t);
	/* What it follows on was taken for somebody else's, who has ended. */
	if (r)
		r->waited = ww_turn_tells(t);
	return ww_carrier_ref(r);
}

/* Adds the chain's account to the request that it turned out to be for; both are charged up to now. */
WW_GLOBAL4(int, ww_carrier_merge, R, r, R, a, T, t, N, now)
{
	if (!r || !a || !t)
		return 0;
	if (r->mark <= a->account.start_ns) {
		ww_carrier_add(r, a, t);
		return 0;
	}
	ww_infer(r);
	/* Both were at work for it, side by side: the answer that came last is what it waited for. */
	if (a->answered > r->mark)
		ww_charge(r, a->answer.kind, a->answer.type, a->answer.value, a->answered);
	/* What is left is not to be told from two accounts that overlap. */
	if (r->mark < now)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, now);
	ww_traffic_adopted(r, a);
	ww_request_free(a);
	return 0;
}

#define WW_MIXED 3 /* so many more signs of a shared Context than others */

/*
 * The Context answers a request. Is it a Task's own, or one that its loop sends everything from? It is the latter when
 * it answered on another connection while this request was there already, which a Task made late in memory of another
 * one's does, too, and has sent what is not answered yet, which is no Task's way.
 */
static __always_inline void ww_carrier_answers(struct ww_thread *t, const struct ww_request *r,
					       const struct ww_request *a, struct ww_carrier *known, bool told)
{
	bool other = known->connection && known->connection != r->connection && (s32)(known->batch - r->batch) >= 2;
	if (told)
		known->several |= other;
	else if (other && a && a->anonymous && a->outstanding)
		t->shared = ++t->mixed >= WW_MIXED;
	else if (t->mixed)
		t->mixed--;
	known->connection = r->connection;
	known->batch = t->batch;
}

/* What the account of a pool's thread says of the time from the mark of `r` on is what that one waited for. */
static __always_inline void ww_carrier_did(struct ww_request *r, struct ww_request *a)
{
	u64 waits = r->mark;
	ww_handoff_join(r, a, waits);
	ww_handoff_joined(r, a, waits);
	r->queued = 0;
	/* With answers of its own to come it goes on when those are there. */
	r->state = r->outstanding ? WW_STATE_WAIT : WW_STATE_READY;
}

/* The same for a request, with work that a thread of the pool had without a wait. */
WW_GLOBAL2(int, ww_carrier_early, R, r, R, a)
{
	if (r && a)
		ww_carrier_did(r, a);
	return 0;
}

/*
 * An anonymous account was answered, outside of its Task's steps. One that awaits that Task may have come to do so only
 * since it has sent. Returns whose the work is now: the account is added to that one, and ended; 0: it stays.
 */
WW_GLOBAL2(u64, ww_carrier_again, T, t, R, a)
{
	struct ww_carrier_key key = {.program = ww_program()};
	if (!t || !a || !a->task || ww_task_key(a->task, t->version) != a->context)
		return 0;
	u64 found = ww_awaiter_root(a->task, t->version), root = found & ~WW_AWAITER_BITS;
	key.context = root && root != a->task ? ww_task_key(root, t->version) : 0;
	if (!key.context)
		return 0;
	ww_awaiter_marks(a, found & WW_AWAITER_BITS);
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	struct ww_request *r = ww_request_get(t->uvloop ? ww_uvloop_serves(root) : known ? known->ref : 0);
	if (!r && t->uvloop && known)
		r = ww_carrier_own(known->ref);
	if (!r) {
		a->context = key.context;
		a->task = root;
		ww_carrier_know(known, &key, a->account.id);
		return 0;
	}
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	/*
	 * What others have yet to answer comes for this account, the last answer ends it. And what a thread is at,
	 * which may be another loop's, that alone may charge.
	 */
	if (r == a || a->outstanding || r->state == WW_STATE_ATTACHED)
		return 0;
	ww_charge_gap(r, t, &step, a->account.start_ns);
	ww_carrier_early(r, a);
	return r->account.id;
}

/*
 * Whether all that was done for the request can be known, which the loop answers now. Of uvloop's, not all that it has
 * waited for may be told, nor what pools of threads did; of a CPython whose Tasks are not followed, whose anything is;
 * of Node's, what it did after a timer, or a pool's work, may have been taken for another one's.
 */
WW_GLOBAL2(int, ww_carrier_doubts, T, t, R, r)
{
	if (!t || !r || (!t->python && !t->untold && !t->phase_at))
		return 0;
	bool tasks = t->python || t->untold;
	if (!tasks) {
		if (ww_promise_told(t) && t->others <= r->opened && t->pooled <= r->opened) {
			if (t->root_lost >= r->opened)
				ww_doubt(r);
			return 0;
		}
		ww_untold_shows(t, r);
		if (!r->waited)
			return 0;
	}
	struct ww_python *python = t->python ? ww_python_of() : NULL;
	if (python) {
		ww_python_is_loop(python);
		ww_uvloop_joins(t, python);
	}
	if (t->python && (!python || !python->uvloop || (t->uvloop && !r->lent && ww_uvloop_sure(t, r->opened))))
		return 0;
	if ((!tasks || t->slept <= r->opened) && ww_loop_alone(t, r, r->opened))
		return 0;
	r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_traffic_note(r, false);
	return 0;
}

/* The account of what the thread, which sends a response of `r`, did for it under no name until here; 0: none. */
WW_GLOBAL2(u64, ww_carrier_found, T, t, R, r)
{
	struct ww_carrier_key key;
	if (!t || !r)
		return 0;
	struct ww_request *a = ww_request_get(t->ref);
	ww_ref id = r->account.id;
	if (!t->loop)
		return 0;
	ww_carrier_doubts(t, r);
	if (t->uvloop)
		return 0; /* it is sent when no Task runs */
	if (ww_carrier_context(t, &key, false)) {
		struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
		a = known ? ww_request_get(known->ref) : NULL;
		if (known)
			ww_carrier_answers(t, r, a, known, key.context & WW_TASK_KEY);
		ww_carrier_know(known, &key, id);
		ww_task_serves(t);
		if (t->task)
			ww_awaiter_marks(r, t->led);
		t->responded = key.context;
		/* Older than the request: of a task that ended, whose Context's memory is this one's now. */
		if (a && a->account.start_ns < r->opened) {
			if (a->early && a->mark > r->opened)
				ww_carrier_early(r, a);
			a = NULL;
		}
		if (!a || !a->anonymous) {
			ww_subtask_fill(t, r, t->start);
			return 0;
		}
		ww_subtask_fill(t, a, t->start);
		ww_subtask_fill_before(t, r, a);
	} else if (ww_promise_told(t)) {
		return ww_carrier_by_promise(t, r);
	} else if (t->shared) {
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		/* What it was taken to wait for is another one's, which was taken to wait for what this one did. */
		if (r->outstanding)
			ww_charge(r, r->answer.kind, r->answer.type, r->answer.value, t->start);
		return 0;
	}
	return a && a->anonymous && !t->several ? a->account.id : 0;
}

/* `found` was for `r`, whose response the thread sends now and to which it is attached afterwards. */
static __noinline void ww_carrier_answered(struct ww_thread *t, struct ww_request *r, ww_ref found, u32 tid, u64 now)
{
	struct ww_request *a = ww_request_get(found);
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	if (!a)
		return;
	/* It has asked for what is not there yet: that may be another one's. */
	if (t->phase_at && a->outstanding)
		ww_untold_guess(t, r);
	ww_touched(t, a, &step, now);
	ww_carrier_merge(r, a, t, now);
	ww_attach(t, r, tid, now);
}

#endif
