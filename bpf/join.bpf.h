/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an account of work that nobody was known for says of a time is what its request's thread waited for then: the
 * end of that account is added to the request's.
 */
#ifndef WHYWAIT_JOIN_H
#define WHYWAIT_JOIN_H

#include "charge.bpf.h"

/*
 * Charges `rest` by what the account has of each kind, but for the `front` of it, of which the cell has how much of
 * each kind is drawn: short waits are not, and lines may be cut, so that may be more than there is. Returns what is
 * left.
 */
static __noinline u64 ww_handoff_share(struct ww_request *r, const struct ww_request *a, u64 front, u64 rest)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_JOIN);
	if (!cell)
		return rest;
	u64 *before = cell->words, over = front;
	/* Unrolled: what 6.1 takes for a loop has to jump back, and clang has some fall through to their heads. */
#pragma unroll
	for (u32 i = 0; i < WW_KIND_COUNT; i++)
		over -= before[i] < over ? before[i] : over;
#pragma unroll
	for (u32 i = 0; i < WW_KIND_COUNT; i++) {
		u64 ns = a->account.kinds_ns[i], off = before[i];
		if (off > ns) {
			over += off - ns;
			off = ns;
		}
		before[i] = ns - off;
	}
#pragma unroll
	for (u32 i = 0; i < WW_KIND_COUNT; i++) {
		u64 off = before[i] < over ? before[i] : over;
		over -= off;
		u64 ns = before[i] - off;
		if (ns > rest)
			ns = rest;
		rest -= ns;
		r->account.kinds_ns[i] += ns;
	}
	return rest;
}

/* The same for a piece of its time line: returns when that ends. */
WW_GLOBAL3(u64, ww_handoff_draws, R, r, R, a, N, i)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_JOIN);
	if (!r || !a || !cell || i >= WW_SEGMENTS)
		return 0;
	struct ww_segment *s = &a->line.segments[i];
	u64 from = r->mark, at = a->account.start_ns + s->start_ns, to = at + s->duration_ns, drawn = to;
	u32 kind = s->kind;
	barrier_var(kind);
	if (kind >= WW_KIND_COUNT)
		return drawn;
	if (at < from) {
		u64 past = to < from ? to : from;
		cell->words[kind] += past - at;
		at = past;
	}
	if (to > a->mark)
		to = a->mark;
	if (at >= to)
		return drawn;
	ww_draw(r, ww_kind_type(s->kind, s->type), s->value, at, to);
	if (from != a->account.start_ns && s->type != WW_DETAIL_NONE)
		ww_request_detail(r, ww_kind_type(s->kind, s->type), s->value, to - at, 1);
	return drawn;
}

/*
 * Draws what the account says of the time since then, and notes in the cell what it has of each kind before, as its
 * time line shows it: that is taken off. Whether there is something to be added.
 */
WW_GLOBAL3(int, ww_handoff_drawn, R, r, R, a, N, since)
{
	if (!r || !a)
		return 0;
	u64 start = a->account.start_ns, end = a->mark;
	struct ww_cell *cell = ww_cell_of(WW_CELL_JOIN);
	if (!cell)
		return 0;
	_Static_assert(WW_KIND_COUNT <= sizeof(cell->words) / sizeof(cell->words[0]), "fits the cell");
	__builtin_memset(cell, 0, sizeof(*cell));
	struct ww_cause waits = ww_named(WW_KIND_LOCK, WW_NAME_FUTEX);
	if (start > since)
		ww_charge(r, waits.kind, waits.type, waits.value, start);
	if (end <= r->mark)
		return 0;
	u64 from = r->mark, front = from - start, rest = end - from, drawn = 0;
	for (u32 i = 0; i < WW_SEGMENTS && i < a->line.len; i++)
		drawn = ww_handoff_draws(r, a, i);
	for (u32 i = 0; !front && i < WW_DETAILS && i < a->account.details_len; i++) {
		struct ww_detail *d = &a->account.details[i];
		ww_request_detail(r, ww_kind_type(d->kind, d->type), d->value, d->ns, d->count);
	}
	/* What is not drawn can't be told apart. */
	if (front && a->line.truncated && drawn < from) {
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		r->account.kinds_ns[WW_KIND_OTHER] += rest;
		r->mark = end;
		return 0;
	}
	return 1;
}

/*
 * Adds to a request, which is charged up to `since`, what the account says of the time from then on: the request's
 * thread waited meanwhile for this to be done. In two steps, one after the other: within one another they would take
 * more of the stack than callers have.
 */
static __always_inline void ww_handoff_join(struct ww_request *r, const struct ww_request *a, u64 since)
{
	if (!ww_handoff_drawn(r, (struct ww_request *)a, since))
		return;
	u64 end = a->mark, from = r->mark;
	if (end <= from)
		return;
	/* Nothing is left, unless another CPU works on the account. */
	r->account.kinds_ns[WW_KIND_OTHER] += ww_handoff_share(r, a, from - a->account.start_ns, end - from);
	r->mark = end;
}

#endif
