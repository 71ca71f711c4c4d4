/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statements that were prepared before the connection was observed: a client runs them by number. What their answers
 * say stands in for their text: rows and the table they are of, or that something has changed. Names of columns are
 * left out: those of what is computed are its text, with its literals.
 */
#include <stdio.h>
#include <string.h>

#include "protocols/mysql_parts.h"

#define TABLE_MAX 64 /* bytes of a table's name, as MySQL has it */

/* The draft, and what is run by that number from now on, is this. */
static void learn(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft, struct ww_sql *sql)
{
	struct ww_statement *statement;

	sql->flags |= WW_OPERATION_UNSEEN;
	sql->arguments = draft->prepared;
	sql->len = strlen(sql->text);
	draft->flags &= (uint16_t) ~(WW_OPERATION_READ | WW_OPERATION_WRITE);
	draft->flags |= sql->flags;
	ww_draft__set_summary(draft, sql->summary);
	ww_draft__set_statement(draft, sql->text, sql->len);
	statement = ww_statement__new(sql);
	if (statement) {
		statement->prepared = draft->prepared;
		ww_prepared__set(&mysql->prepared, draft->prepared - 1, 0, statement);
	}
	ww_statement__put(statement);
	unit->unseen = false;
}

void ww_mysql__unseen_changed(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
			      const struct ww_message *message)
{
	const uint8_t *at = message->body + 1, *end = message->body + message->have;
	struct ww_sql sql = {.summary = "EXECUTE", .text = "EXECUTE " WW_STATEMENT_UNSEEN};
	uint64_t rows, id;

	/* Where no row has changed it may have been anything. */
	if (!ww_mysql__number(&at, end, &rows) || !ww_mysql__number(&at, end, &id) || !rows)
		return;
	sql.flags = WW_OPERATION_WRITE;
	if (id)
		snprintf(sql.summary, sizeof(sql.summary), "INSERT");
	snprintf(sql.text, sizeof(sql.text), "%s " WW_STATEMENT_UNSEEN, sql.summary);
	learn(mysql, unit, draft, &sql);
}

void ww_mysql__unseen_rows(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
			   const struct ww_message *definition)
{
	struct ww_sql sql = {.flags = WW_OPERATION_READ, .summary = "SELECT"};
	uint64_t columns = unit->all_columns, len = 0;
	char table[TABLE_MAX * 4 + 1] = "";

	if (definition) {
		const uint8_t *at = definition->body, *end = at + definition->have;

		/* Behind the catalog, the schema and the table's alias. */
		for (int field = 0; field < 4; field++) {
			if (!ww_mysql__number(&at, end, &len) || len > (uint64_t)(end - at))
				return;
			if (field < 3)
				at += len;
		}
		if (!len || len >= sizeof(table))
			return; /* computed: the next one may be of a table */
		memcpy(table, at, len);
		table[len] = '\0';
		snprintf(sql.summary, sizeof(sql.summary), "SELECT %.*s", TABLE_MAX, table);
	}
	snprintf(sql.text, sizeof(sql.text), "SELECT %llu column%s%s%s " WW_STATEMENT_UNSEEN,
		 (unsigned long long)columns, columns == 1 ? "" : "s", *table ? " FROM " : "", table);
	learn(mysql, unit, draft, &sql);
}

void ww_mysql__unseen_call(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft)
{
	struct ww_sql sql = {.summary = "CALL", .text = "CALL " WW_STATEMENT_UNSEEN};

	learn(mysql, unit, draft, &sql);
}
