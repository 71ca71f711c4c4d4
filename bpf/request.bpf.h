/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A request's place in the table, from its first byte to the record that is sent of it.
 */
#ifndef WHYWAIT_REQUEST_H
#define WHYWAIT_REQUEST_H

#include "allocation.bpf.h"
#include "claim.bpf.h"
#include "weigh.bpf.h"

/* A new request whose first byte arrived at `arrival`. NULL when the table is full: the caller counts what that loses.
 */
static __always_inline struct ww_request *ww_request_open(u64 arrival)
{
	u32 slot = 0;
	u32 *freed = ww_by_hand ? NULL : bpf_map_lookup_elem(&ww_freed_slot, &slot);
	if (freed && *freed)
		slot = __sync_lock_test_and_set(freed, 0);
	if (slot)
		slot--;
	else if (bpf_map_pop_elem(&ww_free_slots, &slot))
		return NULL;
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	if (!r)
		return NULL;
	u64 id = ((r->account.id >> 16) + 1) << 16 | slot;
	struct ww_account *a = &r->account;
	/* Nothing of who had the slot before; of arrays their lengths. */
	__builtin_memset(a, 0, offsetof(struct ww_account, details));
	__builtin_memset(&a->tgid, 0, offsetof(struct ww_account, target) - offsetof(struct ww_account, tgid));
	__builtin_memset(r, 0, offsetof(struct ww_request, account));
	__builtin_memset(&r->answered, 0, offsetof(struct ww_request, sights) - offsetof(struct ww_request, answered));
	r->sent.end_ns = 0;
	r->line.len = 0;
	r->line.truncated = 0;
	a->version = WW_ABI_VERSION;
	a->id = id;
	a->start_ns = arrival;
	if (ww_stacks_on)
		ww_stack_choose(r);
	if (ww_allocations_on)
		ww_allocations_begin(r);
	r->mark = arrival;
	r->drawn = arrival;
	r->hint.kind = WW_KIND_OTHER;
	r->opened = ~0ull; /* before it shows, or a sweep could take it for an orphan */
	r->state = WW_STATE_READY;
	r->live = 1;
	if (ww_by_hand && !ww_claim_add(slot)) {
		r->live = 0;
		bpf_map_push_elem(&ww_free_slots, &slot, BPF_ANY);
		return NULL;
	}
	return r;
}

/*
 * Whether the caller is to end the request. Hooks on two CPUs may both come to its end (a last send, and the
 * close that another thread does meanwhile); the slot must be given back once.
 */
static __always_inline bool ww_request_claim(struct ww_request *r)
{
	if (!ww_by_hand)
		return __sync_lock_test_and_set(&r->live, 0);
	r->live = 0;
	return ww_claim_take(WW_SLOT(r->account.id));
}

/* Gives the slot of a claimed request back; the reference is dead from here on. */
static __always_inline void ww_request_release(struct ww_request *r)
{
	u32 slot = WW_SLOT(r->account.id), zero = 0;
	u32 *freed = ww_by_hand ? NULL : bpf_map_lookup_elem(&ww_freed_slot, &zero);
	/* Also against a program that runs in between on this CPU. */
	if (freed && !*freed && !__sync_val_compare_and_swap(freed, 0, slot + 1))
		return;
	if (bpf_map_push_elem(&ww_free_slots, &slot, BPF_ANY))
		ww_count(WW_COUNT_SLOT_LOST);
}

static __always_inline void ww_request_free(struct ww_request *r)
{
	if (ww_request_claim(r))
		ww_request_release(r);
}

/* The thread takes no messages any more: of one that it works on, the end is not seen. The sweep sees to that. */
static __always_inline void ww_takes_no_more(struct ww_thread *t)
{
	struct ww_request *r = ww_queues_on && t->takes ? ww_request_get(t->unit) : NULL;
	if (r && r->message) {
		r->account.flags |= WW_FLAG_ABORTED;
		r->opened = 0;
		t->unit = 0;
	}
	t->takes = 0;
}

/* Whether a finished request's time line is worth sending. */
static __always_inline bool ww_wants_line(const struct ww_request *r, u64 wall)
{
	if (wall >= ww_segments_over_ns)
		return true;
	u32 one_in = ww_segments_one_in;
	return one_in && (r->account.id >> 16) % one_in == 0;
}

/* Sends the account, charged up to its end, and frees the slot. */
WW_GLOBAL1(int, ww_request_close, R, r)
{
	if (!r || !ww_request_claim(r))
		return 0;
	struct ww_account *a = &r->account;
	a->end_ns = r->mark;
	if (ww_allocations_on)
		ww_allocations_end(r);
	if (ww_wants_line(r, a->end_ns - a->start_ns)) {
		r->line.id = a->id;
		u64 size = offsetof(struct ww_segments, segments) + r->line.len * sizeof(struct ww_segment);
		if (size > sizeof(struct ww_segments))
			size = sizeof(struct ww_segments);
		if (bpf_ringbuf_output(&ww_details, &r->line, size, BPF_RB_NO_WAKEUP))
			ww_count(WW_COUNT_DETAIL_RING_FULL);
		else
			a->flags |= WW_FLAG_SEGMENTS;
	}
	u64 len = a->target_len;
	if (len > WW_TARGET_MAX)
		len = WW_TARGET_MAX;
	u64 size = offsetof(struct ww_account, target) + len;
	a->size = size;
	/* The reader comes on its own; only a ring that fills faster than that wakes it. */
	u64 wake = BPF_RB_NO_WAKEUP;
	if ((a->id >> 16) % 64 == 0 && bpf_ringbuf_query(&ww_accounts, BPF_RB_AVAIL_DATA) >= ww_account_wakeup)
		wake = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&ww_accounts, a, size, wake))
		ww_count(WW_COUNT_ACCOUNT_RING_FULL);
	ww_request_release(r);
	return 0;
}

/* Notes how the account stands at a send of a response whose end is not known in advance. */
WW_GLOBAL1(int, ww_snapshot_take, R, r)
{
	if (!r)
		return 0;
	struct ww_snapshot *s = &r->sent;
	s->end_ns = r->mark;
	s->cpu_ns = r->account.cpu_ns;
	if (ww_allocations_on)
		s->allocations = r->account.allocations;
	__builtin_memcpy(s->kinds_ns, r->account.kinds_ns, sizeof(s->kinds_ns));
	__builtin_memcpy(s->details, r->account.details, sizeof(s->details));
	s->details_len = r->account.details_len;
	__builtin_memcpy(s->holders, r->account.holders, sizeof(s->holders));
	s->holders_len = r->account.holders_len;
	s->attribution = r->account.attribution;
	u32 n = r->line.len, newest = n - 1;
	barrier_var(newest);
	s->line_len = n;
	s->line_truncated = r->line.truncated;
	s->line_newest_ns = newest < WW_SEGMENTS ? r->line.segments[newest].duration_ns : 0;
	return 0;
}

/* Takes the account back to how it stood at the last send. */
WW_GLOBAL1(int, ww_snapshot_restore, R, r)
{
	if (!r)
		return 0;
	struct ww_snapshot *s = &r->sent;
	r->mark = s->end_ns;
	r->account.cpu_ns = s->cpu_ns;
	if (ww_allocations_on)
		r->account.allocations = s->allocations;
	__builtin_memcpy(r->account.kinds_ns, s->kinds_ns, sizeof(s->kinds_ns));
	__builtin_memcpy(r->account.details, s->details, sizeof(s->details));
	r->account.details_len = s->details_len;
	__builtin_memcpy(r->account.holders, s->holders, sizeof(s->holders));
	r->account.holders_len = s->holders_len;
	r->account.attribution = s->attribution;
	u32 n = s->line_len, newest = n - 1;
	barrier_var(newest);
	r->line.len = n;
	r->line.truncated = s->line_truncated;
	if (newest < WW_SEGMENTS)
		r->line.segments[newest].duration_ns = s->line_newest_ns;
	return 0;
}

#endif
