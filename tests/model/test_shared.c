/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections to Redis that all requests of a loop of Node's kind share: whose commands and answers are. And steps that
 * no socket tells.
 */
#include "node.h"

/* Each is sent in the step that asks for it; answers come one by one, and are not waited for by others. */
static void in_steps(void **state)
{
	(void)state;
	sleeps(MS);
	asks(0);
	commands(1);
	asks(1);
	commands(1);
	sleeps(2 * MS);
	replies(1);
	answers(0);
	assert_int_equal(script.records_len, 1);
	assert_true(host_request(ref_of(1)) != NULL);
	sleeps(3 * MS);
	replies(1);
	answers(1);
	all_are(0, 2, WW_ATTRIBUTION_EXACT);
	assert_in_range(script.records[0].kinds_ns[WW_KIND_DB], 2 * MS, 2 * MS + 50 * US);
	assert_in_range(script.records[1].kinds_ns[WW_KIND_DB], 5 * MS, 5 * MS + 90 * US);
	assert_int_equal(host_counter(WW_COUNT_SHARED_LOST), 0);
}

/* All of a turn are sent at its end: in order of those that had a step in it. */
static void at_the_end(void **state)
{
	(void)state;
	sleeps(MS);
	all_ask(0);
	ww_ref refs[REQUESTS];
	plant_word(phase, CHECKS);
	commands(1);
	/* It is not known for one that is shared before it is sent to. */
	assert_int_equal(owners_len, 0);
	sleeps(MS);
	replies(1);
	for (u32 i = 0; i < REQUESTS; i++)
		answers(i);
	script.records_len = 0;
	sleeps(MS);
	all_ask(0);
	for (u32 i = 0; i < REQUESTS; i++)
		refs[i] = ref_of(i);
	plant_word(phase, CHECKS);
	commands(REQUESTS);
	assert_int_equal(owners_len, REQUESTS);
	assert_memory_equal(owners, refs, sizeof(refs));
	sleeps(MS);
	for (u32 i = 0; i < REQUESTS; i++) {
		replies(1);
		answers(i);
	}
	all_are(0, REQUESTS, WW_ATTRIBUTION_EXACT);
}

/* One that waits for another answer has sent none of them; where there are fewer than who may have, all are doubted. */
static void fewer(void **state)
{
	(void)state;
	sleeps(MS);
	asks(0);
	commands(1);
	sleeps(MS);
	replies(1);
	answers(0);
	script.records_len = 0;
	sleeps(MS);
	all_ask(0);
	plant_word(phase, CHECKS);
	commands(2);
	sleeps(MS);
	replies(2);
	for (u32 i = 0; i < REQUESTS; i++)
		answers(i);
	all_are(0, REQUESTS, WW_ATTRIBUTION_AMBIGUOUS);
}

/* A connection that is met in mid-load: one command is under way. All are doubted up to when that is known to be over.
 */
static void in_mid_load(void **state)
{
	(void)state;
	script.upstream.tcp.write_seq = 1000;
	sleeps(MS);
	asks(0);
	commands(1);
	asks(1);
	commands(1);
	sleeps(10 * MS);
	replies(1); /* of the one before */
	answers(0);
	sleeps(10 * MS);
	replies(2);
	answers(1);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(host_counter(WW_COUNT_SHARED_LOST), 1);
	/* Quiet, but for less than a round trip, it is not over. */
	script.upstream.tcp.srtt_us = 8 * 5000;
	for (u32 i = 0; i < 2 * WW_SHARED_QUIETS; i++) {
		sleeps(10 * MS);
		asks(0);
		commands(1);
		sleeps(MS);
		replies(1);
		answers(0);
	}
	all_are(2, 2 + 2 * WW_SHARED_QUIETS, WW_ATTRIBUTION_AMBIGUOUS);
	script.upstream.tcp.srtt_us = 8 * 100;
	script.records_len = 0;
	for (u32 i = 0; i <= WW_SHARED_QUIETS; i++) {
		sleeps(10 * MS);
		asks(0);
		commands(1);
		sleeps(MS);
		replies(1);
		answers(0);
	}
	assert_int_equal(script.records[0].attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(script.records[WW_SHARED_QUIETS].attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(host_counter(WW_COUNT_SHARED_LOST), 1);
}

/* A command that takes long, from before it was met: however long it is quiet meanwhile, that it is over is not
 * believed. */
static void slow_command(void **state)
{
	(void)state;
	script.upstream.tcp.write_seq = 1000;
	sleeps(MS);
	for (u32 i = 0; i < WW_SHARED_QUIETS; i++) {
		asks(0);
		sleeps(500 * MS);
		commands(1);
		sleeps(500 * MS);
		replies(1); /* always to the one before */
		sleeps(500 * US);
		answers(0);
	}
	all_are(0, WW_SHARED_QUIETS, WW_ATTRIBUTION_AMBIGUOUS);
	sleeps(MS);
	replies(1);
	script.records_len = 0;
	asks(0);
	commands(1);
	sleeps(MS);
	replies(1);
	answers(0);
	all_are(0, 1, WW_ATTRIBUTION_AMBIGUOUS);
}

/* More answers than commands: from there on none is believed. */
static void too_many(void **state)
{
	(void)state;
	sleeps(MS);
	asks(0);
	commands(1);
	asks(1);
	commands(1);
	sleeps(MS);
	replies(3);
	answers(0);
	answers(1);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(host_counter(WW_COUNT_SHARED_LOST), 1);
}

/* A read that leaves bytes, which the next one gets, is no end of the turn; a later answer is. */
static void large_reads(void **state)
{
	struct ww_thread *t;
	(void)state;
	sleeps(MS);
	asks(0);
	sends(&others, "Q\0\0\0\rSELECT 1\0");
	sleeps(MS);
	all_ask(1);
	t = host_thread(&script.threads[0]);
	assert_int_equal(t->turn_len, 2);
	arrives(&others, 8);
	receives(&others, "rows");
	pass(US);
	/* What has arrived since is of that turn still. */
	assert_int_equal(t->turn_len, 3);
	polls();
	arrives(&others, 4);
	receives(&others, "rows");
	assert_int_equal(t->turn_len, 1);
	receives(&others, "more");
	pass(US);
	assert_int_equal(t->turn_len, 1);
	answers(1);
	sleeps(MS);
	arrives(&clients[1], strlen(GET));
	arrives(&others, 8);
	receives(&clients[1], GET);
	receives(&others, "rows");
	receives(&others, "more");
	assert_int_equal(t->turn_len, 2);
}

/* A connection that a request makes, and sends commands on: it waits for their answers, and for nothing else. */
static void makes_one(void **state)
{
	(void)state;
	sleeps(MS);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 7;
	asks(0);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 2;
	ww_inet_sock_set_state(&script.upstream.unix_sock.sk, 7, 2);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 1;
	ww_inet_sock_set_state(&script.upstream.unix_sock.sk, 2, 1);
	assert_int_equal(host_request(ref_of(0))->outstanding, 1);
	commands(2);
	assert_int_equal(host_request(ref_of(0))->outstanding, 2);
	sleeps(MS);
	replies(2);
	assert_int_equal(host_request(ref_of(0))->outstanding, 0);
	answers(0);
	all_are(0, 1, WW_ATTRIBUTION_EXACT);
}

/* Another thread has done something for the only request that waits for that: or for one that is taken to wait else. */
static void after_the_pool(void **state)
{
	(void)state;
	sleeps(MS);
	asks(0);
	sleeps(2 * MS);
	queries(&others);
	sleeps(MS);
	rows(&others);
	answers(0);
	all_are(0, 1, WW_ATTRIBUTION_INFERRED);
	sleeps(MS);
	asks(0);
	asks(1);
	queries(&another);
	sleeps(2 * MS);
	queries(&others);
	sleeps(MS);
	rows(&others);
	answers(0);
	all_are(1, 2, WW_ATTRIBUTION_AMBIGUOUS);
}

/* What follows on such a step may be answered to any that waits so. */
static void answered_after_the_pool(void **state)
{
	(void)state;
	sleeps(MS);
	asks(0);
	asks(1);
	sleeps(2 * MS);
	queries(&others);
	sleeps(MS);
	rows(&others);
	answers(1);
	all_are(0, 1, WW_ATTRIBUTION_AMBIGUOUS);
}

/* A connection stands, just after something was read for another request: it was made for the one that has made it. */
static void made_for_one(void **state)
{
	struct sock *sk = &another.unix_sock.sk;
	(void)state;
	sleeps(MS);
	asks(0);
	sk->__sk_common.skc_state = 2;
	ww_inet_sock_set_state(sk, 7, 2);
	sleeps(MS);
	sk->__sk_common.skc_state = 1;
	ww_inet_sock_set_state(sk, 2, 1);
	asks(1);
	queries(&another);
	assert_int_equal(host_conn(&another)->first, ref_of(0));
	sleeps(MS);
	rows(&another);
	answers(0);
	all_are(0, 1, WW_ATTRIBUTION_EXACT);
}

/* It goes on with one that has come before the last turn read anything, and then with one that came later: */
static void last_of_one(void)
{
	sleeps(MS);
	asks(0);
	commands(1);
	sleeps(MS);
	replies(1);
	answers(0);
	script.records_len = 0;
	sleeps(MS);
	arrives(&clients[0], strlen(GET));
	arrives(&clients[1], strlen(GET));
	pass(US);
	receives(&clients[0], GET);
	pass(10 * US);
	queries(&others);
}

static void first_of_next(void)
{
	receives(&clients[1], GET);
	pass(10 * US);
	arrives(&clients[2], strlen(GET));
	pass(10 * US);
	receives(&clients[2], GET);
	pass(10 * US);
	plant_word(phase, CHECKS);
}

/* both are of the next turn, */
static void in_the_next(void **state)
{
	(void)state;
	last_of_one();
	polls();
	first_of_next();
	ww_ref refs[] = {ref_of(1), ref_of(2)};
	commands(2);
	assert_int_equal(owners_len, 2);
	assert_memory_equal(owners, refs, sizeof(refs));
	sleeps(MS);
	replies(1);
	answers(1);
	replies(1);
	answers(2);
	all_are(0, 2, WW_ATTRIBUTION_EXACT);
}

/* or, where the loop does not count them, in that turn or the next: all are in doubt. */
static void in_one_of_two(void **state)
{
	(void)state;
	host_thread(&script.threads[0])->turns_at = 0;
	last_of_one();
	first_of_next();
	commands(2);
	sleeps(MS);
	rows(&others);
	answers(0);
	replies(1);
	answers(1);
	replies(1);
	answers(2);
	all_are(0, 3, WW_ATTRIBUTION_AMBIGUOUS);
}

/* Another thread ends the loop's sleep, by an eventfd, or a pipe: for that the request has waited. */
static void posted(void **state)
{
	u64 fd = *(const u64 *)*state;
	bool told = fd != HOST_FD_SOCKET;
	begin(state);
	host_thread(&script.threads[0])->phase_at = 0;
	sleeps(MS);
	asks(0);
	polls();
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, 1);
	pass(MS);
	host.current[0] = &script.threads[1];
	script.threads[1].regs.WW_REG_NR = WW_SYS_WRITE;
	script.threads[1].regs.WW_REG_ARG1 = fd;
	is_woken(0);
	pass(10 * US);
	runs(0);
	answers(0);
	all_are(0, 1, WW_ATTRIBUTION_INFERRED);
	assert_int_equal(script.records[0].kinds_ns[WW_KIND_IPC], told ? MS : 0);
	assert_int_equal(script.records[0].kinds_ns[WW_KIND_SLEEP] + script.records[0].kinds_ns[WW_KIND_OTHER],
			 told ? 0 : MS);
	assert_int_equal(script.records[0].kinds_ns[WW_KIND_RUNQ], 10 * US);
	end(state);
}

/* One has come while the loop worked: it goes on while it polls, and has read nothing. In another phase it may be a
 * timer. */
static void posted_meanwhile(void **state)
{
	u64 in = *(const u64 *)*state;
	begin(state);
	sleeps(MS);
	asks(0);
	polls();
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, 1);
	pass(MS);
	is_woken(0);
	runs(0);
	plant_word(phase, in);
	answers(0);
	all_are(0, 1, WW_ATTRIBUTION_INFERRED);
	assert_int_equal(script.records[0].kinds_ns[WW_KIND_IPC], in == POLLS ? MS : 0);
	end(state);
}

int main(void)
{
	static const u64 fds[] = {HOST_FD_EVENT, HOST_FD_PIPE, HOST_FD_SOCKET}, phases[] = {POLLS, CHECKS};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_steps, begin, end),
		cmocka_unit_test_setup_teardown(at_the_end, begin, end),
		cmocka_unit_test_setup_teardown(fewer, begin, end),
		cmocka_unit_test_setup_teardown(in_mid_load, begin, end),
		cmocka_unit_test_setup_teardown(slow_command, begin, end),
		cmocka_unit_test_setup_teardown(too_many, begin, end),
		cmocka_unit_test_setup_teardown(large_reads, begin, end),
		cmocka_unit_test_setup_teardown(makes_one, begin, end),
		cmocka_unit_test_setup_teardown(after_the_pool, begin, end),
		cmocka_unit_test_setup_teardown(answered_after_the_pool, begin, end),
		cmocka_unit_test_setup_teardown(made_for_one, begin, end),
		cmocka_unit_test_setup_teardown(in_the_next, begin, end),
		cmocka_unit_test_setup_teardown(in_one_of_two, begin, end),
		cmocka_unit_test_prestate(posted, (void *)&fds[0]),
		cmocka_unit_test_prestate(posted, (void *)&fds[1]),
		cmocka_unit_test_prestate(posted, (void *)&fds[2]),
		cmocka_unit_test_prestate(posted_meanwhile, (void *)&phases[0]),
		cmocka_unit_test_prestate(posted_meanwhile, (void *)&phases[1]),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
