/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of two recordings that are alike nothing is doubted; each thing that makes two hard to compare is told, and it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "model/comparability.h"

static struct ww_loss lost[] = {{.cause = "account_ring_full", .count = 3, .loses = true}};
static struct ww_service_report services[2];
static struct ww_endpoint_report endpoints[2];
static struct ww_report reports[2]; /* before, after */
static struct ww_doubts doubts;

/* Two of a minute, alike. */
static void begin(void)
{
	for (int i = 0; i < 2; i++) {
		services[i] = (struct ww_service_report){.service = "shop:80",
							 .executable = "/usr/bin/shop",
							 .executable_bytes = 1000,
							 .executable_modified_unix_ns = 1,
							 .arguments = 7,
							 .cpu_seconds = 12};
		endpoints[i] = (struct ww_endpoint_report){.service = "shop:80",
							   .method = "GET",
							   .route = "/",
							   .requests = 600,
							   .rate_per_s = 10,
							   .in_flight_mean = 0.5};
		reports[i] = (struct ww_report){.host = "one",
						.kernel = "6.1",
						.settings = "keep 10",
						.cpus = 4,
						.host_busy_ns = 30000000000,
						.end_unix_ns = 60000000000,
						.complete = true,
						.endpoints = &endpoints[i],
						.endpoints_len = 1,
						.services = &services[i],
						.services_len = 1};
	}
}

static void doubt(void)
{
	struct ww_comparison comparison;

	assert_int_equal(ww_comparison__make(&reports[0], &reports[1], &(struct ww_comparison_sides){0}, &comparison),
			 0);
	ww_comparability__doubt(&comparison, &doubts);
	ww_comparison__free(&comparison);
}

static void assert_doubt(const char *text)
{
	doubt();
	assert_int_equal(doubts.len, 1);
	assert_int_equal(doubts.notes_len, 0);
	if (!strstr(doubts.texts[0].text, text))
		print_error("%s\n", doubts.texts[0].text);
	assert_non_null(strstr(doubts.texts[0].text, text));
	begin();
}

static void assert_note(const char *text)
{
	doubt();
	assert_int_equal(doubts.len, 0);
	assert_int_equal(doubts.notes_len, 1);
	assert_string_equal(doubts.notes[0].text, text);
	begin();
}

static void what_is_alike_is_not_doubted(void **state)
{
	(void)state;
	begin();
	doubt();
	assert_int_equal(doubts.len, 0);
	assert_int_equal(doubts.notes_len, 0);
	/* A little of everything is nothing. */
	endpoints[1].rate_per_s = 11;
	services[1].cpu_seconds = 20;
	reports[1].host_busy_ns = 50000000000;
	doubt();
	assert_int_equal(doubts.len, 0);
	/* Recordings of earlier versions don't say. */
	reports[0].host_busy_ns = 0;
	reports[1].host_busy_ns = 200000000000;
	reports[0].settings = "";
	services[0].executable = NULL;
	doubt();
	assert_int_equal(doubts.len, 0);
	assert_int_equal(doubts.notes_len, 0);
}

static void each_difference_is_told(void **state)
{
	(void)state;
	begin();
	reports[1].host = "two";
	assert_doubt("another host: one, then two");
	reports[1].kernel = "6.12";
	assert_doubt("another kernel: 6.1, then 6.12");
	reports[1].cpus = 8;
	assert_doubt("another number of CPUs: 4, then 8");
	reports[1].settings = "keep 10; stacks 1 %";
	assert_doubt("recorded in another way: keep 10, then keep 10; stacks 1 %");
	endpoints[1].rate_per_s = 13;
	assert_doubt("another load: 10 requests/s, then 13");
	reports[1].host_busy_ns = 90000000000;
	assert_doubt("what else ran on the host took 0.300 CPUs, then 1.30");
	/* All of 4 CPUs; its own 12 s among them. */
	reports[0].host_busy_ns = reports[1].host_busy_ns = 232000000000;
	reports[1].cpus = 4;
	doubt();
	assert_int_equal(doubts.len, 1);
	assert_non_null(strstr(doubts.texts[0].text, "both recordings were made on a host without an idle CPU: what "
						     "else ran took 3.67 and 3.67 of 4"));
	reports[0].host_busy_ns = 112000000000;
	doubt();
	assert_non_null(strstr(doubts.texts[0].text,
			       "the second recording was made on a host without an idle CPU: what else "
			       "ran took 3.67 of 4"));
	begin();
	reports[0].complete = false;
	reports[0].losses = lost;
	reports[0].losses_len = 1;
	assert_doubt("the first recording is NOT COMPLETE: 3 account_ring_full");
	lost[0] = (struct ww_loss){.cause = "not_observed", .count = 8, .loses = true};
	reports[0].complete = false;
	reports[0].losses = lost;
	reports[0].losses_len = 1;
	assert_doubt("the first recording is NOT COMPLETE: 8 s were not observed");
	reports[1].unended = true;
	assert_doubt("the second recording has not ended");
	reports[0].end_unix_ns = 9000000000;
	reports[0].host_busy_ns = 0;
	assert_doubt("the first recording is short: 9.0 s");
	services[1].executable = "/opt/shop";
	assert_note("shop:80 runs another program: /usr/bin/shop, then /opt/shop");
	services[1].executable_bytes++;
	assert_note("shop:80 runs another version of /usr/bin/shop");
	services[1].executable_modified_unix_ns++;
	assert_note("shop:80 runs another version of /usr/bin/shop");
	services[1].arguments++;
	assert_note("shop:80 runs with other arguments");
	services[0].processes = 1;
	services[1].processes = 3;
	assert_note("shop:80 answered from 1 process, then from 3: its memory is theirs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_alike_is_not_doubted),
		cmocka_unit_test(each_difference_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
