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

#define LEN	  192
#define NAMES	  72
#define FUNCTIONS 96
#define STEPS	  168
#define FRAME	  16 /* in what is told of a function */

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
	put(bytes, 56, STEPS, 8);
	put(bytes, 64, FUNCTIONS, 8);
	memcpy(bytes + NAMES, "main.a\0main.b", 14);
	const uint32_t table[] = {0x10, 24, 0x40, 40, 0x90};
	memcpy(bytes + FUNCTIONS, table, sizeof(table));
	put(bytes, FUNCTIONS + 24 + 4, 0, 4);
	put(bytes, FUNCTIONS + 40 + 4, 7, 4);
	/*
	 * main.b's frame: none for 9 bytes, 8 for 5, 72 for 16; none for 1, 72 for 20; none to the end, 29 bytes. Each
	 * number is how much larger it is than before, from -1 on, twice that, or one less than that when it is
	 * negative.
	 */
	const unsigned char steps[] = {2, 9, 16, 5, 0x80, 1, 16, 0x8f, 1, 1, 0x90, 1, 20, 0x8f, 1, 29, 0};
	put(bytes, FUNCTIONS + 40 + FRAME, 3, 4);
	memcpy(bytes + STEPS + 3, steps, sizeof(steps));
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

static void finds_where_a_function_goes_back(void **state)
{
	(void)state;
	unsigned char bytes[LEN];
	struct ww_gopclntab table;
	struct ww_gofunction function;
	uint64_t addresses[4];

	make(bytes, 0xfffffff1u, 0x401000);
	assert_int_equal(ww_gopclntab__open(&table, bytes, LEN, 0), 0);
	assert_true(ww_gopclntab__next(&table, &function));
	assert_true(ww_gopclntab__next(&table, &function));
	assert_int_equal(ww_gopclntab__returns(&table, &function, addresses, 4), 2);
	assert_int_equal(addresses[0], 0x401040 + 30);
	assert_int_equal(addresses[1], 0x401040 + 51);
	assert_int_equal(ww_gopclntab__returns(&table, &function, addresses, 1), -E2BIG);
	/* Where it ends before the function does. */
	put(bytes, STEPS + 3 + 15, 28, 1);
	assert_int_equal(ww_gopclntab__returns(&table, &function, addresses, 4), -ENOENT);
	put(bytes, FUNCTIONS + 40 + FRAME, LEN, 4);
	assert_int_equal(ww_gopclntab__returns(&table, &function, addresses, 4), -ENOENT);
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
				while (ww_gopclntab__next(&table, &function)) {
					uint64_t addresses[2];
					assert_true(strlen(function.name) < len);
					assert_true(ww_gopclntab__returns(&table, &function, addresses, 2) <= 2);
				}
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
		cmocka_unit_test(finds_where_a_function_goes_back),
		cmocka_unit_test(trusts_no_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
