/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names in keys are values when there are many of them in one place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "requests/key_words.h"

static void fold(struct ww_key_words *words, const char *statement, const char *wanted)
{
	char folded[WW_STATEMENT_SIZE];

	ww_key_words__fold(words, "GET", statement, folded);
	assert_string_equal(folded, wanted);
}

/* The n-th name of letters. */
static void ask(struct ww_key_words *words, const char *format, int number)
{
	char name[4] = {(char)('a' + number / 26), (char)('a' + number % 26), 'x'}, statement[64],
	     folded[WW_STATEMENT_SIZE];

	snprintf(statement, sizeof(statement), format, name);
	ww_key_words__fold(words, "GET", statement, folded);
}

static void names_are_values(void **state)
{
	struct ww_key_words *words = ww_key_words__new();

	(void)state;
	assert_non_null(words);
	fold(words, "GET user:alice:cart", "GET user:alice:cart");
	for (int i = 0; i < 100; i++)
		ask(words, "GET user:%s:cart", i);
	fold(words, "GET user:alice:cart", "GET user:?:cart");
	fold(words, "GET user:zoe:cart", "GET user:?:cart");
	fold(words, "GET user:?:cart", "GET user:?:cart");
	fold(words, "GET user:zoe:mail", "GET user:?:mail");
	fold(words, "GET shop:alice", "GET shop:alice");
	/* Joined to a number. */
	for (int i = 0; i < 100; i++)
		ask(words, "GET item-%s-?", i);
	fold(words, "GET item-alice-?", "GET item-?-?");
	ww_key_words__free(words);
}

static void a_few_words_stay(void **state)
{
	struct ww_key_words *words = ww_key_words__new();

	(void)state;
	assert_non_null(words);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < WW_KEY_WORDS_NEXT; i++)
			ask(words, "GET config:%s", i);
	}
	fold(words, "GET config:aax", "GET config:aax");
	fold(words, "GET config:newest", "GET config:?");
	ww_key_words__free(words);
}

/* Whatever comes: what there is no room for is a value. */
static void is_bounded(void **state)
{
	struct ww_key_words *words = ww_key_words__new();
	char folded[WW_STATEMENT_SIZE], statement[64];

	(void)state;
	assert_non_null(words);
	for (uint32_t i = 0; i < 200000; i++) {
		char summary[8] = {'S', (char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676 % 26)};

		snprintf(statement, sizeof(statement), "%s k%c:v%c", summary, (char)('a' + i % 26),
			 (char)('a' + i % 17));
		ww_key_words__fold(words, summary, statement, folded);
	}
	fold(words, "GET never:seen", "GET ?:?");
	ww_key_words__free(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_values),
		cmocka_unit_test(a_few_words_stay),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
