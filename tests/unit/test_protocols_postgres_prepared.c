/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Statements that were prepared before the connection was observed. */
#include "postgres_talk.h"

static void add_fields(void)
{
	static const char first[] = "\0\2price\0\0\0\100\1\0\1\0\0\0\27\0\4\377\377\377\377\0\0"
				    "?column?\0\0\0\0\0\0\0\0\0\0\27\0\4\377\377\377\377\0\0";

	ADD('T', first);
}

/* Names whose statements nobody has said: what their answers say stands for them. */
static void prepared_before(void **state)
{
	(void)state;
	begin(false);
	/* asyncpg: no description. One answer without rows has not said all. */
	for (int i = 0; i < 4; i++) {
		add_execution("s1", i == 3 ? "1" : "2");
		ADD('S', "");
		send();
		ADD('2', "");
		if (i)
			add_rows(1);
		answer(i ? "SELECT 1" : "SELECT 0");
	}
	TALK_CHECK(&talk, "1-2 read unseen|SELECT|SELECT by 1 parameter (text not seen, prepared before)|",
		   "3-4 read unseen|SELECT|SELECT 1 column by 1 parameter (text not seen, prepared before)|",
		   "5-6 read unseen|SELECT|SELECT 1 column by 1 parameter (text not seen, prepared before)|",
		   "7-8 read unseen|SELECT|SELECT 1 column by 1 parameter (text not seen, prepared before)|");
	assert_true(talk.arguments[0] && talk.arguments[0] == talk.arguments[1] &&
		    talk.arguments[1] == talk.arguments[2] && talk.arguments[2] != talk.arguments[3]);
	assert_true(talk.prepared[0] && talk.prepared[0] == talk.prepared[3]);
	/* libpq: described each time. Another name is another statement. */
	ADD('D', "P\0");
	add_execution("s2", "2");
	ADD('S', "");
	send();
	ADD('2', "");
	add_fields();
	add_rows(1);
	answer("SELECT 1");
	TALK_CHECK(&talk,
		   "9-10 read unseen|SELECT|SELECT price, ?column? FROM 16385::regclass by 1 parameter (text not "
		   "seen, prepared before)|");
	assert_true(talk.prepared[0] != talk.prepared[1]);
	/* pgjdbc: BEGIN goes along, and both have names. */
	for (int i = 0; i < 3; i++) {
		add_execution("s3", "");
		add_execution("s4", "1");
		ADD('S', "");
		send();
		ADD('2', "");
		ADD('C', "BEGIN\0");
		ADD('2', "");
		answer("UPDATE 1");
	}
	TALK_CHECK(&talk, "11-12 write unseen|UPDATE|UPDATE by 1 parameter (text not seen, prepared before)|",
		   "13-14 write unseen|UPDATE|UPDATE by 1 parameter (text not seen, prepared before)|",
		   "15-16 write unseen|UPDATE|UPDATE by 1 parameter (text not seen, prepared before)|");
	/* That BEGIN asks for nothing is known from the first time on. */
	assert_int_equal(talk.arguments[1], talk.arguments[2]);
	/* Many of one: a batch. */
	for (int i = 0; i < 3; i++)
		add_execution("s5", "1");
	ADD('S', "");
	send();
	for (int i = 0; i < 3; i++) {
		ADD('2', "");
		ADD('C', "INSERT 0 1\0");
	}
	add_ready();
	receive();
	TALK_CHECK(&talk, "17-18 write batch unseen|INSERT|INSERT by 1 parameter (text not seen, prepared before)|");
	/* More rows than are at hand. */
	add_execution("s6", "1");
	ADD('S', "");
	send();
	ADD('2', "");
	add_rows(100);
	answer("SELECT 100");
	ww_dialogue__settle(talk.dialogue, 7, 99);
	TALK_CHECK(&talk, "19-20 read unseen|SELECT|SELECT 1 column by 1 parameter (text not seen, prepared before)|");
	/* Now it is said what it is. */
	ADD('P', "s6\0SELECT a FROM t WHERE b = $1\0\0\0");
	add_execution("s6", "1");
	ADD('S', "");
	send();
	ADD('1', "");
	ADD('2', "");
	answer("SELECT 0");
	TALK_CHECK(&talk, "21-22 read|SELECT t|SELECT a FROM t WHERE b = ?|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(prepared_before)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
