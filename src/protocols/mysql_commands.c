/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What packets of MySQL and MariaDB say. */
#include <stdio.h>
#include <string.h>

#include "protocols/mysql_parts.h"
#include "util/bytes.h"

#define NEWEST 0xffffffff /* MariaDB: the statement whose number has not come yet */

static uint32_t little_endian(const uint8_t *at, size_t len)
{
	uint32_t number = 0;

	for (size_t i = len; i-- > 0;)
		number = number << 8 | at[i];
	return number;
}

bool ww_mysql__number(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
	size_t len;

	if (*at == end)
		return false;
	switch (**at) {
	case 0xfc:
		len = 2;
		break;
	case 0xfd:
		len = 3;
		break;
	case 0xfe:
		len = 8;
		break;
	default:
		*number = *(*at)++;
		return true;
	}
	if ((size_t)(end - *at) < 1 + len)
		return false;
	*number = len == 8 ? (uint64_t)ww_le32(*at + 5) << 32 | ww_le32(*at + 1) : little_endian(*at + 1, len);
	*at += 1 + len;
	return true;
}

bool ww_mysql__status(const struct ww_message *message, uint16_t *status)
{
	const uint8_t *at = message->body + 1, *end = message->body + message->have;
	uint64_t number;

	if (message->len == 5 && message->have == 5 && message->body[0] == 0xfe) {
		*status = (uint16_t)little_endian(at + 2, 2);
		return true;
	}
	if (!message->have || !ww_mysql__number(&at, end, &number) || !ww_mysql__number(&at, end, &number) ||
	    end - at < 2)
		return false;
	*status = (uint16_t)little_endian(at, 2);
	return true;
}

bool ww_mysql__greeting(const struct ww_message *message, uint32_t *capabilities)
{
	const uint8_t *end = message->body + message->have, *nul;

	if (message->have < 2 || message->body[0] != 10)
		return false;
	nul = memchr(message->body, '\0', message->have);
	/* Behind the version: the connection's number, 8 bytes of a challenge, one of nothing. */
	if (!nul || end - nul < 1 + 4 + 8 + 1 + 2)
		return false;
	nul += 1 + 4 + 8 + 1;
	*capabilities = little_endian(nul, 2);
	if (end - nul >= 7)
		*capabilities |= little_endian(nul + 5, 2) << 16;
	return true;
}

void ww_mysql__error(struct ww_draft *draft, const struct ww_message *message)
{
	const uint8_t *at = message->body;
	char text[32];
	int len;

	if (!draft || draft->error[0])
		return;
	/* Its code is not at hand. */
	if (message->have < 3) {
		ww_draft__set_error(draft, "error", strlen("error"));
		return;
	}
	len = snprintf(text, sizeof(text), "%u", little_endian(at + 1, 2));
	if (message->have >= 9 && at[3] == '#')
		len = snprintf(text, sizeof(text), "%u (%.5s)", little_endian(at + 1, 2), (const char *)at + 4);
	ww_draft__set_error(draft, text, (size_t)len);
}

static void set(struct ww_draft *draft, const char *before, const char *summary, uint16_t flags)
{
	char text[WW_SUMMARY_SIZE + 16];

	snprintf(text, sizeof(text), "%s%s%s", before, *before && *summary ? " " : "", summary);
	ww_draft__set_summary(draft, text);
	draft->flags |= flags;
}

static struct ww_statement *read_sql(const struct ww_mysql *mysql, const struct ww_message *message,
				     uint64_t *arguments)
{
	const uint8_t *at = message->body + 1, *end = message->body + message->have;

	/* Attributes: of a query without any, their number and that of their sets. No statement begins with a NUL. */
	if (end - at >= 2 && at[0] == 0 && at[1] == 1)
		at += 2;
	return ww_sql_shapes__read(mysql->shapes, mysql->plain ? WW_SQL_MYSQL_PLAIN : WW_SQL_MYSQL, (const char *)at,
				   (size_t)(end - at), message->have < message->len, arguments);
}

static void query(const struct ww_mysql *mysql, struct ww_draft *draft, const struct ww_message *message)
{
	struct ww_statement *statement = read_sql(mysql, message, &draft->arguments);

	if (!statement)
		return;
	ww_draft__say(draft, statement);
	draft->flags |= statement->flags;
	ww_statement__put(statement);
}

static void prepare(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
		    const struct ww_message *message)
{
	uint64_t arguments;
	struct ww_statement *alike = read_sql(mysql, message, &arguments);

	unit->statement = alike ? ww_statement__copy(alike, arguments) : NULL;
	ww_statement__put(alike);
	ww_statement__put(mysql->newest);
	mysql->newest = ww_statement__hold(unit->statement);
	ww_draft__say(draft, unit->statement);
	set(draft, "PREPARE", unit->statement ? unit->statement->summary : "", WW_OPERATION_CONTROL);
}

/*
 * A hash over the values. Behind the bits of those that are NULL it says whether their types follow, which clients send
 * once, or each time: they say nothing of the values.
 */
static uint64_t hash_values(uint64_t begin, const uint8_t *at, const uint8_t *end, size_t parameters)
{
	const size_t nulls = (parameters + 7) / 8;
	uint64_t hash = ww_hash__add(WW_HASH_BEGIN, &begin, sizeof(begin));

	if (parameters && (size_t)(end - at) > nulls) {
		const uint8_t *types = at + nulls + 1;

		hash = ww_hash__add(hash, at, nulls);
		at = types[-1] == 1 && (size_t)(end - types) >= 2 * parameters ? types + 2 * parameters : types;
	}
	return ww_hash__add(hash, at, (size_t)(end - at)) ?: 1;
}

static void execute(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
		    const struct ww_message *message)
{
	/* The number of the statement, flags, and in all but bulks how often. */
	const size_t parameters = message->body[0] == WW_MYSQL_STMT_EXECUTE ? 10 : 5;
	struct ww_statement *statement;
	uint64_t arguments;
	uint32_t id;

	if (message->have < 5)
		return;
	id = ww_le32(message->body + 1);
	statement = id == NEWEST ? mysql->newest : ww_prepared__get(&mysql->prepared, id);
	if (message->body[0] == WW_MYSQL_STMT_BULK_EXECUTE)
		draft->flags |= WW_OPERATION_BATCH;
	if (statement) {
		ww_draft__say(draft, statement);
		draft->flags |= statement->flags;
		draft->prepared = statement->prepared;
	} else if (id != NEWEST) {
		set(draft, "EXECUTE", "", WW_OPERATION_UNSEEN);
		draft->prepared = id + 1ull;
		unit->unseen = true;
	}
	arguments = statement ? statement->arguments : draft->prepared;
	if (arguments && message->have == message->len && message->have >= parameters && mysql->long_data != id + 1ull)
		draft->arguments = hash_values(arguments, message->body + parameters, message->body + message->have,
					       statement ? statement->parameters : 0);
	mysql->long_data = 0;
}

static void fetch(const struct ww_mysql *mysql, struct ww_draft *draft, const struct ww_message *message)
{
	struct ww_statement *statement = NULL;

	if (message->have >= 5)
		statement = ww_prepared__get(&mysql->prepared, ww_le32(message->body + 1));
	ww_draft__say(draft, statement);
	set(draft, "FETCH", statement ? statement->summary : "", WW_OPERATION_READ | WW_OPERATION_FETCH);
}

bool ww_mysql__command(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
		       const struct ww_message *message)
{
	unit->command = message->body[0];
	switch (unit->command) {
	case WW_MYSQL_STMT_SEND_LONG_DATA:
		if (message->have >= 5)
			mysql->long_data = ww_le32(message->body + 1) + 1ull;
		return false;
	case WW_MYSQL_STMT_CLOSE:
		if (message->have >= 5)
			ww_prepared__set(&mysql->prepared, ww_le32(message->body + 1), 0, NULL);
		return false;
	case WW_MYSQL_QUIT:
		return false;
	case WW_MYSQL_QUERY:
		query(mysql, draft, message);
		return true;
	case WW_MYSQL_STMT_PREPARE:
		prepare(mysql, unit, draft, message);
		return true;
	case WW_MYSQL_STMT_EXECUTE:
	case WW_MYSQL_STMT_BULK_EXECUTE:
		execute(mysql, unit, draft, message);
		return true;
	case WW_MYSQL_STMT_FETCH:
		fetch(mysql, draft, message);
		unit->phase = WW_MYSQL_ROWS;
		return true;
	case WW_MYSQL_INIT_DB:
		set(draft, "USE", "", WW_OPERATION_CONTROL);
		return true;
	case WW_MYSQL_PING:
		set(draft, "PING", "", WW_OPERATION_CONTROL);
		return true;
	case WW_MYSQL_CHANGE_USER:
		set(draft, "CHANGE USER", "", WW_OPERATION_CONTROL);
		return true;
	case WW_MYSQL_STMT_RESET:
	case WW_MYSQL_RESET_CONNECTION:
		set(draft, "RESET", "", WW_OPERATION_CONTROL);
		return true;
	case WW_MYSQL_SET_OPTION:
		set(draft, "SET", "", WW_OPERATION_CONTROL);
		return true;
	case WW_MYSQL_PROCESS_KILL:
		set(draft, "KILL", "", WW_OPERATION_CONTROL);
		return true;
	case WW_MYSQL_FIELD_LIST:
	case WW_MYSQL_STATISTICS:
	case WW_MYSQL_PROCESS_INFO:
		set(draft, "SHOW", "", WW_OPERATION_READ);
		return true;
	case WW_MYSQL_BINLOG_DUMP:
	case WW_MYSQL_BINLOG_DUMP_GTID:
		set(draft, "BINLOG DUMP", "", WW_OPERATION_READ | WW_OPERATION_BLOCKING);
		unit->phase = WW_MYSQL_ROWS;
		return true;
	default:
		return true; /* answered like most: by OK, or by an error */
	}
}
