/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording that goes on: what becomes of it in hours and days, which take no time here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "recordings.h"
#include "store/merge.h"

#define MINUTE (6 * INTERVAL)
#define HOUR   (60 * MINUTE)
#define START  (500000 * HOUR)

#define ENDPOINTS 3

static const struct ww_retention short_lived = {.age_ns = 4 * HOUR, .fine_ns = 10 * MINUTE, .minutes_ns = HOUR};

static const struct ww_retention lasting = {.fine_ns = 10 * MINUTE, .minutes_ns = HOUR};

static void add_endpoints(struct fixture *fixture)
{
	static const char *const routes[] = {"/", "/b", "/c"};

	while (fixture->catalog.endpoints_len < ENDPOINTS) {
		const struct ww_catalog_endpoint endpoint = {
			.protocol = "http", .method = "GET", .route = routes[fixture->catalog.endpoints_len]};

		ww_catalog__add_endpoint(&fixture->catalog, &endpoint);
	}
}

static struct ww_recorder *go_on(struct fixture *fixture, const char *path, const struct ww_retention *retention)
{
	const struct ww_recorder_options options = {.path = path,
						    .keep = 5,
						    .goes_on = retention,
						    .retention = retention ? *retention : (struct ww_retention){0}};
	struct ww_recorder *recorder = NULL;

	if (ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	return recorder;
}

static void keep(struct ww_recorder *recorder, uint32_t endpoint, int64_t at, const struct ww_sample *sample)
{
	struct ww_request request = {.start_unix_ns = at,
				     .service = "shop:80",
				     .protocol = "http/1.1",
				     .method = "GET",
				     .route = "/",
				     .path = "/",
				     .comm = "shop",
				     .traceparent = "",
				     .status = sample->status};

	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		request.kinds_ns[kind] = sample->kinds_ns[kind];
		request.wall_ns += sample->kinds_ns[kind];
	}
	if (ww_recorder__wants(recorder, endpoint, request.wall_ns, sample->status >= 500))
		ww_recorder__keep(recorder, endpoint, &request);
}

/* The interval that begins then, in all recorders. */
static void put_interval(struct fixture *fixture, struct ww_recorder **recorders, size_t len, int64_t at,
			 unsigned requests, bool last)
{
	const struct ww_loss losses[] = {{.cause = "account_ring_full", .count = 0, .loses = true}};
	/* Less memory after two hours. */
	const struct ww_service_usage usage = {.processes = 2,
					       .threads = 3,
					       .rss_bytes = at < START + 2 * HOUR ? 2 << 20 : 1 << 20,
					       .rss_peak_bytes = 2 << 20,
					       .cpu_ns = 1000000};
	const struct ww_commit commit = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = at,
		.start_unix_ns = START,
		.end_unix_ns = at + INTERVAL,
		.usage = &usage,
		.usage_len = 1,
		.losses = losses,
		.losses_len = 1,
		.last = last,
	};

	for (unsigned i = 0; i < requests; i++) {
		const struct ww_detail_sum detail = {.kind = WW_KIND_DB, .name = 0, .ns = 5, .count = 1};
		uint64_t kinds_ns[WW_KIND_COUNT] = {
			draw_duration(&fixture->draw), [WW_KIND_DB] = 5 + draw_duration(&fixture->draw)};
		const struct ww_sample sample = {.kinds_ns = kinds_ns,
						 .status = i % 50 ? 200 : 503,
						 .details = &detail,
						 .details_len = 1,
						 .in_flight = i % 7};

		assert_int_equal(ww_slice__add(&fixture->slice, i % ENDPOINTS, &sample), 0);
		for (size_t r = 0; r < len; r++)
			keep(recorders[r], i % ENDPOINTS, at + i, &sample);
	}
	for (size_t r = 0; r < len; r++)
		assert_int_equal(ww_recorder__commit(recorders[r], &commit), 0);
	ww_slice__clear(&fixture->slice);
}

static struct ww_report *report_of(struct fixture *fixture, const char *path, int64_t since, int64_t until)
{
	const struct ww_selection selection = {.since_unix_ns = since, .until_unix_ns = until};
	struct ww_recording *recording;
	struct ww_report *report;

	if (ww_recording__open(&recording, path, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	if (ww_recording__report(recording, &selection, &report))
		fail_msg("%s", ww_recording__message(recording));
	ww_recording__close(recording);
	return report;
}

/* What both files say of a stretch of time, and that kinds add up. Returns the requests. */
static uint64_t check_same(struct fixture *fixture, const char *plain, int64_t since, int64_t until)
{
	struct ww_report *ours = report_of(fixture, fixture->path, since, until),
			 *theirs = report_of(fixture, plain, since, until);
	uint64_t requests = 0;

	assert_int_equal(ours->endpoints_len, theirs->endpoints_len);
	for (size_t i = 0; i < ours->endpoints_len; i++) {
		const struct ww_endpoint_report *a = &ours->endpoints[i], *b = &theirs->endpoints[i];
		uint64_t kinds = 0;

		assert_string_equal(a->route, b->route);
		assert_int_equal(a->requests, b->requests);
		assert_int_equal(a->errors, b->errors);
		assert_memory_equal(&a->wall, &b->wall, sizeof(a->wall));
		assert_memory_equal(a->kinds_sum_ns, b->kinds_sum_ns, sizeof(a->kinds_sum_ns));
		assert_memory_equal(a->tail_kinds_sum_ns, b->tail_kinds_sum_ns, sizeof(a->tail_kinds_sum_ns));
		assert_int_equal(a->in_flight_max, b->in_flight_max);
		assert_int_equal(a->status_len, b->status_len);
		for (size_t s = 0; s < a->status_len; s++)
			assert_int_equal(a->status[s].requests, b->status[s].requests);
		assert_int_equal(a->details_len, 1);
		assert_int_equal(a->details[0].sum_ns, b->details[0].sum_ns);
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			kinds += a->kinds_sum_ns[kind];
		assert_int_equal(kinds, a->wall.sum);
		requests += a->requests;
	}
	/* The median of a time, however long the intervals are. */
	assert_int_equal(ours->services[0].rss_steady_bytes, theirs->services[0].rss_steady_bytes);
	assert_int_equal(ours->start_unix_ns, theirs->start_unix_ns);
	assert_true(ours->complete);
	ww_report_free(ours);
	ww_report_free(theirs);
	return requests;
}

static int64_t number_of(struct fixture *fixture, const char *query)
{
	sqlite3_stmt *statement;
	int64_t number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static void old_intervals_become_minutes_and_hours_without_loss(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorders[2];
	char plain[140];

	snprintf(plain, sizeof(plain), "%s/plain.db", fixture->directory);
	add_endpoints(fixture);
	recorders[0] = go_on(fixture, fixture->path, &short_lived);
	recorders[1] = go_on(fixture, plain, NULL);
	for (int64_t at = START; at < START + 3 * HOUR; at += INTERVAL) {
		put_interval(fixture, recorders, 2, at, 60, false);
		/* In the middle of it, also between two steps, whatever is asked is answered as if nothing was done. */
		if ((at - START) % (19 * MINUTE) == 0) {
			assert_int_equal(check_same(fixture, plain, 0, 0), 60 * ((at - START) / INTERVAL + 1));
			check_same(fixture, plain, at - at % HOUR, 0);
		}
	}
	assert_int_equal(check_same(fixture, plain, START + HOUR, START + 2 * HOUR), 60 * 360);
	/* Of a minute that is in an hour the hour is told, as of 10 s of a minute the minute. */
	struct ww_report *report = report_of(fixture, fixture->path, START + 20 * MINUTE, START + 21 * MINUTE);
	assert_int_equal(report->start_unix_ns, START);
	assert_int_equal(report->end_unix_ns, START + HOUR);
	assert_int_equal(report->endpoints[0].requests, 20 * 360);
	ww_report_free(report);
	/* 2 hours, at most 60 minutes, what is not yet 10 minutes old and what is not done; of each endpoint. */
	assert_true(number_of(fixture, "SELECT count(*) FROM endpoint_interval") <= ENDPOINTS * (2 + 60 + 60 + 6 + 1));
	assert_true(number_of(fixture, "SELECT count(*) FROM service_usage") <= 2 + 60 + 60 + 6 + 1);
	assert_int_equal(number_of(fixture, "SELECT sum(cpu_ns) FROM service_usage"), 1080 * 1000000);
	/* Of an hour as many are kept as of 10 s: the slowest, errors, a fair sample. */
	assert_in_range(number_of(fixture, "SELECT count(*) FROM request WHERE start_unix_ns < 1800003600000000000"),
			ENDPOINTS * 5, ENDPOINTS * 15);
	assert_int_equal(number_of(fixture, "SELECT count(*) FROM request WHERE start_unix_ns < 1800003600000000000"
					    " AND sampled"),
			 ENDPOINTS * 5);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ww_recorder__close(recorders[i]), 0);
	check_same(fixture, plain, 0, 0);
}

static void what_is_too_old_goes(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder;
	struct ww_report *report;

	add_endpoints(fixture);
	recorder = go_on(fixture, fixture->path, &short_lived);
	for (int64_t at = START; at < START + 6 * HOUR; at += INTERVAL)
		put_interval(fixture, &recorder, 1, at, 9, false);
	report = report_of(fixture, fixture->path, 0, 0);
	assert_int_equal(report->start_unix_ns, START + 2 * HOUR);
	assert_int_equal(report->endpoints[0].requests + report->endpoints[1].requests + report->endpoints[2].requests,
			 9 * 4 * 360);
	ww_report_free(report);
	assert_true(number_of(fixture, "SELECT min(start_unix_ns) FROM request") >= START + 2 * HOUR);
	assert_int_equal(ww_recorder__close(recorder), 0);
}

static void a_file_is_no_larger_than_it_may_be(void **state)
{
	const struct ww_retention small = {
		.age_ns = 1000 * HOUR, .fine_ns = 100 * HOUR, .minutes_ns = 200 * HOUR, .bytes = 10 << 20};
	struct fixture *fixture = *state;
	struct ww_recorder *recorder;
	struct ww_report *report;
	struct stat status, log;
	int64_t at = START;

	add_endpoints(fixture);
	recorder = go_on(fixture, fixture->path, &small);
	for (; at < START + 3 * HOUR; at += INTERVAL) {
		put_interval(fixture, &recorder, 1, at, 60, false);
		assert_int_equal(stat(fixture->path, &status), 0);
		assert_int_equal(stat(fixture->log, &log), 0);
		assert_true(status.st_size + log.st_size <= 10 << 20);
	}
	report = report_of(fixture, fixture->path, 0, 0);
	assert_true(report->start_unix_ns > START + HOUR && report->start_unix_ns < at);
	assert_true(report->complete);
	ww_report_free(report);
	assert_int_equal(ww_recorder__close(recorder), 0);
}

static void it_goes_on_in_the_same_file(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder;
	struct ww_report *report;

	add_endpoints(fixture);
	recorder = go_on(fixture, fixture->path, &short_lived);
	assert_null(ww_recorder__past(recorder));
	for (int i = 0; i < 3; i++)
		put_interval(fixture, &recorder, 1, START + i * INTERVAL, 30, i == 2);
	assert_int_equal(ww_recorder__close(recorder), 0);
	recorder = go_on(fixture, fixture->path, &short_lived);
	assert_false(ww_recorder__moved(recorder));
	assert_int_equal(ww_recorder__past(recorder)->endpoints_len, ENDPOINTS);
	assert_string_equal(ww_recorder__past(recorder)->services[0].name, "shop:80");

	/* It was off from 30 s to 50 s. */
	const struct ww_commit commit = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = START + 5 * INTERVAL,
		.start_unix_ns = START + 5 * INTERVAL,
		.end_unix_ns = START + 5 * INTERVAL + 1,
	};
	assert_int_equal(ww_recorder__commit(recorder, &commit), 0);
	put_interval(fixture, &recorder, 1, START + 5 * INTERVAL, 30, true);
	assert_int_equal(ww_recorder__close(recorder), 0);
	report = report_of(fixture, fixture->path, 0, 0);
	assert_int_equal(report->endpoints[0].requests, 40);
	assert_int_equal(report->start_unix_ns, START);
	assert_int_equal(report->end_unix_ns, START + 6 * INTERVAL);
	assert_int_equal(ww_report__observed_ns(report), 4 * INTERVAL);
	assert_int_equal(report->gaps_len, 1);
	assert_int_equal(report->gaps[0].start_ns, START + 3 * INTERVAL);
	assert_int_equal(report->gaps[0].end_ns, START + 5 * INTERVAL);
	assert_int_equal((int)(report->endpoints[0].rate_per_s * 100), 100);
	assert_false(report->complete);
	assert_int_equal(report->losses_len, 1);
	assert_string_equal(report->losses[0].cause, "not_observed");
	assert_int_equal(report->losses[0].count, 20);
	ww_report_free(report);
	/* With another one of the host the gap stays one, and what is in minutes is told as such. */
	struct ww_merged merged;
	char plain[140], out[140];

	snprintf(plain, sizeof(plain), "%s/plain.db", fixture->directory);
	snprintf(out, sizeof(out), "%s/out.db", fixture->directory);
	recorder = go_on(fixture, plain, NULL);
	const struct ww_commit later = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = START + 6 * INTERVAL,
		.start_unix_ns = START + 6 * INTERVAL,
		.end_unix_ns = START + 7 * INTERVAL,
		.last = true,
	};
	assert_int_equal(ww_recorder__commit(recorder, &later), 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	if (ww_merge(out, (const char *const[]){fixture->path, plain}, 2, &merged, fixture->message,
		     sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	report = report_of(fixture, out, 0, 0);
	assert_int_equal(report->endpoints[0].requests, 40);
	assert_int_equal(ww_report__observed_ns(report), 5 * INTERVAL);
	assert_false(report->complete);
	assert_string_equal(report->losses[0].cause, "not_observed");
	assert_int_equal(report->losses[0].count, 20);
	ww_report_free(report);
	/* Of what came after the gap all is known. */
	report = report_of(fixture, fixture->path, START + 5 * INTERVAL, 0);
	assert_true(report->complete);
	ww_report_free(report);
}

#define CONTAINERS 100 /* services of a round */

/* A round of a host whose containers are others each time: it ends with the file closed. */
static void run_containers(struct fixture *fixture, int round, const struct ww_retention *retention)
{
	const int64_t at = START + round * HOUR;
	struct ww_recorder *recorder = go_on(fixture, fixture->path, retention);
	struct ww_service_usage usage[CONTAINERS];
	struct ww_catalog catalog;

	assert_false(ww_recorder__moved(recorder));
	assert_int_equal(ww_catalog__init(&catalog), 0);
	if (ww_recorder__past(recorder))
		assert_int_equal(ww_catalog__copy(&catalog, ww_recorder__past(recorder)), 0);
	for (unsigned i = 0; i < CONTAINERS; i++) {
		char name[32], statement[32];
		snprintf(name, sizeof(name), "pod-%d-%u:80", round, i);
		snprintf(statement, sizeof(statement), "SELECT %d, %u", round, i);

		const struct ww_catalog_service service = {.name = name, .container = name, .cgroup = ""};
		const int64_t id = ww_catalog__add_service(&catalog, &service);
		const struct ww_catalog_endpoint endpoint = {
			.service = (uint32_t)id, .protocol = "http", .method = "GET", .route = "/"};
		const int64_t at_endpoint = ww_catalog__add_endpoint(&catalog, &endpoint);
		const struct ww_operation operation = {.kind = WW_KIND_DB,
						       .system = "postgres",
						       .peer = "db",
						       .summary = statement,
						       .statement = statement};
		const struct ww_sample_operation asked = {
			.name = ww_catalog__operation(&catalog, &operation), .kind = WW_KIND_DB, .duration_ns = 5};
		const struct ww_detail_sum detail = {.kind = WW_KIND_DB,
						     .name = ww_intern__add(catalog.names, name, strlen(name)),
						     .ns = 5,
						     .count = 1};
		const uint64_t kinds_ns[WW_KIND_COUNT] = {1000, [WW_KIND_DB] = 5};
		const struct ww_sample sample = {.kinds_ns = kinds_ns,
						 .status = 200,
						 .details = &detail,
						 .details_len = 1,
						 .operations = &asked,
						 .operations_len = 1,
						 .operations_known = true};

		assert_true(id >= 0 && at_endpoint >= 0);
		assert_int_equal(ww_slice__add(&fixture->slice, (uint32_t)at_endpoint, &sample), 0);
		usage[i] = (struct ww_service_usage){.service = (uint32_t)id, .processes = 1, .rss_bytes = 1 << 20};
	}
	for (int i = 0; i < 3; i++) {
		const struct ww_commit commit = {
			.catalog = &catalog,
			.slice = &fixture->slice,
			.interval = at + i * INTERVAL,
			.start_unix_ns = at,
			.end_unix_ns = at + (i + 1) * INTERVAL,
			.usage = usage,
			.usage_len = i ? 0 : CONTAINERS,
			.last = i == 2,
		};

		assert_int_equal(ww_recorder__commit(recorder, &commit), 0);
		ww_slice__clear(&fixture->slice);
	}
	ww_catalog__free(&catalog);
	assert_int_equal(ww_recorder__close(recorder), 0);
}

static void what_nothing_refers_to_goes_too(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;
	int services[7] = {0};

	for (int round = 0; round < 20; round++)
		run_containers(fixture, round, &short_lived);
	/* What is 4 hours old, and what was there when the last round began. */
	assert_true(number_of(fixture, "SELECT count(*) FROM service") <= 6 * CONTAINERS);
	assert_true(number_of(fixture, "SELECT count(*) FROM endpoint") <= 6 * CONTAINERS);
	assert_true(number_of(fixture, "SELECT count(*) FROM detail_name") <= 6 * CONTAINERS + 1);
	assert_true(number_of(fixture, "SELECT count(*) FROM operation_name") <= 6 * CONTAINERS + 8);
	/* Ids are used again. */
	assert_true(number_of(fixture, "SELECT max(id) FROM service") < 8 * CONTAINERS);
	assert_true(number_of(fixture, "SELECT max(id) FROM endpoint") < 8 * CONTAINERS);
	assert_true(number_of(fixture, "SELECT max(id) FROM operation_name") < 8 * CONTAINERS + 8);
	report = report_of(fixture, fixture->path, 0, 0);
	assert_in_range(report->endpoints_len, 4 * CONTAINERS, 5 * CONTAINERS);
	assert_in_range(report->services_len, 4 * CONTAINERS, 5 * CONTAINERS);
	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];
		int round = -1;
		unsigned pod = 0;
		char statement[32];

		assert_int_equal(sscanf(endpoint->service, "pod-%d-%u:80", &round, &pod), 2);
		assert_in_range(round, 15, 19);
		services[round - 15]++;
		snprintf(statement, sizeof(statement), "SELECT %d, %u", round, pod);
		assert_int_equal(endpoint->requests, 1);
		assert_int_equal(endpoint->details_len, 1);
		assert_string_equal(endpoint->details[0].name, endpoint->service);
		assert_int_equal(endpoint->operations_len, 1);
		assert_string_equal(endpoint->operations[0].summary, statement);
	}
	for (int i = 1; i < 5; i++)
		assert_int_equal(services[i], CONTAINERS);
	ww_report_free(report);
}

static void many_services_are_gone_on_with(void **state)
{
	struct fixture *fixture = *state;

	for (int round = 0; round < 5; round++)
		run_containers(fixture, round, &lasting);
	assert_int_equal(number_of(fixture, "SELECT count(*) FROM service"), 5 * CONTAINERS);
	assert_int_equal(access(fixture->old, F_OK), -1);
	/* All versions of whywait can read it: nothing is missing of it. */
	assert_int_equal(number_of(fixture, "PRAGMA user_version"), 1);
}

static void what_was_moved_away_counts(void **state)
{
	static const struct ww_retention small = {.fine_ns = HOUR, .minutes_ns = 2 * HOUR, .bytes = 20 << 20};
	struct fixture *fixture = *state;
	struct ww_recorder *recorder;

	for (int i = 0; i < 2; i++) {
		FILE *old = fopen(fixture->old, "w");

		assert_non_null(old);
		assert_int_equal(ftruncate(fileno(old), i ? 30 << 20 : 1 << 20), 0);
		fclose(old);
		recorder = go_on(fixture, fixture->path, &small);
		add_endpoints(fixture);
		put_interval(fixture, &recorder, 1, START + i * INTERVAL, 3, false);
		assert_int_equal(access(fixture->old, F_OK), i ? -1 : 0);
		assert_int_equal(ww_recorder__close(recorder), 0);
	}
}

static void one_that_is_killed_goes_on(void **state)
{
	struct fixture *fixture = *state;
	uint64_t requests = 0, kept;

	add_endpoints(fixture);
	for (int round = 0; round < 12; round++) {
		int told[2];
		unsigned done = 0;
		char byte;
		pid_t child;

		assert_int_equal(pipe(told), 0);
		child = fork();
		if (!child) {
			struct ww_recorder *recorder = go_on(fixture, fixture->path, &lasting);

			close(told[0]);
			for (int i = 0;; i++) {
				put_interval(fixture, &recorder, 1, START + (round * 400 + i) * INTERVAL, 3, false);
				if (write(told[1], "", 1) != 1)
					_exit(1);
			}
		}
		close(told[1]);
		while (done < 20 + 30u * (unsigned)round && read(told[0], &byte, 1) == 1)
			done++;
		assert_true(done >= 20);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		while (read(told[0], &byte, 1) == 1)
			done++;
		close(told[0]);
		requests += done;
		/* The commit that it was in the middle of may be there, or not; each has one request of each endpoint.
		 */
		uint64_t found = read_back(fixture, &kept, NULL);
		assert_in_range(found, requests, requests + 1);
		requests = found;
		assert_int_equal(number_of(fixture, "SELECT count(*) FROM pragma_integrity_check"
						    " WHERE integrity_check <> 'ok'"),
				 0);
	}
}

static void what_can_not_be_gone_on_in_is_moved_away(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder;
	sqlite3 *db;

	add_endpoints(fixture);
	recorder = go_on(fixture, fixture->path, &short_lived);
	put_interval(fixture, &recorder, 1, START, 30, true);
	assert_int_equal(ww_recorder__close(recorder), 0);
	/* As another version may have it. */
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE kind SET name = 'sloth' WHERE name = 'sleep'", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	recorder = go_on(fixture, fixture->path, &short_lived);
	assert_true(ww_recorder__moved(recorder));
	put_interval(fixture, &recorder, 1, START, 30, true);
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(access(fixture->old, F_OK), 0);
	/* What is no recording at all stays where it is. */
	write_file(fixture->path, "notes", 5);
	const struct ww_recorder_options options = {.path = fixture->path, .goes_on = true};
	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), -EEXIST);
}

/* A service's sums of an interval are those of all runs that were in it. */
static void usage_of_an_interval_is_of_all_runs(void **state)
{
	struct fixture *fixture = *state;

	add_endpoints(fixture);
	for (int i = 0; i < 3; i++) {
		struct ww_recorder *recorder = go_on(fixture, fixture->path, &lasting);

		/* Each commit has the sum of the interval so far. */
		put_interval(fixture, &recorder, 1, START, 3, false);
		put_interval(fixture, &recorder, 1, START, 3, true);
		assert_int_equal(ww_recorder__close(recorder), 0);
	}
	assert_int_equal(number_of(fixture, "SELECT sum(cpu_ns) FROM service_usage"), 3000000);
	assert_int_equal(number_of(fixture, "SELECT max(rss_peak_bytes) FROM service_usage"), 2 << 20);
	assert_int_equal(number_of(fixture, "SELECT sum(threads) FROM service_usage"), 3);
}

/* In memory where there is room for it: hours of checkpoints would wait for the disk. */
static int make_in_memory(void **state)
{
	static char path[64];
	struct fixture *fixture;

	make_fixture(state);
	fixture = *state;
	strcpy(path, "/dev/shm/whywait-unit-XXXXXX");
	if (!mkdtemp(path))
		return 0;
	drop_directory(fixture->directory);
	fixture->directory = path;
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", path);
	snprintf(fixture->old, sizeof(fixture->old), "%s.old", fixture->path);
	snprintf(fixture->log, sizeof(fixture->log), "%s-wal", fixture->path);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_in_memory, drop_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage_of_an_interval_is_of_all_runs),
		TEST(old_intervals_become_minutes_and_hours_without_loss),
		TEST(what_is_too_old_goes),
		TEST(a_file_is_no_larger_than_it_may_be),
		TEST(it_goes_on_in_the_same_file),
		TEST(what_nothing_refers_to_goes_too),
		TEST(many_services_are_gone_on_with),
		TEST(what_was_moved_away_counts),
		TEST(one_that_is_killed_goes_on),
		TEST(what_can_not_be_gone_on_in_is_moved_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
