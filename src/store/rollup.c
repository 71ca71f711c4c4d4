/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Old intervals become minutes, old minutes hours: sums stay what they are, to the nanosecond, and so do histograms.
 * Done by little steps, one after a commit, so that no commit takes long; whatever ends the process between two of them
 * leaves a file that is as good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/read.h"
#include "store/recorder_parts.h"
#include "store/schema.h"
#include "whywait/abi.h"

#define ENDPOINTS 64 /* of a step */
#define ID_CHARS  11 /* "4294967295," */

/* Requests of a minute or an hour that stay, over all endpoints. */
#define KEEP_BUDGET 1000

static const struct {
	int64_t unit_ns;
	const char *key;
} levels[] = {{WW_SCHEMA_MINUTE_NS, "minutes_until"}, {WW_SCHEMA_HOUR_NS, "hours_until"}};

/* Tables of endpoints' sums. */
static const char *const tables[] = {"endpoint_interval", "endpoint_status", "endpoint_detail", "endpoint_operation"};

/* What is done to a whole stretch at the end, of which ?1 is the start and ?2 the end; ?3 is how many are kept. */
static const char *const rest[] = {
	"INSERT OR REPLACE INTO service_usage SELECT ?1, service, max(processes), max(threads),"
	"  coalesce(cast(avg(nullif(rss_bytes, 0)) AS INTEGER), 0), max(rss_peak_bytes), sum(cpu_ns), sum(gc_count), "
	"sum(gc_ns),"
	"  sum(minor_faults), sum(major_faults), sum(oom_kills)"
	"  FROM service_usage WHERE interval >= ?1 AND interval < ?2 GROUP BY service",
	"DELETE FROM service_usage WHERE interval > ?1 AND interval < ?2",
	"INSERT OR REPLACE INTO loss_interval SELECT ?1, cause, sum(count), max(loses)"
	"  FROM loss_interval WHERE interval >= ?1 AND interval < ?2 GROUP BY cause",
	"DELETE FROM loss_interval WHERE interval > ?1 AND interval < ?2",
	/* No interval begins a nanosecond later. */
	"INSERT INTO stack_sample SELECT ?1 + 1, endpoint, wall_ns, kind, name, stack, sum(sum_ns), sum(samples)"
	"  FROM stack_sample WHERE interval >= ?1 AND interval < ?2 GROUP BY endpoint, wall_ns, kind, name, stack",
	"DELETE FROM stack_sample WHERE interval >= ?1 AND interval < ?2 AND interval <> ?1 + 1",
	"UPDATE stack_sample SET interval = ?1 WHERE interval = ?1 + 1",
	"INSERT INTO stack_requests SELECT ?1 + 1, endpoint, wall_ns, sum(requests), sum(sampled)"
	"  FROM stack_requests WHERE interval >= ?1 AND interval < ?2 GROUP BY endpoint, wall_ns",
	"DELETE FROM stack_requests WHERE interval >= ?1 AND interval < ?2 AND interval <> ?1 + 1",
	"UPDATE stack_requests SET interval = ?1 WHERE interval = ?1 + 1",
	/*
	 * Requests: of those in the fair sample a fair part stays in it, of the others the slowest and some of the
	 * errors. A sample of many intervals has as many of each of them: so it is when a part is drawn of all of it.
	 */
	"UPDATE request SET sampled = 0 WHERE id IN (SELECT id FROM ("
	"  SELECT id, row_number() OVER (PARTITION BY endpoint ORDER BY random()) AS place FROM request"
	"  WHERE start_unix_ns >= ?1 AND start_unix_ns < ?2 AND sampled) WHERE place > ?3)",
	"DELETE FROM request WHERE id IN (SELECT id FROM (SELECT id, sampled, status >= 500 OR flags & ?4 AS wrong,"
	"  row_number() OVER (PARTITION BY endpoint ORDER BY wall_ns DESC) AS slow,"
	"  row_number() OVER (PARTITION BY endpoint, status >= 500 OR flags & ?4 ORDER BY random()) AS place"
	"  FROM request WHERE start_unix_ns >= ?1 AND start_unix_ns < ?2)"
	"  WHERE NOT sampled AND slow > ?3 AND NOT (wrong AND place <= ?3))",
};

static int run(sqlite3 *db, const char *query, const int64_t *values, int values_len, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);

	for (int i = 0; rc == SQLITE_OK && i < values_len && i < sqlite3_bind_parameter_count(statement); i++)
		rc = sqlite3_bind_int64(statement, i + 1, values[i]);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW && number)
		*number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The first interval in [from, to) that is not the start of a unit; `to`: there is none. */
static int find_first(sqlite3 *db, int64_t from, int64_t to, int64_t unit_ns, int64_t *first)
{
	const int64_t values[] = {from, to, unit_ns};

	return run(db,
		   "SELECT coalesce(min(interval), ?2) FROM (SELECT interval FROM ("
		   "    SELECT interval FROM endpoint_interval WHERE interval >= ?1 AND interval < ?2"
		   "    AND interval % ?3 <> 0 ORDER BY interval LIMIT 1)"
		   "  UNION ALL SELECT interval FROM (SELECT interval FROM service_usage"
		   "    WHERE interval >= ?1 AND interval < ?2 AND interval % ?3 <> 0 ORDER BY interval LIMIT 1))",
		   values, 3, first);
}

/* Chooses some of the endpoints that have something to be joined; "1,5,7" of them, and how many. */
static int choose(sqlite3 *db, int64_t start, int64_t end, bool *wanted, uint32_t endpoints, char *ids, unsigned *len)
{
	sqlite3_stmt *statement = NULL;
	int rc =
		sqlite3_prepare_v2(db,
				   "SELECT DISTINCT endpoint FROM endpoint_interval WHERE interval > ? AND interval < ?"
				   " LIMIT ?",
				   -1, &statement, NULL);
	size_t used = 0;

	*len = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, start);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, end);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(statement, 3, ENDPOINTS);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(statement, 0);

		rc = id >= 0 && id < endpoints ? SQLITE_OK : SQLITE_CORRUPT;
		if (rc == SQLITE_OK) {
			wanted[id] = true;
			used += (size_t)snprintf(ids + used, ID_CHARS + 1, "%s%u", *len ? "," : "", (unsigned)id);
			++*len;
		}
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* In place of the rows of some endpoints, a row of each. */
static int join_endpoints(struct ww_recorder *recorder, const struct ww_catalog *catalog, int64_t start, int64_t end,
			  unsigned *joined)
{
	const struct ww_recording recording = {
		.db = recorder->db, .interval_ns = WW_SCHEMA_INTERVAL_NS, .has_operations = true, .has_seconds = true};
	bool *wanted = calloc(catalog->endpoints_len + 1, sizeof(*wanted));
	struct ww_sums sums = {.recording = &recording, .catalog = catalog, .wanted = wanted, .from = start, .to = end};
	const int64_t bounds[] = {start, end};
	char ids[ENDPOINTS * ID_CHARS + 1], query[sizeof(ids) + 128];
	int rc = wanted ? choose(recorder->db, start, end, wanted, catalog->endpoints_len, ids, joined) : SQLITE_NOMEM;

	if (rc == SQLITE_OK && *joined)
		rc = ww_sums__read(&sums, false);
	for (size_t i = 0; rc == SQLITE_OK && *joined && i < sizeof(tables) / sizeof(*tables); i++) {
		snprintf(query, sizeof(query),
			 "DELETE FROM %s WHERE interval >= ? AND interval < ? AND endpoint IN (%s)", tables[i], ids);
		rc = run(recorder->db, query, bounds, 2, NULL);
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < sums.slice.used_len; i++)
		rc = ww_rows__put_aggregate(&recorder->rows, start, sums.slice.used[i],
					    sums.slice.by_endpoint[sums.slice.used[i]], NULL);
	ww_slice__free(&sums.slice);
	free(wanted);
	return rc;
}

static int join_rest(struct ww_recorder *recorder, int64_t start, int64_t end)
{
	int64_t values[] = {start, end, 0, WW_FLAG_ABORTED}, endpoints = 1;
	int rc = run(recorder->db, "SELECT count(*) FROM endpoint_interval WHERE interval = ?", values, 1, &endpoints);

	values[2] = KEEP_BUDGET / (endpoints ? endpoints : 1);
	if (values[2] > recorder->keep)
		values[2] = recorder->keep;
	if (!values[2])
		values[2] = 1;
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(rest) / sizeof(*rest); i++)
		rc = run(recorder->db, rest[i], values, 4, NULL);
	return rc;
}

/* One step of one level, in a transaction that is open. */
static int step(struct ww_recorder *recorder, const struct ww_catalog *catalog, int level)
{
	struct ww_rollup *rollup = &recorder->rollup;
	int64_t unit_ns = levels[level].unit_ns, first = 0, start;
	unsigned joined = 0;
	int rc = find_first(recorder->db, rollup->next[level], rollup->until[level], unit_ns, &first);

	if (rc != SQLITE_OK)
		return rc;
	start = first - first % unit_ns;
	rollup->next[level] = start;
	if (first == rollup->until[level])
		return SQLITE_OK;
	rc = join_endpoints(recorder, catalog, start, start + unit_ns, &joined);
	if (rc == SQLITE_OK && joined < ENDPOINTS) {
		rc = join_rest(recorder, start, start + unit_ns);
		if (rc == SQLITE_OK)
			rollup->next[level] = start + unit_ns;
	}
	return rc;
}

/* What has become old enough by now; whoever reads has to know before the first of it is in a minute or an hour. */
static int move_until(struct ww_recorder *recorder, int level, int64_t now)
{
	int64_t age = level ? recorder->retention.minutes_ns : recorder->retention.fine_ns;
	int64_t until = (now - age) / levels[level].unit_ns * levels[level].unit_ns;

	if (until <= recorder->rollup.until[level])
		return SQLITE_OK;
	recorder->rollup.until[level] = until;
	return ww_rows__put_meta_number(&recorder->rows, levels[level].key, until);
}

int ww_rollup__step(struct ww_recorder *recorder, const struct ww_catalog *catalog, int64_t now)
{
	const struct ww_rollup before = recorder->rollup;
	int rc = ww_rows__run(&recorder->rows, WW_STATEMENT_BEGIN);

	for (int level = 0; rc == SQLITE_OK && level < 2; level++) {
		rc = move_until(recorder, level, now);
		if (rc == SQLITE_OK && recorder->rollup.next[level] < recorder->rollup.until[level])
			rc = step(recorder, catalog, level);
	}
	if (rc == SQLITE_OK)
		rc = ww_rows__run(&recorder->rows, WW_STATEMENT_COMMIT);
	if (rc != SQLITE_OK) {
		if (!sqlite3_get_autocommit(recorder->db))
			ww_rows__run(&recorder->rows, WW_STATEMENT_ROLLBACK);
		recorder->rollup = before;
	}
	return rc;
}
