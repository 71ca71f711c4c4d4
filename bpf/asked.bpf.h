/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of those that had a step in a turn of a loop of Node's kind: who may have asked for what is sent at its end. */
#ifndef WHYWAIT_ASKED_H
#define WHYWAIT_ASKED_H

#include "account.bpf.h"

/* Whether it may wait for the rest of an answer, or of itself. */
static __always_inline bool ww_shared_maybe(const struct ww_request *r)
{
	return !r->outstanding && r->unread && (r->answered || r->client & WW_CLIENT_SENDS);
}

_Static_assert(WW_TURN <= 64, "struct ww_thread.turn_since has a bit for each");

/* Whether the one in that place of the turn may have asked for something that is sent at its end. */
static __always_inline bool ww_shared_may(const struct ww_thread *t, u32 at)
{
	return !t->turn_by || t->turn[at & (WW_TURN - 1)] == t->turn_asker || t->turn_since >> at & 1;
}

/* Whether it has for certain asked in this turn. */
static __always_inline bool ww_shared_asker(const struct ww_thread *t, ww_ref ref)
{
	return t->turn_by && t->turn_asker == ref;
}

WW_GLOBAL2(int, ww_shared_turn_at, T, t, N, at)
{
	if (!t || at >= WW_TURN)
		return 0;
	struct ww_request *r = ww_request_get(t->turn[at & (WW_TURN - 1)]);
	bool maybe = r && ww_shared_maybe(r);
	if (!ww_shared_may(t, at)) {
		t->turn_before += r && !r->outstanding && !maybe;
		return 0;
	}
	t->turn_in++;
	if (!r)
		return 0;
	bool asker = ww_shared_asker(t, r->account.id);
	t->turn_alive++;
	t->turn_first += asker || !r->outstanding;
	t->turn_one = r->account.id;
	t->turn_maybe += !asker && maybe;
	return 0;
}

/* Counts who had a step in this turn, and may have asked. */
WW_GLOBAL1(int, ww_shared_turn, T, t)
{
	if (!t)
		return 0;
	t->turn_in = 0;
	t->turn_before = 0;
	t->turn_alive = 0;
	t->turn_first = 0;
	t->turn_one = 0;
	t->turn_maybe = 0;
	for (u32 i = 0; i < WW_TURN && i < t->turn_len; i++)
		ww_shared_turn_at(t, i);
	return 0;
}

/* The same at the turn's end, before something is sent for it. */
WW_GLOBAL2(int, ww_shared_turn_ends, T, t, N, now)
{
	if (!t)
		return 0;
	ww_immediate_looks(t);
	/* On one more connection, what another immediate was for is sent. */
	if (t->turn_over)
		t->turn_asked = WW_ASKED_UNTOLD;
	t->turn_over = 1;
	t->turn_by = ww_immediate_tells(t, now) && ww_request_get(t->turn_asker);
	ww_shared_turn(t);
	if (!t->turn_before)
		return 0;
	/* One has asked before that, or waits for what is not known here. */
	if (!t->turn_unknown && !t->turn_unsure && !t->turn_chains)
		ww_immediate_errs(t);
	t->turn_by = 0;
	ww_shared_turn(t);
	return 0;
}

#endif
