/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "talk.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void one_after_the_other(struct talk *talk)
{
	talk_sent(talk, "GET /users/42/orders?secret=1 HTTP/1.1\r\nHost: API.internal:8080\r\nAccept: */*\r\n\r\n");
	talk_received(talk, OK);
	talk_sent(talk, "POST /users HTTP/1.1\r\nhost: api\r\ncontent-length: 5\r\n\r\nGET /");
	talk_received(talk,
		      "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nHTTP/\r\n0\r\nA: b\r\n\r\n");
	talk_sent(talk,
		  "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n");
	talk_received(talk, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
	talk_sent(talk, "HEAD /a HTTP/1.1\r\nHost: api\r\n\r\n");
	talk_received(talk, "HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\n");
	talk_sent(talk, "DELETE /a HTTP/1.1\r\nHost: api\r\n\r\n");
	talk_received(talk, "HTTP/1.1 204 No Content\r\n\r\n");
	talk_sent(talk, "GET http://web/x HTTP/1.1\r\nHost: web\r\n\r\n");
	talk_received(talk, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
	talk_expect(talk, "GET api.internal:8080 /users/{id}/orders||r|\nPOST api /users||w|\nPUT /a||w|503\n"
			  "HEAD api /a||r|404\nDELETE api /a||w|\nGET web /x||r|\n");
	assert_int_equal(talk->unsure, 0);
}

static void calls(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		for (int whole = 0; whole < 2; whole++) {
			struct talk *talk = talk_begin(&ww_protocol_http1_client, whole, pieces);

			one_after_the_other(talk);
			talk_end(talk);
		}
	}
}

static void times_and_bytes(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_http1_client, true, CAPTURED);

	(void)state;
	talk_sent(talk, "POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
	talk_sent(talk, "ab");
	talk_sent(talk, "cd");
	talk_received(talk, "HTTP/1.1 200 OK\r\nContent-");
	talk_received(talk, "Length: 4\r\n\r\nab");
	talk_received(talk, "cd");
	assert_int_equal(talk->len, 1);
	assert_int_equal(talk->said[0].start_us, 1);
	assert_int_equal(talk->said[0].end_us, 6);
	assert_int_equal(talk->said[0].bytes_out, 43);
	assert_int_equal(talk->said[0].bytes_in, 42);
	talk_end(talk);
}

static void arguments(void **state)
{
	static const char *const sent[] = {
		"GET /a?x=1 HTTP/1.1\r\n\r\n",
		"GET /a?x=2 HTTP/1.1\r\n\r\n",
		"GET /a?x=1 HTTP/1.1\r\nA: b\r\n\r\n",
		"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n1",
		"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n2",
	};
	struct talk *talk = talk_begin(&ww_protocol_http1_client, true, SINGLE);

	(void)state;
	for (int i = 0; i < 5; i++) {
		talk_sent(talk, sent[i]);
		talk_received(talk, OK);
	}
	assert_int_equal(talk->len, 5);
	assert_true(talk->said[0].arguments && talk->said[0].arguments == talk->said[2].arguments);
	assert_true(talk->said[0].arguments != talk->said[1].arguments);
	assert_true(talk->said[3].arguments != talk->said[4].arguments);
	talk_end(talk);
}

/* Heads and bodies longer than what is captured. */
static void gaps(void **state)
{
	static char head[3000], body[50000], text[60000];
	struct talk *talk = talk_begin(&ww_protocol_http1_client, true, CAPTURED);

	(void)state;
	memset(head, 'h', sizeof(head) - 1);
	memset(body, 'b', sizeof(body) - 1);
	/* A long body, both ways. */
	snprintf(text, sizeof(text), "POST /a HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	talk_sent(talk, text);
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	talk_received(talk, text);
	assert_int_equal(talk->len, 1);
	assert_int_equal(talk->said[0].bytes_in, strlen(text));
	assert_int_equal(talk->said[0].arguments, 0);
	/* One chunk. */
	talk_sent(talk, "GET /b HTTP/1.1\r\n\r\n");
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
		 strlen(body), body);
	talk_received(talk, text);
	talk_expect(talk, "POST /a||w|\nGET /b||r|\n");
	/* An answer's head: it ends with the last bytes before the next call, */
	snprintf(text, sizeof(text), "HTTP/1.1 500 No\r\nServer: %s\r\nContent-Length: 1\r\n\r\nx", head);
	talk_sent(talk, "GET /c HTTP/1.1\r\n\r\n");
	talk_received(talk, text);
	talk_received(talk, "more");
	talk_expect(talk, "");
	talk_sent(talk, "GET /d HTTP/1.1\r\n\r\n");
	assert_int_equal(talk->said[0].end_us, talk_us(talk) - 1);
	assert_int_equal(talk->said[0].bytes_in, strlen(text) + 4);
	talk_expect(talk, "GET /c||r|500\n");
	/* before the request's end, */
	talk_received(talk, text);
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000 + 100000);
	assert_int_equal(talk->said[0].end_us, talk_us(talk));
	talk_expect(talk, "GET /d||r|500\n");
	/* or before the connection's. */
	talk->request = 2;
	talk_sent(talk, "GET /e HTTP/1.1\r\n\r\n");
	talk_received(talk, "HTTP/1.1 200 OK\r\n\r\nas long as the connection");
	talk_received(talk, "is");
	ww_dialogue__closed(talk->dialogue, talk->now_us * 1000 + 100000, "closed");
	assert_int_equal(talk->said[0].end_us, talk_us(talk));
	talk_expect(talk, "GET /e||r|\n");
	/* A request's head. */
	snprintf(text, sizeof(text), "POST /f/1 HTTP/1.1\r\nHost: api\r\nCookie: %s\r\nContent-Length: 1\r\n\r\n",
		 head);
	talk_sent(talk, text);
	talk_sent(talk, "x");
	talk_received(talk, OK);
	talk_sent(talk, "GET /g HTTP/1.1\r\n\r\n");
	talk_received(talk, OK);
	assert_int_equal(talk->said[0].bytes_out, strlen(text) + 1);
	talk_expect(talk, "POST api /f/{id}||w|\nGET /g||r|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void expectations(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_http1_client, true, CAPTURED);

	(void)state;
	talk_sent(talk, "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	talk_received(talk, "HTTP/1.1 100 Continue\r\n\r\n");
	talk_sent(talk, "ab");
	talk_received(talk, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK);
	talk_expect(talk, "PUT /a||w|\n");
	assert_false(talk->unsure);
	/* Refused before the body has been sent. */
	talk_sent(talk, "PUT /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
	talk_received(talk, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	talk_sent(talk, "123456789");
	talk_sent(talk, "GET /b HTTP/1.1\r\n\r\n");
	talk_received(talk, OK);
	talk_expect(talk, "PUT /a||w|413\nGET /b||r|\n");
	/* Two at once. */
	talk_sent(talk, "GET /b HTTP/1.1\r\n\r\nHEAD /c HTTP/1.1\r\n\r\n");
	talk_received(talk, OK "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n");
	talk_expect(talk, "GET /b||r|\nHEAD /c||rp|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void other_protocols(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_http1_client, true, CAPTURED);

	(void)state;
	talk_sent(talk, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	talk_received(talk, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
	talk_sent(talk, "\x81\x02hi");
	talk_received(talk, "\x81\x02ho");
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	talk_expect(talk, "GET /chat||r|\n||e|\n");
	talk_end(talk);
	talk = talk_begin(&ww_protocol_http1_client, true, CAPTURED);
	talk_sent(talk, "CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n");
	talk_received(talk, "HTTP/1.1 200 Connection established\r\n\r\n");
	talk_moved(talk, WW_SENT, "\x16\x03\x01\x00\x02xy", 7);
	talk_moved(talk, WW_RECEIVED, "\x16\x03\x03\x00\x02xy", 7);
	ww_dialogue__settle(talk->dialogue, 1, talk->now_us * 1000);
	talk_expect(talk, "CONNECT web:443||c|\n||e|\n");
	talk_end(talk);
	talk = talk_begin(&ww_protocol_http1_client, true, CAPTURED);
	talk_sent(talk, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	talk_received(talk, "....");
	talk_sent(talk, "x");
	talk_expect(talk, "||e|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void out_of_step(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_http1_client, false, CAPTURED);

	(void)state;
	/* The rest of an upload. */
	talk_sent(talk, "text with a GET in it\r\n");
	talk_received(talk, OK);
	talk_sent(talk, "GET /a HTTP/1.1\r\n\r\n");
	talk_received(talk, OK);
	talk_expect(talk, "GET /a||r|\n");
	ww_dialogue__lost(talk->dialogue);
	talk_received(talk, OK);
	talk_sent(talk, "GET /b HTTP/1.1\r\n\r\n");
	talk_received(talk, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
	talk_expect(talk, "");
	assert_int_equal(talk->unsure, 1);
	talk_sent(talk, "GET /c HTTP/1.1\r\n\r\n");
	talk_received(talk, OK);
	talk_expect(talk, "GET /c||r|\n");
	/* The server closes what is idle. */
	talk_received(talk, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
	ww_dialogue__closed(talk->dialogue, talk->now_us * 1000, "closed");
	talk_expect(talk, "");
	talk_end(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),       cmocka_unit_test(times_and_bytes), cmocka_unit_test(arguments),
		cmocka_unit_test(gaps),	       cmocka_unit_test(expectations),	  cmocka_unit_test(other_protocols),
		cmocka_unit_test(out_of_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
