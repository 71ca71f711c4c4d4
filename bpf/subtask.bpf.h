/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Work of asyncio that a request waits for in Tasks of their own: what asyncio.wait_for(), gather() or shield() run, a
 * pool's reset of a connection. Such a Task has a Context, and so an anonymous account, of its own, and nothing
 * tells whose it is. But the one that awaits it touches no socket meanwhile: its gap is where the account belongs.
 */
#ifndef WHYWAIT_SUBTASK_H
#define WHYWAIT_SUBTASK_H

#include "account.bpf.h"
#include "awaiter.bpf.h"
#include "handoff.bpf.h"
#include "python.bpf.h"
#include "traffic.bpf.h"

#define WW_NEAR	    6  /* batches that libraries may put between a Task's step and that of the Task that it awaits */
#define WW_SUBTASKS 64 /* steps of looking for them in one gap */

/* An anonymous account was answered. */
static __always_inline void ww_subtask_answered(struct ww_thread *t, struct ww_request *a, u64 now)
{
	struct ww_loop *loop = ww_loop_get(false);
	if (!loop)
		return;
	struct ww_answered *newest = &loop->answered[loop->answered_next & (WW_ANSWERED - 1)];
	newest->ref = a->account.id;
	newest->at = now;
	a->turn = loop->answered_next++;
	t->answered_at = now;
}

/* Adds an account of work for the request, which began when the request waited; both are as far as the work's end. */
WW_GLOBAL3(int, ww_carrier_add, R, r, R, a, T, t)
{
	if (!r || !a || !t)
		return 0;
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	/* For a pool's thread it has waited for one. */
	if (a->submitted && r->state == WW_STATE_WAIT)
		r->state = WW_STATE_READY;
	ww_charge_gap(r, t, &step, a->account.start_ns);
	for (u32 i = 0; i < WW_KIND_COUNT; i++)
		r->account.kinds_ns[i] += a->account.kinds_ns[i];
	for (u32 i = 0; i < WW_DETAILS && i < a->account.details_len; i++) {
		struct ww_detail *d = &a->account.details[i];
		ww_request_detail(r, ww_kind_type(d->kind, d->type), d->value, d->ns, d->count);
	}
	for (u32 i = 0; i < WW_SEGMENTS && i < a->line.len; i++) {
		struct ww_segment *s = &a->line.segments[i];
		u64 from = a->account.start_ns + s->start_ns;
		ww_draw(r, ww_kind_type(s->kind, s->type), s->value, from, from + s->duration_ns);
	}
	r->account.cpu_ns += a->account.cpu_ns;
	if (ww_allocations_on)
		r->account.allocations += a->account.allocations;
	if (ww_stacks_on && r->account.stacks_one_in)
		ww_weigh_adopted(r, a);
	r->mark = a->mark;
	r->hint = a->hint;
	r->batch = a->batch;
	r->newest = a->newest;
	/* The step that its last answer is continued by is the request's. */
	r->queued = a->queued;
	r->state = a->state == WW_STATE_READY ? WW_STATE_READY : WW_STATE_WAIT;
	if (r->account.attribution < a->account.attribution)
		r->account.attribution = a->account.attribution;
	ww_infer(r);
	ww_traffic_adopted(r, a);
	r->absorbed = a->account.id;
	ww_request_free(a);
	return 0;
}

/* How the Task was found that the account is of, or for which its work is: with WW_AWAITER_BITS. */
static __always_inline void ww_awaiter_marks(struct ww_request *r, u64 how)
{
	if (how)
		ww_infer(r);
	if (!(how & WW_AWAITER_GUESS) || r->account.attribution == WW_ATTRIBUTION_AMBIGUOUS)
		return;
	r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_traffic_note(r, false);
}

/* The function that a Task runs by: its coroutine's code. */
static __always_inline u64 ww_task_code(u64 task, u32 version)
{
	u64 coro = task ? ww_task_word(task, WW_TASK_CORO, version) : 0;
	return coro ? ww_frame_object(coro + ww_python_offsets(version)->coro_code) : 0;
}

/* The Task whose step the loop's thread is in answers a request: those like it are for requests of their own. */
static __always_inline void ww_task_serves(struct ww_thread *t)
{
	struct ww_loop *loop = t->task ? ww_loop_get(true) : NULL;
	u64 code = loop ? ww_task_code(t->task, t->version) : 0;
	if (!code)
		return;
#pragma unroll
	for (u32 i = 0; i < WW_SERVING; i++) {
		if (!loop->serving[i])
			loop->serving[i] = code;
		if (loop->serving[i] == code)
			return;
	}
}

static __always_inline bool ww_task_serving(const struct ww_loop *loop, u64 code)
{
#pragma unroll
	for (u32 i = 0; i < WW_SERVING; i++) {
		if (loop->serving[i] == code)
			return code;
	}
	return false;
}

struct ww_subtask_search {
	struct ww_loop *loop;
};

/* Between a Task's step and that of one that it awaits, or the other way round, there are two to four batches. */
static __always_inline u32 ww_subtask_likely(u32 batches)
{
	return batches >= 2 && batches <= 4 ? 3 : batches == 1 ? 2 : 1;
}

#define WW_ENDED 8 /* its Task has ended: outdoes what the batches say */

/* The entry's account, if it is still what the entry says, and idle. */
static __always_inline struct ww_request *ww_subtask_at(const struct ww_answered *e, u32 turn)
{
	struct ww_request *a = ww_request_get(e->ref);
	return a && a->anonymous && !a->outstanding && a->turn == turn ? a : NULL;
}

static __always_inline long ww_subtask_look(u32 i, void *ctx)
{
	struct ww_subtask_search *s = ctx;
	struct ww_gap *gap = &s->loop->gap;
	u32 turn = s->loop->answered_next - 1 - i;
	struct ww_answered *e = &s->loop->answered[turn & (WW_ANSWERED - 1)];
	if (e->at <= gap->from)
		return 1;
	struct ww_request *a = ww_subtask_at(e, turn);
	if (!a || e->ref == gap->parent)
		return 0;
	u64 start = a->account.start_ns, end = a->mark;
	if (start < gap->from || end > gap->to)
		return 0;
	bool told = a->context & WW_TASK_KEY;
	/*
	 * What answers requests is another one's, and what had begun before was not begun for it now. One that is to be
	 * forgotten when it ends (asyncio's documentation has it added to a set meanwhile) is nobody's.
	 */
	if (told && (a->apart || a->context <= gap->newest || ww_task_serving(s->loop, a->code)))
		return 0;
	/* It is the account of the Task that awaits what a thread of a pool did. Of one that is made for that, as by
	 * gather(), the Context is given back by now. */
	if (a->handed && (told || ww_user_word(a->context)))
		return 0;
	/*
	 * The loop does not sleep while anything can go on. So what the request began or ended to wait for then was
	 * not this if it slept between, but for a step that a timer resumed.
	 */
	u32 begun = a->begun_batch - gap->from_batch, ended = gap->to_batch - a->batch;
	bool begins = a->begun_slept < gap->from && begun <= WW_NEAR;
	bool ends = e->at > gap->slept && ended <= WW_NEAR;
	bool resumed = a->begun_slept == gap->from && begun <= 1;
	if (a->background ? !begins || !ends : !begins && !ends && !resumed)
		return 0;
	u32 rank = 1;
	if (begins)
		rank += ww_subtask_likely(begun);
	if (ends)
		rank += ww_subtask_likely(ended);
	/* A Context that was given back has no references: its first word. One with some may be another Task's by now.
	 */
	if (!told && !ww_user_word(a->context))
		rank += WW_ENDED;
	u64 front = start - gap->from, back = gap->to - end;
	u64 distance = front < back ? front : back;
	bool beside = start < gap->end && gap->start < end;
	if (beside)
		gap->unsure = 1;
	if (rank < gap->rank || (rank == gap->rank && distance >= gap->distance))
		return 0;
	if (!beside)
		gap->unsure = 0;
	gap->rank = rank;
	gap->distance = distance;
	gap->start = start;
	gap->end = end;
	gap->best = e->ref;
	gap->begins = begins;
	gap->ends = ends;
	return 0;
}

static long ww_subtask_look_back(u32 i, void *ctx)
{
	return ww_subtask_look(i, ctx);
}

WW_GLOBAL2(int, ww_subtask_look_plain, L, loop, N, i)
{
	struct ww_subtask_search s = {.loop = loop};
	return !loop || ww_subtask_look(i, &s);
}

/* The account that fits loop->gap best, as its `best`; 0: there is none. */
WW_GLOBAL1(int, ww_subtask_best, L, loop)
{
	struct ww_subtask_search s = {.loop = loop};
	if (!loop)
		return 0;
	loop->gap.best = 0;
	loop->gap.rank = 0;
	loop->gap.start = 0;
	loop->gap.end = 0;
	loop->gap.unsure = 0;
	if (!ww_without_loop) {
		bpf_loop(WW_ANSWERED, ww_subtask_look_back, &s, 0);
		return 0;
	}
	for (u32 i = 0; i < WW_ANSWERED; i++) {
		if (ww_subtask_look_plain(loop, i))
			break;
	}
	return 0;
}

struct ww_subtask_filling {
	struct ww_thread *thread;
	struct ww_request *request;
	struct ww_loop *loop;
};

/* Turns the links of a Context's accounts round, as far as they are younger than the request. */
static __always_inline long ww_subtask_turn(u32 i, void *ctx)
{
	struct ww_subtask_filling *at = ctx;
	struct ww_filling *f = &at->loop->filling;
	struct ww_request *a = ww_request_get(f->best);
	if (!a || !a->anonymous || a->outstanding || a->account.start_ns < at->request->opened)
		return 1;
	f->best = a->next;
	a->next = f->past;
	f->past = a->account.id;
	return 0;
}

/* One of the Tasks that the request made together with the best one, as gather() does: what it asked for is told. */
static long ww_subtask_sibling(u32 i, void *ctx)
{
	struct ww_subtask_search *s = ctx;
	struct ww_gap *gap = &s->loop->gap;
	u32 turn = s->loop->answered_next - 1 - i;
	struct ww_answered *e = &s->loop->answered[turn & (WW_ANSWERED - 1)];
	if (e->at <= gap->from)
		return 1;
	struct ww_request *a = ww_subtask_at(e, turn), *r = ww_request_get(gap->parent);
	if (!a || !r || a->background || e->ref == gap->best || e->ref == gap->parent)
		return 0;
	bool within = a->account.start_ns >= gap->from && a->mark <= gap->to;
	if (within && a->begun_slept < gap->from && a->begun_batch - gap->from_batch <= WW_NEAR)
		ww_traffic_adopted(r, a);
	return 0;
}

/*
 * An account fits the gap best. What it asked for is certainly the request's where the loop had no other request, and
 * so are the others that fit; or where it went on with a connection of the request's, as a pool does that takes one
 * back.
 */
static __always_inline void ww_subtask_found(struct ww_subtask_filling *at, struct ww_request *found)
{
	struct ww_subtask_search s = {.loop = at->loop};
	struct ww_request *r = at->request;
	bool unsure = at->loop->gap.unsure;
	if (unsure)
		found->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	if (!ww_loop_alone(at->thread, r, at->loop->gap.from))
		found->unsure = !found->heir_of || (found->heir_of != r->account.id && found->heir_of != r->absorbed);
	else if (unsure && ww_without_loop)
		found->unsure = 1;
	else if (unsure)
		bpf_loop(WW_ANSWERED, ww_subtask_sibling, &s, 0);
}

static __always_inline void ww_subtask_until(struct ww_gap *gap, const struct ww_request *a)
{
	gap->to = a->account.start_ns;
	gap->slept = a->begun_slept;
	gap->to_batch = a->begun_batch;
}

static __always_inline long ww_subtask_step(u32 i, void *ctx)
{
	struct ww_subtask_filling *at = ctx;
	struct ww_filling *f = &at->loop->filling;
	struct ww_request *r = at->request;
	struct ww_request *past = ww_request_get(f->past), *a = ww_request_get(f->best);
	struct ww_gap *gap = &at->loop->gap;
	gap->parent = r->account.id;
	gap->from = r->mark;
	gap->newest = r->newest;
	gap->from_batch = r->batch;
	if (a) {
		ww_subtask_until(gap, a);
	} else if (past) {
		ww_subtask_until(gap, past);
	} else {
		gap->to = f->end.at;
		gap->slept = f->end.slept;
		gap->to_batch = f->end.batch;
	}
	ww_subtask_best(at->loop);
	struct ww_request *found = ww_request_get(gap->best);
	if (found) {
		ww_subtask_found(at, found);
		f->best = gap->best;
		f->begins = gap->begins;
		f->ends = gap->ends;
		return 0;
	}
	f->best = 0;
	if (!a) {
		a = past;
		f->past = past ? past->next : 0;
		f->begins = 0;
		f->ends = 0;
	}
	if (!a)
		return 1;
	if (r->mark > a->account.start_ns)
		return 0;
	if (f->begins)
		r->state = WW_STATE_READY;
	ww_carrier_add(r, a, at->thread);
	if (f->ends)
		r->state = WW_STATE_READY;
	return 0;
}

static long ww_subtask_turn_back(u32 i, void *ctx)
{
	return ww_subtask_turn(i, ctx);
}

static long ww_subtask_step_back(u32 i, void *ctx)
{
	return ww_subtask_step(i, ctx);
}

WW_GLOBAL1(int, ww_subtask_turn_plain, R, r)
{
	struct ww_subtask_filling at = {.thread = NULL, .request = r, .loop = ww_loop_get(false)};
	return !r || !at.loop || ww_subtask_turn(0, &at);
}

WW_GLOBAL1(int, ww_subtask_step_plain, R, r)
{
	struct ww_subtask_filling at = {
		.thread = ww_thread_get(ww_current()), .request = r, .loop = ww_loop_get(false)};
	return !r || !at.thread || !at.loop || ww_subtask_step(0, &at);
}

/*
 * Fills the gap [r->mark, end) with what Tasks did that r's awaited, and with what its Context had done before it left
 * its account, `past`, for a new one.
 */
WW_GLOBAL3(int, ww_subtask_fill_gap, R, r, N, past, E, end)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!t || !r || !end)
		return 0;
	struct ww_subtask_filling at = {.thread = t, .request = r, .loop = ww_loop_get(false)};
	if (!at.loop)
		return 0;
	struct ww_filling *f = &at.loop->filling;
	f->best = past;
	f->past = 0;
	f->begins = 0;
	f->ends = 0;
	f->end = *end;
	if (!ww_without_loop) {
		if (past)
			bpf_loop(WW_CARRIERS, ww_subtask_turn_back, &at, 0);
		f->best = 0;
		bpf_loop(WW_SUBTASKS, ww_subtask_step_back, &at, 0);
		return 0;
	}
	for (u32 i = 0; past && i < WW_CARRIERS; i++) {
		if (ww_subtask_turn_plain(r))
			break;
	}
	f->best = 0;
	for (u32 i = 0; i < WW_SUBTASKS; i++) {
		if (ww_subtask_step_plain(r))
			break;
	}
	return 0;
}

static __always_inline bool ww_subtask_any(const struct ww_thread *t, const struct ww_request *r)
{
	return t->answered_at > r->mark;
}

/* The request shows a sign again, in the interval of its thread that began at `to`. */
static __always_inline void ww_subtask_fill(struct ww_thread *t, struct ww_request *r, u64 to)
{
	struct ww_end end = {.at = to, .slept = t->slept, .batch = t->batch};
	if (ww_subtask_any(t, r))
		ww_subtask_fill_gap(r, 0, &end);
}

/* The same for the gap in front of its Context's account. */
static __always_inline void ww_subtask_fill_before(struct ww_thread *t, struct ww_request *r,
						   const struct ww_request *a)
{
	struct ww_end end = {.at = a->account.start_ns, .slept = a->begun_slept, .batch = a->begun_batch};
	if (ww_subtask_any(t, r))
		ww_subtask_fill_gap(r, a->next, &end);
}

#endif
