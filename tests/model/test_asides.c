/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests that a loop reads, and answers, and threads that are not followed work on: whether they say so. */
#include "script.h"

#include "aside.bpf.h"

#define GET  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PING "*1\r\n$4\r\nPING\r\n"

enum { LOOP, WORKER };

static void begin(void)
{
	script_begin(8);
	ww_asides_known = 0;
}

static void end(void)
{
	u32 tgid = 100;
	bpf_map_delete_elem(&ww_asides, &tgid);
	ww_asides_known = 0;
	script_end();
}

static void reads(u32 thread)
{
	script.records_len = 0;
	arrives(&script.server, strlen(GET));
	runs(thread);
	receives(&script.server, GET);
	pass(10);
}

/* The loop waits for what a thread has done, which asks somebody (`asks`) while it does. */
static void waits(bool asks)
{
	runs(LOOP);
	blocks(WW_SYS_POLL, 0, 1, (u64)-1, 0);
	runs(WORKER);
	pass(100);
	if (asks)
		sends(&script.upstream, PING);
	pass(100);
	is_woken(LOOP);
	is_preempted();
	runs(LOOP);
}

static const struct ww_account *answers(void)
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

static void assert_doubted(const struct ww_account *a, bool is)
{
	assert_int_equal(a->attribution == WW_ATTRIBUTION_AMBIGUOUS, is);
	assert_int_equal(a->traffic_lost != 0, is);
}

/* The first one shows what the process is like; from the second on what others ask meanwhile is noted. */
static void what_others_ask_puts_it_in_doubt(void **state)
{
	(void)state;
	begin();
	reads(LOOP);
	waits(true);
	answers();
	for (u32 i = 0; i < 2; i++) {
		reads(LOOP);
		waits(true);
		assert_doubted(answers(), true);
	}
	end();
}

/* Where nobody has asked, before it was read or after, there is nothing to be missed. */
static void nobody_has_asked(void **state)
{
	(void)state;
	begin();
	reads(LOOP);
	waits(true);
	answers();
	waits(true);
	reads(LOOP);
	waits(false);
	assert_doubted(answers(), false);
	end();
}

/* Nor where its thread has not waited, whoever asks meanwhile, */
static void its_thread_was_at_work(void **state)
{
	(void)state;
	begin();
	reads(LOOP);
	waits(true);
	answers();
	reads(LOOP);
	is_preempted();
	runs(WORKER);
	sends(&script.upstream, PING);
	is_preempted();
	runs(LOOP);
	assert_doubted(answers(), false);
	end();
}

/* or has asked itself. */
static void it_asks_itself(void **state)
{
	(void)state;
	begin();
	reads(LOOP);
	waits(true);
	answers();
	reads(LOOP);
	sends(&script.upstream, PING);
	blocks(WW_SYS_POLL, 0, 1, (u64)-1, 0);
	pass(50);
	arrives(&script.upstream, 5);
	is_woken(LOOP);
	runs(LOOP);
	receives(&script.upstream, "+OK\r\n");
	assert_doubted(answers(), false);
	end();
}

/* Another thread than the one that has read it answers: how it has come to it is not known. */
static void another_one_answers(void **state)
{
	(void)state;
	begin();
	reads(LOOP);
	blocks(WW_SYS_POLL, 0, 1, (u64)-1, 0);
	runs(WORKER);
	pass(100);
	assert_int_equal(answers()->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_false(script.records[0].traffic_lost);
	reads(LOOP);
	blocks(WW_SYS_POLL, 0, 1, (u64)-1, 0);
	runs(WORKER);
	sends(&script.upstream, PING);
	pass(100);
	assert_doubted(answers(), true);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_ask_puts_it_in_doubt),
		cmocka_unit_test(nobody_has_asked),
		cmocka_unit_test(its_thread_was_at_work),
		cmocka_unit_test(it_asks_itself),
		cmocka_unit_test(another_one_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
