/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/key_pattern.h"

#include <string.h>

#include "util/ascii.h"
#include "util/value.h"

#define LONGEST_WORD 24
#define UUID_LEN     36

struct text {
	char *at, *end;
};

/* Several '?' in a row say no more than one. */
static void put(struct text *text, char c)
{
	if (text->at == text->end || (c == '?' && text->at[-1] == '?'))
		return;
	*text->at++ = c;
}

/* What keys are divided by, most often. */
static bool divides(char c)
{
	return c && strchr(":/|,;#{}[]()<>", c);
}

static bool joins(char c)
{
	return c == '-' || c == '_' || c == '.';
}

/* Letters stay, and '?' for the digits behind them: "user42", "v2". What mixes them any other way is a value. */
static void put_word(struct text *text, const char *at, size_t len)
{
	size_t letters = 0, digits;

	if (ww_value__name(at, len) || len > LONGEST_WORD) {
		put(text, '?');
		return;
	}
	while (letters < len && (ww_is_letter(at[letters]) || at[letters] == '*'))
		letters++;
	for (digits = letters; digits < len && ww_is_digit(at[digits]);)
		digits++;
	for (size_t i = 0; digits == len && i < letters; i++)
		put(text, at[i]);
	if (letters < len)
		put(text, '?');
}

/* A UUID behind a word is joined to it by what joins its own parts. */
static size_t word_len(const char *at, const char *end)
{
	size_t len = 0;

	if (end - at >= UUID_LEN && at[8] == '-' && ww_value__name(at, UUID_LEN))
		return UUID_LEN;
	while (at + len < end && !joins(at[len]))
		len++;
	return len;
}

/* A part between two that divide: one value, or words and values joined by '-', '_' or '.'. */
static void put_part(struct text *text, const char *at, size_t len)
{
	const char *end = at + len;

	if (ww_value__name(at, len)) {
		put(text, '?');
		return;
	}
	while (at < end) {
		size_t word = word_len(at, end);

		if (word)
			put_word(text, at, word);
		at += word;
		if (at < end && joins(*at))
			put(text, *at++);
	}
}

void ww_key_pattern(const char *key, size_t len, bool cut, char *pattern, size_t size)
{
	struct text text = {.at = pattern + 1, .end = pattern + size};
	const char *end = key + len;

	/* So that there always is one before. */
	pattern[0] = ' ';
	while (key < end) {
		size_t part = 0;

		while (key + part < end && !divides(key[part]))
			part++;
		/* Its end is not there: who knows what it is. */
		if (cut && key + part == end)
			put(&text, '?');
		else
			put_part(&text, key, part);
		key += part;
		if (key < end)
			put(&text, *key++);
	}
	len = (size_t)(text.at - pattern) - 1;
	memmove(pattern, pattern + 1, len);
	pattern[len] = '\0';
}
