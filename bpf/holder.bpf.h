/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is kept of who ended the waits for locks of a thread's interval, and of a request: those that took longest. */
#ifndef WHYWAIT_HOLDER_H
#define WHYWAIT_HOLDER_H

#include "global.bpf.h"

static __always_inline bool ww_holder_is(const struct ww_holder *h, u32 type, const union ww_who *who)
{
	return h->type == type && h->who.words[0] == who->words[0] && h->who.words[1] == who->words[1];
}

/* Where there is no room, the least of them goes: what it took has no name then. */
static __always_inline void ww_holders_add(struct ww_holder *holders, u8 *len, u32 most, u32 type,
					   const union ww_who *who, u64 ns, u32 count)
{
	struct ww_holder *least = holders;
#pragma unroll
	for (u32 i = 0; i < most; i++) {
		struct ww_holder *h = &holders[i];
		if (i < *len && ww_holder_is(h, type, who)) {
			h->ns += ns;
			h->count += count;
			return;
		}
		if (i >= *len) {
			*len = i + 1;
			h->ns = 0;
			least = h;
			break;
		}
		if (h->ns < least->ns)
			least = h;
	}
	if (least->ns >= ns)
		return;
	least->ns = ns;
	least->count = count;
	least->type = type;
	least->who = *who;
}

/*
 * The thread's wait for a lock, from its mark on, is charged up to `to`: of the time before the first one that is known
 * to have had it then, that one is taken to have had it, too. As a wait it counts for who made most of it.
 */
static __noinline void ww_interval_held(struct ww_thread *t, u64 to)
{
	u64 ns[WW_TENURES], end = to, longest = 0;
	u32 most = 0;
#pragma unroll
	for (u32 i = 0; i < WW_TENURES; i++) {
		ns[i] = 0;
		barrier_var(ns[i]); /* or each way through would be another for the verifier */
	}
#pragma unroll
	for (u32 i = 0; i < WW_TENURES; i++) {
		u64 from = t->tenures[i].from;
		if (i >= t->tenures_len)
			break;
		if (from < t->mark || i + 1 == t->tenures_len)
			from = t->mark;
		if (from >= end)
			continue;
		ns[i] = end - from;
		end = from;
		most = ns[i] > longest ? i : most;
		longest = ns[i] > longest ? ns[i] : longest;
		barrier_var(most);
	}
#pragma unroll
	for (u32 i = 0; i < WW_TENURES; i++) {
		struct ww_tenure *tenure = &t->tenures[i];
		if (ns[i] && tenure->type)
			ww_holders_add(t->holders, &t->holders_len, WW_THREAD_HOLDERS, tenure->type, &tenure->who,
				       ns[i], i == most);
	}
}

/* Adds those of the thread's interval. */
WW_GLOBAL2(int, ww_request_held, R, r, T, t)
{
	if (!r || !t)
		return 0;
#pragma unroll
	for (u32 i = 0; i < WW_THREAD_HOLDERS; i++) {
		struct ww_holder *h = &t->holders[i];
		if (i < t->holders_len)
			ww_holders_add(r->account.holders, &r->account.holders_len, WW_HOLDERS, h->type, &h->who, h->ns,
				       h->count);
	}
	return 0;
}

#endif
