/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "talk.h"

/* Records in the making. */
struct bytes {
	uint8_t at[70000];
	size_t len;
};

static void record(struct bytes *bytes, uint8_t type, uint16_t id, const void *content, size_t len, uint8_t padding)
{
	const uint8_t header[8] = {1,	   type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(len >> 8), (uint8_t)len,
				   padding};

	assert_true(bytes->len + 8 + len + padding <= sizeof(bytes->at));
	memcpy(bytes->at + bytes->len, header, 8);
	memcpy(bytes->at + bytes->len + 8, content, len);
	memset(bytes->at + bytes->len + 8 + len, 0, padding);
	bytes->len += 8 + len + padding;
}

static void parameter(struct bytes *params, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);

	params->at[params->len++] = (uint8_t)name_len;
	if (value_len > 127) {
		params->at[params->len++] = 0x80;
		params->at[params->len++] = 0;
		params->at[params->len++] = (uint8_t)(value_len >> 8);
	}
	params->at[params->len++] = (uint8_t)value_len;
	memcpy(params->at + params->len, name, name_len);
	memcpy(params->at + params->len + name_len, value, value_len);
	params->len += name_len + value_len;
}

static void ask(struct talk *talk, uint16_t id, const char *method, const char *uri, const char *body)
{
	struct bytes *params = calloc(1, sizeof(*params)), *out = calloc(1, sizeof(*out));
	char query[300];

	assert_true(params && out);
	memset(query, 'q', sizeof(query) - 1);
	query[sizeof(query) - 1] = '\0';
	parameter(params, "QUERY_STRING", query);
	parameter(params, "REQUEST_METHOD", method);
	parameter(params, "SCRIPT_NAME", "/index.php");
	if (uri)
		parameter(params, "REQUEST_URI", uri);
	parameter(params, "HTTP_HOST", "");
	record(out, 1, id, "\0\1\0\0\0\0\0\0", 8, 0);
	record(out, 4, id, params->at, params->len, 3);
	record(out, 4, id, "", 0, 0);
	if (*body)
		record(out, 5, id, body, strlen(body), 0);
	record(out, 5, id, "", 0, 0);
	talk_moved(talk, WW_SENT, out->at, out->len);
	free(params);
	free(out);
}

static void answer(struct talk *talk, uint16_t id, const char *head, size_t body, uint8_t status)
{
	struct bytes *in = calloc(1, sizeof(*in));
	uint8_t end[8] = {0, 0, 0, 0, status};
	char *text = calloc(1, body + 1);

	assert_true(in && text);
	memset(text, 'x', body);
	record(in, 6, id, head, strlen(head), 5);
	for (size_t at = 0; at < body; at += 8000)
		record(in, 6, id, text + at, body - at < 8000 ? body - at : 8000, 0);
	record(in, 3, id, end, 8, 0);
	talk_moved(talk, WW_RECEIVED, in->at, in->len);
	free(in);
	free(text);
}

#define TYPE "Content-type: text/html\r\n\r\n"

static void requests(void **state)
{
	(void)state;
	for (enum talk_pieces pieces = CAPTURED; pieces <= RANDOM; pieces++) {
		struct talk *talk = talk_begin(&ww_protocol_fastcgi, true, pieces);

		ask(talk, 1, "GET", "/users/17?secret=1", "");
		answer(talk, 1, TYPE, 10, 0);
		ask(talk, 1, "POST", "/orders", "a=b");
		answer(talk, 1, "X-Powered-By: PHP\r\nStatus: 404 Not Found\r\n" TYPE "Status: 500", 10, 0);
		ask(talk, 1, "GET", NULL, "");
		answer(talk, 1, "Status: 302 Found\r\n" TYPE, 0, 0);
		ask(talk, 1, "GET", "/full", "");
		answer(talk, 1, "", 0, 2);
		talk_expect(talk,
			    "GET /users/{id}||r|\nPOST /orders||w|404\nGET /index.php||r|\nGET /full||r|fastcgi\n");
		assert_int_equal(talk->unsure, 0);
		talk_end(talk);
	}
}

/* What lies between the first and the last bytes of a call is not captured. */
static void long_answers(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_fastcgi, false, CAPTURED);

	(void)state;
	for (int i = 0; i < 2; i++) {
		ask(talk, 1, "GET", "/a", "");
		answer(talk, 1, "Status: 503 No\r\n" TYPE, 50000, 0);
		talk_expect(talk, "GET /a||r|503\n");
	}
	ask(talk, 1, "GET", "/b", "");
	talk_received(talk, "no record");
	ask(talk, 1, "GET", "/c", "");
	answer(talk, 1, TYPE, 0, 0);
	talk_expect(talk, "GET /b||r|\nGET /c||r|\n");
	assert_int_equal(talk->unsure, 0);
	talk_end(talk);
}

static void several(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_fastcgi, true, ALL);

	(void)state;
	ask(talk, 1, "GET", "/a", "");
	ask(talk, 2, "GET", "/b", "");
	answer(talk, 2, TYPE, 0, 0);
	answer(talk, 1, TYPE, 0, 0);
	talk_expect(talk, "GET /b||rp|\nGET /a||r|\n");
	/* A number that is taken. */
	ask(talk, 1, "GET", "/a", "");
	ask(talk, 1, "GET", "/b", "");
	assert_int_equal(talk->unsure, 1);
	answer(talk, 1, TYPE, 0, 0);
	talk_expect(talk, "GET /b||r|\n");
	/* Calls are missing. */
	ask(talk, 1, "GET", "/a", "");
	ww_dialogue__lost(talk->dialogue);
	assert_int_equal(talk->unsure, 2);
	answer(talk, 1, TYPE, 0, 0);
	ask(talk, 1, "GET", "/c", "");
	answer(talk, 1, TYPE, 0, 0);
	talk_expect(talk, "GET /c||r|\n");
	talk_end(talk);
}

static void times_and_bytes(void **state)
{
	struct talk *talk = talk_begin(&ww_protocol_fastcgi, true, ALL);
	uint64_t arguments;

	(void)state;
	ask(talk, 1, "POST", "/a", "body");
	answer(talk, 1, TYPE, 100, 0);
	ask(talk, 1, "POST", "/a", "body");
	answer(talk, 1, TYPE, 100, 0);
	ask(talk, 1, "POST", "/a", "other");
	answer(talk, 1, TYPE, 100, 0);
	assert_int_equal(talk->len, 3);
	assert_int_equal(talk->said[0].start_us, 1);
	assert_int_equal(talk->said[0].end_us, 2);
	assert_int_equal(talk->said[0].bytes_in, 8 + strlen(TYPE) + 5 + 8 + 100 + 16);
	assert_int_equal(talk->said[2].bytes_out - talk->said[1].bytes_out, 1);
	arguments = talk->said[0].arguments;
	assert_true(arguments && arguments == talk->said[1].arguments && arguments != talk->said[2].arguments);
	talk_end(talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(long_answers),
		cmocka_unit_test(several),
		cmocka_unit_test(times_and_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
