/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What goroutines are made to collect: a thread's own clock of collecting tells it, where that is attached to the
 * goroutine's request, and the request keeps the sum of what it was on all threads until it is charged. So what the
 * clock has told is not charged twice, nor to another request.
 */
#ifndef WHYWAIT_ASSIST_H
#define WHYWAIT_ASSIST_H

#include "maps.bpf.h"

/* So long the thread's interval has its clock run for that request's goroutine, which was made to collect garbage. */
static __always_inline u64 ww_assisted_here(const struct ww_thread *t, ww_ref ref)
{
	return t->assisted == ref && t->assisted_from == t->start ? t->assisted_ns : 0;
}

/* The thread's interval is not that request's whose goroutine collected in it: that was elsewhere by then. */
static __always_inline void ww_assisted_another(struct ww_thread *t)
{
	u64 ns = ww_assisted_here(t, t->assisted);
	if (ns > t->kinds_ns[WW_KIND_GC])
		ns = t->kinds_ns[WW_KIND_GC];
	t->kinds_ns[WW_KIND_GC] -= ns;
	t->kinds_ns[WW_KIND_COMPUTE] += ns;
}

#endif
