/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a server is in the stream that TCP has for it: what it took by calls that are not traced, and which of several
 * arrivals its bytes are from.
 */
#ifndef WHYWAIT_STREAM_H
#define WHYWAIT_STREAM_H

#include "global.bpf.h"

/* How many of the newest bytes have been read. */
static __always_inline u32 ww_newest_read(const struct ww_conn *conn)
{
	s32 len = conn->copied - conn->newest_at;
	return conn->newest && len > 0 ? len : 0;
}

/*
 * Bytes that were taken by no call that is traced, splice() or TCP_ZEROCOPY_RECEIVE, since the read before, but for the
 * `read` last ones.
 */
static __always_inline u32 ww_taken_unseen(const struct ww_conn *conn, u32 read)
{
	if (conn->stream != WW_STREAM_PLAIN || conn->protocol == WW_PROTOCOL_NEW)
		return 0;
	s32 unseen = conn->copied - read - conn->read_to;
	return unseen > 0 ? unseen : 0;
}

/* Counts them as read; 1 when they were not just a part of a body: what they were can't be told. */
WW_GLOBAL2(int, ww_stream_skip, C, conn, N, len)
{
	if (!conn || !len)
		return 0;
	struct ww_http *http = &conn->http;
	struct ww_stream *rx = &http->streams[WW_RX];
	struct ww_request *r = ww_request_get(http->reading);
	if (rx->state != WW_STREAM_BODY || rx->left < len)
		return 1;
	if (r)
		r->account.bytes_in += len;
	rx->left -= len;
	if (!rx->left) {
		rx->state = rx->chunked ? WW_STREAM_CHUNK : WW_STREAM_START;
		http->reading = rx->chunked ? http->reading : 0;
		if (r && !http->reading)
			r->client = 0;
	}
	return 0;
}

#define SOCK_DONE 1 /* bit of struct sock_common.skc_flags: the peer's FIN has come */

static __always_inline bool ww_stream_at(struct ww_conn *conn, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	conn->stream = WW_STREAM_NONE;
	if (!tp)
		return false;
	conn->copied = tp->copied_seq;
	/* A FIN is numbered like a byte, and read with the last ones when it came before they were. */
	if (sk->__sk_common.skc_flags >> SOCK_DONE & 1 && tp->copied_seq == tp->rcv_nxt)
		conn->copied--;
	conn->stream = tp->inet_conn.icsk_ulp_ops ? WW_STREAM_OTHER : WW_STREAM_PLAIN;
	return true;
}

/*
 * Notes how far TCP's stream has been read by a call that read `len` bytes. The findings stay in the connection: what
 * comes from memory is unknown to the verifier, so it looks at what follows once and not for each case.
 */
static __noinline void ww_stream_read(struct ww_conn *conn, struct sock *sk, u32 len)
{
	conn->newest_read = 0;
	conn->lost = 0;
	if (!ww_stream_at(conn, sk))
		return;
	if (conn->newest)
		conn->newest_read = ww_newest_read(conn);
	if (conn->copied - len != conn->read_to)
		conn->lost = ww_stream_skip(conn, ww_taken_unseen(conn, len));
	conn->read_to = conn->copied;
}

/* A response is sent while its request is being read still: how much of that was taken unseen since the last read. */
static __noinline void ww_stream_answered(struct ww_conn *conn, struct sock *sk)
{
	conn->taken = ww_stream_at(conn, sk) ? ww_taken_unseen(conn, 0) : 0;
}

/* Bytes are left unread behind those that were read: the newest, when all others have been. */
WW_GLOBAL1(int, ww_stream_rest, C, conn)
{
	if (conn && conn->stream && conn->newest && (s32)(conn->copied - conn->newest_at) >= 0) {
		conn->ready = conn->newest;
		conn->newest = 0;
	}
	return 0;
}

#endif
