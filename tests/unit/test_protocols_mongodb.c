/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "talk.h"

/* A message that is being made, with the documents in it that are not closed yet. */
struct message {
	uint8_t bytes[8192];
	size_t len, open[8], depth;
};

static void put(struct message *message, const void *bytes, size_t len)
{
	assert_true(message->len + len <= sizeof(message->bytes));
	memcpy(message->bytes + message->len, bytes, len);
	message->len += len;
}

static void put32(struct message *message, uint32_t value)
{
	put(message, &value, 4);
}

static void named(struct message *message, uint8_t type, const char *name)
{
	put(message, &type, 1);
	put(message, name, strlen(name) + 1);
}

static void begin(struct message *message)
{
	message->open[message->depth++] = message->len;
	put32(message, 0);
}

static void end(struct message *message)
{
	size_t start = message->open[--message->depth];
	uint32_t len;

	put(message, "", 1);
	len = (uint32_t)(message->len - start);
	memcpy(message->bytes + start, &len, 4);
}

static void doc(struct message *message, const char *name)
{
	named(message, 3, name);
	begin(message);
}

static void list(struct message *message, const char *name)
{
	named(message, 4, name);
	begin(message);
}

static void text(struct message *message, const char *name, const char *value)
{
	named(message, 2, name);
	put32(message, (uint32_t)strlen(value) + 1);
	put(message, value, strlen(value) + 1);
}

static void number(struct message *message, const char *name, uint32_t value)
{
	named(message, 16, name);
	put32(message, value);
}

/* An OP_MSG with its first section's document begun. */
static void message_begin(struct message *message, uint32_t id, uint32_t answers, uint32_t flags)
{
	*message = (struct message){0};
	put32(message, 0);
	put32(message, id);
	put32(message, answers);
	put32(message, 2013);
	put32(message, flags);
	put(message, "", 1);
	begin(message);
}

static void message_end(struct message *message)
{
	uint32_t len = (uint32_t)message->len;

	memcpy(message->bytes, &len, 4);
}

static void say(struct talk *talk, enum ww_direction direction, struct message *message)
{
	while (message->depth)
		end(message);
	message_end(message);
	talk_moved(talk, direction, message->bytes, message->len);
}

static void ask_find(struct talk *talk, uint32_t id, uint32_t customer)
{
	struct message m;

	message_begin(&m, id, 0, 0);
	text(&m, "find", "orders");
	doc(&m, "filter");
	number(&m, "customer", customer);
	doc(&m, "items.0.total");
	number(&m, "$gt", 5);
	end(&m);
	list(&m, "$or");
	doc(&m, "0");
	doc(&m, "state");
	list(&m, "$in");
	text(&m, "0", "open");
	text(&m, "1", "late");
	end(&m);
	end(&m);
	end(&m);
	end(&m);
	end(&m);
	doc(&m, "lsid");
	number(&m, "id", id);
	end(&m);
	text(&m, "$db", "shop");
	say(talk, WW_SENT, &m);
}

static void answer_ok(struct talk *talk, uint32_t answers)
{
	struct message m;

	message_begin(&m, 1000 + answers, answers, 0);
	number(&m, "ok", 1);
	say(talk, WW_RECEIVED, &m);
}

#define FIND                                                                                                           \
	"find orders|find orders {\"customer\": ?, \"items.?.total\": {\"$gt\": ?}, "                                  \
	"\"$or\": [{\"state\": {\"$in\": [?]}}]}|r|\n"

static void commands(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		struct talk *talk = talk_begin(&ww_protocol_mongodb, pieces & 1, pieces);
		struct message m;

		ask_find(talk, 1, 7);
		answer_ok(talk, 1);
		ask_find(talk, 2, 7);
		answer_ok(talk, 2);
		ask_find(talk, 3, 8);
		answer_ok(talk, 3);
		assert_int_equal(talk->len, 3);
		assert_true(talk->said[0].arguments && talk->said[0].arguments == talk->said[1].arguments);
		assert_true(talk->said[0].arguments != talk->said[2].arguments);
		assert_int_equal(talk->said[0].bytes_in, 34);
		talk_expect(talk, FIND FIND FIND);

		message_begin(&m, 4, 0, 0);
		named(&m, 18, "getMore");
		put(&m, "12345678", 8);
		text(&m, "collection", "orders");
		say(talk, WW_SENT, &m);
		message_begin(&m, 1004, 4, 0);
		named(&m, 1, "ok");
		put(&m, "\0\0\0\0\0\0\0\0", 8);
		text(&m, "errmsg", "cursor id 5 not found");
		number(&m, "code", 43);
		text(&m, "codeName", "CursorNotFound");
		say(talk, WW_RECEIVED, &m);

		/* Documents that go along in a section of their own. */
		message_begin(&m, 5, 0, 0);
		text(&m, "update", "orders");
		end(&m);
		put(&m, "\1", 1);
		size_t section = m.len;
		put32(&m, 0);
		put(&m, "updates", 8);
		begin(&m);
		doc(&m, "q");
		number(&m, "_id", 1);
		end(&m);
		end(&m);
		uint32_t section_len = (uint32_t)(m.len - section);
		memcpy(m.bytes + section, &section_len, 4);
		say(talk, WW_SENT, &m);
		message_begin(&m, 1005, 5, 0);
		number(&m, "n", 0);
		list(&m, "writeErrors");
		doc(&m, "0");
		number(&m, "index", 0);
		number(&m, "code", 11000);
		end(&m);
		end(&m);
		named(&m, 1, "ok");
		put(&m, "\0\0\0\0\0\0\xf0\x3f", 8);
		say(talk, WW_RECEIVED, &m);

		message_begin(&m, 6, 0, 0);
		text(&m, "aggregate", "orders_2026");
		list(&m, "pipeline");
		doc(&m, "0");
		doc(&m, "$match");
		number(&m, "a", 1);
		end(&m);
		end(&m);
		doc(&m, "1");
		text(&m, "$count", "n");
		end(&m);
		end(&m);
		say(talk, WW_SENT, &m);
		answer_ok(talk, 6);
		/* Without an answer. */
		message_begin(&m, 7, 0, 2);
		text(&m, "insert", "log");
		say(talk, WW_SENT, &m);
		message_begin(&m, 8, 0, 0);
		number(&m, "ping", 1);
		say(talk, WW_SENT, &m);
		answer_ok(talk, 8);
		talk_expect(talk,
			    "getMore orders||rf|CursorNotFound\nupdate orders|update orders {\"_id\": ?}|w|11000\n"
			    "aggregate orders_?|aggregate orders_? [{\"$match\": {\"a\": ?}}, {\"$count\": ?}]|r|\n"
			    "ping||x|\n");
		assert_int_equal(talk->unsure, 0);
		talk_end(talk);
	}
}

static void handshakes(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_mongodb, true, CAPTURED);
	struct message m = {0};

	(void)state;
	put32(&m, 0);
	put32(&m, 1);
	put32(&m, 0);
	put32(&m, 2004);
	put32(&m, 0);
	put(&m, "admin.$cmd", 11);
	put32(&m, 0);
	put32(&m, 0xffffffff);
	begin(&m);
	number(&m, "isMaster", 1);
	say(talk, WW_SENT, &m);
	m = (struct message){0};
	put32(&m, 0);
	put32(&m, 2);
	put32(&m, 1);
	put32(&m, 1);
	put(&m, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 20);
	begin(&m);
	number(&m, "ok", 1);
	say(talk, WW_RECEIVED, &m);
	message_begin(&m, 2, 0, 0);
	number(&m, "hello", 1);
	say(talk, WW_SENT, &m);
	answer_ok(talk, 2);
	talk_expect(talk, "isMaster||cx|\nhello||x|\n");
	/* Compressed: paired all the same. */
	m = (struct message){0};
	put32(&m, 0);
	put32(&m, 3);
	put32(&m, 0);
	put32(&m, 2012);
	put(&m, "\xdd\7\0\0\x50\0\0\0\1..", 11);
	say(talk, WW_SENT, &m);
	answer_ok(talk, 3);
	talk_expect(talk, "||e|\n");
	talk_end(talk);
}

/* Ids tell what an answer belongs to, whatever is missing. */
static void gaps(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_mongodb, false, CAPTURED);
	char value[6000];
	struct message m;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	message_begin(&m, 1, 0, 0);
	text(&m, "insert", "blobs");
	list(&m, "documents");
	text(&m, "0", value);
	say(talk, WW_SENT, &m);
	ask_find(talk, 2, 1);
	answer_ok(talk, 2);
	message_begin(&m, 1001, 1, 0);
	text(&m, "data", value);
	say(talk, WW_RECEIVED, &m);
	assert_int_equal(talk->said[1].bytes_out, 16 + 4 + 1 + 4 + 18 + 11 + 4 + 3 + 4 + 6000 + 2);
	assert_int_equal(talk->said[1].bytes_in, m.len);
	assert_int_equal(talk->said[1].arguments, 0);
	/* The first one was pipelined in front of the second. */
	assert_int_equal(talk->said[0].flags, WW_OPERATION_READ | WW_OPERATION_PIPELINED);
	talk->len = 0;
	/* The end of an answer, then a whole one. */
	ww_dialogue__lost(talk->dialogue);
	talk_received(talk, "the end of an answer");
	ask_find(talk, 3, 1);
	answer_ok(talk, 77);
	answer_ok(talk, 3);
	talk_expect(talk, FIND);
	/* A filter of which the end is not at hand. */
	message_begin(&m, 4, 0, 0);
	text(&m, "find", "blobs");
	doc(&m, "filter");
	number(&m, "a", 1);
	text(&m, "data", value);
	number(&m, "b", 1);
	say(talk, WW_SENT, &m);
	answer_ok(talk, 4);
	talk_expect(talk, "find blobs|find blobs {\"a\": ?, \"data\": ?\xe2\x80\xa6|rC|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
