/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The dialogue itself, by a protocol that does as it is told; and what is taken by round trips. */
#include "talk.h"

/*
 * What is sent: 'o' opens a draft, 'T' asks for round trips. What is received: a digit closes the draft of that index,
 * 'a' to 'f' says that one of 0 to 5 was answered, 'A' to 'F' finishes it, 'x' cancels the oldest, '?' is unsure.
 */
static void told_bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		       size_t len)
{
	unsigned *count = state;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];
		struct ww_draft *draft;
		char summary[16];

		if (direction == WW_SENT) {
			draft = c == 'o' ? ww_dialogue__open(dialogue) : NULL;
			snprintf(summary, sizeof(summary), "%u", (*count)++);
			if (draft)
				ww_draft__set_summary(draft, summary);
			if (c == 'T')
				ww_dialogue__encrypted(dialogue);
		} else if (c >= '0' && c <= '9') {
			ww_dialogue__close(dialogue, c - '0');
		} else if (c >= 'a' && c <= 'f') {
			ww_dialogue__answered(dialogue, c - 'a');
		} else if (c >= 'A' && c <= 'F') {
			ww_dialogue__finish(dialogue, c - 'A');
		} else if (c == 'x') {
			ww_dialogue__cancel(dialogue, 0);
		} else if (c == '?') {
			ww_dialogue__unsure(dialogue);
		}
	}
}

static uint64_t skipped;

static void told_skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	(void)state;
	(void)dialogue;
	(void)direction;
	skipped += len;
}

static void told_lost(void *state, struct ww_dialogue *dialogue)
{
	(void)state;
	assert_int_equal(ww_dialogue__drafts(dialogue), 0);
}

static const struct ww_protocol told = {
	.name = "as told",
	.size = sizeof(unsigned),
	.bytes = told_bytes,
	.skip = told_skip,
	.lost = told_lost,
};

static void drafts(void **state)
{
	struct talk *talk = talk_begin(&told, true, ALL);

	(void)state;
	talk_sent(talk, "ooo");
	talk_sent(talk, "o");
	/* From the middle; those that are not there are nobody's. */
	talk_received(talk, "179");
	talk_expect(talk, "1||p|\n");
	talk_received(talk, "b");
	talk_sent(talk, "o");
	talk_received(talk, "Bx");
	assert_int_equal(talk->said[0].start_us, 1);
	assert_int_equal(talk->said[0].end_us, 4);
	talk_expect(talk, "2||p|\n");
	talk_received(talk, "00");
	assert_int_equal(talk->said[0].start_us, 2);
	assert_int_equal(talk->said[1].start_us, 5);
	talk_expect(talk, "3||p|\n4||p|\n");
	assert_int_equal(ww_dialogue__drafts(talk->dialogue), 0);
	/* Through the ring, again and again. */
	for (int i = 0; i < 500; i++) {
		talk_sent(talk, "ooo");
		talk_received(talk, "100");
		assert_int_equal(talk->len, 3);
		assert_int_equal(strtoul(talk->said[0].summary, NULL, 10), 6 + 3 * i);
		assert_int_equal(strtoul(talk->said[2].summary, NULL, 10), 7 + 3 * i);
		talk->len = 0;
	}
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void too_many(void **state)
{
	struct talk *talk = talk_begin(&told, true, ALL);

	(void)state;
	for (int i = 0; i < WW_DRAFTS_MAX; i++)
		talk_sent(talk, "o");
	assert_int_equal(ww_dialogue__drafts(talk->dialogue), WW_DRAFTS_MAX);
	assert_int_equal(talk->unsure, 0);
	talk_sent(talk, "o");
	assert_int_equal(ww_dialogue__drafts(talk->dialogue), 0);
	assert_int_equal(talk->unsure, WW_DRAFTS_MAX + 1);
	talk_end(talk);
}

static void requests_end(void **state)
{
	struct talk *talk = talk_begin(&told, true, ALL);

	(void)state;
	talk_sent(talk, "o");
	talk->request = 2;
	talk_sent(talk, "oo");
	talk_received(talk, "b");
	ww_dialogue__settle(talk->dialogue, 2, talk->now_us * 1000 + 7000);
	assert_int_equal(talk->len, 2);
	assert_int_equal(talk->said[0].end_us, 3);
	assert_int_equal(talk->said[1].end_us, 10);
	talk_expect(talk, "1||p|\n2||pU|\n");
	/* Their answers still come, and are nobody's then; not even of who takes over what is not known yet. */
	ww_dialogue__adopt(talk->dialogue, 0, 3);
	ww_dialogue__adopt(talk->dialogue, 1, 3);
	talk_received(talk, "000");
	assert_int_equal(talk->said[0].request, 3);
	talk_expect(talk, "0|||\n");
	/* What nobody has asked is nobody's operation. */
	talk->request = 0;
	talk_sent(talk, "o");
	talk_received(talk, "0");
	talk_sent(talk, "o");
	talk_received(talk, "?");
	ww_dialogue__lost(talk->dialogue);
	talk_expect(talk, "");
	assert_int_equal(talk->unsure, 0);
	talk->request = 4;
	talk_sent(talk, "oo");
	talk_received(talk, "b");
	ww_dialogue__closed(talk->dialogue, talk->now_us * 1000 + 9000, "reset");
	assert_int_equal(talk->len, 2);
	talk_expect(talk, "5|||reset\n6||p|\n");
	talk_end(talk);
}

static void what_is_at_hand(void **state)
{
	struct talk *talk = talk_begin(&told, true, ALL);
	struct ww_call call = {.request = 1, .began_ns = 1, .at_ns = 2, .total = 3};

	(void)state;
	skipped = 0;
	ww_dialogue__moved(talk->dialogue, WW_SENT, &call, (const uint8_t *)"oooo", 4, (const uint8_t *)"o", 1);
	assert_int_equal(ww_dialogue__drafts(talk->dialogue), 3);
	assert_int_equal(skipped, 0);
	call.total = 10;
	ww_dialogue__moved(talk->dialogue, WW_SENT, &call, (const uint8_t *)"o", 1, (const uint8_t *)"oo", 2);
	assert_int_equal(ww_dialogue__drafts(talk->dialogue), 6);
	assert_int_equal(skipped, 7);
	/* An answer that arrives before the hook behind the send has looked at the clock takes no time. */
	call.began_ns = 0;
	ww_dialogue__moved(talk->dialogue, WW_RECEIVED, &call, (const uint8_t *)"0", 1, NULL, 0);
	assert_int_equal(talk->said[0].start_us, talk->said[0].end_us);
	call.total = 0;
	ww_dialogue__moved(talk->dialogue, WW_RECEIVED, &call, NULL, 0, NULL, 0);
	talk_end(talk);
}

static void texts(void **state)
{
	static char text[3 * WW_STATEMENT_SIZE + 1];
	struct ww_draft draft = {0};

	(void)state;
	ww_draft__set_statement(&draft, "a\nb\x1b\xc3\xa9\xff", 7);
	assert_string_equal(draft.statement, "a?b?\xc3\xa9?");
	assert_int_equal(draft.flags, 0);
	/* Cut, but not within a character. */
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		text[i] = "\xc3\xa9"[i % 2];
	ww_draft__set_statement(&draft, text, strlen(text));
	assert_true(strlen(draft.statement) < WW_STATEMENT_SIZE);
	assert_string_equal(draft.statement + strlen(draft.statement) - 5, "\xc3\xa9\xe2\x80\xa6");
	assert_int_equal(draft.flags, WW_OPERATION_CUT);
	ww_draft__set_statement(&draft, "", 0);
	assert_string_equal(draft.statement, "");
	assert_int_equal(draft.flags, 0);
	ww_draft__set_summary(&draft, text);
	assert_true(strlen(draft.summary) < WW_SUMMARY_SIZE);
	ww_draft__set_error(&draft, text, strlen(text));
	assert_true(strlen(draft.error) < WW_ERROR_SIZE);
	free(draft.statement);
}

static void taken_over(void **state)
{
	struct talk *talk = talk_begin(&told, true, ALL);

	(void)state;
	/* The draft that there is stays. */
	talk_sent(talk, "oT");
	talk_received(talk, "0");
	talk_sent(talk, "o");
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	talk_expect(talk, "0|||\n||Ue|\n");
	talk_end(talk);
	/* Of several nobody could tell which one is answered. */
	talk = talk_begin(&told, true, ALL);
	talk_sent(talk, "ooT");
	assert_int_equal(talk->unsure, 2);
	talk_sent(talk, "o");
	talk_received(talk, "0");
	talk_sent(talk, "o");
	talk_expect(talk, "||e|\n");
	talk_end(talk);
}

static void round_trips(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_round_trips, false, CAPTURED);

	(void)state;
	talk_received(talk, "the peer speaks first");
	talk_sent(talk, "one ");
	talk_sent(talk, "question");
	talk_received(talk, "one ");
	talk_received(talk, "answer");
	talk_expect(talk, "");
	talk_sent(talk, "next");
	assert_int_equal(talk->said[0].start_us, 2);
	assert_int_equal(talk->said[0].end_us, 5);
	assert_int_equal(talk->said[0].bytes_out, 12);
	assert_int_equal(talk->said[0].bytes_in, 10);
	talk_expect(talk, "||e|\n");
	ww_dialogue__lost(talk->dialogue);
	assert_int_equal(talk->unsure, 1);
	talk_received(talk, "whatever");
	talk_sent(talk, "question");
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000 + 5000);
	talk_expect(talk, "||Ue|\n");
	talk_end(talk);
}

/* Two requests at a time on one connection: which of them an answer is for, nothing tells. */
static void shared_round_trips(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_round_trips, true, CAPTURED);

	(void)state;
	talk_sent(talk, "question of 1");
	talk->request = 2;
	talk_sent(talk, "question of 2");
	assert_int_equal(talk->unsure, 2);
	talk_received(talk, "answer");
	talk->request = 3;
	talk_sent(talk, "question of 3");
	assert_int_equal(talk->unsure, 3);
	talk_received(talk, "answer");
	talk_received(talk, "answer");
	talk_expect(talk, "");
	/* Silence tells. */
	talk->now_us += 20000;
	talk_sent(talk, "question of 3");
	talk_received(talk, "answer");
	talk_sent(talk, "next");
	talk_expect(talk, "||e|\n");
	assert_int_equal(talk->unsure, 3);
	talk_received(talk, "answer");
	/* A request that did not wait for its answer. */
	talk_sent(talk, "question of 3");
	ww_dialogue__settle(talk->dialogue, 3, talk->now_us * 1000);
	talk->request = 4;
	talk_sent(talk, "question of 4");
	talk_received(talk, "answer");
	talk_sent(talk, "next");
	talk_expect(talk, "||e|\n||Ue|\n");
	assert_int_equal(talk->unsure, 5);
	talk_end(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drafts),	cmocka_unit_test(too_many),
		cmocka_unit_test(requests_end), cmocka_unit_test(what_is_at_hand),
		cmocka_unit_test(texts),	cmocka_unit_test(taken_over),
		cmocka_unit_test(round_trips),	cmocka_unit_test(shared_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
