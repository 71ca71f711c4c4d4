/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statements of SQL. The first byte says whether the rest is one as it is, or says how to put one together of pieces
 * with literals among them: of those nothing may come out, wherever the statement is cut. What is found among
 * statements that were read before says the same as what is read anew.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/sql_shapes.h"

#define SECRET "qzq"

static void must(bool good, const char *what, const char *text)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

static void check(const struct ww_sql *sql)
{
	must(sql->len < sizeof(sql->text) && strnlen(sql->text, sizeof(sql->text)) <= sql->len, "a length", "");
	must(strnlen(sql->summary, sizeof(sql->summary)) < sizeof(sql->summary), "a summary that does not end", "");
	must(!sql->text[sql->len], "a text that does not end", "");
	must(sql->len || (!sql->summary[0] && !sql->flags && !sql->arguments), "something of nothing", sql->summary);
	must(!(sql->flags & WW_OPERATION_CUT) || (sql->len >= 3 && !strcmp(sql->text + sql->len - 3, "\xe2\x80\xa6")),
	     "a cut that can't be seen", sql->text);
}

/* What is found is what would be read. */
static void check_found(struct ww_sql_shapes *shapes, enum ww_sql_dialect dialect, const char *text, size_t len,
			bool cut)
{
	struct ww_statement *found, *read;
	struct ww_sql sql;
	uint64_t arguments;

	ww_sql__read(&sql, dialect, text, len, cut);
	found = ww_sql_shapes__read(shapes, dialect, text, len, cut, &arguments);
	read = ww_statement__new(&sql);
	must(found && read, "no memory", "");
	must(arguments == sql.arguments, "other arguments", sql.text);
	must(found->flags == read->flags, "other flags", sql.text);
	must(!strcmp(found->summary, read->summary), "another summary", sql.text);
	must(found->len == read->len && !strcmp(found->text, read->text), "another text", sql.text);
	ww_statement__put(found);
	ww_statement__put(read);
}

/* The text is kept; then it comes with other digits, and with one byte that is another one. */
static void check_alike(enum ww_sql_dialect dialect, const char *text, size_t len, bool cut, const uint8_t *bytes,
			size_t bytes_len)
{
	static char other[65536];
	struct ww_sql_shapes *shapes = ww_sql_shapes__new();

	must(shapes, "no memory", "");
	if (len > sizeof(other))
		len = sizeof(other);
	for (int i = 0; i < 3; i++)
		check_found(shapes, dialect, text, len, cut);
	for (size_t i = 0; i < len; i++)
		other[i] = (char)(text[i] >= '0' && text[i] <= '9' ? '0' + (text[i] - '0' + 3) % 10 : text[i]);
	check_found(shapes, dialect, other, len, cut);
	memcpy(other, text, len);
	for (size_t i = 0; i + 2 < bytes_len && i < 24 && len; i += 3) {
		size_t at = (bytes[i] << 8 | bytes[i + 1]) % len;

		other[at] = (char)bytes[i + 2];
		check_found(shapes, dialect, other, len, cut);
		other[at] = text[at];
		check_found(shapes, dialect, text, at, cut);
	}
	ww_sql_shapes__free(shapes);
}

struct text {
	char bytes[8192];
	size_t len;
};

static void add(struct text *text, const char *piece)
{
	size_t len = strlen(piece);

	if (text->len + len > sizeof(text->bytes))
		return;
	memcpy(text->bytes + text->len, piece, len);
	text->len += len;
}

static void add_byte(struct text *text, char byte)
{
	char piece[2] = {byte};

	add(text, piece);
}

static void add_quoted(struct text *text, const char *prefix, char quote, bool escapes, const uint8_t *bytes,
		       size_t len)
{
	add(text, prefix);
	add_byte(text, quote);
	add(text, SECRET);
	for (size_t i = 0; i < len; i++) {
		if ((char)bytes[i] == quote || (bytes[i] == '\\' && escapes))
			add_byte(text, escapes && bytes[i] == quote && i % 2 ? '\\' : (char)bytes[i]);
		add_byte(text, (char)bytes[i]);
	}
	add(text, SECRET);
	add_byte(text, quote);
	add(text, " ");
}

/* What has no end in it. */
static void add_until(struct text *text, const char *begin, const char *end, const char * not, const uint8_t *bytes,
		      size_t len)
{
	add(text, begin);
	add(text, SECRET);
	for (size_t i = 0; i < len; i++)
		add_byte(text, strchr(not, (char)bytes[i]) ? ' ' : (char)bytes[i]);
	add(text, SECRET);
	add(text, end);
}

static void put_together(struct text *text, bool mysql, const uint8_t *at, const uint8_t *end)
{
	static const char *const pieces[] = {
		"SELECT ",
		"INSERT INTO t ",
		"UPDATE t SET ",
		"DELETE FROM ",
		"FROM ",
		"WHERE ",
		"IN ",
		"(",
		")",
		", ",
		"VALUES ",
		"a",
		"t.c ",
		";",
		"= ",
		"- ",
		"+",
		"1",
		"::int ",
		"ARRAY[",
		"]",
		"SET x TO ",
		"?",
		"* ",
		". ",
		"AS ",
		"\n",
		"BEGIN",
		"DECLARE ",
		"FETCH FROM ",
		"WITH x AS ",
		"OR ",
		"5e",
		"-1",
		"%s ",
		":n ",
		"NULL ",
		"E ",
		"U& ",
		"_utf8",
		"@x ",
		":= ",
		"<>",
		"COPY ",
		"/ ",
	};

	add(text, pieces[at < end ? *at++ % 4 : 0]);
	while (at < end) {
		uint8_t which = *at++;
		size_t len = at < end ? *at % 16 : 0;

		if (which < 192) {
			add(text, pieces[which % (sizeof(pieces) / sizeof(*pieces))]);
			continue;
		}
		if (len > (size_t)(end - at))
			len = (size_t)(end - at);
		switch (which % 8) {
		case 0:
			add_quoted(text, "", '\'', mysql, at, len);
			break;
		case 1:
			add_quoted(text, mysql ? "" : " E", mysql ? '"' : '\'', true, at, len);
			break;
		case 2:
			add_quoted(text, mysql ? " N" : " U&", '\'', mysql, at, len);
			break;
		case 3:
			if (mysql)
				add_until(text, " # ", "\n", "\n", at, len);
			else
				add_until(text, " $a$", "$a$ ", "$", at, len);
			break;
		case 4:
			add_until(text, "/* ", " */", "*/", at, len);
			break;
		case 5:
			add_until(text, " -- ", "\n", "\n", at, len);
			break;
		case 6:
			add_quoted(text, " X", '\'', mysql, at, 0);
			break;
		default:
			add_quoted(text, " ", '\'', mysql, at, 0);
			break;
		}
		at += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text text;
	struct ww_sql sql;

	if (size < 3)
		return 0;
	bool mysql = data[0] & 1, cut = data[0] & 2;

	if (data[0] & 4) {
		enum ww_sql_dialect dialect = data[0] & 8 ? WW_SQL_MYSQL_PLAIN : (enum ww_sql_dialect)mysql;

		ww_sql__read(&sql, dialect, (const char *)data + 1, size - 1, cut);
		check(&sql);
		check_alike(dialect, (const char *)data + 1, size - 1, cut, data, size);
		return 0;
	}
	text.len = 0;
	put_together(&text, mysql, data + 2, data + size);
	if (cut)
		text.len -= data[1] < text.len ? data[1] : text.len;
	ww_sql__read(&sql, mysql ? WW_SQL_MYSQL : WW_SQL_POSTGRES, text.bytes, text.len, cut);
	check(&sql);
	check_alike(mysql ? WW_SQL_MYSQL : WW_SQL_POSTGRES, text.bytes, text.len, cut, data, size);
	must(!strstr(sql.text, SECRET) && !strstr(sql.summary, SECRET), "a literal came out", sql.text);
	return 0;
}
