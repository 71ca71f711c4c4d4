/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A loop of Node's, its clients, and a connection to Redis that all of its requests share. */
#ifndef WHYWAIT_TESTS_MODEL_NODE_H
#define WHYWAIT_TESTS_MODEL_NODE_H

#include "plant.h"

#include "shared.bpf.h"

#define GET    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define PING   "*1\r\n$4\r\nPING\r\n"
#define PONG   "+PONG\r\n"
#define US     1000ull
#define MS     1000000ull

#ifndef REQUESTS
#define REQUESTS 3
#endif

enum { POLLS = 0x1000, CHECKS = 0x2000 }; /* phases of the loop, as its stack tells them */

static struct host_sock clients[REQUESTS], others, another, third;
static u64 phase, turns, idle;
static ww_ref owners[WW_TRAFFIC_OWNERS_MAX];
static u32 owners_len;

static inline void note_owners(const struct ww_traffic *record, u64 size)
{
	if (record->type != WW_TRAFFIC_OWNERS)
		return;
	assert_int_equal(size, sizeof(*record) + record->head);
	assert_true(record->head <= sizeof(owners));
	memcpy(owners, record + 1, record->head);
	owners_len = record->head / 8;
}

/* The loop looks for events once more. */
static inline void polls(void)
{
	static u64 number = 0;
	plant_word(phase, POLLS);
	plant_word(turns, ++number);
	plant_word(idle, idle);
}

/* The loop sleeps, and is woken after so long. */
static inline void sleeps(u64 ns)
{
	polls();
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	pass(ns);
	is_woken(0);
	runs(0);
}

static inline void asks(u32 request)
{
	arrives(&clients[request], strlen(GET));
	receives(&clients[request], GET);
	pass(10 * US);
}

/* Those from `from` on ask in one turn of the loop. */
static inline void all_ask(u32 from)
{
	for (u32 i = from; i < REQUESTS; i++)
		arrives(&clients[i], strlen(GET));
	for (u32 i = from; i < REQUESTS; i++) {
		receives(&clients[i], GET);
		pass(10 * US);
	}
}

static inline void answers(u32 request)
{
	sends(&clients[request], ANSWER);
	pass(10 * US);
}

/* Sends so many commands on the shared connection. */
static inline void commands(u32 many)
{
	char bytes[512] = "";
	for (u32 i = 0; i < many; i++)
		strcat(bytes, PING);
	script.upstream.tcp.write_seq += strlen(bytes);
	sends(&script.upstream, bytes);
	pass(10 * US);
}

static inline void replies(u32 many)
{
	char bytes[512] = "";
	for (u32 i = 0; i < many; i++)
		strcat(bytes, PONG);
	arrives(&script.upstream, strlen(bytes));
	pass(10 * US);
	receives(&script.upstream, bytes);
	pass(10 * US);
}

static inline ww_ref ref_of(u32 request)
{
	return host_conn(&clients[request])->first;
}

static inline int begin(void **state)
{
	u32 tgid = 100;
	(void)state;
	script_begin(REQUESTS + 16);
	plant_begin();
	plant_next = HOST_USER + 3 * HOST_USER_SIZE; /* where no message is put */
	phase = plant(8);
	turns = plant(8);
	idle = plant(16);
	plant_word(idle, idle);
	struct ww_libuv uv = {.slot = phase, .turns = turns, .idle = idle};
	bpf_map_update_elem(&ww_libuvs, &tgid, &uv, BPF_ANY);
	host.traffic = note_owners;
	owners_len = 0;
	host_tcp_init(&script.upstream, 50000, 6379);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 1;
	host_tcp_init(&others, 50001, 5432);
	others.unix_sock.sk.__sk_common.skc_state = 1;
	host_tcp_init(&another, 50002, 5432);
	another.unix_sock.sk.__sk_common.skc_state = 1;
	host_tcp_init(&third, 50003, 5432);
	third.unix_sock.sk.__sk_common.skc_state = 1;
	for (u32 i = 0; i < REQUESTS; i++)
		script_accept(&clients[i], (u16)(41000 + i));
	host.current[0] = &script.threads[0];
	runs(0);
	/* It is known for a loop, and its phase is asked for, when it has served one. */
	asks(0);
	answers(0);
	sleeps(MS);
	asks(0);
	answers(0);
	script.records_len = 0;
	assert_int_equal(host_thread(&script.threads[0])->phase_at, phase);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	for (u32 i = 0; i < REQUESTS; i++) {
		ww_tcp_destroy_sock(&clients[i].unix_sock.sk);
		host_sock_end(&clients[i]);
	}
	host_sock_end(&others);
	host_sock_end(&another);
	host_sock_end(&third);
	script_end();
	return 0;
}

static inline void all_are(u32 from, u32 to, u8 attribution)
{
	assert_int_equal(script.records_len, to);
	for (u32 i = from; i < to; i++) {
		u64 sum = 0;
		for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
			sum += script.records[i].kinds_ns[kind];
		assert_int_equal(sum, script.records[i].end_ns - script.records[i].start_ns);
		assert_int_equal(script.records[i].attribution, attribution);
		assert_int_equal(script.records[i].traffic_lost != 0, attribution == WW_ATTRIBUTION_AMBIGUOUS);
	}
}

static inline void queries(struct host_sock *sock)
{
	sends(sock, "Q\0\0\0\rSELECT 1\0");
	pass(10 * US);
}

static inline void rows(struct host_sock *sock)
{
	arrives(sock, 4);
	receives(sock, "rows");
	pass(10 * US);
}

#endif
