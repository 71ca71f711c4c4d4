/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rows of a recording sum up to, endpoint by endpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/codec.h"
#include "store/read.h"
#include "store/schema.h"

static int result_of(int err)
{
	return !err ? SQLITE_OK : err == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
}

/* Goes through the rows of a query, whose placeholders, if any, are `from` and `to`. */
static int each_row(struct ww_sums *sums, const char *query, int (*add)(struct ww_sums *, sqlite3_stmt *))
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(sums->recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement) == 2) {
		rc = sqlite3_bind_int64(statement, 1, sums->from);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_int64(statement, 2, sums->to);
	}
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			rc = add(sums, statement);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The endpoint of a row: its id, or -1 when there is none with that id. */
static int64_t endpoint_at(const struct ww_sums *sums, sqlite3_stmt *row, int column)
{
	int64_t endpoint = sqlite3_column_int64(row, column);

	return endpoint >= 0 && endpoint < sums->catalog->endpoints_len ? endpoint : -1;
}

/* What stands for an interval as a whole: no second of it begins then. */
static int64_t whole_of(const struct ww_sums *sums, int64_t interval)
{
	return ww_wrapping_sum(interval, sums->recording->interval_ns - 1);
}

/* The seconds of an interval, or what there is of it as one. */
static int add_blocks(struct ww_sums *sums, sqlite3_stmt *row, int column, int64_t endpoint,
		      const struct ww_aggregate *aggregate)
{
	int64_t interval = sqlite3_column_int64(row, 0);
	uint64_t requests = 0;
	int err;

	if (!sqlite3_column_bytes(row, column))
		return ww_blocks__add(&sums->blocks[endpoint], whole_of(sums, interval), aggregate);
	err = ww_codec__read_blocks(sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column),
				    interval, &requests, &sums->blocks[endpoint]);
	return !err && requests != aggregate->requests ? -EBADMSG : err;
}

/* They come in the order of time for the most part. */
static int add_served(struct ww_served *served, int64_t interval, uint64_t requests)
{
	uint32_t at = served->len;

	while (at && served->in[at - 1].interval >= interval)
		at--;
	if (at < served->len && served->in[at].interval == interval) {
		served->in[at].requests += requests;
		return 0;
	}
	if (served->len == served->cap) {
		uint32_t cap = served->cap ? served->cap * 2 : 16;
		struct ww_served_in *larger = reallocarray(served->in, cap, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		served->in = larger;
		served->cap = cap;
	}
	memmove(&served->in[at + 1], &served->in[at], (served->len - at) * sizeof(*served->in));
	served->in[at] = (struct ww_served_in){.interval = interval, .requests = requests};
	served->len++;
	return 0;
}

static int add_interval(struct ww_sums *sums, sqlite3_stmt *row)
{
	struct ww_aggregate aggregate = {0};
	uint64_t requests, wall, kinds_ns[WW_KIND_COUNT];
	int64_t endpoint = endpoint_at(sums, row, 1);
	int column = 2, err;

	if (endpoint < 0)
		return SQLITE_CORRUPT;
	if (sums->served && add_served(&sums->served[sums->catalog->endpoints[endpoint].service],
				       sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 2)))
		return SQLITE_NOMEM;
	if (!sums->wanted[endpoint])
		return SQLITE_OK;
	requests = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.errors = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.aborted = (uint64_t)sqlite3_column_int64(row, column++);
	for (int i = 0; i < WW_ATTRIBUTION_COUNT; i++)
		aggregate.attribution[i] = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.in_flight_max = (uint64_t)sqlite3_column_int64(row, column++);
	wall = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.wall_max_ns = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.cpu_ns = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.bytes_in = (uint64_t)sqlite3_column_int64(row, column++);
	aggregate.bytes_out = (uint64_t)sqlite3_column_int64(row, column++);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		kinds_ns[kind] = (uint64_t)sqlite3_column_int64(row, column++);
	err = ww_codec__read_histogram(sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column),
				       &aggregate.histogram, aggregate.kinds_ns, &aggregate.requests);
	aggregate.operations_requests = (uint64_t)sqlite3_column_int64(row, column + 1);
	/* The same sums are there twice: a file in which they differ is damaged. */
	if (!err && (aggregate.requests != requests || ww_aggregate__wall_ns(&aggregate) != wall ||
		     memcmp(aggregate.kinds_ns, kinds_ns, sizeof(kinds_ns)) != 0))
		err = -EBADMSG;
	if (!err)
		err = ww_slice__merge_endpoint(&sums->slice, (uint32_t)endpoint, &aggregate);
	if (!err && sums->blocks)
		err = add_blocks(sums, row, column + 2, endpoint, &aggregate);
	ww_aggregate__free(&aggregate);
	return result_of(err);
}

/* The aggregate that a row of status, detail or operation belongs to; NULL when it is not wanted, or damaged: *rc says
 * which. */
static struct ww_aggregate *aggregate_at(struct ww_sums *sums, sqlite3_stmt *row, int *rc)
{
	int64_t endpoint = endpoint_at(sums, row, 0);

	*rc = endpoint < 0 ? SQLITE_CORRUPT : SQLITE_OK;
	if (endpoint < 0 || !sums->wanted[endpoint])
		return NULL;
	if (endpoint >= sums->slice.cap || !sums->slice.by_endpoint[endpoint]) {
		*rc = SQLITE_CORRUPT;
		return NULL;
	}
	return sums->slice.by_endpoint[endpoint];
}

static int add_status(struct ww_sums *sums, sqlite3_stmt *row)
{
	int rc;
	struct ww_aggregate *aggregate = aggregate_at(sums, row, &rc);

	if (!aggregate)
		return rc;
	return result_of(ww_aggregate__add_status(aggregate, (uint16_t)sqlite3_column_int(row, 1),
						  (uint64_t)sqlite3_column_int64(row, 2)));
}

static int add_detail(struct ww_sums *sums, sqlite3_stmt *row)
{
	int rc;
	struct ww_aggregate *aggregate = aggregate_at(sums, row, &rc);
	int64_t kind = sqlite3_column_int64(row, 1), name = sqlite3_column_int64(row, 2);
	struct ww_detail_sum detail = {
		.kind = (uint8_t)kind,
		.name = (uint32_t)name,
		.ns = (uint64_t)sqlite3_column_int64(row, 3),
		.count = (uint64_t)sqlite3_column_int64(row, 4),
	};

	if (!aggregate)
		return rc;
	if (kind < 0 || kind >= WW_KIND_COUNT || name < 0 || name >= ww_intern__len(sums->catalog->names))
		return SQLITE_CORRUPT;
	return result_of(ww_aggregate__add_detail(aggregate, &detail));
}

static int add_operation(struct ww_sums *sums, sqlite3_stmt *row)
{
	int rc, err;
	struct ww_aggregate *aggregate = aggregate_at(sums, row, &rc);
	int64_t name = sqlite3_column_int64(row, 1), flags = sqlite3_column_int64(row, 9);
	struct ww_operation_sum sum = {
		.name = (uint32_t)name,
		.requests = (uint64_t)sqlite3_column_int64(row, 2),
		.count = (uint64_t)sqlite3_column_int64(row, 3),
		.errors = (uint64_t)sqlite3_column_int64(row, 4),
		.ns = (uint64_t)sqlite3_column_int64(row, 5),
		.max_ns = (uint64_t)sqlite3_column_int64(row, 6),
		.bytes_out = (uint64_t)sqlite3_column_int64(row, 7),
		.bytes_in = (uint64_t)sqlite3_column_int64(row, 8),
		.flags = (uint16_t)flags,
	};

	if (!aggregate)
		return rc;
	if (name < 0 || name >= ww_intern__len(sums->catalog->operations) || flags < 0 || flags > UINT16_MAX)
		return SQLITE_CORRUPT;
	sum.kind = ww_catalog__operation_name(sums->catalog, sum.name).kind;
	err = ww_codec__read_durations(sqlite3_column_blob(row, 10), (size_t)sqlite3_column_bytes(row, 10), &sum);
	if (!err)
		err = ww_operation_sums__add_row(&aggregate->operations, &sum);
	/* Where the interval is not told as a whole, its seconds have them. */
	if (!err && sums->blocks)
		ww_blocks__add_operations(&sums->blocks[sqlite3_column_int64(row, 0)],
					  whole_of(sums, sqlite3_column_int64(row, 11)), sum.kind, sum.count);
	free(sum.durations);
	return result_of(err);
}

static bool is_wanted(const void *ctx, uint32_t endpoint)
{
	const struct ww_sums *sums = ctx;

	return sums->wanted[endpoint];
}

/* What came between two commits: a block of its own, whose number stands for its time. */
static int add_journal(struct ww_sums *sums, sqlite3_stmt *row)
{
	uint32_t endpoints = sums->catalog->endpoints_len;
	struct ww_slice commit = {0};
	int err = ww_codec__read_slice(sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2), endpoints,
				       ww_intern__len(sums->catalog->names), is_wanted, sums, &commit);

	if (!err && sqlite3_column_count(row) > 3)
		err = ww_codec__read_operations(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3),
						endpoints, sums->catalog, is_wanted, sums, &commit);
	if (!err)
		err = ww_slice__merge(&sums->slice, &commit);
	for (uint32_t i = 0; !err && sums->blocks && i < commit.used_len; i++)
		err = ww_blocks__add(&sums->blocks[commit.used[i]],
				     ww_wrapping_sum(sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 0)),
				     commit.by_endpoint[commit.used[i]]);
	ww_slice__free(&commit);
	return result_of(err);
}

static int add_allocation(struct ww_sums *sums, sqlite3_stmt *row)
{
	int rc;
	struct ww_aggregate *aggregate = aggregate_at(sums, row, &rc);
	const struct ww_allocated allocated = {
		.requests = (uint64_t)sqlite3_column_int64(row, 2),
		.weight = (uint64_t)sqlite3_column_int64(row, 3),
		.allocations = (uint64_t)sqlite3_column_int64(row, 4),
	};

	if (!aggregate)
		return rc;
	ww_allocated__add(&aggregate->allocated, &allocated);
	if (sums->blocks)
		ww_blocks__add_allocated(&sums->blocks[endpoint_at(sums, row, 0)], sqlite3_column_int64(row, 1),
					 &allocated);
	return SQLITE_OK;
}

int ww_sums__read(struct ww_sums *sums, bool journal)
{
	const struct ww_recording *recording = sums->recording;
	char query[1024];
	int rc;

	snprintf(query, sizeof(query),
		 "SELECT interval, endpoint, %s, %s, %s FROM endpoint_interval WHERE interval >= ? AND interval < ?",
		 ww_schema_interval_sums, recording->has_operations ? "operations_requests" : "0",
		 recording->has_seconds ? "seconds" : "x''");
	rc = each_row(sums, query, add_interval);
	if (rc == SQLITE_OK && !sums->times_only)
		rc = each_row(sums,
			      "SELECT endpoint, status, requests FROM endpoint_status"
			      " WHERE interval >= ? AND interval < ?",
			      add_status);
	if (rc == SQLITE_OK && !sums->times_only)
		rc = each_row(sums,
			      "SELECT endpoint, kind, name, sum_ns, waits FROM endpoint_detail"
			      " WHERE interval >= ? AND interval < ?",
			      add_detail);
	if (rc == SQLITE_OK && recording->has_operations && !sums->times_only)
		rc = each_row(
			sums,
			"SELECT endpoint, name, requests, operations, errors, sum_ns, max_ns, bytes_out, bytes_in,"
			" flags, durations, interval FROM endpoint_operation WHERE interval >= ? AND interval < ?",
			add_operation);
	if (rc == SQLITE_OK && journal)
		rc = each_row(sums,
			      recording->has_operations ? "SELECT id, interval, changes, operations FROM journal WHERE "
							  "interval >= ? AND interval < ?"
							  " ORDER BY id"
							: "SELECT id, interval, changes FROM journal WHERE interval >= "
							  "? AND interval < ? ORDER BY id",
			      add_journal);
	/* In the file they are ahead of their requests, where those are in the journal. */
	if (rc == SQLITE_OK && journal && recording->has_allocations && !sums->times_only)
		rc = each_row(sums,
			      "SELECT endpoint, second_unix_ns, requests, weight, allocations FROM endpoint_allocation"
			      " WHERE interval >= ? AND interval < ?",
			      add_allocation);
	return rc;
}
