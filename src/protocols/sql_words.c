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

/* At most eight bytes, and zeros behind them. */
static inline uint64_t load(const char *text, size_t len)
{
	uint64_t eight = 0;
	uint32_t four;
	uint16_t two;

	/* Loads that overlap: no byte is stored to be loaded again. */
	if (len == 8) {
		memcpy(&eight, text, 8);
	} else if (len >= 4) {
		memcpy(&four, text + len - 4, 4);
		eight = (uint64_t)four << 8 * (len - 4);
		memcpy(&four, text, 4);
		eight |= four;
	} else if (len >= 2) {
		memcpy(&two, text + len - 2, 2);
		eight = (uint64_t)two << 8 * (len - 2);
		memcpy(&two, text, 2);
		eight |= two;
	} else if (len) {
		eight = (uint8_t)*text;
	}
	return eight;
}

enum ww_sql_word ww_sql__word(const char *text, size_t len, bool first)
{
	/* No other byte than a letter becomes a capital so; of the underscore nothing changes. */
	const uint64_t capitals = 0xdfdfdfdfdfdfdfdf;
	uint64_t head, rest = 0;

	if (len < 2 || len > LONGEST)
		return WW_SQL_NONE;
	if (len >= 8) {
		head = load(text, 8) & capitals;
		rest = load(text + 8, len - 8) & capitals;
	} else {
		head = load(text, len) & capitals;
	}
	for (unsigned int i = from[len]; i < from[len + 1]; i++) {
		if (load(words[i].text, 8) == head && load(words[i].text + 8, 8) == rest)
			return words[i].when == ALWAYS || first ? (enum ww_sql_word)i : WW_SQL_NONE;
	}
	return WW_SQL_NONE;
}

const char *ww_sql__word_text(enum ww_sql_word word)
{
	return words[word].text;
}
