/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Merging by SQL: rows of intervals add up, so they only need the ids that their names have in the result. */
#include <stdio.h>

#include "store/merge_parts.h"
#include "store/schema.h"

/* Names that are new, under the next ids in the order that they had; then what every old id has become. */
static const char catalog[] =
	"DROP TABLE IF EXISTS temp.map_service; DROP TABLE IF EXISTS temp.map_endpoint;"
	"DROP TABLE IF EXISTS temp.map_name;"
	"INSERT INTO main.service"
	"  SELECT (SELECT coalesce(max(id), -1) FROM main.service) + row_number() OVER (ORDER BY min(id)), name,"
	"    container, cgroup FROM source.service WHERE name NOT IN (SELECT name FROM main.service) GROUP BY name;"
	"CREATE TEMP TABLE map_service AS SELECT old.id AS old, new.id AS new"
	"  FROM source.service AS old JOIN main.service AS new ON new.name = old.name;"
	"CREATE UNIQUE INDEX temp.map_service_old ON map_service (old);"
	"INSERT INTO main.endpoint"
	"  SELECT (SELECT coalesce(max(id), -1) FROM main.endpoint) + row_number() OVER (ORDER BY min(id)), new,"
	"    protocol, method, route FROM source.endpoint JOIN map_service ON old = service"
	"  WHERE (new, protocol, method, route) NOT IN (SELECT service, protocol, method, route FROM main.endpoint)"
	"  GROUP BY new, protocol, method, route;"
	"CREATE TEMP TABLE map_endpoint AS SELECT old.id AS old, min(new.id) AS new"
	"  FROM source.endpoint AS old JOIN map_service ON map_service.old = old.service JOIN main.endpoint AS new"
	"    ON new.service = map_service.new AND new.protocol = old.protocol AND new.method = old.method"
	"    AND new.route = old.route GROUP BY old.id;"
	"CREATE UNIQUE INDEX temp.map_endpoint_old ON map_endpoint (old);"
	"INSERT INTO main.detail_name"
	"  SELECT (SELECT coalesce(max(id), -1) FROM main.detail_name) + row_number() OVER (ORDER BY min(id)), name"
	"  FROM source.detail_name WHERE name NOT IN (SELECT name FROM main.detail_name) GROUP BY name;"
	"CREATE TEMP TABLE map_name AS SELECT old.id AS old, min(new.id) AS new"
	"  FROM source.detail_name AS old JOIN main.detail_name AS new ON new.name = old.name GROUP BY old.id;"
	"CREATE UNIQUE INDEX temp.map_name_old ON map_name (old);";

static const char operations[] =
	"DROP TABLE IF EXISTS temp.map_operation;"
	"INSERT INTO main.operation_name"
	"  SELECT (SELECT coalesce(max(id), -1) FROM main.operation_name) + row_number() OVER (ORDER BY min(id)), kind,"
	"    system, peer, summary, statement FROM source.operation_name"
	"  WHERE (kind, system, peer, summary, statement) NOT IN"
	"    (SELECT kind, system, peer, summary, statement FROM main.operation_name)"
	"  GROUP BY kind, system, peer, summary, statement;"
	"CREATE TEMP TABLE map_operation AS SELECT old.id AS old, min(new.id) AS new"
	"  FROM source.operation_name AS old JOIN main.operation_name AS new USING (kind, system, peer, summary, "
	"statement)"
	"  GROUP BY old.id;"
	"CREATE UNIQUE INDEX temp.map_operation_old ON map_operation (old);"
	"INSERT INTO main.endpoint_operation SELECT interval, map_endpoint.new, map_operation.new, requests, "
	"operations,"
	"  errors, sum_ns, max_ns, bytes_out, bytes_in, flags, durations FROM source.endpoint_operation"
	"  LEFT JOIN map_endpoint ON map_endpoint.old = endpoint LEFT JOIN map_operation ON map_operation.old = name;";

/* A row whose endpoint or name is not there makes it fail: the source is damaged. */
static const char sums[] =
	"INSERT INTO main.endpoint_status SELECT interval, new, status, requests FROM source.endpoint_status"
	"  LEFT JOIN map_endpoint ON old = endpoint;"
	"INSERT INTO main.endpoint_detail SELECT interval, map_endpoint.new, kind, map_name.new, sum_ns, waits"
	"  FROM source.endpoint_detail LEFT JOIN map_endpoint ON map_endpoint.old = endpoint"
	"  LEFT JOIN map_name ON map_name.old = name;"
	"INSERT INTO main.loss SELECT cause, count, loses FROM source.loss WHERE true"
	"  ON CONFLICT (cause) DO UPDATE SET count = count + excluded.count, loses = max(loses, excluded.loses);"
	"INSERT INTO main.unreadable SELECT port, protocol, connections FROM source.unreadable WHERE true"
	"  ON CONFLICT (port, protocol) DO UPDATE SET connections = connections + excluded.connections;";

/* On another host there are more processes; on the same one they are the same. Each %s is columns that older ones have
 * not. */
#define USAGE                                                                                                          \
	"INSERT INTO main.service_usage"                                                                               \
	"  SELECT interval, new, processes, threads, rss_bytes, rss_peak_bytes, cpu_ns, %s, %s"                        \
	"  FROM source.service_usage LEFT JOIN map_service ON old = service WHERE true"                                \
	"  ON CONFLICT (interval, service) DO UPDATE SET cpu_ns = cpu_ns + excluded.cpu_ns,"                           \
	"  gc_count = gc_count + excluded.gc_count, gc_ns = gc_ns + excluded.gc_ns,"                                   \
	"  minor_faults = minor_faults + excluded.minor_faults, major_faults = major_faults + excluded.major_faults,"  \
	"  oom_kills = coalesce(oom_kills + excluded.oom_kills, oom_kills, excluded.oom_kills), %s"
static const char of_another_host[] =
	"processes = processes + excluded.processes, threads = threads + excluded.threads,"
	"  rss_bytes = rss_bytes + excluded.rss_bytes, rss_peak_bytes = rss_peak_bytes + excluded.rss_peak_bytes;";
static const char of_the_same_host[] =
	"processes = max(processes, excluded.processes), threads = max(threads, excluded.threads),"
	"  rss_bytes = max(rss_bytes, excluded.rss_bytes),"
	"  rss_peak_bytes = max(rss_peak_bytes, excluded.rss_peak_bytes);";

/* Seconds of one may be an interval of another: all are intervals in the result. What was not counted all the time is
 * not known. */
#define SAMPLES                                                                                                        \
	"INSERT INTO main.service_sample"                                                                              \
	"  SELECT new, interval, interval, sum(samples), sum(requests), cast(avg(rss_bytes) AS INTEGER),"              \
	"    cast(avg(pss_bytes) AS INTEGER), CASE WHEN count(allocations) = count(*) THEN sum(allocations) END,"      \
	"    CASE WHEN count(allocated_bytes) = count(*) THEN sum(allocated_bytes) END"                                \
	"  FROM source.service_sample LEFT JOIN map_service ON old = service WHERE true GROUP BY new, interval"        \
	"  ON CONFLICT (service, second_unix_ns) DO UPDATE SET samples = max(samples, excluded.samples),"              \
	"  requests = requests + excluded.requests, allocations = allocations + excluded.allocations,"                 \
	"  allocated_bytes = allocated_bytes + excluded.allocated_bytes, "
static const char samples_of_another_host[] =
	SAMPLES "rss_bytes = rss_bytes + excluded.rss_bytes, pss_bytes = pss_bytes + excluded.pss_bytes";
static const char samples_of_the_same_host[] =
	SAMPLES "rss_bytes = max(rss_bytes, excluded.rss_bytes), pss_bytes = max(pss_bytes, excluded.pss_bytes)";

/* The numbers of operations in a list of them become those of the result. */
#define REMAPPED                                                                                                       \
	"(SELECT json_group_array(json_set(value, '$[0]',"                                                             \
	"  (SELECT new FROM map_operation WHERE old = json_extract(value, '$[0]')))) FROM json_each(operations))"

int ww_merge__tables(struct ww_merging *merging, const struct ww_recording *source, bool same_host)
{
	char query[2048];
	int rc = sqlite3_exec(merging->db, catalog, NULL, NULL, NULL);

	snprintf(query, sizeof(query),
		 "INSERT INTO main.endpoint_interval SELECT interval, new, %s, %s, %s FROM source.endpoint_interval"
		 "  LEFT JOIN map_endpoint ON old = endpoint",
		 ww_schema_interval_sums, source->has_operations ? "operations_requests" : "0",
		 source->has_seconds ? "seconds" : "x''");
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(merging->db, query, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(merging->db, sums, NULL, NULL, NULL);
	snprintf(query, sizeof(query), USAGE, source->has_collections ? "gc_count, gc_ns" : "0, 0",
		 source->has_faults ? "minor_faults, major_faults, oom_kills" : "0, 0, NULL",
		 same_host ? of_the_same_host : of_another_host);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(merging->db, query, NULL, NULL, NULL);
	if (rc == SQLITE_OK && source->has_programs)
		rc = sqlite3_exec(merging->db,
				  "INSERT OR IGNORE INTO main.service_program"
				  "  SELECT new, executable, bytes, modified_unix_ns, arguments"
				  "  FROM source.service_program LEFT JOIN map_service ON old = service",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK && source->has_allocations)
		rc = sqlite3_exec(merging->db,
				  "INSERT INTO main.endpoint_allocation SELECT interval, second_unix_ns, new, requests,"
				  "  weight, allocations FROM source.endpoint_allocation"
				  "  LEFT JOIN map_endpoint ON old = endpoint",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK && source->has_samples)
		rc = sqlite3_exec(merging->db, same_host ? samples_of_the_same_host : samples_of_another_host, NULL,
				  NULL, NULL);
	if (rc == SQLITE_OK && source->has_operations)
		rc = sqlite3_exec(merging->db, operations, NULL, NULL, NULL);
	snprintf(query, sizeof(query),
		 "CREATE TEMP TABLE IF NOT EXISTS kept AS SELECT * FROM main.request LIMIT 0;"
		 "INSERT INTO kept SELECT id, new, %s, %s FROM source.request LEFT JOIN map_endpoint ON old = endpoint",
		 ww_schema_request_facts,
		 source->has_operations ? REMAPPED ", operations_missing, sampled" : "'[]', 1, 0");
	return rc == SQLITE_OK ? sqlite3_exec(merging->db, query, NULL, NULL, NULL) : rc;
}

/* Of one host a gap is one of the whole. Of several another one was observed meanwhile: it is a loss, in seconds. */
static const char gaps[] = "INSERT INTO main.gap SELECT start_unix_ns, end_unix_ns FROM source.gap AS new"
			   "  WHERE NOT EXISTS (SELECT 1 FROM main.gap AS old"
			   "    WHERE old.start_unix_ns < new.end_unix_ns AND old.end_unix_ns > new.start_unix_ns);";
static const char gaps_of_hosts[] =
	"INSERT INTO main.loss_interval"
	"  SELECT start_unix_ns / 10000000000 * 10000000000, 'not_observed',"
	"    (sum(end_unix_ns - start_unix_ns) + 999999999) / 1000000000, 1 FROM source.gap GROUP BY 1 HAVING true"
	"  ON CONFLICT (interval, cause) DO UPDATE SET count = count + excluded.count, loses = 1;";
static const char marks[] =
	"INSERT INTO main.loss_interval SELECT interval, cause, count, loses FROM source.loss_interval WHERE true"
	"  ON CONFLICT (interval, cause) DO UPDATE SET count = count + excluded.count,"
	"  loses = max(loses, excluded.loses);"
	"INSERT INTO main.meta SELECT key, value FROM source.meta WHERE key IN ('minutes_until', 'hours_until')"
	"  ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value);";

/* One that tells losses as a whole had them from its beginning on. */
static const char whole_losses[] =
	"INSERT INTO main.loss_interval SELECT (SELECT value FROM source.meta WHERE key = 'start_unix_ns')"
	"    / 10000000000 * 10000000000, cause, count, loses FROM source.loss WHERE true"
	"  ON CONFLICT (interval, cause) DO UPDATE SET count = count + excluded.count,"
	"  loses = max(loses, excluded.loses);";

int ww_merge__gaps(struct ww_merging *merging, const struct ww_recording *source)
{
	int rc;

	if (!source->has_gaps)
		return sqlite3_exec(merging->db, whole_losses, NULL, NULL, NULL);
	rc = sqlite3_exec(merging->db, merging->one_host ? gaps : gaps_of_hosts, NULL, NULL, NULL);
	return rc == SQLITE_OK ? sqlite3_exec(merging->db, marks, NULL, NULL, NULL) : rc;
}

int ww_merge__requests(struct ww_merging *merging)
{
	char query[2048];

	snprintf(query, sizeof(query),
		 "INSERT INTO main.request SELECT row_number() OVER (ORDER BY start_unix_ns + wall_ns, id), endpoint, "
		 "%s,"
		 "  operations, operations_missing, sampled FROM kept ORDER BY start_unix_ns + wall_ns, id",
		 ww_schema_request_facts);
	return sqlite3_exec(merging->db, query, NULL, NULL, NULL);
}
