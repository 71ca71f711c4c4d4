/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words in the keys of a cache that are values after all: "user:alice:cart". That shows when there are many of them in
 * the same place behind the same words: all of them are '?' from then on. Bounded. Internal to src/requests.
 */
#ifndef WHYWAIT_KEY_WORDS_H
#define WHYWAIT_KEY_WORDS_H

#include <stddef.h>

#include "model/operation.h"

#define WW_KEY_WORDS_FIRST 64 /* different words that a key may begin with .. */
#define WW_KEY_WORDS_NEXT  32 /* .. and that may follow others, before they are values */

struct ww_key_words;

/* To be freed with ww_key_words__free(); NULL when out of memory. */
struct ww_key_words *ww_key_words__new(void);

/* NULL-safe. */
void ww_key_words__free(struct ww_key_words *words);

/* Writes the statement to `folded`, with '?' for the values among the words of its keys, behind the summary. */
void ww_key_words__fold(struct ww_key_words *words, const char *summary, const char *statement,
			char folded[WW_STATEMENT_SIZE]);

#endif
