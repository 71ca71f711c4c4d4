/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "talk.h"

static void one_after_the_other(struct talk *talk)
{
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$8\r\nuser:123\r\n");
	talk_received(talk, "$5\r\nhello\r\n");
	talk_sent(talk, "*3\r\n$3\r\nset\r\n$8\r\nuser:123\r\n$2\r\nhi\r\n");
	talk_received(talk, "+OK\r\n");
	talk_sent(talk, "*2\r\n$7\r\nHGETALL\r\n$4\r\nuser\r\n");
	talk_received(talk, "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n$-1\r\n*-1\r\n");
	talk_sent(talk, "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n");
	talk_received(talk, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
	talk_sent(talk, "*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$4\r\nsave\r\n");
	talk_received(talk, "*0\r\n");
	talk_expect(talk, "GET|GET user:?|r|\nSET|SET user:?|w|\nHGETALL|HGETALL user|r|\nINCR|INCR k|w|WRONGTYPE\n"
			  "CONFIG GET||x|\n");
	assert_int_equal(talk->unsure, 0);
}

static void commands(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		struct talk *talk = talk_begin(&ww_protocol_redis, true, pieces);

		one_after_the_other(talk);
		talk_end(talk);
		/* Joined in the middle of a connection. */
		talk = talk_begin(&ww_protocol_redis, false, pieces);
		one_after_the_other(talk);
		talk_end(talk);
	}
}

static void times_and_bytes(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);

	(void)state;
	talk_sent(talk, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nab");
	talk_sent(talk, "cd\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
	talk_received(talk, "+OK\r\n$");
	talk_received(talk, "4\r\nab");
	talk_received(talk, "cd\r\n");
	assert_int_equal(talk->len, 2);
	assert_int_equal(talk->said[0].start_us, 1);
	assert_int_equal(talk->said[0].end_us, 3);
	assert_int_equal(talk->said[0].bytes_out, 30);
	assert_int_equal(talk->said[0].bytes_in, 5);
	assert_int_equal(talk->said[1].start_us, 2);
	assert_int_equal(talk->said[1].end_us, 5);
	assert_int_equal(talk->said[1].bytes_out, 20);
	assert_int_equal(talk->said[1].bytes_in, 10);
	talk_expect(talk, "SET|SET k|w|\nGET|GET k|rp|\n");
	talk_end(talk);
}

static void arguments(void **state)
{
	static const char *const sent[] = {
		"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n",
		"*2\r\n$3\r\nGET\r\n$2\r\nk2\r\n",
		"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n",
		"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n1x\r\n",
		"*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$1\r\nx\r\n",
		"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n",
	};
	struct talk *talk = talk_begin(&ww_protocol_redis, true, SINGLE);

	(void)state;
	for (int i = 0; i < 6; i++) {
		talk_sent(talk, sent[i]);
		talk_received(talk, i < 3 ? "" : "+OK\r\n");
		talk_received(talk, i < 3 ? "$-1\r\n" : "");
	}
	assert_int_equal(talk->len, 6);
	assert_true(talk->said[0].arguments && talk->said[0].arguments == talk->said[2].arguments);
	assert_true(talk->said[0].arguments != talk->said[1].arguments);
	assert_true(talk->said[3].arguments != talk->said[4].arguments);
	assert_int_equal(talk->said[5].arguments, 0);
	talk_end(talk);
}

static void pipelines(void **state)
{
	char sent[8192] = "", received[1024] = "";
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);

	(void)state;
	talk_sent(talk, "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$"
			"4\r\nEXEC\r\n");
	talk_received(talk, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$1\r\n1\r\n");
	talk_expect(talk, "MULTI||x|\nINCR|INCR a|wp|\nGET|GET a|rp|\nEXEC||p|\n");
	/* More than there are drafts for: those that are left are one. */
	for (int i = 0; i < 80; i++) {
		strcat(sent, "*2\r\n$3\r\nTTL\r\n$1\r\na\r\n");
		strcat(received, ":1\r\n");
	}
	talk->pieces = ALL;
	talk_sent(talk, sent);
	talk_received(talk, received);
	assert_int_equal(talk->len, WW_DRAFTS_MAX);
	assert_string_equal(talk->said[WW_DRAFTS_MAX - 2].summary, "TTL");
	assert_string_equal(talk->said[WW_DRAFTS_MAX - 1].summary, "pipeline");
	assert_int_equal(talk->said[WW_DRAFTS_MAX - 1].flags, WW_OPERATION_PIPELINED | WW_OPERATION_BATCH);
	talk->len = 0;
	talk_sent(talk, "*1\r\n$4\r\nPING\r\n");
	talk_received(talk, "+PONG\r\n");
	talk_expect(talk, "PING||x|\n");
	/* What is cut off by the capture, too. */
	talk->pieces = CAPTURED;
	for (int i = 0; i < 200; i++)
		strcat(sent, "*2\r\n$3\r\nTTL\r\n$1\r\na\r\n");
	talk_sent(talk, sent);
	for (int i = 0; i < 280; i++)
		talk_received(talk, ":1\r\n");
	talk_sent(talk, "*1\r\n$4\r\nPING\r\n");
	assert_true(talk->len > 60);
	assert_string_equal(talk->said[talk->len - 1].summary, "pipeline");
	assert_int_equal(talk->said[talk->len - 1].end_us, talk_us(talk) - 1);
	talk->len = 0;
	talk_received(talk, "+PONG\r\n");
	talk_expect(talk, "PING||x|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

/* Only a part of a long argument or answer is at hand. */
static void gaps(void **state)
{
	static char value[100000], sent[100100], received[100100];
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);
	size_t at;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	snprintf(sent, sizeof(sent), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n%s\r\n", strlen(value), value);
	talk_sent(talk, sent);
	talk_received(talk, "+OK\r\n");
	assert_int_equal(talk->len, 1);
	assert_int_equal(talk->said[0].bytes_out, strlen(sent));
	assert_int_equal(talk->said[0].arguments, 0);
	snprintf(received, sizeof(received), "$%zu\r\n%s\r\n", strlen(value), value);
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nTTL\r\n$1\r\nk\r\n");
	talk_received(talk, received);
	talk_received(talk, ":1\r\n");
	assert_int_equal(talk->said[1].bytes_in, strlen(received));
	talk_expect(talk, "SET|SET k|w|\nGET|GET k|r|\nTTL|TTL k|rp|\n");
	/* An answer of many small values: it ends where the client sends again. */
	at = (size_t)sprintf(received, "*1000\r\n");
	for (int i = 0; i < 1000; i++)
		at += (size_t)sprintf(received + at, "$2\r\nab\r\n");
	talk_sent(talk, "*4\r\n$6\r\nLRANGE\r\n$1\r\nk\r\n$1\r\n0\r\n$2\r\n-1\r\n");
	talk_moved(talk, WW_RECEIVED, received, 5000);
	talk_moved(talk, WW_RECEIVED, received + 5000, at - 5000);
	assert_int_equal(talk->len, 0);
	talk_sent(talk, "*1\r\n$4\r\nPING\r\n");
	assert_int_equal(talk->len, 1);
	assert_int_equal(talk->said[0].end_us, talk_us(talk) - 1);
	assert_int_equal(talk->said[0].bytes_in, at);
	talk_received(talk, "+PONG\r\n");
	talk_expect(talk, "LRANGE|LRANGE k|r|\nPING||x|\n");
	/* .. or where the request ends. */
	talk_sent(talk, "*4\r\n$6\r\nLRANGE\r\n$1\r\nk\r\n$1\r\n0\r\n$2\r\n-1\r\n");
	talk_moved(talk, WW_RECEIVED, received, at);
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000 + 9000);
	assert_int_equal(talk->len, 1);
	assert_int_equal(talk->said[0].end_us, talk_us(talk));
	talk->request = 2;
	talk_sent(talk, "*1\r\n$4\r\nPING\r\n");
	talk_received(talk, "+PONG\r\n");
	talk_expect(talk, "LRANGE|LRANGE k|r|\nPING||x|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

/* A client that shares its connection: where an answer's end is not at hand, what is outstanding is given up. */
static void shared_connections(void **state)
{
	static char received[20000];
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);
	size_t at = (size_t)sprintf(received, "*1000\r\n");

	(void)state;
	for (int i = 0; i < 1000; i++)
		at += (size_t)sprintf(received + at, "$2\r\nab\r\n");
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk->request = 2;
	talk_sent(talk, "*2\r\n$3\r\nTTL\r\n$1\r\nb\r\n");
	talk_received(talk, "$1\r\n1\r\n");
	talk->request = 1;
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\nc\r\n");
	talk_received(talk, ":7\r\n$1\r\n1\r\n");
	talk_expect(talk, "GET|GET a|r|\nTTL|TTL b|rp|\nGET|GET c|rp|\n");
	talk_sent(talk, "*2\r\n$8\r\nSMEMBERS\r\n$1\r\nk\r\n");
	talk->request = 2;
	talk_sent(talk, "*2\r\n$3\r\nTTL\r\n$1\r\nb\r\n");
	talk_moved(talk, WW_RECEIVED, received, at);
	assert_int_equal(talk->unsure, 2);
	/* Whose these are can't be told .. */
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, ":7\r\n");
	talk_received(talk, "$-1\r\n");
	assert_int_equal(talk->unsure, 3);
	talk_expect(talk, "");
	/* .. until it was silent for a while. */
	talk->now_us += 20000;
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$-1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	assert_int_equal(talk->unsure, 3);
	talk_end(talk);
}

static void published(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		struct talk *talk = talk_begin(&ww_protocol_redis, true, pieces);

		talk_sent(talk, "*3\r\n$9\r\nSUBSCRIBE\r\n$6\r\nnews:1\r\n$6\r\nnews:2\r\n");
		talk_received(talk, "*3\r\n$9\r\nsubscribe\r\n$6\r\nnews:1\r\n:1\r\n");
		talk_received(talk, "*3\r\n$7\r\nmessage\r\n$6\r\nnews:1\r\n$2\r\nhi\r\n");
		talk_expect(talk, "");
		talk_received(talk, "*3\r\n$9\r\nsubscribe\r\n$6\r\nnews:2\r\n:2\r\n");
		talk_expect(talk, "SUBSCRIBE|SUBSCRIBE news:? ..|x|\n");
		talk_sent(talk, "*1\r\n$4\r\nPING\r\n");
		talk_received(talk, "*3\r\n$7\r\nmessage\r\n$6\r\nnews:1\r\n$2\r\nhi\r\n");
		talk_expect(talk, "");
		talk_received(talk, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
		talk_sent(talk, "*1\r\n$11\r\nUNSUBSCRIBE\r\n");
		talk_received(talk, "*3\r\n$11\r\nunsubscribe\r\n$6\r\nnews:1\r\n:1\r\n");
		talk_received(talk, "*3\r\n$11\r\nunsubscribe\r\n$6\r\nnews:2\r\n:0\r\n");
		talk_sent(talk, "*4\r\n$6\r\nLRANGE\r\n$1\r\nk\r\n$1\r\n0\r\n$2\r\n-1\r\n");
		talk_received(talk, "*1\r\n$7\r\nmassage\r\n");
		talk_expect(talk, "PING||x|\nUNSUBSCRIBE||x|\nLRANGE|LRANGE k|r|\n");
		/* RESP3 */
		talk_sent(talk, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
		talk_received(talk, "%1\r\n$5\r\nproto\r\n:3\r\n");
		talk_sent(talk, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nn\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
		talk_received(talk, ">3\r\n$9\r\nsubscribe\r\n$1\r\nn\r\n:1\r\n");
		talk_received(talk, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
		talk_received(talk, "|1\r\n+ttl\r\n:5\r\n_\r\n");
		talk_expect(talk, "HELLO||x|\nSUBSCRIBE|SUBSCRIBE n|x|\nGET|GET k|rp|\n");
		assert_int_equal(talk->unsure, 0);
		talk_end(talk);
	}
}

static void without_answers(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);

	(void)state;
	talk_sent(talk, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
			"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$1\r\n1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	talk_sent(talk, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n");
	talk_sent(talk, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
	talk_sent(talk, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n");
	talk_received(talk, "+OK\r\n");
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$1\r\n1\r\n");
	talk_expect(talk, "CLIENT REPLY||x|\nGET|GET a|r|\n");
	talk_sent(talk, "*1\r\n$7\r\nMONITOR\r\n");
	talk_received(talk, "+OK\r\n");
	talk_received(talk, "+1763650000.1 [0 127.0.0.1:1] \"get\" \"a\"\r\n");
	talk_expect(talk, "MONITOR||x|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void lines(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);

	(void)state;
	talk_sent(talk, "PING\r\n\r\nget  user:1\r\nFOO bar\r\n");
	talk_received(talk, "+PONG\r\n$-1\r\n-ERR unknown command\r\n");
	talk_expect(talk, "PING||x|\nGET|GET user:?|rp|\nFOO||p|ERR\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void kinds_of_commands(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, true, CAPTURED);

	(void)state;
	talk_sent(talk, "*3\r\n$5\r\nBLPOP\r\n$7\r\nqueue:1\r\n$1\r\n5\r\n");
	talk_received(talk, "*-1\r\n");
	talk_sent(talk, "*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$2\r\n10\r\n$7\r\nSTREAMS\r\n$5\r\nlog:7\r\n$1\r\n$\r\n");
	talk_received(talk, "*-1\r\n");
	talk_sent(talk, "*4\r\n$5\r\nXREAD\r\n$7\r\nstreams\r\n$5\r\nlog:7\r\n$1\r\n0\r\n");
	talk_received(talk, "*-1\r\n");
	talk_sent(talk, "*2\r\n$4\r\nSCAN\r\n$1\r\n0\r\n");
	talk_received(talk, "*2\r\n$2\r\n17\r\n*0\r\n");
	talk_sent(talk, "*2\r\n$4\r\nSCAN\r\n$2\r\n17\r\n");
	talk_received(talk, "*2\r\n$1\r\n0\r\n*0\r\n");
	talk_sent(talk, "*5\r\n$7\r\nEVALSHA\r\n$40\r\n6b1bf486c81ceb7edf3c093f4c48582e38c0e791\r\n$1\r\n1\r\n$3\r\nq:"
			"1\r\n$1\r\nx\r\n");
	talk_received(talk, ":1\r\n");
	talk_sent(talk, "*4\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n$3\r\nx:1\r\n");
	talk_received(talk, ":1\r\n");
	talk_sent(talk, "*3\r\n$4\r\nMGET\r\n$3\r\na:1\r\n$3\r\na:2\r\n");
	talk_received(talk, "*2\r\n$-1\r\n$-1\r\n");
	talk_sent(talk, "*3\r\n$8\r\nJSON.GET\r\n$3\r\na:1\r\n$1\r\n.\r\n");
	talk_received(talk, "$2\r\n{}\r\n");
	talk_expect(talk,
		    "BLPOP|BLPOP queue:? ..|wl|\nXREAD|XREAD log:?|rl|\nXREAD|XREAD log:?|r|\nSCAN||r|\nSCAN||rf|\n"
		    "EVALSHA|EVALSHA 6b1bf486 q:?||\nEVAL|||\nMGET|MGET a:? ..|r|\nJSON.GET|||\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

/* That it is shared shows when it was not idle before: what shows it is given up, too. */
static void shared_from_before(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, false, CAPTURED);

	(void)state;
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk->request = 2;
	talk_sent(talk, "*2\r\n$3\r\nTTL\r\n$1\r\nb\r\n");
	talk_received(talk, "$1\r\n1\r\n");
	talk->request = 1;
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\nc\r\n");
	assert_int_equal(talk->unsure, 2);
	talk_received(talk, ":7\r\n$1\r\n1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	talk_end(talk);
}

/* What can't be paired is given up and counted; what comes behind is right again. */
static void out_of_step(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, false, CAPTURED);

	(void)state;
	/* A number is no answer to GET. */
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, ":1\r\n");
	assert_int_equal(talk->unsure, 1);
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$-1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	/* Calls are missing: what comes first may be the rest of anything. */
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	ww_dialogue__lost(talk->dialogue);
	assert_int_equal(talk->unsure, 2);
	talk_sent(talk, "*2\r\n$3\r\nTTL\r\n$1\r\na\r\n");
	assert_int_equal(talk->unsure, 3);
	talk_received(talk, "$-1\r\n");
	talk_received(talk, ":1\r\n");
	talk_expect(talk, "");
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$-1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	/* Another request has the connection when all was answered. */
	unsigned unsure = talk->unsure;
	ww_dialogue__lost(talk->dialogue);
	talk->request = 2;
	talk_sent(talk, "*2\r\n$3\r\nTTL\r\n$1\r\na\r\n");
	talk_received(talk, ":1\r\n");
	talk_expect(talk, "TTL|TTL a|r|\n");
	assert_int_equal(talk->unsure, unsure);
	/* Bytes that are none of Redis. */
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\naGET\r\n");
	talk_received(talk, "HTTP/1.1 400 Bad Request\r\n");
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$-1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	/* An answer that nobody has asked for. */
	talk_received(talk, "$-1\r\n");
	talk_sent(talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
	talk_received(talk, "$-1\r\n");
	talk_expect(talk, "GET|GET a|r|\n");
	talk_end(talk);
}

static void encrypted(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_redis, false, CAPTURED);

	(void)state;
	for (int i = 0; i < 3; i++) {
		talk_moved(talk, WW_SENT, "\x17\x03\x03\x00\x02xy", 7);
		talk_moved(talk, WW_RECEIVED, "\x17\x03\x03\x00\x02xy", 7);
	}
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	assert_int_equal(talk->said[0].bytes_out, 7);
	assert_int_equal(talk->said[0].bytes_in, 7);
	talk_expect(talk, "||e|\n||e|\n||e|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(times_and_bytes),
		cmocka_unit_test(arguments),
		cmocka_unit_test(pipelines),
		cmocka_unit_test(gaps),
		cmocka_unit_test(shared_connections),
		cmocka_unit_test(shared_from_before),
		cmocka_unit_test(published),
		cmocka_unit_test(without_answers),
		cmocka_unit_test(lines),
		cmocka_unit_test(kinds_of_commands),
		cmocka_unit_test(out_of_step),
		cmocka_unit_test(encrypted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
