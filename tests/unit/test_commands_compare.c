/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `compare` on recordings that are made here: what it says, its exit status, and what it says when it can't. */
#include "commands_recordings.h"

static char before[] = "/tmp/whywait-test-XXXXXX", after[] = "/tmp/whywait-test-XXXXXX",
	    other[] = "/tmp/whywait-test-XXXXXX", two[] = "/tmp/whywait-test-XXXXXX";

static const struct load old_shop = {.service = "shop:80",
				     .method = "GET",
				     .route = "/orders/{id}",
				     .db_ms = 150,
				     .compute_ms = 20,
				     .settings = "keep 5"};
static const struct load new_shop = {.service = "shop:80",
				     .method = "GET",
				     .route = "/orders/{id}",
				     .db_ms = 50,
				     .compute_ms = 20,
				     .version = 1,
				     .settings = "keep 5; stacks"};
static const struct load elsewhere = {
	.service = "shop:80", .method = "GET", .route = "/carts", .db_ms = 50, .compute_ms = 20};
static const struct load old_port = {
	.service = "shop:8000", .method = "GET", .route = "/orders/{id}", .db_ms = 80, .compute_ms = 20};
static const struct load new_port = {
	.service = "shop:8001", .method = "GET", .route = "/orders/{id}", .db_ms = 80, .compute_ms = 10};

static int make_recordings(void **state)
{
	(void)state;
	make_recording(before, &old_shop, 1, 20);
	make_recording(after, &new_shop, 1, 20);
	make_recording(other, &elsewhere, 1, 20);
	make_recording(two, (struct load[]){old_port, new_port}, 2, 20);
	return 0;
}

static int remove_recordings(void **state)
{
	(void)state;
	return unlink(before) | unlink(after) | unlink(other) | unlink(two);
}

/* On a narrow screen columns are left out, not cut; and no line is longer. */
static void it_fits_a_narrow_screen(void **state)
{
	(void)state;
	for (int width = 40; width <= 80; width += 8) {
		char columns[8];
		int longest = 0;

		snprintf(columns, sizeof(columns), "%d", width);
		setenv("COLUMNS", columns, 1);
		assert_int_equal(RUN("compare", before, after), 0);
		for (const char *line = text; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
			int len = (int)strcspn(line, "\n");

			longest = len > longest ? len : longest;
		}
		/* In ASCII, as here the locale is. */
		assert_in_range(longest, 1, width);
		assert_int_equal(count("95 % between"), width == 80);
		assert_int_equal(count(" before "), width >= 56);
		assert_true(count("sure\n") >= 5);
	}
	unsetenv("COLUMNS");
}

static void what_changed_is_said_first(void **state)
{
	(void)state;
	assert_int_equal(RUN("compare", before, after), 0);
	assert_int_equal(count("GET /orders/{id}: p95 "), 1);
	assert_int_equal(count("(-59 %, sure), by db -110 ms; compute\n  unchanged\n"), 1);
	assert_int_equal(count("\n  operations           1          1 "), 1);
	assert_int_equal(count("\n  db "), 1);
	assert_int_equal(count("\nwarning: recorded in another way: keep 5, then keep 5; stacks\n"), 1);
	assert_int_equal(count("\nnote: shop:80 runs another version of /usr/bin/shop\n"), 1);
	assert_int_equal(count("requests before, "), 1);
	assert_int_equal(RUN("compare", before, after, "--format", "json"), 0);
	assert_int_equal(count("\"certainty\": \"sure\""), 5); /* mean, three quantiles, db */
	assert_int_equal(RUN("compare", before, after, "--format", "csv"), 0);
	assert_int_equal(count("\r\n"), 1 + 23);
}

static void pass_lines_make_the_status(void **state)
{
	(void)state;
	assert_int_equal(RUN("compare", before, after, "--require", "p95 <= 220ms", "--require=db -30%"), 0);
	assert_int_equal(count("  met "), 2);
	assert_int_equal(RUN("compare", after, before, "--require", "db +5%", "--require", "errors +0"), 1);
	assert_int_equal(count("  met "), 1);
	assert_int_equal(count("  not met "), 1);
	assert_int_equal(RUN("compare", after, before, "--require", "db +5%", "--format", "json"), 1);
	assert_int_equal(count("\"met\": false"), 1);
	assert_int_equal(count("whywait compare: not met: 'db +5%' for GET /orders/{id}: "), 1);
	assert_int_equal(RUN("compare", after, before, "--require", "db +5%", "--require=p95 +1%", "--format", "csv"),
			 1);
	assert_int_equal(count("whywait compare: not met: 'db +5%' for GET /orders/{id}: "), 1);
	assert_int_equal(count(" (and 1 more)\n"), 1);
	/* Of few requests nothing can be told, and that is not met. */
	assert_int_equal(RUN("compare", before, after, "--until=+3s", "--require", "p99 <= 1s"), 1);
	assert_int_equal(count("undecided"), 1);
}

static void services_of_one_recording_are_compared(void **state)
{
	(void)state;
	assert_int_equal(RUN("compare", two, "--a", "8000", "--b", "shop:8001"), 0);
	assert_int_equal(count("by compute -"), 1);
	assert_int_equal(count(": it served 50 %"), 1);
}

static void failures_are_one_line_and_two(void **state)
{
	(void)state;
	FAILS("whywait compare: FILE, the recording, is missing; see", "compare");
	FAILS("AFTER, the second recording, is missing", "compare", before);
	FAILS("'c' is one argument too many", "compare", before, after, "c");
	FAILS("are the same recording; two services of one are compared by --a and --b", "compare", before, before);
	FAILS("whywait compare: /nonexistent/x.db", "compare", before, "/nonexistent/x.db");
	FAILS("is not a recording", "compare", before, "/etc/passwd");
	FAILS("have no endpoint in common", "compare", before, other);
	FAILS("has no endpoint '/nothing': it has GET /orders/{id}", "compare", before, after, "-e", "/nothing");
	FAILS("--require 'p95 <= 220mss', at character 11: here has to be ns, us, ms or s", "compare", before, after,
	      "--require", "p95 <= 220mss");
	FAILS("--a and --b go together", "compare", two, "--a", "8000");
	FAILS("is one file too many", "compare", two, after, "--a", "8000", "--b", "8001");
	FAILS("no service '9000' answered requests", "compare", two, "--a", "8000", "--b", "9000");
	FAILS("--a and --b are the same service, shop:8000", "compare", two, "--a", "8000", "--b", "shop:8000");
	assert_int_equal(RUN_INTO("/dev/full", "compare", before, after), 2);
	assert_string_equal(text, "whywait compare: standard output: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changed_is_said_first),
		cmocka_unit_test(it_fits_a_narrow_screen),
		cmocka_unit_test(pass_lines_make_the_status),
		cmocka_unit_test(services_of_one_recording_are_compared),
		cmocka_unit_test(failures_are_one_line_and_two),
	};

	setenv("TZ", "UTC", 1);
	unsetenv("COLUMNS");
	return cmocka_run_group_tests(tests, make_recordings, remove_recordings);
}
