/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread's current interval: the time since it last touched a socket (or woke), split by kind, not owned yet.
 * sched_switch only ever touches this. The parts always sum to `mark - start`.
 */
#ifndef WHYWAIT_INTERVAL_H
#define WHYWAIT_INTERVAL_H

#include "allocation.bpf.h"
#include "clock.bpf.h"
#include "holder.bpf.h"
#include "weigh.bpf.h"

/* Begins a new, empty interval at `now`; what the old one held belongs to nobody or was given away. */
static __always_inline void ww_interval_reset(struct ww_thread *t, u64 now)
{
	t->start = now;
	t->mark = now;
	if (t->gc != t->gc_mark)
		t->gc_mark = ww_clock_at(t->gc, now);
	t->fresh = 0;
	if (ww_stacks_on && t->weighed)
		ww_weigh_reset(t);
	if (ww_allocations_on)
		t->allocations = 0;
	u8 dirty = t->dirty;
	if (!dirty)
		return;
	t->dirty = 0;
	t->cpu_ns = 0;
	t->kinds_ns[WW_KIND_COMPUTE] = 0;
	if (!(dirty & WW_DIRTY_WAITED))
		return;
	__builtin_memset(t->kinds_ns, 0, sizeof(t->kinds_ns));
	t->details_len = 0;
	t->holders_len = 0;
	t->pieces_len = 0;
}

/* Names `ns` of a kind's time. One thread seldom waits for more than four things between two socket touches. */
static __always_inline void ww_interval_detail(struct ww_thread *t, struct ww_cause cause, u64 ns)
{
	if (cause.type == WW_DETAIL_NONE)
		return;
	for (u32 i = 0; i < WW_THREAD_DETAILS; i++) {
		struct ww_detail *d = &t->details[i];
		if (i >= t->details_len) {
			d->ns = ns;
			d->count = 1;
			d->value = cause.value;
			d->kind = cause.kind;
			d->type = cause.type;
			t->details_len = i + 1;
			return;
		}
		if (d->kind == cause.kind && d->type == cause.type && d->value == cause.value) {
			d->ns += ns;
			d->count++;
			return;
		}
	}
	ww_count(WW_COUNT_DETAIL_OVERFLOW);
}

/* Keeps a wait for the time line, merged with the one before when nothing to speak of lies between. */
static __always_inline void ww_interval_piece(struct ww_thread *t, struct ww_cause cause, u64 start, u64 end)
{
	if (end - start < WW_PIECE_MIN_NS)
		return;
	u32 n = t->pieces_len, newest = n - 1;
	barrier_var(newest); /* lets the verifier see the check of what is used as the index */
	if (newest < WW_PIECES) {
		struct ww_piece *last = &t->pieces[newest];
		if (last->cause.kind == cause.kind && last->cause.type == cause.type &&
		    last->cause.value == cause.value && start - last->end < WW_PIECE_MIN_NS) {
			last->end = end;
			return;
		}
	}
	barrier_var(n); /* the same, for kernels that forget a bound when the register is spilled */
	if (n >= WW_PIECES)
		return; /* drawn as compute; the account itself has it */
	t->pieces[n].start = start;
	t->pieces[n].end = end;
	t->pieces[n].cause = cause;
	t->pieces_len = n + 1;
}

/* Charges [from, to) to a wait. */
static __always_inline void ww_interval_waited(struct ww_thread *t, struct ww_cause cause, u64 from, u64 to)
{
	u32 kind = cause.kind;
	barrier_var(kind); /* lets the verifier see the check of what is used as the index */
	if (to <= from || kind >= WW_KIND_COUNT)
		return;
	t->kinds_ns[kind] += to - from;
	t->dirty |= WW_DIRTY_WAITED;
	ww_interval_detail(t, cause, to - from);
	if (ww_stacks_on && t->sampled)
		ww_weigh_wait(t, cause, to, to - from);
	ww_interval_piece(t, cause, from, to);
}

/*
 * The running thread has collected garbage since the last event: charges that, which ends at `now` or, where the last
 * collection has ended, began with it. Returns how long it was. A thread that was preempted right at the store to its
 * clock was charged already for what that says.
 */
WW_GLOBAL2(u64, ww_interval_collected, T, t, N, now)
{
	struct ww_cause collects = {.kind = WW_KIND_GC};
	if (!t || now < t->mark)
		return 0;
	if (t->assists) {
		collects.type = WW_DETAIL_NAME;
		collects.value = WW_NAME_ASSIST;
	}
	u64 at = ww_clock_at(t->gc, now), ns = ww_clock_since(t->gc_mark, at), most = now - t->mark;
	t->gc_mark = at;
	if (ns > most)
		ns = ns > WW_CLOCK_NS / 2 ? 0 : most;
	u64 from = t->gc & WW_CLOCK_RUNS || t->gc_at + ns > now ? now - ns : t->gc_at;
	if (from < t->mark)
		from = t->mark;
	ww_interval_waited(t, collects, from, from + ns);
	return ns;
}

/* Whether it waits for an interpreter's lock, of a wait for a futex. */
static __always_inline bool ww_is_interpreters(struct ww_cause cause)
{
	return cause.value == WW_NAME_GIL || cause.value == WW_NAME_GVL;
}

static __always_inline bool ww_is_futex(struct ww_cause cause)
{
	return cause.kind == WW_KIND_LOCK && cause.type == WW_DETAIL_NAME &&
	       (cause.value == WW_NAME_FUTEX || ww_is_interpreters(cause));
}

/*
 * Charges a wait up to `woken`. Whoever waited for another thread of its process, while that was stopped by its
 * collector, waited for that: nobody else could have woken it. So did a collector that waits for its helpers.
 */
static __always_inline void ww_interval_blocked(struct ww_thread *t, u64 woken, bool seen)
{
	struct ww_cause stopped = {.kind = WW_KIND_GC, .type = WW_DETAIL_NAME, .value = WW_NAME_STOPPED};
	u64 ns = woken > t->mark ? woken - t->mark : 0, gc = 0;
	if (ww_is_futex(t->off_cause)) {
		gc = t->gc & WW_CLOCK_RUNS ? ns : t->stopped;
		if (gc > ns) /* it was woken before the stop was over, and waited for a CPU */
			gc = ns;
	}
	if (ns > gc)
		ww_interval_waited(t, t->off_cause, t->mark, woken - gc);
	/* Where that is not seen there is no room on the stack to tell whom it waited for. */
	if (seen && ns > gc && t->tenures_len && t->lock == t->futex && t->lock_at >= t->mark &&
	    ww_is_futex(t->off_cause))
		ww_interval_held(t, woken - gc);
	if (t->gc & WW_CLOCK_RUNS)
		stopped.type = WW_DETAIL_NONE;
	if (gc)
		ww_interval_waited(t, stopped, woken - gc, woken);
}

/* A wake-up may be traced on another CPU a moment before the sleeper's own switch-out is. */
#define WW_WAKE_RACE_NS 5000

/*
 * A wait for a futex with a timeout has ended, or one in a signal's handler. Java sleeps in such, and Ruby: nobody ends
 * those but the timer. What a lock is waited for so (HotSpot's monitors, interpreter locks) others have ended before.
 */
static __noinline void ww_interval_timed(struct ww_thread *t)
{
	u64 at = t->futex;
	u8 timed = t->timed;
	t->timed = WW_TIMED_NOT;
	if (timed == WW_TIMED_HALTED) {
		if (t->expired)
			return;
		t->off_cause.kind = WW_KIND_GC;
		t->off_cause.type = WW_DETAIL_NAME;
		t->off_cause.value = WW_NAME_STOPPED;
		t->dirty |= WW_DIRTY_INFERRED;
		return;
	}
	/* Ruby's threads sleep by the words by which they are woken from all other waits, too. */
	bool shared = timed != WW_TIMED_TOLD && (at == t->woken_at[0] || at == t->woken_at[1]);
	if (!t->expired) {
		if (!shared) {
			t->woken_at[1] = t->woken_at[0];
			t->woken_at[0] = at;
		}
	} else if (!shared && !t->python && !t->executor && !ww_is_interpreters(t->off_cause)) {
		t->off_cause.kind = WW_KIND_SLEEP;
		t->off_cause.type = WW_DETAIL_NONE;
		t->off_cause.value = 0;
	}
}

/* The thread runs again from `now` on: splits the time that it was off at its wake-up. */
static __always_inline void ww_interval_resume(struct ww_thread *t, u64 now, bool seen)
{
	u8 off = t->off;
	struct ww_cause runq = {.kind = WW_KIND_RUNQ};

	t->off = WW_OFF_NOT;
	if (off == WW_OFF_RUNQ) {
		ww_interval_waited(t, t->off_cause, t->mark, now);
	} else {
		u64 woken = t->waking;
		if (woken < t->mark)
			woken = t->mark - woken < WW_WAKE_RACE_NS ? t->mark : now;
		if (t->timed)
			ww_interval_timed(t);
		if (off == WW_OFF_BLOCKED)
			ww_interval_blocked(t, woken, seen);
		else
			ww_interval_reset(t, woken); /* a new slice begins: rule 6 */
		t->fresh |= off != WW_OFF_BLOCKED;
		ww_interval_waited(t, runq, woken, now);
	}
	t->mark = now;
	if (t->gc != t->gc_mark)
		t->gc_mark = ww_clock_at(t->gc, now);
	if (ww_stacks_on)
		t->stack = WW_STACK_RUNS;
}

/*
 * The thread runs, but its switch-in was not reported (a program that was running already, a kernel that leaves some
 * out): it has run since its wake-up. Apart, since that is rare and takes room on the stack.
 */
WW_GLOBAL2(int, ww_interval_unseen, T, t, N, now)
{
	if (!t)
		return 0;
	u64 woken = t->waking;
	ww_count(WW_COUNT_SWITCH_UNSEEN);
	ww_interval_resume(t, woken > t->mark && woken < now ? woken : now, false);
	return 0;
}

/* The thread is seen running at `now`: charges the time since the last event to that. */
static __always_inline void ww_interval_ran(struct ww_thread *t, u64 now)
{
	if (t->off != WW_OFF_NOT)
		ww_interval_unseen(t, now);
	u64 ns = now - t->mark, gc = t->gc == t->gc_mark ? 0 : ww_interval_collected(t, now);
	t->kinds_ns[WW_KIND_COMPUTE] += ns - gc;
	t->cpu_ns += ns;
	t->mark = now;
	t->dirty |= WW_DIRTY_RAN;
}

#endif
