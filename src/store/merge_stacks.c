/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Merging the stacks of requests: functions and stacks are the same by what they say, samples add up. */
#include "store/merge_parts.h"

static const char stacks[] =
	"DROP TABLE IF EXISTS temp.map_frame; DROP TABLE IF EXISTS temp.mapped; DROP TABLE IF EXISTS temp.map_stack;"
	"INSERT INTO main.stack_frame"
	"  SELECT (SELECT coalesce(max(id), -1) FROM main.stack_frame) + row_number() OVER (ORDER BY min(id)), name"
	"  FROM source.stack_frame WHERE name NOT IN (SELECT name FROM main.stack_frame) GROUP BY name;"
	"CREATE TEMP TABLE map_frame AS SELECT old.id AS old, min(new.id) AS new"
	"  FROM source.stack_frame AS old JOIN main.stack_frame AS new ON new.name = old.name GROUP BY old.id;"
	"CREATE UNIQUE INDEX temp.map_frame_old ON map_frame (old);"
	/* With the ids that their frames have now. */
	"CREATE TEMP TABLE mapped AS SELECT id, whole, (SELECT json_group_array("
	"  (SELECT new FROM map_frame WHERE old = value)) FROM json_each(source.stack.frames)) AS frames"
	"  FROM source.stack;"
	"INSERT INTO main.stack"
	"  SELECT (SELECT coalesce(max(id), -1) FROM main.stack) + row_number() OVER (ORDER BY min(id)), whole, frames"
	"  FROM mapped WHERE (whole, frames) NOT IN (SELECT whole, frames FROM main.stack) GROUP BY whole, frames;"
	"CREATE TEMP TABLE map_stack AS SELECT old.id AS old, min(new.id) AS new"
	"  FROM mapped AS old JOIN main.stack AS new USING (whole, frames) GROUP BY old.id;"
	"CREATE UNIQUE INDEX temp.map_stack_old ON map_stack (old);"
	"INSERT INTO main.stack_sample SELECT interval, map_endpoint.new, wall_ns, kind, map_name.new, map_stack.new,"
	"  sum_ns, samples FROM source.stack_sample LEFT JOIN map_endpoint ON map_endpoint.old = endpoint"
	"  LEFT JOIN map_name ON map_name.old = name LEFT JOIN map_stack ON map_stack.old = stack;"
	"INSERT INTO main.stack_requests SELECT interval, new, wall_ns, requests, sampled FROM source.stack_requests"
	"  LEFT JOIN map_endpoint ON old = endpoint;";

int ww_merge__stacks(struct ww_merging *merging)
{
	sqlite3_stmt *statement = NULL;
	bool there = false;
	int rc = sqlite3_prepare_v2(merging->db, "SELECT 1 FROM source.sqlite_schema WHERE name = 'stack_requests'", -1,
				    &statement, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		there = rc == SQLITE_ROW;
	}
	sqlite3_finalize(statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	return there ? sqlite3_exec(merging->db, stacks, NULL, NULL, NULL) : SQLITE_OK;
}
