/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tokens become a fingerprint: written the same way however they were spaced; of a list of literals the first, of rows
 * of VALUES the first, of statements that are alike the first.
 */
#include <string.h>

#include "protocols/dialogue.h"
#include "protocols/sql_parts.h"

#define ROOM (WW_STATEMENT_SIZE - 4) /* an ellipsis and a NUL fit behind it */

static inline void put(struct ww_sql_writer *w, const char *text, size_t len)
{
	char *to = w->sql->text + w->sql->len;

	if (w->full || w->sql->len + len > ROOM) {
		w->full = true;
		return;
	}
	w->sql->len += len;
	if (len == 1)
		*to = *text;
	else
		memcpy(to, text, len);
}

#define BIT(token) (1u << (token))

/* Whether a blank stands between the token and the last one, which does not depend on how they were written. */
static bool is_apart(const struct ww_sql_writer *w, enum ww_sql_token token)
{
	const unsigned int never_before =
		BIT(WW_TOKEN_COMMA) | BIT(WW_TOKEN_CLOSE) | BIT(WW_TOKEN_DOT) | BIT(WW_TOKEN_CAST);
	const unsigned int never_behind =
		BIT(WW_TOKEN_START) | BIT(WW_TOKEN_OPEN) | BIT(WW_TOKEN_DOT) | BIT(WW_TOKEN_CAST);
	const unsigned int always_behind = BIT(WW_TOKEN_COMMA) | BIT(WW_TOKEN_COMPARISON);

	if (BIT(token) & never_before)
		return false;
	if (token == WW_TOKEN_OPEN &&
	    (w->last_word == WW_SQL_IN || w->last_word == WW_SQL_VALUES || w->last_word == WW_SQL_AS))
		return true;
	if (BIT(w->last) & never_behind)
		return false;
	return w->space || BIT(w->last) & always_behind || token == WW_TOKEN_COMPARISON;
}

static bool is_plain_word(enum ww_sql_word word)
{
	return word == WW_SQL_NULL || word == WW_SQL_TRUE || word == WW_SQL_FALSE || word == WW_SQL_DEFAULT;
}

/* Whether a token may stand in a list of literals. (?, ?) is an item as good as ?, but f(?) is none. */
static bool is_plain(const struct ww_sql_writer *w, enum ww_sql_token token, enum ww_sql_word word)
{
	switch (token) {
	case WW_TOKEN_LITERAL:
	case WW_TOKEN_COMMA:
	case WW_TOKEN_CLOSE:
	case WW_TOKEN_CAST:
		return true;
	case WW_TOKEN_OPEN:
		return w->last == WW_TOKEN_OPEN || w->last == WW_TOKEN_COMMA || w->last == WW_TOKEN_NAME;
	case WW_TOKEN_KEYWORD:
		return is_plain_word(word);
	default:
		return w->last == WW_TOKEN_CAST;
	}
}

/* Whether a token of a list of literals is left out, as one like it has been written. */
static bool is_in_list(struct ww_sql_writer *w, enum ww_sql_token token, enum ww_sql_word word)
{
	bool ends = token == WW_TOKEN_CLOSE && w->depth == w->list;

	if (!w->list)
		return false;
	if (ends || !is_plain(w, token, word)) {
		if (w->list_written && !ends)
			put(w, ",", 1); /* that was left out; it is not what it looked like */
		w->list = 0;
		w->list_written = false;
		return false;
	}
	if (token == WW_TOKEN_COMMA && w->depth == w->list)
		w->list_written = true;
	return w->list_written;
}

/* Whether a token belongs to the second row of VALUES, or to one behind it. */
static bool is_in_rows(struct ww_sql_writer *w, enum ww_sql_token token)
{
	bool opens = token == WW_TOKEN_OPEN && w->depth == w->rows_depth;
	bool closes = token == WW_TOKEN_CLOSE && w->depth == w->rows_depth + 1;

	switch (w->rows) {
	case WW_SQL_NO_ROWS:
		return false;
	case WW_SQL_VALUES_BEGUN:
		w->rows = opens ? WW_SQL_FIRST_ROW : WW_SQL_NO_ROWS;
		return false;
	case WW_SQL_FIRST_ROW:
		w->rows = closes ? WW_SQL_BEHIND_ROW : WW_SQL_FIRST_ROW;
		return false;
	case WW_SQL_BEHIND_ROW:
		w->rows = token == WW_TOKEN_COMMA ? WW_SQL_NEXT_ROW : WW_SQL_NO_ROWS;
		return w->rows == WW_SQL_NEXT_ROW;
	case WW_SQL_NEXT_ROW:
		w->rows = opens ? WW_SQL_OTHER_ROW : WW_SQL_NO_ROWS;
		if (!opens)
			put(w, ",", 1); /* that was left out: no row came behind it */
		return opens;
	case WW_SQL_OTHER_ROW:
		w->rows = closes ? WW_SQL_BEHIND_ROW : WW_SQL_OTHER_ROW;
		return true;
	}
	return false;
}

/* `name`: what the gist gets to see of it. */
static void add(struct ww_sql_writer *w, enum ww_sql_token token, enum ww_sql_word word, const char *text, size_t len,
		const char *name, size_t name_len)
{
	bool written = true;

	if (w->rows || w->list)
		written = !is_in_rows(w, token) && !is_in_list(w, token, word);
	/* A statement whose table is known has little more to say. */
	if (!w->gist.done || w->gist.verb == WW_SQL_COPY)
		ww_sql_gist__token(&w->gist, token, word, name, name_len, w->depth);
	if (w->setting && w->postgres && w->last == WW_TOKEN_LITERAL)
		written = false; /* SET search_path = a, b */
	if (written) {
		if (is_apart(w, token))
			put(w, " ", 1);
		put(w, text, len);
	}
	if (token == WW_TOKEN_OPEN) {
		w->depth++;
		if (written && !w->list && (w->last_word == WW_SQL_IN || w->last_word == WW_SQL_ARRAY))
			w->list = w->depth;
	} else if (token == WW_TOKEN_CLOSE && w->depth) {
		w->depth--;
	}
	if (word == WW_SQL_VALUES && w->rows == WW_SQL_NO_ROWS) {
		w->rows = WW_SQL_VALUES_BEGUN;
		w->rows_depth = w->depth;
	}
	if (w->gist.verb == WW_SQL_SET && !w->depth) {
		if (word == WW_SQL_TO || (token == WW_TOKEN_COMPARISON && !w->setting))
			w->setting = true;
		else if (token == WW_TOKEN_COMMA && !w->postgres)
			w->setting = false;
	}
	/* What a setting was left without does not part what follows. */
	if (written || !w->setting)
		w->last = token;
	w->last_word = word;
	w->space = false;
}

void ww_sql_writer__token(struct ww_sql_writer *w, enum ww_sql_token token, enum ww_sql_word word, const char *text,
			  size_t len)
{
	add(w, token, word, text, len, text, len);
}

void ww_sql_writer__quoted(struct ww_sql_writer *w, const char *text, size_t len)
{
	add(w, WW_TOKEN_NAME, WW_SQL_NONE, text, len, text + 1, len - 2);
}

void ww_sql_writer__literal(struct ww_sql_writer *w, const char *text, size_t len)
{
	struct ww_sql_places *places = w->places;

	w->hash = ww_sql__hash_literal(w->hash, text, len);
	if (places && places->len < WW_SQL_PLACES) {
		places->literals[places->len].at = text;
		places->literals[places->len++].len = len;
	} else if (places) {
		places->unfit = true;
	}
	add(w, WW_TOKEN_LITERAL, WW_SQL_NONE, "?", 1, "?", 1);
}

void ww_sql_writer__begin(struct ww_sql_writer *w)
{
	size_t before = w->begin;

	w->last = WW_TOKEN_START;
	w->last_word = WW_SQL_NONE;
	w->space = w->setting = w->list_written = false;
	w->depth = w->list = 0;
	w->rows = WW_SQL_NO_ROWS;
	w->gist = (struct ww_sql_gist){0};
	w->before = before;
	w->before_end = w->sql->len;
	if (w->sql->len)
		put(w, "; ", 2);
	w->begin = w->sql->len;
}

void ww_sql_writer__end(struct ww_sql_writer *w, bool cut)
{
	struct ww_sql *sql = w->sql;
	size_t len = sql->len - w->begin, before = w->before_end - w->before;
	char summary[WW_SUMMARY_SIZE];
	bool control;

	ww_sql_gist__finish(&w->gist, summary);
	control = w->gist.flags & WW_OPERATION_CONTROL;
	if (!control)
		w->statements++;
	/* The summary is that of the first statement that has to do with data. */
	if (!w->has_gist || (sql->flags & WW_OPERATION_CONTROL && !control)) {
		memcpy(sql->summary, summary, sizeof(summary));
		sql->flags = w->gist.flags;
	} else if (!control) {
		sql->flags |= w->gist.flags;
	}
	/* To read is to change nothing. */
	if (sql->flags & WW_OPERATION_WRITE)
		sql->flags &= (uint16_t)~WW_OPERATION_READ;
	w->has_gist = true;
	if (w->begin && (len == before || (cut && len < before)) &&
	    !memcmp(sql->text + w->begin, sql->text + w->before, len)) {
		sql->len = w->before_end;
		w->begin = w->before;
	}
}
