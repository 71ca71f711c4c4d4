/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages of queues that one thread takes and others of its process work on, as Celery's pool of threads does: what
 * the thread does with one that took it is all that is in its account. Nothing tells which work is for which message.
 * That there is such work shows by three things, and such messages say so:
 *
 * - The thread wakes, or makes, another one of its process while it has the message.
 * - Threads that take none ask databases or services for something that is nobody's.
 * - The message ends while answers are outstanding that were asked for in it, of others than the broker.
 *
 * One for which its thread asks something of others than the broker itself is worked on there, whomever it wakes.
 */
#ifndef WHYWAIT_ELSEWHERE_H
#define WHYWAIT_ELSEWHERE_H

#include "handoff.bpf.h"
#include "interpreter.bpf.h"
#include "traffic.bpf.h"

#define WW_EEXIST 17

/* Processes that take messages: how often their other threads have sent what is nobody's, counted on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, u64);
} ww_takers SEC(".maps") __weak;

__u32 ww_takers_known __weak = 0; /* there is one */

/* The process takes a message, for a thread of it. */
static __always_inline void ww_elsewhere_takes(u32 tgid)
{
	u64 none = 0;
	if (!bpf_map_lookup_elem(&ww_takers, &tgid)) {
		long err = bpf_map_update_elem(&ww_takers, &tgid, &none, BPF_NOEXIST);
		/* Of two threads that do this at a time the later one finds it there. */
		if (err && err != -WW_EEXIST)
			ww_count(WW_COUNT_TAKER_FORGOTTEN);
	}
	ww_takers_known = 1;
}

/*
 * The running thread begins to take messages: what others of its process have sent before is not for them. Apart, as
 * its callers have no room on the stack.
 */
static __noinline void ww_elsewhere_begins(struct ww_thread *t)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u64 *strays = ww_takers_known ? bpf_map_lookup_elem(&ww_takers, &tgid) : NULL;
	t->strays = strays ? *strays : 0;
}

/* The running thread is about to send something, or has: whether it takes messages, or works for something. */
static __always_inline bool ww_elsewhere_known(const struct ww_thread *t)
{
	return t && (t->takes || t->ref || t->home || t->unit);
}

/* The running thread wakes another one of its process. */
static __noinline void ww_elsewhere_wakes(struct ww_wake *w)
{
	struct ww_thread *t = ww_thread_get(w->waker);
	struct ww_request *r = t && !t->spreads ? ww_request_get(t->unit) : NULL;
	if (!r || !r->message || !ww_wakes_futex(w) || ww_handoff_of_machine(w->woken))
		return;
	/* Who waits for the interpreter's lock is handed nothing. */
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ww_interpreter *of = bpf_map_lookup_elem(&ww_interpreters, &tgid);
	if (of && (of->by_mutex || (w->place >= WW_FUTEX_PLACE(of->from) && w->place < WW_FUTEX_PLACE(of->to))))
		return;
	t->spreads = 1;
}

/* The thread, which runs, makes another one of its process. */
static __always_inline void ww_elsewhere_makes(struct ww_thread *t)
{
	struct ww_request *r = t ? ww_request_get(t->unit) : NULL;
	if (r && r->message)
		t->spreads = 1;
}

/* The message of the running thread ends: whether that worked on it. */
WW_GLOBAL2(int, ww_elsewhere_ends, T, t, R, r)
{
	if (!t || !r)
		return 0;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u64 *strays = bpf_map_lookup_elem(&ww_takers, &tgid);
	bool strayed = strays && *strays != t->strays;
	if (strays)
		t->strays = *strays;
	if (r->worked)
		t->spreads = 0;
	if (!r->awaits && (r->worked || !(t->spreads || strayed)))
		return 0;
	r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_traffic_note(r, false);
	return 0;
}

#endif
