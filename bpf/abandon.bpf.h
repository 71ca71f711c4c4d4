/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests that end without their response's end: their connection is closed, or can't be followed any more. */
#ifndef WHYWAIT_ABANDON_H
#define WHYWAIT_ABANDON_H

#include "exchange.bpf.h"

/* Whether the caller is to end a request that ends so, of any program: a goroutine's may just be charged elsewhere. */
static __always_inline bool ww_abandons(struct ww_request *r, u64 ended)
{
	return !r->goroutine || ww_hold_to_end(r, ended);
}

/* Forgets the first request of a connection, without a record, and counts that; false when there is none. */
WW_GLOBAL2(int, ww_exchange_forget, C, conn, N, counter)
{
	if (!conn)
		return 0;
	struct ww_request *r = ww_request_get(conn->first);
	if (!r)
		return 0;
	conn->first = r->next;
	conn->http.open--;
	if (ww_abandons(r, 0))
		ww_request_free(r);
	if (counter < WW_COUNTER_COUNT)
		ww_count(counter);
	return 1;
}

WW_GLOBAL2(int, ww_exchange_forget_some, C, conn, N, counter)
{
	for (u32 i = 0; i < WW_PIPELINED_SOME; i++) {
		if (!ww_exchange_forget(conn, counter))
			return 0;
	}
	return 1;
}

/*
 * Gives the connection's requests up without records: their framing is lost, or they were no HTTP after all. Each is
 * counted, unless `counter` is WW_COUNTER_COUNT.
 */
WW_GLOBAL2(int, ww_exchange_drop, C, conn, N, counter)
{
	if (!conn)
		return 0;
	/* With no request open, what it will carry is lost all the same. */
	if (counter < WW_COUNTER_COUNT && !ww_request_get(conn->first))
		ww_count(counter);
	for (u32 i = 0; i < WW_PIPELINED_MAX / WW_PIPELINED_SOME; i++) {
		if (!ww_exchange_forget_some(conn, counter))
			break;
	}
	conn->first = 0;
	conn->last = 0;
	conn->http.reading = 0;
	conn->http.unaccounted = 0;
	conn->http.open = 0;
	conn->protocol = WW_PROTOCOL_OTHER;
	return 0;
}

/* Ends the first request of a connection that is closed, by the current thread (`t`, which may be NULL). */
WW_GLOBAL3(int, ww_exchange_abort, C, conn, T, t, N, now)
{
	if (!conn)
		return 0;
	struct ww_http *http = &conn->http;
	struct ww_request *r = ww_request_get(conn->first);
	if (!r)
		return 0;
	ww_ref id = r->account.id;
	conn->first = r->next;
	http->open--;
	if (!r->account.method[0]) {
		ww_count(WW_COUNT_HEAD_ABANDONED);
		if (ww_abandons(r, 0))
			ww_request_free(r);
		return 1;
	}
	struct ww_touch touch = {.kind = WW_KIND_CLIENT};
	touch.receive = http->reading == id;
	touch.ready = conn->ready;
	bool whole = http->streams[WW_TX].state == WW_STREAM_CLOSE && r->sent.end_ns;
	bool own = t && t->ref == id;
	if (own)
		ww_touched(t, r, &touch, now);
	if (http->reading == id)
		r->account.bytes_in += http->carried[WW_RX];
	if (!whole)
		r->account.flags |= WW_FLAG_ABORTED;
	bool ends = ww_abandons(r, now);
	if (ends && t && !own)
		ww_charge_gap(r, t, &touch, now);
	else if (ends)
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, now);
	if (t) {
		t->ended_at = now;
		if (own)
			t->ref = 0;
	}
	if (ends && whole)
		ww_snapshot_restore(r);
	if (ends)
		ww_request_close(r);
	return 1;
}

WW_GLOBAL3(int, ww_exchange_abort_some, C, conn, T, t, N, now)
{
	for (u32 i = 0; i < WW_PIPELINED_SOME; i++) {
		if (!ww_exchange_abort(conn, t, now))
			return 0;
	}
	return 1;
}

#endif
