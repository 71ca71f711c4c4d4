/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording that goes on: what becomes of it in hours and days, which take no time here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "goes_on.h"
#include "model/service_samples.h"

/* Memory has an interval in what goes on, too: on the mean it is that of the samples of the other one. */
static void check_memory(const struct ww_report *ours, const struct ww_report *theirs)
{
	const struct ww_report *reports[] = {ours, theirs};
	double means[2] = {0};

	for (int i = 0; i < 2; i++) {
		const struct ww_service_report *service = &reports[i]->services[0];
		double bytes = 0, seconds = 0;

		for (size_t s = 0; s < service->samples_len; s++) {
			bytes += (double)service->samples[s].rss_bytes * (double)service->samples[s].samples;
			seconds += (double)service->samples[s].samples;
		}
		means[i] = bytes / seconds;
		if (service->samples_len >= 2 * WW_BLOCKS_LEAST)
			assert_int_equal(ww_service_samples__memory(service).how, WW_ESTIMATE_MEAN);
	}
	/* An interval whose minute has not become one yet may count as that. */
	assert_true(means[0] > 0.99 * means[1] && means[0] < 1.01 * means[1]);
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
	check_memory(ours, theirs);
	assert_int_equal(ours->start_unix_ns, theirs->start_unix_ns);
	assert_true(ours->complete);
	ww_report_free(ours);
	ww_report_free(theirs);
	return requests;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_intervals_become_minutes_and_hours_without_loss),
		TEST(what_is_too_old_goes),
		TEST(a_file_is_no_larger_than_it_may_be),
		TEST(what_was_moved_away_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
