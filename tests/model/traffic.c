/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections: their clients, what threads do with them, and their ends. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define SERVER_PORT 8080
#define LEN(array)  (sizeof(array) / sizeof((array)[0]))

enum tcp {
	ESTABLISHED = 1,
	SYN_SENT = 2,
	SYN_RECV = 3,
	FIN_WAIT1 = 4,
	CLOSE = 7,
	CLOSE_WAIT = 8,
	LAST_ACK = 9,
};

static struct sock *sk_of(struct connection *c)
{
	return &c->sock.unix_sock.sk;
}

static u32 index_of(const struct connection *c)
{
	return (u32)(c - world.connections);
}

static bool is_server(const struct connection *c)
{
	return c->kind == CONNECTION_SERVER || c->kind == CONNECTION_SERVER_UNIX;
}

static bool is_upstream(const struct connection *c)
{
	return c->kind >= CONNECTION_UPSTREAM;
}

/* One of those for which `is` holds, and that it goes on with more often than others; NULL: there is none. */
static struct connection *draw_connection(bool (*is)(const struct connection *c))
{
	for (u32 i = 0; i < 2; i++) {
		if (world.busy[i] && world.busy[i]->kind && is(world.busy[i]) && host_draw(4))
			return world.busy[i];
	}
	struct connection *found[CONNECTIONS];
	u32 len = 0;
	for (u32 i = 0; i < world.connections_len; i++) {
		if (world.connections[i].kind && is(&world.connections[i]))
			found[len++] = &world.connections[i];
	}
	return len ? found[host_draw(len)] : NULL;
}

static bool is_none(const struct connection *c)
{
	return c->kind == CONNECTION_NONE;
}

/* A place for a new one: half of them are for servers. */
static struct connection *draw_free(bool server)
{
	u32 at = (u32)host_draw(world.connections_len);
	struct connection *c = &world.connections[at];
	return is_none(c) && at % 2 != server ? c : NULL;
}

static void set_state(struct connection *c, int to)
{
	struct sock *sk = sk_of(c);
	int from = sk->__sk_common.skc_state;
	if (!c->sock.is_tcp)
		return;
	ww_inet_sock_set_state(sk, from, to);
	sk->__sk_common.skc_state = to;
}

/* How much has arrived is known by the sequence numbers, or by the queue of a unix socket. */
static void show_arrived(struct connection *c)
{
	c->sock.tcp.rcv_nxt = c->sock.tcp.copied_seq + c->arrived_len + c->ended;
	sk_of(c)->sk_receive_queue.qlen = c->arrived_len ? 1 + c->arrived_len / 512 : 0;
}

static void append(u8 *buffer, u32 *len, const void *bytes, u32 bytes_len)
{
	if (*len + bytes_len > BUFFER)
		return;
	memcpy(buffer + *len, bytes, bytes_len);
	*len += bytes_len;
}

static void remove_first(u8 *buffer, u32 *len, u32 bytes_len)
{
	memmove(buffer, buffer + bytes_len, *len - bytes_len);
	*len -= bytes_len;
}

void traffic_accept(void)
{
	struct connection *c = draw_free(true);
	if (!c)
		return;
	memset(c, 0, sizeof(*c));
	int kind = host_draw(3) ? CONNECTION_SERVER : CONNECTION_SERVER_UNIX;
	world_note("accept %u, kind %d", index_of(c), kind);
	if (kind == CONNECTION_SERVER_UNIX) {
		host_unix_init(&c->peer, NULL, NULL);
		host_unix_init(&c->sock, "/run/app.sock", &c->peer);
		host_sock_accepted(&c->sock);
	} else {
		host_tcp_init(&c->sock, SERVER_PORT, 40000);
		/* That of a connection that was there before observation is not seen. */
		if (host_draw(8)) {
			sk_of(c)->__sk_common.skc_state = SYN_RECV;
			set_state(c, ESTABLISHED);
		}
		sk_of(c)->__sk_common.skc_state = ESTABLISHED;
		host_sock_accepted(&c->sock);
	}
	/* Before, no thread has it. */
	c->kind = kind;
	c->established = true;
}

static void destroy(struct connection *c)
{
	world_note("the end of %u", index_of(c));
	if (c->sock.is_tcp)
		ww_tcp_destroy_sock(sk_of(c));
	host_sock_end(&c->sock);
	host_sock_end(&c->peer);
	c->kind = CONNECTION_NONE;
}

/* Nothing on it is looked at any more. */
static bool is_given_up(const struct connection *c)
{
	const struct ww_conn *conn = host_conn((struct host_sock *)&c->sock);
	return conn && (conn->protocol == WW_PROTOCOL_OTHER || conn->http.streams[WW_TX].state == WW_STREAM_CLOSE);
}

static bool is_asked(const struct connection *c)
{
	const struct ww_conn *conn = host_conn((struct host_sock *)&c->sock);
	return is_server(c) && conn && conn->first;
}

/* A client's next message. */
void traffic_request(void)
{
	static const char *const messages[] = {
		"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /list?page=2 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
		"POST /b HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789",
		"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HEAD /d HTTP/1.0\r\n\r\n",
		"GET /e HTTP/1.1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
		"CONNECT h:1 HTTP/1.1\r\n\r\n",
	};
	static const char *const others[] = {"\r\n\r\n", "BAD\r\n", "\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
					     "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"};
	struct connection *c = draw_connection(is_server);
	if (c && is_given_up(c) && host_draw(4)) {
		destroy(c);
		return;
	}
	/* Most clients wait for the answer. */
	if (!c || ((c->coming_len || is_asked(c)) && host_draw(6)))
		return;
	const char *message = messages[host_draw(host_draw(8) ? LEN(messages) - 1 : LEN(messages))];
	if (world.hostile && !host_draw(8))
		message = others[host_draw(LEN(others))];
	world_note("request on %u: %.*s", index_of(c), (int)strcspn(message, "\r"), message);
	append(c->coming, &c->coming_len, message, (u32)strlen(message));
	world.busy[1] = c;
}

static bool has_coming(const struct connection *c)
{
	return c->coming_len && c->established;
}

void traffic_arrive(void)
{
	struct connection *c = draw_connection(has_coming);
	if (!c)
		return;
	u32 len = host_draw(3) ? c->coming_len : 1 + (u32)host_draw(c->coming_len);
	if (c->arrived_len + len > BUFFER)
		return;
	world_note("%u bytes arrive on %u", len, index_of(c));
	append(c->arrived, &c->arrived_len, c->coming, len);
	remove_first(c->coming, &c->coming_len, len);
	show_arrived(c);
	if (world.illegal && !host_draw(16))
		return;
	ww_sk_data_ready(sk_of(c));
}

static bool has_arrived(const struct connection *c)
{
	return c->arrived_len || c->ended;
}

void traffic_receive(struct thread *thread)
{
	struct connection *c = draw_connection(has_arrived);
	if (!c)
		return;
	u32 room = host_draw(3) ? BUFFER : 1 + (u32)host_draw(64), len = c->arrived_len < room ? c->arrived_len : room;
	enum host_syscall how = host_draw(world.hostile ? HOST_SYSCALLS : HOST_UNREADABLE);
	int flags = host_draw(16) ? 0 : 2;
	world_note("thread %d receives %u of %u from %u, way %d, flags %d", thread->task.task.pid, len, c->arrived_len,
		   index_of(c), how, flags);
	host_syscall(how, false, c->arrived, len, room);
	if (!flags) {
		remove_first(c->arrived, &c->arrived_len, len);
		c->sock.tcp.copied_seq += len;
		show_arrived(c);
	}
	ww_sock_recv_length(sk_of(c), (int)len, flags);
	if (is_upstream(c) || len || !host_draw(2))
		return;
	/* A server closes what its client has closed. */
	set_state(c, LAST_ACK);
}

/* The response to whatever request is the first: the answer of a program that need not make sense. */
static void answer(struct connection *c)
{
	static const struct {
		const char *bytes;
		u32 body;
	} answers[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
		{"HTTP/1.1 204 No Content\r\n\r\n", 0},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 0},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad", 3},
		{"HTTP/1.0 200 OK\r\n\r\nuntil the end", 13},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0},
		{"nonsense\r\n\r\n", 0},
	};
	u64 at = host_draw(host_draw(12) ? 5 : world.hostile ? LEN(answers) : 6);
	const struct ww_conn *conn = host_conn(&c->sock);
	const struct ww_request *r = conn ? host_request(conn->first) : NULL;
	u32 len = (u32)strlen(answers[at].bytes);
	c->going_body = answers[at].body;
	if (r && r->head_request && host_draw(16)) {
		const char *body = strstr(answers[at].bytes, "\r\n\r\n") + 4;
		len = (u32)(body - answers[at].bytes);
		c->going_body = 0;
	}
	append(c->going, &c->going_len, answers[at].bytes, len);
}

void traffic_respond(struct thread *thread)
{
	struct connection *c = draw_connection(host_draw(16) ? is_asked : is_server);
	if (!c)
		return;
	if (!c->going_len)
		answer(c);
	u32 most = c->going_len, len = host_draw(3) ? most : 1 + (u32)host_draw(most);
	u32 room = host_draw(8) ? len : len + (u32)host_draw(100);
	enum host_syscall how = host_draw(HOST_UNREADABLE);
	if (c->going_len <= c->going_body && !host_draw(3))
		how = HOST_UNREADABLE;
	world_note("thread %d sends %u of %u on %u, way %d", thread->task.task.pid, len, most, index_of(c), how);
	host_syscall(how, true, c->going, len, room);
	c->sock.socket.flags = host_draw(16) ? 0 : 4;
	if (!host_draw(32)) {
		ww_sock_send_length(sk_of(c), host_draw(4) ? -11 : -32, 0);
		return;
	}
	remove_first(c->going, &c->going_len, len);
	if (!is_asked(c))
		c->going_len = 0;
	ww_sock_send_length(sk_of(c), (int)len, 0);
}

void traffic_connect(struct thread *thread)
{
	static const u16 ports[] = {5432, 6379, 80, 9999};
	struct connection *c = draw_free(false);
	if (!c)
		return;
	memset(c, 0, sizeof(*c));
	c->kind = CONNECTION_UPSTREAM + (enum connection_kind)host_draw(CONNECTION_KINDS - CONNECTION_UPSTREAM);
	world_note("thread %d connects %u, kind %d", thread->task.task.pid, index_of(c), c->kind);
	switch (c->kind) {
	case CONNECTION_UPSTREAM_UNIX:
		host_unix_init(&c->peer, "/run/db.sock", NULL);
		host_unix_init(&c->sock, NULL, &c->peer);
		c->established = true;
		break;
	case CONNECTION_PAIR:
		host_unix_init(&c->peer, NULL, NULL);
		host_unix_init(&c->sock, NULL, &c->peer);
		c->established = true;
		break;
	case CONNECTION_DATAGRAM:
		host_tcp_init(&c->sock, 50000, 53);
		c->sock.is_tcp = false;
		sk_of(c)->sk_type = 2;
		c->established = true;
		break;
	default:
		host_tcp_init(&c->sock, 50000, ports[host_draw(LEN(ports))]);
		sk_of(c)->__sk_common.skc_state = CLOSE;
		set_state(c, SYN_SENT);
	}
}

static bool is_connecting(const struct connection *c)
{
	return is_upstream(c) && !c->established;
}

void traffic_established(void)
{
	struct connection *c = draw_connection(is_connecting);
	if (!c)
		return;
	world_note("%u is established", index_of(c));
	set_state(c, ESTABLISHED);
	c->established = true;
}

static bool can_send_upstream(const struct connection *c)
{
	return is_upstream(c) && c->established;
}

void traffic_send_upstream(struct thread *thread)
{
	static const char query[] = "Q\0\0\0\rSELECT 1\0", command[] = "*1\r\n$4\r\nPING\r\n";
	struct connection *c = draw_connection(can_send_upstream);
	if (!c)
		return;
	world.busy[0] = c;
	const char *bytes = host_draw(2) ? query : command;
	u32 len = sizeof(query) - 1;
	world_note("thread %d sends upstream on %u", thread->task.task.pid, index_of(c));
	host_syscall(host_draw(HOST_SYSCALLS), true, bytes, len, len);
	/* The answer may be there before the sender's hook is. */
	append(c->coming, &c->coming_len, "answer", 6);
	if (!host_draw(8))
		traffic_arrive();
	ww_sock_send_length(sk_of(c), (int)len, 0);
}

static bool is_any(const struct connection *c)
{
	return !is_none(c);
}

/* In the context of whoever happens to run. */
void traffic_close(void)
{
	struct connection *c = draw_connection(is_any);
	if (!c)
		return;
	u64 way = host_draw(4);
	world_note("close %u, way %llu", index_of(c), way);
	if (way == 0) { /* by the peer */
		c->ended = true;
		show_arrived(c);
		set_state(c, CLOSE_WAIT);
		ww_sk_data_ready(sk_of(c));
		return;
	}
	if (way == 1)
		set_state(c, c->ended ? LAST_ACK : FIN_WAIT1);
	if (way == 2)
		set_state(c, CLOSE);
	destroy(c);
}

void traffic_shut_down(void)
{
	struct connection *c = draw_connection(is_server);
	if (!c)
		return;
	world_note("shut down %u", index_of(c));
	set_state(c, FIN_WAIT1);
}

void traffic_close_all(void)
{
	for (u32 i = 0; i < CONNECTIONS; i++) {
		if (world.connections[i].kind)
			destroy(&world.connections[i]);
	}
}

void traffic_disorder(void)
{
	struct connection *c = draw_connection(is_any);
	if (!c)
		return;
	u64 what = host_draw(6), len = host_draw(100);
	world_note("disorder on %u: %llu, %llu", index_of(c), what, len);
	switch (what) {
	case 0:
		set_state(c, 1 + (int)host_draw(12));
		break;
	case 1:
		ww_tcp_destroy_sock(sk_of(c));
		break;
	case 2:
		ww_sk_data_ready(sk_of(c));
		break;
	case 3: /* of a length that lies */
		ww_sock_recv_length(sk_of(c), (int)len - 10, 0);
		break;
	case 4:
		ww_sock_send_length(sk_of(c), (int)len - 10, 0);
		break;
	case 5:
		c->established = !c->established;
		break;
	}
}
