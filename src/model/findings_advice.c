/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What to do about a statement. Only what is true of it: no index helps where no table is searched. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "model/findings_parts.h"

static bool is_system(const struct ww_subject *subject, const char *system)
{
	return !strcmp(subject->system, system);
}

static bool is_sql(const struct ww_subject *subject)
{
	return is_system(subject, "postgresql") || is_system(subject, "mysql");
}

static bool is_unseen(const struct ww_subject *subject)
{
	return subject->flags & WW_OPERATION_UNSEEN;
}

static bool is_part_of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* What stands behind a word in a statement; NULL: it has none. A quoted name may be any word, and is taken for it. */
static const char *behind(const struct ww_subject *subject, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = subject->statement; (at = strcasestr(at, word)); at += len) {
		if ((at == subject->statement || !is_part_of_word(at[-1])) && !is_part_of_word(at[len]))
			return at + len;
	}
	return NULL;
}

static bool says(const struct ww_subject *subject, const char *word)
{
	return behind(subject, word);
}

static bool calls(const struct ww_subject *subject, const char *function)
{
	const char *at = behind(subject, function);

	return at && *at == '(';
}

static bool begins(const struct ww_subject *subject, const char *word)
{
	return !strncasecmp(subject->summary, word, strlen(word)) && !is_part_of_word(subject->summary[strlen(word)]);
}

static void add_unseen(struct ww_sentence *advice, const struct ww_subject *subject)
{
	if (is_unseen(subject))
		ww_sentence__add(advice, "; to see its text let the program make its connections anew meanwhile");
}

void ww_advise__rounds(struct ww_sentence *advice, const struct ww_subject *subject)
{
	if (subject->kind == WW_KIND_NET)
		ww_sentence__add(advice, "ask for all in one call");
	else if (!*subject->statement || is_system(subject, "redis") || is_system(subject, "memcached"))
		ww_sentence__add(advice, "fetch all with one command");
	else
		ww_sentence__add(advice, "fetch all with one query");
	add_unseen(advice, subject);
}

void ww_advise__repeats(struct ww_sentence *advice, const struct ww_subject *subject)
{
	ww_sentence__add(advice, "keep its first answer");
	add_unseen(advice, subject);
}

/* What is written is found by a condition, or not. */
static const char *of_write(const struct ww_subject *subject)
{
	if (begins(subject, "INSERT") || begins(subject, "REPLACE") || begins(subject, "COPY") ||
	    begins(subject, "LOAD") || begins(subject, "insert"))
		return "no index makes it faster: write several at once, and look at triggers, constraints and commits";
	if (says(subject, "WHERE"))
		return "index what it looks for, if it is not; else it waits for locks that others hold, triggers or "
		       "the disk";
	return "it changes all there is: do so in parts, or less often";
}

static const char *of_query(const struct ww_subject *subject)
{
	if (calls(subject, "pg_sleep") || calls(subject, "SLEEP"))
		return "it asks to sleep: leave that out";
	if (strcasestr(subject->statement, "pg_advisory_") || calls(subject, "GET_LOCK"))
		return "it waits for a lock that others hold: hold it for less";
	if (subject->flags & WW_OPERATION_WRITE)
		return of_write(subject);
	if (begins(subject, "CALL") || begins(subject, "EXECUTE") || begins(subject, "DO"))
		return "look into what it runs";
	if (!says(subject, "FROM"))
		return "it reads no table, so no index helps: look into what it calls";
	if (strcasestr(subject->statement, "FOR UPDATE") || strcasestr(subject->statement, "FOR SHARE"))
		return "index it; or it waits for locks that others hold: hold them for less";
	if (says(subject, "WHERE") || subject->flags & WW_OPERATION_CUT)
		return "index it";
	if (says(subject, "LIMIT") && says(subject, "ORDER"))
		return "index what it is sorted by";
	return "it has no condition, so no index helps: ask for less, or keep its answer";
}

static const char *of_documents(const struct ww_subject *subject)
{
	const char *shape = strchr(subject->statement, '{');

	if (begins(subject, "insert"))
		return of_write(subject);
	return shape && strncmp(shape, "{}", 2) != 0
		       ? "index it"
		       : "it has no condition, so no index helps: ask for less, or keep its answer";
}

void ww_advise__slow(struct ww_sentence *advice, const struct ww_subject *subject)
{
	if (is_unseen(subject))
		ww_sentence__add(advice, "find out what it is and how it is planned");
	else if (is_sql(subject) && *subject->statement)
		ww_sentence__add(advice, "%s", of_query(subject));
	else if (is_system(subject, "mongodb"))
		ww_sentence__add(advice, "%s", of_documents(subject));
	else
		ww_sentence__add(advice, "ask for less at a time");
	add_unseen(advice, subject);
}
