/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "accounts.h"
#include "protocols/key_pattern.h"
#include "protocols/redis_commands.h"

static void patterns(void **state)
{
	static const struct {
		const char *key, *pattern;
		bool cut;
	} cases[] = {
		{"", "", false},
		{"user", "user", false},
		{"user:123:profile", "user:?:profile", false},
		{"user:124", "user:?", false},
		{"user42", "user?", false},
		{"v2:cart", "v?:cart", false},
		{"session:6b1bf486c81ceb7edf3c093f4c48582e38c0e791", "session:?", false},
		{"sess_550e8400-e29b-41d4-a716-446655440000", "sess_?", false},
		{"550e8400-e29b-41d4-a716-446655440000:x", "?:x", false},
		{"mail:alice@example.com", "mail:?", false},
		{"visits:2026-11-29", "visits:?", false},
		{"visits:2026-11-29:hour:07", "visits:?:hour:?", false},
		{"rate-limit/10.0.0.7/login", "rate-limit/?.?.?.?/login", false},
		{"{shop}:orders:{17}", "{shop}:orders:{?}", false},
		{"celery-task-meta-9f1c2a", "celery-task-meta-?", false},
		{"token:Zm9vYmFyQmF6UXV4", "token:?", false},
		{"a\nb:\x01\xff", "?:?", false},
		{"with spaces and \"quotes\"", "?", false},
		{"user:12", "user:?", true},
		{"user:pro", "user:?", true},
	};
	char pattern[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ww_key_pattern(cases[i].key, strlen(cases[i].key), cases[i].cut, pattern, sizeof(pattern));
		assert_string_equal(pattern, cases[i].pattern);
	}
}

/* Whatever the key: printable, within its room, and without a digit. */
static void any_key(void **state)
{
	struct draw draw = draw_start();

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = draw_number(&draw, 100), size = 1 + draw_number(&draw, 64);
		char *key = malloc(len ?: 1), *pattern = malloc(size);

		for (size_t i = 0; i < len; i++) {
			if (draw_number(&draw, 2))
				key[i] = "ab:9-._@/%"[draw_number(&draw, 10)];
			else
				key[i] = (char)draw_number(&draw, 256);
		}
		ww_key_pattern(key, len, draw_number(&draw, 2), pattern, size);
		assert_true(strnlen(pattern, size) < size);
		for (const char *at = pattern; *at; at++)
			assert_true(*at > ' ' && *at < 0x7f && !(*at >= '0' && *at <= '9'));
		free(key);
		free(pattern);
	}
}

static void commands(void **state)
{
	static const char *const known[] = {"ACL",	   "get",   "ZADD",	   "ZUNIONSTORE",
					    "BitField_ro", "XREAD", "punsubscribe"};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct ww_redis_command *command = ww_redis_command__find(known[i], strlen(known[i]));

		assert_non_null(command);
		assert_int_equal(strcasecmp(command->name, known[i]), 0);
	}
	assert_null(ww_redis_command__find("GETT", 4));
	assert_null(ww_redis_command__find("", 0));
	assert_null(ww_redis_command__find("A_NAME_THAT_IS_LONGER_THAN_ANY", 30));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(any_key),
		cmocka_unit_test(commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
