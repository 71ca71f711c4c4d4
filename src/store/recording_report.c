/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/report_build.h"
#include "store/codec.h"
#include "store/read.h"
#include "store/recording.h"
#include "store/schema.h"
#include "util/arena.h"

/* Intervals of an endpoint from which on they are its blocks, and not their seconds. */
#define WHOLE_INTERVALS 20

/* What is being read for a report. */
struct reading {
	struct ww_recording *recording;
	struct ww_catalog catalog;
	bool *wanted;	  /* by endpoint */
	int64_t from, to; /* intervals that start in [from, to) */
	struct ww_slice slice;
	struct ww_studies studies;
	struct ww_blocks *blocks; /* by endpoint; NULL: not asked for */

	struct ww_service_report *services; /* by id */
	uint64_t *rss;			    /* of the service that is being read: in each interval, ascending */
	size_t rss_len, rss_cap;
	int64_t rss_service;

	struct ww_profile *profile; /* of computing */
	struct ww_arena *arena;	    /* of the rows below */
	struct ww_loss *losses;
	size_t losses_len;
	struct ww_unreadable_port *unreadable;
	size_t unreadable_len;
};

static void free_reading(struct reading *reading)
{
	for (uint32_t i = 0; reading->blocks && i < reading->catalog.endpoints_len; i++)
		ww_blocks__free(&reading->blocks[i]);
	free(reading->blocks);
	ww_catalog__free(&reading->catalog);
	free(reading->wanted);
	ww_slice__free(&reading->slice);
	ww_studies__free(&reading->studies);
	free(reading->services);
	free(reading->rss);
	ww_arena__free(reading->arena);
	ww_profile_free(reading->profile);
	free(reading->losses);
	free(reading->unreadable);
}

static int result_of(int err)
{
	return !err ? SQLITE_OK : err == -ENOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
}

/* Goes through the rows of a query, whose placeholders, if any, are `from` and `to`. */
static int each_row(struct reading *reading, const char *query, int (*add)(struct reading *, sqlite3_stmt *))
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(reading->recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement) == 2) {
		rc = sqlite3_bind_int64(statement, 1, reading->from);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_int64(statement, 2, reading->to);
	}
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			rc = add(reading, statement);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The endpoint of a row: its id, or -1 when there is none with that id. */
static int64_t endpoint_at(const struct reading *reading, sqlite3_stmt *row, int column)
{
	int64_t endpoint = sqlite3_column_int64(row, column);

	return endpoint >= 0 && endpoint < reading->catalog.endpoints_len ? endpoint : -1;
}

/* What stands for an interval as a whole: no second of it begins then. */
static int64_t whole_of(const struct reading *reading, int64_t interval)
{
	return ww_wrapping_sum(interval, reading->recording->interval_ns - 1);
}

/* The seconds of an interval, or what there is of it as one. */
static int add_blocks(struct reading *reading, sqlite3_stmt *row, int column, int64_t endpoint,
		      const struct ww_aggregate *aggregate)
{
	int64_t interval = sqlite3_column_int64(row, 0);
	uint64_t requests = 0;
	int err;

	if (!sqlite3_column_bytes(row, column))
		return ww_blocks__add(&reading->blocks[endpoint], whole_of(reading, interval), aggregate);
	err = ww_codec__read_blocks(sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column),
				    interval, &requests, &reading->blocks[endpoint]);
	return !err && requests != aggregate->requests ? -EBADMSG : err;
}

static int add_interval(struct reading *reading, sqlite3_stmt *row)
{
	struct ww_aggregate aggregate = {0};
	uint64_t requests, wall, kinds_ns[WW_KIND_COUNT];
	int64_t endpoint = endpoint_at(reading, row, 1);
	int column = 2, err;

	if (endpoint < 0)
		return SQLITE_CORRUPT;
	if (!reading->wanted[endpoint])
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
		err = ww_slice__merge_endpoint(&reading->slice, (uint32_t)endpoint, &aggregate);
	if (!err && reading->blocks)
		err = add_blocks(reading, row, column + 2, endpoint, &aggregate);
	ww_aggregate__free(&aggregate);
	return result_of(err);
}

/* The aggregate that a row of status, detail or operation belongs to; NULL when it is not wanted, or damaged: *rc says
 * which. */
static struct ww_aggregate *aggregate_at(struct reading *reading, sqlite3_stmt *row, int *rc)
{
	int64_t endpoint = endpoint_at(reading, row, 0);

	*rc = endpoint < 0 ? SQLITE_CORRUPT : SQLITE_OK;
	if (endpoint < 0 || !reading->wanted[endpoint])
		return NULL;
	if (endpoint >= reading->slice.cap || !reading->slice.by_endpoint[endpoint]) {
		*rc = SQLITE_CORRUPT;
		return NULL;
	}
	return reading->slice.by_endpoint[endpoint];
}

static int add_status(struct reading *reading, sqlite3_stmt *row)
{
	int rc;
	struct ww_aggregate *aggregate = aggregate_at(reading, row, &rc);

	if (!aggregate)
		return rc;
	return result_of(ww_aggregate__add_status(aggregate, (uint16_t)sqlite3_column_int(row, 1),
						  (uint64_t)sqlite3_column_int64(row, 2)));
}

static int add_detail(struct reading *reading, sqlite3_stmt *row)
{
	int rc;
	struct ww_aggregate *aggregate = aggregate_at(reading, row, &rc);
	int64_t kind = sqlite3_column_int64(row, 1), name = sqlite3_column_int64(row, 2);
	struct ww_detail_sum detail = {
		.kind = (uint8_t)kind,
		.name = (uint32_t)name,
		.ns = (uint64_t)sqlite3_column_int64(row, 3),
		.count = (uint64_t)sqlite3_column_int64(row, 4),
	};

	if (!aggregate)
		return rc;
	if (kind < 0 || kind >= WW_KIND_COUNT || name < 0 || name >= ww_intern__len(reading->catalog.names))
		return SQLITE_CORRUPT;
	return result_of(ww_aggregate__add_detail(aggregate, &detail));
}

static int add_operation(struct reading *reading, sqlite3_stmt *row)
{
	int rc, err;
	struct ww_aggregate *aggregate = aggregate_at(reading, row, &rc);
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
	if (name < 0 || name >= ww_intern__len(reading->catalog.operations) || flags < 0 || flags > UINT16_MAX)
		return SQLITE_CORRUPT;
	sum.kind = ww_catalog__operation_name(&reading->catalog, sum.name).kind;
	err = ww_codec__read_durations(sqlite3_column_blob(row, 10), (size_t)sqlite3_column_bytes(row, 10), &sum);
	if (!err)
		err = ww_operation_sums__add_row(&aggregate->operations, &sum);
	/* Where the interval is not told as a whole, its seconds have them. */
	if (!err && reading->blocks)
		ww_blocks__add_operations(&reading->blocks[sqlite3_column_int64(row, 0)],
					  whole_of(reading, sqlite3_column_int64(row, 11)), sum.kind, sum.count);
	free(sum.durations);
	return result_of(err);
}

static bool is_wanted(const void *ctx, uint32_t endpoint)
{
	const struct reading *reading = ctx;

	return reading->wanted[endpoint];
}

/* What came between two commits: a block of its own, whose number stands for its time. */
static int add_journal(struct reading *reading, sqlite3_stmt *row)
{
	uint32_t endpoints = reading->catalog.endpoints_len;
	struct ww_slice commit = {0};
	int err = ww_codec__read_slice(sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2), endpoints,
				       ww_intern__len(reading->catalog.names), is_wanted, reading, &commit);

	if (!err && sqlite3_column_count(row) > 3)
		err = ww_codec__read_operations(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3),
						endpoints, &reading->catalog, is_wanted, reading, &commit);
	if (!err)
		err = ww_slice__merge(&reading->slice, &commit);
	for (uint32_t i = 0; !err && reading->blocks && i < commit.used_len; i++)
		err = ww_blocks__add(&reading->blocks[commit.used[i]],
				     ww_wrapping_sum(sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 0)),
				     commit.by_endpoint[commit.used[i]]);
	ww_slice__free(&commit);
	return result_of(err);
}

/* Rows come in the order of service and resident size, so the median so far is in the end that of all. */
static int add_usage(struct reading *reading, sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, 0);
	uint64_t processes = (uint64_t)sqlite3_column_int64(row, 1), threads = (uint64_t)sqlite3_column_int64(row, 2);
	uint64_t rss = (uint64_t)sqlite3_column_int64(row, 3), peak = (uint64_t)sqlite3_column_int64(row, 4);
	struct ww_service_report *service;

	if (id < 0 || id >= reading->catalog.services_len)
		return SQLITE_CORRUPT;
	if (id != reading->rss_service)
		reading->rss_len = 0;
	reading->rss_service = id;
	if (reading->rss_len == reading->rss_cap) {
		size_t cap = reading->rss_cap ? reading->rss_cap * 2 : 64;
		uint64_t *larger = reallocarray(reading->rss, cap, sizeof(*larger));

		if (!larger)
			return SQLITE_NOMEM;
		reading->rss = larger;
		reading->rss_cap = cap;
	}
	reading->rss[reading->rss_len++] = rss;
	service = &reading->services[id];
	service->rss_steady_bytes = reading->rss[reading->rss_len / 2];
	if (service->rss_peak_bytes < peak)
		service->rss_peak_bytes = peak;
	if (service->processes < processes)
		service->processes = processes;
	if (service->threads < threads)
		service->threads = threads;
	service->cpu_seconds += (double)sqlite3_column_int64(row, 5) / 1e9;
	service->gc_count += (uint64_t)sqlite3_column_int64(row, 6);
	service->gc_ns += (uint64_t)sqlite3_column_int64(row, 7);
	service->minor_faults += (uint64_t)sqlite3_column_int64(row, 8);
	service->major_faults += (uint64_t)sqlite3_column_int64(row, 9);
	service->faults_known = reading->recording->has_faults;
	service->oom_kills += (uint64_t)sqlite3_column_int64(row, 10);
	service->oom_known |= sqlite3_column_type(row, 10) != SQLITE_NULL;
	return SQLITE_OK;
}

static int add_program(struct reading *reading, sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, 0);
	const char *executable = (const char *)sqlite3_column_text(row, 1);
	struct ww_service_report *service;

	if (id < 0 || id >= reading->catalog.services_len)
		return SQLITE_CORRUPT;
	service = &reading->services[id];
	service->executable = ww_arena__strdup(reading->arena, executable ? executable : "");
	service->executable_bytes = (uint64_t)sqlite3_column_int64(row, 2);
	service->executable_modified_unix_ns = sqlite3_column_int64(row, 3);
	service->arguments = (uint32_t)sqlite3_column_int64(row, 4);
	return service->executable ? SQLITE_OK : SQLITE_NOMEM;
}

static int add_loss(struct reading *reading, sqlite3_stmt *row)
{
	struct ww_loss *larger = reallocarray(reading->losses, reading->losses_len + 1, sizeof(*larger));
	const char *cause = (const char *)sqlite3_column_text(row, 0);

	if (!larger)
		return SQLITE_NOMEM;
	reading->losses = larger;
	larger[reading->losses_len] = (struct ww_loss){
		.cause = ww_arena__strdup(reading->arena, cause ? cause : ""),
		.count = (uint64_t)sqlite3_column_int64(row, 1),
		.loses = sqlite3_column_int(row, 2),
	};
	return larger[reading->losses_len++].cause ? SQLITE_OK : SQLITE_NOMEM;
}

static int add_unreadable(struct reading *reading, sqlite3_stmt *row)
{
	struct ww_unreadable_port *larger =
		reallocarray(reading->unreadable, reading->unreadable_len + 1, sizeof(*larger));
	const char *protocol = (const char *)sqlite3_column_text(row, 1);

	if (!larger)
		return SQLITE_NOMEM;
	reading->unreadable = larger;
	larger[reading->unreadable_len] = (struct ww_unreadable_port){
		.port = (uint16_t)sqlite3_column_int(row, 0),
		.protocol = ww_arena__strdup(reading->arena, protocol ? protocol : ""),
		.connections = (uint64_t)sqlite3_column_int64(row, 2),
	};
	return larger[reading->unreadable_len++].protocol ? SQLITE_OK : SQLITE_NOMEM;
}

static int64_t floor_to(int64_t time, int64_t unit)
{
	return time - (time % unit + unit) % unit;
}

static uint32_t intervals_of(const struct ww_blocks *blocks, int64_t unit_ns)
{
	uint32_t intervals = 0;

	for (uint32_t i = 0; i < blocks->len; i++)
		intervals += !i || blocks->blocks[i].at / unit_ns != blocks->blocks[i - 1].at / unit_ns;
	return intervals;
}

/*
 * Endpoints that became one have their blocks together. Of many intervals the whole ones are taken: luck that lasts for
 * longer than a second is seen then, too.
 */
static int join_blocks(struct reading *reading, const uint32_t *alike)
{
	int64_t unit = reading->recording->interval_ns;
	int err = 0;

	for (uint32_t i = 0; !err && reading->blocks && i < reading->catalog.endpoints_len; i++) {
		struct ww_blocks *blocks = &reading->blocks[i];

		if (alike[i] != i) {
			err = ww_blocks__merge(&reading->blocks[alike[i]], blocks, 0);
			ww_blocks__free(blocks);
		}
	}
	for (uint32_t i = 0; !err && reading->blocks && i < reading->catalog.endpoints_len; i++) {
		struct ww_blocks *blocks = &reading->blocks[i], whole = {0};

		if (intervals_of(blocks, unit) < WHOLE_INTERVALS)
			continue;
		err = ww_blocks__merge(&whole, blocks, unit);
		ww_blocks__free(blocks);
		*blocks = whole;
	}
	return err;
}

/* All that the report is made of, of one state of the file. */
static int read_all(struct reading *reading, const struct ww_selection *selection)
{
	struct ww_recording *recording = reading->recording;
	int64_t unit = recording->interval_ns;
	char query[1024];
	int rc = ww_recording__refresh(recording);

	if (rc == SQLITE_OK)
		rc = ww_recording__catalog(recording, &reading->catalog);
	if (rc != SQLITE_OK)
		return rc;
	reading->from = selection->since_unix_ns ? floor_to(selection->since_unix_ns, unit) : INT64_MIN;
	reading->to = selection->until_unix_ns ? selection->until_unix_ns : INT64_MAX;
	reading->wanted = ww_recording__wanted(&reading->catalog, selection->endpoint, selection->over_time);
	reading->services = calloc(reading->catalog.services_len + 1, sizeof(*reading->services));
	reading->arena = ww_arena__new();
	if (!reading->wanted || !reading->services || !reading->arena)
		return SQLITE_NOMEM;
	if (selection->sampling) {
		reading->blocks = calloc(reading->catalog.endpoints_len + 1, sizeof(*reading->blocks));
		if (!reading->blocks)
			return SQLITE_NOMEM;
	}
	for (uint32_t i = 0; i < reading->catalog.services_len; i++) {
		reading->services[i].service = reading->catalog.services[i].name;
		reading->services[i].container = reading->catalog.services[i].container;
		reading->services[i].cgroup = reading->catalog.services[i].cgroup;
	}
	snprintf(query, sizeof(query),
		 "SELECT interval, endpoint, %s, %s, %s FROM endpoint_interval WHERE interval >= ? AND interval < ?",
		 ww_schema_interval_sums, recording->has_operations ? "operations_requests" : "0",
		 recording->has_seconds ? "seconds" : "x''");
	rc = each_row(reading, query, add_interval);
	if (rc == SQLITE_OK && !selection->times_only)
		rc = each_row(reading,
			      "SELECT endpoint, status, requests FROM endpoint_status"
			      " WHERE interval >= ? AND interval < ?",
			      add_status);
	if (rc == SQLITE_OK && !selection->times_only)
		rc = each_row(reading,
			      "SELECT endpoint, kind, name, sum_ns, waits FROM endpoint_detail"
			      " WHERE interval >= ? AND interval < ?",
			      add_detail);
	if (rc == SQLITE_OK && recording->has_operations && !selection->times_only)
		rc = each_row(
			reading,
			"SELECT endpoint, name, requests, operations, errors, sum_ns, max_ns, bytes_out, bytes_in,"
			" flags, durations, interval FROM endpoint_operation WHERE interval >= ? AND interval < ?",
			add_operation);
	if (rc == SQLITE_OK)
		rc = each_row(reading,
			      recording->has_operations ? "SELECT id, interval, changes, operations FROM journal WHERE "
							  "interval >= ? AND interval < ?"
							  " ORDER BY id"
							: "SELECT id, interval, changes FROM journal WHERE interval >= "
							  "? AND interval < ? ORDER BY id",
			      add_journal);
	reading->rss_service = -1;
	snprintf(query, sizeof(query),
		 "SELECT service, processes, threads, rss_bytes, rss_peak_bytes, cpu_ns, %s, %s FROM service_usage"
		 " WHERE interval >= ? AND interval < ? ORDER BY service, rss_bytes",
		 recording->has_collections ? "gc_count, gc_ns" : "0, 0",
		 recording->has_faults ? "minor_faults, major_faults, oom_kills" : "0, 0, NULL");
	if (rc == SQLITE_OK)
		rc = each_row(reading, query, add_usage);
	for (uint32_t id = 0; rc == SQLITE_OK && id < reading->catalog.services_len; id++)
		rc = ww_recording__growth(recording, id, reading->from, reading->to,
					  &reading->services[id].rss_growth_bytes);
	if (rc == SQLITE_OK && recording->has_programs)
		rc = each_row(reading,
			      "SELECT service, executable, bytes, modified_unix_ns, arguments FROM service_program",
			      add_program);
	if (rc == SQLITE_OK)
		rc = each_row(reading, "SELECT cause, count, loses FROM loss ORDER BY cause", add_loss);
	if (rc == SQLITE_OK)
		rc = each_row(reading, "SELECT port, protocol, connections FROM unreadable ORDER BY port, protocol",
			      add_unreadable);
	if (rc == SQLITE_OK) {
		uint32_t *alike = ww_catalog__alike(&reading->catalog);

		rc = alike && !ww_slice__join(&reading->slice, alike) && !join_blocks(reading, alike) ? SQLITE_OK
												      : SQLITE_NOMEM;
		free(alike);
	}
	return rc;
}

/* Leaves only services that have an endpoint in the report or, when `all`, were seen to use something. */
static size_t narrow_services(struct reading *reading, bool all)
{
	size_t len = 0;

	for (uint32_t id = 0; id < reading->catalog.services_len; id++) {
		bool used = all && reading->services[id].processes;

		for (uint32_t i = 0; i < reading->slice.used_len && !used; i++)
			used = reading->catalog.endpoints[reading->slice.used[i]].service == id;
		if (used)
			reading->services[len++] = reading->services[id];
	}
	return len;
}

/* The window of a report: of what was observed, the whole intervals that the selection touches. */
static void window_of(const struct reading *reading, const struct ww_selection *selection, int64_t *start_unix_ns,
		      int64_t *end_unix_ns)
{
	int64_t unit = reading->recording->interval_ns;

	*start_unix_ns = reading->recording->start_unix_ns;
	*end_unix_ns = reading->recording->end_unix_ns;
	if (selection->since_unix_ns && *start_unix_ns < reading->from)
		*start_unix_ns = reading->from;
	if (selection->until_unix_ns) {
		int64_t to = floor_to(selection->until_unix_ns + unit - 1, unit);

		if (*end_unix_ns > to)
			*end_unix_ns = to;
	}
	if (*end_unix_ns < *start_unix_ns)
		*end_unix_ns = *start_unix_ns;
}

static int build(struct reading *reading, const struct ww_selection *selection, struct ww_report **report)
{
	const struct ww_recording *recording = reading->recording;
	struct ww_report_frame frame = {
		.host = recording->host,
		.kernel = recording->kernel,
		.stand_ins = recording->stand_ins,
		.settings = recording->settings,
		.cpus = recording->cpus,
		.unended = recording->unended,
		.losses = reading->losses,
		.losses_len = reading->losses_len,
		.unreadable = reading->unreadable,
		.unreadable_len = reading->unreadable_len,
		.services = reading->services,
		.services_len = narrow_services(reading, !selection->endpoint),
		.studies = reading->studies.by_endpoint,
		.crowd = reading->studies.by_endpoint ? &reading->studies.crowd : NULL,
		.blocks = reading->blocks,
		.profile = reading->profile && reading->profile->samples_len ? reading->profile : NULL,
	};

	window_of(reading, selection, &frame.start_unix_ns, &frame.end_unix_ns);
	return ww_report__build(&frame, &reading->catalog, &reading->slice, report);
}

/* 0, or a negative errno with the recording's message set. */
static int read_requests(struct reading *reading, const struct ww_selection *selection)
{
	const struct ww_stack_filter computing = {.kinds = 1u << WW_KIND_COMPUTE};
	int64_t start, end;

	window_of(reading, selection, &start, &end);
	int err = ww_recording__profile(reading->recording, selection, &computing, &reading->profile);
	return err
		       ?: ww_recording__studies(reading->recording, selection, reading->catalog.endpoints_len,
						&reading->slice, end - start, &reading->studies);
}

int ww_recording__report(struct ww_recording *recording, const struct ww_selection *selection,
			 struct ww_report **report)
{
	struct reading reading = {.recording = recording};
	int rc = sqlite3_exec(recording->db, "SAVEPOINT report", NULL, NULL, NULL), err = 0;

	if (rc == SQLITE_OK) {
		rc = read_all(&reading, selection);
		if (rc == SQLITE_OK && !selection->sums_only)
			err = read_requests(&reading, selection);
		sqlite3_exec(recording->db, "RELEASE report", NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK && !err && build(&reading, selection, report))
		rc = SQLITE_NOMEM;
	if (!err && rc != SQLITE_OK)
		err = ww_recording__fail(recording, rc);
	free_reading(&reading);
	return err;
}
