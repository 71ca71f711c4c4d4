/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Phases of libuv's loop, as Node runs it: which one it is in tells what a step may follow from. */
#ifndef WHYWAIT_PHASE_H
#define WHYWAIT_PHASE_H

#include "global.bpf.h"
#include "immediate.bpf.h"

/* Another turn of the loop has begun. */
static __always_inline void ww_turn_anew(struct ww_thread *t)
{
	if (t->turn_asked == WW_ASKED_TOLD && !t->turn_over)
		ww_immediate_errs(t);
	t->turn_len = 0;
	t->turn_unknown = 0;
	t->turn_unsure = 0;
	t->turn_over = 0;
	t->turn_chains = 0;
	t->turn_last = 0;
	t->turn_asked = WW_ASKED_NOT;
}

/* The loop counts its turns, and this is another one than was seen last. */
static __always_inline void ww_turn_now(struct ww_thread *t)
{
	u64 turn = t->turns_at ? ww_user_word(t->turns_at) : 0;
	if (!turn || turn == t->turn_number)
		return;
	t->turn_number = turn;
	ww_turn_anew(t);
}

/*
 * The thread of a loop of Node's kind reads: notes in which phase of its loop, once that can be told. What user space
 * learns of a process comes some time after its first request, so it is asked for now and then.
 */
WW_GLOBAL2(int, ww_phase_asks, T, t, C, conn)
{
	if (!t || !conn)
		return 0;
	if (!t->phase_at && (t->phase_asked++ & 31) == 0) {
		u64 id = bpf_get_current_pid_tgid();
		u32 tgid = id >> 32;
		struct ww_libuv *uv = (u32)id == tgid ? bpf_map_lookup_elem(&ww_libuvs, &tgid) : NULL;
		if (uv) {
			t->phase_at = uv->slot;
			t->turns_at = uv->turns;
			t->idle_at = uv->idle;
		}
	}
	if (!t->phase_at)
		return 0;
	t->phase_read = ww_user_word(t->phase_at);
	t->several = 0;
	u64 now = bpf_ktime_get_ns();
	/*
	 * What came after the first read of a turn, or after a sleep, is of another turn; not what a read has left.
	 * Where the loop does not count its turns, what was read since may have been in that one already: it had come
	 * when the turn before had begun, but not yet read anything.
	 */
	bool rest = t->turn_from == conn->sock && conn->ready <= t->turn_read,
	     later = conn->ready > t->turn_at && !rest;
	u64 turn = t->turns_at ? ww_user_word(t->turns_at) : 0;
	bool over = turn ? turn != t->turn_number : t->turn_over || t->slept > t->turn_at;
	t->turn_from = conn->sock;
	t->turn_read = now;
	if (over || (later && !turn)) {
		t->turn_number = turn;
		t->turn_at = now;
	}
	if (over)
		ww_turn_anew(t);
	else if (later && !turn && t->turn_len)
		t->turn_unsure = 1;
	ww_immediate_looks(t);
	t->turn_last = 0;
	t->turn_steps = 0;
	return 0;
}

/* It reads for nobody that is known. */
WW_GLOBAL1(int, ww_phase_strays, T, t)
{
	if (!t || !t->turns_at)
		return 0;
	ww_turn_now(t);
	ww_immediate_looks(t);
	t->turn_last = 0;
	return 0;
}

static __always_inline void ww_phase_reads(struct ww_thread *t, struct ww_conn *conn)
{
	if (t->loop && !t->python)
		ww_phase_asks(t, conn);
}

/* Whether it is in another phase now: that of the timers, in which nothing follows from the last read. */
static __always_inline bool ww_phase_left(const struct ww_thread *t)
{
	u64 phase = t->phase_at ? ww_user_word(t->phase_at) : 0;
	return phase && phase != t->phase_read;
}

#endif
