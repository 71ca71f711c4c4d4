/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests over time. */
#include <errno.h>
#include <stdlib.h>

#include "store/codec.h"
#include "store/read.h"

struct series {
	struct ww_recording *recording;
	struct ww_catalog catalog;
	bool *wanted; /* by endpoint */
	int64_t start, step_ns;
	struct ww_series_step *steps;
	size_t len;
};

static int result_of(int err)
{
	return !err ? SQLITE_OK : err == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
}

static struct ww_aggregate *step_of(const struct series *series, int64_t interval)
{
	uint64_t step = (uint64_t)(interval - series->start) / (uint64_t)series->step_ns;

	return &series->steps[step < series->len ? step : series->len - 1].sums;
}

static int add_interval(struct series *series, sqlite3_stmt *row)
{
	int64_t endpoint = sqlite3_column_int64(row, 1);
	struct ww_aggregate *sums = step_of(series, sqlite3_column_int64(row, 0));

	if (endpoint < 0 || endpoint >= series->catalog.endpoints_len)
		return SQLITE_CORRUPT;
	if (!series->wanted[endpoint])
		return SQLITE_OK;
	sums->errors += (uint64_t)sqlite3_column_int64(row, 2);
	return result_of(ww_codec__read_histogram(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3),
						  &sums->histogram, sums->kinds_ns, &sums->requests));
}

static int add_gap(struct series *series, sqlite3_stmt *row)
{
	int64_t from = sqlite3_column_int64(row, 0), to = sqlite3_column_int64(row, 1);

	for (size_t i = 0; i < series->len; i++) {
		struct ww_series_step *step = &series->steps[i];
		int64_t begin = step->start_unix_ns, end = begin + series->step_ns;

		begin = from > begin ? from : begin;
		end = to < end ? to : end;
		if (end > begin)
			step->not_observed_ns += end - begin;
	}
	return SQLITE_OK;
}

static bool is_wanted(const void *ctx, uint32_t endpoint)
{
	return ((const struct series *)ctx)->wanted[endpoint];
}

/* Of the interval under way: what came between two commits. */
static int add_journal(struct series *series, sqlite3_stmt *row)
{
	struct ww_aggregate *sums = step_of(series, sqlite3_column_int64(row, 0));
	struct ww_slice commit = {0};
	int err = ww_codec__read_slice(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1),
				       series->catalog.endpoints_len, ww_intern__len(series->catalog.names), is_wanted,
				       series, &commit);

	for (uint32_t i = 0; !err && i < commit.used_len; i++) {
		const struct ww_aggregate *from = commit.by_endpoint[commit.used[i]];

		sums->requests += from->requests;
		sums->errors += from->errors;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			sums->kinds_ns[kind] += from->kinds_ns[kind];
		err = ww_histogram__merge(&sums->histogram, &from->histogram);
	}
	ww_slice__free(&commit);
	return result_of(err);
}

static int each_row(struct series *series, const char *query, int (*add)(struct series *, sqlite3_stmt *))
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(series->recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, series->start);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, series->start + series->step_ns * (int64_t)series->len);
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			rc = add(series, statement);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int ww_recording__series(struct ww_recording *recording, const char *endpoint, int64_t start_unix_ns, int64_t step_ns,
			 struct ww_series_step *steps, size_t len)
{
	struct series series = {
		.recording = recording, .start = start_unix_ns, .step_ns = step_ns, .steps = steps, .len = len};
	/* Journal and intervals are those of one state of the file. */
	int rc = sqlite3_exec(recording->db, "SAVEPOINT series", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return ww_recording__fail(recording, rc);
	for (size_t i = 0; i < len; i++)
		steps[i].start_unix_ns = start_unix_ns + step_ns * (int64_t)i;
	rc = ww_recording__refresh(recording);
	if (rc == SQLITE_OK)
		rc = ww_recording__catalog(recording, &series.catalog);
	if (rc == SQLITE_OK) {
		series.wanted = ww_recording__wanted(&series.catalog, endpoint, false);
		if (!series.wanted)
			rc = SQLITE_NOMEM;
		if (rc == SQLITE_OK)
			rc = each_row(&series,
				      "SELECT interval, endpoint, errors, histogram FROM endpoint_interval"
				      " WHERE interval >= ? AND interval < ?",
				      add_interval);
		if (rc == SQLITE_OK)
			rc = each_row(&series,
				      "SELECT interval, changes FROM journal WHERE interval >= ? AND interval < ?"
				      " ORDER BY id",
				      add_journal);
		if (rc == SQLITE_OK && recording->has_gaps)
			rc = each_row(&series,
				      "SELECT start_unix_ns, end_unix_ns FROM gap"
				      " WHERE end_unix_ns > ? AND start_unix_ns < ?",
				      add_gap);
		ww_catalog__free(&series.catalog);
		free(series.wanted);
	}
	sqlite3_exec(recording->db, "RELEASE series", NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : ww_recording__fail(recording, rc);
}

void ww_series__free(struct ww_series_step *steps, size_t len)
{
	for (size_t i = 0; steps && i < len; i++)
		ww_aggregate__free(&steps[i].sums);
}
