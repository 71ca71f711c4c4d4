/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests over time, of intervals that have ended and of the one under way; and readers that give up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>

#include "recordings.h"
#include "store/schema.h"

#define START 1767225600000000000ll /* the start of an interval */

static struct ww_recording *open_it(struct fixture *fixture)
{
	struct ww_recording *recording = NULL;

	if (ww_recording__open_own(&recording, fixture->path, fixture->message, sizeof(fixture->message)))
		fail_msg("%s", fixture->message);
	return recording;
}

static uint64_t wall_of(const struct ww_aggregate *sums)
{
	assert_int_equal(ww_histogram__count(&sums->histogram), sums->requests);
	return ww_aggregate__wall_ns(sums);
}

static void test_steps(void **state)
{
	static const unsigned requests[] = {10, 20, 0, 40, 50};
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, true);
	struct ww_series_step steps[3] = {0}, none[2] = {0};
	const struct ww_selection all = {0};
	struct ww_recording *recording;
	struct ww_report *report;
	uint64_t wall = 0;
	char query[256];
	sqlite3 *db;

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		fixture->interval = START + (int64_t)i * INTERVAL;
		assert_int_equal(commit(fixture, recorder, requests[i], false), 0);
	}
	snprintf(query, sizeof(query), "INSERT INTO gap VALUES (%lld, %lld)",
		 (long long)(START + INTERVAL + INTERVAL / 2), (long long)(START + 2 * INTERVAL + INTERVAL / 4));
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, ww_schema_goes_on, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, query, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	recording = open_it(fixture);
	assert_int_equal(ww_recording__series(recording, NULL, START, 2 * INTERVAL, steps, 3), 0);
	assert_true(steps[0].not_observed_ns == INTERVAL / 2 && steps[1].not_observed_ns == INTERVAL / 4);
	assert_true(steps[2].not_observed_ns == 0);
	assert_int_equal(steps[0].sums.requests, 30);
	assert_int_equal(steps[1].sums.requests, 40);
	assert_int_equal(steps[2].sums.requests, 50); /* which is in the journal */
	assert_true(steps[2].start_unix_ns == START + 4 * INTERVAL);
	assert_int_equal(ww_recording__report(recording, &all, &report), 0);
	for (int i = 0; i < 3; i++)
		wall += wall_of(&steps[i].sums);
	assert_true(wall == report->endpoints[0].wall.sum);
	ww_report_free(report);
	ww_series__free(steps, 3);

	assert_int_equal(ww_recording__series(recording, "/nothing", START, INTERVAL, none, 2), 0);
	assert_int_equal(none[0].sums.requests + none[1].sums.requests, 0);
	ww_series__free(none, 2);
	/* What lies outside is left out. */
	assert_int_equal(ww_recording__series(recording, "shop:80 GET /", START + INTERVAL, INTERVAL, none, 2), 0);
	assert_int_equal(none[0].sums.requests, 20);
	assert_int_equal(none[1].sums.requests, 0);
	ww_series__free(none, 2);
	ww_recording__close(recording);
	ww_recorder__close(recorder);
}

static bool always(void *ctx)
{
	++*(unsigned *)ctx;
	return true;
}

static void test_giving_up(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, true);
	struct ww_series_step step = {0};
	struct ww_recording *recording;
	unsigned asked = 0;

	for (int i = 0; i < 400; i++) {
		fixture->interval = START + i * INTERVAL;
		assert_int_equal(commit(fixture, recorder, 1, false), 0);
	}
	recording = open_it(fixture);
	ww_recording__guard(recording, always, &asked);
	assert_int_equal(ww_recording__series(recording, NULL, START, 1000 * INTERVAL, &step, 1), -EINTR);
	assert_true(asked > 0);
	ww_series__free(&step, 1);
	step = (struct ww_series_step){0};
	ww_recording__guard(recording, NULL, NULL);
	assert_int_equal(ww_recording__series(recording, NULL, START, 1000 * INTERVAL, &step, 1), 0);
	assert_int_equal(step.sums.requests, 400);
	ww_series__free(&step, 1);
	ww_recording__close(recording);
	ww_recorder__close(recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_steps, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(test_giving_up, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
