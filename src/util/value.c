/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/value.h"

#include <stdint.h>
#include <string.h>

#include "util/ascii.h"

#define SHORTEST_WORDLESS 16 /* no shorter text without a digit or an '@' is a value */

static bool is_hex(char c)
{
	return ww_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "2026-11-20", also with a time behind it: "2026-11-20T16:22:39Z". */
static bool is_date(const char *at, size_t len)
{
	static const char shape[] = "dddd-dd-dd";

	if (len < sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		if (shape[i] == 'd' ? !ww_is_digit(at[i]) : at[i] != shape[i])
			return false;
	}
	for (size_t i = sizeof(shape) - 1; i < len; i++) {
		if (!ww_is_digit(at[i]) && !strchr("TtZz:.+-%A", at[i]))
			return false;
	}
	return len == sizeof(shape) - 1 || strchr("Tt+%", at[sizeof(shape) - 1]);
}

static bool is_uuid(const char *at, size_t len)
{
	if (len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? at[i] != '-' : !is_hex(at[i]))
			return false;
	}
	return true;
}

bool ww_value__is_email(const char *at, size_t len)
{
	const char *sign = memchr(at, '@', len);
	size_t width = 1;

	if (!sign) {
		sign = memmem(at, len, "%40", 3);
		width = 3;
	}
	if (!sign || sign == at)
		return false;

	const char *host = sign + width, *dot = memrchr(host, '.', (size_t)(at + len - host));

	return dot && dot > host && dot + 1 < at + len;
}

/* What the characters of a text are. */
struct census {
	size_t digits, upper, lower, hex, commas;
	size_t marks;	/* '@' and '%', of which e-mail addresses have one */
	size_t others;	/* none of these, nor of those of base64 */
	size_t changes; /* between letters and digits, or upper and lower case */
};

enum class {
	OTHER,
	DIGIT,
	UPPER,
	LOWER,
	COMMA,
	SIGN,
	MARK,
};

static const uint8_t classes[256] = {
	['0' ... '9'] = DIGIT, ['A' ... 'Z'] = UPPER, ['a' ... 'z'] = LOWER, [','] = COMMA, ['-'] = SIGN, ['_'] = SIGN,
	['.'] = SIGN,	       ['='] = SIGN,	      ['~'] = SIGN,	     ['+'] = SIGN,  ['@'] = MARK, ['%'] = MARK,
};

static struct census take_census(const char *at, size_t len)
{
	size_t counts[MARK + 1] = {0}, hex = 0, changes = 0;
	uint8_t before = OTHER;

	for (size_t i = 0; i < len; i++) {
		uint8_t class = classes[(unsigned char)at[i]];
		bool counted = class == DIGIT || class == UPPER || class == LOWER;
		bool counted_before = before == DIGIT || before == UPPER || before == LOWER;

		counts[class]++;
		hex += is_hex(at[i]);
		/* "Hello" is a word: upper to lower is no change. */
		changes += counted && counted_before && before != class && !(before == UPPER && class == LOWER);
		before = class;
	}
	return (struct census){
		.digits = counts[DIGIT],
		.upper = counts[UPPER],
		.lower = counts[LOWER],
		.hex = hex,
		.commas = counts[COMMA],
		.marks = counts[MARK],
		.others = counts[OTHER] + counts[MARK],
		.changes = changes,
	};
}

/*
 * A random string: long, of mixed classes that alternate more often than they do in words. Names in camel case or
 * with a number behind them have few changes for their length.
 */
static bool is_token(const struct census *census, size_t len)
{
	size_t letters = census->upper + census->lower;

	if (census->others || census->commas || len < 10 || !letters)
		return false;
	if (census->digits && census->upper && census->lower)
		return census->changes * 5 >= len;
	if (len >= 16 && census->digits)
		return census->changes * 4 >= len;
	return len >= 20 && census->upper && census->lower && census->changes * 5 >= len;
}

const char *ww_value__name(const char *at, size_t len)
{
	struct census census;

	if (!len)
		return NULL;
	census = take_census(at, len);
	/* Most segments are plain words. */
	if (!census.digits && !census.marks && len < SHORTEST_WORDLESS)
		return NULL;
	/* "42", "-1", "12,15,18" */
	if (census.digits && census.digits + census.commas + (at[0] == '-') == len)
		return "{id}";
	if (is_uuid(at, len))
		return "{uuid}";
	if (is_date(at, len))
		return "{date}";
	if (census.marks && ww_value__is_email(at, len))
		return "{email}";
	/* "facade" is a word, "a1b2c3d4" is none; no word has 16 letters of a to f. */
	if (census.hex == len && ((len >= 8 && census.digits && census.changes > 1) || len >= SHORTEST_WORDLESS))
		return "{hash}";
	if (is_token(&census, len))
		return "{token}";
	return NULL;
}
