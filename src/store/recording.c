/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/file.h"
#include "store/read.h"
#include "store/schema.h"

#define BUSY_TIMEOUT_MS 5000
#define STEPS_UNASKED	1000 /* of SQLite's machine, after which a reader is asked whether it gives up */

int ww_recording__fail(struct ww_recording *recording, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* a table or column that has to be there is not */
		snprintf(recording->message, sizeof(recording->message),
			 "%s is truncated or corrupt; copy it again from where it was recorded, or record anew",
			 recording->path);
		return -EBADMSG;
	case SQLITE_NOMEM:
		snprintf(recording->message, sizeof(recording->message), "%s: out of memory", recording->path);
		return -ENOMEM;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		snprintf(recording->message, sizeof(recording->message),
			 "can't read %s: its log (%s-wal) needs a directory that can be written; copy both to one",
			 recording->path, recording->path);
		return -EACCES;
	case SQLITE_INTERRUPT:
		snprintf(recording->message, sizeof(recording->message), "reading %s was given up", recording->path);
		return -EINTR;
	default:
		snprintf(recording->message, sizeof(recording->message), "can't read %s: %s", recording->path,
			 sqlite3_errstr(rc));
		return -EIO;
	}
}

const char *ww_recording__message(const struct ww_recording *recording)
{
	return recording->message;
}

void ww_recording__close(struct ww_recording *recording)
{
	if (!recording)
		return;
	sqlite3_close_v2(recording->db);
	free(recording->path);
	free(recording->host);
	free(recording->kernel);
	free(recording->stand_ins);
	free(recording->settings);
	free(recording);
}

/* The value of a key in `meta`, as text or as a number; the other may be NULL. */
static int read_meta(struct ww_recording *recording, const char *key, char **text, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recording->db, "SELECT value FROM meta WHERE key = ?", -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (number)
			*number = sqlite3_column_int64(statement, 0);
		if (text) {
			const char *value = (const char *)sqlite3_column_text(statement, 0);

			*text = value ? strdup(value) : NULL;
			rc = *text ? SQLITE_OK : SQLITE_NOMEM;
		}
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_CORRUPT;
	}
	sqlite3_finalize(statement);
	return rc;
}

/* A recording of before this was noted is taken to have ended. */
static int read_ended(struct ww_recording *recording)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recording->db, "SELECT coalesce(max(value), 1) FROM meta WHERE key = 'ended'", -1,
				    &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		recording->unended = !sqlite3_column_int(statement, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return rc;
}

/* Nor is this in older ones. */
static int read_later_meta(struct ww_recording *recording, const char *key, char **value)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recording->db, "SELECT value FROM meta WHERE key = ?", -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);
		*value = text ? strdup(text) : NULL;
		rc = *value ? SQLITE_OK : SQLITE_NOMEM;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return rc;
}

/* Whether a query of one number has one above 0: whether the recording has what came with a later version. */
static int read_has(struct ww_recording *recording, const char *query, bool *has)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*has = sqlite3_column_int(statement, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return rc;
}

int ww_recording__refresh(struct ww_recording *recording)
{
	int rc = read_meta(recording, "start_unix_ns", NULL, &recording->start_unix_ns);

	if (rc == SQLITE_OK)
		rc = read_meta(recording, "end_unix_ns", NULL, &recording->end_unix_ns);
	if (rc == SQLITE_OK && recording->has_gaps)
		rc = read_meta(recording, "minutes_until", NULL, &recording->minutes_until);
	if (rc == SQLITE_OK && recording->has_gaps)
		rc = read_meta(recording, "hours_until", NULL, &recording->hours_until);
	if (rc == SQLITE_OK)
		rc = read_ended(recording);
	return rc;
}

int64_t ww_recording__unit_at(const struct ww_recording *recording, int64_t time)
{
	return time < recording->hours_until	 ? WW_SCHEMA_HOUR_NS
	       : time < recording->minutes_until ? WW_SCHEMA_MINUTE_NS
						 : recording->interval_ns;
}

int64_t ww_recording__floor(const struct ww_recording *recording, int64_t time)
{
	int64_t unit = ww_recording__unit_at(recording, time);

	return time - (time % unit + unit) % unit;
}

static int read_facts(struct ww_recording *recording)
{
	char *busy = NULL;
	int64_t cpus = 0;
	int rc = read_meta(recording, "host", &recording->host, NULL);

	if (rc == SQLITE_OK)
		rc = read_meta(recording, "kernel", &recording->kernel, NULL);
	if (rc == SQLITE_OK)
		rc = read_meta(recording, "cpus", NULL, &cpus);
	if (rc == SQLITE_OK)
		rc = read_meta(recording, "interval_ns", NULL, &recording->interval_ns);
	if (rc == SQLITE_OK)
		rc = read_has(recording, "SELECT count(*) FROM sqlite_schema WHERE name = 'operation_name'",
			      &recording->has_operations);
	if (rc == SQLITE_OK)
		rc = read_has(recording, "SELECT count(*) FROM pragma_table_info('service_usage') WHERE name = 'gc_ns'",
			      &recording->has_collections);
	if (rc == SQLITE_OK)
		rc = read_has(recording,
			      "SELECT count(*) FROM pragma_table_info('endpoint_interval') WHERE name = 'seconds'",
			      &recording->has_seconds);
	if (rc == SQLITE_OK)
		rc = read_has(recording,
			      "SELECT count(*) FROM pragma_table_info('service_usage') WHERE name = 'major_faults'",
			      &recording->has_faults);
	if (rc == SQLITE_OK)
		rc = read_has(recording, "SELECT count(*) FROM sqlite_schema WHERE name = 'service_program'",
			      &recording->has_programs);
	if (rc == SQLITE_OK)
		rc = read_has(recording, "SELECT count(*) FROM sqlite_schema WHERE name = 'loss_interval'",
			      &recording->has_gaps);
	if (rc == SQLITE_OK)
		rc = read_has(recording, "SELECT count(*) FROM sqlite_schema WHERE name = 'endpoint_allocation'",
			      &recording->has_allocations);
	if (rc == SQLITE_OK)
		rc = read_has(recording, "SELECT count(*) FROM sqlite_schema WHERE name = 'service_sample'",
			      &recording->has_samples);
	if (rc == SQLITE_OK)
		rc = read_later_meta(recording, "stand_ins", &recording->stand_ins);
	if (rc == SQLITE_OK)
		rc = read_later_meta(recording, "settings", &recording->settings);
	if (rc == SQLITE_OK)
		rc = read_later_meta(recording, "host_busy_ns", &busy);
	recording->host_busy_ns = busy ? strtoull(busy, NULL, 10) : 0;
	free(busy);
	if (rc == SQLITE_OK)
		rc = ww_recording__refresh(recording);
	if (rc == SQLITE_OK && recording->interval_ns <= 0)
		rc = SQLITE_CORRUPT;
	recording->cpus = (unsigned)cpus;
	return rc;
}

/* In a directory that can't be written a file without a log can be read only as one that nobody changes. */
static int open_unchanging(struct ww_recording *recording)
{
	char *uri = sqlite3_mprintf("file:%s?immutable=1", recording->path);
	char *log = sqlite3_mprintf("%s-wal", recording->path);
	FILE *file = log ? fopen(log, "re") : NULL;
	int rc = SQLITE_CANTOPEN;

	if (uri && !file && !strpbrk(recording->path, "?#%")) {
		sqlite3_close(recording->db);
		recording->db = NULL;
		rc = sqlite3_open_v2(uri, &recording->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
		if (rc == SQLITE_OK)
			rc = read_facts(recording);
	}
	if (file)
		fclose(file);
	sqlite3_free(log);
	sqlite3_free(uri);
	return rc;
}

/* On a full disk there may be no room for the log's index: who has the file to himself keeps that in memory. */
static int open_alone(struct ww_recording *recording)
{
	int rc;

	sqlite3_close(recording->db);
	recording->db = NULL;
	rc = sqlite3_open_v2(recording->path, &recording->db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(recording->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(recording->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
	return rc == SQLITE_OK ? read_facts(recording) : rc;
}

int ww_recording__open(struct ww_recording **recording, const char *path, char *message, size_t message_size)
{
	return ww_store_file__check(path, message, message_size)
		       ?: ww_recording__open_own(recording, path, message, message_size);
}

int ww_recording__open_own(struct ww_recording **recording, const char *path, char *message, size_t message_size)
{
	struct ww_recording *new;
	int err, rc;

	snprintf(message, message_size, "%s: out of memory", path);
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->path = strdup(path);
	if (!new->path) {
		free(new);
		return -ENOMEM;
	}
	rc = sqlite3_open_v2(path, &new->db, SQLITE_OPEN_READONLY, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(new->db, BUSY_TIMEOUT_MS);
		ww_log_index__guard(&new->log_index, new->db);
		rc = read_facts(new);
		if (rc == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY)
			rc = open_unchanging(new);
		else if ((rc & 0xff) == SQLITE_IOERR || rc == SQLITE_FULL)
			rc = open_alone(new);
	}
	if (rc != SQLITE_OK) {
		err = ww_recording__fail(new, rc);
		snprintf(message, message_size, "%s", new->message);
		ww_recording__close(new);
		return err;
	}
	if (!new->start_unix_ns) {
		snprintf(message, message_size, "%s: nothing was committed in it; is %s-wal missing?", path, path);
		ww_recording__close(new);
		return -ENODATA;
	}
	*recording = new;
	return 0;
}

static int ask_whether_to_go_on(void *ctx)
{
	const struct ww_recording *recording = ctx;

	return recording->gives_up(recording->gives_up_ctx);
}

void ww_recording__guard(struct ww_recording *recording, bool (*gives_up)(void *ctx), void *ctx)
{
	recording->gives_up = gives_up;
	recording->gives_up_ctx = ctx;
	sqlite3_progress_handler(recording->db, gives_up ? STEPS_UNASKED : 0, ask_whether_to_go_on, recording);
}

int ww_recording__renew(struct ww_recording *recording)
{
	int rc = ww_recording__refresh(recording);

	return rc == SQLITE_OK ? 0 : ww_recording__fail(recording, rc);
}

int64_t ww_recording__interval_ns(const struct ww_recording *recording, int64_t since_unix_ns)
{
	return ww_recording__unit_at(recording, since_unix_ns > recording->start_unix_ns ? since_unix_ns
											 : recording->start_unix_ns);
}

void ww_recording__window(const struct ww_recording *recording, int64_t *start_unix_ns, int64_t *end_unix_ns)
{
	*start_unix_ns = recording->start_unix_ns;
	*end_unix_ns = recording->end_unix_ns;
}

static const char *text_at(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

/* Goes through the rows of a query; `add` returns an SQLite result code. */
static int each_row(struct ww_recording *recording, const char *query, int (*add)(struct ww_catalog *, sqlite3_stmt *),
		    struct ww_catalog *catalog)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recording->db, query, -1, &statement, NULL);

	while (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc != SQLITE_ROW)
			break;
		rc = add(catalog, statement);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int ww_recording__dense(struct ww_recording *recording, const char *table, const char *from, int most)
{
	sqlite3_stmt *statement = NULL;
	char query[160];
	int rc;

	/* As real numbers, which do not overflow. */
	snprintf(query, sizeof(query), "SELECT 1.0 * max(id) - %s - count(*) > %d FROM %s", from, most, table);
	rc = sqlite3_prepare_v2(recording->db, query, -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		rc = sqlite3_column_int(statement, 0) ? SQLITE_CORRUPT : SQLITE_OK;
	sqlite3_finalize(statement);
	return rc;
}

/* Ids that are not there are of what was deleted, as nothing referred to it any more: vacant up to `id`. */

static int fill_services(struct ww_catalog *catalog, int64_t id)
{
	if (id < catalog->services_len || id - catalog->services_len > VACANT_MAX)
		return SQLITE_CORRUPT;
	while (catalog->services_len < id)
		if (ww_catalog__add_vacant_service(catalog))
			return SQLITE_NOMEM;
	return SQLITE_OK;
}

static int fill_endpoints(struct ww_catalog *catalog, int64_t id)
{
	if (id < catalog->endpoints_len || id - catalog->endpoints_len > VACANT_MAX)
		return SQLITE_CORRUPT;
	while (catalog->endpoints_len < id)
		if (ww_catalog__add_vacant_endpoint(catalog))
			return SQLITE_NOMEM;
	return SQLITE_OK;
}

static int fill_names(struct ww_intern *names, int64_t id)
{
	if (id - ww_intern__len(names) > VACANT_MAX)
		return SQLITE_CORRUPT;
	while (ww_intern__len(names) < id)
		if (ww_intern__add_vacant(names) == WW_INTERN_NONE)
			return SQLITE_NOMEM;
	return SQLITE_OK;
}

static int add_service(struct ww_catalog *catalog, sqlite3_stmt *row)
{
	const struct ww_catalog_service service = {
		.name = text_at(row, 1),
		.container = text_at(row, 2),
		.cgroup = text_at(row, 3),
	};
	int rc = fill_services(catalog, sqlite3_column_int64(row, 0));

	if (rc != SQLITE_OK)
		return rc;
	return ww_catalog__add_service(catalog, &service) < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static int add_endpoint(struct ww_catalog *catalog, sqlite3_stmt *row)
{
	int64_t service = sqlite3_column_int64(row, 1);
	const struct ww_catalog_endpoint endpoint = {
		.service = (uint32_t)service,
		.protocol = text_at(row, 2),
		.method = text_at(row, 3),
		.route = text_at(row, 4),
	};
	int rc = fill_endpoints(catalog, sqlite3_column_int64(row, 0));

	if (rc != SQLITE_OK)
		return rc;
	if (service < 0 || service >= catalog->services_len ||
	    ww_catalog__is_vacant_service(catalog, (uint32_t)service))
		return SQLITE_CORRUPT;
	return ww_catalog__add_endpoint(catalog, &endpoint) < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static int add_name(struct ww_catalog *catalog, sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, 0);
	const char *name = text_at(row, 1);
	int rc = fill_names(catalog->names, id);
	uint32_t added;

	if (rc != SQLITE_OK)
		return rc;
	added = ww_intern__add(catalog->names, name, strlen(name));
	if (added == WW_INTERN_NONE)
		return SQLITE_NOMEM;
	return added == id ? SQLITE_OK : SQLITE_CORRUPT;
}

static int add_operation_name(struct ww_catalog *catalog, sqlite3_stmt *row)
{
	int64_t kind = sqlite3_column_int64(row, 1), added;
	const struct ww_catalog_operation name = {
		.kind = (uint8_t)kind,
		.system = text_at(row, 2),
		.peer = text_at(row, 3),
		.summary = text_at(row, 4),
		.statement = text_at(row, 5),
	};
	int rc = fill_names(catalog->operations, sqlite3_column_int64(row, 0));

	if (rc != SQLITE_OK)
		return rc;
	if (kind != WW_KIND_DB && kind != WW_KIND_NET)
		return SQLITE_CORRUPT;
	added = ww_catalog__add_operation(catalog, &name);
	if (added < 0)
		return SQLITE_NOMEM;
	return added == sqlite3_column_int64(row, 0) ? SQLITE_OK : SQLITE_CORRUPT;
}

int ww_recording__catalog(struct ww_recording *recording, struct ww_catalog *catalog)
{
	struct ww_catalog read;
	int rc;

	if (ww_catalog__init(&read))
		return SQLITE_NOMEM;
	rc = ww_recording__dense(recording, "service", "0", VACANT_MAX);
	if (rc == SQLITE_OK)
		rc = each_row(recording, "SELECT id, name, container, cgroup FROM service ORDER BY id", add_service,
			      &read);
	if (rc == SQLITE_OK)
		rc = ww_recording__dense(recording, "endpoint", "0", VACANT_MAX);
	if (rc == SQLITE_OK)
		rc = each_row(recording, "SELECT id, service, protocol, method, route FROM endpoint ORDER BY id",
			      add_endpoint, &read);
	/* Whatever a damaged file has rows of, its endpoint has a service. */
	if (rc == SQLITE_OK && !read.services_len && ww_catalog__add_vacant_service(&read))
		rc = SQLITE_NOMEM;
	if (rc == SQLITE_OK)
		rc = ww_recording__dense(recording, "detail_name", "0", VACANT_MAX);
	if (rc == SQLITE_OK)
		rc = each_row(recording, "SELECT id, name FROM detail_name ORDER BY id", add_name, &read);
	if (rc == SQLITE_OK && recording->has_operations)
		rc = ww_recording__dense(recording, "operation_name", "0", VACANT_MAX);
	if (rc == SQLITE_OK && recording->has_operations)
		rc = each_row(recording,
			      "SELECT id, kind, system, peer, summary, statement FROM operation_name ORDER BY id",
			      add_operation_name, &read);
	if (rc == SQLITE_OK)
		*catalog = read;
	else
		ww_catalog__free(&read);
	return rc;
}
