/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests that an event loop of Ruby's reads for other threads, to the nanosecond. */
#include "futexes.h"

#include "relay.bpf.h"

#define GET  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PING "*1\r\n$4\r\nPING\r\n"

#define QUEUE 0x1000 /* where an idle thread waits for work */
#define OTHER 0x2000

enum { REACTOR, WORKER, BUSY };

static struct host_sock second;

/* A process of Ruby's (or of something else), whose reactor waits for sockets, and has read a request before. */
static void begin(bool ruby)
{
	u32 tgid = 100;
	struct ww_interpreter of = {.from = 0x9000, .to = 0x9100, .name = WW_NAME_GVL, .by_mutex = ruby};
	script_begin(8);
	ww_interpreters_known = ww_relays_known = 1;
	bpf_map_update_elem(&ww_interpreters, &tgid, &of, BPF_ANY);
	for (u32 i = 0; i < 3; i++)
		script.threads[i].task.group_leader = &script.threads[0].task;
	script_accept(&second, 40001);
	second.unix_sock.sk.sk_socket = &second.socket;
	arrives(&second, strlen(GET));
	runs(REACTOR);
	receives(&second, GET);
	sends(&second, OK);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	script.records_len = 0;
}

static void end(void)
{
	u32 tgid = 100;
	bpf_map_delete_elem(&ww_interpreters, &tgid);
	ww_interpreters_known = ww_relays_known = 0;
	ww_tcp_destroy_sock(&second.unix_sock.sk);
	host_sock_end(&second);
	script_end();
}

/* The reactor reads a request, in 10 ns, and wakes the worker, which has waited for work; and looks for more, in 7 ns.
 */
static void reads(void)
{
	runs(WORKER);
	waits(QUEUE);
	arrives(&script.server, strlen(GET));
	is_woken(REACTOR);
	runs(REACTOR);
	receives(&script.server, GET);
	pass(10);
	wakes(WORKER, QUEUE);
	pass(7);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
}

static void asks(void)
{
	sends(&script.upstream, PING);
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(100);
	arrives(&script.upstream, 5);
	is_woken(WORKER);
	runs(WORKER);
	receives(&script.upstream, "+OK\r\n");
}

static const struct ww_account *done(u64 start)
{
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	u64 sum = 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += a->kinds_ns[kind];
	assert_int_equal(sum, host.now - start);
	return a;
}

/* Whom the reactor wakes goes on with the request from then on: it has computed, and what it asks for is the request's.
 */
static void goes_on(void **state)
{
	(void)state;
	begin(true);
	u64 start = host.now;
	reads();
	runs(WORKER);
	pass(500);
	asks();
	pass(40);
	const struct ww_account *a = done(start);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_false(a->traffic_lost);
	assert_true(a->traffic);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10 + 500 + 40);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 7);
	assert_int_equal(a->kinds_ns[WW_KIND_DB], 100);
	end();
}

/* Another thread, which was at work, comes to it first: that it is not all known is said. */
static void comes_first(void **state)
{
	(void)state;
	begin(true);
	u64 start = host.now;
	runs(BUSY);
	is_preempted();
	reads();
	runs(WORKER);
	waits(QUEUE);
	runs(BUSY);
	pass(300);
	const struct ww_account *a = done(start);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_true(a->traffic_lost);
	end();
}

/* So it is where nobody is woken, as all are at work, once the reactor has had others go on with what it has read. */
static void nobody_idle(void **state)
{
	(void)state;
	begin(true);
	reads();
	runs(WORKER);
	done(host.now - 17);
	script.records_len = 0;
	is_preempted();
	arrives(&second, strlen(GET));
	is_woken(REACTOR);
	runs(REACTOR);
	receives(&second, GET);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	runs(WORKER);
	pass(300);
	sends(&second, OK);
	assert_int_equal(script.records_len, 1);
	assert_int_equal(script.records[0].attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_true(script.records[0].traffic_lost);
	end();
}

/* Elsewhere an event loop has threads do a part of what it goes on with itself. */
static void not_ruby(void **state)
{
	(void)state;
	begin(false);
	reads();
	runs(WORKER);
	pass(500);
	sends(&script.upstream, PING);
	is_preempted();
	runs(REACTOR);
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	assert_false(script.records[0].traffic);
	end();
}

/* Nor is a thread that waits for what the request of its own needs given another one's. */
static void at_work(void **state)
{
	(void)state;
	begin(true);
	arrives(&second, strlen(GET));
	runs(WORKER);
	receives(&second, GET);
	waits(OTHER);
	arrives(&script.server, strlen(GET));
	is_woken(REACTOR);
	runs(REACTOR);
	receives(&script.server, GET);
	wakes(WORKER, OTHER);
	pass(7);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	runs(WORKER);
	pass(20);
	sends(&second, OK);
	assert_int_equal(script.records_len, 1);
	assert_int_equal(script.records[0].attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(script.records[0].kinds_ns[WW_KIND_COMPUTE], 20);
	is_preempted();
	runs(REACTOR);
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 2);
	assert_int_equal(script.records[1].kinds_ns[WW_KIND_COMPUTE], 7);
	end();
}

/* What a helper, which had the request's place in the table before, was for says nothing of the request. */
static void in_a_helpers_place(void **state)
{
	(void)state;
	begin(true);
	for (u32 slot = 0; slot < host_max_requests; slot++) {
		struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
		assert_non_null(r);
		if (!r->live)
			r->target = 7;
	}
	u64 start = host.now;
	reads();
	runs(WORKER);
	pass(500);
	assert_int_equal(done(start)->attribution, WW_ATTRIBUTION_EXACT);
	end();
}

/* A thread that has nothing to do but to wait for Ruby's lock is handed that, and no request. */
static void for_the_lock(void **state)
{
	(void)state;
	u64 stack = HOST_USER + 1024, frame[2] = {QUEUE - WW_CONDITION_FUTEX - 4, 0x9008};
	begin(true);
	memcpy(host.user + 1024 + 19 * sizeof(u64), frame, sizeof(frame));
	u64 start = host.now;
	runs(WORKER);
	waits(QUEUE);
	script.threads[WORKER].regs.sp = stack;
	arrives(&script.server, strlen(GET));
	is_woken(REACTOR);
	runs(REACTOR);
	receives(&script.server, GET);
	pass(10);
	wakes(WORKER, QUEUE);
	is_preempted();
	runs(WORKER);
	sends(&script.upstream, PING);
	is_preempted();
	runs(REACTOR);
	const struct ww_account *a = done(start);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_false(a->traffic);
	end();
}

/* A loop that goes on itself with what it has read, though it woke somebody meanwhile: that is said, too. */
static void goes_on_itself(void **state)
{
	(void)state;
	begin(true);
	u64 start = host.now;
	reads();
	runs(WORKER);
	waits(QUEUE);
	is_woken(REACTOR);
	runs(REACTOR);
	const struct ww_account *a = done(start);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_true(a->traffic_lost);
	end();
}

/* Nor does a thread that has left a request unfinished, but sleeps in other calls, have others go on with the next. */
static void sleeps_elsewhere(void **state)
{
	(void)state;
	begin(true);
	arrives(&second, strlen(GET));
	is_woken(REACTOR);
	runs(REACTOR);
	receives(&second, GET);
	blocks(WW_SYS_POLL, 0, 1, (u64)-1, 0);
	runs(WORKER);
	waits(QUEUE);
	arrives(&script.server, strlen(GET));
	is_woken(REACTOR);
	runs(REACTOR);
	u64 start = host.now;
	receives(&script.server, GET);
	pass(10);
	wakes(WORKER, QUEUE);
	is_preempted();
	runs(WORKER);
	sends(&script.upstream, PING);
	is_preempted();
	runs(REACTOR);
	const struct ww_account *a = done(start);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10);
	assert_false(a->traffic);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),	cmocka_unit_test(comes_first),	  cmocka_unit_test(nobody_idle),
		cmocka_unit_test(not_ruby),	cmocka_unit_test(at_work),	  cmocka_unit_test(in_a_helpers_place),
		cmocka_unit_test(for_the_lock), cmocka_unit_test(goes_on_itself), cmocka_unit_test(sleeps_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
