/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests of a loop of Node's kind that wait for a timer: no socket tells when one goes on. */
#ifndef WHYWAIT_SLEEPER_H
#define WHYWAIT_SLEEPER_H

#include "loop.bpf.h"
#include "maps.bpf.h"

struct ww_sleepers {
	struct ww_thread *thread;
	ww_ref oldest;
	u64 since; /* it has waited since */
	/* Of two values each: the verifier looks at a turn for each of what it may leave. */
	u32 others;
	u32 several;
};

static __always_inline long ww_sleepers_step(u32 i, void *ctx)
{
	struct ww_sleepers *s = ctx;
	struct ww_request *r = ww_request_get(s->thread->pending[i & (WW_PENDING - 1)].ref);
	if (!r || r->state != WW_STATE_WAIT || r->outstanding || r->client || r->account.id == s->oldest)
		return 0;
	s->several = s->others;
	s->others = 1;
	if (r->mark < s->since) {
		s->since = r->mark;
		s->oldest = r->account.id;
	}
	return 0;
}

static long ww_sleepers_step_back(u32 i, void *ctx)
{
	return ww_sleepers_step(i, ctx);
}

WW_GLOBAL2(int, ww_sleepers_plain, T, t, N, i)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_SLEEPERS);
	struct ww_sleepers s;
	if (!t || !cell)
		return 1;
	ww_cell_take(cell, s);
	s.thread = t;
	ww_sleepers_step(i, &s);
	ww_cell_put(cell, s);
	return 0;
}

/*
 * The request of a loop of Node's kind that has waited for a timer longest; 0 when there is none, or, with `only`,
 * when there are several.
 */
WW_GLOBAL2(u64, ww_carrier_sleeper, T, t, N, only)
{
	struct ww_sleepers s = {.thread = t, .since = ~0ull};
	if (!t)
		return 0;
	if (ww_without_loop)
		WW_TURNS(WW_CELL_SLEEPERS, s, WW_PENDING, ww_sleepers_plain(t, turn_));
	else
		bpf_loop(WW_PENDING, ww_sleepers_step_back, &s, 0);
	if (!s.others && !t->python)
		t->pending_len = 0;
	return only && s.several ? 0 : s.oldest;
}

#endif
