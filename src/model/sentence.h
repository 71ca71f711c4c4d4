/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sentence in the making, of bounded length, with the numbers as people read them. */
#ifndef WHYWAIT_SENTENCE_H
#define WHYWAIT_SENTENCE_H

#include <stddef.h>
#include <stdint.h>

#define WW_SENTENCE 640

struct ww_sentence {
	char text[WW_SENTENCE];
	size_t len;
};

/* Each appends; what does not fit is cut. */
void ww_sentence__add(struct ww_sentence *sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ww_sentence__ms(struct ww_sentence *sentence, uint64_t ns);       /* "0.412 ms", "14.2 ms", "1410 ms" */
void ww_sentence__share(struct ww_sentence *sentence, double part);    /* "88 %", "<1 %"; of 1 */
void ww_sentence__number(struct ww_sentence *sentence, double number); /* "50", "50.3", "3.25" */
void ww_sentence__bytes(struct ww_sentence *sentence, uint64_t bytes); /* "3.1 MiB" */

/*
 * What was asked: a short statement as it is, of a longer one what it begins with; without one the summary. At most
 * 72 characters.
 */
void ww_sentence__query(struct ww_sentence *sentence, const char *summary, const char *statement);

#endif
