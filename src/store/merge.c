/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/merge.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/merge_parts.h"
#include "store/schema.h"
#include "store/unfinished.h"
#include "util/version.h"

#define FACTS_SIZE 512

/* What is said of the whole. */
struct facts {
	char host[FACTS_SIZE], kernel[FACTS_SIZE], stand_ins[FACTS_SIZE], settings[FACTS_SIZE];
	int64_t cpus; /* of different hosts */
	int64_t start_unix_ns, end_unix_ns, observed_until_ns, unobserved_ns;
	int64_t gap_from_ns; /* until the last source began nothing was observed; 0: there is no gap before it */
	bool unended;
};

struct message {
	char *text;
	size_t size;
};

static int fail(const struct message *message, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(const struct message *message, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message->text, message->size, format, args);
	va_end(args);
	return err;
}

/* A single number that a query gives; -1: none. */
static int64_t ask(sqlite3 *db, const char *query)
{
	sqlite3_stmt *statement = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(db, query, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

static int compare_starts(const void *left, const void *right)
{
	const struct ww_recording *const *a = left, *const *b = right;

	return ((*a)->start_unix_ns > (*b)->start_unix_ns) - ((*a)->start_unix_ns < (*b)->start_unix_ns);
}

/* Ids that are vacant make no difference here. */
static int64_t version_of(const struct ww_recording *recording)
{
	int64_t version = ask(recording->db, "PRAGMA user_version");

	return version == WW_SCHEMA_VERSION_VACANT ? WW_SCHEMA_VERSION : version;
}

/* Opened, in the order of their starts. What is in *sources is the caller's, also on failure. */
static int open_all(const char *const *in, size_t len, struct ww_recording **sources, const struct message *message)
{
	for (size_t i = 0; i < len; i++) {
		int err = ww_recording__open(&sources[i], in[i], message->text, message->size);

		if (err)
			return err;
	}
	qsort(sources, len, sizeof(*sources), compare_starts);
	for (size_t i = 0; i < len; i++) {
		const struct ww_recording *a = sources[i];

		if (version_of(a) != version_of(sources[0]))
			return fail(message, -EINVAL, "%s and %s have different versions of the recording's schema",
				    sources[0]->path, a->path);
		if (a->interval_ns != sources[0]->interval_ns)
			return fail(message, -EINVAL, "%s and %s have intervals of different length", sources[0]->path,
				    a->path);
		for (size_t j = 0; j < i; j++) {
			const struct ww_recording *b = sources[j];

			if (a->start_unix_ns == b->start_unix_ns && !strcmp(a->host, b->host))
				return fail(message, -EINVAL,
					    "%s and %s are the same recording: its requests would count twice", b->path,
					    a->path);
		}
	}
	return 0;
}

/* "a, b": each once. */
static void join(char all[FACTS_SIZE], const char *one)
{
	size_t len = strlen(all), one_len = strlen(one);
	const char *at = all;

	while ((at = strstr(at, one)) && one_len) {
		if ((at == all || at[-1] == ' ') && (!at[one_len] || at[one_len] == ','))
			return;
		at++;
	}
	if (one_len)
		snprintf(all + len, FACTS_SIZE - len, "%s%s", len ? ", " : "", one);
}

/* Whether one that was merged before is of that host. */
static bool is_known_host(struct ww_recording *const *sources, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(sources[i]->host, sources[at]->host))
			return true;
	return false;
}

static void add_facts(struct facts *facts, struct ww_recording *const *sources, size_t at)
{
	const struct ww_recording *source = sources[at];

	if (!is_known_host(sources, at))
		facts->cpus += source->cpus;
	join(facts->host, source->host);
	join(facts->kernel, source->kernel);
	join(facts->stand_ins, source->stand_ins ? source->stand_ins : "");
	join(facts->settings, source->settings ? source->settings : "");
	facts->unended |= source->unended;
	if (!at) {
		facts->start_unix_ns = source->start_unix_ns;
		facts->observed_until_ns = source->start_unix_ns;
	}
	/* They come in the order of their starts. */
	facts->gap_from_ns = 0;
	if (source->start_unix_ns - facts->observed_until_ns > WW_MERGE_GAP_NS) {
		facts->gap_from_ns = facts->observed_until_ns;
		facts->unobserved_ns += source->start_unix_ns - facts->observed_until_ns;
	}
	if (source->end_unix_ns > facts->observed_until_ns)
		facts->observed_until_ns = source->end_unix_ns;
	facts->end_unix_ns = facts->observed_until_ns;
}

static int put_facts(struct ww_rows *rows, const struct facts *facts, int64_t interval_ns)
{
	int rc = ww_rows__put_meta(rows, "whywait", ww_version);

	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(rows, "host", facts->host);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(rows, "kernel", facts->kernel);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(rows, "stand_ins", facts->stand_ins);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta(rows, "settings", facts->settings);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(rows, "cpus", facts->cpus);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(rows, "interval_ns", interval_ns);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(rows, "start_unix_ns", facts->start_unix_ns);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(rows, "end_unix_ns", facts->end_unix_ns);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(rows, "ended", !facts->unended);
	return rc;
}

/* The source beside the result, for reading only. */
static int attach(sqlite3 *db, const struct ww_recording *source)
{
	char *absolute = realpath(source->path, NULL), *uri = malloc(absolute ? 3 * strlen(absolute) + 64 : 64);
	sqlite3_stmt *statement = NULL;
	int rc = absolute && uri ? SQLITE_OK : SQLITE_NOMEM;

	if (rc == SQLITE_OK) {
		char *at = uri + sprintf(uri, "file:");

		for (const char *from = absolute; *from; from++)
			at += sprintf(at, strchr("?#%", *from) ? "%%%02X" : "%c", (unsigned char)*from);
		strcpy(at, "?mode=ro");
		rc = sqlite3_prepare_v2(db, "ATTACH ? AS source", -1, &statement, NULL);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, uri, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	sqlite3_finalize(statement);
	free(absolute);
	free(uri);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Where one of them went on for long, or nothing was observed between two, so it is with what is made of them. */
static bool any_has_gaps(struct ww_recording *const *sources, size_t len)
{
	int64_t until = sources[0]->start_unix_ns;

	for (size_t i = 0; i < len; i++) {
		if (sources[i]->has_gaps || sources[i]->start_unix_ns - until > WW_MERGE_GAP_NS)
			return true;
		if (sources[i]->end_unix_ns > until)
			until = sources[i]->end_unix_ns;
	}
	return false;
}

static int put_gap(sqlite3 *db, int64_t from, int64_t to)
{
	char query[128];

	snprintf(query, sizeof(query), "INSERT INTO main.gap VALUES (%lld, %lld)", (long long)from, (long long)to);
	return sqlite3_exec(db, query, NULL, NULL, NULL);
}

static bool is_one_host(struct ww_recording *const *sources, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (strcmp(sources[i]->host, sources[0]->host) != 0)
			return false;
	return true;
}

static int merge_one(struct ww_merging *merging, struct ww_recording *source, bool same_host)
{
	int rc = attach(merging->db, source), last;

	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_exec(merging->db, "BEGIN", NULL, NULL, NULL);
	if (rc == SQLITE_OK &&
	    ask(merging->db, "SELECT count(*) FROM (SELECT id, name FROM source.kind EXCEPT SELECT id, name FROM "
			     "main.kind)") != 0)
		rc = SQLITE_MISMATCH;
	if (rc == SQLITE_OK)
		rc = ww_merge__tables(merging, source, same_host);
	if (rc == SQLITE_OK && merging->goes_on)
		rc = ww_merge__gaps(merging, source);
	if (rc == SQLITE_OK)
		rc = ww_merge__stacks(merging);
	if (rc == SQLITE_OK)
		rc = ww_merge__journal(merging, source);
	last = sqlite3_exec(merging->db, rc == SQLITE_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
	rc = rc == SQLITE_OK ? last : rc;
	last = sqlite3_exec(merging->db, "DETACH source", NULL, NULL, NULL);
	return rc == SQLITE_OK ? last : rc;
}

static int create(struct ww_merging *merging, const char *path)
{
	char settings[256];
	int rc = sqlite3_open_v2(path, &merging->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
				 NULL);

	/* It is nothing before it has its name: no journal is needed. */
	snprintf(settings, sizeof(settings),
		 "PRAGMA application_id = %d; PRAGMA user_version = %d; PRAGMA journal_mode = OFF;"
		 "PRAGMA cache_size = -16384; PRAGMA temp_store = FILE; BEGIN;",
		 WW_SCHEMA_APPLICATION, WW_SCHEMA_VERSION);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(merging->db, settings, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(merging->db, ww_schema_create, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ww_rows__prepare(&merging->rows, merging->db, false);
	for (uint32_t kind = 0; rc == SQLITE_OK && kind < WW_KIND_COUNT; kind++)
		rc = ww_rows__put_kind(&merging->rows, kind);
	return rc == SQLITE_OK ? ww_rows__run(&merging->rows, WW_STATEMENT_COMMIT) : rc;
}

static int describe(const struct message *message, const char *path, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_MISMATCH:
		return fail(message, -EINVAL, "%s has other kinds of time than this version: it can't be merged", path);
	case SQLITE_CONSTRAINT:
	case SQLITE_CORRUPT:
	case SQLITE_ERROR:
		return fail(message, -EBADMSG,
			    "%s is truncated or corrupt; copy it again from where it was recorded, or record anew",
			    path);
	case SQLITE_FULL:
		return fail(message, -ENOSPC, "%s: the disk is full", path);
	case SQLITE_NOMEM:
		return fail(message, -ENOMEM, "%s: out of memory", path);
	default:
		return fail(message, -EIO, "%s: %s", path, sqlite3_errstr(rc));
	}
}

/* Into a new file. */
static int merge_into(const char *path, struct ww_recording **sources, size_t len, struct ww_merged *merged,
		      const struct message *message)
{
	struct ww_merging merging = {0};
	struct facts facts = {0};
	int rc = create(&merging, path);
	const char *at = path;

	merging.goes_on = any_has_gaps(sources, len);
	merging.one_host = is_one_host(sources, len);
	if (rc == SQLITE_OK && merging.goes_on)
		rc = sqlite3_exec(merging.db, ww_schema_goes_on, NULL, NULL, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < len; i++) {
		at = sources[i]->path;
		add_facts(&facts, sources, i);
		if (facts.gap_from_ns)
			rc = put_gap(merging.db, facts.gap_from_ns, sources[i]->start_unix_ns);
		if (rc == SQLITE_OK)
			rc = merge_one(&merging, sources[i], is_known_host(sources, i));
	}
	if (rc == SQLITE_OK) {
		at = path;
		rc = ww_merge__requests(&merging);
	}
	if (rc == SQLITE_OK)
		rc = put_facts(&merging.rows, &facts, sources[0]->interval_ns);
	merged->unobserved_ns = facts.unobserved_ns;
	merged->requests =
		rc == SQLITE_OK ? (uint64_t)ask(merging.db, "SELECT coalesce(sum(requests), 0) FROM endpoint_interval")
				: 0;
	ww_rows__free(&merging.rows);
	if (sqlite3_close(merging.db) != SQLITE_OK && rc == SQLITE_OK)
		rc = SQLITE_IOERR;
	return rc == SQLITE_OK ? 0 : describe(message, at, rc);
}

int ww_merge(const char *out, const char *const *in, size_t len, struct ww_merged *merged, char *message,
	     size_t message_size)
{
	const struct message says = {message, message_size};
	struct ww_recording **sources = calloc(len + 1, sizeof(*sources));
	char path[PATH_MAX];
	int err, file = -1;

	if (!sources)
		return fail(&says, -ENOMEM, "out of memory");
	err = open_all(in, len, sources, &says);
	if (!err && !access(out, F_OK))
		err = fail(&says, -EEXIST, "%s exists: merge into another file, or remove it", out);
	if (!err && snprintf(path, sizeof(path), "%s.merging", out) >= (int)sizeof(path))
		err = fail(&says, -ENAMETOOLONG, "can't write %s: its name is too long", out);
	if (!err) {
		file = ww_unfinished__create(path);
		if (file == -EEXIST)
			err = fail(
				&says, file,
				"%s exists: another merge is at work on it, or was killed and left it: then remove it",
				path);
		else if (file < 0)
			err = fail(&says, file, "can't write %s: %s", path, strerror(-file));
	}
	if (file >= 0) {
		err = merge_into(path, sources, len, merged, &says);
		if (!err && fsync(file))
			err = fail(&says, -errno, "can't write %s: %s", path, strerror(errno));
		/* Never over another file. */
		if (!err && link(path, out))
			err = fail(&says, -errno, "can't write %s: %s", out, strerror(errno));
		ww_unfinished__remove(file);
	}
	for (size_t i = 0; i < len; i++)
		ww_recording__close(sources[i]);
	free(sources);
	return err;
}
