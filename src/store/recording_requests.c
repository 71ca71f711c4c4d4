/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/read.h"
#include "store/recording.h"
#include "store/request_json.h"
#include "store/schema.h"

#define WANTED_TYPE "whywait wanted endpoints"

/* Which endpoints a cursor goes through, as SQL sees it. */
struct wanted {
	const bool *endpoints;
	uint32_t len;
};

struct ww_request_cursor {
	struct ww_recording *recording;
	sqlite3_stmt *statement;
	bool in_transaction;
	struct ww_catalog catalog;
	bool *endpoints;
	uint32_t *alike;
	struct wanted wanted;
	struct ww_arena *arena; /* of the lists of `request` */
	struct ww_request request;
	uint32_t endpoint;   /* of `request` */
	uint64_t each;	     /* 0: every request; else the newest so many of each endpoint .. */
	uint64_t *each_seen; /* .. of which there were so many, by endpoint */
};

static void is_wanted(sqlite3_context *context, int count, sqlite3_value **values)
{
	const struct wanted *wanted = sqlite3_value_pointer(values[0], WANTED_TYPE);
	int64_t endpoint = sqlite3_value_int64(values[1]);

	(void)count;
	/* An endpoint that does not exist gets through: reading it says that the file is damaged. */
	sqlite3_result_int(context, endpoint < 0 || endpoint >= wanted->len || wanted->endpoints[endpoint]);
}

/* The order in which requests come. */
static const char *order_of(const struct ww_request_cursor *cursor, uint64_t slowest)
{
	/* As they lie in the file, or in the index that what goes on has: nothing is sorted. */
	if (cursor->each)
		return cursor->recording->has_gaps ? "start_unix_ns DESC, id DESC" : "id DESC";
	return slowest ? "wall_ns DESC, start_unix_ns, id" : "start_unix_ns, id";
}

static int prepare(struct ww_request_cursor *cursor, const struct ww_selection *selection, uint64_t slowest)
{
	sqlite3 *db = cursor->recording->db;
	char query[1024], failed[64];

	snprintf(failed, sizeof(failed), " AND (status >= 500 OR flags & %d)", WW_FLAG_ABORTED);
	/* Endpoints and requests are those of one state of the file, until the cursor is closed. */
	int rc = sqlite3_exec(db, "SAVEPOINT requests", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return rc;
	cursor->in_transaction = true;
	rc = ww_recording__catalog(cursor->recording, &cursor->catalog);
	if (rc != SQLITE_OK)
		return rc;
	cursor->endpoints = ww_recording__wanted(&cursor->catalog, selection->endpoint, false);
	if (!cursor->endpoints)
		return SQLITE_NOMEM;
	cursor->alike = ww_catalog__alike(&cursor->catalog);
	if (!cursor->alike)
		return SQLITE_NOMEM;
	cursor->each_seen = calloc(cursor->catalog.endpoints_len + 1, sizeof(*cursor->each_seen));
	if (!cursor->each_seen)
		return SQLITE_NOMEM;
	cursor->wanted = (struct wanted){.endpoints = cursor->endpoints, .len = cursor->catalog.endpoints_len};
	rc = sqlite3_create_function(db, "ww_wanted", 2, SQLITE_UTF8, NULL, is_wanted, NULL, NULL);
	snprintf(query, sizeof(query),
		 "SELECT id, endpoint, %s, %s FROM request WHERE ww_wanted(?, endpoint) AND start_unix_ns >= ? AND "
		 "start_unix_ns < ?%s"
		 " ORDER BY %s LIMIT ?",
		 ww_schema_request_facts,
		 cursor->recording->has_operations ? "operations, operations_missing, sampled" : "'[]', 1, 0",
		 selection->failed ? failed : "", order_of(cursor, slowest));
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, query, -1, &cursor->statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_pointer(cursor->statement, 1, &cursor->wanted, WANTED_TYPE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(cursor->statement, 2,
					selection->since_unix_ns ? selection->since_unix_ns : INT64_MIN);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(cursor->statement, 3,
					selection->until_unix_ns ? selection->until_unix_ns : INT64_MAX);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(cursor->statement, 4,
					!slowest	      ? -1
					: slowest > INT64_MAX ? INT64_MAX
							      : (int64_t)slowest);
	return rc;
}

static int open_cursor(struct ww_recording *recording, const struct ww_selection *selection, uint64_t each,
		       uint64_t slowest, struct ww_request_cursor **cursor)
{
	struct ww_request_cursor *new = calloc(1, sizeof(*new));
	int rc;

	if (!new)
		return ww_recording__fail(recording, SQLITE_NOMEM);
	new->recording = recording;
	new->each = each;
	rc = prepare(new, selection, slowest);
	if (rc != SQLITE_OK) {
		ww_request_cursor__close(new);
		return ww_recording__fail(recording, rc);
	}
	*cursor = new;
	return 0;
}

int ww_recording__requests(struct ww_recording *recording, const struct ww_selection *selection, uint64_t slowest,
			   struct ww_request_cursor **cursor)
{
	return open_cursor(recording, selection, 0, slowest, cursor);
}

int ww_recording__newest(struct ww_recording *recording, const struct ww_selection *selection, uint64_t each,
			 uint64_t most, struct ww_request_cursor **cursor)
{
	return open_cursor(recording, selection, each, most, cursor);
}

uint32_t ww_request_cursor__endpoint(const struct ww_request_cursor *cursor)
{
	return cursor->endpoint;
}

static const char *text_at(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}

/* The request of the row that the statement stands on; 0, -EBADMSG, -ENOMEM. */
static int read_row(struct ww_request_cursor *cursor)
{
	struct ww_request *request = &cursor->request;
	sqlite3_stmt *row = cursor->statement;
	int64_t endpoint = sqlite3_column_int64(row, 1);
	const struct ww_catalog_endpoint *names;
	uint64_t sum = 0;
	int column = 2, err;

	if (endpoint < 0 || endpoint >= cursor->catalog.endpoints_len)
		return -EBADMSG;
	ww_arena__free(cursor->arena);
	cursor->arena = ww_arena__new();
	if (!cursor->arena)
		return -ENOMEM;
	names = &cursor->catalog.endpoints[endpoint];
	cursor->endpoint = cursor->alike[endpoint];
	*request = (struct ww_request){
		.service = cursor->catalog.services[names->service].name,
		.method = names->method,
		.route = names->route,
	};
	request->start_unix_ns = sqlite3_column_int64(row, column++);
	request->pid = (uint32_t)sqlite3_column_int64(row, column++);
	request->tid = (uint32_t)sqlite3_column_int64(row, column++);
	request->comm = text_at(row, column++);
	request->protocol = text_at(row, column++);
	request->path = text_at(row, column++);
	request->status = (uint16_t)sqlite3_column_int(row, column++);
	request->flags = (uint16_t)sqlite3_column_int(row, column++);
	request->attribution = (uint8_t)sqlite3_column_int(row, column++);
	request->traceparent = text_at(row, column++);
	request->bytes_in = (uint64_t)sqlite3_column_int64(row, column++);
	request->bytes_out = (uint64_t)sqlite3_column_int64(row, column++);
	request->wall_ns = (uint64_t)sqlite3_column_int64(row, column++);
	request->first_byte_ns = (uint64_t)sqlite3_column_int64(row, column++);
	request->cpu_ns = (uint64_t)sqlite3_column_int64(row, column++);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		request->kinds_ns[kind] = (uint64_t)sqlite3_column_int64(row, column++);
		sum += request->kinds_ns[kind];
	}
	if (sum != request->wall_ns || request->attribution >= WW_ATTRIBUTION_COUNT)
		return -EBADMSG;
	err = ww_request_json__read_details(text_at(row, column), (size_t)sqlite3_column_bytes(row, column),
					    cursor->arena, request);
	column++;
	if (!err)
		err = ww_request_json__read_segments(text_at(row, column), (size_t)sqlite3_column_bytes(row, column),
						     cursor->arena, request);
	column++;
	request->segments_truncated = sqlite3_column_int(row, column++);
	if (!err)
		err = ww_request_json__read_operations(text_at(row, column), (size_t)sqlite3_column_bytes(row, column),
						       &cursor->catalog, cursor->arena, request);
	column++;
	request->operations_missing = sqlite3_column_int(row, column++);
	request->sampled = sqlite3_column_int(row, column);
	return err;
}

/* Whether there were enough of the endpoint of the row at hand. */
static bool is_enough(struct ww_request_cursor *cursor)
{
	int64_t endpoint = sqlite3_column_int64(cursor->statement, 1);

	/* An endpoint that does not exist is for read_row() to find. */
	return cursor->each && endpoint >= 0 && endpoint < cursor->catalog.endpoints_len &&
	       cursor->each_seen[endpoint]++ >= cursor->each;
}

int ww_request_cursor__next(struct ww_request_cursor *cursor, const struct ww_request **request)
{
	int rc, err;

	do
		rc = sqlite3_step(cursor->statement);
	while (rc == SQLITE_ROW && is_enough(cursor));
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return ww_recording__fail(cursor->recording, rc);
	err = read_row(cursor);
	if (err)
		return ww_recording__fail(cursor->recording, err == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT);
	*request = &cursor->request;
	return 1;
}

void ww_request_cursor__close(struct ww_request_cursor *cursor)
{
	if (!cursor)
		return;
	sqlite3_finalize(cursor->statement);
	if (cursor->in_transaction)
		sqlite3_exec(cursor->recording->db, "RELEASE requests", NULL, NULL, NULL);
	ww_catalog__free(&cursor->catalog);
	free(cursor->endpoints);
	free(cursor->alike);
	free(cursor->each_seen);
	ww_arena__free(cursor->arena);
	free(cursor);
}
