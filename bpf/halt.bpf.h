/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads that their own process halts by signals, as collectors without probes do (libgc, D's): a handler waits in
 * sigsuspend() for the signal that lets it go on. What a program itself waits for in that call is none: it is in no
 * handler then, whose frame lies on the stack above it.
 */
#ifndef WHYWAIT_HALT_H
#define WHYWAIT_HALT_H

#include "cause.bpf.h"

/*
 * How long the thread has run from then on up to its mark, within its interval: what that has as running is so no more.
 * Short waits are not kept one by one, and not known to be in there.
 */
static __always_inline u64 ww_halt_ran(struct ww_thread *t, u64 from)
{
	u64 ns = t->mark - from;
#pragma unroll
	for (u32 i = 0; i < WW_PIECES; i++) {
		const struct ww_piece *p = &t->pieces[i];
		u64 start = p->start > from ? p->start : from;
		if (i >= t->pieces_len)
			break;
		if (p->end > start)
			ns -= p->end - start < ns ? p->end - start : ns;
	}
	if (ns > t->kinds_ns[WW_KIND_COMPUTE])
		ns = t->kinds_ns[WW_KIND_COMPUTE];
	t->kinds_ns[WW_KIND_COMPUTE] -= ns;
	return ns;
}

/*
 * The thread, which was halted, is let go on by the running one: that has collected since, if it is one that is known,
 * but for what it waited in between.
 */
static __noinline void ww_halt_ended(struct ww_thread *t, struct task_struct *by, u64 now)
{
	struct ww_thread *waker = ww_thread_get(by);
	t->expired = 0;
	if (!waker || waker->off != WW_OFF_NOT || waker->gc & WW_CLOCK_RUNS)
		return;
	u64 from = t->mark > waker->start ? t->mark : waker->start;
	if (from < waker->halting)
		from = waker->halting; /* for another thread, that is seen to already */
	if (from >= now || waker->mark > now)
		return;
	waker->halting = now;
	waker->dirty |= WW_DIRTY_INFERRED;
	if (from < waker->mark) {
		waker->kinds_ns[WW_KIND_GC] += ww_halt_ran(waker, from);
		waker->dirty |= WW_DIRTY_WAITED;
		from = waker->mark;
	}
	waker->gc_at = from;
	waker->gc = (waker->gc + now - from) & WW_CLOCK_NS;
}

/* The running task, of the same process, wakes the thread from a wait of those whose end tells what it was. */
static __always_inline void ww_timed_ended(struct ww_thread *t, struct task_struct *by, u64 now)
{
	s64 nr = (s64)WW_REGS_NR(ww_task_regs(by));
	if (t->timed != WW_TIMED_HALTED) {
		if (nr == WW_SYS_FUTEX)
			t->expired = 0;
	} else if (nr == WW_SYS_TGKILL || nr == WW_SYS_TKILL) {
		ww_halt_ended(t, by, now);
	}
}

#endif
