/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/schema.h"

#define WW_KIND(id, name, meaning) meaning,
const char *const ww_schema_kind_meanings[WW_KIND_COUNT] = {
#include "whywait/kinds.def"
};
#undef WW_KIND

#define ALLOCATIONS                                                                                                    \
	"endpoint_allocation ("                                                                                        \
	"  interval INTEGER NOT NULL, second_unix_ns INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint," \
	"  requests INTEGER NOT NULL, weight INTEGER NOT NULL, allocations INTEGER NOT NULL)"

#define SAMPLES                                                                                                        \
	"service_sample ("                                                                                             \
	"  service INTEGER NOT NULL REFERENCES service, second_unix_ns INTEGER NOT NULL, interval INTEGER NOT NULL,"   \
	"  samples INTEGER NOT NULL, requests INTEGER NOT NULL, rss_bytes INTEGER NOT NULL, pss_bytes INTEGER,"        \
	"  allocations INTEGER, allocated_bytes INTEGER, PRIMARY KEY (service, second_unix_ns)) WITHOUT ROWID"

/* clang-format off: the columns of the kinds are included in the middle of strings */
#define WW_KIND(id, name, meaning) "  " name "_ns INTEGER NOT NULL,"
const char ww_schema_create[] =
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL, meaning TEXT NOT NULL);"
	"CREATE TABLE service ("
	"  id INTEGER PRIMARY KEY, name TEXT NOT NULL, container TEXT NOT NULL, cgroup TEXT NOT NULL);"
	"CREATE TABLE service_program ("
	"  service INTEGER PRIMARY KEY REFERENCES service, executable TEXT NOT NULL, bytes INTEGER NOT NULL,"
	"  modified_unix_ns INTEGER NOT NULL, arguments INTEGER NOT NULL);"
	"CREATE TABLE service_usage ("
	"  interval INTEGER NOT NULL, service INTEGER NOT NULL REFERENCES service,"
	"  processes INTEGER NOT NULL, threads INTEGER NOT NULL,"
	"  rss_bytes INTEGER NOT NULL, rss_peak_bytes INTEGER NOT NULL, cpu_ns INTEGER NOT NULL,"
	"  gc_count INTEGER NOT NULL, gc_ns INTEGER NOT NULL,"
	"  minor_faults INTEGER NOT NULL, major_faults INTEGER NOT NULL, oom_kills INTEGER,"
	"  PRIMARY KEY (interval, service)) WITHOUT ROWID;"
	"CREATE TABLE endpoint ("
	"  id INTEGER PRIMARY KEY, service INTEGER NOT NULL REFERENCES service,"
	"  protocol TEXT NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL);"
	"CREATE TABLE endpoint_interval ("
	"  interval INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint,"
	"  requests INTEGER NOT NULL, errors INTEGER NOT NULL, aborted INTEGER NOT NULL,"
	"  exact INTEGER NOT NULL, inferred INTEGER NOT NULL, ambiguous INTEGER NOT NULL,"
	"  in_flight_max INTEGER NOT NULL, wall_ns INTEGER NOT NULL, wall_max_ns INTEGER NOT NULL,"
	"  cpu_ns INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
#include "whywait/kinds.def"
	"  histogram BLOB NOT NULL, operations_requests INTEGER NOT NULL, seconds BLOB NOT NULL);"
	"CREATE INDEX endpoint_interval_by_time ON endpoint_interval (interval);"
	"CREATE TABLE endpoint_status ("
	"  interval INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint,"
	"  status INTEGER NOT NULL, requests INTEGER NOT NULL);"
	"CREATE INDEX endpoint_status_by_time ON endpoint_status (interval);"
	"CREATE TABLE detail_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
	"CREATE TABLE endpoint_detail ("
	"  interval INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint,"
	"  kind INTEGER NOT NULL REFERENCES kind, name INTEGER NOT NULL REFERENCES detail_name,"
	"  sum_ns INTEGER NOT NULL, waits INTEGER NOT NULL);"
	"CREATE INDEX endpoint_detail_by_time ON endpoint_detail (interval);"
	"CREATE TABLE operation_name ("
	"  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL REFERENCES kind, system TEXT NOT NULL, peer TEXT NOT NULL,"
	"  summary TEXT NOT NULL, statement TEXT NOT NULL);"
	"CREATE TABLE endpoint_operation ("
	"  interval INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint,"
	"  name INTEGER NOT NULL REFERENCES operation_name, requests INTEGER NOT NULL, operations INTEGER NOT NULL,"
	"  errors INTEGER NOT NULL, sum_ns INTEGER NOT NULL, max_ns INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
	"  bytes_in INTEGER NOT NULL, flags INTEGER NOT NULL, durations BLOB NOT NULL);"
	"CREATE INDEX endpoint_operation_by_time ON endpoint_operation (interval);"
	"CREATE TABLE journal ("
	"  id INTEGER PRIMARY KEY, interval INTEGER NOT NULL, changes BLOB NOT NULL, operations BLOB NOT NULL);"
	"CREATE TABLE request ("
	"  id INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL REFERENCES endpoint,"
	"  start_unix_ns INTEGER NOT NULL, pid INTEGER NOT NULL, tid INTEGER NOT NULL, comm TEXT NOT NULL,"
	"  protocol TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL,"
	"  flags INTEGER NOT NULL, attribution INTEGER NOT NULL, traceparent TEXT NOT NULL,"
	"  bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
	"  wall_ns INTEGER NOT NULL, first_byte_ns INTEGER NOT NULL, cpu_ns INTEGER NOT NULL,"
#include "whywait/kinds.def"
	"  details TEXT NOT NULL, segments TEXT NOT NULL, segments_truncated INTEGER NOT NULL,"
	"  operations TEXT NOT NULL, operations_missing INTEGER NOT NULL, sampled INTEGER NOT NULL);"
	"CREATE TABLE stack_frame (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
	"CREATE TABLE stack (id INTEGER PRIMARY KEY, whole INTEGER NOT NULL, frames TEXT NOT NULL);"
	"CREATE TABLE stack_sample ("
	"  interval INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint, wall_ns INTEGER NOT NULL,"
	"  kind INTEGER NOT NULL REFERENCES kind, name INTEGER REFERENCES detail_name,"
	"  stack INTEGER REFERENCES stack, sum_ns INTEGER NOT NULL, samples INTEGER NOT NULL);"
	"CREATE TABLE stack_requests ("
	"  interval INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint, wall_ns INTEGER NOT NULL,"
	"  requests INTEGER NOT NULL, sampled INTEGER NOT NULL);"
	"CREATE TABLE " ALLOCATIONS ";"
	"CREATE TABLE " SAMPLES ";"
	"CREATE TABLE loss ("
	"  cause TEXT PRIMARY KEY, count INTEGER NOT NULL, loses INTEGER NOT NULL) WITHOUT "
	"ROWID;"
	"CREATE TABLE unreadable ("
	"  port INTEGER NOT NULL, protocol TEXT NOT NULL, connections INTEGER NOT NULL,"
	"  PRIMARY KEY (port, protocol)) WITHOUT ROWID;"
	"CREATE VIEW breakdown AS SELECT service.name AS service, method, route, sum(requests) AS requests,"
	"  sum(errors) AS errors, sum(wall_ns) / sum(requests) / 1e6 AS wall_mean_ms,"
#undef WW_KIND
#define WW_KIND(id, name, meaning) "  sum(" name "_ns) / sum(requests) / 1e6 AS " name "_mean_ms,"
#include "whywait/kinds.def"
#undef WW_KIND
	"  max(wall_max_ns) / 1e6 AS wall_max_ms"
	"  FROM endpoint_interval JOIN endpoint ON endpoint.id = endpoint JOIN service ON service.id = service"
	"  GROUP BY service.id, method, route ORDER BY sum(wall_ns) DESC;"
	"CREATE VIEW operation_breakdown AS SELECT service.name AS service, method, route, operation_name.system,"
	"  operation_name.peer, operation_name.summary, operation_name.statement,"
	"  1.0 * sum(endpoint_operation.operations) /"
	"    (SELECT sum(operations_requests) FROM endpoint_interval WHERE endpoint = endpoint_operation.endpoint)"
	"    AS per_request,"
	"  sum(sum_ns) / sum(operations) / 1e6 AS mean_ms, max(max_ns) / 1e6 AS max_ms,"
	"  sum(sum_ns) / 1e6 AS sum_ms, sum(errors) AS errors"
	"  FROM endpoint_operation JOIN endpoint ON endpoint.id = endpoint JOIN service ON service.id = service"
	"  JOIN operation_name ON operation_name.id = endpoint_operation.name"
	"  GROUP BY endpoint, endpoint_operation.name ORDER BY sum(sum_ns) DESC;";

const char ww_schema_goes_on[] =
	"CREATE TABLE IF NOT EXISTS " ALLOCATIONS ";"
	"CREATE TABLE IF NOT EXISTS " SAMPLES ";"
	"CREATE TABLE IF NOT EXISTS gap (start_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS loss_interval ("
	"  interval INTEGER NOT NULL, cause TEXT NOT NULL, count INTEGER NOT NULL, loses INTEGER NOT NULL,"
	"  PRIMARY KEY (interval, cause)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS request_by_time ON request (start_unix_ns);"
	"CREATE INDEX IF NOT EXISTS stack_sample_by_time ON stack_sample (interval);"
	"CREATE INDEX IF NOT EXISTS stack_requests_by_time ON stack_requests (interval);"
	"INSERT OR IGNORE INTO meta VALUES ('minutes_until', 0), ('hours_until', 0);";

#define INTERVAL_COLUMNS_FIRST                                                                                         \
	"requests, errors, aborted, exact, inferred, ambiguous, in_flight_max, wall_ns, "                              \
	"wall_max_ns, cpu_ns, bytes_in, bytes_out, "
#define REQUEST_COLUMNS_FIRST                                                                                          \
	"start_unix_ns, pid, tid, comm, protocol, path, status, flags, attribution, traceparent, "                     \
	"bytes_in, bytes_out, wall_ns, first_byte_ns, cpu_ns, "

#define WW_KIND(id, name, meaning) name "_ns, "
const char ww_schema_interval_sums[] = INTERVAL_COLUMNS_FIRST
#include "whywait/kinds.def"
	"histogram";

const char ww_schema_request_facts[] = REQUEST_COLUMNS_FIRST
#include "whywait/kinds.def"
	"details, segments, segments_truncated";

#undef WW_KIND
#define WW_KIND(id, name, meaning) "?, "
const char ww_schema_insert_interval[] =
	"INSERT INTO endpoint_interval VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
#include "whywait/kinds.def"
	"?, ?, ?)";

const char ww_schema_insert_request[] =
	"INSERT INTO request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
#include "whywait/kinds.def"
	"?, ?, ?, ?, ?, ?)";
