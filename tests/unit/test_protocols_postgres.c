/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "postgres_talk.h"

static void connecting(void **state)
{
	static const char tls[] = "\0\0\0\10\4\322\26\57", cancel[] = "\0\0\0\20\4\322\26\56pid.key.";

	(void)state;
	begin(true);
	talk_add(&talk, tls, 8);
	send();
	talk_add(&talk, "N", 1);
	receive();
	log_in();
	query("SELECT 1");
	answer("SELECT 1");
	TALK_CHECK(&talk, "1-6 connect|connect||", "7-8 read|SELECT|SELECT ?|");
	talk_end(&talk);

	begin(true);
	talk_add(&talk, tls, 8);
	send();
	talk_add(&talk, "S", 1);
	receive();
	talk_add(&talk, "hello", 5);
	send();
	TALK_CHECK(&talk, "1-2 connect|connect||");
	talk_add(&talk, "hello", 5);
	receive();
	ww_dialogue__settle(talk.dialogue, 7, 99);
	TALK_CHECK(&talk, "3-4 uncaptured|||");
	talk_end(&talk);

	begin(true);
	talk_add(&talk, cancel, 16);
	send();
	TALK_CHECK(&talk, "1-1 control|CANCEL||");
	talk_end(&talk);

	begin(true);
	talk_add(&talk, "\0\0\0\20\0\3\0\0user\0a\0", 16);
	send();
	ADD('E', "SFATAL\0VFATAL\0C28P01\0Mpassword\0");
	receive();
	TALK_CHECK(&talk, "1-2 connect|connect||28P01");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

static void simple(void **state)
{
	(void)state;
	begin(true);
	log_in();
	query("BEGIN");
	TALK_CHECK(&talk, "1-4 connect|connect||");
	answer("BEGIN");
	query("UPDATE t SET a=1 WHERE b='secret'; SELECT 2");
	ADD('A', "1234news\0\0");
	receive();
	answer("SELECT 1");
	query("SELECT oops");
	ADD('N', "SNOTICE\0\0");
	ADD('E', "SERROR\0VERROR\0C42703\0M\0\0");
	add_ready();
	receive();
	query("");
	ADD('I', "");
	add_ready();
	receive();
	ADD('X', "");
	send();
	TALK_CHECK(&talk, "5-6 control|BEGIN|BEGIN|",
		   "7-9 write batch|UPDATE t|UPDATE t SET a = ? WHERE b = ?; SELECT ?|",
		   "10-11 read|SELECT|SELECT oops|42703", "12-13|||");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

static void extended(void **state)
{
	(void)state;
	begin(false);
	/* Prepared before. */
	add_execution("old", "1");
	ADD('S', "");
	send();
	ADD('2', "");
	answer("SELECT 0");
	/* Unnamed. */
	ADD('P', "\0SELECT a FROM t WHERE b = $1\0\0\0");
	add_execution("", "1");
	ADD('S', "");
	send();
	ADD('1', "");
	ADD('2', "");
	add_rows(2);
	answer("SELECT 2");
	TALK_CHECK(&talk, "1-2 read unseen|SELECT|SELECT by 1 parameter (text not seen, prepared before)|",
		   "3-4 read|SELECT t|SELECT a FROM t WHERE b = ?|");
	assert_true(talk.arguments[0] && talk.arguments[1]);
	/* Prepared, described, and executed twice; then forgotten. */
	ADD('P', "s1\0INSERT INTO t VALUES ($1)\0\0\0");
	ADD('D', "Ss1\0");
	ADD('H', "");
	send();
	ADD('1', "");
	ADD('t', "\0\1\0\0\0\27");
	ADD('n', "");
	receive();
	for (int i = 0; i < 2; i++) {
		add_execution("s1", i ? "2" : "1");
		ADD('S', "");
		send();
		ADD('2', "");
		answer("INSERT 0 1");
	}
	ADD('C', "Ss1\0");
	ADD('S', "");
	send();
	ADD('3', "");
	add_ready();
	receive();
	add_execution("s1", "1");
	ADD('S', "");
	send();
	ADD('2', "");
	answer("INSERT 0 1");
	TALK_CHECK(&talk, "5-6 control|PREPARE INSERT t|INSERT INTO t VALUES (?)|",
		   "7-8 write|INSERT t|INSERT INTO t VALUES (?)|", "9-10 write|INSERT t|INSERT INTO t VALUES (?)|",
		   "11-12 control|CLOSE||",
		   "13-14 write unseen|INSERT|INSERT by 1 parameter (text not seen, prepared before)|");
	assert_true(talk.arguments[1] != talk.arguments[2]);
	/* One that is not parsed is not known. */
	ADD('P', "s2\0SELECT oops\0\0\0");
	ADD('S', "");
	send();
	ADD('E', "SERROR\0VERROR\0C42703\0\0");
	add_ready();
	receive();
	add_execution("s2", "1");
	ADD('S', "");
	send();
	ADD('E', "SERROR\0VERROR\0C26000\0\0");
	add_ready();
	receive();
	TALK_CHECK(&talk, "15-16 control|PREPARE SELECT|SELECT oops|42703", "17-18 unseen|EXECUTE||26000");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* Many executions, one Sync; BEGIN that goes along. */
static void batches(void **state)
{
	(void)state;
	begin(false);
	ADD('P', "\0BEGIN\0\0\0");
	add_execution("", "");
	ADD('P', "s\0UPDATE t SET a=$1\0\0\0");
	add_execution("s", "1");
	ADD('S', "");
	send();
	ADD('1', "");
	ADD('2', "");
	ADD('C', "BEGIN\0");
	ADD('1', "");
	ADD('2', "");
	answer("UPDATE 1");
	for (int i = 0; i < 3; i++)
		add_execution("s", "1");
	ADD('P', "\0DELETE FROM u\0\0\0");
	add_execution("", "");
	ADD('S', "");
	send();
	for (int i = 0; i < 4; i++) {
		if (i == 3)
			ADD('1', "");
		ADD('2', "");
		ADD('C', "DONE 1\0");
	}
	add_ready();
	receive();
	TALK_CHECK(&talk, "1-2 write|UPDATE t|BEGIN; UPDATE t SET a = ?|",
		   "3-4 write batch|UPDATE t|UPDATE t SET a = ?; DELETE FROM u|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* Rows are taken in pieces, by a portal. */
static void portals(void **state)
{
	(void)state;
	begin(false);
	ADD('P', "\0SELECT a FROM t\0\0\0");
	ADD('B', "c1\0\0\0\0\0\0\0\0");
	ADD('S', "");
	send();
	ADD('1', "");
	ADD('2', "");
	add_ready();
	receive();
	for (int i = 0; i < 2; i++) {
		ADD('E', "c1\0\0\0\0\5");
		ADD('S', "");
		send();
		add_rows(5);
		ADD('s', "");
		add_ready();
		receive();
	}
	TALK_CHECK(&talk, "1-2 control|PREPARE SELECT t|SELECT a FROM t|", "3-4 read|SELECT t|SELECT a FROM t|",
		   "5-6 read fetch|FETCH SELECT t|SELECT a FROM t|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

static void pipelines(void **state)
{
	(void)state;
	begin(false);
	/* Each with its Sync. */
	for (int i = 0; i < 3; i++) {
		ADD('P', "\0SELECT a FROM t\0\0\0");
		add_execution("", "1");
		ADD('S', "");
	}
	send();
	for (int i = 0; i < 3; i++) {
		ADD('1', "");
		if (i == 1) {
			ADD('E', "SERROR\0VERROR\0C22012\0\0");
		} else {
			ADD('2', "");
			ADD('C', "SELECT 0\0");
		}
		add_ready();
		receive();
	}
	TALK_CHECK(&talk, "1-2 read|SELECT t|SELECT a FROM t|", "1-3 read piped|SELECT t|SELECT a FROM t|22012",
		   "1-4 read piped|SELECT t|SELECT a FROM t|");
	/* What is behind an error is passed over up to Sync. */
	for (int i = 0; i < 3; i++) {
		ADD('P', "\0SELECT a FROM t\0\0\0");
		add_execution("", "1");
		ADD('H', "");
		send();
	}
	ADD('1', "");
	ADD('2', "");
	ADD('C', "SELECT 0\0");
	receive();
	ADD('E', "SERROR\0VERROR\0C22012\0\0");
	receive();
	ADD('S', "");
	send();
	add_ready();
	receive();
	TALK_CHECK(&talk, "5-8 read|SELECT t|SELECT a FROM t|", "6-11 read piped|SELECT t|SELECT a FROM t|22012",
		   "7-11 read piped|SELECT t|SELECT a FROM t|aborted", "10-11 control piped|SYNC||");
	assert_int_equal(talk.unsure, 0);
	/* An answer to oops that was asked: what is paired so far may be wrong. */
	add_execution("", "1");
	ADD('S', "");
	send();
	add_ready();
	receive();
	TALK_CHECK_NONE(&talk);
	assert_int_equal(talk.unsure, 1);
	talk_end(&talk);
}

static void copies(void **state)
{
	(void)state;
	begin(false);
	query("COPY t FROM STDIN");
	ADD('G', "\0\0\1\0\0");
	receive();
	for (int i = 0; i < 3; i++) {
		ADD('d', "1\n");
		send();
	}
	ADD('c', "");
	send();
	answer("COPY 3");
	/* The first Sync is passed over, the second is the one that is answered. */
	ADD('P', "\0COPY t FROM STDIN\0\0\0");
	add_execution("", "");
	ADD('S', "");
	send();
	ADD('1', "");
	ADD('2', "");
	ADD('G', "\0\0\1\0\0");
	receive();
	ADD('d', "1\n");
	ADD('c', "");
	ADD('S', "");
	send();
	answer("COPY 1");
	query("COPY t TO STDOUT");
	ADD('H', "\0\0\1\0\0");
	for (int i = 0; i < 100; i++)
		ADD('d', "1\n");
	ADD('c', "");
	answer("COPY 3");
	query("SELECT 1");
	answer("SELECT 1");
	TALK_CHECK(&talk, "1-7 write|COPY t|COPY t FROM STDIN|", "8-11 write|COPY t|COPY t FROM STDIN|",
		   "12-13 read|COPY t|COPY t TO STDOUT|", "14-15 read|SELECT|SELECT ?|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* Headers lie where oops is at hand. */
static void blind(void **state)
{
	(void)state;
	begin(false);
	query("SELECT a FROM t");
	for (int i = 0; i < 5; i++) {
		add_rows(100);
		receive();
	}
	add_rows(100);
	TALK_CHECK_NONE(&talk);
	answer("SELECT 600");
	TALK_CHECK_NONE(&talk);
	query("SELECT b FROM t");
	TALK_CHECK(&talk, "1-7 read|SELECT t|SELECT a FROM t|");
	answer("SELECT 0");
	/* The same by Flush, with a request that ends. */
	ADD('P', "\0SELECT a FROM t\0\0\0");
	add_execution("", "1");
	ADD('H', "");
	send();
	ADD('1', "");
	ADD('2', "");
	add_rows(100);
	ADD('C', "SELECT 100\0");
	receive();
	ww_dialogue__settle(talk.dialogue, 7, 99);
	query("SELECT c FROM t");
	answer("SELECT 0");
	TALK_CHECK(&talk, "8-9 read|SELECT t|SELECT b FROM t|", "10-11 read|SELECT t|SELECT a FROM t|",
		   "12-13 read|SELECT t|SELECT c FROM t|");
	assert_int_equal(talk.unsure, 0);
	/* Which of two the end is of can't be told. */
	for (int i = 0; i < 2; i++) {
		ADD('P', "\0SELECT a FROM t\0\0\0");
		add_execution("", "1");
		ADD('S', "");
	}
	send();
	ADD('1', "");
	ADD('2', "");
	add_rows(100);
	answer("SELECT 100");
	assert_int_equal(talk.unsure, 2);
	TALK_CHECK_NONE(&talk);
	query("SELECT d FROM t");
	answer("SELECT 0");
	TALK_CHECK(&talk, "16-17 read|SELECT t|SELECT d FROM t|");
	/* An answer whose end was not seen, and something is sent. */
	query("SELECT e FROM t");
	add_rows(100);
	receive();
	query("SELECT f FROM t");
	assert_int_equal(talk.unsure, 3);
	answer("SELECT 0");
	TALK_CHECK_NONE(&talk);
	query("SELECT g FROM t");
	answer("SELECT 0");
	TALK_CHECK(&talk, "22-23 read|SELECT t|SELECT g FROM t|");
	talk_end(&talk);
}

/* A statement so long that what follows it is not at hand. */
static void unseen(void **state)
{
	static char statement[9000];

	(void)state;
	begin(false);
	memset(statement, ' ', sizeof(statement));
	static const char begins[30] = "\0SELECT a FROM t WHERE b IN (1";
	memcpy(statement, begins, sizeof(begins));
	memset(statement + 30, ',', 5000);
	memset(statement + sizeof(statement) - 3, 0, 3);
	for (int i = 0; i < 2; i++) {
		add('P', statement, sizeof(statement));
		add_execution("", "1");
		ADD('S', "");
		talk_move(&talk, WW_SENT);
		ADD('1', "");
		ADD('2', "");
		add_rows(i ? 100 : 1);
		answer("SELECT 1");
	}
	query("SELECT 2");
	answer("SELECT 1");
	TALK_CHECK(&talk, "1-2 read cut|SELECT t|SELECT a FROM t WHERE b IN (?\xe2\x80\xa6|",
		   "3-4 read cut|SELECT t|SELECT a FROM t WHERE b IN (?\xe2\x80\xa6|", "5-6 read|SELECT|SELECT ?|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* A failure says so where its code is not at hand. */
static void error_without_code(void **state)
{
	static const char notice[240] = "SNOTICE", failure[160] = "SERROR\0VERROR\0C42703\0Mno";

	(void)state;
	begin(false);
	query("SELECT oops");
	ADD('N', notice);
	ADD('E', failure);
	add_ready();
	receive();
	TALK_CHECK(&talk, "1-2 read|SELECT|SELECT oops|error");
	talk_end(&talk);
}

/* Seen from the middle on, or with calls missing. */
static void middle(void **state)
{
	(void)state;
	begin(false);
	talk_add(&talk, "efgh", 4);
	add_rows(3);
	answer("SELECT 3");
	query("SELECT 1");
	answer("SELECT 1");
	talk_add(&talk, "what follows of a long message", 30);
	send();
	TALK_CHECK(&talk, "2-3 read|SELECT|SELECT ?|");
	ww_dialogue__lost(talk.dialogue);
	talk_add(&talk, "what follows of a long message", 30);
	send();
	answer("SELECT 1");
	query("SELECT 1");
	ww_dialogue__lost(talk.dialogue);
	assert_int_equal(talk.unsure, 1);
	answer("SELECT 1");
	query("SELECT 1");
	answer("SELECT 1");
	TALK_CHECK(&talk, "9-10 read|SELECT|SELECT ?|");
	assert_int_equal(talk.unsure, 1);
	talk_end(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connecting),
		cmocka_unit_test(simple),
		cmocka_unit_test(extended),
		cmocka_unit_test(batches),
		cmocka_unit_test(portals),
		cmocka_unit_test(pipelines),
		cmocka_unit_test(copies),
		cmocka_unit_test(blind),
		cmocka_unit_test(unseen),
		cmocka_unit_test(middle),
		cmocka_unit_test(error_without_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
