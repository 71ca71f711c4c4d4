/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The interval under way of a recording that did not end: as rows, as its recorder would have written them. */
#include <errno.h>
#include <stdlib.h>

#include "store/codec.h"
#include "store/merge_parts.h"
#include "store/seconds.h"

#define NSEC 1000000000ll

/* What ids have become. */
struct map {
	uint32_t *new;
	uint32_t len;
};

struct journal {
	struct ww_merging *merging;
	struct ww_catalog catalog;
	struct map endpoints, names, operations;
	struct ww_slice slice;
	struct ww_seconds seconds;
	int64_t interval;
	unsigned commits; /* of the interval */
};

static int result_of(int err)
{
	return !err ? SQLITE_OK : err == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
}

static int read_map(sqlite3 *db, const char *query, uint32_t len, struct map *map)
{
	sqlite3_stmt *statement = NULL;
	int rc;

	map->new = calloc((size_t)len + 1, sizeof(*map->new));
	map->len = len;
	if (!map->new)
		return SQLITE_NOMEM;
	rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t old = sqlite3_column_int64(statement, 0), new = sqlite3_column_int64(statement, 1);

		rc = old >= 0 && old < len && new >= 0 && new <= UINT32_MAX ? SQLITE_OK : SQLITE_CORRUPT;
		if (rc == SQLITE_OK)
			map->new[old] = (uint32_t) new;
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Writes what came in the interval so far. */
static int write_interval(struct journal *journal)
{
	int rc = SQLITE_OK;

	for (uint32_t i = 0; rc == SQLITE_OK && i < journal->slice.used_len; i++) {
		uint32_t endpoint = journal->slice.used[i];
		struct ww_aggregate *aggregate = journal->slice.by_endpoint[endpoint];

		for (uint32_t d = 0; d < aggregate->details_len; d++)
			aggregate->details[d].name = journal->names.new[aggregate->details[d].name];
		for (uint32_t o = 0; o < aggregate->operations.len; o++)
			aggregate->operations.sums[o].name =
				journal->operations.new[aggregate->operations.sums[o].name];
		rc = ww_rows__put_aggregate(&journal->merging->rows, journal->interval,
					    journal->endpoints.new[endpoint], aggregate,
					    ww_seconds__of(&journal->seconds, endpoint));
	}
	ww_slice__free(&journal->slice);
	ww_seconds__clear(&journal->seconds);
	journal->commits = 0;
	return rc;
}

static bool is_any(const void *ctx, uint32_t endpoint)
{
	(void)ctx;
	(void)endpoint;
	return true;
}

static int add_commit(struct journal *journal, sqlite3_stmt *row)
{
	uint32_t endpoints = journal->catalog.endpoints_len;
	struct ww_slice commit = {0};
	int err = ww_codec__read_slice(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1), endpoints,
				       ww_intern__len(journal->catalog.names), is_any, NULL, &commit);

	if (!err && sqlite3_column_count(row) > 2)
		err = ww_codec__read_operations(sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2),
						endpoints, &journal->catalog, is_any, NULL, &commit);
	if (!err)
		err = ww_slice__merge(&journal->slice, &commit);
	/* There is one about every second. */
	ww_seconds__add(&journal->seconds, ww_wrapping_sum(journal->interval, journal->commits++ * NSEC), &commit);
	ww_slice__free(&commit);
	return result_of(err);
}

static int read_maps(struct journal *journal, const struct ww_recording *source)
{
	sqlite3 *db = journal->merging->db;
	int rc = read_map(db, "SELECT old, new FROM map_endpoint", journal->catalog.endpoints_len, &journal->endpoints);

	if (rc == SQLITE_OK)
		rc = read_map(db, "SELECT old, new FROM map_name", ww_intern__len(journal->catalog.names),
			      &journal->names);
	if (rc == SQLITE_OK && source->has_operations)
		rc = read_map(db, "SELECT old, new FROM map_operation", ww_intern__len(journal->catalog.operations),
			      &journal->operations);
	return rc;
}

int ww_merge__journal(struct ww_merging *merging, struct ww_recording *source)
{
	struct journal journal = {.merging = merging};
	sqlite3_stmt *statement = NULL;
	int rc = ww_recording__catalog(source, &journal.catalog);

	if (rc != SQLITE_OK)
		return rc;
	rc = read_maps(&journal, source);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(merging->db,
					source->has_operations
						? "SELECT interval, changes, operations FROM source.journal ORDER BY id"
						: "SELECT interval, changes FROM source.journal ORDER BY id",
					-1, &statement, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (sqlite3_column_int64(statement, 0) != journal.interval)
			rc = write_interval(&journal);
		journal.interval = sqlite3_column_int64(statement, 0);
		if (rc == SQLITE_OK)
			rc = add_commit(&journal, statement);
	}
	sqlite3_finalize(statement);
	rc = rc == SQLITE_DONE ? write_interval(&journal) : rc;
	ww_slice__free(&journal.slice);
	ww_seconds__free(&journal.seconds);
	ww_catalog__free(&journal.catalog);
	free(journal.endpoints.new);
	free(journal.names.new);
	free(journal.operations.new);
	return rc;
}
