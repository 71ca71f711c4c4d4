/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The accounts: whose a thread's time was, as its touches of sockets tell (DESIGN.md, "Whose time is it").
 *
 * A request is charged up to `mark`, and only ever from `mark` on: every charge moves it. So the kinds sum to the wall
 * time by construction, whatever order events come in. Two things are charged: a gap, in which no thread worked for
 * the request, and the interval of a thread that turns out to have worked for it.
 *
 * The larger functions are global (global.bpf.h, pointers checked): the verifier then looks at each once, and not once
 * for every way to get there.
 */
#ifndef WHYWAIT_ACCOUNT_H
#define WHYWAIT_ACCOUNT_H

#include "charge.bpf.h"
#include "golang.bpf.h"
#include "phase.bpf.h"
#include "request.bpf.h"
#include "rounds.bpf.h"
#include "traffic.bpf.h"

#define WW_GO_MOVES_NS 10000000 /* no goroutine runs for longer while others want to (runtime.forcePreemptNS) */

#define WW_SATURATED_NS	   20000000
#define WW_TIMEOUT_UNIT_NS 1000000 /* loops round what they give epoll_wait() up to it */

/*
 * Whether a loop's timer may be what the request went on for at `to`. Had the loop slept without a timeout since, it
 * would have had none; and none was due yet when it was woken well before that timeout. Loops reckon it from when they
 * last looked at the clock, which may have been before all that they did since they slept the time before.
 */
static __always_inline bool ww_timer_may_be(const struct ww_thread *t, const struct ww_request *r, u64 to)
{
	if (t->slept < r->mark || t->slept > to)
		return true; /* it has not slept in the gap, or more than once, and earlier waits are not kept */
	return t->deadline && to + t->worked_ns + WW_TIMEOUT_UNIT_NS >= t->deadline;
}

/*
 * Whether a loop of asyncio's has been busy all along, and for so long that it is what everything in it waits for:
 * locks and pools of asyncio's, too, which those have who wait for the loop. Timers are not told from these there.
 */
static __always_inline bool ww_loop_saturated(const struct ww_thread *t, const struct ww_request *r, u64 to)
{
	return t->python && t->slept < r->mark && to - t->woke > WW_SATURATED_NS;
}

/*
 * What another thread has told a loop by that goes on now for a request, with nothing read for it: libuv's pool, or a
 * worker thread, has done something; 0: that is not known. It is where that ended the loop's sleep; and in Node, where
 * that has come while the loop worked, it is what else there is to follow on while it polls, if it has read nothing.
 */
WW_GLOBAL1(int, ww_posted, T, t)
{
	if (!t || t->python || t->go)
		return 0;
	bool runs = t->off == WW_OFF_NOT, polls = t->phase_at && runs;
	if (polls && ww_phase_left(t))
		return 0;
	if (!t->posted && polls && t->turn_read < t->slept)
		return WW_NAME_EVENTFD;
	return t->posted;
}

/* Charges what a goroutine was at up to `to`. When a timer is due its goroutine may go on. */
static __always_inline void ww_charge_goroutine(struct ww_request *r, struct ww_cause cause, u64 due, u64 to)
{
	if (cause.kind == WW_KIND_SLEEP && due && due < to) {
		ww_charge(r, WW_KIND_SLEEP, WW_DETAIL_NONE, 0, due);
		cause.kind = WW_KIND_QUEUE;
	}
	ww_charge(r, cause.kind, cause.type, cause.value, to);
}

/*
 * A task of tokio's has waited for nothing that a socket told, up to `to`: where a thread's timeout ended in between,
 * it was for that, and then for a thread.
 */
static __always_inline void ww_tokio_slept(struct ww_request *r, struct ww_thread *t, u64 to)
{
	struct ww_go *go = ww_go_get();
	if (!go || r->hint.kind != WW_KIND_OTHER || r->outstanding)
		return;
	u64 end = ww_tokio_expired(&go->tokio, t);
	if (r->sights_len && end > r->sights[0].at)
		end = r->sights[0].at;
	if (end <= r->mark || end > to)
		return;
	ww_charge(r, WW_KIND_SLEEP, WW_DETAIL_NONE, 0, end);
	r->hint.kind = WW_KIND_QUEUE;
	ww_infer(r);
}

/* Charges the gap of a request whose goroutine went on without a word, as it was seen meanwhile. */
static __always_inline void ww_charge_sights(struct ww_request *r, u64 to)
{
	struct ww_cause cause = r->hint;
	u64 due = r->due;
	for (u32 i = 0; i < WW_SIGHTS && i < r->sights_len; i++) {
		const struct ww_sight *sight = &r->sights[i];
		ww_charge_goroutine(r, cause, due, sight->at < to ? sight->at : to);
		cause = sight->cause;
		due = sight->due;
	}
	r->sights_len = 0;
	ww_charge_goroutine(r, cause, due, to);
}

/*
 * Charges of a gap what the request's goroutine was made to collect in it, on threads that nobody has seen it on. What
 * the thread itself did so is in its interval, which begins where the gap ends.
 */
static __always_inline void ww_charge_assisted(struct ww_request *r, struct ww_thread *t, u64 to)
{
	u64 ns = r->assisted, own = to == t->start ? ww_assisted_here(t, r->account.id) : 0;
	if (ns <= own)
		return;
	ns -= own;
	if (ns > to - r->mark)
		ns = to - r->mark;
	__sync_fetch_and_add(&r->assisted, -ns);
	ww_charge(r, WW_KIND_GC, WW_DETAIL_NAME, WW_NAME_ASSIST, r->mark + ns);
}

/* Charges the gap of a request that is not just in the queue. */
WW_GLOBAL4(int, ww_charge_wait, R, r, T, t, W, touch, N, to)
{
	if (!r || !t || !touch)
		return 0;
	if (r->assisted)
		ww_charge_assisted(r, t, to);
	/* Probes tell when its goroutine goes: it has run here all along, though another thread's touch came between.
	 */
	bool ran = t->exact && t->ref == r->account.id && t->start <= r->mark && !(t->dirty & WW_DIRTY_WAITED);
	bool moved = ran || to - r->mark < WW_GO_MOVES_NS;
	if (r->state == WW_STATE_ATTACHED && t->go && (touch->receive || moved)) {
		/*
		 * A goroutine moves to another thread without a word. Where that follows at once, the first one ran it.
		 */
		if (!touch->receive) {
			ww_charge(r, WW_KIND_COMPUTE, WW_DETAIL_NONE, 0, to);
			if (!ran)
				ww_infer(r);
			return 0;
		}
	} else if (r->state == WW_STATE_ATTACHED && !(r->helper && touch->receive)) {
		/* Another thread had it, and its interval is in that thread's storage: nobody here can tell. */
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, to);
		return 0;
	}
	if (r->queued) {
		u64 queued = r->queued < to ? r->queued : to;
		r->queued = 0;
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, queued);
	}
	if (touch->receive) {
		u64 ready = touch->ready;
		/* While others have not answered, it waits for those, too. */
		if (t->go && r->outstanding > 1 && (!r->complete_at || r->complete_at > ready))
			ready = r->complete_at;
		if (ready && ready < to)
			ww_charge(r, touch->kind, touch->type, touch->value, ready);
		else
			ww_charge(r, touch->kind, touch->type, touch->value, to);
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
		return 0;
	}
	if (touch->blocked) {
		ww_charge(r, touch->kind, touch->type, touch->value, to);
		return 0;
	}
	if (t->go) {
		if (t->go == WW_GO_TOKIO)
			ww_tokio_slept(r, t, to);
		ww_charge_sights(r, to);
		return 0;
	}
	/* Nothing arrived for it: a timer, or something inside of the process. */
	struct ww_cause hint = r->hint;
	bool loops = hint.kind == WW_KIND_OTHER && (!r->outstanding || r->guessed) && t->loop;
	/* What has begun to wait since the loop slept does not wait for what ended that. */
	u32 posted = loops && r->mark <= t->slept ? ww_posted(t) : 0;
	if (posted) {
		u64 until = t->posted && t->waking > r->mark && t->waking < to ? t->waking : to;
		ww_charge(r, WW_KIND_IPC, WW_DETAIL_NAME, posted, until);
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
		ww_infer(r);
		return 0;
	}
	if (loops && ww_timer_may_be(t, r, to)) {
		hint.kind = ww_loop_saturated(t, r, to) ? WW_KIND_QUEUE : WW_KIND_SLEEP;
		hint.type = WW_DETAIL_NONE;
		hint.value = 0;
		ww_infer(r);
	}
	if (hint.kind == WW_KIND_SLEEP) {
		/*
		 * The timeout that the loop gave the kernel tells when the timer was due. A loop too busy to sleep
		 * gives none: asyncio then notices the timer when a round begins, and continues what waits for it in
		 * the next.
		 */
		u64 due = to;
		if (t->deadline > r->mark)
			due = t->deadline;
		else if (t->python && t->loop && t->round_at[1])		      /* 0: its first round */
			due = t->round_at[1] - (t->round_at[0] - t->round_at[1]) / 2; /* it came between two */
		else if (t->round)
			due = (t->round_at[0] > r->mark ? t->round_at[0] : r->mark) / 2 + to / 2;
		if (due < to) {
			ww_charge(r, WW_KIND_SLEEP, WW_DETAIL_NONE, 0, due);
			ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
			return 0;
		}
	}
	ww_charge(r, hint.kind, hint.type, hint.value, to);
	return 0;
}

/*
 * Charges the gap [mark, to), in which the request had no thread. `to` is when a thread took it up again: what lies
 * between the arrival of the bytes it waited for and that is queueing.
 */
static __always_inline void ww_charge_gap(struct ww_request *r, struct ww_thread *t, const struct ww_touch *touch,
					  u64 to)
{
	if (to <= r->mark)
		return;
	if (r->state == WW_STATE_READY)
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
	else
		ww_charge_wait(r, t, touch, to);
}

/* Notes that the request waits for a timer; counts one that did and that its continuation does not find any more. */
static __always_inline void ww_pend(struct ww_thread *t, struct ww_request *r)
{
	u32 at = t->pending_len++;
	struct ww_pending *p = &t->pending[at & (WW_PENDING - 1)];
	const struct ww_request *old = at >= WW_PENDING ? ww_request_get(p->ref) : NULL;
	/* Others have let go of their request since, and have a later place. */
	if (old && old != r && old->pended == at - WW_PENDING && old->state == WW_STATE_WAIT && !old->outstanding) {
		ww_count(WW_COUNT_PENDING_FORGOTTEN);
		if (old->anonymous && old->account.start_ns > t->forgotten)
			t->forgotten = old->account.start_ns;
	}
	p->ref = r->account.id;
	r->pended = at;
	if (r->waited < 0xff)
		r->waited++;
}

/* That all that was done for the request is known is not certain. */
static __always_inline void ww_doubt(struct ww_request *r)
{
	r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_traffic_note(r, false);
}

/* A request has a step in this turn of a loop of Node's kind. */
WW_GLOBAL2(int, ww_turn_has, T, t, N, ref)
{
	if (!t)
		return 0;
	t->turn_last = t->turn_steps++ ? 0 : ref;
	for (u32 i = 0; i < WW_TURN; i++) {
		if (i < t->turn_len && t->turn[i] == ref) {
			t->turn_since |= 1ull << i;
			return 0;
		}
	}
	u32 at = t->turn_len;
	barrier_var(at);
	if (at < WW_TURN) {
		t->turn[at] = ref;
		t->turn_len = at + 1;
		t->turn_since |= 1ull << at;
	} else {
		t->turn_unknown = 1;
		struct ww_request *r = t->defers ? ww_request_get(ref) : NULL;
		if (r)
			ww_doubt(r);
	}
	return 0;
}

/* The thread lets go of its request, which is charged up to the thread's mark. */
static __always_inline void ww_detach(struct ww_thread *t, struct ww_request *r, struct ww_cause hint)
{
	/* What an event loop of asyncio's kind has read is not continued at once: until then it is in the queue. */
	r->state = t->python && t->loop && r->unread ? WW_STATE_READY : WW_STATE_WAIT;
	r->owner = 0;
	r->hint = hint;
	t->ref = 0;
	if (ww_stacks_on) {
		t->sampled = 0;
		/* A loop's own stack says nothing of the request. */
		if (!r->stack && !t->loop && t->stack != WW_STACK_RUNS)
			r->stack = t->stack;
	}
	/* Of Node's kind: with nothing outstanding it waits for a timer, whose continuation will not say whose it is.
	 */
	if (t->loop && !t->python && !r->outstanding && !r->client && !r->helper && !r->message)
		ww_pend(t, r);
	/* What its loop has read for it a thread of the pool will go on with. */
	r->relayed |= t->relays & r->unread;
	if (t->loop && (r->helper || r->relayed) && !r->outstanding)
		r->hint.kind = WW_KIND_QUEUE, r->hint.type = WW_DETAIL_NONE;
	if (t->go)
		ww_goroutine_waits(r);
}

static __always_inline bool ww_owns(const struct ww_request *r, u32 tid)
{
	return r->state == WW_STATE_ATTACHED && r->owner == tid;
}

/* Attaches the thread, whose new interval begins now, to a request that is charged up to now. */
static __always_inline void ww_attach(struct ww_thread *t, struct ww_request *r, u32 tid, u64 now)
{
	ww_interval_reset(t, now);
	t->ref = r->account.id;
	t->home = 0;
	r->owner = tid;
	r->state = WW_STATE_ATTACHED;
	if (ww_stacks_on) {
		t->sampled = r->account.stacks_one_in != 0;
		t->stack = WW_STACK_RUNS;
		r->stack = 0;
	}
}

/*
 * Whether the thread just goes on with the request that it is attached to, without a wait since: charging it can be
 * left to the next touch.
 */
static __always_inline bool ww_goes_on(const struct ww_thread *t, const struct ww_request *r, u32 tid)
{
	return t->ref == r->account.id && ww_owns(r, tid) && r->mark == t->start && t->off == WW_OFF_NOT &&
	       !t->python && !t->details_len && !t->pieces_len && (!t->root || r->promise == t->root);
}

#define WW_HOLD_TRIES 100
#define WW_HOLD_SOME  10 /* at a time: the verifier looks at each */
#define WW_HOLD_ENDS  16 /* more, to leave it to who has it: that fails when it is let go of just then */

enum ww_held {
	WW_HELD_NOT,
	WW_HELD,       /* a CPU charges it */
	WW_HELD_ENDED, /* and it has ended meanwhile: who lets go of it closes it */
};

/* The request has ended while the caller held it, who is to close it as of then. */
WW_GLOBAL1(int, ww_ended_meanwhile, R, r)
{
	if (!r)
		return 0;
	if (!r->ended) {
		ww_request_free(r);
		return 0;
	}
	if (r->account.flags & WW_FLAG_UNTIL_CLOSE && r->sent.end_ns)
		ww_snapshot_restore(r);
	else
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, r->ended);
	ww_request_close(r);
	return 0;
}

static __always_inline void ww_let_go_of_goroutines(struct ww_request *r)
{
	if (!ww_by_hand && __sync_val_compare_and_swap(&r->held, WW_HELD, WW_HELD_NOT) == WW_HELD_ENDED)
		ww_ended_meanwhile(r);
}

/* Tries to hold it some times. */
WW_GLOBAL1(int, ww_hold_some, R, r)
{
	for (u32 i = 0; r && !ww_by_hand && i < WW_HOLD_SOME; i++) {
		if (!__sync_val_compare_and_swap(&r->held, WW_HELD_NOT, WW_HELD))
			return 1;
	}
	return 0;
}

/*
 * Goroutines of one request may touch sockets on several CPUs at the same time: each charges it in turn. One that is
 * stopped meanwhile, by a hypervisor or for another task, is not waited for: then nothing is charged, and false. So it
 * is when the request is not `ref` any more.
 */
WW_GLOBAL2(int, ww_hold_of_goroutines, R, r, N, ref)
{
	if (!r || ww_by_hand)
		return 0;
	bool held = !__sync_val_compare_and_swap(&r->held, WW_HELD_NOT, WW_HELD);
	for (u32 i = 0; !held && i < WW_HOLD_TRIES / WW_HOLD_SOME; i++)
		held = ww_hold_some(r);
	bool is = r->live && r->account.id == ref;
	if (held && is)
		return 1;
	if (held) {
		ww_let_go_of_goroutines(r);
		return 0;
	}
	if (is)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_count(WW_COUNT_REQUEST_BUSY);
	return 0;
}

/*
 * The request ends at `ended`; 0: without a record. True: the caller is to see to that. False: another CPU charges it,
 * which may be stopped in the middle, and does when it lets go.
 */
WW_GLOBAL2(int, ww_hold_to_end, R, r, N, ended)
{
	if (!r || ww_by_hand)
		return 1;
	r->ended = ended;
	for (u32 i = 0; i < WW_HOLD_TRIES / WW_HOLD_SOME; i++) {
		if (ww_hold_some(r))
			return 1;
	}
	for (u32 i = 0; i < WW_HOLD_ENDS; i++) {
		if (!__sync_val_compare_and_swap(&r->held, WW_HELD_NOT, WW_HELD))
			return 1;
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		if (__sync_val_compare_and_swap(&r->held, WW_HELD, WW_HELD_ENDED) == WW_HELD)
			break;
	}
	ww_count(WW_COUNT_REQUEST_BUSY);
	return 0;
}

static __always_inline bool ww_hold(const struct ww_thread *t, struct ww_request *r, ww_ref ref)
{
	return !t->go || ww_by_hand || ww_hold_of_goroutines(r, ref);
}

static __always_inline void ww_let_go(const struct ww_thread *t, struct ww_request *r)
{
	if (t->go)
		ww_let_go_of_goroutines(r);
}

#define WW_DISPATCH_NS 1000000 /* between a wake-up and a read there is a runtime's dispatch, not a program's work */

/* Whether the thread's interval was spent on the way to the read that it ends with. */
static __always_inline bool ww_led_to_read(const struct ww_thread *t)
{
	return t->fresh && t->cpu_ns < WW_DISPATCH_NS && !t->kinds_ns[WW_KIND_SLEEP] && !t->kinds_ns[WW_KIND_DISK] &&
	       !t->kinds_ns[WW_KIND_IPC];
}

/*
 * A pool's thread turns from the account of a task to other work, which may be the end of that task: to answer the
 * request (`r`; NULL: it is not answered) that it was for.
 */
WW_GLOBAL3(int, ww_turned_from, R, before, R, r, N, tid)
{
	if (!before || !ww_owns(before, tid) || before->outstanding)
		return 0;
	if (r && !r->helper && (!before->root || before->root == r->account.id)) {
		ww_traffic_adopted(r, before);
		ww_infer(r);
	} else if (r && !r->helper && (before->account.traffic | before->account.traffic_lost)) {
		ww_traffic_note(r, false);
	}
	ww_request_free(before);
	return 0;
}

/*
 * The running thread touches a socket of request `r`: decides whose the thread's interval was, charges both, and
 * attaches the thread to r. Afterwards r is charged up to `now`.
 */
WW_GLOBAL4(int, ww_touched, T, t, R, r, W, touch, N, now)
{
	if (!t || !r || !touch)
		return 0;
	u32 tid = t->tid;
	ww_interval_ran(t, now);
	ww_ref ref = r->account.id;
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};

	struct ww_request *before = t->ref == ref ? NULL : ww_request_get(t->ref);
	/* One thread has read it and another one answers: not all of what others did for it meanwhile is known. */
	if ((t->loop ? r->relayed : (t->pool || r->relayed) && t->home != ref) && !touch->receive && !r->helper &&
	    t->ref != ref && r->owner != tid) {
		ww_traffic_note(r, false);
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	}
	if (before && before->helper && !t->loop) {
		ww_turned_from(before, touch->receive ? NULL : r, tid);
	} else if (before && ww_hold(t, before, t->ref)) {
		if (ww_owns(before, tid)) {
			/* It left a request unfinished for another; unless it was only taken to work for that. */
			if (!before->relayed)
				t->loop = !t->go;
			/* A read ends what the thread did for the one before; a send is the end of work for this one.
			 */
			if ((touch->receive || (t->go && r->anonymous)) && before->mark == t->start) {
				ww_give(before, t);
				ww_interval_reset(t, now);
			}
			ww_detach(t, before, nothing);
		}
		ww_let_go(t, before);
	}
	bool held = ww_hold(t, r, ref);
	if (!held || r->account.id != ref || !r->live) {
		if (held)
			ww_let_go(t, r);
		ww_interval_reset(t, now);
		t->ref = 0;
		return 0;
	}
	if (t->ref == ref && ww_owns(r, tid) && r->mark == t->start) {
		ww_give(r, t);
	} else {
		/*
		 * What led to a send was work for it. What led to a read was so when the thread was idle before, or has
		 * worked for this request only; one that came from other work let it wait in the queue.
		 */
		if (r->mark <= t->start && (!touch->receive || ww_led_to_read(t) || (!t->loop && t->home == ref))) {
			ww_charge_gap(r, t, touch, t->start);
			if (r->mark == t->start)
				ww_give(r, t);
		}
		/* It came while the thread that was woken for it waited for a CPU, or was stopped. */
		if (touch->receive && r->state == WW_STATE_READY && r->mark > t->start && ww_led_to_read(t)) {
			struct ww_cause *off = &t->off_cause;
			bool named = off->kind == WW_KIND_RUNQ;
			if (off->kind == WW_KIND_OTHER && t->waking > r->mark && t->waking < t->on_cpu)
				ww_charge(r, off->kind, off->type, off->value, t->waking);
			ww_charge(r, WW_KIND_RUNQ, named ? off->type : WW_DETAIL_NONE, named ? off->value : 0,
				  t->on_cpu);
		}
		ww_charge_gap(r, t, touch, now);
	}
	ww_attach(t, r, tid, now);
	r->unread = touch->receive;
	if (t->python)
		ww_loop_step(t, r, touch, now);
	else if (t->phase_at && touch->receive)
		ww_turn_has(t, ref);
	r->batch = t->batch;
	r->newest = t->newest;
	ww_let_go(t, r);
	return 0;
}

#endif
