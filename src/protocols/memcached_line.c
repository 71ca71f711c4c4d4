/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/memcached_line.h"

#include <string.h>

#include "model/operation.h"

#define LONGEST_LINE  (1 << 16)
#define LONGEST_VALUE (1ull << 32)

static const struct ww_memcached_command commands[] = {
	{"get", WW_OPERATION_READ, WW_MEMCACHED_VALUES, 1, 0},
	{"gets", WW_OPERATION_READ, WW_MEMCACHED_VALUES, 1, 0},
	{"gat", WW_OPERATION_WRITE, WW_MEMCACHED_VALUES, 2, 0},
	{"gats", WW_OPERATION_WRITE, WW_MEMCACHED_VALUES, 2, 0},
	{"set", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 4},
	{"add", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 4},
	{"replace", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 4},
	{"append", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 4},
	{"prepend", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 4},
	{"cas", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 4},
	{"delete", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 0},
	{"incr", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 0},
	{"decr", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 0},
	{"touch", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 1, 0},
	{"mg", WW_OPERATION_READ, WW_MEMCACHED_META, 1, 0},
	{"ms", WW_OPERATION_WRITE, WW_MEMCACHED_META, 1, 2},
	{"md", WW_OPERATION_WRITE, WW_MEMCACHED_META, 1, 0},
	{"ma", WW_OPERATION_WRITE, WW_MEMCACHED_META, 1, 0},
	{"me", WW_OPERATION_READ, WW_MEMCACHED_META, 1, 0},
	{"mn", WW_OPERATION_CONTROL, WW_MEMCACHED_META, 0, 0},
	{"stats", WW_OPERATION_CONTROL, WW_MEMCACHED_STATS, 0, 0},
	{"version", WW_OPERATION_CONTROL, WW_MEMCACHED_ANY_LINE, 0, 0},
	{"flush_all", WW_OPERATION_WRITE, WW_MEMCACHED_ANY_LINE, 0, 0},
	{"verbosity", WW_OPERATION_CONTROL, WW_MEMCACHED_ANY_LINE, 0, 0},
	{"quit", WW_OPERATION_CONTROL, WW_MEMCACHED_SILENT, 0, 0},
	{"shutdown", WW_OPERATION_CONTROL, WW_MEMCACHED_SILENT, 0, 0},
};

int ww_memcached_line__take(struct ww_memcached_line *line, char c)
{
	if (c != '\n') {
		if (line->kept < sizeof(line->text))
			line->text[line->kept++] = c;
		return ++line->len < LONGEST_LINE ? 0 : -1;
	}
	if (line->len && line->kept == line->len && line->text[line->kept - 1] == '\r') {
		line->kept--;
		line->len--;
	}
	return 1;
}

void ww_memcached_line__begin(struct ww_memcached_line *line)
{
	line->len = 0;
	line->kept = 0;
}

size_t ww_memcached_line__split(const struct ww_memcached_line *line,
				struct ww_memcached_word words[WW_MEMCACHED_WORDS])
{
	size_t count = 0, at = 0;

	while (count < WW_MEMCACHED_WORDS) {
		while (at < line->kept && line->text[at] == ' ')
			at++;
		if (at == line->kept)
			break;
		words[count].at = line->text + at;
		while (at < line->kept && line->text[at] != ' ')
			at++;
		words[count].len = (size_t)(line->text + at - words[count].at);
		count++;
	}
	return count;
}

bool ww_memcached_word__is(const struct ww_memcached_word *word, const char *text)
{
	return word->len == strlen(text) && !memcmp(word->at, text, word->len);
}

bool ww_memcached_word__length(const struct ww_memcached_word *word, uint64_t *length)
{
	*length = 0;
	for (size_t i = 0; i < word->len; i++) {
		if (word->at[i] < '0' || word->at[i] > '9' || *length > LONGEST_VALUE)
			return false;
		*length = *length * 10 + (uint64_t)(word->at[i] - '0');
	}
	return word->len && *length <= LONGEST_VALUE;
}

const struct ww_memcached_command *ww_memcached_command__find(const struct ww_memcached_word *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (ww_memcached_word__is(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}
