/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a service's memory grew, interval by interval. */
#include <math.h>
#include <stdlib.h>

#include "model/growth.h"
#include "store/read.h"

/* Intervals with as many processes as the last one had: when one comes or goes, memory jumps. */
static const char query[] =
	"SELECT rss_bytes, (SELECT coalesce(sum(requests), 0) FROM endpoint_interval JOIN endpoint ON endpoint.id = "
	"endpoint"
	"    WHERE endpoint_interval.interval = usage.interval AND endpoint.service = ?1),"
	"  processes = (SELECT processes FROM service_usage WHERE service = ?1 AND interval < ?3"
	"    ORDER BY interval DESC LIMIT 1)"
	"  FROM service_usage AS usage WHERE service = ?1 AND interval >= ?2 AND interval < ?3 ORDER BY interval";

struct points {
	struct ww_growth_point *points;
	size_t len, cap;
};

static int add(struct points *points, double requests, double bytes)
{
	if (points->len == points->cap) {
		size_t cap = points->cap ? points->cap * 2 : 64;
		struct ww_growth_point *larger = reallocarray(points->points, cap, sizeof(*larger));

		if (!larger)
			return SQLITE_NOMEM;
		points->points = larger;
		points->cap = cap;
	}
	points->points[points->len++] = (struct ww_growth_point){.requests = requests, .bytes = bytes};
	return SQLITE_OK;
}

int ww_recording__growth(struct ww_recording *recording, uint32_t service, int64_t from, int64_t to, double *bytes)
{
	struct points points = {0};
	sqlite3_stmt *statement = NULL;
	double requests = 0;
	int rc = sqlite3_prepare_v2(recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, service);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, from);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 3, to);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		double more = sqlite3_column_double(statement, 1);

		rc = SQLITE_OK;
		/* What memory was on the mean it was about in the middle of the interval. */
		if (sqlite3_column_int(statement, 2))
			rc = add(&points, requests + more / 2, sqlite3_column_double(statement, 0));
		requests += more;
	}
	sqlite3_finalize(statement);
	if (rc == SQLITE_DONE)
		*bytes = ww_growth__per_request(points.points, points.len);
	free(points.points);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
