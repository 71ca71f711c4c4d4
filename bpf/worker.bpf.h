/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads of CPython's that work for the requests of other threads (rule 5 of DESIGN.md): a ThreadPoolExecutor's, those
 * that take from a queue.Queue, those that are made for one piece of work.
 *
 * What such a thread does is an account of its own (handoff.bpf.h). For whom, is read: a pool's thread has the item
 * that it works at as a local variable, and items are seen in the pool's queue by whoever has put them there, when he
 * lets go of the interpreter's lock, or waits, before anybody else can have had that lock. Who waits in
 * Future.result(), Event.wait(), Queue.get() or Thread.join() and is woken by such a thread has waited for what that
 * did. That alone tells for whom work of other queues was: who is woken to take from one may find what another one has
 * put there.
 *
 * All of it is of CPython from 3.11 on. It costs what does not use such threads a look at where a request's thread
 * waits for a semaphore: the first one that waits so for others makes its process one that is followed.
 */
#ifndef WHYWAIT_WORKER_H
#define WHYWAIT_WORKER_H

#include "handoff.bpf.h"
#include "python.bpf.h"

#define WW_WORKER_QUEUES 4  /* of pools of a process that are followed */
#define WW_WORKER_ITEMS	 64 /* put into one of them without a wait */
#define WW_WORKER_ARGS	 3  /* of what a thread's loop calls that are looked at */

/* Who has had a CPU for that long has not lost it between letting go of the interpreter's lock and waiting. */
#define WW_WORKER_RUN_NS 10000

#define WW_WORKER_LOOKS ~0ull /* in place of a request: nothing is noted */

#define WW_QUEUE_LIST 32 /* simplequeueobject.lst of 3.11 and 3.12; lst_pos comes behind it */
#define WW_QUEUE_RING 24 /* later, simplequeueobject.buf: struct ww_ring */

/* Processes whose requests' threads wait for others of theirs. */
struct ww_workers {
	u64 queues[WW_WORKER_QUEUES]; /* addresses of their pools' SimpleQueues; */
	u64 newest[WW_WORKER_QUEUES]; /* the last item in it that was seen to */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, struct ww_workers);
} ww_workers SEC(".maps") __weak;

/* How a thread waits for the end of what another one does. */
enum ww_awaits {
	WW_AWAITS_NOT,
	WW_AWAITS_POOL,	  /* a pool's may do that */
	WW_AWAITS_BESIDE, /* it was given to another thread, by a queue.Queue or as it was made */
};

struct ww_item_key {
	u64 item; /* address of a _WorkItem */
	u64 program;
};

/* For which request items are that no thread of a pool works at yet; 0: for none. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ww_item_key);
	__type(value, ww_ref);
} ww_items SEC(".maps") __weak;

__u32 ww_workers_known __weak = 0;

static __always_inline struct ww_workers *ww_workers_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return ww_workers_known && !ww_by_hand ? bpf_map_lookup_elem(&ww_workers, &tgid) : NULL;
}

/* ---- items in queues ---- */

/* What a frame in _worker() takes from. */
static __always_inline u64 ww_worker_queue(u64 frame, u32 version)
{
	return ww_frame_local(frame, ww_python_offsets(version)->worker_queue, version);
}

/* A frame of a pool's thread, in _worker(): what it takes from is a queue to be looked at. */
static __always_inline void ww_worker_learns(struct ww_thread *t, u64 frame)
{
	struct ww_workers *w = ww_workers_of();
	t->worker = frame;
	u64 queue = w ? ww_worker_queue(frame, t->version) : 0;
	if (!queue)
		return;
#pragma unroll
	for (u32 i = 0; i < WW_WORKER_QUEUES; i++) {
		if (!w->queues[i])
			w->queues[i] = queue;
		if (w->queues[i] == queue)
			return;
	}
}

/* The request that what the running thread hands on is for; 0: none. */
static __always_inline ww_ref ww_worker_root(const struct ww_thread *t)
{
	struct ww_request *r = ww_handoff_of(t);
	return r ? ww_handoff_root(r) : 0;
}

/* RingBuf, of _queuemodule.c. */
struct ww_ring {
	u64 put; /* where the next item goes to */
	u64 get;
	u64 items;
	u64 room; /* a power of two */
	u64 count;
};

/* The items of a queue; a list's are as in a ring that has room for all. */
static __always_inline bool ww_ring_read(struct ww_ring *q, u64 queue, u32 version)
{
	if (ww_python_offsets(version)->rings)
		return !bpf_probe_read_user(q, sizeof(*q), (void *)(queue + WW_QUEUE_RING));
	u64 at[2] = {}, list[2] = {};
	_Static_assert(WW_PYTHON_SIZE + 8 == WW_PYTHON_LIST, "the two are read at once");
	if (bpf_probe_read_user(at, sizeof(at), (void *)(queue + WW_QUEUE_LIST)) ||
	    bpf_probe_read_user(list, sizeof(list), (void *)(at[0] + WW_PYTHON_SIZE)))
		return false;
	*q = (struct ww_ring){.put = list[0], .items = list[1]};
	q->count = at[1] < list[0] ? list[0] - at[1] : 0;
	return true;
}

static __always_inline u64 ww_ring_item(const struct ww_ring *q, u32 back)
{
	return ww_user_word(q->items + 8 * ((q->put - 1 - back) & (q->room - 1)));
}

/*
 * Notes for whom the newest items of a queue are, back to the one that was seen last. Returns which one that is now;
 * WW_WORKER_LOOKS: whether it would be another one.
 */
WW_GLOBAL4(u64, ww_worker_sees, N, queue, N, before, N, root, N, version)
{
	struct ww_item_key key = {.program = ww_program()};
	struct ww_ring q = {};
	u64 newest = 0;
	if (!ww_ring_read(&q, queue, version))
		return 0;
	if (root == WW_WORKER_LOOKS)
		return q.count && ww_ring_item(&q, 0) != before;
	for (u32 i = 0; i < WW_WORKER_ITEMS && i < q.count; i++) {
		key.item = ww_ring_item(&q, i);
		if (!key.item || key.item == before)
			break;
		bpf_map_update_elem(&ww_items, &key, &root, BPF_ANY);
		newest = newest ? newest : key.item;
	}
	return newest ? newest : q.count ? before : 0;
}

/*
 * The running thread lets go of the interpreter's lock, or waits: what it has put into queues is for whom it works.
 *
 * Else somebody else may have put them there since, whom the lock tells. Where it waits for the end of what others do
 * (`late`), it was to be asked for its own just before; nobody was seen to take the lock, but somebody has got it in
 * the microseconds since, or had it in between: a thread of the pool, mostly, that was woken for the first of several
 * items.
 */
WW_GLOBAL2(int, ww_worker_claims, T, t, N, late)
{
	struct ww_workers *w = ww_workers_of();
	struct ww_python *python = ww_python_of();
	if (!w || !python || !w->queues[0])
		return 0;
	ww_ref root = t ? ww_worker_root(t) : 0;
	u32 version = python->minor - WW_PYTHON_FIRST;
	u64 holder = ww_user_word(python->holder);
	if (t) {
		if (!ww_python_frames_of(t, python) || (holder == t->frames_of) == late)
			return 0;
		/* It takes an item, and has put nothing there since it waited for that: what is there is another's. */
		if (!late && !root && t->worker && ww_python_frame(python, t->frames_of) == t->worker)
			return 0;
	}
	/* Who waits for a thread that it has made, or for a queue, has seldom put something there as well. */
	bool beside = late && t && t->awaits == WW_AWAITS_BESIDE;
	root = beside ? 0 : root;
	bool unsure = late && t && t->mark - t->on_cpu < WW_WORKER_RUN_NS;
	/* Who is at something else may put things there just now. */
	if (unsure && (ww_frame_name(ww_python_frame(python, holder), version) & WW_WORD7_MASK) !=
			      WW_WORD8('_', 'w', 'o', 'r', 'k', 'e', 'r', 0))
		return 0;
	struct ww_request *r = unsure || beside ? ww_handoff_of(t) : NULL;
	for (u32 i = 0; i < WW_WORKER_QUEUES; i++) {
		if (!w->queues[i])
			break;
		u64 newest = ww_worker_sees(w->queues[i], w->newest[i], unsure ? WW_WORKER_LOOKS : root, version);
		if (r && (unsure ? newest != 0 : newest && newest != w->newest[i]))
			ww_traffic_note(r, false);
		if (!unsure)
			w->newest[i] = newest;
	}
	return 0;
}

/*
 * The running thread, a pool's, waits for its next item, and none is in its queue: what was seen there last is gone.
 * Work that touched nothing was not seen to be taken, and the next item may have its address.
 */
WW_GLOBAL1(int, ww_worker_forgets, T, t)
{
	struct ww_workers *w = ww_workers_of();
	struct ww_ring q = {};
	u64 queue = t && w ? ww_worker_queue(t->worker, t->version) : 0;
	if (!queue || !ww_ring_read(&q, queue, t->version) || q.count)
		return 0;
#pragma unroll
	for (u32 i = 0; i < WW_WORKER_QUEUES; i++) {
		if (w->queues[i] == queue)
			w->newest[i] = 0;
	}
	return 0;
}

/* ---- the thread that works ---- */

/* PyCodeObject from co_argcount on. */
struct ww_code_counts {
	u32 args;
	u32 only_by_place;
	u32 only_by_name;
};

#define WW_CODE_LOCALS	     20 /* from there on: co_nlocalsplus; behind a frame's variables is what it computes with */
#define WW_CODE_MORE	     4	/* CO_VARARGS */
#define WW_CODE_MORE_BY_NAME 8	/* CO_VARKEYWORDS */

/*
 * What tells a piece of work from the next one: the function that the thread's loop has called, and its arguments; not
 * its other variables, which change in the midst of it. Apart, as the next one, for the stack's sake.
 */
WW_GLOBAL2(u64, ww_worker_print, N, frame, N, version)
{
	struct ww_code_counts c = {};
	const struct ww_python_offsets *of = ww_python_offsets(version);
	u64 print = ww_frame_object(frame + of->frame_function), code = ww_frame_object(frame + of->frame_code);
	u32 flags = 0;
	if (bpf_probe_read_user(&flags, sizeof(flags), (void *)(code + WW_PYTHON_FLAGS)) ||
	    bpf_probe_read_user(&c, sizeof(c), (void *)(code + of->code_args)))
		return print;
	u32 args = c.args + c.only_by_name + !!(flags & WW_CODE_MORE) + !!(flags & WW_CODE_MORE_BY_NAME);
#pragma unroll
	for (u32 i = 0; i < WW_WORKER_ARGS; i++) {
		if (i < args)
			print = print * 31 + ww_frame_local(frame, i, version);
	}
	return print;
}

/* The thread takes up another piece of work: notes which variables of its loop that was given. */
WW_GLOBAL1(int, ww_worker_given, T, t)
{
	u64 given[WW_WORKER_ARGS] = {}, loop = t ? ww_frame_below(t->loop_slot, t->version) : 0;
	if (!loop || !ww_frame_locals(t->vars, WW_WORKER_VARS, loop, t->version) ||
	    !ww_frame_locals(given, WW_WORKER_ARGS, t->loop_slot, t->version))
		return 0;
	const struct ww_python_offsets *of = ww_python_offsets(t->version);
	u64 function = ww_frame_object(t->loop_slot + of->frame_function);
	u64 code = ww_frame_object(loop + of->frame_code);
	u32 locals = ww_user_word(code + of->code_args + WW_CODE_LOCALS);
#pragma unroll
	for (u32 i = 0; i < WW_WORKER_VARS; i++) {
		u64 var = t->vars[i];
		if (i < locals && var && (var == given[0] || var == given[1] || var == given[2] || var == function))
			t->item_vars |= 1u << i;
	}
	return 0;
}

/*
 * A piece of work of the thread's is over: if that is another one than the one of its account, which nobody was told
 * the end of, and which has touched nothing, an account of its own begins. What its loop had given to the first has
 * other values then; but one that is given to what the loop calls now may be what the first has returned.
 */
WW_GLOBAL1(int, ww_worker_moves, T, t)
{
	u64 vars[WW_WORKER_VARS] = {}, given[WW_WORKER_ARGS] = {},
	    loop = t ? ww_frame_below(t->loop_slot, t->version) : 0;
	u32 others = 0, elsewhere = 0;
	struct ww_request *a = t ? ww_request_get(t->ref ? t->ref : t->home) : NULL;
	if (!a || !a->helper || !loop || !ww_frame_locals(vars, WW_WORKER_VARS, loop, t->version) ||
	    !ww_frame_locals(given, WW_WORKER_ARGS, t->loop_slot, t->version))
		return 0;
#pragma unroll
	for (u32 i = 0; i < WW_WORKER_VARS; i++) {
		u64 var = vars[i];
		if (!(t->item_vars & 1u << i) || !var || var == t->vars[i])
			continue;
		others++;
		elsewhere += var != given[0] && var != given[1] && var != given[2];
	}
	if (!elsewhere)
		return 0;
	ww_handoff_leave(t, a);
	ww_handoff_end(a);
	a = ww_handoff_begin(t);
	if (!a)
		return 0;
	/* Since when it is at this one is not known; nor, of one variable alone, whether it has changed that itself. */
	a->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	if (others < 2)
		ww_traffic_note(a, false);
	return 1;
}

#define WW_WORKER_FRAMES 32 /* from what asks for something down to the function that a thread was started with */

/*
 * Looks for a pool's function, _worker(), which Thread.run() calls, from the frame on, at some frames. Returns it with
 * WW_PYTHON_FOUND, or the one to go on with, or 0.
 */
__weak u64 ww_worker_frame_some(u64 frame, u32 version)
{
	for (u32 i = 0; i < WW_PYTHON_SOME && frame; i++) {
		u64 name = ww_frame_name(frame, version), below = ww_frame_below(frame, version) & ~WW_PYTHON_FOUND;
		if (name == WW_WORD8('_', 'w', 'o', 'r', 'k', 'e', 'r', 0) &&
		    (ww_frame_name(below, version) & WW_WORD4_MASK) == WW_WORD4('r', 'u', 'n', 0))
			return frame | WW_PYTHON_FOUND;
		frame = below;
	}
	return frame;
}

/* Whether the frame takes from a queue that is looked at. */
static __always_inline bool ww_worker_known(u64 frame, u32 version)
{
	struct ww_workers *w = ww_workers_of();
	u64 queue = w ? ww_worker_queue(frame, version) : 0;
	bool known = false;
#pragma unroll
	for (u32 i = 0; i < WW_WORKER_QUEUES; i++)
		known |= queue && w->queues[i] == queue;
	return known;
}

/*
 * The thread was made by a request's: for one piece of work of that, or for a pool, when it had none that was free. A
 * pool's takes what is next in its queue, which may be another's; unless that was not looked at before: a pool that the
 * request has made for itself has its work only.
 */
WW_GLOBAL1(int, ww_worker_made, T, t)
{
	u64 frame = t ? ww_frame_of(t) : 0;
	for (u32 i = 0; i < WW_WORKER_FRAMES / WW_PYTHON_SOME && frame; i++) {
		u64 found = ww_worker_frame_some(frame, t->version);
		frame = found & ~WW_PYTHON_FOUND;
		if (!(found & WW_PYTHON_FOUND))
			continue;
		if (!ww_worker_known(frame, t->version))
			return 0;
		struct ww_request *a = ww_request_get(t->ref ? t->ref : t->home);
		if (a && a->helper) {
			a->root = 0;
			a->direct = 0;
		}
		t->worker = frame;
		return 1;
	}
	return 0;
}

/* The thread, a pool's, is about to do something for what it works at: the account of that, made if need be. */
WW_GLOBAL1(u64, ww_worker_turn, T, t)
{
	if (!t)
		return 0;
	if (t->made) {
		ww_worker_made(t);
		t->made = 0;
	}
	struct ww_request *a = ww_request_get(t->ref ? t->ref : t->home);
	if (a && !a->helper)
		return a->account.id; /* it serves requests itself */
	struct ww_item_key key = {.program = ww_program()};
	key.item = t->worker ? ww_frame_local(t->worker, ww_python_offsets(t->version)->worker_item, t->version) : 0;
	if (!t->worker && t->loop_slot)
		key.item = ww_worker_print(t->loop_slot, t->version);
	ww_ref *of = t->worker && key.item ? bpf_map_lookup_elem(&ww_items, &key) : NULL;
	bool noted = of != NULL;
	if (noted || key.item != t->item) {
		/* Between two of them it has not waited: what it did since it touched a socket last is for the second.
		 */
		if (a && t->item) {
			ww_handoff_leave(t, a);
			ww_handoff_end(a);
			a = NULL;
		}
		t->item = key.item;
		t->item_for = of ? *of : 0;
		t->item_vars = 0;
		if (!t->worker && t->loop_slot)
			ww_worker_given(t);
		if (of)
			bpf_map_delete_elem(&ww_items, &key);
		struct ww_workers *w = ww_workers_of();
#pragma unroll
		for (u32 i = 0; w && i < WW_WORKER_QUEUES; i++) {
			if (w->newest[i] == key.item)
				w->newest[i] = 0;
		}
	}
	if (!a)
		a = ww_handoff_begin(t);
	if (!a)
		return 0;
	if (noted && !t->item_for) {
		/* It was woken for other work, and has taken nobody's from the queue. */
		a->root = 0;
		a->direct = 0;
	}
	if (t->item_for) {
		a->root = t->item_for;
		a->direct = 1;
	}
	return a->account.id;
}

/* It has got an answer, for an account of its own: as its request may go on without a wait, that is told now. */
WW_GLOBAL1(int, ww_worker_answered, R, a)
{
	struct ww_request *r = a && a->direct ? ww_request_get(a->root) : NULL;
	if (!r)
		return 0;
	ww_traffic_adopted(r, a);
	ww_infer(r);
	return 0;
}

/* It wakes a request's thread, which waits for what others do: what it did was for that. */
static __always_inline void ww_worker_ends(struct ww_thread *t, struct ww_thread *waits, u64 now)
{
	struct ww_request *r = ww_handoff_of(waits), *a;
	if (!r)
		return;
	if (!t->worker && t->item_vars)
		ww_worker_moves(t);
	/* Where its loop itself says that it is done, what that has called is over. */
	a = ww_request_get(t->worker || t->made ? ww_worker_turn(t) : t->ref ? t->ref : t->home);
	if (!a && !t->worker)
		a = ww_handoff_begin(t);
	if (!a || !a->helper)
		return;
	ww_ref root = ww_handoff_root(r);
	if (a->root && root && a->root != root)
		return;
	ww_handoff_charge(t, a, now);
	ww_handoff_leave(t, a);
	a->target = r->account.id;
	struct ww_request *other = ww_request_get(waits->gift);
	waits->gift = a->account.id;
	if (other)
		ww_handoff_end(other);
	t->item_vars = 0;
	ww_handoff_begin(t);
}

/* ---- the thread that has it done ---- */

/*
 * The running thread, which works for a request, is about to wait for a semaphore: whether for the end of what others
 * do. A thread that starts another one waits for that to be there only.
 */
WW_GLOBAL1(int, ww_worker_awaits, T, t)
{
	u64 frame = t ? ww_frame_of(t) : 0;
	if (!frame)
		return 0;
	u64 name = ww_frame_name(frame, t->version);
	if (name == WW_WORD8('_', 'w', 'a', 'i', 't', '_', 'f', 'o') || /* _wait_for_tstate_lock(), of join(), */
	    (ww_python_offsets(t->version)->rings &&			/* from 3.13 on that itself */
	     (name & WW_WORD5_MASK) == WW_WORD4('j', 'o', 'i', 'n')))
		return WW_AWAITS_BESIDE;
	if ((name & WW_WORD5_MASK) != WW_WORD4('w', 'a', 'i', 't') || ww_frame_notified(frame, t->version))
		return WW_AWAITS_NOT;
	frame = ww_frame_below(frame, t->version);
	name = ww_frame_name(frame, t->version);
	if ((name & WW_WORD7_MASK) == WW_WORD8('r', 'e', 's', 'u', 'l', 't', 0, 0) ||
	    name == WW_WORD8('e', 'x', 'c', 'e', 'p', 't', 'i', 'o'))
		return WW_AWAITS_POOL;
	if ((name & WW_WORD4_MASK) == WW_WORD4('g', 'e', 't', 0))
		return WW_AWAITS_BESIDE;
	if ((name & WW_WORD5_MASK) != WW_WORD4('w', 'a', 'i', 't'))
		return WW_AWAITS_NOT;
	name = ww_frame_name(ww_frame_below(frame, t->version), t->version);
	return (name & WW_WORD6_MASK) != WW_WORD8('s', 't', 'a', 'r', 't', 0, 0, 0) ? WW_AWAITS_POOL : WW_AWAITS_NOT;
}

/* The same, where it is: what it waits for from now on may be told. */
WW_GLOBAL1(int, ww_worker_blocks, T, t)
{
	struct ww_python *python = ww_python_of();
	struct ww_workers none = {};
	if (!t || !python)
		return 0;
	/* Of a version whose frames are not followed, whatever it waits for may be what others do. */
	t->awaits = python->context ? ww_worker_awaits(t) : WW_AWAITS_POOL;
	if (!t->awaits)
		return 0;
	if (ww_handoffs_off || !python->context) {
		struct ww_request *r = ww_handoff_of(t);
		if (r && !r->account.traffic_lost)
			ww_traffic_note(r, false);
		t->awaits = 0;
		return 0;
	}
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	if (!bpf_map_lookup_elem(&ww_workers, &tgid))
		bpf_map_update_elem(&ww_workers, &tgid, &none, BPF_NOEXIST);
	ww_workers_known = 1;
	return 0;
}

#endif
