/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounts of a loop's for nobody that is known yet: how they begin, are kept, so many at a time, and found again. */
#ifndef WHYWAIT_NOBODY_H
#define WHYWAIT_NOBODY_H

#include "request.bpf.h"

static __always_inline ww_ref *ww_promise_find(u64 promise)
{
	struct ww_promise_key key = {.promise = promise, .program = ww_program()};
	return bpf_map_lookup_elem(&ww_promises, &key);
}

/* The chain that ends there has that account; false: that is not kept. */
static __always_inline bool ww_promise_keep(u64 promise, ww_ref ref)
{
	struct ww_promise_key key = {.promise = promise, .program = ww_program()};
	if (!bpf_map_update_elem(&ww_promises, &key, &ref, BPF_ANY))
		return true;
	ww_count(WW_COUNT_PROMISE_LOST);
	return false;
}

static __always_inline void ww_promise_forget(u64 promise)
{
	struct ww_promise_key key = {.promise = promise, .program = ww_program()};
	bpf_map_delete_elem(&ww_promises, &key);
}

static __always_inline bool ww_promise_keyed(const struct ww_request *r)
{
	ww_ref *known = ww_promise_find(r->promise);
	return known && *known == r->account.id;
}

/*
 * What its promise is is not followed any more: another one may come to lie there. False: it was not, as it had to make
 * room for others, and what was asked for since in the same chain is in another account.
 */
WW_GLOBAL1(int, ww_promise_unkeyed, R, r)
{
	bool kept = r && ww_promise_keyed(r);
	if (kept)
		ww_promise_forget(r->promise);
	if (r)
		r->promise = 0;
	return kept;
}

/* Background work never meets a request: the oldest account of the loop is given up for the newest. */
static __always_inline void ww_carrier_keep(struct ww_thread *t, struct ww_loop *loop, ww_ref ref)
{
	u32 at = loop->carriers_next;
	barrier_var(at);
	if (at >= WW_CARRIERS)
		at = 0;
	loop->carriers_next = at + 1;
	struct ww_request *oldest = ww_request_get(loop->carriers[at]);
	if (oldest && oldest->anonymous) {
		ww_count(WW_COUNT_CARRIER_FORGOTTEN);
		/* Its key stays: whoever comes to look for the account learns that there was one. */
		if (ww_promises_on && oldest->promise && !ww_promise_keyed(oldest)) {
			ww_count(WW_COUNT_PROMISE_LOST);
			if (oldest->account.start_ns > t->root_lost)
				t->root_lost = oldest->account.start_ns;
		}
		ww_request_free(oldest);
	} else if (ww_promises_on && oldest && oldest->promise) {
		ww_count(WW_COUNT_PROMISE_LOST);
		ww_promise_unkeyed(oldest);
	}
	loop->carriers[at] = ref;
}

/* Begins an anonymous account at the start of the thread's interval, in which its work began. */
static __noinline struct ww_request *ww_carrier_begin(struct ww_thread *t)
{
	struct ww_loop *loop = ww_loop_get(true);
	struct ww_request *a = loop ? ww_request_open(t->start) : NULL;
	if (!a) {
		ww_count(loop ? WW_COUNT_CARRIER_TABLE_FULL : WW_COUNT_TASK_STORAGE_FAILED);
		return NULL;
	}
	a->anonymous = 1;
	a->state = WW_STATE_WAIT;
	a->begun_batch = t->batch;
	a->begun_slept = t->slept;
	a->batch = t->batch;
	a->newest = t->newest;
	ww_carrier_keep(t, loop, a->account.id);
	return a;
}

/* That it is the account of a chain is not kept: what that asks for next is taken for another's. */
WW_GLOBAL1(int, ww_carrier_unknown, N, ref)
{
	struct ww_request *r = ww_request_get(ref);
	ww_count(WW_COUNT_CARRIER_FORGOTTEN);
	if (r)
		ww_doubt(r);
	return 0;
}

static __always_inline void ww_carrier_know(struct ww_carrier *known, const struct ww_carrier_key *key, ww_ref ref)
{
	struct ww_carrier carrier = {.ref = ref};
	if (known)
		known->ref = ref;
	else if (bpf_map_update_elem(&ww_carriers, key, &carrier, BPF_ANY))
		ww_carrier_unknown(ref);
}

/* The account if it is none of a request that answers. */
static __always_inline struct ww_request *ww_carrier_own(ww_ref ref)
{
	struct ww_request *a = ww_request_get(ref);
	return a && a->anonymous ? a : NULL;
}

static __always_inline ww_ref ww_carrier_ref(const struct ww_request *r)
{
	return r ? r->account.id : 0;
}

#endif
