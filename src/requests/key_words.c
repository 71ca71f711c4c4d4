/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/key_words.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define SLOTS (1 << 14) /* of words behind what stands in front of them, a power of two .. */
#define FULL  (SLOTS / 4 * 3)

/* What stands in front of a word, or that with the word. */
struct slot {
	uint64_t hash; /* 0: free */
	uint32_t next; /* different words that follow */
};

struct ww_key_words {
	struct slot slots[SLOTS];
	uint32_t used;
};

struct ww_key_words *ww_key_words__new(void)
{
	return calloc(1, sizeof(struct ww_key_words));
}

void ww_key_words__free(struct ww_key_words *words)
{
	free(words);
}

/* Its slot, made when there is none; NULL: there is no room. */
static struct slot *find(struct ww_key_words *words, uint64_t hash, bool *made)
{
	size_t at = hash & (SLOTS - 1);

	hash |= !hash;
	for (; words->slots[at].hash; at = (at + 1) & (SLOTS - 1)) {
		if (words->slots[at].hash == hash)
			return &words->slots[at];
	}
	if (words->used >= FULL)
		return NULL;
	words->used++;
	words->slots[at].hash = hash;
	*made = true;
	return &words->slots[at];
}

/* Whether what follows `before` is a value: so many different words did. What there is no room to know is one, too. */
static bool is_value(struct ww_key_words *words, uint64_t before, uint64_t with, uint32_t most)
{
	bool made = false;
	struct slot *front = find(words, before, &made);

	if (!front)
		return true;
	if (front->next > most)
		return true;
	made = false;
	if (!find(words, with, &made))
		return true;
	front->next += made;
	return front->next > most;
}

static bool is_word(char c)
{
	return c && !strchr(" ?:/|,;#{}[]()<>-_.", c);
}

/* Several '?' in a row say no more than one. */
static char *put(char *at, const char *begin, char c)
{
	if (c != '?' || at == begin || at[-1] != '?')
		*at++ = c;
	return at;
}

void ww_key_words__fold(struct ww_key_words *words, const char *summary, const char *statement,
			char folded[WW_STATEMENT_SIZE])
{
	size_t skip = strlen(summary), len = strnlen(statement, WW_STATEMENT_SIZE - 1);
	const char *end = statement + len;
	char *at = folded;
	/* What has been said in front, with '?' for values. */
	uint64_t before = ww_hash(0, summary, skip);
	uint32_t most = WW_KEY_WORDS_FIRST;

	if (skip > len || strncmp(statement, summary, skip) != 0)
		skip = 0;
	memcpy(folded, statement, skip);
	at += skip;
	statement += skip;
	while (statement < end) {
		size_t word = 0;
		uint64_t with;

		while (statement + word < end && is_word(statement[word]))
			word++;
		if (!word) {
			before = ww_hash(before, statement, 1);
			at = put(at, folded, *statement++);
			continue;
		}
		with = ww_hash(before, statement, word);
		if (is_value(words, before, with, most)) {
			at = put(at, folded, '?');
			with = ww_hash(before, "?", 1);
		} else {
			memcpy(at, statement, word);
			at += word;
		}
		before = with;
		most = WW_KEY_WORDS_NEXT;
		statement += word;
	}
	*at = '\0';
}
