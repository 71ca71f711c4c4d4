/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stacks weigh: of a request whose stacks are taken, every stretch of time that is charged to it is sent as it is
 * charged, with the stack that it belongs to. Nothing of this is there unless stacks are asked for.
 */
#ifndef WHYWAIT_WEIGH_H
#define WHYWAIT_WEIGH_H

#include "global.bpf.h"

/* Set before loading. */
const volatile bool ww_stacks_on __weak = false;
const volatile __u32 ww_stack_period_ns __weak = 0; /* between two samples of what runs */

/* So many requests share the stacks of one; user space sets it anew as it goes. */
__u32 ww_stacks_one_in __weak = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ww_stacks SEC(".maps") __weak;

/* In place of a thread's stack: it runs, and the clock looks at it. */
#define WW_STACK_RUNS (~0ull)

static __always_inline u64 ww_kind_type(u8 kind, u8 type)
{
	return kind | (u64)type << 8;
}

/*
 * Whether a new request's stacks are taken. By chance, and not each n-th: requests of different kinds may come by
 * turns.
 */
static __always_inline void ww_stack_choose(struct ww_request *r)
{
	u32 one_in = ww_stacks_one_in;
	if (one_in && one_in <= 0xffff && bpf_get_prandom_u32() % one_in == 0)
		r->account.stacks_one_in = one_in;
}

/* Room in the ring, since the stack has none: the ways that lead here are long ones. NULL: it is full. */
static __always_inline struct ww_stack_weight *ww_weigh_begin(u8 type)
{
	struct ww_stack_weight *w = bpf_ringbuf_reserve(&ww_stacks, sizeof(*w), 0);
	if (!w) {
		ww_count(WW_COUNT_STACK_RING_FULL);
		return NULL;
	}
	__builtin_memset(w, 0, sizeof(*w));
	w->size = sizeof(*w);
	w->type = type;
	return w;
}

/*
 * A function of its own, so that the object's types have the record's. `w` is not NULL: a check here would be a way
 * without a submit to verifiers (6.1) that don't take records of the ring for certain.
 */
static __noinline int ww_weigh_end(struct ww_stack_weight *w)
{
	bpf_ringbuf_submit(w, BPF_RB_NO_WAKEUP);
	return 0;
}

#define WW_WEIGH_NO_THREAD (1ull << 16) /* beside kind and type: the request had none */

/* A request was charged for what no thread's stack is known of, but for where it gave up its own. */
static __always_inline void ww_weigh_gap(struct ww_request *r, u64 kind_type, u32 value, u64 at, u64 ns)
{
	struct ww_stack_weight *w = ww_weigh_begin(WW_STACK_WEIGHT);
	if (!w)
		return;
	w->kind = kind_type & 0xff;
	w->detail = kind_type >> 8 & 0xff;
	w->gap = kind_type >> 16 & 1;
	w->value = value;
	w->request = r->account.id;
	w->stack = r->stack;
	w->at_ns = at;
	w->ns = ns;
	ww_weigh_end(w);
}

/* A thread has waited, in an interval whose owner is not certain yet. */
static __always_inline void ww_weigh_wait(struct ww_thread *t, struct ww_cause cause, u64 at, u64 ns)
{
	u32 kind = cause.kind;
	barrier_var(kind);
	if (kind >= WW_KIND_COUNT)
		return;
	t->weighed = 1;
	t->weighed_ns[kind] += ns;
	/* It ran, and that is sampled: to collect garbage is a kind of its own. */
	if (t->stack == WW_STACK_RUNS)
		return;
	struct ww_stack_weight *w = ww_weigh_begin(WW_STACK_WEIGHT);
	if (!w)
		return;
	w->kind = kind;
	w->detail = cause.type;
	w->value = cause.value;
	w->tid = t->tid;
	w->start_ns = t->start;
	w->stack = t->stack;
	w->at_ns = at;
	w->ns = ns;
	ww_weigh_end(w);
}

static __always_inline void ww_weigh_reset(struct ww_thread *t)
{
	t->weighed = 0;
	__builtin_memset(t->weighed_ns, 0, sizeof(t->weighed_ns));
}

/* The thread's interval was the request's: also what of its waits was not sent yet, as the thread had no request. */
static __always_inline void ww_weigh_given(struct ww_request *r, struct ww_thread *t)
{
	if (t->dirty & WW_DIRTY_WAITED) {
		/* Of these no stack was taken, and the request's is of its gap before. */
		u64 stack = r->stack;
		r->stack = 0;
		for (u32 kind = 0; kind < WW_KIND_COUNT; kind++) {
			if (kind != WW_KIND_COMPUTE && t->kinds_ns[kind] > t->weighed_ns[kind]) {
				ww_weigh_gap(r, kind, 0, t->mark, t->kinds_ns[kind] - t->weighed_ns[kind]);
			}
		}
		r->stack = stack;
	}
	if (!t->weighed)
		return;
	struct ww_stack_weight *w = ww_weigh_begin(WW_STACK_CLAIM);
	if (!w)
		return;
	w->tid = t->tid;
	w->request = r->account.id;
	w->start_ns = t->start;
	ww_weigh_end(w);
}

/* Work under no request's name was the request's. Where it was in the code is known if its stacks were taken, too. */
static __always_inline void ww_weigh_adopted(struct ww_request *r, struct ww_request *a)
{
	if (a->account.stacks_one_in) {
		struct ww_stack_weight *w = ww_weigh_begin(WW_STACK_MOVED);
		if (!w)
			return;
		w->request = r->account.id;
		w->stack = a->account.id;
		ww_weigh_end(w);
		return;
	}
	r->stack = 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		if (a->account.kinds_ns[kind])
			ww_weigh_gap(r, kind, 0, a->mark, a->account.kinds_ns[kind]);
}

#endif
