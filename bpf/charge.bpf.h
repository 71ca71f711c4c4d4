/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a request is charged: its kinds, their named parts and its time line, always from `mark` on.
 */
#ifndef WHYWAIT_CHARGE_H
#define WHYWAIT_CHARGE_H

#include "assist.bpf.h"
#include "interval.bpf.h"
#include "loop.bpf.h"

static __always_inline void ww_infer(struct ww_request *r)
{
	if (r->account.attribution == WW_ATTRIBUTION_EXACT)
		r->account.attribution = WW_ATTRIBUTION_INFERRED;
}

/* Adds to the request's named parts; `waits` of them took `ns` together. */
WW_GLOBAL5(int, ww_request_detail, R, r, N, cause_kind_type, N, value, N, ns, N, waits)
{
	if (!r)
		return 0;
	u8 kind = cause_kind_type & 0xff, type = cause_kind_type >> 8;
	for (u32 i = 0; i < WW_DETAILS; i++) {
		struct ww_detail *d = &r->account.details[i];
		if (i >= r->account.details_len) {
			d->ns = ns;
			d->count = waits;
			d->value = value;
			d->kind = kind;
			d->type = type;
			r->account.details_len = i + 1;
			return 0;
		}
		if (d->kind == kind && d->type == type && d->value == value) {
			d->ns += ns;
			d->count += waits;
			return 0;
		}
	}
	ww_count(WW_COUNT_DETAIL_OVERFLOW);
	return 0;
}

/* Draws [from, to) of the time line; both count from the clock. */
static __always_inline void ww_draw_part(struct ww_request *r, u8 kind, u8 type, u32 value, u64 from, u64 to)
{
	u64 start = from - r->account.start_ns;
	if (to <= from)
		return;
	r->drawn = to;
	u32 n = r->line.len, newest = n - 1;
	barrier_var(newest); /* lets the verifier see the check of what is used as the index */
	if (newest < WW_SEGMENTS) {
		struct ww_segment *last = &r->line.segments[newest];
		if (last->kind == kind && last->type == type && last->value == value &&
		    last->start_ns + last->duration_ns == start) {
			last->duration_ns += to - from;
			return;
		}
	}
	if (n >= WW_SEGMENTS) {
		r->line.truncated = 1;
		return;
	}
	struct ww_segment *s = &r->line.segments[n];
	s->start_ns = start;
	s->duration_ns = to - from;
	s->value = value;
	s->kind = kind;
	s->type = type;
	r->line.len = n + 1;
}

/* The same, where it is not so often done that a call would matter. */
WW_GLOBAL5(int, ww_draw, R, r, N, cause_kind_type, N, value, N, from, N, to)
{
	if (r)
		ww_draw_part(r, cause_kind_type & 0xff, cause_kind_type >> 8, value, from, to);
	return 0;
}

/* Charges [mark, to) to one cause. */
WW_GLOBAL5(int, ww_charge, R, r, N, kind, N, type, N, value, N, to)
{
	if (!r || kind >= WW_KIND_COUNT)
		return 0;
	u64 from = r->mark;
	if (to <= from)
		return 0;
	r->account.kinds_ns[kind] += to - from;
	r->mark = to;
	if (ww_stacks_on && r->account.stacks_one_in)
		ww_weigh_gap(r, ww_kind_type(kind, type) | WW_WEIGH_NO_THREAD, value, to, to - from);
	if (type != WW_DETAIL_NONE)
		ww_request_detail(r, ww_kind_type(kind, type), value, to - from, 1);
	ww_draw_part(r, kind, type, value, from, to);
	return 0;
}

/*
 * The thread's interval is the request's, whose goroutine was made to collect garbage: also on other threads, to which
 * it had moved without a word. What is taken for its computing here was that.
 */
WW_GLOBAL2(int, ww_give_assisted, R, r, T, t)
{
	struct ww_cause assists = {.kind = WW_KIND_GC, .type = WW_DETAIL_NAME, .value = WW_NAME_ASSIST};
	if (!r || !t)
		return 0;
	u64 ns = r->assisted, own = ww_assisted_here(t, r->account.id);
	if (t->assisted != r->account.id)
		ww_assisted_another(t);
	if (own > ns)
		own = ns;
	if (ns > own + t->kinds_ns[WW_KIND_COMPUTE])
		ns = own + t->kinds_ns[WW_KIND_COMPUTE];
	/* Another CPU may add to it. */
	__sync_fetch_and_add(&r->assisted, -ns);
	t->assisted = 0;
	if (!ns)
		return 0;
	t->kinds_ns[WW_KIND_COMPUTE] -= ns - own;
	t->kinds_ns[WW_KIND_GC] += ns - own;
	t->dirty |= WW_DIRTY_WAITED;
	ww_interval_detail(t, assists, ns);
	return 0;
}

/* Adds the thread's interval; the request must be charged up to its start exactly. */
WW_GLOBAL2(int, ww_give, R, r, T, t)
{
	if (!r || !t)
		return 0;
	if (r->assisted | t->assisted)
		ww_give_assisted(r, t);
	r->account.cpu_ns += t->cpu_ns;
	if (ww_allocations_on)
		r->account.allocations += t->allocations;
	if (ww_stacks_on && r->account.stacks_one_in)
		ww_weigh_given(r, t);
	if (!(t->dirty & WW_DIRTY_WAITED)) {
		r->account.kinds_ns[WW_KIND_COMPUTE] += t->kinds_ns[WW_KIND_COMPUTE];
		ww_draw_part(r, WW_KIND_COMPUTE, WW_DETAIL_NONE, 0, t->start, t->mark);
		r->mark = t->mark;
		return 0;
	}
	if (t->dirty & WW_DIRTY_INFERRED)
		ww_infer(r);
	for (u32 i = 0; i < WW_KIND_COUNT; i++)
		r->account.kinds_ns[i] += t->kinds_ns[i];
	for (u32 i = 0; i < WW_THREAD_DETAILS && i < t->details_len; i++) {
		struct ww_detail *d = &t->details[i];
		ww_request_detail(r, ww_kind_type(d->kind, d->type), d->value, d->ns, d->count);
	}
	if (t->holders_len)
		ww_request_held(r, t);
	u64 drawn = t->start;
	for (u32 i = 0; i < WW_PIECES && i < t->pieces_len; i++) {
		struct ww_piece *p = &t->pieces[i];
		ww_draw(r, ww_kind_type(WW_KIND_COMPUTE, 0), 0, drawn, p->start);
		ww_draw(r, ww_kind_type(p->cause.kind, p->cause.type), p->cause.value, p->start, p->end);
		drawn = p->end;
	}
	ww_draw_part(r, WW_KIND_COMPUTE, WW_DETAIL_NONE, 0, drawn, t->mark);
	r->mark = t->mark;
	return 0;
}

#endif
