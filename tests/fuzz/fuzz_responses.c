/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a server sends, in any pieces: the responses that the BPF side finds in it are those that are there. The first
 * eight bytes draw the pieces, two say how many requests there were and which of them were HEAD, the rest is what is
 * sent.
 */
#include "kernel.h"

#include "framing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENT	 16384
#define REQUESTS 6

static struct framing framing;
static struct ww_account records[REQUESTS];
static size_t records_len;

static void keep(const struct ww_account *account, u64 size)
{
	if (records_len == REQUESTS)
		abort();
	memcpy(&records[records_len++], account, size);
}

static void wrong(const char *what, size_t at)
{
	fprintf(stderr, "response %zu: %s\n", at, what);
	abort();
}

static void compare(void)
{
	size_t whole = 0;

	for (size_t i = 0; i < framing.len; i++) {
		const struct message *m = &framing.messages[i];

		if (!m->whole)
			break;
		whole++;
		if (i >= records_len)
			wrong("has no record", i);
		if (records[i].bytes_out != m->end - m->start - m->between)
			wrong("has another length", i);
		if (records[i].status != m->status)
			wrong("has another status", i);
	}
	if (records_len > whole)
		wrong("ends too early", whole);
}

static void requests_send(struct sock *sk, size_t requests, u8 heads)
{
	for (size_t i = 0; i < requests; i++) {
		const char *request = heads >> i & 1 ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n";

		host_syscall(HOST_BUFFER, false, request, strlen(request), strlen(request));
		ww_sock_recv_length(sk, (int)strlen(request), 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_task task;
	struct host_sock sock;
	struct sock *sk = &sock.unix_sock.sk;
	u64 seed;

	if (size < sizeof(seed) + 2 || size > SENT)
		return 0;
	memcpy(&seed, data, sizeof(seed));
	size_t requests = 1 + data[8] % REQUESTS;
	u8 heads = data[9];

	data += sizeof(seed) + 2;
	size -= sizeof(seed) + 2;
	host_boot(REQUESTS, seed);
	host.account = keep;
	records_len = 0;
	host_task_init(&task, 100, 100);
	host.current[0] = &task;
	host_unix_init(&sock, "/run/app.sock", NULL);
	ww_sk_data_ready(sk);
	sk->sk_receive_queue.qlen = 1;
	ww_sk_data_ready(sk);
	requests_send(sk, requests, heads);
	u64 most = host_draw(4) ? 1 + host_draw(host_draw(4) ? 40 : 4096) : SENT;

	framing_responses(data, size, requests, heads, &framing);
	for (size_t at = 0, len; at < size; at += len) {
		len = 1 + host_draw(most);
		len = len < size - at ? len : size - at;
		host_syscall(host_draw(HOST_UNREADABLE), true, data + at, len, len + host_draw(9));
		ww_sock_send_length(sk, (int)len, 0);
		host.now += host_draw(100);
	}

	const struct ww_conn *conn = host_conn(&sock);

	if (conn->protocol == WW_PROTOCOL_NEW)
		wrong("was never asked for", 0);
	if (!framing.unsure) {
		bool lost = host_counter(WW_COUNT_STREAM_LOST) > 0;

		if (lost != framing.bad)
			wrong(lost ? "was lost" : "should be lost", framing.len);
		compare();
	}
	host_task_end(&task);
	host_sock_end(&sock);
	host_shut_down();
	return 0;
}
