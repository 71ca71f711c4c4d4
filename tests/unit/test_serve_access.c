/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who may ask, and for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/api.h"
#include "serve/http_access.h"

#define SECOND 1000000000ull

static int read_token(struct ww_token *token, const char *text, mode_t mode)
{
	char path[] = "/tmp/whywait-token-XXXXXX", message[256] = "";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !fchmod(fd, mode));
	close(fd);
	err = ww_token__read(token, path, message, sizeof(message));
	assert_true(!err == !*message);
	unlink(path);
	return err;
}

static void test_token_file(void **state)
{
	struct ww_token token = {0};
	char long_one[WW_TOKEN_MOST + 2];

	(void)state;
	assert_int_equal(read_token(&token, "0123456789abcdef\nnot this\n", 0640), 0);
	assert_string_equal(token.text, "0123456789abcdef");
	assert_int_equal(read_token(&token, "0123456789abcdef", 0644), -EPERM);
	assert_int_equal(read_token(&token, "short", 0600), -EINVAL);
	assert_int_equal(read_token(&token, "", 0600), -EINVAL);
	assert_int_equal(read_token(&token, "0123456789 abcdef", 0600), -EINVAL);
	memset(long_one, 'x', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(read_token(&token, long_one, 0600), -EINVAL);
	assert_int_equal(token.len, 16);
	assert_int_equal(ww_token__read(&token, "/nonexistent", long_one, sizeof(long_one)), -ENOENT);
}

static void test_token_in_a_header(void **state)
{
	const struct ww_token none = {0};
	struct ww_token token;

	(void)state;
	assert_int_equal(read_token(&token, "0123456789abcdef", 0600), 0);
	assert_true(ww_token__is_in(&token, "Bearer 0123456789abcdef"));
	assert_true(ww_token__is_in(&token, "bearer   0123456789abcdef"));
	/* any:0123456789abcdef */
	assert_true(ww_token__is_in(&token, "Basic YW55OjAxMjM0NTY3ODlhYmNkZWY="));
	assert_true(ww_token__is_in(&token, "Basic OjAxMjM0NTY3ODlhYmNkZWY="));
	assert_false(ww_token__is_in(&token, NULL));
	assert_false(ww_token__is_in(&token, ""));
	assert_false(ww_token__is_in(&token, "0123456789abcdef"));
	assert_false(ww_token__is_in(&token, "Bearer"));
	assert_false(ww_token__is_in(&token, "Bearer "));
	assert_false(ww_token__is_in(&token, "Bearer 0123456789abcde"));
	assert_false(ww_token__is_in(&token, "Bearer 0123456789abcdef0"));
	assert_false(ww_token__is_in(&token, "Bearer 0123456789abcdeF"));
	assert_false(ww_token__is_in(&token, "Basic MDEyMzQ1Njc4OWFiY2RlZg==")); /* without a colon */
	assert_false(ww_token__is_in(&token, "Basic %%%"));
	assert_true(ww_token__is_in(&none, NULL));
}

static void test_hosts(void **state)
{
	static const char *const good[] = {"localhost",	 "localhost:9248", "LOCALHOST:1", "127.0.0.1:9248",
					   "[::1]:9248", "[::1]",	   "localhost."};
	static const char *const bad[] = {"",
					  "evil.example",
					  "localhost.evil.example",
					  "127.0.0.1.evil.example",
					  "localhost:x",
					  "localhost:",
					  "localhost:123456",
					  "127.0.0.1:80@evil.example",
					  "::1",
					  "localhost:80:80",
					  "xlocalhost"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!ww_host__is_loopback(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ww_host__is_loopback(bad[i]))
			fail_msg("%s", bad[i]);
	assert_false(ww_host__is_loopback(NULL));
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {
		"",	   "1",	     "127.0.0.1",    "127.0.0.1:",     "127.0.0.1:x",  "127.0.0.1:65536",
		"[::1:80", "::1:80", "localhost:80", "[127.0.0.1]:80", "127.0.0.1:-1", "127.0.0.1: 80"};
	struct ww_listen to;

	(void)state;
	assert_int_equal(ww_listen__parse(&to, "127.0.0.1:9248"), 0);
	assert_true(to.loopback);
	assert_int_equal(ww_listen__parse(&to, "127.1.2.3:0"), 0);
	assert_true(to.loopback);
	assert_int_equal(ww_listen__parse(&to, "[::1]:9248"), 0);
	assert_true(to.loopback);
	assert_int_equal(ww_listen__parse(&to, "0.0.0.0:80"), 0);
	assert_false(to.loopback);
	assert_int_equal(ww_listen__parse(&to, "[::]:80"), 0);
	assert_false(to.loopback);
	assert_int_equal(ww_listen__parse(&to, ":80"), 0);
	assert_false(to.loopback);
	assert_int_equal(ww_listen__parse(&to, "[::ffff:127.0.0.1]:80"), 0);
	assert_false(to.loopback); /* rather asks for a token than not */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ww_listen__parse(&to, bad[i]) != -EINVAL)
			fail_msg("%s", bad[i]);
}

static void test_rate(void **state)
{
	struct sockaddr_in one = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)}, other = one;
	struct ww_rate *rate = calloc(1, sizeof(*rate));
	const struct sockaddr *client = (const struct sockaddr *)&one;
	unsigned allowed = 0;

	(void)state;
	assert_non_null(rate);
	other.sin_addr.s_addr = htonl(0x0a000002);
	for (int i = 0; i < 1000; i++)
		allowed += ww_rate__allows(rate, client, SECOND);
	assert_int_equal(allowed, WW_RATE_BURST);
	assert_true(ww_rate__allows(rate, (const struct sockaddr *)&other, SECOND));
	allowed = 0;
	for (uint64_t ms = 0; ms < 4000; ms++)
		allowed += ww_rate__allows(rate, client, SECOND + ms * 1000000);
	assert_in_range(allowed, 4 * WW_RATE_PER_SECOND - 2, 4 * WW_RATE_PER_SECOND);
	/* A clock that stands still gives nothing back, one that jumped gives all of it. */
	assert_true(ww_rate__allows(rate, client, 1000 * SECOND));
	assert_true(ww_rate__allows(rate, NULL, SECOND));
	/* At a socket that takes IPv4 as well each of its clients counts for itself, and so does this host. */
	for (int i = 0; i < 3; i++) {
		static const char *const texts[] = {"::ffff:10.0.0.8", "::ffff:10.0.0.9", "::1"};
		struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};

		assert_int_equal(inet_pton(AF_INET6, texts[i], &mapped.sin6_addr), 1);
		allowed = 0;
		for (int j = 0; j < 1000; j++)
			allowed += ww_rate__allows(rate, (const struct sockaddr *)&mapped, 1001 * SECOND);
		assert_int_equal(allowed, WW_RATE_BURST);
	}
	free(rate);
}

static void test_queries(void **state)
{
	static const char *const bad[][2] = {{"last", "0"},
					     {"last", "-1"},
					     {"last", ""},
					     {"last", "1.5"},
					     {"last", "99999999999999999999"},
					     {"steps", "241"},
					     {"limit", "201"},
					     {"failed", "2"},
					     {"kinds", ""},
					     {"kinds", "db,nothing"},
					     {"since", "x"},
					     {"unknown", "1"},
					     {"endpoint", "*********"}};
	struct ww_api_query query;
	char message[256], glob[WW_API_ENDPOINT + 1];

	(void)state;
	assert_int_equal(ww_api_query__init(&query, "nothing"), -ENOENT);
	assert_int_equal(ww_api_query__init(&query, "series"), 0);
	assert_int_equal(query.last_s, WW_API_LAST);
	assert_int_equal(ww_api_query__set(&query, "endpoint", "shop GET /a/\\*\\*\\*\\*\\*\\*\\*\\*\\*", message, 256),
			 0);
	assert_int_equal(ww_api_query__set(&query, "kinds", "db,net", message, sizeof(message)), 0);
	assert_int_equal(query.kinds, 1u << WW_KIND_DB | 1u << WW_KIND_NET);
	assert_int_equal(ww_api_query__set(&query, "last", "60", message, sizeof(message)), 0);
	assert_int_equal(query.last_s, 60);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		*message = '\0';
		if (ww_api_query__set(&query, bad[i][0], bad[i][1], message, sizeof(message)) != -EINVAL || !*message)
			fail_msg("%s=%s", bad[i][0], bad[i][1]);
	}
	assert_int_equal(ww_api_query__set(&query, "last", NULL, message, sizeof(message)), -EINVAL);
	memset(glob, 'x', sizeof(glob));
	glob[WW_API_ENDPOINT] = '\0';
	assert_int_equal(ww_api_query__set(&query, "endpoint", glob, message, sizeof(message)), -EINVAL);
	assert_int_equal(query.last_s, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_file), cmocka_unit_test(test_token_in_a_header),
		cmocka_unit_test(test_hosts),	   cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_rate),	   cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
