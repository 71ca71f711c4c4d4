/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Responses that are held back. A server that has set TCP_CORK, as Puma does for each response, gives the kernel all of
 * a response's bytes, and the last of them leave when it takes the cork out. In between its thread may wait: in Ruby
 * for the interpreter's lock. The request ends when the bytes leave. No trace point tells that: it is seen when the
 * thread next leaves its CPU or touches a socket, and TCP knows when it was.
 */
#ifndef WHYWAIT_CORK_H
#define WHYWAIT_CORK_H

#include "account.bpf.h"
#include "request.bpf.h"

#define TCP_NAGLE_CORK 2

/* Its struct tcp_sock, where a socket's bytes wait for the cork to be taken out; 0: they do not. */
static __always_inline u64 ww_cork_of(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool in = tp && BPF_CORE_READ_BITFIELD(tp, nonagle) & TCP_NAGLE_CORK && tp->write_seq != tp->snd_nxt;
	return in ? (u64)tp : 0;
}

/*
 * The response to `r` is whole, and is held back by the cork of `tcp`: the request, which is charged up to `now` and
 * has no connection any more, stays its thread's. False where others than that may work for it.
 */
static __always_inline bool ww_cork_holds(struct ww_thread *t, struct ww_request *r, u64 tcp, u64 now)
{
	if (t->go || r->helper || !ww_owns(r, t->tid) || r->mark != t->start)
		return false;
	t->ref = r->account.id;
	t->corks = r->account.id;
	t->corked = tcp;
	t->corked_at = now;
	t->corked_end = BPF_CORE_READ((struct tcp_sock *)tcp, write_seq);
	return true;
}

/* When the bytes have left, which they had not when the thread last went on a CPU: TCP has that in microseconds. */
static __always_inline u64 ww_cork_left(struct ww_thread *t, struct ww_request *r, struct tcp_sock *tp, u64 now)
{
	u64 left = BPF_CORE_READ(tp, first_tx_mstamp) * 1000;
	if (left + 1000 > t->mark)
		return left < t->mark ? t->mark : left < now ? left : now;
	/* It was another thread that took the cork out, or the kernel, which has a timer for that. */
	if (left > t->corked_at) {
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		return t->mark;
	}
	/* That is of bytes before these, of which some have not come to the client yet. */
	left = BPF_CORE_READ(tp, tcp_mstamp) * 1000;
	if (left <= t->mark)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	return left > t->mark && left < now ? left : now;
}

/*
 * Ends what the thread holds back, if its bytes have left by now, or if it turns to something else (`last`): then
 * nobody will see when they do.
 */
WW_GLOBAL3(int, ww_cork_look, T, t, N, now, N, last)
{
	if (!t)
		return 0;
	struct tcp_sock *tp = (struct tcp_sock *)t->corked;
	struct ww_request *r = ww_request_get(t->corks);
	/*
	 * Where another thread has closed it, another connection may have its place since. A FIN behind the bytes takes
	 * a place in the stream itself.
	 */
	bool same = BPF_CORE_READ(tp, write_seq) - t->corked_end <= 1;
	bool in = same && BPF_CORE_READ_BITFIELD_PROBED(tp, nonagle) & TCP_NAGLE_CORK &&
		  (s32)(t->corked_end - BPF_CORE_READ(tp, snd_nxt)) > 0;
	if (r && in && !last)
		return 0;
	t->corked = 0;
	if (!r)
		return 0;
	if (!same)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	u64 left = in || !same ? now : ww_cork_left(t, r, tp, now);
	ww_interval_ran(t, left);
	if (t->ref == t->corks && ww_owns(r, t->tid) && r->mark == t->start) {
		ww_give(r, t);
	} else {
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, left);
	}
	ww_interval_reset(t, left);
	if (t->ref == t->corks)
		t->ref = 0;
	t->ended_at = left;
	ww_request_close(r);
	return 0;
}

/* The running thread turns to something else. */
static __always_inline void ww_cork_ends(struct ww_thread *t, u64 now)
{
	if (t->corked)
		ww_cork_look(t, now, true);
}

#endif
