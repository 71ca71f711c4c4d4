/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Steps of a loop of Node's kind that no socket tells, after a timer or the work of libuv's pool: what is a guess then,
 * and who may have lost a part by it. All of these are in doubt, unless the loop has one request only.
 */
#ifndef WHYWAIT_UNTOLD_H
#define WHYWAIT_UNTOLD_H

#include "account.bpf.h"
#include "phase.bpf.h"
#include "sleeper.bpf.h"

#define WW_OTHERS_NS   10000000000ull
#define WW_OTHERS_MANY 3 /* one may be a step that was taken for another request's */

/* A request has waited for what no socket tells: that is remembered for some time. */
static __always_inline void ww_others_seen(struct ww_thread *t, u64 now)
{
	t->others_seen = now - t->others > WW_OTHERS_NS ? 1 : t->others_seen + 1;
	t->others = now;
}

/* Whether it has read in this turn what is of several, or of nobody that is known: a step may follow on that. */
static __always_inline bool ww_turn_tells(const struct ww_thread *t)
{
	return t->slept <= t->turn_at && (t->several || t->turn_unknown);
}

/* Something follows on no read, and it is no timer's: other threads work for the loop's requests. */
static __always_inline void ww_pooled(struct ww_thread *t, bool timer)
{
	if (t->phase_at && !timer && !ww_turn_tells(t))
		t->pooled = bpf_ktime_get_ns();
}

static __always_inline bool ww_pooled_seen(const struct ww_thread *t)
{
	return t->pooled && bpf_ktime_get_ns() - t->pooled < WW_OTHERS_NS;
}

/* Whether the one in that place is another request that may wait for what no socket tells. */
WW_GLOBAL3(int, ww_untold_waits_at, T, t, R, r, N, i)
{
	struct ww_request *other = t ? ww_request_get(t->pending[i & (WW_PENDING - 1)].ref) : NULL;
	return other && other != r && other->waited && other->state == WW_STATE_WAIT;
}

/* Whether another request may wait for what no socket tells, even if a step was taken to be its since it began to. */
WW_GLOBAL2(int, ww_untold_waits, T, t, R, r)
{
	for (u32 i = 0; i < WW_PENDING; i++) {
		if (ww_untold_waits_at(t, r, i))
			return 1;
	}
	return 0;
}

/*
 * What is taken to be the request's may be another one's: a step after the pool's work, for the only one that is known
 * to wait for that; or what is not there yet when it is answered.
 */
WW_GLOBAL2(int, ww_untold_guess, T, t, R, r)
{
	if (t && r && !ww_loop_alone(t, r, r->anonymous ? r->account.start_ns : r->opened))
		ww_doubt(r);
	return 0;
}

/* Whether the one in that place is such an account. */
WW_GLOBAL4(int, ww_carrier_orphan_at, T, t, R, r, N, found, N, i)
{
	struct ww_request *a = t && r ? ww_request_get(t->pending[i & (WW_PENDING - 1)].ref) : NULL;
	return a && a->account.id != found && a->anonymous && !a->outstanding && a->account.start_ns >= r->opened;
}

/*
 * Whether there is an account but `found` for nobody, begun since the request was there, which now waits for nothing
 * that is known, or there may have been one: a part of what was done for the request may be in it.
 */
WW_GLOBAL3(int, ww_carrier_orphans, T, t, R, r, N, found)
{
	if (!t || !r)
		return 0;
	if (t->forgotten >= r->opened)
		return 1;
	for (u32 i = 0; i < WW_PENDING; i++) {
		if (ww_carrier_orphan_at(t, r, found, i))
			return 1;
	}
	return 0;
}

/*
 * The loop answers the request: whether what it has waited for, where no socket told, has shown since. It has when the
 * step is its own, or that of an account for nobody which followed on that wait.
 */
static __always_inline void ww_untold_shows(struct ww_thread *t, struct ww_request *r)
{
	struct ww_request *a = ww_request_get(t->ref);
	bool timer = ww_phase_left(t);
	if (!a)
		ww_pooled(t, timer);
	if (a == r && !timer)
		return;
	/* After a read of several's answers, it is one that has just begun, for another one's perhaps. */
	bool chain = a && a->anonymous && !t->several;
	bool own = !timer && t->several && r->popped == t->several;
	if (chain && ww_carrier_orphans(t, r, t->ref))
		ww_doubt(r);
	if (chain || own) {
		u32 waited = r->waited - (r->waited > 0) + (chain ? a->waited : 0);
		/* Or it is another one's, and this step is after a timer or the pool's work. */
		if (chain && !waited && (timer || ww_pooled_seen(t)))
			waited = 1;
		r->waited = waited < 0xff ? waited : 0xff;
		return;
	}
	if (!t->several && !t->turn_unknown)
		ww_others_seen(t, bpf_ktime_get_ns());
	if (!r->waited)
		r->waited = 1;
	/* What the step was taken to be for may have had a part of this one's, and this one of that. */
	if (!timer && a && a != r && (a->answered || !a->unread) && !ww_loop_alone(t, a, a->opened))
		ww_doubt(a);
}

#endif
