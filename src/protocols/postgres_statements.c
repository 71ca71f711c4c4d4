/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a client of PostgreSQL says: statements, the names they have been prepared under, portals. */
#include <stdio.h>
#include <string.h>

#include "protocols/postgres_parts.h"

/* The string at *at up to its NUL; false when its end is not at hand. */
static bool take_string(const uint8_t **at, const uint8_t *end, const char **text, size_t *len)
{
	const uint8_t *nul = *at < end ? memchr(*at, '\0', (size_t)(end - *at)) : NULL;

	if (!nul)
		return false;
	*text = (const char *)*at;
	*len = (size_t)(nul - *at);
	*at = nul + 1;
	return true;
}

/* The key of a name; the unnamed one has one, too. */
static bool take_name(const uint8_t **at, const uint8_t *end, uint64_t *key)
{
	const char *text;
	size_t len;

	if (!take_string(at, end, &text, &len))
		return false;
	*key = ww_hash__add(WW_HASH_BEGIN, text, len);
	return true;
}

static void set_summary(struct ww_draft *draft, const char *before, const char *summary)
{
	char text[WW_SUMMARY_SIZE + 16];

	snprintf(text, sizeof(text), "%s%s%s", before, *before && *summary ? " " : "", summary);
	ww_draft__set_summary(draft, text);
}

/* What is not run yet. Nothing that has been said of the unit before is taken back. */
static void show_control(const struct ww_postgres_unit *unit, struct ww_draft *draft, const char *verb,
			 struct ww_statement *statement)
{
	if (unit->executions || *ww_draft__summary(draft))
		return;
	if (statement)
		ww_draft__say(draft, statement);
	set_summary(draft, verb, statement ? statement->summary : "");
	draft->flags |= WW_OPERATION_CONTROL;
}

static void set_statement(struct ww_draft *draft, const char *text, size_t len, const struct ww_statement *last)
{
	if (len)
		ww_draft__set_statement(draft, text, len);
	draft->flags |= last->flags & WW_OPERATION_CUT;
}

static void add_statement(struct ww_draft *draft, const struct ww_statement *statement)
{
	char text[2 * WW_STATEMENT_SIZE];
	int len = snprintf(text, sizeof(text), "%s; %s", ww_draft__statement(draft), statement->text);

	set_statement(draft, text, (size_t)len, statement);
}

void ww_postgres__query(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message)
{
	const uint8_t *nul = memchr(message->body, '\0', message->have);
	size_t len = nul ? (size_t)(nul - message->body) : message->have;
	struct ww_statement *statement;

	(void)unit;
	/* So does the server. */
	ww_postgres__forget_unnamed(postgres);
	statement = ww_sql_shapes__read(postgres->shapes, WW_SQL_POSTGRES, (const char *)message->body, len,
					!nul && message->have < message->len, &draft->arguments);
	if (!statement)
		return;
	ww_draft__say(draft, statement);
	draft->flags |= statement->flags;
	ww_statement__put(statement);
}

void ww_postgres__parse(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message)
{
	const uint8_t *at = message->body, *end = at + message->have, *nul;
	struct ww_statement *alike, *statement;
	uint64_t key, arguments;

	if (!take_name(&at, end, &key)) {
		/* Some name means another statement now. */
		ww_prepared__free(&postgres->prepared);
		return;
	}
	nul = memchr(at, '\0', (size_t)(end - at));
	alike = ww_sql_shapes__read(postgres->shapes, WW_SQL_POSTGRES, (const char *)at, (size_t)((nul ?: end) - at),
				    !nul, &arguments);
	statement = alike && alike->arguments != arguments ? ww_statement__copy(alike, arguments)
							   : ww_statement__hold(alike);
	ww_statement__put(alike);
	ww_prepared__set(&postgres->prepared, key, unit->number, statement);
	unit->parsed = key;
	/* It says more than what was said before. */
	if (!unit->executions)
		ww_draft__say(draft, NULL);
	show_control(unit, draft, "PREPARE", statement);
	ww_statement__put(statement);
}

static struct ww_postgres_portal *find_portal(struct ww_postgres *postgres, uint64_t key)
{
	for (size_t i = 0; i < WW_POSTGRES_PORTALS; i++) {
		if (postgres->portals[i].key == key)
			return &postgres->portals[i];
	}
	return NULL;
}

static void set_portal(struct ww_postgres *postgres, const struct ww_postgres_portal *as)
{
	struct ww_postgres_portal *portal = find_portal(postgres, as->key);

	if (!portal)
		portal = &postgres->portals[postgres->next_portal++ % WW_POSTGRES_PORTALS];
	ww_statement__hold(as->statement);
	ww_statement__put(portal->statement);
	*portal = *as;
}

/* How many values a Bind has, behind the formats of them. */
static uint16_t count_parameters(const uint8_t *at, const uint8_t *end)
{
	size_t formats;

	if (end - at < 2)
		return 0;
	formats = (size_t)(at[0] << 8 | at[1]);
	at += 2;
	if ((size_t)(end - at) < 2 * formats + 2)
		return 0;
	at += 2 * formats;
	return (uint16_t)(at[0] << 8 | at[1]);
}

void ww_postgres__bind(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
		       const struct ww_message *message)
{
	const uint8_t *at = message->body, *end = at + message->have;
	struct ww_postgres_portal portal = {0};
	uint64_t name, begin;

	if (!take_name(&at, end, &portal.key))
		return;
	if (!take_name(&at, end, &name)) {
		set_portal(postgres, &portal);
		return;
	}
	portal.statement = ww_prepared__get(&postgres->prepared, name);
	/* The unnamed one is another one each time. */
	if (name != WW_HASH_BEGIN)
		portal.name = name;
	portal.parameters = count_parameters(at, end);
	begin = portal.statement ? portal.statement->arguments : portal.name;
	if (begin && message->have == message->len) {
		portal.arguments = ww_hash__add(WW_HASH_BEGIN, &begin, sizeof(begin));
		portal.arguments = ww_hash__add(portal.arguments, at, (size_t)(end - at)) ?: 1;
	}
	set_portal(postgres, &portal);
	show_control(unit, draft, "BIND", portal.statement);
}

void ww_postgres__describe(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			   const struct ww_message *message)
{
	const uint8_t *at = message->body, *end = at + message->have;
	struct ww_statement *statement = NULL;
	uint64_t key;

	if (message->have && *at++ == 'S' && take_name(&at, end, &key))
		statement = ww_prepared__get(&postgres->prepared, key);
	show_control(unit, draft, "DESCRIBE", statement);
}

void ww_postgres__add_execution(struct ww_postgres_unit *unit, struct ww_draft *draft, struct ww_statement *statement,
				bool fetches)
{
	const uint16_t does = WW_OPERATION_READ | WW_OPERATION_WRITE | WW_OPERATION_CONTROL | WW_OPERATION_FETCH;
	bool first = !unit->named, control = statement && statement->flags & WW_OPERATION_CONTROL;
	uint64_t shown = statement ? ww_hash__add(WW_HASH_BEGIN, statement->text, statement->len) : 0;

	unit->named = true;
	if (first) {
		draft->flags &= (uint16_t)~WW_OPERATION_CONTROL;
		ww_draft__say(draft, statement); /* what was said before may be of another one */
	}
	if (!first && !control && !(draft->flags & WW_OPERATION_CONTROL))
		draft->flags |= WW_OPERATION_BATCH;
	if (first || (draft->flags & WW_OPERATION_CONTROL && !control)) {
		/* BEGIN that goes along with a statement does not name the two. */
		draft->flags &= (uint16_t)~WW_OPERATION_CONTROL;
		if (fetches || !first)
			set_summary(draft, fetches ? "FETCH" : "", statement ? statement->summary : "");
		draft->flags |= statement ? statement->flags & (does | WW_OPERATION_BATCH) : 0;
	} else if (!control && statement) {
		draft->flags |= statement->flags & does;
	}
	if (statement && statement->prepared && !control) {
		draft->flags |= WW_OPERATION_UNSEEN;
		draft->prepared = statement->prepared;
	}
	if (fetches)
		draft->flags |= WW_OPERATION_FETCH;
	if (draft->flags & WW_OPERATION_WRITE)
		draft->flags &= (uint16_t)~WW_OPERATION_READ;
	if (statement && !first && !*ww_draft__statement(draft))
		set_statement(draft, statement->text, statement->len, statement);
	else if (statement && !first && statement->len && shown != unit->shown)
		add_statement(draft, statement);
	unit->shown = shown;
}

/* What it is, its answer may tell. */
static void put_off(struct ww_postgres_unit *unit, struct ww_draft *draft, const struct ww_postgres_portal *portal,
		    bool fetches)
{
	if (!unit->named) {
		ww_draft__say(draft, NULL);
		ww_draft__set_summary(draft, "EXECUTE");
		draft->flags &= (uint16_t)~WW_OPERATION_CONTROL;
	}
	draft->flags |= WW_OPERATION_UNSEEN;
	draft->prepared = portal->name;
	if (unit->unseen_len == WW_POSTGRES_UNSEEN_MAX) {
		draft->flags |= WW_OPERATION_BATCH;
		return;
	}
	unit->unseen[unit->unseen_len++] = (struct ww_postgres_unseen){
		.name = portal->name,
		.index = unit->executions,
		.parameters = portal->parameters,
		.fetches = fetches,
	};
}

void ww_postgres__execute(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			  const struct ww_message *message)
{
	const uint8_t *at = message->body;
	struct ww_postgres_portal *portal = NULL;
	uint64_t key, arguments;
	bool fetches, control;

	if (take_name(&at, at + message->have, &key))
		portal = find_portal(postgres, key);
	arguments = portal ? portal->arguments : 0;
	control = portal && portal->statement && portal->statement->flags & WW_OPERATION_CONTROL;
	fetches = portal && portal->executed;
	if (portal)
		portal->executed = true;
	/* BEGIN that goes along asks for nothing. */
	if (!control) {
		if (!arguments)
			unit->unknown = true;
		unit->arguments =
			unit->asks ? ww_hash__add(unit->arguments, &arguments, sizeof(arguments)) ?: 1 : arguments;
		unit->asks = true;
	}
	draft->arguments = unit->unknown ? 0 : unit->arguments;
	if (portal && portal->name && !portal->statement)
		put_off(unit, draft, portal, fetches);
	else
		ww_postgres__add_execution(unit, draft, portal ? portal->statement : NULL, fetches);
	unit->executions++;
}

void ww_postgres__execute_unseen(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft)
{
	const struct ww_statement *statement = ww_prepared__get(&postgres->prepared, unit->parsed);

	if (unit->executions || !statement)
		return;
	unit->executions++;
	unit->named = true;
	draft->flags &= (uint16_t)~WW_OPERATION_CONTROL;
	draft->flags |= statement->flags;
	ww_draft__set_summary(draft, statement->summary);
}

void ww_postgres__close(struct ww_postgres *postgres, struct ww_postgres_unit *unit, struct ww_draft *draft,
			const struct ww_message *message)
{
	const uint8_t *at = message->body, *end = at + message->have;
	uint64_t key;

	if (message->have && *at++ == 'S' && take_name(&at, end, &key))
		ww_prepared__set(&postgres->prepared, key, 0, NULL);
	show_control(unit, draft, "CLOSE", NULL);
}

bool ww_postgres__error(struct ww_draft *draft, const struct ww_message *message)
{
	const uint8_t *at = message->body, *end = at + message->have;
	bool fatal = false;
	const char *text;
	size_t len;

	while (at < end && *at) {
		uint8_t field = *at++;

		if (!take_string(&at, end, &text, &len))
			break;
		/* S is in the server's language; servers before 9.6 have no V. */
		if (field == 'V' || field == 'S')
			fatal = fatal || (len == 5 && (!memcmp(text, "FATAL", 5) || !memcmp(text, "PANIC", 5)));
		else if (field == 'C' && len == 5 && draft && !draft->error[0])
			ww_draft__set_error(draft, text, len);
	}
	/* Its code is not at hand. */
	if (draft && !draft->error[0])
		ww_draft__set_error(draft, "error", strlen("error"));
	return fatal;
}

static void forget_portals(struct ww_postgres *postgres)
{
	for (size_t i = 0; i < WW_POSTGRES_PORTALS; i++) {
		ww_statement__put(postgres->portals[i].statement);
		postgres->portals[i] = (struct ww_postgres_portal){0};
	}
}

void ww_postgres__forget_unnamed(struct ww_postgres *postgres)
{
	ww_prepared__set(&postgres->prepared, WW_HASH_BEGIN, 0, NULL); /* the hash of no bytes */
	forget_portals(postgres);
}

void ww_postgres__forget(struct ww_postgres *postgres)
{
	forget_portals(postgres);
	ww_prepared__free(&postgres->prepared);
}
