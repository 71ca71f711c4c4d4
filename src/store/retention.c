/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is too old, or too much, goes: a little after each commit, and its room is given back to the disk. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/recorder_parts.h"
#include "store/schema.h"

/* What the log may be long besides the file, and what new rows need until old ones are deleted. */
#define LOG_BYTES (8 << 20)

#define FREE_PAGES 256 /* more than these are given back, .. */
#define GIVEN_BACK 64  /* .. so many at a time */

static const char *const deletions[] = {
	"DELETE FROM endpoint_interval WHERE interval < ?",   "DELETE FROM endpoint_status WHERE interval < ?",
	"DELETE FROM endpoint_detail WHERE interval < ?",     "DELETE FROM endpoint_operation WHERE interval < ?",
	"DELETE FROM service_usage WHERE interval < ?",	      "DELETE FROM loss_interval WHERE interval < ?",
	"DELETE FROM stack_sample WHERE interval < ?",	      "DELETE FROM stack_requests WHERE interval < ?",
	"DELETE FROM request WHERE start_unix_ns < ?",	      "DELETE FROM gap WHERE end_unix_ns < ?",
	"DELETE FROM endpoint_allocation WHERE interval < ?", "DELETE FROM service_sample WHERE interval < ?",
};

static int run(sqlite3 *db, const char *query, int64_t value, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement))
		rc = sqlite3_bind_int64(statement, 1, value);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW && number)
		*number = sqlite3_column_int64(statement, 0);
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* How long an interval is that begins then. */
static int64_t unit_at(const struct ww_recorder *recorder, int64_t time)
{
	return time < recorder->rollup.until[1]	  ? WW_SCHEMA_HOUR_NS
	       : time < recorder->rollup.until[0] ? WW_SCHEMA_MINUTE_NS
						  : WW_SCHEMA_INTERVAL_NS;
}

/*
 * What could not be gone on in, and was moved to PATH.old, is older than all of this: it goes first, when it is too old
 * or there is too much with it.
 */
static void look_at_old(const struct ww_recorder *recorder, int64_t now, uint64_t bytes)
{
	static const char *const parts[] = {".old-wal", ".old-shm", ".old"};
	const struct ww_retention *retention = &recorder->retention;
	char path[PATH_MAX];
	struct stat status;

	if (snprintf(path, sizeof(path), "%s.old", recorder->path) >= (int)sizeof(path) || lstat(path, &status) ||
	    !S_ISREG(status.st_mode))
		return;
	if (!(retention->bytes && bytes + (uint64_t)status.st_size > retention->bytes) &&
	    !(retention->age_ns && status.st_mtim.tv_sec < (now - retention->age_ns) / 1000000000))
		return;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (snprintf(path, sizeof(path), "%s%s", recorder->path, parts[i]) < (int)sizeof(path))
			unlink(path);
	}
}

/* Up to when the next of it is deleted; INT64_MIN: nothing is to be. */
static int find_cut(struct ww_recorder *recorder, int64_t now, int64_t *cut)
{
	const struct ww_retention *retention = &recorder->retention;
	int64_t pages = 0, unused = 0, page_size = 0, oldest = 0,
		aged = retention->age_ns ? now - retention->age_ns : INT64_MIN, unit;
	int rc = run(recorder->db, "PRAGMA page_count", 0, &pages);

	*cut = INT64_MIN;
	if (rc == SQLITE_OK)
		rc = run(recorder->db, "PRAGMA freelist_count", 0, &unused);
	if (rc == SQLITE_OK)
		rc = run(recorder->db, "PRAGMA page_size", 0, &page_size);
	if (rc == SQLITE_OK)
		rc = run(recorder->db,
			 "SELECT min(coalesce((SELECT min(interval) FROM endpoint_interval), ?1),"
			 "  coalesce((SELECT min(interval) FROM service_usage), ?1))",
			 now, &oldest);
	if (rc != SQLITE_OK)
		return rc;
	unit = unit_at(recorder, oldest);
	look_at_old(recorder, now, (uint64_t)((pages - unused) * page_size) + LOG_BYTES);
	if (retention->bytes && (uint64_t)((pages - unused) * page_size) + LOG_BYTES > retention->bytes)
		aged = now - WW_SCHEMA_INTERVAL_NS;
	if (oldest + unit <= aged)
		*cut = oldest - oldest % unit + (unit > WW_SCHEMA_MINUTE_NS ? unit : WW_SCHEMA_MINUTE_NS);
	/* Of what is told by 10 s a minute goes at a time, where all of it may. */
	if (*cut > aged && *cut != INT64_MIN)
		*cut = oldest - oldest % unit + unit;
	return SQLITE_OK;
}

static int delete_before(struct ww_recorder *recorder, int64_t cut)
{
	int rc = ww_rows__run(&recorder->rows, WW_STATEMENT_BEGIN);

	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(deletions) / sizeof(*deletions); i++)
		rc = run(recorder->db, deletions[i], cut, NULL);
	if (rc == SQLITE_OK && recorder->start_unix_ns < cut)
		rc = ww_rows__put_meta_number(&recorder->rows, "start_unix_ns", cut);
	if (rc == SQLITE_OK)
		rc = ww_rows__run(&recorder->rows, WW_STATEMENT_COMMIT);
	if (rc != SQLITE_OK) {
		if (!sqlite3_get_autocommit(recorder->db))
			ww_rows__run(&recorder->rows, WW_STATEMENT_ROLLBACK);
		return rc;
	}
	if (recorder->start_unix_ns < cut)
		recorder->start_unix_ns = cut;
	return SQLITE_OK;
}

int ww_retention__step(struct ww_recorder *recorder, int64_t now)
{
	int64_t cut, unused = 0;
	char query[64];
	int rc = find_cut(recorder, now, &cut);

	if (rc == SQLITE_OK && cut != INT64_MIN)
		rc = delete_before(recorder, cut);
	if (rc == SQLITE_OK)
		rc = run(recorder->db, "PRAGMA freelist_count", 0, &unused);
	if (rc == SQLITE_OK && unused > FREE_PAGES) {
		snprintf(query, sizeof(query), "PRAGMA incremental_vacuum(%d)", GIVEN_BACK);
		rc = run(recorder->db, query, 0, NULL);
	}
	return rc;
}
