/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of functions in a Go program: what Go 1.20 and Go 1.26 write, and whatever else may stand there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "symbols/gopclntab.h"

#define LEN	  160
#define NAMES	  72
#define FUNCTIONS 96

static void put(unsigned char *bytes, size_t at, uint64_t value, size_t len)
{
	memcpy(bytes + at, &value, len);
}

/* Two functions: main.a at 0x10 and main.b at 0x40, up to 0x90; `text` is told or 0. */
static void make(unsigned char bytes[LEN], uint32_t magic, uint64_t text)
{
	memset(bytes, 0, LEN);
	put(bytes, 0, magic, 4);
	bytes[6] = 1;
	bytes[7] = 8;
	put(bytes, 8, 2, 8);
	put(bytes, 24, text, 8);
	put(bytes, 32, NAMES, 8);
	put(bytes, 64, FUNCTIONS, 8);
	memcpy(bytes + NAMES, "main.a\0main.b", 14);
	const uint32_t table[] = {0x10, 24, 0x40, 40, 0x90};
	memcpy(bytes + FUNCTIONS, table, sizeof(table));
	put(bytes, FUNCTIONS + 24 + 4, 0, 4);
	put(bytes, FUNCTIONS + 40 + 4, 7, 4);
}

static void finds_functions(void **state)
{
	(void)state;
	unsigned char bytes[LEN];
	struct ww_gopclntab table;
	struct ww_gofunction function;

	make(bytes, 0xfffffff1u, 0x401000);
	assert_int_equal(ww_gopclntab__open(&table, bytes, LEN, 0x999000), 0);
	assert_true(ww_gopclntab__next(&table, &function));
	assert_string_equal(function.name, "main.a");
	assert_int_equal(function.start, 0x401010);
	assert_int_equal(function.end, 0x401040);
	assert_true(ww_gopclntab__next(&table, &function));
	assert_string_equal(function.name, "main.b");
	assert_int_equal(function.end, 0x401090);
	assert_false(ww_gopclntab__next(&table, &function));
}

static void counts_from_the_code_where_it_does_not_say(void **state)
{
	(void)state;
	unsigned char bytes[LEN];
	struct ww_gopclntab table;
	struct ww_gofunction function;

	make(bytes, 0xfffffff1u, 0);
	assert_int_equal(ww_gopclntab__open(&table, bytes, LEN, 0x402000), 0);
	assert_true(ww_gopclntab__next(&table, &function));
	assert_int_equal(function.start, 0x402010);
}

static void trusts_no_byte(void **state)
{
	(void)state;
	unsigned char whole[LEN];

	make(whole, 0xfffffff0u, 0x401000);
	for (size_t len = 0; len <= LEN; len++) {
		/* In memory of its own, so that the sanitizers see a read beyond it. */
		unsigned char *bytes = malloc(len ? len : 1);
		assert_non_null(bytes);
		memcpy(bytes, whole, len);
		for (size_t at = 0; at < len; at++) {
			struct ww_gopclntab table;
			struct ww_gofunction function;
			unsigned char before = bytes[at];
			for (int with = 0; with < 3; with++) {
				bytes[at] = (const unsigned char[]){before, 0xff, 0x7f}[with];
				if (ww_gopclntab__open(&table, bytes, len, 0))
					continue;
				while (ww_gopclntab__next(&table, &function))
					assert_true(strlen(function.name) < len);
			}
			bytes[at] = before;
		}
		free(bytes);
	}
	struct ww_gopclntab table;
	whole[0] = 0;
	assert_int_equal(ww_gopclntab__open(&table, whole, LEN, 0), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_functions),
		cmocka_unit_test(counts_from_the_code_where_it_does_not_say),
		cmocka_unit_test(trusts_no_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
