/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where programs of tracepoints may be preempted (compat.bpf.h), the kernel leaves a program out for a task that comes
 * while another one was stopped in the middle of it, on the same CPU: at its very end, as a rule, where preemption is
 * let in again. So there is a second copy of those for reads and sends, which comes after the first, and does what that
 * was left out for. It is seldom stopped itself: mostly it only sees that there is nothing to do.
 */
#ifndef WHYWAIT_AGAIN_H
#define WHYWAIT_AGAIN_H

#include "compat.bpf.h"
#include "storage.bpf.h"

/* The first copy notes that it ran. A task without state, after it has, had nothing that could be noted. */
static __always_inline void ww_seen(void)
{
	struct ww_thread *t = ww_preemptible ? ww_thread_get(ww_current()) : NULL;
	if (t)
		t->seen = 1;
}

/* The second copy asks whether the first one was left out, as far as that matters. */
static __always_inline bool ww_unseen(struct sock *sk)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (t && t->seen) {
		t->seen = 0;
		return false;
	}
	if (t || sk->__sk_common.skc_family == AF_UNIX)
		return true;
	struct ww_conn *conn = ww_conn_get(sk);
	return conn && conn->role == WW_ROLE_SERVER && conn->protocol != WW_PROTOCOL_OTHER;
}

#endif
