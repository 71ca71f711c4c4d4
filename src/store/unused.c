/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is left of what was deleted: services, endpoints, names of waits and operations, stacks and functions that no
 * row refers to any more. Their ids are vacant then, and are given to others.
 *
 * To find that out all rows have to be looked at: it is done when a file is opened to be gone on in, where it is small,
 * or there are so many names that it pays, and it was not done within a day.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "store/recorder_parts.h"
#include "store/schema.h"

#define SMALL_BYTES (64ll << 20)
#define MANY	    2000 /* names of all kinds */
#define DAY_S	    86400

/* Endpoints' statuses, waits and operations have an interval beside them. The first names are always there. */
static const char statements[] =
	"CREATE TEMP TABLE used (id INTEGER PRIMARY KEY);"
	"INSERT OR IGNORE INTO used SELECT endpoint FROM endpoint_interval;"
	"INSERT OR IGNORE INTO used SELECT endpoint FROM request;"
	"INSERT OR IGNORE INTO used SELECT endpoint FROM stack_sample;"
	"INSERT OR IGNORE INTO used SELECT endpoint FROM stack_requests;"
	"INSERT OR IGNORE INTO used SELECT endpoint FROM endpoint_allocation;"
	"DELETE FROM endpoint WHERE id NOT IN (SELECT id FROM used);"
	"DELETE FROM used;"
	"INSERT OR IGNORE INTO used SELECT service FROM endpoint;"
	"INSERT OR IGNORE INTO used SELECT service FROM service_usage;"
	"INSERT OR IGNORE INTO used SELECT service FROM service_sample;"
	"DELETE FROM service WHERE id NOT IN (SELECT id FROM used);"
	"DELETE FROM service_program WHERE service NOT IN (SELECT id FROM used);"
	"DELETE FROM used;"
	"INSERT OR IGNORE INTO used SELECT name FROM endpoint_detail;"
	"INSERT OR IGNORE INTO used SELECT name FROM stack_sample WHERE name IS NOT NULL;"
	"DELETE FROM detail_name WHERE id > 0 AND id NOT IN (SELECT id FROM used);"
	"DELETE FROM used;"
	"INSERT OR IGNORE INTO used SELECT name FROM endpoint_operation;"
	"INSERT OR IGNORE INTO used SELECT json_extract(value, '$[0]') FROM request, json_each(request.operations)"
	"  WHERE json_valid(request.operations) AND json_type(value, '$[0]') = 'integer';"
	"DELETE FROM operation_name WHERE id > 1 AND id NOT IN (SELECT id FROM used);"
	"DELETE FROM used;"
	"INSERT OR IGNORE INTO used SELECT stack FROM stack_sample WHERE stack IS NOT NULL;"
	"DELETE FROM stack WHERE id NOT IN (SELECT id FROM used);"
	"DELETE FROM used;"
	"INSERT OR IGNORE INTO used SELECT value FROM stack, json_each(stack.frames) WHERE json_valid(stack.frames);"
	"DELETE FROM stack_frame WHERE id NOT IN (SELECT id FROM used);"
	"DROP TABLE used;";

static int number_of(sqlite3 *db, const char *query, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return rc;
}

static int count_names(sqlite3 *db, int64_t *names)
{
	return number_of(db,
			 "SELECT (SELECT count(*) FROM endpoint) + (SELECT count(*) FROM service) +"
			 "  (SELECT count(*) FROM detail_name) + (SELECT count(*) FROM operation_name) +"
			 "  (SELECT count(*) FROM stack) + (SELECT count(*) FROM stack_frame)",
			 names);
}

/* In a transaction that is open. */
static int delete_unused(sqlite3 *db, int64_t names)
{
	int64_t left = names;
	char query[64];
	int rc = sqlite3_exec(db, statements, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = count_names(db, &left);
	if (rc != SQLITE_OK || left == names)
		return rc;
	snprintf(query, sizeof(query), "PRAGMA user_version = %d", WW_SCHEMA_VERSION_VACANT);
	return sqlite3_exec(db, query, NULL, NULL, NULL);
}

int ww_unused__delete(struct ww_recorder *recorder)
{
	int64_t pages = 0, page_size = 0, names = 0, looked = 0, now = time(NULL);
	int rc = number_of(recorder->db, "PRAGMA page_count", &pages);

	if (rc == SQLITE_OK)
		rc = number_of(recorder->db, "PRAGMA page_size", &page_size);
	if (rc == SQLITE_OK)
		rc = count_names(recorder->db, &names);
	if (rc == SQLITE_OK)
		rc = number_of(recorder->db, "SELECT value FROM meta WHERE key = 'unused_looked_s'", &looked);
	bool lately = looked <= now && now - looked < DAY_S;
	if (rc != SQLITE_OK || (pages * page_size > SMALL_BYTES && (names < MANY || lately)))
		return rc;
	rc = ww_rows__run(&recorder->rows, WW_STATEMENT_BEGIN);
	if (rc == SQLITE_OK)
		rc = delete_unused(recorder->db, names);
	if (rc == SQLITE_OK)
		rc = ww_rows__put_meta_number(&recorder->rows, "unused_looked_s", now);
	if (rc == SQLITE_OK)
		rc = ww_rows__run(&recorder->rows, WW_STATEMENT_COMMIT);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(recorder->db))
		ww_rows__run(&recorder->rows, WW_STATEMENT_ROLLBACK);
	return rc;
}
