/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads that work for another one's request, and waits for futexes, to the nanosecond. */
#include "futexes.h"

#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#define QUEUE  0x1000 /* where the pool's thread waits for work */
#define RESULT 0x2000
#define PING   "*1\r\n$4\r\nPING\r\n"

static const struct ww_account *done(void)
{
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	u64 sum = 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += a->kinds_ns[kind];
	assert_int_equal(sum, a->end_ns - a->start_ns);
	return a;
}

/* A Java process. */
static void begin(void)
{
	script_begin(8);
	for (u32 i = 0; i < 3; i++) {
		script.threads[i].task.group_leader = &script.threads[0].task;
		strcpy(script.threads[i].task.comm, "java");
	}
}

static void taken(void)
{
	arrives(&script.server, strlen(GET));
	runs(0);
	receives(&script.server, GET);
}

/* The pool's thread waits for work, and the request's thread has some. */
static void handed(void)
{
	begin();
	runs(1);
	waits(QUEUE);
	taken();
	pass(10);
	wakes(1, QUEUE);
	waits(RESULT);
}

static void asks(void)
{
	sends(&script.upstream, PING);
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(100);
	arrives(&script.upstream, 5);
	is_woken(1);
	runs(1);
	receives(&script.upstream, "+OK\r\n");
}

static void awaited(void **state)
{
	(void)state;
	handed();
	pass(2);
	runs(1);
	pass(5);
	asks();
	pass(7);
	wakes(0, RESULT);
	waits(QUEUE);
	runs(0);
	pass(3);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_DB], 100);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 2);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10 + 5 + 7 + 3);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 0);
	assert_int_equal(a->cpu_ns, 10 + 5 + 7 + 3);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_INFERRED);
	script_end();
}

/* What the pool's thread did before the request's thread began to wait, that did itself. */
static void meanwhile(void **state)
{
	(void)state;
	begin();
	runs(1);
	waits(QUEUE);
	taken();
	pass(10);
	wakes(1, QUEUE);
	is_preempted();
	runs(1);
	pass(50);
	is_preempted();
	runs(0);
	waits(RESULT);
	runs(1);
	pass(30);
	wakes(0, RESULT);
	waits(QUEUE);
	runs(0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 50);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10 + 30);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 0);
	script_end();
}

/* A task that goes on when the response is out is nobody's. */
static void after(void **state)
{
	(void)state;
	begin();
	runs(1);
	waits(QUEUE);
	taken();
	pass(10);
	wakes(1, QUEUE);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 0, 0);
	runs(1);
	asks();
	waits(QUEUE);
	assert_int_equal(script.records_len, 1);
	assert_int_equal(a->cpu_ns, 10);
	script_end();
}

/* Who holds a lock does not work for who waits for it. */
static void lock(void **state)
{
	(void)state;
	begin();
	taken();
	pass(10);
	waits(RESULT);
	pass(40);
	runs(2);
	pass(5);
	wakes(0, RESULT);
	waits(QUEUE);
	runs(0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 45);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	script_end();
}

/* A wait for a futex with a timeout that nothing else has ended is sleep; where another thread once ended one it is
 * not. */
static void timed(void **state)
{
	(void)state;
	u64 timeout[2] = {1, 0};
	begin();
	taken();
	blocks(WW_SYS_FUTEX, RESULT, WAIT, 0, (u64)timeout);
	pass(1000);
	is_woken(0);
	runs(0);
	blocks(WW_SYS_FUTEX, QUEUE, WAIT, 0, (u64)timeout);
	pass(10);
	runs(1);
	wakes(0, QUEUE);
	waits(QUEUE + 64);
	runs(0);
	blocks(WW_SYS_FUTEX, QUEUE, WAIT, 0, (u64)timeout);
	pass(100);
	is_woken(0);
	runs(0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_SLEEP], 1000);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 110);
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(awaited), cmocka_unit_test(meanwhile), cmocka_unit_test(after),
		cmocka_unit_test(lock),	   cmocka_unit_test(timed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
