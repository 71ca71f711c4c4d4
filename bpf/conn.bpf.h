/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a socket is to this host's servers, and the state kept of it.
 */
#ifndef WHYWAIT_CONN_H
#define WHYWAIT_CONN_H

#include "storage.bpf.h"

enum {
	WW_TCP_ESTABLISHED = 1,
	WW_TCP_SYN_SENT = 2,
	WW_TCP_SYN_RECV = 3,
	WW_TCP_FIN_WAIT1 = 4,
	WW_TCP_CLOSE = 7,
	WW_TCP_CLOSE_WAIT = 8,
	WW_TCP_LAST_ACK = 9,
};

/*
 * Programs are attached one after the other. What one of them saw of a connection while another was not there yet would
 * be taken for all that there was: a request whose response went unseen would wait for that of the next one, for as
 * long as the connection lives. So nothing is looked at before all of them are there.
 */
__u8 ww_starting __weak = 0;

static __always_inline struct ww_conn *ww_conn_create(struct sock *sk, u8 role)
{
	struct ww_conn *conn = ww_conn_make(sk);
	if (!conn) {
		ww_count(WW_COUNT_SOCKET_STORAGE_FAILED);
		return NULL;
	}
	/* Who sent on it before it was known to be a server's has no part in what comes in on it. */
	if (conn->role != role)
		conn->first = 0;
	conn->role = role;
	return conn;
}

/* Bytes that arrived and were not read; for a unix socket, buffers. `*end`: where TCP's stream ends so far. */
static __always_inline u32 ww_arrived(struct sock *sk, u32 *end)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return sk->sk_receive_queue.qlen;
	u32 copied = tp->copied_seq, waiting = tp->rcv_nxt - copied;
	/* A FIN takes a sequence number of its own. */
	if (waiting && sk->__sk_common.skc_state == WW_TCP_CLOSE_WAIT)
		waiting--;
	*end = copied + waiting;
	return waiting;
}

static __always_inline u32 ww_waiting(struct sock *sk)
{
	u32 end;
	return ww_arrived(sk, &end);
}

/* Threads may count at the same time. */
static __always_inline void ww_outstanding(struct ww_request *r, int change)
{
	__sync_fetch_and_add(&r->outstanding, change);
}

/* Nobody waits for the connection any more that the request has made: it failed, or another one uses it. */
static __always_inline void ww_conn_unawaited(struct ww_conn *conn)
{
	struct ww_request *maker = ww_request_get(conn->first);
	if (maker && conn->awaited && maker->outstanding)
		ww_outstanding(maker, -1);
	conn->awaited = 0;
}

/* An answer that a request of a goroutine's waits for is there. */
static __always_inline void ww_answer_arrived(struct ww_conn *conn, struct ww_request *r, u64 now)
{
	if (!r->goroutine || r->anonymous)
		return;
	conn->counted = 1;
	__sync_fetch_and_add(&r->arrived, 1);
	if (r->arrived >= r->outstanding)
		r->complete_at = now;
}

static __always_inline bool ww_port_listens(u16 port)
{
	u32 word = port >> 6;
	u64 *bits = bpf_map_lookup_elem(&ww_listening, &word);
	return bits && *bits >> (port & 63) & 1;
}

/* The state of a server's connection whose establishment was not seen; NULL when it is no server's. */
static __always_inline struct ww_conn *ww_conn_of_server(struct sock *sk)
{
	u16 family = sk->__sk_common.skc_family;
	if (sk->sk_type != SOCK_STREAM)
		return NULL;
	if (family == AF_UNIX) {
		/* A connected socket with a name is the accepted end: it has its listener's. */
		if (!BPF_CORE_READ((struct unix_sock *)sk, addr) || sk->__sk_common.skc_state != WW_TCP_ESTABLISHED)
			return NULL;
	} else if ((family != AF_INET && family != AF_INET6) || sk->__sk_common.skc_state != WW_TCP_ESTABLISHED ||
		   !ww_port_listens(sk->__sk_common.skc_num)) {
		return NULL;
	}
	struct ww_conn *conn = ww_conn_create(sk, WW_ROLE_SERVER);
	/*
	 * An accepted one may be in mid-message. Nothing tells that a unix socket was just made; but those that were
	 * there before observation are known by now (unix.bpf.c).
	 */
	if (conn && sk->sk_socket && family != AF_UNIX)
		conn->unseen = 1;
	return conn;
}

#endif
