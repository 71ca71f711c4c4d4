/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/losses.h"
#include "model/report_build.h"
#include "model/service_samples.h"
#include "store/codec.h"
#include "store/read.h"
#include "store/recording.h"
#include "store/schema.h"
#include "util/arena.h"

/* Intervals of an endpoint from which on they are its blocks, and not their seconds. */
#define WHOLE_INTERVALS 20

#define NSEC 1000000000

/* Resident size of a service in an interval, and how long that is. */
struct resident {
	uint64_t bytes;
	double ns;
};

/* What is being read for a report. */
struct reading {
	struct ww_recording *recording;
	struct ww_catalog catalog;
	bool *wanted; /* by endpoint */
	struct ww_sums sums;
	struct ww_studies studies;
	int64_t start_unix_ns, end_unix_ns; /* the window */
	int64_t unobserved_ns;		    /* of it: the sum of .. */
	struct ww_gap *gaps;
	uint32_t gaps_len, gaps_cap;

	struct ww_service_report *services; /* by id */
	struct resident *rss;		    /* of the service that is being read: in each interval, ascending */
	size_t rss_len, rss_cap, rss_median;
	double rss_ns, rss_upto_ns; /* of all, and of those before the median */
	int64_t rss_service;
	int64_t samples_of; /* the service whose intervals are being read, .. */
	bool has_samples;   /* .. and whether it has others than these */

	struct ww_profile *profile; /* of computing */
	struct ww_arena *arena;	    /* of the rows below */
	struct ww_loss *losses;
	size_t losses_len;
	struct ww_unreadable_port *unreadable;
	size_t unreadable_len;
};

static void free_reading(struct reading *reading)
{
	for (uint32_t i = 0; reading->sums.blocks && i < reading->catalog.endpoints_len; i++)
		ww_blocks__free(&reading->sums.blocks[i]);
	free(reading->sums.blocks);
	for (uint32_t i = 0; reading->sums.served && i < reading->catalog.services_len; i++)
		free(reading->sums.served[i].in);
	free(reading->sums.served);
	ww_catalog__free(&reading->catalog);
	free(reading->wanted);
	ww_slice__free(&reading->sums.slice);
	ww_studies__free(&reading->studies);
	free(reading->services);
	free(reading->rss);
	ww_arena__free(reading->arena);
	ww_profile_free(reading->profile);
	free(reading->losses);
	free(reading->unreadable);
	free(reading->gaps);
}

/* Goes through the rows of a query, whose placeholders, if any, are `from` and `to`. */
static int each_row(struct reading *reading, const char *query, int (*add)(struct reading *, sqlite3_stmt *))
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(reading->recording->db, query, -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement) == 2) {
		rc = sqlite3_bind_int64(statement, 1, reading->sums.from);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_int64(statement, 2, reading->sums.to);
	}
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			rc = add(reading, statement);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* How long the interval of a row is; what is not the start of a longer one has not become one yet. */
static int64_t length_of(const struct ww_recording *recording, int64_t interval)
{
	int64_t unit = ww_recording__unit_at(recording, interval);

	if (interval % unit && unit > WW_SCHEMA_MINUTE_NS && !(interval % WW_SCHEMA_MINUTE_NS))
		return WW_SCHEMA_MINUTE_NS;
	return interval % unit ? recording->interval_ns : unit;
}

/* Rows come in the order of service and resident size, so the median so far is in the end that of all. */
static int add_resident(struct reading *reading, int64_t service, uint64_t bytes, int64_t ns, uint64_t *median)
{
	if (service != reading->rss_service) {
		reading->rss_len = reading->rss_median = 0;
		reading->rss_ns = reading->rss_upto_ns = 0;
	}
	reading->rss_service = service;
	if (reading->rss_len == reading->rss_cap) {
		size_t cap = reading->rss_cap ? reading->rss_cap * 2 : 64;
		struct resident *larger = reallocarray(reading->rss, cap, sizeof(*larger));

		if (!larger)
			return SQLITE_NOMEM;
		reading->rss = larger;
		reading->rss_cap = cap;
	}
	reading->rss[reading->rss_len++] = (struct resident){bytes, (double)ns};
	reading->rss_ns += (double)ns;
	while (reading->rss_upto_ns + reading->rss[reading->rss_median].ns <= reading->rss_ns / 2)
		reading->rss_upto_ns += reading->rss[reading->rss_median++].ns;
	*median = reading->rss[reading->rss_median].bytes;
	return SQLITE_OK;
}

static int add_usage(struct reading *reading, sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, 0);
	uint64_t processes = (uint64_t)sqlite3_column_int64(row, 1), threads = (uint64_t)sqlite3_column_int64(row, 2);
	uint64_t rss = (uint64_t)sqlite3_column_int64(row, 3), peak = (uint64_t)sqlite3_column_int64(row, 4);
	struct ww_service_report *service;
	int rc;

	if (id < 0 || id >= reading->catalog.services_len)
		return SQLITE_CORRUPT;
	service = &reading->services[id];
	/* Nobody of it lived then: what is counted came to light later. */
	rc = rss ? add_resident(reading, id, rss, length_of(reading->recording, sqlite3_column_int64(row, 11)),
				&service->rss_steady_bytes)
		 : SQLITE_OK;
	if (rc != SQLITE_OK)
		return rc;
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

static uint64_t number_or_0(sqlite3_stmt *row, int column)
{
	int64_t number = sqlite3_column_int64(row, column);

	return number > 0 ? (uint64_t)number : 0;
}

/* Rows come in the order of service and time. */
static int add_sample(struct reading *reading, sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, 0);
	const struct ww_service_sample sample = {
		.requests = number_or_0(row, 1),
		.rss_bytes = number_or_0(row, 2),
		.pss_bytes = number_or_0(row, 3),
		.allocations = number_or_0(row, 4),
		.allocated_bytes = number_or_0(row, 5),
		.allocations_known = sqlite3_column_type(row, 4) == SQLITE_INTEGER,
		.allocated_known = sqlite3_column_type(row, 5) == SQLITE_INTEGER,
		.samples = number_or_0(row, 6),
	};
	struct ww_service_report *service;

	if (id < 0 || id >= reading->catalog.services_len)
		return SQLITE_CORRUPT;
	service = &reading->services[id];
	return ww_service_samples__add(reading->arena, service, &sample) ? SQLITE_NOMEM : SQLITE_OK;
}

/* What goes on has no samples, nor have recordings of earlier versions: its intervals are. In the order of service and
 * time. */
static int add_interval(struct reading *reading, sqlite3_stmt *row)
{
	int64_t id = sqlite3_column_int64(row, 0), interval = sqlite3_column_int64(row, 1);
	const struct ww_service_sample sample = {
		.samples = (uint64_t)length_of(reading->recording, interval) / NSEC,
		.rss_bytes = number_or_0(row, 2),
	};

	if (id < 0 || id >= reading->catalog.services_len)
		return SQLITE_CORRUPT;
	if (reading->samples_of < id) {
		reading->samples_of = id;
		reading->has_samples = reading->services[id].samples_len > 0;
	}
	if (reading->has_samples)
		return SQLITE_OK;
	return ww_service_samples__add(reading->arena, &reading->services[id], &sample) ? SQLITE_NOMEM : SQLITE_OK;
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

static int add_gap(struct reading *reading, sqlite3_stmt *row)
{
	int64_t from = sqlite3_column_int64(row, 0), to = sqlite3_column_int64(row, 1);

	from = from > reading->start_unix_ns ? from : reading->start_unix_ns;
	to = to < reading->end_unix_ns ? to : reading->end_unix_ns;
	if (from >= to)
		return SQLITE_OK;
	if (reading->gaps_len == reading->gaps_cap) {
		uint32_t cap = reading->gaps_cap ? reading->gaps_cap * 2 : 16;
		struct ww_gap *larger = reallocarray(reading->gaps, cap, sizeof(*larger));

		if (!larger)
			return SQLITE_NOMEM;
		reading->gaps = larger;
		reading->gaps_cap = cap;
	}
	reading->gaps[reading->gaps_len++] = (struct ww_gap){.start_ns = from, .end_ns = to};
	reading->unobserved_ns += to - from;
	return SQLITE_OK;
}

/* What was not observed of the window is a loss of so many seconds. */
static int add_gaps(struct reading *reading)
{
	struct ww_loss *larger = reallocarray(reading->losses, reading->losses_len + 1, sizeof(*larger));
	int rc;

	if (!larger)
		return SQLITE_NOMEM;
	reading->losses = larger;
	rc = each_row(reading, "SELECT start_unix_ns, end_unix_ns FROM gap", add_gap);
	if (reading->unobserved_ns > reading->end_unix_ns - reading->start_unix_ns)
		return SQLITE_CORRUPT;
	if (!reading->unobserved_ns)
		return rc;
	larger[reading->losses_len++] = (struct ww_loss){
		.cause = ww_loss_cause(WW_LOSS_NOT_OBSERVED),
		.count = ((uint64_t)reading->unobserved_ns + NSEC - 1) / NSEC,
		.loses = true,
	};
	return rc;
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

	for (uint32_t i = 0; !err && reading->sums.blocks && i < reading->catalog.endpoints_len; i++) {
		struct ww_blocks *blocks = &reading->sums.blocks[i];

		if (alike[i] != i) {
			err = ww_blocks__merge(&reading->sums.blocks[alike[i]], blocks, 0);
			ww_blocks__free(blocks);
		}
	}
	for (uint32_t i = 0; !err && reading->sums.blocks && i < reading->catalog.endpoints_len; i++) {
		struct ww_blocks *blocks = &reading->sums.blocks[i], whole = {0};

		if (intervals_of(blocks, unit) < WHOLE_INTERVALS)
			continue;
		err = ww_blocks__merge(&whole, blocks, unit);
		ww_blocks__free(blocks);
		*blocks = whole;
	}
	return err;
}

/* The window of a report: of what was observed, the whole intervals that the selection touches. */
static void set_window(struct reading *reading, const struct ww_selection *selection)
{
	reading->start_unix_ns = reading->recording->start_unix_ns;
	reading->end_unix_ns = reading->recording->end_unix_ns;
	if (selection->since_unix_ns && reading->start_unix_ns < reading->sums.from)
		reading->start_unix_ns = reading->sums.from;
	if (selection->until_unix_ns) {
		int64_t last = ww_recording__floor(reading->recording, selection->until_unix_ns - 1);
		int64_t to = last + ww_recording__unit_at(reading->recording, last);

		if (reading->end_unix_ns > to)
			reading->end_unix_ns = to;
	}
	if (reading->end_unix_ns < reading->start_unix_ns)
		reading->end_unix_ns = reading->start_unix_ns;
}

/* All that the report is made of, of one state of the file. */
static int read_all(struct reading *reading, const struct ww_selection *selection)
{
	struct ww_recording *recording = reading->recording;
	char query[1024];
	int rc = ww_recording__refresh(recording);

	if (rc == SQLITE_OK)
		rc = ww_recording__catalog(recording, &reading->catalog);
	if (rc != SQLITE_OK)
		return rc;
	reading->sums.from =
		selection->since_unix_ns ? ww_recording__floor(recording, selection->since_unix_ns) : INT64_MIN;
	reading->sums.to = selection->until_unix_ns ? selection->until_unix_ns : INT64_MAX;
	set_window(reading, selection);
	reading->wanted = ww_recording__wanted(&reading->catalog, selection->endpoint, selection->over_time);
	reading->services = calloc(reading->catalog.services_len + 1, sizeof(*reading->services));
	reading->sums.served = calloc(reading->catalog.services_len + 1, sizeof(*reading->sums.served));
	reading->arena = ww_arena__new();
	if (!reading->wanted || !reading->services || !reading->arena || !reading->sums.served)
		return SQLITE_NOMEM;
	if (selection->sampling) {
		reading->sums.blocks = calloc(reading->catalog.endpoints_len + 1, sizeof(*reading->sums.blocks));
		if (!reading->sums.blocks)
			return SQLITE_NOMEM;
	}
	for (uint32_t i = 0; i < reading->catalog.services_len; i++) {
		reading->services[i].service = reading->catalog.services[i].name;
		reading->services[i].container = reading->catalog.services[i].container;
		reading->services[i].cgroup = reading->catalog.services[i].cgroup;
		reading->services[i].rss_growth_bytes = NAN;
	}
	reading->sums.recording = recording;
	reading->sums.catalog = &reading->catalog;
	reading->sums.wanted = reading->wanted;
	reading->sums.times_only = selection->times_only;
	rc = ww_sums__read(&reading->sums, true);
	reading->rss_service = reading->samples_of = -1;
	snprintf(query, sizeof(query),
		 "SELECT service, processes, threads, rss_bytes, rss_peak_bytes, cpu_ns, %s, %s, interval FROM "
		 "service_usage"
		 " WHERE interval >= ? AND interval < ? ORDER BY service, rss_bytes",
		 recording->has_collections ? "gc_count, gc_ns" : "0, 0",
		 recording->has_faults ? "minor_faults, major_faults, oom_kills" : "0, 0, NULL");
	if (rc == SQLITE_OK)
		rc = each_row(reading, query, add_usage);
	if (rc == SQLITE_OK)
		rc = ww_recording__growth(recording, reading->sums.served, reading->services,
					  reading->catalog.services_len, reading->sums.from, reading->sums.to);
	if (rc == SQLITE_OK && recording->has_samples)
		rc = each_row(
			reading,
			"SELECT service, requests, rss_bytes, pss_bytes, allocations, allocated_bytes, samples"
			" FROM service_sample WHERE interval >= ? AND interval < ? ORDER BY service, second_unix_ns",
			add_sample);
	if (rc == SQLITE_OK && selection->sampling)
		rc = each_row(
			reading,
			"SELECT service, interval, rss_bytes FROM service_usage WHERE interval >= ? AND interval < ?"
			" AND rss_bytes > 0 ORDER BY service, interval",
			add_interval);
	for (uint32_t id = 0; rc == SQLITE_OK && id < reading->catalog.services_len; id++)
		if (ww_service_samples__sum(&reading->services[id]))
			rc = SQLITE_NOMEM;
	if (rc == SQLITE_OK && recording->has_programs)
		rc = each_row(reading,
			      "SELECT service, executable, bytes, modified_unix_ns, arguments FROM service_program",
			      add_program);
	if (rc == SQLITE_OK)
		rc = each_row(reading,
			      recording->has_gaps
				      ? "SELECT cause, sum(count), max(loses) FROM loss_interval"
					" WHERE interval >= ? AND interval < ? GROUP BY cause ORDER BY cause"
				      : "SELECT cause, count, loses FROM loss ORDER BY cause",
			      add_loss);
	if (rc == SQLITE_OK && recording->has_gaps)
		rc = add_gaps(reading);
	if (rc == SQLITE_OK)
		rc = each_row(reading, "SELECT port, protocol, connections FROM unreadable ORDER BY port, protocol",
			      add_unreadable);
	if (rc == SQLITE_OK) {
		uint32_t *alike = ww_catalog__alike(&reading->catalog);

		rc = alike && !ww_slice__join(&reading->sums.slice, alike) && !join_blocks(reading, alike)
			     ? SQLITE_OK
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

		for (uint32_t i = 0; i < reading->sums.slice.used_len && !used; i++)
			used = reading->catalog.endpoints[reading->sums.slice.used[i]].service == id;
		if (used)
			reading->services[len++] = reading->services[id];
	}
	return len;
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
		.host_busy_ns = selection->since_unix_ns || selection->until_unix_ns ? 0 : recording->host_busy_ns,
		.unended = recording->unended,
		.losses = reading->losses,
		.losses_len = reading->losses_len,
		.unreadable = reading->unreadable,
		.unreadable_len = reading->unreadable_len,
		.services = reading->services,
		.services_len = narrow_services(reading, !selection->endpoint),
		.studies = reading->studies.by_endpoint,
		.crowd = reading->studies.by_endpoint ? &reading->studies.crowd : NULL,
		.blocks = reading->sums.blocks,
		.unit_ns = ww_recording__unit_at(recording, reading->start_unix_ns),
		.start_unix_ns = reading->start_unix_ns,
		.end_unix_ns = reading->end_unix_ns,
		.unobserved_ns = reading->unobserved_ns,
		.gaps = reading->gaps,
		.gaps_len = reading->gaps_len,
		.profile = reading->profile && reading->profile->samples_len ? reading->profile : NULL,
	};

	return ww_report__build(&frame, &reading->catalog, &reading->sums.slice, report);
}

/* 0, or a negative errno with the recording's message set. */
static int read_requests(struct reading *reading, const struct ww_selection *selection)
{
	const struct ww_stack_filter computing = {.kinds = 1u << WW_KIND_COMPUTE};
	int err = ww_recording__profile(reading->recording, selection, &computing, &reading->profile);
	return err
		       ?: ww_recording__studies(reading->recording, selection, reading->catalog.endpoints_len,
						&reading->sums.slice,
						reading->end_unix_ns - reading->start_unix_ns - reading->unobserved_ns,
						&reading->studies);
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
