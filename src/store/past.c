/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a recording has that is gone on in. */
#include <errno.h>
#include <string.h>

#include "model/names.h"
#include "store/codec.h"
#include "store/read.h"
#include "store/recorder_parts.h"
#include "store/schema.h"

/*
 * What a file may have to be gone on in: all of it is in memory, for as long as it is within what is retained. Those
 * which come later have room beside.
 */
#define SERVICES_MAX   8192
#define ENDPOINTS_MAX  50000
#define OPERATIONS_MAX (4 * WW_CATALOG_OPERATIONS)

static int one_number(sqlite3 *db, const char *query, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_ERROR;
	}
	sqlite3_finalize(statement);
	return rc;
}

/* Its kinds have to be this version's: a row of an interval has a column for each. */
static int check_kinds(sqlite3 *db)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT name FROM kind ORDER BY id", -1, &statement, NULL);
	unsigned kind = 0;

	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);

		rc = name && kind < WW_KIND_COUNT && !strcmp(name, ww_kind_name(kind)) ? SQLITE_OK : SQLITE_ERROR;
		kind++;
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? kind == WW_KIND_COUNT ? SQLITE_OK : SQLITE_ERROR : rc;
}

static bool every_one(const void *ctx, uint32_t endpoint)
{
	(void)ctx;
	(void)endpoint;
	return true;
}

/* Adds what the journal has of an interval; its requests are to be rows. */
static int read_journal(struct ww_recorder *recorder, int64_t interval, struct ww_slice *slice)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recorder->db, "SELECT changes, operations FROM journal WHERE interval = ?", -1,
				    &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, interval);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		struct ww_slice commit = {0};
		const struct ww_catalog *past = &recorder->past;
		int err = ww_codec__read_slice(sqlite3_column_blob(statement, 0),
					       (size_t)sqlite3_column_bytes(statement, 0), past->endpoints_len,
					       ww_intern__len(past->names), every_one, NULL, &commit);

		if (!err)
			err = ww_codec__read_operations(sqlite3_column_blob(statement, 1),
							(size_t)sqlite3_column_bytes(statement, 1), past->endpoints_len,
							past, every_one, NULL, &commit);
		if (!err)
			err = ww_slice__merge(slice, &commit);
		ww_slice__free(&commit);
		rc = !err ? SQLITE_OK : err == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Intervals that whoever wrote the file did not end become rows, as those that he did. */
static int end_journal(struct ww_recorder *recorder)
{
	int rc = SQLITE_OK;

	for (;;) {
		struct ww_slice slice = {0};
		int64_t interval = -1;

		rc = one_number(recorder->db, "SELECT coalesce(min(interval), -1) FROM journal", &interval);
		if (rc != SQLITE_OK || interval < 0)
			return rc;
		rc = read_journal(recorder, interval, &slice);
		if (rc == SQLITE_OK)
			rc = ww_rows__run(&recorder->rows, WW_STATEMENT_BEGIN);
		for (uint32_t i = 0; rc == SQLITE_OK && i < slice.used_len; i++)
			rc = ww_rows__put_aggregate(&recorder->rows, interval, slice.used[i],
						    slice.by_endpoint[slice.used[i]], NULL);
		if (rc == SQLITE_OK)
			rc = ww_rows__end_journal(&recorder->rows, interval);
		if (rc == SQLITE_OK)
			rc = ww_rows__run(&recorder->rows, WW_STATEMENT_COMMIT);
		if (rc != SQLITE_OK && !sqlite3_get_autocommit(recorder->db))
			ww_rows__run(&recorder->rows, WW_STATEMENT_ROLLBACK);
		ww_slice__free(&slice);
		if (rc != SQLITE_OK)
			return rc;
	}
}

/* Of the last interval. */
static int read_usage(struct ww_recorder *recorder)
{
	static const char query[] =
		"SELECT interval, service, rss_peak_bytes, cpu_ns, gc_count, gc_ns, minor_faults, major_faults, "
		"oom_kills FROM service_usage WHERE interval = (SELECT max(interval) FROM service_usage)";
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(recorder->db, query, -1, &statement, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (recorder->past_usage_len == WW_PAST_SERVICES)
			continue;
		recorder->past_interval = sqlite3_column_int64(statement, 0);
		recorder->past_usage[recorder->past_usage_len++] = (struct ww_service_usage){
			.service = (uint32_t)sqlite3_column_int64(statement, 1),
			.rss_peak_bytes = (uint64_t)sqlite3_column_int64(statement, 2),
			.cpu_ns = (uint64_t)sqlite3_column_int64(statement, 3),
			.gc_count = (uint64_t)sqlite3_column_int64(statement, 4),
			.gc_ns = (uint64_t)sqlite3_column_int64(statement, 5),
			.minor_faults = (uint64_t)sqlite3_column_int64(statement, 6),
			.major_faults = (uint64_t)sqlite3_column_int64(statement, 7),
			.oom_kills = (uint64_t)sqlite3_column_int64(statement, 8),
			.oom_known = sqlite3_column_type(statement, 8) != SQLITE_NULL,
		};
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void ww_past__add_usage(const struct ww_recorder *recorder, int64_t interval, struct ww_service_usage *usage)
{
	const struct ww_service_usage *past = recorder->past_usage;

	if (interval != recorder->past_interval)
		return;
	while (past < recorder->past_usage + recorder->past_usage_len && past->service != usage->service)
		past++;
	if (past == recorder->past_usage + recorder->past_usage_len)
		return;
	if (usage->rss_peak_bytes < past->rss_peak_bytes)
		usage->rss_peak_bytes = past->rss_peak_bytes;
	usage->cpu_ns += past->cpu_ns;
	usage->gc_count += past->gc_count;
	usage->gc_ns += past->gc_ns;
	usage->minor_faults += past->minor_faults;
	usage->major_faults += past->major_faults;
	usage->oom_kills += past->oom_kills;
	usage->oom_known |= past->oom_known;
}

/* All that it has names of, and nothing refers to any more, is deleted before it is read. */
static int read_catalog(struct ww_recorder *recorder)
{
	struct ww_recording recording = {.db = recorder->db, .has_operations = true};
	const struct ww_catalog *past = &recorder->past;
	int64_t journals = 0;
	int rc = one_number(recorder->db, "SELECT count(*) FROM journal", &journals);

	/* What a journal refers to is told by it when it has become rows. */
	if (rc == SQLITE_OK && journals)
		rc = ww_recording__catalog(&recording, &recorder->past);
	if (rc == SQLITE_OK && journals)
		rc = end_journal(recorder);
	ww_catalog__free(&recorder->past);
	if (rc == SQLITE_OK)
		rc = ww_unused__delete(recorder);
	if (rc == SQLITE_OK)
		rc = ww_recording__catalog(&recording, &recorder->past);
	if (rc == SQLITE_OK && (past->services_len > SERVICES_MAX || past->endpoints_len > ENDPOINTS_MAX ||
				ww_intern__len(past->operations) > OPERATIONS_MAX))
		rc = SQLITE_ERROR;
	return rc;
}

int ww_past__read(struct ww_recorder *recorder)
{
	int64_t id = 0, frames = 0, stacks = 0;
	int rc = check_kinds(recorder->db);

	if (rc == SQLITE_OK)
		rc = read_catalog(recorder);
	if (rc != SQLITE_OK)
		return rc;
	recorder->written.services = recorder->past.services_len;
	recorder->written.endpoints = recorder->past.endpoints_len;
	recorder->written.names = ww_intern__len(recorder->past.names);
	recorder->written.operations = ww_intern__len(recorder->past.operations);
	rc = ww_vacant__find(recorder);
	if (rc == SQLITE_OK)
		rc = read_usage(recorder);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT coalesce(max(id), 0) FROM request", &id);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT coalesce(max(id) + 1, 0) FROM stack_frame", &frames);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT coalesce(max(id) + 1, 0) FROM stack", &stacks);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT value FROM meta WHERE key = 'start_unix_ns'",
				&recorder->start_unix_ns);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT value FROM meta WHERE key = 'end_unix_ns'", &recorder->gap_from);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT value FROM meta WHERE key = 'minutes_until'",
				&recorder->rollup.until[0]);
	if (rc == SQLITE_OK)
		rc = one_number(recorder->db, "SELECT value FROM meta WHERE key = 'hours_until'",
				&recorder->rollup.until[1]);
	recorder->next_id = id + 1;
	recorder->rows.first_frame = (uint32_t)frames;
	recorder->rows.first_stack = (uint32_t)stacks;
	return rc;
}
