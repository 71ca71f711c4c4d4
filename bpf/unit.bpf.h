/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Units of work that are no requests, on one thread each: calls of functions (unit.bpf.c), messages of queues
 * (queue.bpf.h).
 */
#ifndef WHYWAIT_UNIT_H
#define WHYWAIT_UNIT_H

#include "account.bpf.h"
#include "cause.bpf.h"
#include "elsewhere.bpf.h"
#include "goroutine.bpf.h"
#include "select.bpf.h"

/* An account from `start` on, for the process that runs; `what` of the units that the flag tells of. */
static __noinline struct ww_request *ww_unit_new(u64 start, u16 flag, u32 what)
{
	struct ww_request *r = ww_request_open(start);
	if (!r) {
		ww_count(WW_COUNT_REQUEST_TABLE_FULL);
		return NULL;
	}
	struct ww_account *a = &r->account;
	u64 id = bpf_get_current_pid_tgid();
	a->tgid = id >> 32;
	a->tid = id;
	a->cgroup_id = bpf_get_current_cgroup_id();
	bpf_get_current_comm(a->comm, sizeof(a->comm));
	a->method[0] = 'c'; /* what has one is no request that was given up in its head */
	a->flags = flag;
	a->local = what;
	ww_units_any = 1;
	return r;
}

/* It ends now, on its thread, which runs. */
static __always_inline void ww_unit_close(struct ww_thread *t, struct ww_request *r, u64 now)
{
	struct ww_touch touch = {.kind = WW_KIND_OTHER};
	ww_touched(t, r, &touch, now);
	t->unit = 0;
	t->ref = 0;
	t->home = 0;
	ww_request_close(r);
}

/*
 * A thread that takes messages by AMQP begins to wait for sockets. Nothing is sent for the next message there, so where
 * it waits when it has none tells that it has done with the last one.
 */
WW_GLOBAL2(int, ww_unit_waits, T, t, N, where)
{
	if (!t)
		return 0;
	struct ww_request *r = ww_request_get(t->unit);
	if (!r) {
		t->idle_wait = where;
		return 0;
	}
	/* What was asked for where it came from may be what it waits for. */
	if (!r->message || r->account.local != WW_SYSTEM_AMQP || r->outstanding || r->asked)
		return 0;
	/* Before the first message it was not followed: that it waits in epoll has to be enough. */
	if (t->idle_wait ? t->idle_wait != where : !ww_is_epoll(where >> 32))
		return 0;
	ww_elsewhere_ends(t, r);
	/* Up to here it ran. */
	u8 off = t->off;
	t->off = WW_OFF_NOT;
	ww_unit_close(t, r, t->mark);
	t->off = off;
	return 1;
}

#endif
