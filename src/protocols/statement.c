/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/statement.h"

#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

struct ww_statement *ww_statement__new(const struct ww_sql *sql)
{
	struct ww_statement *statement = malloc(sizeof(*statement) + sql->len + 1);

	if (!statement)
		return NULL;
	*statement = (struct ww_statement){.references = 1, .flags = sql->flags, .arguments = sql->arguments};
	ww_utf8__copy(statement->summary, sizeof(statement->summary), sql->summary, strlen(sql->summary));
	ww_utf8__copy(statement->text, sql->len + 1, sql->text, sql->len);
	statement->len = (uint32_t)strlen(statement->text);
	return statement;
}

struct ww_statement *ww_statement__copy(const struct ww_statement *statement, uint64_t arguments)
{
	const size_t size = sizeof(*statement) + statement->len + 1;
	struct ww_statement *copy = malloc(size);

	if (!copy)
		return NULL;
	memcpy(copy, statement, size);
	copy->references = 1;
	copy->arguments = arguments;
	return copy;
}

struct ww_statement *ww_statement__hold(struct ww_statement *statement)
{
	if (statement)
		statement->references++;
	return statement;
}

void ww_statement__put(struct ww_statement *statement)
{
	if (statement && !--statement->references)
		free(statement);
}
