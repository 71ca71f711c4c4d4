/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who has asked for what is sent at the end of a loop's turn, by when its first immediate was asked for. */
#define REQUESTS 20

#include "node.h"

#define PART "POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
#define BODY "body"

/* In the step that runs, one asks for an immediate. */
static void wants_immediate(void)
{
	plant_word(idle, idle + 8);
}

/* So many times it tells what is certain without it: the second one waits for nothing else. */
static void learns(u32 times)
{
	for (u32 i = 0; i < times; i++) {
		sleeps(MS);
		asks(0);
		queries(&others);
		asks(1);
		wants_immediate();
		plant_word(phase, CHECKS);
		commands(1);
		sleeps(MS);
		replies(1);
		answers(1);
		sleeps(MS);
		rows(&others);
		answers(0);
	}
	script.records_len = 0;
}

/* The connection is known for one that is shared. */
static void meets(void)
{
	sleeps(MS);
	asks(0);
	commands(1);
	sleeps(MS);
	replies(1);
	answers(0);
	script.records_len = 0;
}

/* The head of one is read; its body is not there yet. */
static void asks_in_part(u32 request)
{
	arrives(&clients[request], strlen(PART));
	receives(&clients[request], PART);
	pass(10 * US);
}

static void sends_body(u32 request)
{
	arrives(&clients[request], strlen(BODY));
	receives(&clients[request], BODY);
	pass(10 * US);
}

/* Three wait for something else besides, and the second of these asks for `many` commands. */
static void one_of_three(u32 many)
{
	sleeps(MS);
	asks(0);
	queries(&others);
	asks(1);
	queries(&another);
	wants_immediate();
	asks(2);
	queries(&third);
	owners_len = 0;
	plant_word(phase, CHECKS);
	commands(many);
}

static void rest(void)
{
	sleeps(MS);
	rows(&others);
	answers(0);
	rows(&another);
	answers(1);
	rows(&third);
	answers(2);
}

/* Without it all three would be in doubt, as it would not be known who has asked. */
static void asked_in_a_step(void **state)
{
	(void)state;
	meets();
	learns(WW_IMMEDIATE_RIGHT);
	one_of_three(1);
	assert_int_equal(owners_len, 1);
	assert_int_equal(owners[0], ref_of(1));
	sleeps(MS);
	replies(1);
	rest();
	all_are(0, 3, WW_ATTRIBUTION_EXACT);
}

/* The last step's are all that one's. */
static void asked_in_the_last(void **state)
{
	(void)state;
	meets();
	learns(WW_IMMEDIATE_RIGHT);
	sleeps(MS);
	asks(0);
	queries(&others);
	asks(1);
	queries(&another);
	wants_immediate();
	plant_word(phase, CHECKS);
	commands(3);
	assert_int_equal(host_request(ref_of(1))->outstanding, 4);
	assert_int_equal(host_request(ref_of(0))->outstanding, 1);
	sleeps(MS);
	replies(3);
	rows(&others);
	answers(0);
	rows(&another);
	answers(1);
	all_are(0, 2, WW_ATTRIBUTION_EXACT);
}

/* Two commands may be of any two that had a step since: the first one's are not in doubt. */
static void asked_by_later_ones(void **state)
{
	(void)state;
	meets();
	learns(WW_IMMEDIATE_RIGHT);
	one_of_three(3);
	assert_int_equal(owners_len, 3);
	sleeps(MS);
	replies(3);
	rest();
	assert_int_equal(script.records_len, 3);
	assert_int_equal(script.records[0].attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(script.records[1].attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(script.records[2].attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* It has not told what is certain often enough. */
static void not_known_yet(void **state)
{
	(void)state;
	meets();
	learns(WW_IMMEDIATE_RIGHT - 1);
	one_of_three(1);
	sleeps(MS);
	replies(1);
	rest();
	all_are(0, 3, WW_ATTRIBUTION_AMBIGUOUS);
}

/* Others ask for immediates, too. */
static void for_something_else(void **state)
{
	(void)state;
	meets();
	learns(WW_IMMEDIATE_RIGHT);
	sleeps(MS);
	asks(0);
	wants_immediate();
	asks(1);
	answers(0);
	answers(1);
	script.records_len = 0;
	one_of_three(1);
	sleeps(MS);
	replies(1);
	rest();
	all_are(0, 3, WW_ATTRIBUTION_AMBIGUOUS);
}

/* A timer's step has asked, before the turn's first read. */
static void asked_before(void **state)
{
	(void)state;
	meets();
	learns(WW_IMMEDIATE_RIGHT);
	sleeps(MS);
	wants_immediate();
	asks(0);
	queries(&others);
	asks(1);
	queries(&another);
	plant_word(phase, CHECKS);
	commands(1);
	sleeps(MS);
	replies(1);
	rows(&others);
	answers(0);
	rows(&another);
	answers(1);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
}

/* What is read for nobody that is known, on `stranger`, comes between: a step of which nothing is known has asked. */
static void asked_after(struct host_sock *stranger)
{
	meets();
	learns(WW_IMMEDIATE_RIGHT);
	sleeps(MS);
	asks(0);
	queries(&others);
	asks(1);
	queries(&another);
	receives(stranger, "rows");
	wants_immediate();
	plant_word(phase, CHECKS);
	commands(1);
	sleeps(MS);
	replies(1);
	rows(&others);
	answers(0);
	rows(&another);
	answers(1);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
	host_sock_end(stranger);
}

static void asked_by_nobody(void **state)
{
	struct host_sock stranger;
	(void)state;
	host_tcp_init(&stranger, 50004, 5432);
	stranger.unix_sock.sk.__sk_common.skc_state = 1;
	asked_after(&stranger);
}

/* The same of a client's that has turned to something else, a WebSocket, say. */
static void asked_by_a_client(void **state)
{
	struct host_sock stranger;
	(void)state;
	script_accept(&stranger, 42000);
	host_conn(&stranger)->protocol = WW_PROTOCOL_OTHER;
	asked_after(&stranger);
}

/* One has a part of its answer: the other one may have asked for both. */
static void rest_of_an_answer(void **state)
{
	(void)state;
	meets();
	sleeps(MS);
	asks(0);
	queries(&others);
	sleeps(MS);
	rows(&others);
	asks(1);
	plant_word(phase, CHECKS);
	commands(2);
	sleeps(MS);
	replies(2);
	answers(1);
	rows(&others);
	answers(0);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
}

/* It has asked somebody else before: up to where its command is sent it waits for that, and not for what is quick. */
static void beside_another(void **state)
{
	(void)state;
	meets();
	sleeps(MS);
	asks(0);
	queries(&others);
	queries(&another);
	sleeps(MS);
	rows(&others);
	asks(1);
	pass(5 * MS);
	plant_word(phase, CHECKS);
	commands(2);
	ww_ref ref = ref_of(0);
	assert_int_equal(host_request(ref)->outstanding, 2);
	assert_int_equal(host_request(ref)->mark, host.now - 10 * US);
	assert_int_equal(host_request(ref)->awaited.value, host_conn(&script.upstream)->peer);
	sleeps(MS);
	replies(2);
	rows(&another);
	answers(0);
	u64 of[2] = {};
	assert_int_equal(script.records_len, 1);
	const struct ww_account *a = &script.records[0];
	for (u32 i = 0; i < a->details_len; i++) {
		of[0] += a->details[i].value == host_conn(&script.upstream)->peer ? a->details[i].ns : 0;
		of[1] += a->details[i].value == host_conn(&another)->peer ? a->details[i].ns : 0;
	}
	assert_in_range(of[0], MS, MS + 100 * US);
	assert_in_range(of[1], 6 * MS, 6 * MS + 100 * US); /* and for the rows before */
}

/* One is not whole: it may wait for its body, and the other one, which has an answer, may have asked. */
static void not_whole(void **state)
{
	(void)state;
	meets();
	sleeps(MS);
	asks(1);
	queries(&others);
	sleeps(MS);
	asks_in_part(0);
	rows(&others);
	owners_len = 0;
	plant_word(phase, CHECKS);
	commands(1);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(host_request(ref_of(i))->account.attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(host_request(ref_of(0))->outstanding, 0);
	sleeps(MS);
	replies(1);
	answers(1);
	sends_body(0);
	answers(0);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
}

/* The same of two commands, where there is no answer. */
static void not_whole_of_two(void **state)
{
	(void)state;
	meets();
	sleeps(MS);
	asks_in_part(0);
	asks(1);
	plant_word(phase, CHECKS);
	commands(2);
	sleeps(MS);
	replies(2);
	answers(1);
	sends_body(0);
	answers(0);
	all_are(0, 2, WW_ATTRIBUTION_AMBIGUOUS);
}

/* So many steps in a turn are all known. */
static void many_in_a_turn(void **state)
{
	(void)state;
	meets();
	sleeps(MS);
	all_ask(0);
	plant_word(phase, CHECKS);
	commands(REQUESTS);
	assert_int_equal(owners_len, REQUESTS);
	for (u32 i = 0; i < REQUESTS; i++) {
		assert_int_equal(owners[i], ref_of(i));
		assert_int_equal(host_request(owners[i])->account.attribution, WW_ATTRIBUTION_EXACT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asked_in_a_step, begin, end),
		cmocka_unit_test_setup_teardown(asked_in_the_last, begin, end),
		cmocka_unit_test_setup_teardown(asked_by_later_ones, begin, end),
		cmocka_unit_test_setup_teardown(not_known_yet, begin, end),
		cmocka_unit_test_setup_teardown(for_something_else, begin, end),
		cmocka_unit_test_setup_teardown(asked_before, begin, end),
		cmocka_unit_test_setup_teardown(asked_by_nobody, begin, end),
		cmocka_unit_test_setup_teardown(asked_by_a_client, begin, end),
		cmocka_unit_test_setup_teardown(rest_of_an_answer, begin, end),
		cmocka_unit_test_setup_teardown(beside_another, begin, end),
		cmocka_unit_test_setup_teardown(not_whole, begin, end),
		cmocka_unit_test_setup_teardown(not_whole_of_two, begin, end),
		cmocka_unit_test_setup_teardown(many_in_a_turn, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
