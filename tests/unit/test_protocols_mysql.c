/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dialogues.h"

#define WITHOUT_EOF 0x01000000u
#define TLS	    0x00000800u
#define COMPRESS    0x00000020u
#define MORE	    0x0008
#define CURSOR	    0x0040
#define PLAIN	    0x0200

static struct talk talk;
static uint8_t sequence;

static void add(const void *body, size_t len)
{
	uint8_t header[] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), sequence++};

	talk_add(&talk, header, sizeof(header));
	talk_add(&talk, body, len);
}

/* A packet of a literal, whose NUL does not count. */
#define ADD(body) add(body, sizeof(body) - 1)

static void send(void)
{
	talk_move(&talk, WW_SENT);
}

static void receive(void)
{
	talk_move(&talk, WW_RECEIVED);
}

static void command(const char *bytes, size_t len)
{
	sequence = 0;
	add(bytes, len);
	send();
}

#define COMMAND(bytes) command(bytes, sizeof(bytes) - 1)

static void add_ok(uint8_t first, uint16_t status)
{
	uint8_t body[] = {first, 0, 0, (uint8_t)status, (uint8_t)(status >> 8), 0, 0};

	add(body, sizeof(body));
}

static void add_eof(uint16_t status)
{
	uint8_t body[] = {0xfe, 0, 0, (uint8_t)status, (uint8_t)(status >> 8)};

	add(body, sizeof(body));
}

static void add_columns(bool eof, uint16_t status)
{
	ADD("\2");
	ADD("\3defcolumn");
	ADD("\3defcolumn");
	if (eof)
		add_eof(status);
}

static void add_rows(size_t count)
{
	for (size_t i = 0; i < count; i++)
		ADD("\1a\7abcdefg");
}

/* A result, and its end. */
static void answer(bool eof, size_t rows, uint16_t status)
{
	add_columns(eof, 0);
	add_rows(rows);
	if (eof)
		add_eof(status);
	else
		add_ok(0xfe, status);
}

static void begin(bool whole)
{
	talk_begin(&talk, &ww_protocol_mysql, whole);
}

static void log_in(uint32_t server, uint32_t client)
{
	uint8_t greeting[64] = "\12"
			       "11.4\0"
			       "abcd"
			       "challeng",
		response[40] = {0};

	greeting[19] = (uint8_t)server;
	greeting[20] = (uint8_t)(server >> 8);
	greeting[24] = (uint8_t)(server >> 16);
	greeting[25] = (uint8_t)(server >> 24);
	for (int i = 0; i < 4; i++)
		response[i] = (uint8_t)(client >> 8 * i);
	sequence = 0;
	add(greeting, sizeof(greeting));
	receive();
	add(response, client & TLS ? 32 : sizeof(response));
	send();
	if (client & TLS)
		return;
	ADD("\376mysql_native_password\0challenge");
	receive();
	ADD("answer");
	send();
	add_ok(0, 2);
	receive();
}

static void connecting(void **state)
{
	(void)state;
	begin(true);
	log_in(WITHOUT_EOF | TLS, WITHOUT_EOF | COMPRESS);
	COMMAND("\3SELECT 1");
	answer(false, 1, 2);
	receive();
	TALK_CHECK(&talk, "1-5 connect|connect||", "6-7 read|SELECT|SELECT ?|");
	COMMAND("\1");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);

	begin(true);
	log_in(COMPRESS, COMPRESS);
	TALK_CHECK(&talk, "1-5 connect|connect||");
	talk_add(&talk, "what is compressed", 18);
	send();
	receive();
	ww_dialogue__settle(talk.dialogue, 7, 99);
	TALK_CHECK(&talk, "6-99 unfinished uncaptured|||");
	talk_end(&talk);

	begin(true);
	log_in(TLS, TLS);
	talk_add(&talk, "hello", 5);
	send();
	talk_add(&talk, "hello", 5);
	receive();
	talk_add(&talk, "what is encrypted", 17);
	send();
	TALK_CHECK(&talk, "1-4 connect|connect||");
	talk_end(&talk);

	begin(true);
	sequence = 0;
	ADD("\377\x10\4Too many connections");
	receive();
	TALK_CHECK(&talk, "1-1 connect|connect||1040");
	talk_end(&talk);
}

static void queries(void **state)
{
	(void)state;
	begin(true);
	log_in(0, 0);
	talk.len = 0;
	COMMAND("\3INSERT INTO t VALUES (1, 'it\\'s secret')");
	add_ok(0, 2);
	receive();
	COMMAND("\3SELECT a FROM t WHERE b = \"secret\"");
	answer(true, 2, 2);
	receive();
	COMMAND("\3INSERT INTO t VALUES (1)");
	ADD("\377\x26\4#23000Duplicate entry 'secret'");
	receive();
	COMMAND("\3SELECT 1; UPDATE t SET a = 1; SELECT oops FROM u");
	answer(true, 1, MORE);
	receive();
	add_ok(0, MORE);
	ADD("\377\x7a\4#42S02No such table");
	receive();
	TALK_CHECK(&talk, "6-7 write|INSERT t|INSERT INTO t VALUES (?, ?)|",
		   "8-9 read|SELECT t|SELECT a FROM t WHERE b = ?|",
		   "10-11 write|INSERT t|INSERT INTO t VALUES (?)|1062 (23000)",
		   "12-14 write batch|SELECT|SELECT ?; UPDATE t SET a = ?; SELECT oops FROM u|1146 (42S02)");
	/* Rows that are cut by an error; attributes of a query; what backslashes mean is told by the server. */
	COMMAND("\3SELECT a FROM t");
	add_columns(true, 0);
	add_rows(2);
	ADD("\377\x25\5#70100Interrupted");
	receive();
	COMMAND("\3\0\1SELECT a FROM t");
	answer(true, 2, PLAIN);
	receive();
	COMMAND("\3SELECT 'a\\', b, 'c'");
	answer(true, 2, PLAIN);
	receive();
	COMMAND("\16");
	add_ok(0, 2);
	receive();
	COMMAND("\2shop");
	add_ok(0, 2);
	receive();
	TALK_CHECK(&talk, "15-16 read|SELECT t|SELECT a FROM t|1317 (70100)", "17-18 read|SELECT t|SELECT a FROM t|",
		   "19-20 read|SELECT|SELECT ?, b, ?|", "21-22 control|PING||", "23-24 control|USE||");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

static void file(void **state)
{
	(void)state;
	begin(false);
	COMMAND("\3LOAD DATA LOCAL INFILE 'secret' INTO TABLE t");
	ADD("\373secret");
	receive();
	for (int i = 0; i < 600; i++) {
		ADD("1\n");
		send();
	}
	ADD("");
	send();
	add_ok(0, 2);
	receive();
	COMMAND("\3SELECT 1");
	answer(true, 1, 2);
	receive();
	TALK_CHECK(&talk, "1-604 write|LOAD t|LOAD DATA LOCAL INFILE ? INTO TABLE t|", "605-606 read|SELECT|SELECT ?|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

static void add_prepared(char id, int params, int columns, bool eof)
{
	char body[12] = {0, id, 0, 0, 0, (char)columns, 0, (char)params};

	add(body, sizeof(body));
	for (int i = 0; i < params; i++)
		ADD("\3def?");
	if (params && eof)
		add_eof(0);
	for (int i = 0; i < columns; i++)
		ADD("\3defcolumn");
	if (columns && eof)
		add_eof(0);
}

static void prepared(bool eof)
{
	begin(false);
	COMMAND("\27\5\0\0\0\0\1\0\0\0"); /* prepared before */
	add_ok(0, 2);
	receive();
	COMMAND("\26SELECT a FROM t WHERE b = ?");
	add_prepared(1, 1, 2, eof);
	receive();
	COMMAND("\27\1\0\0\0\0\1\0\0\0value");
	answer(eof, 1, 2);
	receive();
	COMMAND("\30\1\0\0\0\0\0long data");
	COMMAND("\27\1\0\0\0\0\1\0\0\0value");
	answer(eof, 1, 2);
	receive();
	COMMAND("\26INSERT INTO t VALUES (?)");
	add_prepared(2, 1, 0, eof);
	receive();
	COMMAND("\372\2\0\0\0\200\0value");
	add_ok(0, 2);
	receive();
	COMMAND("\31\1\0\0\0"); /* closed */
	COMMAND("\27\1\0\0\0\0\1\0\0\0value");
	ADD("\377\xdb\4#HY000Unknown prepared statement");
	receive();
	COMMAND("\32\2\0\0\0");
	add_ok(0, 2);
	receive();
	COMMAND("\3SELECT 1");
	answer(eof, 1, 2);
	receive();
	TALK_CHECK(&talk, "1-2 unseen|EXECUTE||", "3-4 control|PREPARE SELECT t|SELECT a FROM t WHERE b = ?|",
		   "5-6 read|SELECT t|SELECT a FROM t WHERE b = ?|", "8-9 read|SELECT t|SELECT a FROM t WHERE b = ?|",
		   "10-11 control|PREPARE INSERT t|INSERT INTO t VALUES (?)|",
		   "12-13 write batch|INSERT t|INSERT INTO t VALUES (?)|", "15-16 unseen|EXECUTE||1243 (HY000)",
		   "17-18 control|RESET||", "19-20 read|SELECT|SELECT ?|");
	assert_true(talk.arguments[0] && talk.arguments[2] && !talk.arguments[3]);
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* Numbers whose statements nobody has said: what their answers say stands for them. */
static void prepared_before(void **state)
{
	(void)state;
	begin(false);
	for (int i = 0; i < 2; i++) {
		COMMAND("\27\5\0\0\0\0\1\0\0\0value");
		ADD("\2");
		ADD("\3def\0\0\0\6secret\0\14"); /* computed: its name is its text */
		ADD("\3def\4shop\1i\5items\5price\5price\14");
		add_eof(0);
		add_rows(3);
		add_eof(0);
		receive();
	}
	COMMAND("\27\6\0\0\0\0\1\0\0\0");
	ADD("\1");
	ADD("\3def\0\0\0\6secret\0\14");
	add_eof(0);
	add_rows(1);
	add_eof(0);
	receive();
	COMMAND("\27\7\0\0\0\0\1\0\0\0value");
	ADD("\0\1\5\2\0\0\0");
	receive();
	COMMAND("\27\10\0\0\0\0\1\0\0\0");
	answer(true, 1, MORE);
	add_ok(0, 2);
	receive();
	TALK_CHECK(&talk, "1-2 read unseen|SELECT items|SELECT 2 columns FROM items (text not seen, prepared before)|",
		   "3-4 read unseen|SELECT items|SELECT 2 columns FROM items (text not seen, prepared before)|",
		   "5-6 read unseen|SELECT|SELECT 1 column (text not seen, prepared before)|",
		   "7-8 write unseen|INSERT|INSERT (text not seen, prepared before)|",
		   "9-10 unseen|CALL|CALL (text not seen, prepared before)|");
	assert_true(talk.arguments[0] && talk.arguments[0] == talk.arguments[1]);
	assert_true(talk.prepared[0] && talk.prepared[0] == talk.prepared[1] && talk.prepared[1] != talk.prepared[2]);
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* The types of the values come along the first time, or each time. */
static void values(void **state)
{
	(void)state;
	begin(false);
	COMMAND("\26SELECT a FROM t WHERE b = ?");
	add_prepared(1, 1, 2, true);
	receive();
	COMMAND("\27\1\0\0\0\0\1\0\0\0\0\1\3\0\7\0\0\0");
	answer(true, 1, 2);
	receive();
	COMMAND("\27\1\0\0\0\0\1\0\0\0\0\0\7\0\0\0");
	answer(true, 1, 2);
	receive();
	COMMAND("\27\1\0\0\0\0\1\0\0\0\0\0\10\0\0\0");
	answer(true, 1, 2);
	receive();
	assert_int_equal(talk.len, 4);
	assert_true(talk.arguments[1] && talk.arguments[1] == talk.arguments[2]);
	assert_true(talk.arguments[3] && talk.arguments[2] != talk.arguments[3]);
	talk_end(&talk);
}

static void prepared_with_eof(void **state)
{
	(void)state;
	prepared(true);
}

static void prepared_without_eof(void **state)
{
	(void)state;
	prepared(false);
}

static void cursors(void **state)
{
	(void)state;
	begin(false);
	COMMAND("\26SELECT a FROM t");
	add_prepared(1, 0, 2, true);
	receive();
	COMMAND("\27\1\0\0\0\1\1\0\0\0");
	add_columns(true, CURSOR);
	receive();
	for (int i = 0; i < 2; i++) {
		COMMAND("\34\1\0\0\0\5\0\0\0");
		add_rows(5);
		add_eof(CURSOR);
		receive();
	}
	TALK_CHECK(&talk, "1-2 control|PREPARE SELECT t|SELECT a FROM t|", "3-4 read|SELECT t|SELECT a FROM t|",
		   "5-6 read fetch|FETCH SELECT t|SELECT a FROM t|", "7-8 read fetch|FETCH SELECT t|SELECT a FROM t|");
	assert_int_equal(talk.unsure, 0);
	talk_end(&talk);
}

/* MariaDB's connectors: a statement is executed before its number is known, and commands do not wait. */
static void pipelines(void **state)
{
	(void)state;
	begin(false);
	COMMAND("\3SELECT 1"); /* shows how answers end here */
	answer(true, 1, 2);
	receive();
	COMMAND("\26INSERT INTO t VALUES (?)");
	COMMAND("\27\377\377\377\377\0\1\0\0\0value");
	COMMAND("\3SELECT 2");
	sequence = 1;
	add_prepared(1, 1, 0, true);
	receive();
	sequence = 1;
	add_ok(0, 2);
	receive();
	sequence = 1;
	answer(true, 1, 2);
	receive();
	TALK_CHECK(&talk, "1-2 read|SELECT|SELECT ?|", "3-6 control|PREPARE INSERT t|INSERT INTO t VALUES (?)|",
		   "4-7 write piped|INSERT t|INSERT INTO t VALUES (?)|", "5-8 read piped|SELECT|SELECT ?|");
	assert_int_equal(talk.unsure, 0);
	/* Two are under way, and where an answer ends is not at hand. */
	COMMAND("\3SELECT a FROM t");
	COMMAND("\3SELECT b FROM t");
	sequence = 1;
	answer(true, 100, 2);
	sequence = 1;
	answer(true, 1, 2);
	receive();
	TALK_CHECK_NONE(&talk);
	assert_int_equal(talk.unsure, 2);
	COMMAND("\3SELECT c FROM t");
	answer(true, 1, 2);
	receive();
	TALK_CHECK(&talk, "12-13 read|SELECT t|SELECT c FROM t|");
	talk_end(&talk);
}

static void blind(void **state)
{
	(void)state;
	begin(false);
	COMMAND("\3SELECT a FROM t");
	for (int i = 0; i < 5; i++) {
		if (!i)
			add_columns(true, 0);
		add_rows(100);
		receive();
	}
	add_rows(100);
	add_eof(2);
	receive();
	TALK_CHECK_NONE(&talk);
	COMMAND("\3SELECT b FROM t");
	TALK_CHECK(&talk, "1-7 read|SELECT t|SELECT a FROM t|");
	answer(true, 1, 2);
	receive();
	TALK_CHECK(&talk, "8-9 read|SELECT t|SELECT b FROM t|");
	/* Numbers that do not go on: something was taken for what it is not. */
	COMMAND("\3SELECT c FROM t");
	sequence = 3;
	add_ok(0, 2);
	receive();
	assert_int_equal(talk.unsure, 1);
	ww_dialogue__lost(talk.dialogue);
	talk_add(&talk, "what follows of a long packet", 29);
	send();
	receive();
	COMMAND("\3SELECT d FROM t");
	add_ok(0, 2);
	receive();
	TALK_CHECK(&talk, "14-15 read|SELECT t|SELECT d FROM t|");
	assert_int_equal(talk.unsure, 1);
	talk_end(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connecting),
		cmocka_unit_test(queries),
		cmocka_unit_test(file),
		cmocka_unit_test(prepared_with_eof),
		cmocka_unit_test(prepared_before),
		cmocka_unit_test(values),
		cmocka_unit_test(prepared_without_eof),
		cmocka_unit_test(cursors),
		cmocka_unit_test(pipelines),
		cmocka_unit_test(blind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
