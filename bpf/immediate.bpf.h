/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Immediates of Node's (setImmediate()): node-redis asks for one with the first command of a turn of the loop, to write
 * all of the turn's at its end. Meanwhile Node has a handle among the loop's idle ones. So that tells in whose step the
 * first command was asked for: all are of that one, and of those that had a step since.
 *
 * Others may ask for immediates. That is seen where one was asked for and nothing was sent at the turn's end, and where
 * it does not agree with what is certain without it: then it is not believed for some time.
 */
#ifndef WHYWAIT_IMMEDIATE_H
#define WHYWAIT_IMMEDIATE_H

#include "programs.bpf.h"

#define WW_IMMEDIATE_RIGHT 4 /* so often it has told what was known */
#define WW_IMMEDIATE_NS	   10000000000ull

enum ww_asked {
	WW_ASKED_NOT,
	WW_ASKED_TOLD, /* in which step */
	WW_ASKED_UNTOLD,
};

/* Before another step begins, or at the turn's end: whether the first immediate was asked for in the last one. */
static __always_inline void ww_immediate_looks(struct ww_thread *t)
{
	u64 ring = t->idle_at && !t->turn_asked ? ww_user_word(t->idle_at) : 0;
	if (!ring || ring == t->idle_at)
		return;
	t->turn_asked = t->turn_last ? WW_ASKED_TOLD : WW_ASKED_UNTOLD;
	t->turn_asker = t->turn_last;
	t->turn_since = 0;
}

/* It was not for what is sent at the turn's end. */
static __always_inline void ww_immediate_errs(struct ww_thread *t)
{
	t->immediate_not = bpf_ktime_get_ns();
	t->immediate_right = 0;
}

/* That `ref` has asked first is certain without it. */
static __always_inline void ww_immediate_agrees(struct ww_thread *t, ww_ref ref)
{
	if (t->turn_asked != WW_ASKED_TOLD)
		return;
	if (t->turn_asker != ref)
		ww_immediate_errs(t);
	else if (t->immediate_right < WW_IMMEDIATE_RIGHT)
		t->immediate_right++;
}

static __always_inline bool ww_immediate_tells(const struct ww_thread *t, u64 now)
{
	return t->turn_asked == WW_ASKED_TOLD && t->immediate_right >= WW_IMMEDIATE_RIGHT &&
	       now - t->immediate_not > WW_IMMEDIATE_NS;
}

#endif
