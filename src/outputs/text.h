/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words and numbers as outputs write them.
 *
 * Routes, paths and names come from the network: whatever could move a cursor, hide or reorder text is written as an
 * escape (\x1b, \u202e), and so are bytes that are no UTF-8 (\xff), in every format.
 */
#ifndef WHYWAIT_TEXT_H
#define WHYWAIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "outputs/style.h"

#define WW_TEXT_NUMBER 32 /* bytes that any number below takes */

/*
 * Text for machine formats: valid UTF-8, whatever the locale. The caller frees it. NULL when there is no memory.
 */
char *ww_text__machine(const char *text);

/* The same for HTML and SVG, escaped for an element or between quotes. */
void ww_text__markup(FILE *out, const char *text);

/*
 * Text for people: escaped as the style's character set demands, cut to `columns` with an ellipsis. Writes at most
 * size - 1 bytes and a NUL; returns the columns used.
 */
int ww_text__fit(char *out, size_t size, const char *text, int columns, const struct ww_style *style);

/* As ww_text__fit(), but what is too long is cut in the middle: for names whose ends both tell. */
int ww_text__fit_ends(char *out, size_t size, const char *text, int columns, const struct ww_style *style);

/* Columns that ww_text__fit() would take, were there room for all. */
int ww_text__columns(const char *text, const struct ww_style *style);

/* Whether a statement says more than its summary: "GET ?" of a cache does not. */
bool ww_text__says_more(const char *statement, const char *summary);

/* Each writes to `out` (WW_TEXT_NUMBER bytes) and returns it. */
char *ww_text__ms(char *out, uint64_t ns);			    /* "0.41", "9.13", "91.3", "1410"; no unit */
char *ww_text__duration(char *out, uint64_t ns);		    /* "0.41 ms", "91.3 ms", "14.1 s" */
char *ww_text__share(char *out, uint64_t part, uint64_t whole);	    /* "88 %", "<1 %" */
char *ww_text__count(char *out, uint64_t count);		    /* "12,345" */
char *ww_text__number(char *out, double number);		    /* "0.33", "51.2", "1,234" */
char *ww_text__bytes(char *out, uint64_t bytes);		    /* "312 MiB" */
char *ww_text__plural(char *out, uint64_t count, const char *noun); /* "1 process", "5 processes"; `noun` singular */
char *ww_text__per(char *out, const char *unit); /* "per req", "per msg", "per call": as a heading has room for */

/* For machines: the shortest decimal that reads back as the same number. */
char *ww_text__real(char *out, double number);

/* For machines: milliseconds, exactly: "91.300001". */
char *ww_text__exact_ms(char *out, uint64_t ns);

/* RFC 3339 in UTC with nanoseconds: "2026-11-20T16:22:10.000000000Z". */
char *ww_text__rfc3339(char *out, int64_t unix_ns);

#endif
