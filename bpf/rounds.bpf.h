/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rounds of an event loop: what it reads is continued later in the round (Node), or some rounds after (asyncio).
 */
#ifndef WHYWAIT_ROUNDS_H
#define WHYWAIT_ROUNDS_H

#include "awaiter.bpf.h"
#include "charge.bpf.h"
#include "uvserver.bpf.h"

/* What ends a gap, as the touching side knows it. */
struct ww_touch {
	u64 ready; /* when the bytes that are read now arrived; 0: not known, or a send */
	union {
		struct {
			u8 kind;    /* what waiting for this socket is: DB, NET, CLIENT, IPC */
			u8 type;    /* enum ww_detail_type */
			u8 receive; /* bytes were received, not sent */
			u8 blocked; /* the thread, or the send before, was blocked on this very socket */
			u32 value;
		};
		u64 what; /* all of it */
	};
};

/*
 * A step of the request has run by `now`, and touched no socket: from then on it waits for a timer, or for something
 * inside of the process. It is charged later, as the step may turn out to have had an account of its own
 * (carrier.bpf.h).
 */
static __always_inline void ww_loop_continued(ww_ref ref, const struct ww_cause *hint, u64 now)
{
	struct ww_request *r = ww_request_get(ref);
	if (!r || r->state != WW_STATE_READY || !r->unread)
		return;
	r->queued = now;
	r->state = WW_STATE_WAIT;
	r->hint = *hint;
	ww_infer(r);
}

#define WW_ROUND_LAST	 ~0u
#define WW_NESTED_ROUNDS 2 /* between the step of a Task and that of one that it makes and awaits */

/* Read anew each time: the stack has no room for one more word. */
static __always_inline u32 ww_version_of(const struct ww_thread *t)
{
	return *(const volatile u8 *)&t->version;
}

/*
 * Whether the Task that has done something for it last is not in the midst of a wait: it has come to its end, and is to
 * wake who awaits it, or what it waited for is there.
 */
static __always_inline bool ww_task_runs(const struct ww_request *r, u32 grace, const struct ww_thread *t)
{
	if (!r || !r->leaf)
		return false;
	u64 task = r->leaf;
	if (ww_task_print(task, ww_version_of(t)) != r->leaf_print) {
		/* The one that has awaited it may have made another one, which has not begun yet. */
		if (grace < WW_NESTED_ROUNDS)
			return true;
		task = r->root_task;
		if (ww_task_print(task, ww_version_of(t)) != r->root_print)
			return false;
	}
	if ((u32)ww_user_word(task + ww_python_offsets(ww_version_of(t))->future_state))
		return true;
	u64 waits = ww_task_word(task, 0, ww_version_of(t));
	return !waits || (u32)ww_user_word(waits + ww_python_offsets(ww_version_of(t))->future_state);
}

struct ww_continued {
	struct ww_thread *thread;
	struct ww_cause hint;
	u64 at;
	u32 round;
	u32 kept;
};

static __always_inline long ww_loop_continue_step(u32 i, void *ctx)
{
	struct ww_continued *c = ctx;
	struct ww_thread *t = c->thread;
	if (i >= t->pending_len)
		return 1;
	struct ww_pending p = t->pending[i & (WW_PENDING - 1)];
	bool due = p.round <= c->round;
	if (due && c->round != WW_ROUND_LAST && ww_task_runs(ww_request_get(p.ref), p.grace, t)) {
		p.round = c->round + 1;
		p.grace++;
		due = false;
	}
	if (due)
		ww_loop_continued(p.ref, &c->hint, c->at);
	/* Where a send does not tell whose it is, it is looked for among all. */
	if (!due || (t->shared && ww_request_get(p.ref)))
		t->pending[c->kept++ & (WW_PENDING - 1)] = p;
	return 0;
}

static long ww_loop_continue_step_back(u32 i, void *ctx)
{
	return ww_loop_continue_step(i, ctx);
}

WW_GLOBAL2(int, ww_loop_continue_plain, T, t, N, i)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_CONTINUED);
	struct ww_continued c;
	if (!t || !cell)
		return 1;
	ww_cell_take(cell, c);
	c.thread = t;
	long last = ww_loop_continue_step(i, &c);
	ww_cell_put(cell, c);
	return last;
}

/* The steps that were due up to `round` have run by `at`. A callback: the verifier would follow a loop's every turn. */
static __always_inline void ww_loop_continue(struct ww_thread *t, const struct ww_cause *hint, u64 at, u32 round)
{
	struct ww_continued c = {.thread = t, .hint = *hint, .at = at, .round = round};
	if (ww_without_loop)
		WW_TURNS(WW_CELL_CONTINUED, c, WW_PENDING, ww_loop_continue_plain(t, turn_));
	else
		bpf_loop(WW_PENDING, ww_loop_continue_step_back, &c, 0);
	t->pending_len = c.kept;
}

/* The thread reads the beginning of a request. */
static __always_inline void ww_loop_serves(struct ww_thread *t, ww_ref ref)
{
	if (!t->served_len && t->python_tries < WW_PYTHON_TRIES)
		ww_python_find(t);
	u32 at = t->served_len++ & (WW_SERVED - 1);
	if (ww_request_get(t->served[at]))
		t->crowd = t->served[at];
	t->served[at] = ref;
	if (t->uvloop)
		ww_uvloop_opens(ref);
}

/* Whether the thread has had no other request than `r`, or than the one that the anonymous `r` is for, since then. */
WW_GLOBAL3(int, ww_loop_alone, T, t, R, r, N, since)
{
	if (!t || !r)
		return 0;
	if (t->ended_at > since || ww_request_get(t->crowd))
		return false;
	u32 others = 0;
	for (u32 i = 0; i < WW_SERVED; i++)
		others += t->served[i] != r->account.id && ww_request_get(t->served[i]);
	return others <= r->anonymous;
}

static __always_inline void ww_loop_round(struct ww_thread *t)
{
	t->round++;
	t->round_at[1] = t->round_at[0];
	t->round_at[0] = t->start;
}

/*
 * Loops that run what follows from a read at once (Node's) read each connection once a round: a connection that comes
 * again, others having come between, begins a new one.
 */
static __always_inline void ww_loop_read(struct ww_thread *t, struct ww_conn *conn)
{
	t->root = 0;
	t->root_first = 0;
	t->roots_mixed = 0;
	t->steps = 0;
	t->orphan = 0;
	if (!t->loop || t->python || t->read_from == (u64)conn)
		return;
	if (conn->round == t->round + 1)
		ww_loop_round(t);
	conn->round = t->round + 1;
	t->read_from = (u64)conn;
}

/*
 * A round of asyncio's loop runs the steps of what the round before has read, then reads. So a read after a send begins
 * the next round's reads. An upstream's answer is continued in the next round; a request in the one after that, as the
 * task for it is only made in the next. One round more is allowed for, since libraries put tasks of their own between.
 */
WW_GLOBAL4(int, ww_loop_step, T, t, R, r, W, touch, N, now)
{
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};
	if (!t || !r || !touch)
		return 0;
	if (!touch->receive) {
		t->sent = 1;
		return 0;
	}
	/* One epoll_wait() returns all that has arrived before: what arrived after the batch's first read is of
	 * another. */
	if (t->sent || touch->ready > t->batch_at) {
		t->batch++;
		t->batch_at = now;
	}
	if (t->sent) {
		t->sent = 0;
		ww_loop_round(t);
		ww_loop_continue(t, &nothing, t->start, t->round);
	}
	u32 n = t->pending_len;
	if (n >= WW_PENDING)
		return 0; /* stays in the queue until it is seen again */
	if (t->shared && r->listed)
		return 0;
	r->listed = t->shared;
	t->pending[n].ref = r->account.id;
	t->pending[n].round = t->round + (touch->kind == WW_KIND_CLIENT ? 3 + (t->nested ? WW_NESTED_ROUNDS : 0) : 2);
	t->pending[n].grace = 0;
	t->pending_len = n + 1;
	return 0;
}

/* An event loop goes to sleep: all that it has read was continued by now, with or without a socket's touch. */
WW_GLOBAL3(int, ww_loop_sleeps, T, t, H, hint, N, now)
{
	if (!t || !hint)
		return 0;
	ww_loop_continue(t, hint, now, WW_ROUND_LAST);
	t->sent = 0;
	return 0;
}

#endif
