/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statements that were prepared before the connection was observed: a client names them, and nobody says their text
 * again. What their answers say of them, the same on all connections, stands in for it: what was done, the columns, the
 * tables that these are of.
 */
#include <stdio.h>
#include <string.h>

#include "protocols/postgres_parts.h"
#include "util/bytes.h"

#define NAMES	   3  /* columns that are named, at most */
#define NAMES_ROOM 48 /* bytes for them */
#define TABLES	   2  /* that are named, at most */
#define FIELD	   18 /* bytes behind a column's name */

/* What has been said of the columns: their names, and what they are of. */
struct columns {
	uint32_t all, named;
	uint32_t tables[TABLES], tables_len;
	bool more; /* tables than that */
};

/* A name is no literal, whatever it looks like; a semicolon would look like another statement. */
static void add_name(char *rows, const char *name)
{
	size_t used = strlen(rows);

	snprintf(rows + used, NAMES_ROOM - used, "%s%s", used ? ", " : "", name);
	for (char *at = rows; (at = strchr(at, ';'));)
		*at = '?';
}

static void count_columns(char *rows, size_t size, uint32_t count)
{
	snprintf(rows, size, "%u column%s", count, count == 1 ? "" : "s");
}

static void add_table(struct columns *columns, uint32_t table)
{
	for (uint32_t i = 0; i < columns->tables_len; i++) {
		if (columns->tables[i] == table)
			return;
	}
	if (columns->tables_len < TABLES)
		columns->tables[columns->tables_len++] = table;
	else
		columns->more = true;
}

/* A RowDescription, of which as much is looked at as is always at hand: "price, name FROM 16385::regclass". */
static void describe(char *rows, size_t size, const struct ww_message *message)
{
	const uint8_t *at = message->body + 2, *end = message->body + message->have, *nul;
	struct columns columns = {.all = (uint32_t)message->body[0] << 8 | message->body[1]};
	size_t used;

	for (uint32_t i = 0; i < columns.all && at < end; i++, at = nul + 1 + FIELD) {
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul || end - nul <= FIELD)
			break;
		if (columns.named == i && i < NAMES && strlen(rows) + (size_t)(nul - at) + 2 < NAMES_ROOM) {
			add_name(rows, (const char *)at);
			columns.named++;
		}
		/* Its number, which the database tells the name of; 0 of what is computed. */
		if (ww_be32(nul + 1))
			add_table(&columns, ww_be32(nul + 1));
	}
	used = strlen(rows);
	if (!columns.named)
		count_columns(rows, size, columns.all);
	else if (columns.named < columns.all)
		snprintf(rows + used, size - used, ", ..");
	for (uint32_t i = 0; i < columns.tables_len; i++) {
		used = strlen(rows);
		snprintf(rows + used, size - used, "%s%u::regclass", i ? ", " : " FROM ", columns.tables[i]);
	}
	used = strlen(rows);
	if (columns.more)
		snprintf(rows + used, size - used, ", ..");
}

static void learn_rows(struct ww_postgres *postgres, const struct ww_message *message)
{
	if (postgres->rows_known || (message->type != 'n' && message->have < 2))
		return;
	postgres->rows[0] = '\0';
	if (message->type == 'T')
		describe(postgres->rows, sizeof(postgres->rows), message);
	else if (message->type == 'D')
		count_columns(postgres->rows, sizeof(postgres->rows),
			      (uint32_t)message->body[0] << 8 | message->body[1]);
	postgres->rows_known = true;
}

/* "SELECT" of "SELECT 5", "INSERT" of "INSERT 0 1". */
static size_t verb_len(const char *tag, size_t len)
{
	size_t verb = 0;

	while (verb < len && (tag[verb] == ' ' || (tag[verb] >= 'A' && tag[verb] <= 'Z')))
		verb++;
	while (verb && tag[verb - 1] == ' ')
		verb--;
	return verb;
}

/* What stands in for a statement that ended with that tag. NULL when out of memory. */
static struct ww_statement *stand_in(const struct ww_postgres *postgres, const struct ww_postgres_unseen *unseen,
				     const char *tag, size_t len)
{
	const char *rows = postgres->rows_known ? postgres->rows : "";
	struct ww_statement *statement;
	char by[32] = "";
	struct ww_sql sql;

	ww_sql__read(&sql, WW_SQL_POSTGRES, tag, verb_len(tag, len), false);
	if (unseen->parameters)
		snprintf(by, sizeof(by), " by %u parameter%s", unseen->parameters, unseen->parameters == 1 ? "" : "s");
	if (sql.flags & WW_OPERATION_CONTROL || !sql.summary[0])
		sql.len = 0;
	else
		sql.len = (size_t)snprintf(sql.text, sizeof(sql.text), "%s%s%s%s " WW_STATEMENT_UNSEEN, sql.summary,
					   *rows ? " " : "", rows, by);
	sql.text[sql.len] = '\0';
	sql.flags |= WW_OPERATION_UNSEEN;
	sql.arguments = unseen->name;
	statement = ww_statement__new(&sql);
	if (statement)
		statement->prepared = unseen->name;
	return statement;
}

static void name_it(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
		    const struct ww_postgres_unseen *unseen, const char *tag, size_t len)
{
	struct ww_statement *statement = ww_statement__hold(ww_prepared__get(&postgres->prepared, unseen->name));

	if (!statement) {
		statement = stand_in(postgres, unseen, tag, len);
		/* An answer without rows, and without a description, has not said all. */
		if (statement && (postgres->rows_known || !(statement->flags & WW_OPERATION_READ)))
			ww_prepared__set(&postgres->prepared, unseen->name, 0, statement);
	}
	if (statement)
		ww_postgres__add_execution(unit, draft, statement, unseen->fetches);
	ww_statement__put(statement);
}

static void name_at(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft, uint32_t index,
		    const char *tag, size_t len)
{
	for (uint8_t i = 0; draft && i < unit->unseen_len; i++) {
		if (unit->unseen[i].index == index)
			name_it(postgres, unit, draft, &unit->unseen[i], tag, len);
	}
	postgres->rows_known = false;
}

void ww_postgres__answered(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			   const struct ww_message *message)
{
	static const char suspended[] = "SELECT"; /* nothing else can be */

	if (strchr("TDn", message->type)) {
		if (unit->unseen_len)
			learn_rows(postgres, message);
		return;
	}
	if (message->type == 'C')
		name_at(postgres, unit, draft, unit->completed, (const char *)message->body, message->have);
	else
		name_at(postgres, unit, draft, unit->completed, suspended,
			message->type == 's' ? strlen(suspended) : 0);
	unit->completed++;
}

void ww_postgres__answered_blind(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft)
{
	const char *tag;
	size_t len = ww_postgres__last_tag(postgres->tail, postgres->tail_len, &tag);

	if (len && unit->executions)
		name_at(postgres, unit, draft, unit->executions - 1, tag, len);
	unit->unseen_len = 0;
}
