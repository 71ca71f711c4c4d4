/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Event loops that read requests for other threads to handle, as Puma's reactor does: whose thread the loop's wakes by
 * a futex, when it has read a request, goes on with that (rule 5 of DESIGN.md).
 *
 * Of Ruby's processes only: elsewhere who waits for a lock is not to be told from who waits for work, and what an event
 * loop has threads do is mostly a part of what it goes on with itself. A thread that comes to its next request without
 * a wait is not woken for it: that it is the one is seen when it answers, and what it asked for until then is unknown.
 */
#ifndef WHYWAIT_RELAY_H
#define WHYWAIT_RELAY_H

#include "account.bpf.h"
#include "cause.bpf.h"

__u32 ww_relays_known __weak = 0; /* a process of Ruby's is */

/*
 * Whether the running thread, an event loop's, has read `r` and nothing else for it, and may have others go on. A
 * thread of Puma's pool is none, though it may have left a request unfinished: it sleeps in other calls.
 */
static __always_inline bool ww_relay_may_be(const struct ww_thread *t, const struct ww_request *r, u32 tgid)
{
	if (!ww_relays_known || !t->loop || t->python || t->phase_at || !r || r->helper || !r->unread)
		return false;
	if (!ww_is_epoll(t->off_nr))
		return false;
	struct ww_interpreter *of = bpf_map_lookup_elem(&ww_interpreters, &tgid);
	return of && of->by_mutex;
}

/* The running thread wakes an idle one, which waits for that futex: hands on the request that it has read. */
WW_GLOBAL5(int, ww_relay, T, t, T, idle, N, futex, N, sp, N, now)
{
	struct ww_request *r = t ? ww_request_get(t->ref) : NULL;
	struct ww_cause cause = {.kind = WW_KIND_OTHER};
	bool told;
	struct ww_request *own = idle ? ww_request_get(idle->ref) : NULL;
	if (!t || !idle || !r || (own && ww_owns(own, idle->tid)) || ww_request_get(idle->home))
		return 0;
	/* The lock is handed on, too. */
	if (ww_interpreter_waits(bpf_get_current_pid_tgid() >> 32, futex, sp, &cause, &told))
		return 0;
	ww_interval_ran(t, now);
	if (r->mark == t->start)
		ww_give(r, t);
	ww_interval_reset(t, now);
	t->relays = 1;
	t->ref = 0;
	t->home = 0;
	r->owner = 0;
	r->state = WW_STATE_WAIT;
	r->hint = (struct ww_cause){.kind = WW_KIND_QUEUE};
	r->relayed = 1;
	idle->gift = r->account.id;
	return 0;
}

/* The thread, which was woken for the request, is to run: it goes on with it, unless another one has begun to. */
static __always_inline void ww_relay_taken(struct ww_thread *t, struct ww_request *r)
{
	if (r->state != WW_STATE_WAIT || r->mark != t->waking || (t->off != WW_OFF_IDLE && t->off != WW_OFF_BLOCKED))
		return;
	t->off = WW_OFF_BLOCKED;
	ww_attach(t, r, t->tid, r->mark);
}

#endif
