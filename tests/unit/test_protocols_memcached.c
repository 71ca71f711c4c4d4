/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "talk.h"

static void one_after_the_other(struct talk *talk)
{
	talk_sent(talk, "get user:1\r\n");
	talk_received(talk, "VALUE user:1 0 5\r\nEND\r\n\r\nEND\r\n");
	talk_sent(talk, "gets user:1 user:2\r\n");
	talk_received(talk, "VALUE user:1 0 2 77\r\nab\r\nVALUE user:2 0 0 78\r\n\r\nEND\r\n");
	talk_sent(talk, "get none\r\n");
	talk_received(talk, "END\r\n");
	talk_sent(talk, "set user:1 0 60 9\r\nget me\r\nx\r\n");
	talk_received(talk, "STORED\r\n");
	talk_sent(talk, "set user:1 0 60 1 noreply\r\nx\r\nincr hits:2026-11-29 1\r\n");
	talk_received(talk, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	talk_sent(talk, "cas a 0 0 1 5\r\nx\r\n");
	talk_received(talk, "NOT_FOUND\r\n");
	talk_sent(talk, "stats items\r\n");
	talk_received(talk, "STAT items:1:number 2\r\nSTAT items:1:age 1\r\nEND\r\n");
	talk_sent(talk, "version\r\n");
	talk_received(talk, "VERSION 1.6.18\r\n");
	talk_sent(talk, "mg user:1 v\r\n");
	talk_received(talk, "VA 2 c5\r\nMN\r\n");
	talk_sent(talk, "ms user:1 2 T90\r\nhi\r\n");
	talk_received(talk, "HD\r\n");
	talk_sent(talk, "mg user:1 v\r\n");
	talk_received(talk, "EN\r\n");
	talk_sent(talk, "mn\r\n");
	talk_received(talk, "MN\r\n");
	talk_sent(talk, "quit\r\n");
	talk_expect(talk, "get|get user:?|r|\ngets|gets user:? ..|r|\nget|get none|r|\nset|set user:?|w|\n"
			  "incr|incr hits:?|w|CLIENT_ERROR\ncas|cas a|w|\nstats||x|\nversion||x|\nmg|mg user:?|r|\n"
			  "ms|ms user:?|w|\nmg|mg user:?|r|\nmn||x|\n");
	assert_int_equal(talk->unsure, 0);
}

static void commands(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		for (int whole = 0; whole < 2; whole++) {
			struct talk *talk = talk_begin(&ww_protocol_memcached, whole, pieces);

			one_after_the_other(talk);
			talk_end(talk);
		}
	}
}

static void times_and_bytes(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_memcached, true, CAPTURED);

	(void)state;
	talk_sent(talk, "set k 0 0 4\r\nab");
	talk_sent(talk, "cd\r\nget k\r\n");
	talk_received(talk, "STORED\r\nVAL");
	talk_received(talk, "UE k 0 4\r\nabcd\r\nEND\r\n");
	assert_int_equal(talk->len, 2);
	assert_int_equal(talk->said[0].start_us, 1);
	assert_int_equal(talk->said[0].end_us, 3);
	assert_int_equal(talk->said[0].bytes_out, 19);
	assert_int_equal(talk->said[0].bytes_in, 8);
	assert_int_equal(talk->said[1].start_us, 2);
	assert_int_equal(talk->said[1].end_us, 4);
	assert_int_equal(talk->said[1].bytes_out, 7);
	assert_int_equal(talk->said[1].bytes_in, 24);
	assert_true(talk->said[0].arguments && talk->said[1].arguments);
	talk_expect(talk, "set|set k|w|\nget|get k|rp|\n");
	talk_end(talk);
}

/* Whether they are answered, only what comes behind them tells. */
static void quiet_commands(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		struct talk *talk = talk_begin(&ww_protocol_memcached, true, pieces);

		talk_sent(talk, "mg a v q\r\nmg b:1 v q k\r\nmn\r\nget c\r\n");
		talk_received(talk, "VA 2 kb:1\r\nMN\r\nMN\r\nEND\r\n");
		talk_expect(talk, "mg|mg a|r+|\nget|get c|rp|\n");
		talk_sent(talk, "ms a 1 q\r\nx\r\nmd b q\r\n");
		talk_sent(talk, "mn\r\n");
		talk_received(talk, "NF\r\nMN\r\n");
		talk_expect(talk, "pipeline|ms a|w+|\n");
		assert_int_equal(talk->unsure, 0);
		talk_end(talk);
	}
	struct talk *talk = talk_begin(&ww_protocol_memcached, true, CAPTURED);

	talk_sent(talk, "mg a v q\r\nmg b v\r\n");
	talk_received(talk, "EN\r\n");
	talk_expect(talk, "");
	talk_sent(talk, "get c\r\n");
	talk_received(talk, "END\r\n");
	talk_expect(talk, "pipeline||+|\nget|get c|r|\n");
	/* Nobody asks whether this is done. */
	talk_sent(talk, "ms a 1 q\r\nx\r\n");
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	talk->request = 2;
	talk_sent(talk, "ms a 1 q\r\nx\r\n");
	talk_sent(talk, "mn\r\n");
	talk_received(talk, "MN\r\n");
	talk_sent(talk, "get c\r\n");
	talk_received(talk, "END\r\n");
	talk_expect(talk, "ms|ms a|wU|\nget|get c|r|\n");
	talk_end(talk);
}

static void gaps(void **state)
{
	static char value[100000], text[110000];
	struct talk *talk = talk_begin(&ww_protocol_memcached, true, CAPTURED);
	size_t at = 0;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	snprintf(text, sizeof(text), "set k 0 0 %zu\r\n%s\r\n", strlen(value), value);
	talk_sent(talk, text);
	assert_int_equal(talk->len, 0);
	talk_received(talk, "STORED\r\n");
	talk_sent(talk, "get k\r\n");
	snprintf(text, sizeof(text), "VALUE k 0 %zu\r\n%s\r\nEND\r\n", strlen(value), value);
	talk_received(talk, text);
	talk_expect(talk, "set|set k|w|\nget|get k|r|\n");
	/* Many keys, many small values. */
	at = (size_t)sprintf(text, "get");
	for (int i = 0; i < 500; i++)
		at += (size_t)sprintf(text + at, " key:%d", i);
	strcpy(text + at, "\r\n");
	talk_sent(talk, text);
	at = 0;
	for (int i = 0; i < 500; i++)
		at += (size_t)sprintf(text + at, "VALUE key:%d 0 1\r\nx\r\n", i);
	strcpy(text + at, "END\r\n");
	talk_moved(talk, WW_RECEIVED, text, 3000);
	talk_moved(talk, WW_RECEIVED, text + 3000, at + 5 - 3000);
	talk_sent(talk, "get k\r\n");
	assert_int_equal(talk->said[0].end_us, talk_us(talk) - 1);
	assert_int_equal(talk->said[0].bytes_in, at + 5);
	talk_received(talk, "END\r\n");
	talk_expect(talk, "get|get key:? ..|r|\nget|get k|r|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void out_of_step(void **state)
{
	static char value[5000];
	struct talk *talk = talk_begin(&ww_protocol_memcached, false, CAPTURED);

	(void)state;
	talk_sent(talk, "the rest of a value\r\n");
	talk_received(talk, "STORED\r\n");
	memset(value, 'x', sizeof(value) - 1);
	talk_sent(talk, value);
	talk_received(talk, "STORED\r\n");
	talk_expect(talk, "");
	talk_sent(talk, "get a\r\n");
	talk_received(talk, "END\r\n");
	talk_expect(talk, "get|get a|r|\n");
	talk_sent(talk, "get a\r\n");
	talk_received(talk, "STORED\r\n");
	talk_sent(talk, "get a\r\n");
	ww_dialogue__lost(talk->dialogue);
	talk_received(talk, "END\r\n");
	talk_expect(talk, "");
	assert_int_equal(talk->unsure, 2);
	talk_sent(talk, "get b\r\n");
	talk_received(talk, "END\r\n");
	talk_expect(talk, "get|get b|r|\n");
	talk_end(talk);
}

static void binary(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_memcached, true, CAPTURED);

	(void)state;
	for (int i = 0; i < 2; i++) {
		talk_moved(talk, WW_SENT, "\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01...............x", 28);
		talk_moved(talk, WW_RECEIVED, "\x81\x00", 2);
	}
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	talk_expect(talk, "||e|\n||e|\n");
	talk_end(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands), cmocka_unit_test(times_and_bytes), cmocka_unit_test(quiet_commands),
		cmocka_unit_test(gaps),	    cmocka_unit_test(out_of_step),     cmocka_unit_test(binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
