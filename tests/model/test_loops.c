/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose work a thread of an event loop does. */
#include "script.h"

#define GET    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void is_idle(u64 ns)
{
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	pass(ns);
	is_woken(0);
	runs(0);
}

/* connect() without blocking; it has succeeded. */
static void connects(struct host_sock *sock)
{
	sock->unix_sock.sk.__sk_common.skc_state = 2;
	ww_inet_sock_set_state(&sock->unix_sock.sk, 7, 2);
	sock->unix_sock.sk.__sk_common.skc_state = 1;
	ww_inet_sock_set_state(&sock->unix_sock.sk, 2, 1);
}

/* nginx: what it sends first on a new connection is for whom it made it, whatever it has just read for another one. */
static void first_send(void **state)
{
	struct host_sock second, other;
	(void)state;
	script_begin(8);
	script_accept(&second, 40001);
	host_tcp_init(&other, 50001, 80);
	other.unix_sock.sk.__sk_common.skc_state = 7;
	script.upstream.unix_sock.sk.__sk_common.skc_state = 7;
	runs(0);
	is_idle(1000);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	connects(&script.upstream);
	arrives(&second, strlen(GET));
	receives(&second, GET);
	connects(&other);
	sends(&other, GET);
	is_idle(2000000);
	arrives(&other, strlen(ANSWER));
	receives(&other, ANSWER);
	/* In the same round it goes on with the first one's connection. */
	sends(&script.upstream, GET);
	assert_int_equal(WW_SLOT(host_conn(&script.upstream)->first), WW_SLOT(host_conn(&script.server)->first));
	assert_true(host_conn(&script.upstream)->first != host_conn(&second)->first);
	is_idle(3000000);
	arrives(&script.upstream, strlen(ANSWER));
	receives(&script.upstream, ANSWER);
	sends(&script.server, ANSWER);
	sends(&second, ANSWER);
	assert_int_equal(script.records_len, 2);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(script.records[i].attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(script.records[0].kinds_ns[WW_KIND_NET], 3000000);
	host_sock_end(&second);
	host_sock_end(&other);
	script_end();
}

/* nginx, which has read a part of the answer, does something that touches no socket. */
enum doing {
	DOING_WRITABLE, /* another connection can be written to again */
	DOING_LOG,	/* it has answered another request, and writes its log */
	DOING_TIMER,	/* a timer has woken it */
	DOING_INSIDE,	/* or another thread of its process has */
};

static void part_of_answer(void **state)
{
	enum doing doing = *(const enum doing *)*state;
	bool goes_on = doing == DOING_TIMER || doing == DOING_INSIDE;
	struct host_sock other;
	script_begin(8);
	script_accept(&other, 40001);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 7;
	runs(0);
	is_idle(1000);
	if (doing == DOING_LOG) {
		arrives(&other, strlen(GET));
		receives(&other, GET);
	}
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	connects(&script.upstream);
	sends(&script.upstream, GET);
	is_idle(3000000);
	arrives(&script.upstream, strlen(ANSWER));
	receives(&script.upstream, ANSWER);
	if (doing == DOING_LOG) {
		sends(&other, ANSWER);
		pass(60000);
		is_idle(1000000);
	} else {
		blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, doing == DOING_TIMER ? 1 : 60000);
		pass(1000000);
		if (doing == DOING_INSIDE) {
			host.cpu = 1;
			host.current[1] = &script.threads[1];
			script.threads[1].regs.WW_REG_NR = WW_SYS_WRITE;
			script.threads[1].regs.WW_REG_ARG1 = HOST_FD_EVENT;
		}
		is_woken(0);
		host.cpu = 0;
		host.current[1] = NULL;
		runs(0);
		pass(60000);
		is_idle(1000000);
	}
	arrives(&script.upstream, strlen(ANSWER));
	receives(&script.upstream, ANSWER);
	sends(&script.server, ANSWER);
	const struct ww_account *a = &script.records[script.records_len - 1];
	assert_int_equal(a->attribution, goes_on ? WW_ATTRIBUTION_INFERRED : WW_ATTRIBUTION_EXACT);
	assert_int_equal(a->kinds_ns[WW_KIND_SLEEP], doing == DOING_TIMER ? 1000000 : 0);
	assert_int_equal(a->kinds_ns[WW_KIND_NET], doing == DOING_LOG ? 4060000 : goes_on ? 4000000 : 5060000);
	host_sock_end(&other);
	script_end();
}

/*
 * asyncio: a request waits for something that no socket tells, while its loop goes on with others without a pause, for
 * `*state` ms. That may be a timer; a loop that is so busy for long is what it waits for.
 */
static void busy(void **state)
{
	u64 ms = *(const u64 *)*state;
	struct host_sock other;
	script_begin(8);
	script_accept(&other, 40001);
	runs(0);
	arrives(&other, strlen(GET));
	receives(&other, GET);
	sends(&other, ANSWER);
	is_idle(1000);
	host_thread(&script.threads[0])->python = 1;
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	for (u64 i = 0; i <= ms; i++) {
		arrives(&other, strlen(GET));
		receives(&other, GET);
		sends(&other, ANSWER);
		pass(1000000);
		/* It has looked for others' events, and not slept. */
		is_preempted();
		runs(0);
	}
	sends(&script.server, ANSWER);
	const struct ww_account *a = &script.records[script.records_len - 1];
	assert_int_equal(a->kinds_ns[WW_KIND_OTHER], 0);
	assert_int_equal(a->kinds_ns[WW_KIND_SLEEP] != 0, ms < 20);
	assert_int_equal(a->kinds_ns[WW_KIND_SLEEP] + a->kinds_ns[WW_KIND_QUEUE], ms * 1000000);
	host_sock_end(&other);
	script_end();
}

int main(void)
{
	static const u64 short_ms = 8, long_ms = 100;
	static const enum doing writable = DOING_WRITABLE, log = DOING_LOG, timer = DOING_TIMER, inside = DOING_INSIDE;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_send),
		cmocka_unit_test_prestate(part_of_answer, (void *)&writable),
		cmocka_unit_test_prestate(part_of_answer, (void *)&log),
		cmocka_unit_test_prestate(part_of_answer, (void *)&timer),
		cmocka_unit_test_prestate(part_of_answer, (void *)&inside),
		cmocka_unit_test_prestate(busy, (void *)&short_ms),
		cmocka_unit_test_prestate(busy, (void *)&long_ms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
