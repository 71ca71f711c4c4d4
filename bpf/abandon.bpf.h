/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests that end without their response's end: their connection is closed, or can't be followed any more. */
#ifndef WHYWAIT_ABANDON_H
#define WHYWAIT_ABANDON_H

#include "exchange.bpf.h"

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
		ww_request_free(r);
		return 1;
	}
	struct ww_touch touch = {.kind = WW_KIND_CLIENT};
	touch.receive = http->reading == id;
	touch.ready = conn->ready;
	if (t && t->ref == id)
		ww_touched(t, r, &touch, now);
	else if (t)
		ww_charge_gap(r, t, &touch, now);
	else
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, now);
	if (t) {
		t->ended_at = now;
		if (t->ref == id)
			t->ref = 0;
	}
	if (http->reading == id)
		r->account.bytes_in += http->carried[WW_RX];
	if (http->streams[WW_TX].state == WW_STREAM_CLOSE && r->sent.end_ns)
		ww_snapshot_restore(r);
	else
		r->account.flags |= WW_FLAG_ABORTED;
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
