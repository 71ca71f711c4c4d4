/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include "protocols/sql_parts.h"

enum { ALWAYS, FIRST };

#define LONGEST 13

struct word {
	char text[16]; /* zeros behind it */
	uint8_t when;
};

static const struct word words[] = {
	{"", ALWAYS},
#define WW_SQL_LENGTH(len)
#define WW_SQL_WORD(word, when) {#word, when},
#include "protocols/sql_words.def"
#undef WW_SQL_LENGTH
#undef WW_SQL_WORD
};

/* Where the words of a length begin; those of the next one begin where they end. */
static const uint8_t from[LONGEST + 2] = {
	[0] = 1,
	[1] = 1,
#define WW_SQL_LENGTH(len) [len] = WW_SQL_FROM_##len,
#define WW_SQL_WORD(word, when)
#include "protocols/sql_words.def"
#undef WW_SQL_LENGTH
#undef WW_SQL_WORD
	[LONGEST + 1] = WW_SQL_WORDS,
};

static uint64_t load(const char *text)
{
	uint64_t eight;

	memcpy(&eight, text, sizeof(eight));
	return eight;
}

enum ww_sql_word ww_sql__word(const char *text, size_t len, bool first)
{
	char capitals[16] = {0};
	uint64_t head, rest;

	if (len < 2 || len > LONGEST)
		return WW_SQL_NONE;
	/* No other byte than a letter becomes a capital so; of the underscore nothing changes. */
	for (size_t i = 0; i < len; i++)
		capitals[i] = (char)(text[i] & ~0x20);
	head = load(capitals);
	rest = load(capitals + 8);
	for (unsigned int i = from[len]; i < from[len + 1]; i++) {
		if (load(words[i].text) == head && load(words[i].text + 8) == rest)
			return words[i].when == ALWAYS || first ? (enum ww_sql_word)i : WW_SQL_NONE;
	}
	return WW_SQL_NONE;
}

const char *ww_sql__word_text(enum ww_sql_word word)
{
	return words[word].text;
}
