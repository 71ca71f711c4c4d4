/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How services' memory grew, interval by interval. */
#include <math.h>
#include <stdlib.h>

#include "model/growth.h"
#include "store/read.h"

/* A service in an interval. */
struct row {
	double bytes, requests; /* the latter of those before, too: what came until the middle of the interval */
	int64_t processes;
};

/* Of the service that is being read. */
struct memory {
	const struct ww_served *served;
	uint32_t at; /* of `served`: those before are of earlier intervals */
	double requests;
	struct row *rows;
	size_t len, cap;
};

static double requests_in(struct memory *memory, int64_t interval)
{
	const struct ww_served *served = memory->served;

	while (memory->at < served->len && served->in[memory->at].interval < interval)
		memory->at++;
	return memory->at < served->len && served->in[memory->at].interval == interval
		       ? (double)served->in[memory->at].requests
		       : 0;
}

static int add(struct memory *memory, sqlite3_stmt *row)
{
	double more = requests_in(memory, sqlite3_column_int64(row, 1));

	if (memory->len == memory->cap) {
		size_t cap = memory->cap ? memory->cap * 2 : 64;
		struct row *larger = reallocarray(memory->rows, cap, sizeof(*larger));

		if (!larger)
			return SQLITE_NOMEM;
		memory->rows = larger;
		memory->cap = cap;
	}
	/* What memory was on the mean it was about in the middle of the interval. */
	memory->rows[memory->len++] = (struct row){
		.bytes = sqlite3_column_double(row, 2),
		.requests = memory->requests + more / 2,
		.processes = sqlite3_column_int64(row, 3),
	};
	memory->requests += more;
	return SQLITE_OK;
}

/* Intervals with as many processes as the last one had: when one comes or goes, memory jumps. */
static int tell(struct memory *memory, struct ww_service_report *service)
{
	struct ww_growth_point *points = calloc(memory->len + 1, sizeof(*points));
	size_t len = 0;

	if (!points)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < memory->len; i++)
		if (memory->rows[i].processes == memory->rows[memory->len - 1].processes)
			points[len++] = (struct ww_growth_point){.requests = memory->rows[i].requests,
								 .bytes = memory->rows[i].bytes};
	service->rss_growth_bytes = ww_growth__per_request(points, len);
	free(points);
	return SQLITE_OK;
}

int ww_recording__growth(struct ww_recording *recording, const struct ww_served *served,
			 struct ww_service_report *services, uint32_t services_len, int64_t from, int64_t to)
{
	struct memory memory = {0};
	sqlite3_stmt *statement = NULL;
	int64_t service = -1;
	int rc =
		sqlite3_prepare_v2(recording->db,
				   "SELECT service, interval, rss_bytes, processes FROM service_usage"
				   " WHERE interval >= ? AND interval < ? AND rss_bytes > 0 ORDER BY service, interval",
				   -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 1, from);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, to);
	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(statement, 0);

		rc = id >= 0 && id < services_len ? SQLITE_OK : SQLITE_CORRUPT;
		if (rc == SQLITE_OK && id != service) {
			if (service >= 0)
				rc = tell(&memory, &services[service]);
			service = id;
			memory.served = &served[id];
			memory.at = 0;
			memory.requests = 0;
			memory.len = 0;
		}
		if (rc == SQLITE_OK)
			rc = add(&memory, statement);
	}
	sqlite3_finalize(statement);
	if (rc == SQLITE_DONE)
		rc = service >= 0 ? tell(&memory, &services[service]) : SQLITE_OK;
	free(memory.rows);
	return rc;
}
