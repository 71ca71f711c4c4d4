/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording is gone on in: after an end, a kill, by what has other services; and what nothing refers to any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "goes_on.h"
#include "store/merge.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage_of_an_interval_is_of_all_runs), TEST(it_goes_on_in_the_same_file),
		TEST(what_nothing_refers_to_goes_too),	   TEST(many_services_are_gone_on_with),
		TEST(one_that_is_killed_goes_on),	   TEST(what_can_not_be_gone_on_in_is_moved_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
