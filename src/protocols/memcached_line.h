/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The lines of memcached's text and meta commands (doc/protocol.txt), and what is known of the commands. */
#ifndef WHYWAIT_MEMCACHED_LINE_H
#define WHYWAIT_MEMCACHED_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WW_MEMCACHED_LINE_KEPT 512 /* bytes of a line: a key has 250 at the most */
#define WW_MEMCACHED_WORDS     24  /* of a line that are looked at */
#define WW_MEMCACHED_NAME_SIZE 12  /* bytes of the longest name with its NUL */

/* How an answer ends; a draft's phase. */
enum ww_memcached_answer {
	WW_MEMCACHED_ANY_LINE,
	WW_MEMCACHED_VALUES, /* VALUE .., up to END */
	WW_MEMCACHED_STATS,  /* STAT .., up to END, or one line */
	WW_MEMCACHED_META,   /* one line, and a value behind VA */
	WW_MEMCACHED_QUIET,  /* WW_MEMCACHED_META ones, up to MN */
	WW_MEMCACHED_SILENT, /* none */
};

struct ww_memcached_command {
	char name[WW_MEMCACHED_NAME_SIZE];
	uint16_t flags; /* enum ww_operation_flags */
	uint8_t answer; /* enum ww_memcached_answer */
	uint8_t key;	/* which word is the key; 0: none */
	uint8_t length; /* which word is the length of a value that follows; 0: none does */
};

struct ww_memcached_word {
	const char *at;
	size_t len;
};

struct ww_memcached_line {
	uint32_t len; /* with what was not kept */
	uint16_t kept;
	char text[WW_MEMCACHED_LINE_KEPT];
};

/* Takes a byte: 1 when that ends the line, which is in `text` without its end; -1 when it is none. */
int ww_memcached_line__take(struct ww_memcached_line *line, char c);
void ww_memcached_line__begin(struct ww_memcached_line *line);

/* Returns how many words there are. */
size_t ww_memcached_line__split(const struct ww_memcached_line *line,
				struct ww_memcached_word words[WW_MEMCACHED_WORDS]);

bool ww_memcached_word__is(const struct ww_memcached_word *word, const char *text);

/* False when the word is no length of a value. */
bool ww_memcached_word__length(const struct ww_memcached_word *word, uint64_t *length);

/* The command of that name; NULL when it is none that is known. */
const struct ww_memcached_command *ww_memcached_command__find(const struct ww_memcached_word *name);

#endif
