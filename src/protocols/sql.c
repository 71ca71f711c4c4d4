/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Statements become tokens, in one pass. What is a literal is told here; nothing else looks at the bytes. */
#include "protocols/sql.h"

#include <string.h>

#include "protocols/dialogue.h"
#include "protocols/sql_parts.h"

#define LONGEST_NAME 128 /* no database has longer ones */

/* In this order: from DOLLAR on, parts of a word. */
enum character { BAD, SPACE, OPERATOR, OTHER, DOLLAR, DIGIT, LETTER };

static const uint8_t characters[256] = {
	['\t' ... '\r'] = SPACE, [' '] = SPACE,	   ['a' ... 'z'] = LETTER,
	['A' ... 'Z'] = LETTER,	 ['_'] = LETTER,   [0x80 ... 0xff] = LETTER,
	['0' ... '9'] = DIGIT,	 ['+'] = OPERATOR, ['-'] = OPERATOR,
	['*'] = OPERATOR,	 ['/'] = OPERATOR, ['<'] = OPERATOR,
	['>'] = OPERATOR,	 ['='] = OPERATOR, ['~'] = OPERATOR,
	['!'] = OPERATOR,	 ['@'] = OPERATOR, ['#'] = OPERATOR,
	['%'] = OPERATOR,	 ['^'] = OPERATOR, ['&'] = OPERATOR,
	['|'] = OPERATOR,	 ['('] = OTHER,	   [')'] = OTHER,
	['['] = OTHER,		 [']'] = OTHER,	   [','] = OTHER,
	['.'] = OTHER,		 [';'] = OTHER,	   [':'] = OTHER,
	['?'] = OTHER,		 ['$'] = DOLLAR,   ['\''] = OTHER,
	['"'] = OTHER,		 ['`'] = OTHER,	   ['{'] = OTHER,
	['}'] = OTHER,
};

struct reader {
	const char *at, *end;
	enum ww_sql_dialect dialect;
	bool cut;	/* the statement goes on behind the end */
	bool opaque;	/* what was left can't be read */
	bool semicolon; /* no statement has begun, or one has ended */
	struct ww_sql_writer writer;
};

static bool is_mysql(const struct reader *r)
{
	return r->dialect != WW_SQL_POSTGRES;
}

static uint8_t kind(char c)
{
	return characters[(uint8_t)c];
}

static bool is_part_of_word(char c)
{
	return kind(c) >= DOLLAR;
}

/* The n-th byte from here; NUL behind the end. */
static char peek(const struct reader *r, size_t n)
{
	return (size_t)(r->end - r->at) > n ? r->at[n] : '\0';
}

static void be_unfit(struct reader *r)
{
	if (r->writer.places)
		r->writer.places->unfit = true;
}

/* From here on nothing can be told. */
static void give_up(struct reader *r)
{
	be_unfit(r);
	r->opaque = true;
	r->at = r->end;
}

static enum ww_sql_word verb(const struct reader *r)
{
	return r->writer.gist.verb ?: r->writer.gist.outer;
}

/* What stands before is something that an operator could follow. */
static bool is_behind_operand(const struct reader *r)
{
	return r->writer.last == WW_TOKEN_NAME || r->writer.last == WW_TOKEN_LITERAL ||
	       r->writer.last == WW_TOKEN_CLOSE;
}

/* ---- names */

/* Names that programs make up as they run: of cursors, savepoints, prepared transactions. */
static bool is_made_up(const struct reader *r)
{
	enum ww_sql_word last = r->writer.last_word;

	switch (verb(r)) {
	case WW_SQL_SAVEPOINT:
	case WW_SQL_RELEASE:
	case WW_SQL_CLOSE:
	case WW_SQL_DEALLOCATE:
		return true;
	case WW_SQL_ROLLBACK:
		return last == WW_SQL_TO || last == WW_SQL_SAVEPOINT;
	case WW_SQL_FETCH:
	case WW_SQL_MOVE:
		return last == WW_SQL_FROM || last == WW_SQL_IN;
	default:
		return last == WW_SQL_DECLARE;
	}
}

/* What is quoted begins at `from`, its first quote is at hand. */
static void string(struct reader *r, const char *from, bool escapes)
{
	const char quote = *r->at, *at;

	for (at = r->at + 1; at < r->end; at++) {
		if (*at == '\\') {
			if (escapes) {
				at++;
			} else if (r->dialect == WW_SQL_POSTGRES && at + 1 < r->end && at[1] == quote) {
				/* Whether it has ended is a setting of the server. */
				ww_sql_writer__literal(&r->writer, from, (size_t)(at - from));
				give_up(r);
				return;
			}
		} else if (*at == quote) {
			if (at + 1 == r->end || at[1] != quote)
				break;
			at++;
		}
	}
	r->at = at < r->end ? at + 1 : r->end;
	ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
}

static void quoted_name(struct reader *r)
{
	const char quote = *r->at, *from = r->at, *at;
	bool good = true, ended = false;

	if (!verb(r)) {
		give_up(r);
		return;
	}
	for (at = from + 1; at < r->end && !ended; at++) {
		if ((uint8_t)*at < ' ')
			good = false;
		if (*at != quote)
			continue;
		if (at + 1 < r->end && at[1] == quote)
			at++;
		else
			ended = true;
	}
	r->at = at < r->end ? at : r->end;
	if (!ended || !good || r->at - from > LONGEST_NAME || r->at - from < 3 || is_made_up(r) || r->writer.setting)
		ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
	else
		ww_sql_writer__quoted(&r->writer, from, (size_t)(r->at - from));
}

static void word(struct reader *r)
{
	const char *from = r->at;
	struct ww_sql_writer *writer = &r->writer;
	bool first = !verb(r);
	enum ww_sql_word keyword;
	size_t len;

	do
		r->at++;
	while (r->at < r->end && is_part_of_word(*r->at));
	len = (size_t)(r->at - from);
	if (r->at == r->end && r->cut) {
		r->at = from; /* who knows how it goes on */
		give_up(r);
		return;
	}
	/* E'..', X'..', B'..', N'..', U&'..' */
	if (len == 1 && peek(r, 0) == '\'' && strchr("eExXbBnN", *from)) {
		bool escapes = r->dialect == WW_SQL_MYSQL || (!is_mysql(r) && (*from == 'e' || *from == 'E'));

		string(r, from, escapes);
		return;
	}
	if (len == 1 && !is_mysql(r) && (*from == 'u' || *from == 'U') && peek(r, 0) == '&' && peek(r, 1) == '\'') {
		r->at++;
		string(r, from, false);
		return;
	}
	keyword = writer->last == WW_TOKEN_DOT ? WW_SQL_NONE : ww_sql__word(from, len, first);
	if (first && !writer->gist.outer && !ww_sql__is_verb(keyword)) {
		r->at = from;
		give_up(r);
	} else if (len > LONGEST_NAME || writer->setting) {
		ww_sql_writer__literal(writer, from, len);
	} else if (keyword) {
		ww_sql_writer__token(writer, WW_TOKEN_KEYWORD, keyword, ww_sql__word_text(keyword), len);
	} else if (is_made_up(r)) {
		ww_sql_writer__literal(writer, from, len);
	} else {
		ww_sql_writer__token(writer, WW_TOKEN_NAME, WW_SQL_NONE, from, len);
	}
}

/* ---- literals */

/* From its sign, its first digit or its point on. */
static const char *number_end(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (is_part_of_word(*at) || *at == '.')
			continue;
		if ((*at == '+' || *at == '-') && (at[-1] == 'e' || at[-1] == 'E') && at + 1 < end &&
		    kind(at[1]) == DIGIT)
			continue;
		break;
	}
	return at;
}

static void number(struct reader *r)
{
	const char *from = r->at;

	r->at = number_end(from, r->end);
	ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
}

static const char *dollar_end(const char *at, const char *end)
{
	do
		at++;
	while (at < end && (kind(*at) == LETTER || kind(*at) == DIGIT));
	return at;
}

/* $1, or $tag$ .. $tag$ */
static void dollar(struct reader *r)
{
	const char *from = r->at, *at;
	size_t len;

	r->at = dollar_end(from, r->end);
	if (peek(r, 0) != '$' || kind(from[1]) == DIGIT) {
		ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
		return;
	}
	len = (size_t)(++r->at - from);
	at = memmem(r->at, (size_t)(r->end - r->at), from, len);
	r->at = at ? at + len : r->end;
	ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
}

/* Up to its own end, and without a backslash. */
static const char *plain_string_end(const char *at, const char *end)
{
	const char quote = *at;

	for (at++; at < end && *at != '\\'; at++) {
		if (*at != quote)
			continue;
		if (at + 1 == end || at[1] != quote)
			return at + 1;
		at++;
	}
	return NULL;
}

const char *ww_sql__simple_literal(enum ww_sql_dialect dialect, const char *at, const char *end)
{
	bool counts = at + 1 < end && kind(at[1]) == DIGIT;

	switch (*at) {
	case '0' ... '9':
		return number_end(at, end);
	case '+':
	case '-':
		return counts ? number_end(at, end) : NULL;
	case '$':
		return counts ? dollar_end(at, end) : NULL;
	case '\'':
		return plain_string_end(at, end);
	case '"':
		return dialect == WW_SQL_POSTGRES ? NULL : plain_string_end(at, end);
	case '?':
		return at + 1;
	default:
		return NULL;
	}
}

size_t ww_sql__before_literal(enum ww_sql_dialect dialect, const char *text, size_t len)
{
	bool in_word = false;
	size_t at = 0;

	for (; at < len; at++) {
		uint8_t character = kind(text[at]);

		if (character == DIGIT ? !in_word
				       : text[at] == '\'' || text[at] == '?' || text[at] == '$' || text[at] == '+' ||
						 text[at] == '-' || (text[at] == '"' && dialect != WW_SQL_POSTGRES))
			break;
		in_word = character >= DOLLAR;
	}
	return at;
}

/* ---- what stands between */

static void line_comment(struct reader *r)
{
	const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));

	r->at = end ?: r->end;
	r->writer.space = true;
}

static void comment(struct reader *r)
{
	unsigned int depth = 0;

	r->writer.space = true;
	/* What is in such a one is for the server. */
	if (is_mysql(r) && (peek(r, 2) == '!' || (peek(r, 2) == 'M' && peek(r, 3) == '!'))) {
		r->at += peek(r, 2) == '!' ? 3 : 4;
		while (r->at < r->end && kind(*r->at) == DIGIT)
			r->at++;
		return;
	}
	while (r->at < r->end) {
		if (r->at[0] == '/' && peek(r, 1) == '*' && (!depth || !is_mysql(r))) {
			depth++;
			r->at += 2;
		} else if (r->at[0] == '*' && peek(r, 1) == '/') {
			r->at += 2;
			if (!--depth)
				return;
		} else {
			r->at++;
		}
	}
}

static bool is_comment(const struct reader *r)
{
	char c = peek(r, 0), next = peek(r, 1);

	if (c == '-' && next == '-')
		return !is_mysql(r) || (uint8_t)peek(r, 2) <= ' ';
	return (c == '/' && next == '*') || (c == '#' && is_mysql(r)) || (c == '*' && next == '/' && is_mysql(r));
}

/* %s or %(name)s */
static bool placeholder(struct reader *r)
{
	const char *at = r->at + 1, *from = r->at;

	if (*r->at != '%' || is_behind_operand(r))
		return false;
	if (at < r->end && *at == '(')
		at = memchr(at, ')', (size_t)(r->end - at));
	else
		at = r->at;
	if (!at || at + 1 >= r->end || at[1] != 's' || (at + 2 < r->end && is_part_of_word(at[2])))
		return false;
	r->at = at + 2;
	ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
	return true;
}

/* What could go on with the operator is a sign, or %s. */
static bool is_operand(const struct reader *r)
{
	char next = peek(r, 1);

	return ((*r->at == '-' || *r->at == '+') && (kind(next) == DIGIT || next == '.')) ||
	       (*r->at == '%' && (next == 's' || next == '('));
}

static void operator(struct reader *r)
{
	const char *from = r->at;
	bool compares = true;

	if (is_comment(r)) {
		be_unfit(r);
		if (*r->at == '/')
			comment(r);
		else if (*r->at == '*')
			r->at += 2; /* the end of what is for the server */
		else
			line_comment(r);
		r->writer.space = true;
		return;
	}
	if ((*from == '-' || *from == '+') && !is_behind_operand(r) &&
	    (kind(peek(r, 1)) == DIGIT || (peek(r, 1) == '.' && kind(peek(r, 2)) == DIGIT))) {
		number(r);
		return;
	}
	if (placeholder(r))
		return;
	do {
		compares = compares && strchr("<>=!", *r->at);
		r->at++;
	} while (r->at < r->end && kind(*r->at) == OPERATOR && !is_comment(r) && !is_operand(r));
	ww_sql_writer__token(&r->writer, compares ? WW_TOKEN_COMPARISON : WW_TOKEN_OPERATOR, WW_SQL_NONE, from,
			     (size_t)(r->at - from));
}

static void single(struct reader *r, enum ww_sql_token token)
{
	ww_sql_writer__token(&r->writer, token, WW_SQL_NONE, r->at, 1);
	r->at++;
}

static void colon(struct reader *r)
{
	const char *from = r->at;

	if (peek(r, 1) == ':') {
		r->at += 2;
		ww_sql_writer__token(&r->writer, WW_TOKEN_CAST, WW_SQL_NONE, from, 2);
	} else if (peek(r, 1) == '=') {
		r->at += 2;
		ww_sql_writer__token(&r->writer, WW_TOKEN_COMPARISON, WW_SQL_NONE, from, 2);
	} else if (kind(peek(r, 1)) == LETTER) {
		do
			r->at++;
		while (r->at < r->end && is_part_of_word(*r->at));
		ww_sql_writer__literal(&r->writer, from, (size_t)(r->at - from));
	} else {
		single(r, WW_TOKEN_OPERATOR);
	}
}

static void other(struct reader *r)
{
	switch (*r->at) {
	case '(':
	case '[':
		single(r, WW_TOKEN_OPEN);
		break;
	case ')':
	case ']':
		single(r, WW_TOKEN_CLOSE);
		break;
	case ',':
		single(r, WW_TOKEN_COMMA);
		break;
	case '.':
		if (kind(peek(r, 1)) == DIGIT && !is_behind_operand(r))
			number(r);
		else
			single(r, WW_TOKEN_DOT);
		break;
	case ':':
		colon(r);
		break;
	case '?':
		ww_sql_writer__literal(&r->writer, r->at++, 1);
		break;
	case '\'':
		string(r, r->at, r->dialect == WW_SQL_MYSQL);
		break;
	case '"':
		if (is_mysql(r))
			string(r, r->at, r->dialect == WW_SQL_MYSQL);
		else
			quoted_name(r);
		break;
	case '`':
		if (is_mysql(r))
			quoted_name(r);
		else
			give_up(r);
		break;
	default: /* {d '2026-11-29'} */
		single(r, WW_TOKEN_OPERATOR);
		break;
	}
}

static void next(struct reader *r)
{
	uint8_t character = kind(*r->at);

	if (character == SPACE) {
		r->at++;
		r->writer.space = true;
		return;
	}
	if (*r->at == ';') {
		r->at++;
		if (!r->semicolon && verb(r))
			ww_sql_writer__end(&r->writer, false);
		r->semicolon = true;
		return;
	}
	if (r->semicolon && !is_comment(r)) {
		ww_sql_writer__begin(&r->writer);
		r->semicolon = false;
	}
	/* Before the verb there is nothing but parentheses and comments. */
	if (!verb(r) && character != LETTER && *r->at != '(' && !is_comment(r)) {
		give_up(r);
		return;
	}
	switch (character) {
	case LETTER:
		word(r);
		break;
	case DIGIT:
		number(r);
		break;
	case OPERATOR:
		operator(r);
		break;
	case OTHER:
		other(r);
		break;
	case DOLLAR:
		dollar(r);
		break;
	default:
		give_up(r);
		break;
	}
}

void ww_sql__read_placing(struct ww_sql *sql, enum ww_sql_dialect dialect, const char *text, size_t len, bool cut,
			  struct ww_sql_places *places)
{
	static const char ellipsis[] = "\xe2\x80\xa6"; /* U+2026 */
	struct reader r = {
		.at = text,
		.end = text + len,
		.dialect = dialect,
		.cut = cut,
		.semicolon = true,
		.writer = {.sql = sql, .places = places, .hash = WW_HASH_BEGIN, .postgres = dialect == WW_SQL_POSTGRES},
	};

	sql->flags = 0;
	sql->arguments = 0;
	sql->len = 0;
	sql->summary[0] = '\0';
	while (r.at < r.end)
		next(&r);
	if (!r.semicolon && verb(&r))
		ww_sql_writer__end(&r.writer, cut);
	else if (!r.semicolon)
		sql->len = r.writer.before_end; /* nothing of another statement is known */
	if (!r.writer.has_gist)
		sql->len = 0; /* it began with no verb */
	if (r.writer.statements > 1)
		sql->flags |= WW_OPERATION_BATCH;
	if (!cut && sql->len)
		sql->arguments = r.writer.hash ?: 1;
	if (sql->len && (cut || r.opaque || r.writer.full)) {
		memcpy(sql->text + sql->len, ellipsis, sizeof(ellipsis) - 1);
		sql->len += sizeof(ellipsis) - 1;
		sql->flags |= WW_OPERATION_CUT;
		/* What the text leaves out must be in here. */
		if (!cut)
			sql->arguments = ww_hash__add(WW_HASH_BEGIN, text, len) ?: 1;
	}
	sql->text[sql->len] = '\0';
	if (cut || !sql->len || sql->flags & WW_OPERATION_CUT)
		be_unfit(&r);
}

void ww_sql__read(struct ww_sql *sql, enum ww_sql_dialect dialect, const char *text, size_t len, bool cut)
{
	ww_sql__read_placing(sql, dialect, text, len, cut, NULL);
}
