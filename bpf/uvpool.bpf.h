/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools of threads that work for a loop of uvloop's (executor.bpf.h has asyncio's own). The loop is told of what is
 * done by an eventfd, and not even by that if it has not seen to the last time yet. So whose the work is, is read while
 * a thread is at it: it has that as a variable of the function in which it takes its work (of concurrent.futures an
 * item, whose Future calls what sets the Task's; of anyio that one itself). The work is over when the variable has
 * another value, when that Future has its result, or when the thread is back in that function.
 *
 * A request for which a thread is at work has lent itself to that until the loop has the account of it: one that is
 * answered before does not have all that was done for it.
 */
#ifndef WHYWAIT_UVPOOL_H
#define WHYWAIT_UVPOOL_H

#include "carrier.bpf.h"

/* concurrent.futures.Future's attributes that are looked at, and how many callbacks. */
#define WW_UVPOOL_STATE	    1
#define WW_UVPOOL_CALLBACKS 5
#define WW_UVPOOL_LOOKED_AT 2
#define WW_UVPOOL_FUTURE    5		  /* the variable of anyio's WorkerThread.run() */
#define WW_UVPOOL_AT	    56		  /* _PyInterpreterFrame.prev_instr, from 3.13 on instr_ptr */
#define WW_UVPOOL_LOOKS	    256		  /* at threads that send and are not known, */
#define WW_UVPOOL_LOOK_NS   1000000000ull /* in that time */
#define WW_UVPOOL_WITHIN    4		  /* frames from the one that the thread is in down to what its loop calls */

/* What a thread's `uvpool` is. */
enum ww_uvpool {
	WW_UVPOOL_NOT,
	WW_UVPOOL_ANY,	 /* it works for such a loop; what it takes is not known yet, */
	WW_UVPOOL_ITEM,	 /* of concurrent.futures, */
	WW_UVPOOL_ANYIO, /* of anyio */
};

enum ww_uvpool_found {
	WW_UVPOOL_OVER = 1 << 0,  /* what it was at is over, */
	WW_UVPOOL_LENDS = 1 << 1, /* and for which request that is, or what it is at now, is to be found */
};

/*
 * Looks for the frame of the function in which a pool's thread takes its work, from `frame` on, at some of them.
 * Returns it with WW_PYTHON_FOUND, or the one to go on with, or 0.
 */
__weak u64 ww_uvpool_base_some(u64 frame, u32 version)
{
	for (u32 i = 0; i < WW_PYTHON_SOME && frame; i++) {
		u64 below = ww_frame_below(frame, version) & ~WW_PYTHON_FOUND;
		u64 name = ww_frame_name(frame, version), by = ww_frame_name(below, version);
		if ((name & WW_WORD4_MASK) == WW_WORD4('r', 'u', 'n', 0)
			    ? by == WW_WORD8('_', 'b', 'o', 'o', 't', 's', 't', 'r')
			    : name == WW_WORD8('_', 'w', 'o', 'r', 'k', 'e', 'r', 0) &&
				      (by & WW_WORD4_MASK) == WW_WORD4('r', 'u', 'n', 0))
			return frame | WW_PYTHON_FOUND;
		frame = below;
	}
	return frame;
}

/* That frame of a thread which is in `frame`; 0: none is found. */
__weak u64 ww_uvpool_base(u64 frame, u32 version)
{
	for (u32 i = 0; i < WW_HANDLE_FRAMES / WW_PYTHON_SOME && frame; i++) {
		frame = ww_uvpool_base_some(frame & ~WW_PYTHON_FOUND, version);
		if (frame & WW_PYTHON_FOUND)
			return frame & ~WW_PYTHON_FOUND;
	}
	return 0;
}

static __always_inline bool ww_uvpool_is_run(u64 base, u32 version)
{
	return (ww_frame_name(base, version) & WW_WORD4_MASK) == WW_WORD4('r', 'u', 'n', 0);
}

/* An attribute of the Future of an item of concurrent.futures; 0: it can't be read. */
static __always_inline u64 ww_uvpool_attribute(u64 item, u32 which, u32 version)
{
	u64 values = ww_instance_values(item, version), future = values ? ww_user_word(values) : 0;
	values = future && !(future & 7) ? ww_instance_values(future, version) : 0;
	return values ? ww_user_word(values + 8 * which) : 0;
}

/* What a Task of asyncio's awaits, of the work that such a variable has; 0: that is not known. */
__weak u64 ww_uvpool_future(u64 work, u32 version)
{
	if (ww_future_is(work) == WW_FUTURE)
		return work;
	u64 list = ww_uvpool_attribute(work, WW_UVPOOL_CALLBACKS, version);
	u64 len = list ? ww_user_word(list + WW_PYTHON_SIZE) : 0, items = ww_user_word(list + WW_PYTHON_LIST);
	for (u32 i = 0; i < WW_UVPOOL_LOOKED_AT && i < len; i++) {
		u64 found = ww_awaiter_of_callback(ww_user_word(items + 8 * i), version) & ~WW_AWAITER_BITS;
		if (ww_future_is(found) == WW_FUTURE)
			return found;
	}
	return 0;
}

/* The Task that awaits a Future that is not done yet, with WW_AWAITER_BITS; 0: none is known. */
static __always_inline u64 ww_uvpool_awaiter(u64 future, u32 version)
{
	if (!future || (u32)ww_user_word(future + ww_python_offsets(version)->future_state))
		return 0;
	return ww_awaiter_root(future, version);
}

/* Whether a frame of the thread's is in what anyio's loop itself calls before it takes the next piece of work. */
__weak int ww_uvpool_between(u64 frame, u64 base, u32 version)
{
	for (u32 i = 0; i < WW_UVPOOL_WITHIN && frame; i++) {
		u64 below = ww_frame_below(frame, version), name = ww_frame_name(frame, version);
		/* A handler may have the name of get(), but not its queue as its first variable. */
		if (below == base)
			return ((name & WW_WORD4_MASK) == WW_WORD4('g', 'e', 't', 0) ||
				name == WW_WORD8('t', 'a', 's', 'k', '_', 'd', 'o', 'n')) &&
			       (ww_type_name(ww_frame_local(frame, 0, version)) & WW_WORD6_MASK) ==
				       WW_WORD8('Q', 'u', 'e', 'u', 'e', 0, 0, 0);
		frame = below;
	}
	return 0;
}

/* For whom the thread works at that. */
static __always_inline bool ww_uvpool_notes(struct ww_thread *t, u64 frame, u64 work)
{
	u64 future = ww_uvpool_future(work, t->version), found = ww_uvpool_awaiter(future, t->version);
	if (!found)
		return false;
	t->owes_by = work;
	t->owes = future;
	t->owes_task = found;
	t->owes_at = ww_user_word(t->base + WW_UVPOOL_AT);
	t->owes_to = 0;
	t->began = t->uvpool == WW_UVPOOL_ANYIO && frame != t->base && !ww_uvpool_between(frame, t->base, t->version);
	struct ww_uvloop *uv = t->began ? ww_uvloop_of() : NULL;
	if (uv)
		uv->works_at = t->owes_at;
	return true;
}

/*
 * Whether the thread, which is in the function in which it takes its work and nowhere else, has done that. Between two
 * looks it may have gone on to where it calls what it was given, or round to where it takes the next.
 */
static __always_inline bool ww_uvpool_is_behind(const struct ww_thread *t)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 at = ww_user_word(t->base + WW_UVPOOL_AT), call = uv ? uv->works_at : 0;
	if (!call)
		return t->began || at != t->owes_at;
	return at == call ? t->began || t->owes_at != call : at > call || at < t->owes_at || t->began;
}

/* Whether the running thread writes to an eventfd. */
static __always_inline bool ww_tells_by_eventfd(void)
{
	struct task_struct *task = ww_current();
	return ww_syscall_nr(task) == WW_SYS_WRITE + 1 && !ww_fd_type(task, WW_REGS_ARG1(ww_task_regs(task)));
}

/* Whether the thread, which is in `frame`, has done what it has been at. */
WW_GLOBAL2(int, ww_uvpool_over, T, t, N, frame)
{
	if (!t)
		return 0;
	if (t->uvpool == WW_UVPOOL_ITEM) {
		u64 state = ww_uvpool_attribute(t->owes_by, WW_UVPOOL_STATE, t->version);
		return state && ww_user_word(state + ww_python_offsets(t->version)->text) ==
					WW_WORD8('F', 'I', 'N', 'I', 'S', 'H', 'E', 'D');
	}
	/* In that function before the work, or after it, where it tells the loop; or in work that is no Python. */
	if (frame == t->base)
		return ww_uvpool_is_behind(t) || ww_tells_by_eventfd();
	if (ww_uvpool_between(frame, t->base, t->version))
		return 1;
	t->began = 1;
	return 0;
}

/* The work is over: who awaits it now, if that is told still. */
static __always_inline u32 ww_uvpool_ends(struct ww_thread *t)
{
	u64 found = ww_uvpool_awaiter(t->owes, t->version);
	bool other = found && found != t->owes_task;
	t->owes = 0;
	if (!other)
		return WW_UVPOOL_OVER;
	t->owes_task = found;
	return WW_UVPOOL_OVER | (t->owes_to ? 0 : WW_UVPOOL_LENDS);
}

/* What the running thread is at: enum ww_uvpool_found. */
WW_GLOBAL2(u64, ww_uvpool_reads, T, t, N, leaves)
{
	u64 frame = t ? ww_frame_of(t) : 0;
	if (!frame)
		return 0;
	if (!t->base) {
		t->base = ww_uvpool_base(frame, t->version);
		t->uvpool = ww_uvpool_is_run(t->base, t->version) ? WW_UVPOOL_ANYIO : WW_UVPOOL_ITEM;
	}
	u32 place = t->uvpool == WW_UVPOOL_ITEM ? ww_python_offsets(t->version)->worker_item : WW_UVPOOL_FUTURE;
	u64 work = t->base ? ww_frame_local(t->base, place, t->version) : 0;
	if (t->owes && (work != t->owes_by || (leaves && ww_uvpool_over(t, frame))))
		return ww_uvpool_ends(t);
	if (!work)
		t->owes_by = 0;
	else if (work != t->owes_by)
		return ww_uvpool_notes(t, frame, work) ? WW_UVPOOL_LENDS : 0;
	return 0;
}

/* The request that the Task is for, if it has one, has lent itself to the thread's work. */
WW_GLOBAL1(int, ww_uvpool_lends, T, t)
{
	if (!t)
		return 0;
	u64 task = t->owes_task & ~WW_AWAITER_BITS;
	t->owes_key = ww_task_key(task, t->version);
	t->owes_to = ww_uvloop_serves(task);
	struct ww_request *r = ww_request_get(t->owes_to);
	if (r)
		__sync_fetch_and_add(&r->lent, 1);
	return 0;
}

/* Whether the thread, which is in `frame`, is done with all work: it ends, and closes what it had of its own. */
__weak int ww_uvpool_left(u64 frame, u32 version)
{
	for (u32 i = 0; i < WW_HANDLE_FRAMES / WW_PYTHON_SOME && frame; i++) {
		frame = ww_uvpool_base_some(frame, version);
		if (frame & WW_PYTHON_FOUND)
			return 0;
	}
	return !frame;
}

/*
 * Whether what the running thread was at is over: t->owes_task, owes_key and owes_to say for whom that was. Else that
 * is noted. `sends`: it does something for its work now; else it may let go of the interpreter's lock, or wake the
 * loop, unless it waits for something else.
 */
WW_GLOBAL2(u64, ww_uvpool_looks, T, t, N, sends)
{
	u32 nr = ww_syscall_nr(ww_current());
	bool leaves = !sends && (!nr || nr == WW_SYS_FUTEX + 1 || nr == WW_SYS_WRITE + 1);
	u64 found = t ? ww_uvpool_reads(t, leaves) : 0;
	if (t && found & WW_UVPOOL_LENDS)
		ww_uvpool_lends(t);
	if (found & WW_UVPOOL_OVER)
		return 1;
	if (t && sends && !t->owes && !(t->base && ww_uvpool_left(ww_frame_of(t), t->version)))
		ww_uvloop_doubts();
	return 0;
}

/* The frame below that one, of a thread of a process in which another loop may run. */
__weak u64 ww_uvpool_passes(u64 frame, u32 tgid)
{
	struct ww_uvloop *uv = bpf_map_lookup_elem(&ww_uvloops, &tgid);
	u64 name = ww_frame_name(frame, WW_UVLOOP_VERSION) & WW_WORD7_MASK;
	if (uv && name == WW_WORD8('r', 'u', 'n', '_', 'f', 'o', 'r', 0))
		uv->unsure_at = bpf_ktime_get_ns();
	return ww_frame_below(frame, WW_UVLOOP_VERSION);
}

/*
 * A thread that is not known sends something, of a process that may be followed: whether it is one of a pool that has
 * been at work without a pause since before.
 */
__weak int ww_uvpool_meets(u32 tgid)
{
	struct ww_uvloop *uv = bpf_map_lookup_elem(&ww_uvloops, &tgid);
	struct ww_python *python = uv ? bpf_map_lookup_elem(&ww_pythons, &tgid) : NULL;
	if (!python)
		return 0;
	u64 now = bpf_ktime_get_ns();
	if (now - uv->looks_at > WW_UVPOOL_LOOK_NS) {
		uv->looks_at = now;
		uv->looks = 0;
	}
	if (uv->looks >= WW_UVPOOL_LOOKS) {
		uv->unsure_at = now;
		return 0;
	}
	uv->looks++;
	u64 state = ww_python_state(python), top = state ? ww_python_frame(python, state) : 0, frame = top;
	u64 base = ww_uvpool_base(top, WW_UVLOOP_VERSION);
	if (base && (!ww_uvpool_is_run(base, WW_UVLOOP_VERSION) ||
		     ww_future_is(ww_frame_local(base, WW_UVPOOL_FUTURE, WW_UVLOOP_VERSION)) == WW_FUTURE)) {
		uv->unsure_at = now;
		return 1;
	}
	for (u32 i = 0; i < WW_HANDLE_FRAMES && frame; i++)
		frame = ww_uvpool_passes(frame, tgid);
	return 0;
}

/* The loop has what was done for the request, or nobody will. */
static __always_inline void ww_uvpool_returns(ww_ref ref)
{
	struct ww_request *r = ww_request_get(ref);
	if (r)
		__sync_fetch_and_add(&r->lent, -1);
}

/* The running thread, a loop's of uvloop's, wakes another one, or makes it, for work of the Task whose step it is in.
 */
static __always_inline void ww_uvpool_submits(struct ww_thread *t, struct ww_thread *of)
{
	struct ww_carrier_key key;
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	if (!of->uvpool)
		of->uvpool = WW_UVPOOL_ANY;
	of->submitter = 0;
	if (!ww_carrier_context(t, &key, true))
		return;
	ww_ref ref = ww_uvloop_serves(t->task);
	of->submitter = ref == WW_UVLOOP_ANSWERED ? 0 : key.context;
	struct ww_request *r = ww_request_get(ref);
	if (r)
		ww_touched(t, r, &step, bpf_ktime_get_ns());
}

#endif
