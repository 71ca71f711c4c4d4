/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a client sends, in any pieces: the requests that the BPF side finds in it are those that are there. The first
 * eight bytes draw the pieces, the rest is what is sent.
 */
#include "kernel.h"

#include "framing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENT 16384

static struct framing framing;

static void wrong(const char *what, size_t at)
{
	fprintf(stderr, "request %zu: %s\n", at, what);
	abort();
}

static void compare(const struct ww_conn *conn, const uint8_t *bytes)
{
	const struct ww_request *r = host_request(conn->first);

	for (size_t i = 0; i < framing.len; i++, r = host_request(r->next)) {
		const struct message *m = &framing.messages[i];

		if (!r)
			wrong("is missing", i);
		if (m->whole && r->account.bytes_in != m->end - m->start)
			wrong("has another length", i);
		bool named = m->begun && bytes[m->start]; /* a method may begin with a NUL: then there is none */

		if (named != !!r->account.method[0])
			wrong("has, or lacks, a first line", i);
		if (!named)
			continue;
		size_t method = m->method_len < WW_METHOD_MAX ? m->method_len : WW_METHOD_MAX - 1;
		size_t target = m->target_len < WW_TARGET_MAX ? m->target_len : WW_TARGET_MAX;

		if (memcmp(r->account.method, bytes + m->start, method) != 0 || r->account.method[method])
			wrong("has another method", i);
		if (r->account.target_len != target || memcmp(r->account.target, bytes + m->target, target) != 0)
			wrong("has another target", i);
		if (!(r->account.flags & WW_FLAG_TARGET_TRUNCATED) != (target == m->target_len))
			wrong("has a target that is cut, or not", i);
	}
	if (r)
		wrong("is one too many", framing.len);
	if (framing.len && framing.messages[framing.len - 1].whole == !!conn->http.reading)
		wrong("is whole, or not", framing.len - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_task task;
	struct host_sock sock;
	struct sock *sk = &sock.unix_sock.sk;
	u64 seed;

	if (size < sizeof(seed) || size > SENT)
		return 0;
	memcpy(&seed, data, sizeof(seed));
	data += sizeof(seed);
	size -= sizeof(seed);
	host_boot(MESSAGES < size ? MESSAGES : (u32)size + 1, seed);
	host_task_init(&task, 100, 100);
	host.current[0] = &task;
	host_tcp_init(&sock, 8080, 40000);
	ww_inet_sock_set_state(sk, 3, 1);
	sk->__sk_common.skc_state = 1;
	u64 most = host_draw(4) ? 1 + host_draw(host_draw(4) ? 40 : 4096) : SENT;
	u64 first = 0;

	for (size_t at = 0, len; at < size; at += len) {
		len = 1 + host_draw(most);
		len = len < size - at ? len : size - at;
		first = first ? first : len;
		sock.tcp.rcv_nxt += len;
		ww_sk_data_ready(sk);
		host_syscall(host_draw(HOST_UNREADABLE), false, data + at, len, len + host_draw(9));
		sock.tcp.copied_seq += len;
		ww_sock_recv_length(sk, (int)len, 0);
	}

	const struct ww_conn *conn = host_conn(&sock);
	framing_requests(data, size, &framing);
	/* A program that does not speak HTTP is told by its first bytes, however many come at first. */
	bool letters = size > 0 && data[0] >= 'A' && data[0] <= 'Z';
	for (size_t i = 1; letters && i < size && i < 16 && data[i] != ' '; i++)
		letters = (data[i] >= 'A' && data[i] <= 'Z') || data[i] == '-';
	if (conn && size && !framing.unsure && letters) {
		bool lost = conn->protocol == WW_PROTOCOL_OTHER;
		if (lost != framing.bad)
			wrong(lost ? "was lost" : "should be lost", framing.len);
		if (!lost)
			compare(conn, data);
	}
	ww_tcp_destroy_sock(sk);
	host_task_end(&task);
	host_sock_end(&sock);
	host_shut_down();
	return 0;
}
