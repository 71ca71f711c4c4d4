/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `capacity` on recordings that are made here: what its laws say can be worked out by hand. */
#include "commands_recordings.h"
#include "outputs/capacity.h"

static char pool[] = "/tmp/whywait-test-XXXXXX", loop[] = "/tmp/whywait-test-XXXXXX",
	    answers[] = "/tmp/whywait-test-XXXXXX", threads[] = "/tmp/whywait-test-XXXXXX";

/* RATE requests a second of 30 ms, of which 10 ms on a CPU: 1.2 of the WORKERS busy. */
static const struct load shop = {.service = "shop:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10};
/* Each thread has 1.7 of them at a time. */
static const struct load feed = {.service = "feed:90", .method = "GET", .route = "/", .db_ms = 165, .compute_ms = 5};

/* What psycopg2 leaves between an answer and the read that takes it. */
static const struct load psycopg2 = {
	.service = "shop:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10, .waits_again_ns = 1200};
/* http.server.ThreadingHTTPServer. */
static const struct load each = {
	.service = "shop:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10, .thread_each = true};

static int make_recordings(void **state)
{
	(void)state;
	make_recording(pool, &shop, 1, 20);
	make_recording(loop, &feed, 1, 20);
	make_recording(answers, &psycopg2, 1, 20);
	make_recording(threads, &each, 1, 20);
	return 0;
}

static int remove_recordings(void **state)
{
	(void)state;
	return unlink(pool) | unlink(loop) | unlink(answers) | unlink(threads);
}

/* A number of the JSON, by the name in front of it. */
static double number(const char *name)
{
	const char *at = strstr(text, name);

	if (!at)
		fail_msg("no %s in %s", name, text);
	return strtod(at + strlen(name) + 2, NULL);
}

static void is_about(double is, double wanted)
{
	if (!(is > 0.97 * wanted && is < 1.03 * wanted))
		fail_msg("%g is not %g", is, wanted);
}

/* Nobody knows how long a lock is held: that it is waited for is said, where the rate is more than was recorded. */
static void waits_for_locks_are_told(void **state)
{
	struct ww_endpoint_report endpoint = {.method = "POST",
					      .route = "/reserve",
					      .wall = {.sum = 100},
					      .kinds_sum_ns = {[WW_KIND_COMPUTE] = 67, [WW_KIND_LOCK] = 33}};
	struct ww_capacity_endpoint endpoints[] = {{.report = &endpoint}};
	struct ww_capacity_service service = {
		.recorded_per_s = 10, .rate_per_s = 20, .endpoints = endpoints, .endpoints_len = 1};
	struct ww_sentence said = {0}, calm = {0};

	(void)state;
	ww_capacity__sentence(&service, &said);
	assert_non_null(
		strstr(said.text, "; POST /reserve waits 33 % of its time for locks: that grows with the rate"));
	service.rate_per_s = 10;
	ww_capacity__sentence(&service, &calm);
	assert_null(strstr(calm.text, "lock"));
}

static void workers_saturate_by_the_time_that_they_are_held(void **state)
{
	(void)state;
	assert_int_equal(RUN("capacity", pool, "--rate", "80", "--format", "json"), 0);
	is_about(number("\"cores\""), 0.8);
	is_about(number("\"held\""), 2.4);
	is_about(number("\"recorded_per_s\""), 40);
	is_about(number("\"saturates_at_per_s\""), WORKERS / 0.03);
	is_about(number("\"operations_per_s\""), 80);
	assert_int_equal(count("\"saturates_first\": \"workers\""), 1);
	assert_int_equal(count("\"threads_are\": \"workers\""), 1);
	/* More workers: then it is the CPU. */
	assert_int_equal(RUN("capacity", pool, "--rate=80", "--workers=64", "--cpus=2", "--format=json"), 0);
	assert_int_equal(count("\"saturates_first\": \"cpu\""), 1);
	is_about(number("\"saturates_at_per_s\""), 2 / 0.01);
	assert_int_equal(RUN("capacity", pool, "--rate", "80"), 0);
	assert_int_equal(count("80 requests/s need 0."), 1);
	assert_int_equal(count("can NOT be served"), 0);
	assert_int_equal(RUN("capacity", pool, "--rate", "140"), 0);
	assert_int_equal(count("can NOT be"), 1);
	assert_int_equal(RUN("capacity", pool, "--rate", "125"), 0);
	assert_int_equal(count("queues will be long"), 1);
	assert_int_equal(RUN("capacity", pool, "--rate", "80", "--each", "--format", "csv"), 0);
	assert_int_equal(count("\r\n"), 2);
}

static void loops_saturate_by_the_time_that_they_compute(void **state)
{
	(void)state;
	assert_int_equal(RUN("capacity", loop, "--rate", "80", "--format", "json", "--cpus", "64"), 0);
	assert_int_equal(count("\"threads_are\": \"event loops\""), 1);
	assert_int_equal(count("\"saturates_first\": \"event loop\""), 1);
	is_about(number("\"saturates_at_per_s\""), WORKERS / 0.005);
}

static void a_moment_after_an_answer_makes_no_loop(void **state)
{
	(void)state;
	assert_int_equal(RUN("capacity", answers, "--rate", "80", "--format", "json"), 0);
	assert_int_equal(count("\"threads_are\": \"workers\""), 1);
	is_about(number("\"saturates_at_per_s\""), WORKERS / 0.03);
}

static void workers_that_are_said_are_no_loops(void **state)
{
	(void)state;
	assert_int_equal(RUN("capacity", loop, "--rate", "80", "--workers", "64", "--format", "json"), 0);
	assert_int_equal(count("\"threads_are\": \"workers\""), 1);
	assert_int_equal(count("event loop"), 0);
	is_about(number("\"threads\""), 64);
}

static void a_thread_a_request_is_no_limit(void **state)
{
	(void)state;
	assert_int_equal(RUN("capacity", threads, "--rate", "80"), 0);
	assert_int_equal(count("a thread a request: no limit seen"), 1);
	assert_int_equal(count("workers"), 0);
	assert_int_equal(RUN("capacity", threads, "--rate", "80", "--format", "json"), 0);
	assert_int_equal(count("\"threads_are\": \"one a request\""), 1);
	assert_int_equal(count("\"saturates_first\": \"cpu\""), 1);
	assert_int_equal(RUN("capacity", threads, "--rate", "80", "--workers", "4"), 0);
	assert_int_equal(count("workers: 4"), 1);
}

static void failures_are_one_line_and_two(void **state)
{
	static const char *const rates[] = {"0",    "-5",   "nan", "inf", "1e",	 "e3",
					    "0x10", "1e10", "",	   "ten", "5/s", "99999999999"};

	(void)state;
	FAILS("FILE, the recording, is missing", "capacity", "--rate", "5");
	FAILS("--rate N, the requests per second, is missing", "capacity", pool);
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		char option[64];

		snprintf(option, sizeof(option), "--rate=%s", rates[i]);
		FAILS("is no number of requests per second above 0", "capacity", pool, option);
	}
	assert_int_equal(RUN("capacity", pool, "--rate", "1e2"), 0);
	assert_int_equal(count("100 requests/s need "), 1);
	FAILS("--workers '0' is no number from 1", "capacity", pool, "--rate=5", "--workers=0");
	FAILS("--cpus '-1' is no number from 1", "capacity", pool, "--rate=5", "--cpus=-1");
	FAILS("has no endpoint '/nothing': it has GET /", "capacity", pool, "--rate=5", "-e", "/nothing");
	assert_int_equal(RUN_INTO("/dev/full", "capacity", pool, "--rate=5"), 2);
	assert_string_equal(text, "whywait capacity: standard output: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_locks_are_told),
		cmocka_unit_test(workers_saturate_by_the_time_that_they_are_held),
		cmocka_unit_test(loops_saturate_by_the_time_that_they_compute),
		cmocka_unit_test(a_moment_after_an_answer_makes_no_loop),
		cmocka_unit_test(workers_that_are_said_are_no_loops),
		cmocka_unit_test(a_thread_a_request_is_no_limit),
		cmocka_unit_test(failures_are_one_line_and_two),
	};

	setenv("TZ", "UTC", 1);
	unsetenv("COLUMNS");
	return cmocka_run_group_tests(tests, make_recordings, remove_recordings);
}
