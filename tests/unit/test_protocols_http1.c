/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "accounts.h"
#include "protocols/http1.h"
#include "util/utf8.h"

static void methods(void **state)
{
	static const struct {
		const char *raw, *method;
		bool valid;
	} cases[] = {
		{"GET", "GET", true},
		{"M-SEARCH", "M-SEARCH", true},
		{"ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOP", true},
		{"", "(invalid)", false},
		{"GE T", "(invalid)", false},
		{"\x1b[2J", "(invalid)", false},
		{"G\xc3\x89T", "(invalid)", false},
		{"GET/", "(invalid)", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char raw[WW_METHOD_MAX] = "", method[WW_METHOD_SIZE];

		memcpy(raw, cases[i].raw, strlen(cases[i].raw));
		assert_int_equal(ww_http1__method(raw, method), cases[i].valid);
		assert_string_equal(method, cases[i].method);
	}
	assert_true(ww_http1__is_known_method("PATCH"));
	assert_false(ww_http1__is_known_method("get"));
}

static void paths(void **state)
{
	static const struct {
		const char *target, *path;
		bool truncated, connect;
	} cases[] = {
		{"/", "/", false, false},
		{"/a/b.html", "/a/b.html", false, false},
		{"/a?secret=1", "/a", false, false},
		{"/a#part", "/a", false, false},
		{"/?", "/", false, false},
		{"http://shop.example:8080/cart?x=1", "/cart", false, false},
		{"http://shop.example", "/", false, false},
		{"http://shop.example?x=1", "/", false, false},
		{"HTTPS://u@[::1]:1/x", "/x", false, false},
		{"*", "*", false, false},
		{"shop.example:443", "shop.example:443", false, true},
		{"/caf\xc3\xa9", "/caf\xc3\xa9", false, false},
		{"/caf\xe9", "/caf%E9", false, false},
		{"/a b\tc", "/a%20b%09c", false, false},
		{"/\x1b[2J\x7f", "/%1B[2J%7F", false, false},
		{"/\"\\", "/%22%5C", false, false},
		{"/\xc2\x9b", "/%C2%9B", false, false},	       /* a control character */
		{"/\xe2\x80\xae", "/%E2%80%AE", false, false}, /* right to left */
		{"/\xed\xa0\x80", "/%ED%A0%80", false, false}, /* half a surrogate */
		{"/long", "/long\xe2\x80\xa6", true, false},
		{"/long?x", "/long", true, false},
		{"/cut\xc3", "/cut%C3\xe2\x80\xa6", true, false},
		{"", "(invalid)", false, false},
		{"a/b", "(invalid)", false, false},
		{"shop.example:443", "(invalid)", false, false},
		{"**", "(invalid)", false, false},
		{"://x", "(invalid)", false, false},
		{"1http://x/", "(invalid)", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char path[WW_PATH_SIZE];
		bool valid = ww_http1__path(cases[i].target, strlen(cases[i].target), cases[i].truncated,
					    cases[i].connect, path);

		assert_string_equal(path, cases[i].path);
		assert_int_equal(valid, strcmp(cases[i].path, "(invalid)") != 0);
	}
}

/* Whatever the bytes, what comes out is UTF-8 without controls, and ends. */
static void any_bytes_make_a_safe_path(void **state)
{
	struct draw draw = draw_start();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = draw_number(&draw, 2 * WW_TARGET_MAX), at = 0;
		char *target = malloc(len + 1), path[WW_PATH_SIZE];

		for (size_t i = 0; i < len; i++)
			target[i] = (char)draw_number(&draw, 256);
		if (len && draw_number(&draw, 2))
			target[0] = '/';
		ww_http1__path(target, len, draw_number(&draw, 2), draw_number(&draw, 2), path);
		len = strnlen(path, sizeof(path));
		assert_true(len < sizeof(path) && len > 0);
		while (at < len) {
			size_t character = ww_utf8__len((unsigned char *)path + at, len - at);

			assert_true(character && (unsigned char)path[at] > 0x20 && path[at] != 0x7f);
			assert_true(path[at] != '?' && path[at] != '#');
			at += character;
		}
		free(target);
	}
	/* The longest that there can be. */
	char all[WW_TARGET_MAX], path[WW_PATH_SIZE];

	memset(all, 0xff, sizeof(all));
	all[0] = '/';
	assert_true(ww_http1__path(all, sizeof(all), true, false, path));
	assert_int_equal(strlen(path), 1 + 3 * (WW_TARGET_MAX - 1) + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods),
		cmocka_unit_test(paths),
		cmocka_unit_test(any_bytes_make_a_safe_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
