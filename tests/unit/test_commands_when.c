/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

/* The unit tests link no commands: they would bring the kernel side along. */
#include "commands/when.c" // NOLINT(bugprone-suspicious-include)

/* 2026-11-20, 22:50:00 UTC until 01:10:00 the next day; here is two hours east of it. */
#define START	  (1795215000ll * NSEC)
#define END	  (1795223400ll * NSEC)
#define MINUTE	  (60 * NSEC)
#define UNTOUCHED (-7)

static int64_t parse(const char *text)
{
	int64_t at = UNTOUCHED;
	int err = ww_when__parse(text, START, END, &at);

	assert_int_equal(err, at == UNTOUCHED ? -EINVAL : 0);
	return at;
}

static void dates(void **state)
{
	(void)state;
	assert_int_equal(parse("2026-11-20T22:50:00Z"), START);
	assert_int_equal(parse("2026-11-20T22:50:00.000000001z"), START + 1);
	assert_int_equal(parse("2026-11-20T22:50:00.25Z"), START + NSEC / 4);
	assert_int_equal(parse("2026-11-20T22:50:00.2500000009Z"), START + NSEC / 4);
	assert_int_equal(parse("2026-11-21T00:20:00+01:30"), START);
	assert_int_equal(parse("2026-11-20T22:20-0030"), START);
	assert_int_equal(parse("2026-11-21T00:50"), START);
	assert_int_equal(parse("2026-11-21 00:50:00"), START);
}

static void clocks(void **state)
{
	(void)state;
	assert_int_equal(parse("00:50"), START);
	assert_int_equal(parse("03:10"), END);
	assert_int_equal(parse("02:00:30"), START + 70 * MINUTE + 30 * NSEC);
	/* Outside of the window: on the day on which it starts, here the 21st. */
	assert_int_equal(parse("00:49"), START - MINUTE);
	assert_int_equal(parse("03:11"), END + MINUTE);
}

static void clocks_over_midnight(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(parse("23:00"), START + 10 * MINUTE);
	assert_int_equal(parse("00:30"), START + 100 * MINUTE);
	assert_int_equal(parse("22:00"), START - 50 * MINUTE);
	setenv("TZ", "EET-2", 1);
	tzset();
}

static void offsets(void **state)
{
	(void)state;
	assert_int_equal(parse("+0s"), START);
	assert_int_equal(parse("-0s"), END);
	assert_int_equal(parse("-5m"), END - 5 * MINUTE);
	assert_int_equal(parse("+1.5h"), START + 90 * MINUTE);
	assert_int_equal(parse("-2d"), END - 2 * 24 * 60 * MINUTE);
}

static void nonsense(void **state)
{
	static const char *const texts[] = {
		"",
		"-",
		"+",
		"5m",
		"-5",
		"-5min",
		"--5m",
		"-nanm",
		"-infs",
		"-1e9d",
		"24:00",
		"12:60",
		"1:00",
		"12:00x",
		"12",
		"now",
		"12:",
		"2026-11-20",
		"2026-13-01T00:00",
		"2026-11-20T",
		"2026-11-20T10:00+1",
		"2026-11-20T10:00.Z",
		"2026-11-20T10:00ZZ",
		"2026-11-20T10:00+01:00x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i]) != UNTOUCHED)
			fail_msg("'%s' was understood", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates),   cmocka_unit_test(clocks),   cmocka_unit_test(clocks_over_midnight),
		cmocka_unit_test(offsets), cmocka_unit_test(nonsense),
	};

	setenv("TZ", "EET-2", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
