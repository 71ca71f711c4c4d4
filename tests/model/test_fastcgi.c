/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* FastCGI on a server's connection: what requests and responses say, however they are cut into calls. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES 300000

struct bytes {
	char at[BYTES];
	size_t len;
};

static void record_of(struct bytes *bytes, int type, const void *content, size_t len, int padding)
{
	const char header[8] = {1, (char)type, 0, 1, (char)(len >> 8), (char)len, (char)padding};
	assert_true(bytes->len + 8 + len + padding <= BYTES);
	memcpy(bytes->at + bytes->len, header, 8);
	memcpy(bytes->at + bytes->len + 8, content, len);
	memset(bytes->at + bytes->len + 8 + len, 'p', padding);
	bytes->len += 8 + len + padding;
}

static void param(struct bytes *params, const char *name, const char *value)
{
	size_t lens[2] = {strlen(name), strlen(value)};
	for (int i = 0; i < 2; i++) {
		if (lens[i] > 127) {
			memcpy(params->at + params->len, (char[]){(char)0x80, 0, (char)(lens[i] >> 8)}, 3);
			params->len += 3;
		}
		params->at[params->len++] = (char)lens[i];
	}
	memcpy(params->at + params->len, name, lens[0]);
	memcpy(params->at + params->len + lens[0], value, lens[1]);
	params->len += lens[0] + lens[1];
}

/* In `records` records. */
static void params_of(struct bytes *bytes, const struct bytes *params, size_t records)
{
	for (size_t i = 0, at = 0; i < records; i++) {
		size_t end = params->len * (i + 1) / records;
		record_of(bytes, 4, params->at + at, end - at, 3);
		at = end;
	}
	record_of(bytes, 4, "", 0, 0);
}

static char long_value[3000], traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static void request_of(struct bytes *bytes, const char *uri, size_t body)
{
	static struct bytes params;
	char length[20] = "";
	params.len = 0;
	if (body)
		snprintf(length, sizeof(length), "%zu", body);
	param(&params, "SCRIPT_FILENAME", "/srv/index.php");
	param(&params, "QUERY_STRING", "a=b");
	param(&params, "REQUEST_METHOD", body ? "POST" : "GET");
	param(&params, "CONTENT_LENGTH", length);
	param(&params, "HTTP_COOKIE", long_value);
	param(&params, "SCRIPT_NAME", "/index.php");
	if (uri)
		param(&params, "REQUEST_URI", uri);
	param(&params, "HTTP_TRACEPARENT", traceparent);
	param(&params, "HTTP_EMPTY", "");
	record_of(bytes, 1, "\0\1\0\0\0\0\0", 8, 0);
	params_of(bytes, &params, 1);
	static char content[40000];
	for (size_t at = 0; at < body; at += 40000)
		record_of(bytes, 5, content, body - at < 40000 ? body - at : 40000, 1);
	record_of(bytes, 5, "", 0, 0);
}

static void response_of(struct bytes *bytes, const char *head, size_t body)
{
	static char content[30000];
	record_of(bytes, 6, head, strlen(head), 2);
	record_of(bytes, 7, "PHP Notice: Status: 500", 23, 0);
	for (size_t at = 0; at < body; at += 30000)
		record_of(bytes, 6, content, body - at < 30000 ? body - at : 30000, 0);
	record_of(bytes, 6, "", 0, 0);
	record_of(bytes, 3, "\0\0\0\0\0\0\0", 8, 0);
}

/* By calls of `piece` bytes: 0: as PHP-FPM reads them, header by header. */
static void takes(const struct bytes *bytes, size_t piece)
{
	for (size_t at = 0, len, rest = 0; at < bytes->len; at += len) {
		if (piece) {
			len = piece;
		} else if (rest) {
			len = rest;
			rest = 0;
		} else {
			const u8 *header = (const u8 *)bytes->at + at;
			len = 8;
			rest = (size_t)(header[4] << 8 | header[5]) + header[6];
		}
		if (len > bytes->len - at)
			len = bytes->len - at;
		arrives(&script.server, len);
		receives_bytes(&script.server, bytes->at + at, len);
	}
}

static void gives(const struct bytes *bytes, size_t piece)
{
	for (size_t at = 0; at < bytes->len; at += piece) {
		size_t len = piece < bytes->len - at ? piece : bytes->len - at;
		host_syscall(HOST_BUFFER, true, bytes->at + at, len, len);
		ww_sock_send_length(&script.server.unix_sock.sk, (int)len, 0);
	}
}

static const size_t pieces[] = {0, 1, 7, 9, 100, 1000, 1500, 4096, BYTES};
#define PIECES (sizeof(pieces) / sizeof(*pieces))

static void exchange(const char *uri, size_t body, size_t in, const char *head, size_t answer, size_t out)
{
	static struct bytes bytes;
	bytes.len = 0;
	request_of(&bytes, uri, body);
	/* Its first bytes tell what the connection carries: they come together. */
	takes(&bytes, in && in < 8 && !script.records_len ? 8 : in);
	u64 received = bytes.len - 8; /* that it ends is not counted */
	pass(1000);
	bytes.len = 0;
	response_of(&bytes, head, answer);
	u32 before = script.records_len;
	gives(&bytes, out);
	assert_int_equal(script.records_len, before + 1);
	const struct ww_account *a = &script.records[before];
	assert_int_equal(a->bytes_in, received);
	assert_int_equal(a->bytes_out, bytes.len);
	assert_true(a->flags & WW_FLAG_FASTCGI);
	assert_true(a->flags & WW_FLAG_TRACEPARENT);
	assert_memory_equal(a->traceparent, traceparent, WW_TRACEPARENT);
	assert_string_equal(a->method, body ? "POST" : "GET");
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1000);
}

static void is_target(u32 number, const char *target, bool truncated)
{
	const struct ww_account *a = &script.records[number];
	assert_int_equal(a->target_len, strlen(target));
	assert_memory_equal(a->target, target, strlen(target));
	assert_int_equal(!!(a->flags & WW_FLAG_TARGET_TRUNCATED), truncated);
}

static void begin(void)
{
	script_begin(4);
	memset(long_value, 'c', sizeof(long_value) - 1);
	runs(0);
}

static void every_cut(void **state)
{
	(void)state;
	for (u32 i = 0; i < PIECES; i++) {
		for (u32 j = 1; j < PIECES; j++) {
			begin();
			exchange("/users?x=1", 0, pieces[i], "Content-type: text/html\r\n\r\n", 0, pieces[j]);
			exchange(NULL, 100, pieces[i],
				 "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
				 "Status: 404 Not Found\r\n\r\nStatus: 500\r\n",
				 100, pieces[j]);
			is_target(0, "/users", false);
			is_target(1, "/index.php", false);
			assert_int_equal(script.records[0].status, 200);
			assert_int_equal(script.records[1].status, 404);
			assert_int_equal(host_counter(WW_COUNT_STREAM_LOST), 0);
			script_end();
		}
	}
}

static void large(void **state)
{
	char uri[1000], shown[WW_TARGET_MAX + 1];
	(void)state;
	memset(uri, 'u', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	uri[0] = '/';
	memcpy(shown, uri, WW_TARGET_MAX);
	shown[WW_TARGET_MAX] = '\0';
	begin();
	exchange(uri, 200000, 0, "Status: 500 No\r\nA: b\r\n\r\n", 200000, 8192);
	is_target(0, shown, true);
	assert_int_equal(script.records[0].status, 500);
	exchange("/x", 200000, 50000, "A: b\n\n", 200000, 50000);
	is_target(1, "/x", false);
	script_end();
}

/* What its web server sends when the response is out, and what mixes requests. */
static void odd_orders(void **state)
{
	static struct bytes bytes;
	(void)state;
	begin();
	bytes.len = 0;
	request_of(&bytes, "/a", 0);
	bytes.len -= 8; /* the end of its body */
	takes(&bytes, 0);
	bytes.len = 0;
	response_of(&bytes, "A: b\r\n\r\n", 0);
	gives(&bytes, BYTES);
	assert_int_equal(script.records_len, 1);
	bytes.len = 0;
	record_of(&bytes, 5, "", 0, 0);
	takes(&bytes, 0);
	exchange("/b", 0, 0, "A: b\r\n\r\n", 0, BYTES);
	assert_int_equal(host_counter(WW_COUNT_STREAM_LOST), 0);
	bytes.len = 0;
	request_of(&bytes, "/c", 0);
	takes(&bytes, 0);
	takes(&bytes, 0);
	assert_int_equal(script.records_len, 2);
	assert_int_equal(host_counter(WW_COUNT_STREAM_LOST), 1);
	script_end();
}

/* A parameter that goes on in another record is no reason to lose the request. */
static void divided_parameters(void **state)
{
	static struct bytes bytes, params;
	(void)state;
	for (size_t records = 1; records < 30; records++) {
		begin();
		bytes.len = params.len = 0;
		param(&params, "REQUEST_METHOD", "GET");
		param(&params, "HTTP_COOKIE", long_value);
		param(&params, "REQUEST_URI", "/x");
		record_of(&bytes, 1, "\0\1\0\0\0\0\0", 8, 0);
		params_of(&bytes, &params, records);
		takes(&bytes, 0);
		bytes.len = 0;
		response_of(&bytes, "A: b\r\n\r\n", 0);
		gives(&bytes, BYTES);
		assert_int_equal(script.records_len, 1);
		assert_int_equal(host_counter(WW_COUNT_STREAM_LOST), 0);
		script_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut),
		cmocka_unit_test(large),
		cmocka_unit_test(odd_orders),
		cmocka_unit_test(divided_parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
