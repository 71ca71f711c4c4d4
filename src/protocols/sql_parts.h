/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files sql*.c share. */
#ifndef WHYWAIT_SQL_PARTS_H
#define WHYWAIT_SQL_PARTS_H

#include "protocols/dialogue.h"
#include "protocols/sql.h"

#define WW_SQL_PLACES 64

/* Where the literals of a text stand. */
struct ww_sql_places {
	uint32_t len;
	bool unfit; /* there are more, or the text has something else besides that its fingerprint does not have */
	struct {
		const char *at;
		size_t len;
	} literals[WW_SQL_PLACES];
};

/* As ww_sql__read(); notes them as well, where `places` is not NULL. All zeros at the beginning. */
void ww_sql__read_placing(struct ww_sql *sql, enum ww_sql_dialect dialect, const char *text, size_t len, bool cut,
			  struct ww_sql_places *places);

/*
 * The end of the literal that begins here, where nothing but its own bytes can tell: a number, a string without a
 * backslash, $1, ?; else NULL.
 */
const char *ww_sql__simple_literal(enum ww_sql_dialect dialect, const char *at, const char *end);

/* How many of the text's first bytes can be no part of such a literal. */
size_t ww_sql__before_literal(enum ww_sql_dialect dialect, const char *text, size_t len);

static inline uint64_t ww_sql__hash_literal(uint64_t hash, const char *text, size_t len)
{
	return ww_hash__add(ww_hash__add(hash, text, len), "", 1);
}

/* In the order of their lengths: WW_SQL_FROM_6 is the first one of six letters. */
enum ww_sql_word {
	WW_SQL_NONE, /* any other word */
#define WW_SQL_LENGTH(len)	WW_SQL_FROM_##len, WW_SQL_BEFORE_##len = WW_SQL_FROM_##len - 1,
#define WW_SQL_WORD(word, when) WW_SQL_##word,
#include "protocols/sql_words.def"
#undef WW_SQL_LENGTH
#undef WW_SQL_WORD
	WW_SQL_WORDS
};

/* `first`: it begins a statement. */
enum ww_sql_word ww_sql__word(const char *text, size_t len, bool first);
const char *ww_sql__word_text(enum ww_sql_word word);

enum ww_sql_token {
	WW_TOKEN_START, /* nothing yet */
	WW_TOKEN_KEYWORD,
	WW_TOKEN_NAME, /* also a quoted one */
	WW_TOKEN_LITERAL,
	WW_TOKEN_OPEN, /* also [ */
	WW_TOKEN_CLOSE,
	WW_TOKEN_COMMA,
	WW_TOKEN_DOT,
	WW_TOKEN_CAST, /* :: */
	WW_TOKEN_COMPARISON,
	WW_TOKEN_OPERATOR,
};

/* What a statement does, and to what; zeros at its beginning. */
struct ww_sql_gist {
	enum ww_sql_word outer; /* EXPLAIN, PREPARE, DECLARE: what is done to the statement proper */
	enum ww_sql_word verb;
	enum ww_sql_word last; /* the token before, if it was a keyword */
	bool opened;	       /* the token before was a parenthesis */
	bool with;	       /* the verb is still to come, behind WITH */
	bool wants;	       /* a name that comes now is what it is done to */
	bool dotted;	       /* the name goes on */
	bool done;
	uint64_t selects; /* a bit per depth: FROM there is that of a SELECT */
	uint16_t flags;
	size_t name_len;
	char name[WW_SUMMARY_SIZE];
};

/* The next token of a statement, `depth` parentheses deep; of a name the quotes are left out. */
void ww_sql_gist__token(struct ww_sql_gist *gist, enum ww_sql_token token, enum ww_sql_word word, const char *text,
			size_t len, unsigned int depth);

/* Whether a statement can begin so. */
bool ww_sql__is_verb(enum ww_sql_word word);

/* The statement is over: its flags are final, and this is its summary. */
void ww_sql_gist__finish(struct ww_sql_gist *gist, char summary[WW_SUMMARY_SIZE]);

enum ww_sql_rows {
	WW_SQL_NO_ROWS,
	WW_SQL_VALUES_BEGUN,
	WW_SQL_FIRST_ROW,
	WW_SQL_BEHIND_ROW,
	WW_SQL_NEXT_ROW,
	WW_SQL_OTHER_ROW
};

/* Writes the fingerprint, a token at a time. All zeros but `sql` and `hash` at the beginning. */
struct ww_sql_writer {
	struct ww_sql *sql;
	struct ww_sql_places *places; /* NULL: they are not asked for */
	uint64_t hash;		      /* over the literals */
	bool postgres;
	bool full; /* there is no room left in the text */

	enum ww_sql_token last;
	enum ww_sql_word last_word;
	bool space; /* since then; set by the reader */
	unsigned int depth;

	/* A list behind IN or ARRAY, at that depth, 0 for none; whether its first literal has been written. */
	unsigned int list;
	bool list_written;

	/* Rows behind VALUES, at that depth. */
	enum ww_sql_rows rows;
	unsigned int rows_depth;

	bool setting; /* behind SET x =: words are values, too */

	size_t begin;		   /* of this statement in the text */
	size_t before, before_end; /* the statement before it */
	unsigned int statements;   /* that are more than CONTROL */
	bool has_gist;		   /* `sql` has the flags and the summary of one */
	struct ww_sql_gist gist;
};

void ww_sql_writer__begin(struct ww_sql_writer *writer);

/* `text` as it is to be written; a quoted name with its quotes. */
void ww_sql_writer__token(struct ww_sql_writer *writer, enum ww_sql_token token, enum ww_sql_word word,
			  const char *text, size_t len);
void ww_sql_writer__quoted(struct ww_sql_writer *writer, const char *text, size_t len);
void ww_sql_writer__literal(struct ww_sql_writer *writer, const char *text, size_t len);

/* `cut`: the statement goes on. */
void ww_sql_writer__end(struct ww_sql_writer *writer, bool cut);

#endif
