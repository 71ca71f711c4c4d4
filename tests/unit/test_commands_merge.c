/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `merge`: two hours, or two services, as one recording; and what it says when it can't. */
#include "commands_recordings.h"

static char first[] = "/tmp/whywait-test-XXXXXX", second[] = "/tmp/whywait-test-XXXXXX",
	    merged[] = "/tmp/whywait-test-XXXXXX";

static const struct load shop = {.service = "shop:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10};

static const struct load feed = {.service = "feed:90", .method = "GET", .route = "/", .db_ms = 5, .compute_ms = 5};

static int make_recordings(void **state)
{
	(void)state;
	make_recording_of(first, &shop, 1, 0, 20);
	make_recording_of(second, (struct load[]){feed, shop}, 2, 25, 20);
	close(mkstemp(merged));
	return unlink(merged);
}

static int remove_recordings(void **state)
{
	(void)state;
	unlink(merged);
	return unlink(first) | unlink(second);
}

static void recordings_become_one(void **state)
{
	(void)state;
	assert_int_equal(RUN("merge", merged, second, first), 0);
	assert_int_equal(count("merged 2 recordings with 2400 requests into "), 1);
	assert_int_equal(count("; 5 s between them were not observed: rates are of the whole window\n"), 1);
	assert_int_equal(count("\n"), 1);
	assert_int_equal(RUN("report", merged, "--format", "csv"), 0);
	assert_int_equal(count("\r\n"), 3);
	assert_int_equal(count("2026-11-20T22:50:00.000000000Z,2026-11-20T22:50:45.000000000Z,shop:80,GET,/,1600,0,"),
			 1);
	assert_int_equal(count(",feed:90,GET,/,800,0,"), 1);
	/* Kept requests have the operations, and all commands read it. */
	assert_int_equal(RUN("requests", merged, "--format", "csv"), 0);
	assert_true(count(",shop:80,") > 40 && count(",feed:90,") > 20);
	assert_int_equal(RUN("capacity", merged, "--rate", "10"), 0);
	assert_int_equal(RUN("compare", merged, first), 0);
	/* The first of the programs is told. */
	assert_int_equal(count("note: "), 0);
}

static void memory_of_services_is_told(void **state)
{
	char leaky[] = "/tmp/whywait-test-XXXXXX";
	const struct load load = {
		.service = "leaky:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10, .leak = 1000};

	(void)state;
	make_recording(leaky, &load, 1, 60);
	assert_int_equal(RUN("report", leaky, "--format", "json"), 0);
	assert_int_equal(count("\"rss_growth_per_request_bytes\": 1000.0"), 1);
	assert_int_equal(count("\"minor\": 600"), 1);
	assert_int_equal(count("\"oom_kills\": 1"), 1);
	assert_int_equal(count("\"executable\": \"/usr/bin/shop\""), 1);
	/* Of two intervals it is not known. */
	assert_int_equal(RUN("report", leaky, "--format", "json", "--until", "+15s"), 0);
	assert_int_equal(count("\"rss_growth_per_request_bytes\": null"), 1);
	unlink(leaky);
}

static void failures_are_one_line_and_two(void **state)
{
	(void)state;
	FAILS("whywait merge: OUT, the recording to make, is missing", "merge");
	FAILS("whywait merge: give two recordings or more behind OUT", "merge", "/tmp/x.db", first);
	FAILS("are the same recording: its requests would count twice", "merge", "/tmp/whywait-none.db", first, first);
	FAILS("exists: merge into another file, or remove it", "merge", first, first, second);
	FAILS("whywait merge: /nonexistent/x.db", "merge", "/tmp/whywait-none.db", first, "/nonexistent/x.db");
	assert_int_equal(access("/tmp/whywait-none.db", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_become_one),
		cmocka_unit_test(memory_of_services_is_told),
		cmocka_unit_test(failures_are_one_line_and_two),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, make_recordings, remove_recordings);
}
