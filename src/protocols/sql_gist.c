/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a statement does, and to what, from its tokens. */
#include <string.h>
#include <strings.h>

#include "protocols/sql_parts.h"

enum takes {
	NOTHING,
	NEXT, /* the name that comes next is what it is done to */
	AFTER_FROM,
	AFTER_INTO,
	INTO_OR_NEXT,
	KIND, /* of thing: TABLE, INDEX, .. */
	STATEMENT,
};

static const struct verb {
	uint8_t takes; /* enum takes */
	uint16_t flags;
} verbs[WW_SQL_WORDS] = {
#define READ	WW_OPERATION_READ
#define WRITE	WW_OPERATION_WRITE
#define CONTROL WW_OPERATION_CONTROL
	[WW_SQL_SELECT] = {AFTER_FROM, READ},
	[WW_SQL_TABLE] = {NEXT, READ},
	[WW_SQL_VALUES] = {NOTHING, READ},
	[WW_SQL_SHOW] = {NOTHING, READ},
	[WW_SQL_DESC] = {NOTHING, READ},
	[WW_SQL_DESCRIBE] = {NOTHING, READ},
	[WW_SQL_FETCH] = {NOTHING, READ | WW_OPERATION_FETCH},
	[WW_SQL_MOVE] = {NOTHING, READ | WW_OPERATION_FETCH},
	[WW_SQL_INSERT] = {INTO_OR_NEXT, WRITE},
	[WW_SQL_REPLACE] = {INTO_OR_NEXT, WRITE},
	[WW_SQL_MERGE] = {INTO_OR_NEXT, WRITE},
	[WW_SQL_UPDATE] = {NEXT, WRITE},
	[WW_SQL_DELETE] = {AFTER_FROM, WRITE},
	[WW_SQL_LOAD] = {AFTER_INTO, WRITE},
	[WW_SQL_TRUNCATE] = {NEXT, WRITE},
	[WW_SQL_COPY] = {NEXT, 0}, /* its direction says which */
	[WW_SQL_CREATE] = {KIND, WRITE},
	[WW_SQL_ALTER] = {KIND, WRITE},
	[WW_SQL_DROP] = {KIND, WRITE},
	[WW_SQL_RENAME] = {KIND, WRITE},
	[WW_SQL_COMMENT] = {NOTHING, WRITE},
	[WW_SQL_GRANT] = {NOTHING, WRITE},
	[WW_SQL_REVOKE] = {NOTHING, WRITE},
	[WW_SQL_REFRESH] = {NOTHING, WRITE},
	[WW_SQL_CALL] = {NEXT, 0},
	[WW_SQL_EXECUTE] = {NEXT, 0},
	[WW_SQL_DO] = {NOTHING, 0},
	[WW_SQL_HANDLER] = {NEXT, READ},
	[WW_SQL_ANALYZE] = {NOTHING, 0},
	[WW_SQL_VACUUM] = {NOTHING, 0},
	[WW_SQL_REINDEX] = {NOTHING, 0},
	[WW_SQL_CLUSTER] = {NOTHING, 0},
	[WW_SQL_OPTIMIZE] = {NOTHING, 0},
	[WW_SQL_REPAIR] = {NOTHING, 0},
	[WW_SQL_CHECK] = {NOTHING, 0},
	[WW_SQL_WITH] = {STATEMENT, 0},
	[WW_SQL_EXPLAIN] = {STATEMENT, READ},
	[WW_SQL_DECLARE] = {STATEMENT, READ},
	[WW_SQL_PREPARE] = {STATEMENT, CONTROL},
	[WW_SQL_BEGIN] = {NOTHING, CONTROL},
	[WW_SQL_START] = {NOTHING, CONTROL},
	[WW_SQL_COMMIT] = {NOTHING, CONTROL},
	[WW_SQL_END] = {NOTHING, CONTROL},
	[WW_SQL_ABORT] = {NOTHING, CONTROL},
	[WW_SQL_ROLLBACK] = {NOTHING, CONTROL},
	[WW_SQL_SAVEPOINT] = {NOTHING, CONTROL},
	[WW_SQL_RELEASE] = {NOTHING, CONTROL},
	[WW_SQL_SET] = {NOTHING, CONTROL},
	[WW_SQL_RESET] = {NOTHING, CONTROL},
	[WW_SQL_USE] = {NOTHING, CONTROL},
	[WW_SQL_LOCK] = {NEXT, CONTROL},
	[WW_SQL_UNLOCK] = {NOTHING, CONTROL},
	[WW_SQL_DEALLOCATE] = {NOTHING, CONTROL},
	[WW_SQL_CLOSE] = {NOTHING, CONTROL},
	[WW_SQL_LISTEN] = {NEXT, CONTROL},
	[WW_SQL_UNLISTEN] = {NEXT, CONTROL},
	[WW_SQL_NOTIFY] = {NEXT, CONTROL},
	[WW_SQL_DISCARD] = {NOTHING, CONTROL},
	[WW_SQL_CHECKPOINT] = {NOTHING, CONTROL},
	[WW_SQL_KILL] = {NOTHING, CONTROL},
	[WW_SQL_FLUSH] = {NOTHING, CONTROL},
	[WW_SQL_XA] = {NOTHING, CONTROL},
#undef READ
#undef WRITE
#undef CONTROL
};

/* Those that are neither read nor written of a kind that flags tell. */
static bool is_other_verb(enum ww_sql_word word)
{
	switch (word) {
	case WW_SQL_DO:
	case WW_SQL_ANALYZE:
	case WW_SQL_VACUUM:
	case WW_SQL_REINDEX:
	case WW_SQL_CLUSTER:
	case WW_SQL_OPTIMIZE:
	case WW_SQL_REPAIR:
	case WW_SQL_CHECK:
		return true;
	default:
		return false;
	}
}

bool ww_sql__is_verb(enum ww_sql_word word)
{
	return verbs[word].flags || verbs[word].takes || is_other_verb(word);
}

static bool is_main_verb(enum ww_sql_word word)
{
	switch (word) {
	case WW_SQL_SELECT:
	case WW_SQL_INSERT:
	case WW_SQL_REPLACE:
	case WW_SQL_UPDATE:
	case WW_SQL_DELETE:
	case WW_SQL_MERGE:
	case WW_SQL_VALUES:
	case WW_SQL_TABLE:
	case WW_SQL_EXECUTE:
		return true;
	default:
		return false;
	}
}

static void begin_verb(struct ww_sql_gist *gist, enum ww_sql_word word, unsigned int depth)
{
	gist->verb = word;
	gist->with = word == WW_SQL_WITH;
	/* What is explained may be run, or not; what is prepared or declared is not yet. */
	if (!gist->outer)
		gist->flags |= verbs[word].flags;
	switch (verbs[word].takes) {
	case NEXT:
	case INTO_OR_NEXT:
		gist->wants = true;
		break;
	case STATEMENT:
		if (word == WW_SQL_WITH)
			break;
		gist->outer = word;
		gist->verb = WW_SQL_NONE;
		break;
	default:
		break;
	}
	if (word == WW_SQL_SELECT && depth < 64)
		gist->selects |= 1ull << depth;
}

/* CREATE OR REPLACE TEMPORARY TABLE: the kind is a word of these. */
static bool is_kind(const char *text, size_t len)
{
	static const char *const kinds[] = {"TABLE",	 "INDEX",  "VIEW",	  "SEQUENCE", "FUNCTION", "PROCEDURE",
					    "TRIGGER",	 "TYPE",   "SCHEMA",	  "ROLE",     "DATABASE", "USER",
					    "EXTENSION", "DOMAIN", "PUBLICATION", "POLICY",   "SERVER",	  "SYSTEM",
					    "AGGREGATE", "EVENT",  "RULE"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strlen(kinds[i]) == len && !strncasecmp(kinds[i], text, len)) {
			return true;
		}
	}
	return false;
}

static void add_name(struct ww_sql_gist *gist, const char *text, size_t len)
{
	size_t room = sizeof(gist->name) - 1 - gist->name_len;

	if (len > room)
		len = room;
	memcpy(gist->name + gist->name_len, text, len);
	gist->name_len += len;
}

static void keyword(struct ww_sql_gist *gist, enum ww_sql_word word, unsigned int depth)
{
	const uint8_t takes = verbs[gist->verb].takes;

	if (!gist->verb || gist->with) {
		bool inside = depth > 0 && gist->with;

		if (!gist->outer && !gist->with) {
			begin_verb(gist, word, depth);
		} else if (is_main_verb(word) && !inside) {
			begin_verb(gist, word, depth);
		} else if (word == WW_SQL_WITH && !gist->with) {
			begin_verb(gist, word, depth);
		} else if (inside && !gist->outer) {
			/* WITH x AS (DELETE .. RETURNING ..) SELECT .. */
			if (gist->opened && is_main_verb(word) && word != WW_SQL_REPLACE &&
			    verbs[word].flags & WW_OPERATION_WRITE)
				gist->flags |= WW_OPERATION_WRITE;
		}
		return;
	}
	if (word == WW_SQL_SELECT && depth < 64)
		gist->selects |= 1ull << depth;
	if (gist->verb == WW_SQL_COPY && !depth && (word == WW_SQL_FROM || word == WW_SQL_TO))
		gist->flags |= word == WW_SQL_FROM ? WW_OPERATION_WRITE : WW_OPERATION_READ;
	if (gist->done)
		return;
	switch (word) {
	case WW_SQL_FROM:
		gist->wants = gist->last != WW_SQL_DISTINCT && (takes == AFTER_FROM || gist->verb == WW_SQL_COPY) &&
			      (gist->verb == WW_SQL_DELETE || (depth < 64 && gist->selects >> depth & 1));
		break;
	case WW_SQL_INTO:
		gist->wants = takes == AFTER_INTO || takes == INTO_OR_NEXT;
		break;
	case WW_SQL_SET:
	case WW_SQL_WHERE:
	case WW_SQL_VALUES:
	case WW_SQL_SELECT:
		gist->wants = false; /* there was none */
		break;
	case WW_SQL_TO:
		if (gist->verb == WW_SQL_ROLLBACK)
			add_name(gist, "TO", 2);
		break;
	default:
		break;
	}
}

static void name(struct ww_sql_gist *gist, const char *text, size_t len)
{
	if (gist->done)
		return;
	if (gist->wants || gist->dotted) {
		add_name(gist, text, len);
		gist->wants = gist->dotted = false;
	} else if (verbs[gist->verb].takes == KIND && is_kind(text, len)) {
		for (size_t i = 0; i < len && i < sizeof(gist->name) - 1; i++)
			gist->name[gist->name_len++] = (char)(text[i] & ~0x20);
		gist->done = true;
	}
}

void ww_sql_gist__token(struct ww_sql_gist *gist, enum ww_sql_token token, enum ww_sql_word word, const char *text,
			size_t len, unsigned int depth)
{
	/* The name is over, unless it goes on with a dot. */
	if (gist->name_len && token != WW_TOKEN_DOT && !gist->dotted)
		gist->done = true;
	switch (token) {
	case WW_TOKEN_KEYWORD:
		if (word == WW_SQL_TABLE && verbs[gist->verb].takes == KIND)
			name(gist, text, len);
		else
			keyword(gist, word, depth);
		break;
	case WW_TOKEN_NAME:
		name(gist, text, len);
		break;
	case WW_TOKEN_DOT:
		if (gist->name_len && !gist->done && verbs[gist->verb].takes != KIND) {
			add_name(gist, ".", 1);
			gist->dotted = true;
		}
		break;
	case WW_TOKEN_OPEN:
		/* FROM (SELECT .. FROM orders): the next FROM tells; INSERT INTO (..) is no statement. */
		gist->wants = gist->dotted = false;
		break;
	default:
		break;
	}
	if (token == WW_TOKEN_CLOSE && depth < 64)
		gist->selects &= ~(1ull << depth);
	gist->opened = token == WW_TOKEN_OPEN;
	gist->last = token == WW_TOKEN_KEYWORD ? word : WW_SQL_NONE;
}

/* Another word, as far as there is room. */
static void append(char summary[WW_SUMMARY_SIZE], const char *text, size_t len)
{
	size_t used = strlen(summary);

	if (used && len && used < WW_SUMMARY_SIZE - 1)
		summary[used++] = ' ';
	if (len > WW_SUMMARY_SIZE - 1 - used)
		len = WW_SUMMARY_SIZE - 1 - used;
	memcpy(summary + used, text, len);
	summary[used + len] = '\0';
}

void ww_sql_gist__finish(struct ww_sql_gist *gist, char summary[WW_SUMMARY_SIZE])
{
	const char *outer = gist->outer ? ww_sql__word_text(gist->outer) : "";
	const char *verb = ww_sql__word_text(gist->verb);

	if (gist->verb == WW_SQL_START)
		verb = "START TRANSACTION";
	else if (gist->with)
		verb = "WITH";
	if (gist->flags & WW_OPERATION_WRITE && !(gist->flags & WW_OPERATION_CONTROL))
		gist->flags &= (uint16_t)~WW_OPERATION_READ;
	summary[0] = '\0';
	append(summary, outer, strlen(outer));
	append(summary, verb, strlen(verb));
	if (*verb)
		append(summary, gist->name, gist->name_len);
}
