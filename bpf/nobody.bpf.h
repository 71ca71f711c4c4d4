/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounts of a loop's for nobody that is known yet: how they begin, are kept, so many at a time, and found again. */
#ifndef WHYWAIT_NOBODY_H
#define WHYWAIT_NOBODY_H

#include "request.bpf.h"

/* What its promise is is not followed any more: another one may come to lie there. */
static __always_inline void ww_carrier_unkeyed(struct ww_request *r)
{
	struct ww_carrier_key key = {.context = r->promise, .program = ww_program()};
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	if (known && known->ref == r->account.id)
		bpf_map_delete_elem(&ww_carriers, &key);
	r->promise = 0;
}

/* Background work never meets a request: the oldest account of the loop is given up for the newest. */
static __always_inline void ww_carrier_keep(struct ww_loop *loop, ww_ref ref)
{
	u32 at = loop->carriers_next;
	barrier_var(at);
	if (at >= WW_CARRIERS)
		at = 0;
	loop->carriers_next = at + 1;
	struct ww_request *oldest = ww_request_get(loop->carriers[at]);
	if (oldest && oldest->anonymous) {
		ww_count(WW_COUNT_CARRIER_FORGOTTEN);
		ww_request_free(oldest);
	} else if (ww_promises_on && oldest && oldest->promise) {
		ww_count(WW_COUNT_PROMISE_LOST);
		ww_carrier_unkeyed(oldest);
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
	a->context = 0;
	a->code = 0;
	a->task = 0;
	a->apart = 0;
	a->newest = t->newest;
	a->background = 0;
	a->unsure = 0;
	a->heir_of = 0;
	ww_carrier_keep(loop, a->account.id);
	return a;
}

static __always_inline void ww_carrier_know(struct ww_carrier *known, const struct ww_carrier_key *key, ww_ref ref)
{
	struct ww_carrier carrier = {.ref = ref};
	if (known)
		known->ref = ref;
	else if (bpf_map_update_elem(&ww_carriers, key, &carrier, BPF_ANY))
		ww_count(WW_COUNT_CARRIER_FORGOTTEN);
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
