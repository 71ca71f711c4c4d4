// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The sockets' part: when bytes arrive, who reads and who sends them, and what ends. Says whose a thread's time was.
 */
#include "again.bpf.h"
#include "aside.bpf.h"
#include "begins.bpf.h"
#include "compat.bpf.h"
#include "conn.bpf.h"
#include "queue.bpf.h"
#include "select.bpf.h"
#include "stream.bpf.h"
#include "turn.bpf.h"
#include "upstream.bpf.h"
#include "walk.bpf.h"

#define MSG_PEEK     2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000

enum {
	WW_EAGAIN = 11,
	WW_EPIPE = 32,
	WW_ECONNRESET = 104,
};

static __always_inline int ww_data_ready(struct sock *sk)
{
	if (ww_starting)
		return 0;
	struct ww_conn *conn = ww_conn_get(sk);
	if (!conn) {
		conn = ww_conn_of_server(sk);
		if (!conn)
			return 0;
	}
	if (conn->protocol == WW_PROTOCOL_OTHER || (conn->ready && conn->role != WW_ROLE_SERVER))
		return 0;
	u32 arrived = 0;
	if (!ww_arrived(sk, &arrived))
		return 0;
	if (!conn->ready) {
		conn->ready = bpf_ktime_get_ns();
		conn->newest = 0;
		struct ww_request *r = ww_request_get(conn->awaited ? conn->first : 0);
		if (r)
			ww_answer_arrived(conn, r, conn->ready);
	} else if (arrived != conn->arrived) {
		conn->newest = bpf_ktime_get_ns();
		conn->newest_at = conn->arrived;
	}
	conn->arrived = arrived;
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(ww_sk_data_ready, struct sock *sk)
{
	ww_preempt_off();
	ww_data_ready(sk);
	ww_preempt_on();
	return 0;
}

/* Before 40e0b0908142 ("net/sock: Introduce trace_sk_data_ready()", 6.3). */
SEC("?fentry/sock_def_readable")
int BPF_PROG(ww_sock_def_readable, struct sock *sk)
{
	return ww_data_ready(sk);
}

/* ---- server side ---- */

static __always_inline void ww_touch_client(struct ww_touch *touch, const struct ww_thread *t,
					    const struct ww_conn *conn, u32 nr, bool receive)
{
	touch->kind = WW_KIND_CLIENT;
	touch->type = WW_DETAIL_NONE;
	touch->value = 0;
	touch->receive = receive;
	touch->ready = conn->ready;
	touch->blocked = conn->tx_blocked || (t->home && t->off_nr == nr);
}

/* Names the server's own end, once a connection. */
static __noinline void ww_conn_name(struct ww_conn *conn, struct sock *sk)
{
	struct ww_peer peer;
	__builtin_memset(&peer, 0, sizeof(peer));
	u16 family = sk->__sk_common.skc_family;
	if (family == AF_UNIX) {
		if (!ww_peer_unix(&peer, (struct unix_sock *)sk))
			return;
	} else {
		peer.family = family;
		peer.port = sk->__sk_common.skc_num;
		conn->port = peer.port;
	}
	conn->peer = ww_peer_intern(&peer);
}

/* First bytes of a server's connection: HTTP, something that is counted as unreadable, or something else. */
static __always_inline void ww_conn_classify(struct ww_conn *conn, struct sock *sk, struct ww_message *m, u64 len)
{
	struct ww_first first;
	const u8 *b = first.b;
	u32 n = ww_message_peek(m, len, &first);
	u16 port = sk->__sk_common.skc_family == AF_UNIX ? 0 : sk->__sk_common.skc_num;
	if (n > 1 && b[0] == 0x16 && b[1] == 0x03) {
		ww_unreadable_count(port, WW_UNREADABLE_TLS);
		conn->protocol = WW_PROTOCOL_OTHER;
	} else if (n >= 14 && *(u64 *)b == 0x5448202a20495250ull && b[11] == '2') { /* PRI * HTTP/2.0 */
		ww_unreadable_count(port, WW_UNREADABLE_HTTP2);
		conn->protocol = WW_PROTOCOL_OTHER;
	} else if (ww_begins_fastcgi(&first, n)) {
		conn->protocol = ww_selected(port) ? WW_PROTOCOL_FASTCGI : WW_PROTOCOL_OTHER;
		if (conn->protocol == WW_PROTOCOL_FASTCGI)
			ww_conn_name(conn, sk);
	} else if (n && (conn->unseen ? ww_begins_request(&first, n) : ww_begins_token(&first, n))) {
		conn->protocol = ww_selected(port) ? WW_PROTOCOL_MAYBE : WW_PROTOCOL_OTHER;
		if (conn->protocol == WW_PROTOCOL_MAYBE)
			ww_conn_name(conn, sk);
	} else if (conn->unseen && ++conn->tries) {
		/* The rest of a request that was under way: the next one may begin with the next read. */
		if (conn->tries == 1 && ww_selected(port))
			ww_count(WW_COUNT_HALF_SEEN);
	} else {
		/* By io_uring and the like: what it is can't be told, and that is said. */
		if (!m->readable && ww_selected(port))
			ww_count(WW_COUNT_USER_READ_FAILED);
		conn->protocol = WW_PROTOCOL_OTHER;
	}
}

/* Loses the framing of a connection: its open requests are counted, none is recorded with half an account. */
static __always_inline void ww_call_lost(struct ww_call *c)
{
	struct ww_conn *conn = c->conn;
	ww_exchange_drop(conn, c->moved->not_http ? WW_COUNTER_COUNT : WW_COUNT_STREAM_LOST);
	if (c->moved->not_http && conn->unseen) {
		conn->protocol = WW_PROTOCOL_NEW;
		conn->http.streams[WW_RX].state = WW_STREAM_START;
		conn->http.carried[WW_RX] = 0;
	}
}

static __always_inline void ww_server_received(struct sock *sk, struct ww_conn *conn, int len, int flags, u64 now)
{
	struct ww_call c;
	struct task_struct *task = ww_current();
	u32 direction = WW_RX;
	struct ww_window *w = ww_window_of(direction);
	if (!w || !ww_call_begin(&c, conn, direction, ww_field(task, tgid), now))
		return;
	ww_message_find(&w->message, task, WW_MESSAGE_RX);
	/* TCP then discards the bytes: the buffer holds something else. */
	if (flags & MSG_TRUNC && sk->__sk_common.skc_family != AF_UNIX)
		w->message.readable = false;
	w->message.total = len;
	ww_stream_read(conn, sk, len);
	c.moved->lost = conn->lost;
	if (conn->protocol == WW_PROTOCOL_NEW) {
		ww_conn_classify(conn, sk, &w->message, len);
		if (conn->protocol != WW_PROTOCOL_MAYBE && conn->protocol != WW_PROTOCOL_FASTCGI) {
			conn->ready = 0;
			return;
		}
	}
	c.thread = ww_thread_make(task, now);
	if (!c.thread) {
		conn->protocol = WW_PROTOCOL_OTHER;
		return;
	}
	c.moved->arrival = conn->ready;
	if (!c.moved->arrival || c.moved->arrival > now) {
		c.moved->arrival = now;
		c.moved->arrival_unknown = 1;
	}

	struct ww_touch touch;
	ww_cork_ends(c.thread, now);
	ww_loop_read(c.thread, conn);
	ww_phase_reads(c.thread, conn);
	ww_touch_client(&touch, c.thread, conn, w->message.nr, true);
	/* More of a request that is being read already. */
	struct ww_request *r = ww_request_get(conn->first);
	bool more = r && conn->http.reading == conn->first;
	if (more)
		ww_touched(c.thread, r, &touch, now);

	ww_window_load(w, &conn->http, direction);
	bool all = c.moved->lost || ww_receive_all(&c);
	ww_window_store(w, &conn->http.streams[direction]);
	if (!all) {
		ww_count(WW_COUNT_PARSE_BUDGET);
		c.moved->lost = 1;
	}
	if (c.moved->lost) {
		ww_call_lost(&c);
		return;
	}
	if (ww_waiting(sk)) {
		ww_stream_rest(conn);
	} else {
		conn->ready = 0;
		conn->newest = 0;
	}
	r = ww_request_get(conn->first);
	if (r && r->state == WW_STATE_READY)
		ww_touched(c.thread, r, &touch, now);
	if (!r)
		return;
	ww_request_worker(r, &c);
	if (ww_go_is(c.thread))
		ww_goroutine_serves(r, more);
	else if (ww_tasks_known && !more)
		ww_tasks_serves(r->account.id);
}

#define SOCK_NOSPACE 2 /* bit of struct socket.flags: a send found the buffer full, and nothing made room since */

/* Whether a send of `len` bytes left something that did not fit; room may have been made again already. */
static __always_inline bool ww_send_held_up(struct sock *sk, struct ww_message *m, u64 len)
{
	struct socket *socket = sk->sk_socket;
	if (socket && socket->flags >> SOCK_NOSPACE & 1)
		return true;
	return ww_message_cut(m, len);
}

/* Notes whether the client holds up a response of which `len` bytes were sent. */
static __always_inline void ww_response_goes_on(struct ww_conn *conn, struct sock *sk, struct ww_message *m, u64 len)
{
	/* Between two responses there is nothing that could not be sent. */
	conn->tx_blocked = conn->http.streams[WW_TX].state != WW_STREAM_START && ww_send_held_up(sk, m, len);
	struct ww_request *r = ww_request_get(conn->tx_blocked ? conn->first : 0);
	if (r)
		r->client |= WW_CLIENT_READS;
}

/* More of a body, as most sends are: nothing of the message is looked at. False when there is more to it. */
static __always_inline bool ww_body_sent(struct ww_call *c, struct ww_request *r, u32 len)
{
	struct ww_stream *s = &c->conn->http.streams[WW_TX];
	if (s->state != WW_STREAM_BODY || len > s->left)
		return false;
	s->left -= len;
	r->account.bytes_out += len;
	if (s->left)
		return true;
	s->state = s->chunked ? WW_STREAM_CHUNK : WW_STREAM_START;
	if (!s->chunked)
		ww_exchange_end(c, r);
	return true;
}

static __always_inline void ww_server_sent(struct sock *sk, struct ww_conn *conn, int len)
{
	struct ww_request *r = ww_request_get(conn->first);
	if (!r && !conn->http.unaccounted)
		return; /* a response to a request that was not seen */
	u32 direction = WW_TX;
	struct ww_window *w = ww_window_of(direction);
	struct ww_call c;
	struct task_struct *task = ww_current();
	ww_executor_before(task);
	u64 now = bpf_ktime_get_ns();
	if (!w || !ww_call_begin(&c, conn, direction, ww_field(task, tgid), now))
		return;
	c.thread = ww_thread_make(task, now);
	if (!c.thread)
		return;
	ww_cork_ends(c.thread, now);
	c.moved->corked = ww_cork_of(sk);
	if (r)
		r->client &= ~WW_CLIENT_READS;
	if (r && (ww_virtual_any || ww_tokio_any)) {
		ww_go_is(c.thread);
		ww_goroutine_ends(c.thread, r);
	}
	if (r && len > 0 && ww_goes_on(c.thread, r, c.thread->tid)) {
		c.moved->untouched = 1;
		if (ww_body_sent(&c, r, len)) {
			if (conn->http.streams[WW_TX].state != WW_STREAM_START)
				ww_message_find(&w->message, task, WW_MESSAGE_TX);
			ww_response_goes_on(conn, sk, &w->message, len);
			return;
		}
	}
	ww_message_find(&w->message, task, WW_MESSAGE_TX);
	if (r && !c.moved->untouched) {
		struct ww_touch touch;
		ww_touch_client(&touch, c.thread, conn, w->message.nr, false);
		ww_ref found = ww_carrier_found(c.thread, r);
		if (found)
			ww_carrier_answered(c.thread, r, found, c.thread->tid, now);
		ww_touched(c.thread, r, &touch, now);
		if (conn->http.streams[WW_TX].state == WW_STREAM_START) {
			ww_aside_answers(c.thread, r);
			ww_fork_answers(r);
		}
	}
	if (len <= 0) {
		conn->tx_blocked = len == -WW_EAGAIN;
		if (r && conn->tx_blocked)
			r->client |= WW_CLIENT_READS;
		return;
	}
	w->message.total = len;
	if (conn->http.reading)
		ww_stream_answered(conn, sk);

	ww_window_load(w, &conn->http, direction);
	bool all = ww_send_all(&c);
	ww_window_store(w, &conn->http.streams[direction]);
	if (!all) {
		ww_count(WW_COUNT_PARSE_BUDGET);
		c.moved->lost = 1;
	}
	if (c.moved->lost) {
		ww_call_lost(&c);
		return;
	}
	ww_response_goes_on(conn, sk, &w->message, len);
	if (ww_go_is(c.thread))
		ww_goroutine_serves(ww_request_get(conn->first), false);
	if (conn->http.streams[WW_TX].state == WW_STREAM_CLOSE) {
		r = ww_request_get(conn->first);
		if (r) {
			ww_exchange_charge(&c, r);
			ww_snapshot_take(r);
		}
	}
}

/* The connection ends: what is open on it ends with it. In the closing task's context. */
static __always_inline void ww_server_closed(struct ww_conn *conn, u64 now)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!ww_turn_begin(conn))
		return;
	for (u32 i = 0; i < WW_PIPELINED_MAX / WW_PIPELINED_SOME; i++) {
		if (!ww_exchange_abort_some(conn, t, now))
			break;
	}
	conn->protocol = WW_PROTOCOL_OTHER;
	ww_turn_end(conn);
}

/* ---- both sides ---- */

static __always_inline int ww_socket_received(struct sock *sk, int len, int flags)
{
	if (flags & (MSG_PEEK | MSG_ERRQUEUE) || ww_starting)
		return 0;
	struct ww_conn *conn = ww_conn_get(sk);
	if (len < 0) {
		if (len == -WW_EAGAIN && conn && conn->role == WW_ROLE_CLIENT)
			ww_upstream_tried(conn);
		return 0;
	}
	/* That its first bytes arrived may not have been seen: a program within another is left out. */
	if (!conn && sk->__sk_common.skc_family == AF_UNIX)
		conn = ww_conn_of_server(sk);
	if (!len) {
		/* The client sends no more: a request that is not whole never will be. */
		if (conn && conn->first && conn->role == WW_ROLE_SERVER && conn->http.reading == conn->first)
			ww_server_closed(conn, bpf_ktime_get_ns());
		return 0;
	}
	if (conn && conn->role == WW_ROLE_SERVER) {
		if (conn->protocol == WW_PROTOCOL_OTHER)
			ww_phase_strays(ww_thread_get(ww_current()));
		if (conn->protocol == WW_PROTOCOL_OTHER || !ww_turn_begin(conn))
			return 0;
		ww_server_received(sk, conn, len, flags, bpf_ktime_get_ns());
		ww_turn_end(conn);
		return 0;
	}
	if (!ww_queue_receives(sk, conn, len))
		ww_upstream_received(sk, conn, len);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(ww_sock_recv_length, struct sock *sk, int len, int flags)
{
	ww_preempt_off();
	ww_socket_received(sk, len, flags);
	ww_seen();
	ww_preempt_on();
	return 0;
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(ww_sock_recv_length_again, struct sock *sk, int len, int flags)
{
	if (!ww_unseen(sk))
		return 0;
	ww_preempt_off();
	ww_socket_received(sk, len, flags);
	ww_preempt_on();
	return 0;
}

static __always_inline int ww_socket_sent(struct sock *sk, int len)
{
	if (ww_starting)
		return 0;
	struct ww_conn *conn = ww_conn_get(sk);
	if (conn && conn->role == WW_ROLE_SERVER) {
		if (conn->protocol != WW_PROTOCOL_HTTP && conn->protocol != WW_PROTOCOL_FASTCGI)
			return 0;
		if (len == -WW_EPIPE || len == -WW_ECONNRESET) {
			ww_server_closed(conn, bpf_ktime_get_ns()); /* the client is gone */
		} else if (ww_turn_begin(conn)) {
			ww_server_sent(sk, conn, len);
			ww_turn_end(conn);
		}
		return 0;
	}
	if (len > 0 && !ww_queue_sends(sk, conn, len))
		ww_upstream_sent(sk, conn, len);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(ww_sock_send_length, struct sock *sk, int len, int flags)
{
	ww_preempt_off();
	ww_socket_sent(sk, len);
	ww_seen();
	ww_preempt_on();
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(ww_sock_send_length_again, struct sock *sk, int len, int flags)
{
	if (!ww_unseen(sk))
		return 0;
	ww_preempt_off();
	ww_socket_sent(sk, len);
	ww_preempt_on();
	return 0;
}

/*
 * Before 6e6eda44b939 ("sock: add tracepoint for send recv length", 6.3): what sockets call by their operations, so
 * that no compiler has inlined it.
 */
#define WW_RECVMSG(function)                                                                                           \
	SEC("?fexit/" #function)                                                                                       \
	int BPF_PROG(ww_##function, struct socket *sock, struct msghdr *msg, u64 size, int flags, int len)             \
	{                                                                                                              \
		return ww_socket_received(sock->sk, len, flags);                                                       \
	}
WW_RECVMSG(inet_recvmsg)
WW_RECVMSG(inet6_recvmsg)
WW_RECVMSG(unix_stream_recvmsg)

#define WW_SENDMSG(function)                                                                                           \
	SEC("?fexit/" #function)                                                                                       \
	int BPF_PROG(ww_##function, struct socket *sock, struct msghdr *msg, u64 size, int len)                        \
	{                                                                                                              \
		return ww_socket_sent(sock->sk, len);                                                                  \
	}
WW_SENDMSG(inet_sendmsg)
WW_SENDMSG(inet6_sendmsg)
WW_SENDMSG(unix_stream_sendmsg)

/* sendfile() and splice() had their own before dc97391e6610 ("sock: Remove ->sendpage*() in favour ..", 6.5). */
#define WW_SENDPAGE(function)                                                                                          \
	SEC("?fexit/" #function)                                                                                       \
	int BPF_PROG(ww_##function, struct socket *sock, struct page *page, int offset, u64 size, int flags, int len)  \
	{                                                                                                              \
		return ww_socket_sent(sock->sk, len);                                                                  \
	}
WW_SENDPAGE(inet_sendpage)
WW_SENDPAGE(unix_stream_sendpage)

static __always_inline void ww_state_set(struct sock *sk, int from, int to)
{
	struct ww_conn *conn;
	switch (to) {
	case WW_TCP_SYN_SENT:
		ww_upstream_connecting(sk);
		break;
	case WW_TCP_ESTABLISHED:
		/* One that connected to itself, or at once with its peer, was in SYN_RECV too. */
		conn = ww_conn_get(sk);
		if (conn) {
			conn->sent = bpf_ktime_get_ns();
			if (conn->number)
				ww_traffic_state(conn, 0, WW_TRAFFIC_CONNECTED, 0);
		} else if (from == WW_TCP_SYN_RECV) {
			ww_conn_create(sk, WW_ROLE_SERVER);
		}
		break;
	case WW_TCP_CLOSE:
		conn = ww_conn_get(sk);
		if (!conn)
			break;
		if (from == WW_TCP_SYN_SENT)
			ww_conn_unawaited(conn);
		ww_upstream_closed(conn, sk);
		break;
	case WW_TCP_FIN_WAIT1:
	case WW_TCP_LAST_ACK:
		conn = ww_conn_get(sk);
		if (!conn)
			break;
		if (conn->first && conn->role == WW_ROLE_SERVER)
			ww_server_closed(conn, bpf_ktime_get_ns());
		ww_upstream_closed(conn, sk);
		break;
	}
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(ww_inet_sock_set_state, struct sock *sk, int from, int to)
{
	if (sk->sk_type != SOCK_STREAM || ww_starting)
		return 0;
	ww_preempt_off();
	ww_state_set(sk, from, to);
	ww_preempt_on();
	return 0;
}

/* Reached by every TCP socket, also after a reset, when its last user lets go of it. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(ww_tcp_destroy_sock, struct sock *sk)
{
	struct ww_conn *conn = ww_conn_get(sk);
	if (conn && conn->first && conn->role == WW_ROLE_SERVER) {
		ww_preempt_off();
		ww_server_closed(conn, bpf_ktime_get_ns());
		ww_preempt_on();
	}
	if (ww_by_hand)
		ww_conn_forget(sk);
	return 0;
}

/* State that is kept by hand goes with the socket. These are called by pointers, so that no compiler has inlined them.
 */
SEC("?fentry/inet_sock_destruct")
int BPF_PROG(ww_inet_sock_destruct, struct sock *sk)
{
	ww_conn_forget(sk);
	return 0;
}

SEC("?fentry/unix_sock_destructor")
int BPF_PROG(ww_unix_sock_destructor, struct sock *sk)
{
	ww_conn_forget(sk);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
