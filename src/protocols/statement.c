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

struct ww_statement *ww_statement__with(struct ww_statement *statement, uint64_t arguments)
{
	const size_t size = sizeof(*statement) + statement->len + 1;
	struct ww_statement *other;

	if (statement->arguments == arguments)
		return ww_statement__hold(statement);
	other = malloc(size);
	if (!other)
		return NULL;
	memcpy(other, statement, size);
	other->references = 1;
	other->arguments = arguments;
	return other;
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
