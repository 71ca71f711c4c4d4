/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "talk.h"

/* Header with the id's low byte and the second byte of the flags of an answer; then the question. */
#define QUERY(id)      "\x12" id "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define ANSWER(id, rc) "\x12" id "\x81" rc "\x00\x01\x00\x01\x00\x00\x00\x00"
#define DB                                                                                                             \
	"\x02"                                                                                                         \
	"Db"                                                                                                           \
	"\x08"                                                                                                         \
	"internal"                                                                                                     \
	"\x00"
#define A    "\x00\x01\x00\x01"
#define AAAA "\x00\x1c\x00\x01"

#define SEND(talk, text)    talk_moved(talk, WW_SENT, text, sizeof(text) - 1)
#define RECEIVE(talk, text) talk_moved(talk, WW_RECEIVED, text, sizeof(text) - 1)

static void questions(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_dns, true, CAPTURED);

	(void)state;
	SEND(talk, QUERY("\x01") DB A);
	SEND(talk, QUERY("\x02") DB AAAA);
	/* In any order; the answer may write the name in other letters. */
	RECEIVE(talk, ANSWER("\x02", "\x80") "\x02"
					     "dB"
					     "\x08"
					     "iNternal"
					     "\x00" AAAA "answer");
	RECEIVE(talk, ANSWER("\x01", "\x83") DB A);
	assert_int_equal(talk->len, 2);
	assert_int_equal(talk->said[0].start_us, 2);
	assert_int_equal(talk->said[0].end_us, 3);
	assert_int_equal(talk->said[0].bytes_out, 29);
	assert_int_equal(talk->said[0].bytes_in, 35);
	assert_true(talk->said[0].arguments && talk->said[0].arguments != talk->said[1].arguments);
	assert_int_equal(talk->said[1].start_us, 1);
	assert_int_equal(talk->said[1].end_us, 4);
	talk_expect(talk, "AAAA db.internal||rp|\nA db.internal||r|NXDOMAIN\n");
	/* Asked twice, as no answer came; answered twice. */
	SEND(talk, QUERY("\x03") DB A);
	SEND(talk, QUERY("\x03") DB A);
	RECEIVE(talk, ANSWER("\x03", "\x82") DB A);
	RECEIVE(talk, ANSWER("\x03", "\x82") DB A);
	assert_int_equal(talk->said[0].bytes_out, 58);
	talk_expect(talk, "A db.internal||r|SERVFAIL\n");
	/* An answer of that id to another question is none. */
	SEND(talk, QUERY("\x04") DB A);
	RECEIVE(talk, ANSWER("\x04", "\x80") DB AAAA);
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000 + 5000000);
	talk_expect(talk, "A db.internal||rU|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void over_tcp(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_dns, true, CAPTURED);

	(void)state;
	SEND(talk, "\x00\x1d" QUERY("\x01") DB A "\x00\x1d" QUERY("\x02") DB AAAA);
	RECEIVE(talk, "\x00\x1d");
	RECEIVE(talk, ANSWER("\x02", "\x80") DB AAAA);
	RECEIVE(talk, "\x00\x1d" ANSWER("\x01", "\x80") DB A);
	assert_int_equal(talk->said[0].bytes_out, 31);
	talk_expect(talk, "AAAA db.internal||rp|\nA db.internal||r|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void names(void **state)
{
	static char message[600] = QUERY("\x01");
	struct talk *talk = talk_begin(&ww_protocol_dns, true, CAPTURED);
	size_t at = 12;

	(void)state;
	/* The root, controls, a type without a name. */
	SEND(talk, QUERY("\x01") "\x00\x00\xff\x00\x01");
	SEND(talk, QUERY("\x02") "\x03"
				 "a\n\xff"
				 "\x00\x00\x21\x00\x01");
	/* A long one. */
	for (int i = 0; i < 3; i++) {
		message[at] = 63;
		memset(message + at + 1, 'x', 63);
		at += 64;
	}
	/* The name's end, and that it is an A of the internet. */
	message[at + 2] = message[at + 4] = 1;
	talk_moved(talk, WW_SENT, message, at + 5);
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	assert_int_equal(talk->len, 3);
	assert_string_equal(talk->said[0].summary, "? .");
	assert_string_equal(talk->said[1].summary, "SRV a??");
	assert_int_equal(strlen(talk->said[2].summary), WW_SUMMARY_SIZE - 1);
	talk_end(talk);
}

static void what_is_no_dns(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_dns, true, CAPTURED);

	(void)state;
	SEND(talk, "hello");
	RECEIVE(talk, "hello");
	SEND(talk, "");
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	talk_expect(talk, "||e|\n");
	talk_end(talk);
	/* Every beginning of a message; none may be read beyond. */
	for (size_t len = 0; len < sizeof("\x00\x1d" QUERY("\x01") DB A); len++) {
		talk = talk_begin(&ww_protocol_dns, true, CAPTURED);
		talk_moved(talk, WW_SENT, QUERY("\x01") DB A, len < 29 ? len : 29);
		talk_moved(talk, WW_RECEIVED, "\x00\x1d" ANSWER("\x01", "\x80") DB A, len);
		talk_end(talk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(names),
		cmocka_unit_test(what_is_no_dns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
