/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools of threads that work for uvloop's event loop. The end of what such a thread does is no byte on a socket there,
 * but a word for an eventfd, and none at all while the loop is awake. So the Future that a Task awaits is read where
 * the thread has it meanwhile: in the frame in which it takes its work, of anyio's threads as a variable, of a
 * ThreadPoolExecutor's behind the item. That is looked at when the thread touches a socket, blocks, or wakes the loop;
 * another one than before is the next piece of work. Who woke an idle thread tells for whom it works until then.
 *
 * What it has done goes to the loop's thread as executor.bpf.h has it.
 */
#ifndef WHYWAIT_UVPOOL_H
#define WHYWAIT_UVPOOL_H

#include "executor.bpf.h"

#define WW_UVPOOL_LOCALS 8 /* of that frame, that are looked at */

/* Attributes of concurrent.futures: _WorkItem.future, Future._done_callbacks. */
#define WW_ITEM_FUTURE	    0
#define WW_FUTURE_WHEN_DONE 5

/* The Future of asyncio's that is set when a _WorkItem is done; 0: none. */
static __always_inline u64 ww_uvpool_of_item(u64 item)
{
	u64 words = item ? ww_uvloop_attributes(item) : 0;
	u64 future = words ? ww_user_word(WW_UVLOOP_AT(words, WW_ITEM_FUTURE)) : 0;
	words = future ? ww_uvloop_attributes(future) : 0;
	if (WW_UVLOOP_LEN(words) <= WW_FUTURE_WHEN_DONE)
		return 0;
	u64 list[2] = {};
	u64 called = ww_user_word(WW_UVLOOP_AT(words, WW_FUTURE_WHEN_DONE));
	if (!called || bpf_probe_read_user(list, sizeof(list), (void *)(called + WW_PYTHON_SIZE)) || !list[0])
		return 0;
	return ww_awaiter_of_callback(ww_user_word(list[1])) & ~WW_AWAITER_BITS;
}

/* The Future that is set when what the thread works at is done; 0: not known. */
WW_GLOBAL1(u64, ww_uvpool_work, T, t)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	if (!t || !uv)
		return 0;
	if (t->worker)
		return ww_uvpool_of_item(ww_user_word(WW_FRAME_LOCAL(t->worker, WW_WORKER_ITEM)));
	for (u32 i = 0; i < WW_UVPOOL_LOCALS && t->taker; i++) {
		u64 local = ww_user_word(WW_FRAME_LOCAL(t->taker, i));
		if (local && !(local & 7) && ww_user_word(local + WW_PYTHON_TYPE) == uv->future)
			return local;
	}
	return 0;
}

/* The thread's work for the account is over: the loop's thread adds it to its request. */
static __always_inline void ww_uvpool_ends(struct ww_thread *t, struct ww_request *a)
{
	struct ww_executor *e = ww_executor_of();
	ww_handoff_leave(t, a);
	if (e && ww_request_get(a->root))
		ww_executor_push(e, a);
	else
		ww_handoff_end(a);
}

/* The thread is about to do something for what it works at: the account of that, made if need be. */
WW_GLOBAL1(u64, ww_uvpool_turn, T, t)
{
	if (!t)
		return 0;
	struct ww_request *a = ww_request_get(t->ref ? t->ref : t->home);
	if (a && !a->helper)
		return a->account.id;
	u64 future = ww_uvpool_work(t);
	if (future && future != t->item) {
		/* Between two of them it has not waited: what it did since then is for the second. */
		if (a && t->item) {
			ww_uvpool_ends(t, a);
			a = NULL;
		}
		t->item = future;
		u64 task = ww_awaiter_root(future) & ~WW_AWAITER_BITS;
		t->item_for = task ? ww_uvloop_serves(task) : 0;
	}
	if (!a)
		a = ww_handoff_begin(t);
	if (!a)
		return 0;
	if (t->item) {
		a->root = t->item_for;
		a->direct = 1;
	}
	return a->account.id;
}

/* It sends something: for which account, and whether that is known. */
WW_GLOBAL1(u64, ww_uvpool_sends, T, t)
{
	struct ww_request *a = t ? ww_request_get(ww_uvpool_turn(t)) : NULL;
	if (!a)
		return 0;
	if (a->helper && !a->root && !t->item && !t->submitter)
		ww_uvloop_doubts();
	return a->account.id;
}

/* The thread blocks, perhaps (`may_idle`) to wait for its next piece of work. */
WW_GLOBAL2(int, ww_uvpool_blocks, T, t, N, may_idle)
{
	if (!t)
		return 0;
	struct ww_request *a = ww_request_get(t->ref ? t->ref : t->home);
	if (a && !a->helper)
		return 0;
	if (!may_idle || !ww_executor_idles(t)) {
		if (a)
			ww_uvpool_turn(t);
		return 0;
	}
	if (a) {
		/* That it has run up to now is noted already. */
		if (a->mark == t->start)
			ww_give(a, t);
		ww_interval_reset(t, t->mark);
		ww_uvpool_ends(t, a);
	}
	t->item = 0;
	t->item_for = 0;
	ww_executor_rests(t, bpf_get_current_pid_tgid() >> 32);
	t->ref = 0;
	t->home = 0;
	t->submitter = 0;
	t->off = WW_OFF_IDLE;
	return 0;
}

#endif
