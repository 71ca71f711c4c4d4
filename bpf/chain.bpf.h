/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounts by chains of promises (promise.bpf.h): each chain's root has one, or is a request's. */
#ifndef WHYWAIT_CHAIN_H
#define WHYWAIT_CHAIN_H

#include "account.bpf.h"
#include "loop.bpf.h"
#include "nobody.bpf.h"
#include "phase.bpf.h"
#include "promise.bpf.h"
#include "untold.bpf.h"

/* What answers is taken to be for two accounts at once, or for one of two: neither is sure, nor who has no account. */
static __always_inline void ww_promise_differs(struct ww_thread *t, struct ww_request *r, struct ww_request *known)
{
	ww_doubt(r);
	/* Nor is what each of them seems to wait for. */
	t->turn_chains = 1;
	if (known)
		ww_doubt(known);
	else
		t->root_lost = bpf_ktime_get_ns();
}

/*
 * The first step after a read is of a chain: the answer was for the same, or what asked was taken for another's step. A
 * chain without an account has that one. Whom a promise leads to may change: who awaits it may come to do so later.
 */
WW_GLOBAL1(int, ww_promise_links, T, t)
{
	struct ww_request *r = t ? ww_request_get(t->ref) : NULL;
	if (!t || !r || !r->answered)
		return 0;
	ww_ref *found = ww_promise_find(t->root);
	struct ww_request *known = found ? ww_request_get(*found) : NULL;
	struct ww_loop *loop = ww_loop_get(true);
	if (known == r || !loop)
		return 0;
	if (known) {
		/* A request may have asked for something itself, before its chain had an account. */
		if (r->anonymous || !known->anonymous || known->account.start_ns < r->account.start_ns)
			ww_promise_differs(t, r, known);
		return 0;
	}
	bool kept = r->promise || r->anonymous;
	if (r->promise && r->promise != t->root) {
		if (ww_promise_root(r->promise) != t->root) {
			ww_promise_differs(t, r, NULL);
			return 0;
		}
		ww_promise_unkeyed(r);
	} else if (ww_untold_waits(t, r)) {
		/* Or it is a step of one that waits for what no socket tells. */
		if (!r->anonymous)
			return 0;
		ww_doubt(r);
	}
	if (!kept)
		ww_carrier_keep(t, loop, r->account.id);
	if (ww_promise_keep(t->root, r->account.id))
		r->promise = t->root;
	else
		ww_doubt(r);
	return 0;
}

/* A promise that nobody waited for had an account, and is waited for now: that is its root's, or one of two. */
WW_GLOBAL3(int, ww_promise_leads, T, t, N, own, N, root)
{
	if (!t)
		return 0;
	ww_ref *found = ww_promise_find(own);
	struct ww_request *r = found ? ww_request_get(*found) : NULL;
	if (!r || r->promise != own)
		return 0;
	found = ww_promise_find(root);
	struct ww_request *known = found ? ww_request_get(*found) : NULL;
	if (known) {
		ww_promise_differs(t, r, known);
		return 0;
	}
	ww_promise_unkeyed(r);
	if (ww_promise_keep(root, r->account.id))
		r->promise = root;
	else
		ww_promise_differs(t, r, NULL);
	return 0;
}

/*
 * Steps of several chains follow on one another. When these have begun by one event, as a read of answers to several,
 * or a promise that several await, what their callbacks do is done in between, by nobody's step: then that is not told.
 */
static __always_inline void ww_promise_mixes(struct ww_thread *t, u64 root, u64 phase, u64 now)
{
	if (phase != t->root_phase || t->slept > t->root_at) {
		t->root_first = 0;
		t->roots_mixed = 0;
	}
	/* Steps of generators are not told, and may be of any of them. */
	if (root && t->root_first && root != t->root_last && (t->several || root == t->root_first))
		t->roots_mixed = 1;
	if (root) {
		t->root_first = t->root_first ?: root;
		t->root_last = root;
	}
	t->root = root;
	t->root_phase = phase;
	t->root_at = now;
}

/* Whether it is known for which chain of promises the thread works. */
static __always_inline bool ww_promise_told(const struct ww_thread *t)
{
	return ww_promises_on && t->root && t->slept <= t->root_at && ww_user_word(t->phase_at) == t->root_phase;
}

/* The account of the chain of promises that the thread works for, in Node; 0: that is not known. */
WW_GLOBAL1(u64, ww_carrier_of_promise, T, t)
{
	if (!t || !ww_promise_told(t))
		return 0;
	ww_ref *known = ww_promise_find(t->root);
	struct ww_request *r = known ? ww_request_get(*known) : NULL;
	if (r)
		return r->account.id;
	struct ww_request *before = ww_request_get(t->ref);
	if (before && ww_owns(before, t->tid) && before->mark != t->start) {
		/* That was charged for a part of the interval already. */
		struct ww_cause nothing = {.kind = WW_KIND_OTHER};
		u64 now = bpf_ktime_get_ns();
		ww_interval_ran(t, now);
		ww_interval_reset(t, now);
		ww_detach(t, before, nothing);
		ww_interval_reset(t, now);
		t->ref = 0;
	}
	r = ww_carrier_begin(t);
	if (!r)
		return 0;
	/* A request that was read in this turn may look as if it waited for nothing, while this one does so for it. */
	ww_turn_now(t);
	t->turn_chains = 1;
	bool kept = ww_promise_keep(t->root, r->account.id);
	r->promise = kept ? t->root : 0;
	/* It had one, which had to make room: what that asked for is lost. Or what it asks for next will be. */
	if (known || !kept)
		ww_doubt(r);
	return r->account.id;
}

/*
 * The first step after the read of an answer whose account has ended: what had asked for it was taken for another
 * chain's, which was answered meanwhile. Who goes on by it lacks that.
 */
WW_GLOBAL1(int, ww_promise_owed, T, t)
{
	if (!t)
		return 0;
	struct ww_request *r = t->several ? NULL : ww_request_get(ww_carrier_of_promise(t));
	if (r)
		ww_doubt(r);
	else
		t->root_lost = bpf_ktime_get_ns();
	return 0;
}

/* The thread continues an async function, by a closure in that context. */
WW_GLOBAL2(int, ww_promise_steps, T, t, N, context)
{
	struct ww_v8 *v8 = ww_v8_of();
	u64 generator, now = bpf_ktime_get_ns();
	if (!t || !v8)
		return 0;
	bool read = ww_v8_read(context, WW_V8_SLOT, &generator);
	u32 known = read ? ww_v8_is(v8, generator, v8->generator, &v8->generator_map) : WW_V8_UNREAD;
	u64 own = known == WW_V8_IS ? ww_v8_word(generator, WW_V8_GENERATOR) : 0, root = own ? ww_promise_root(own) : 0;
	if (known == WW_V8_UNREAD || (known && !own) || root == WW_PROMISE_UNREAD) {
		/* Whose step it is could have been told, and what it asks for may be taken for another's. */
		ww_count(WW_COUNT_PROMISE_LOST);
		t->root_lost = now;
		root = 0;
	}
	if (root && root != own)
		ww_promise_leads(t, own, root);
	ww_promise_mixes(t, root, ww_user_word(t->phase_at), now);
	/* What it goes on for after a sleep is no answer that it has read before. */
	if (t->steps++ || t->root_phase != t->phase_read || t->slept > t->turn_read)
		return 0;
	if (root)
		ww_promise_links(t);
	if (t->orphan)
		ww_promise_owed(t);
	return 0;
}

/*
 * The thread answers `r`: the account of the chain of promises that does, if it has one of its own; 0: it has none. The
 * same may have been taken to be another request's.
 */
WW_GLOBAL2(u64, ww_carrier_by_promise, T, t, R, r)
{
	if (!t || !r)
		return 0;
	if (t->roots_mixed) {
		ww_doubt(r);
		return 0;
	}
	bool had = r->promise, kept = had && ww_promise_unkeyed(r);
	ww_ref *known = ww_promise_find(t->root);
	struct ww_request *a = known ? ww_request_get(*known) : NULL;
	/* It had one, which had to make room. */
	if ((known && !a) || (had && !kept))
		ww_doubt(r);
	if (known)
		ww_promise_forget(t->root);
	if (!a || a == r)
		return 0;
	if (!a->anonymous) {
		ww_doubt(a);
		ww_doubt(r);
		return 0;
	}
	a->promise = 0;
	if (a->account.start_ns >= r->account.start_ns)
		return a->account.id;
	ww_doubt(r);
	return 0;
}

static __always_inline long ww_promise_follow(struct ww_thread *t, struct ww_loop *loop, u32 i)
{
	barrier_var(i);
	struct ww_request *r = ww_request_get(i < WW_CARRIERS ? loop->carriers[i] : 0);
	if (!r || !r->promise)
		return 0;
	u64 moved = ww_promise_moved(r->promise);
	if (moved == r->promise)
		return 0;
	bool kept = ww_promise_unkeyed(r), lost = moved == WW_PROMISE_UNKNOWN || !kept;
	if (lost)
		ww_count(WW_COUNT_PROMISE_LOST);
	else if (moved && ww_promise_keep(moved, r->account.id))
		r->promise = moved;
	else
		lost = moved;
	if (!lost)
		return 0;
	/* Whose it was is not told any more: a request that is there now may lack it. */
	if (r->anonymous && r->account.start_ns > t->root_lost)
		t->root_lost = r->account.start_ns;
	return 0;
}

struct ww_promise_following {
	struct ww_thread *thread;
	struct ww_loop *loop;
};

static long ww_promise_follow_back(u32 i, void *ctx)
{
	struct ww_promise_following *f = ctx;
	return ww_promise_follow(f->thread, f->loop, i);
}

WW_GLOBAL3(int, ww_promise_follow_plain, T, t, L, loop, N, i)
{
	return t && loop ? ww_promise_follow(t, loop, i) : 0;
}

/* The thread has collected garbage: promises of its are in other places. */
WW_GLOBAL1(int, ww_promises_follow, T, t)
{
	struct ww_loop *loop = t && t->phase_at ? ww_loop_get(false) : NULL;
	if (!t || !loop)
		return 0;
	u64 root = t->root ? ww_promise_moved(t->root) : 0;
	t->root = root == WW_PROMISE_UNKNOWN ? 0 : root;
	u64 first = t->root_first ? ww_promise_moved(t->root_first) : 0;
	u64 last = t->root_last ? ww_promise_moved(t->root_last) : 0;
	/* Where it is not known whether they were the same chain, they may have been two. */
	if (first == WW_PROMISE_UNKNOWN || last == WW_PROMISE_UNKNOWN)
		t->roots_mixed = 1;
	t->root_first = first;
	t->root_last = last;
	if (!ww_without_loop) {
		struct ww_promise_following following = {.thread = t, .loop = loop};
		bpf_loop(WW_CARRIERS, ww_promise_follow_back, &following, 0);
		return 0;
	}
	for (u32 i = 0; i < WW_CARRIERS; i++)
		ww_promise_follow_plain(t, loop, i);
	return 0;
}

#endif
