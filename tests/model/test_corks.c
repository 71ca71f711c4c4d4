/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Responses that TCP_CORK holds back: their requests end when the cork is taken out. */
#include "script.h"

#define GET  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define CORK 2 /* TCP_NAGLE_CORK */

/* Thread 0 has computed for 1 us and has written its response, of which `before` bytes have left before. */
static u64 writes(bool corked, u32 before)
{
	script_begin(4);
	struct tcp_sock *tcp = &script.server.tcp;
	runs(0);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	u64 start = host.now;
	pass(1000);
	tcp->first_tx_mstamp = host.now / 1000;
	tcp->nonagle = corked ? CORK : 0;
	tcp->snd_nxt = before;
	tcp->write_seq = before + 100;
	sends(&script.server, OK);
	assert_int_equal(script.records_len, !corked);
	return start;
}

/* It waits for the interpreter's lock, 2 us, and for a CPU, 1 us. */
static void waits(void)
{
	blocks(WW_SYS_FUTEX, 64, 0, 2, 0);
	pass(2000);
	is_woken(0);
	pass(1000);
	runs(0);
}

/* Takes the cork out, after 3 us. */
static void uncorks(void)
{
	struct tcp_sock *tcp = &script.server.tcp;
	pass(3000);
	tcp->nonagle = 0;
	tcp->snd_nxt = tcp->write_seq;
	tcp->tcp_mstamp = host.now / 1000;
	if (tcp->write_seq == 100)
		tcp->first_tx_mstamp = tcp->tcp_mstamp;
}

/* The record, from `start` on, which has computed for so long besides, up to a microsecond less. */
static void ended(u64 start, u64 computed)
{
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_false(a->flags & WW_FLAG_ABORTED);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 2000);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 1000);
	assert_in_range(a->kinds_ns[WW_KIND_COMPUTE], computed - 999, computed);
	assert_int_equal(a->end_ns - start, 3000 + a->kinds_ns[WW_KIND_COMPUTE]);
	assert_int_equal(a->cpu_ns, a->kinds_ns[WW_KIND_COMPUTE]);
	assert_int_equal(a->bytes_out, strlen(OK));
	script_end();
}

static void not_corked(void **state)
{
	(void)state;
	u64 start = writes(false, 0);
	assert_int_equal(script.records[0].end_ns, start + 1000);
	script_end();
}

static void by_a_switch(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	assert_int_equal(script.records_len, 0);
	uncorks();
	pass(5000);
	blocks(WW_SYS_FUTEX, 64, 0, 2, 0);
	ended(start, 4000);
}

/* The connection is closed behind it: the FIN counts in the stream. */
static void closed_behind(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	uncorks();
	script.server.tcp.write_seq++;
	script.server.tcp.snd_nxt++;
	pass(5000);
	blocks(WW_SYS_FUTEX, 64, 0, 2, 0);
	ended(start, 4000);
}

/* The beginning of the response is not acknowledged: when the end has left is told by what TCP did last. */
static void long_response(void **state)
{
	(void)state;
	u64 start = writes(true, 1000);
	waits();
	uncorks();
	pass(5000);
	blocks(WW_SYS_FUTEX, 64, 0, 2, 0);
	ended(start, 4000);
}

static void by_a_touch(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	uncorks();
	pass(5000);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	ended(start, 4000);
}

static void by_its_end(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	uncorks();
	pass(5000);
	ww_sched_process_exit(&script.threads[0].task);
	ended(start, 4000);
}

/* Another request is read by another thread before that is seen. */
static void next_elsewhere(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	uncorks();
	pass(5000);
	host.cpu = 1;
	host.current[1] = &script.threads[1];
	ww_sched_switch(false, &host.idle.task, &script.threads[1].task, 0);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	assert_int_equal(script.records_len, 0);
	host.cpu = 0;
	is_preempted();
	assert_int_equal(script.records_len, 1);
	host.cpu = 1;
	pass(700);
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 2);
	assert_int_equal(script.records[1].kinds_ns[WW_KIND_COMPUTE], 700);
	script.records_len = 1;
	ended(start, 4000);
}

/* It never does: from where it waits for sockets on, nobody knows. */
static void never(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	pass(5000);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	ended(start, 6000);
}

/* Or another thread does, or the kernel, while it waits: when that was is not told by what it did. */
static void by_another(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	blocks(WW_SYS_FUTEX, 64, 0, 2, 0);
	uncorks();
	pass(7000);
	is_woken(0);
	runs(0);
	pass(100);
	is_preempted();
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(a->end_ns, start + 11000);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1000);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 10000);
	script_end();
}

/* Another thread has closed the connection, and the next one with a cork has its place: that holds nothing back of it.
 */
static void another_connection(void **state)
{
	(void)state;
	u64 start = writes(true, 0);
	waits();
	script.server.tcp.write_seq = 70000;
	script.server.tcp.snd_nxt = 60000;
	pass(500);
	is_preempted();
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(a->end_ns, start + 4500);
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_corked),	 cmocka_unit_test(by_a_switch), cmocka_unit_test(long_response),
		cmocka_unit_test(by_a_touch),	 cmocka_unit_test(by_its_end),	cmocka_unit_test(next_elsewhere),
		cmocka_unit_test(never),	 cmocka_unit_test(by_another),	cmocka_unit_test(another_connection),
		cmocka_unit_test(closed_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
