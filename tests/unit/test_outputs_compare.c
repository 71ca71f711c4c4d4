/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the table of `compare` says of a comparison that is made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/compare.h"

#define MIB (1024.0 * 1024)

static struct ww_endpoint_report reports[3] = {
	{.service = "shop:80", .protocol = "http/1.1", .method = "GET", .route = "/", .requests = 10},
	{.service = "shop:80", .protocol = "http/1.1", .method = "GET", .route = "/orders/{id}", .requests = 10},
	{.service = "feed:80", .protocol = "queue", .method = "TAKE", .route = "orders", .requests = 10},
};
static struct ww_endpoint_comparison endpoints[3];
static struct ww_report sides[2] = {{.host = "h"}, {.host = "h", .start_unix_ns = 1}};
static const struct ww_comparison comparison = {
	.before = &sides[0], .after = &sides[1], .endpoints = endpoints, .endpoints_len = 3, .common = 3};
static struct ww_doubts doubts;
static char *text;

static void draw(const struct ww_judgement *judgements, size_t len)
{
	const struct ww_compared compared = {.comparison = &comparison,
					     .names = {"old.db", "new.db"},
					     .doubts = &doubts,
					     .judgements = judgements,
					     .judgements_len = len};
	const struct ww_style style = {.width = 80};
	size_t size;
	FILE *out;

	for (int i = 0; i < 3; i++) {
		endpoints[i].before = endpoints[i].after = &reports[i];
		endpoints[i].method = reports[i].method;
		endpoints[i].route = reports[i].route;
		for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++) {
			struct ww_change *change = &endpoints[i].changes[metric];

			if (!change->before.value)
				change->before = change->after = ww_estimate__bare(NAN);
		}
	}
	free(text);
	out = open_memstream(&text, &size);
	ww_compare__table(out, &compared, &style, 3);
	assert_int_equal(fclose(out), 0);
}

static struct ww_change memory(double before, double after, double low, double high)
{
	return (struct ww_change){.before = {.how = WW_ESTIMATE_MEAN, .value = before},
				  .after = {.how = WW_ESTIMATE_MEAN, .value = after},
				  .low = low,
				  .high = high,
				  .certainty = WW_CERTAINTY_NOISE};
}

static void assert_says(const char *what)
{
	if (!strstr(text, what))
		fail_msg("no '%s' in\n%s", what, text);
}

static void both_ends_have_their_unit(void **state)
{
	(void)state;
	endpoints[0].changes[WW_METRIC_MEMORY] = memory(52.3 * MIB, 52.9 * MIB, 24 * 1024, 1.1 * MIB);
	endpoints[1].changes[WW_METRIC_MEMORY] = memory(52 * MIB, 52 * MIB, -7.4 * MIB, 7.8 * MIB);
	endpoints[2].changes[WW_METRIC_MEMORY] = memory(52 * MIB, 52 * MIB, -7.4 * MIB, INFINITY);
	draw(NULL, 0);
	assert_says(" +24 KiB .. +1.1 MiB ");
	assert_says(" -7.4 .. +7.8 MiB ");
	assert_says(" -7.4 MiB .. ? ");
}

static void work_is_called_what_it_is(void **state)
{
	(void)state;
	draw(NULL, 0);
	assert_says("\n  10 requests before, 10 after\n");
	assert_says("\n  10 messages before, 10 after\n");
}

/* A service is judged once, by its name; of an endpoint it is said whose it is, where there are more services. */
static void pass_lines_say_whom_they_are_of(void **state)
{
	const struct ww_requirement requirements[] = {
		{.text = "memory +5%", .metric = WW_METRIC_MEMORY, .change = true},
		{.text = "p95 +5%", .metric = WW_METRIC_P95, .change = true}};
	const struct ww_judgement judgements[] = {{.requirement = &requirements[0], .endpoint = &endpoints[0]},
						  {.requirement = &requirements[1], .endpoint = &endpoints[2]}};

	(void)state;
	draw(judgements, 2);
	assert_says("  memory +5% for shop:80: ");
	assert_says("  p95 +5% for feed:80 TAKE orders: ");
	assert_false(ww_comparison__is_said(&comparison, 0, WW_METRIC_MEMORY));
	assert_true(ww_comparison__is_said(&comparison, 1, WW_METRIC_MEMORY));
	assert_false(ww_comparison__is_said(&comparison, 1, WW_METRIC_P95));
	assert_false(ww_comparison__is_said(&comparison, 2, WW_METRIC_MEMORY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_have_their_unit),
		cmocka_unit_test(work_is_called_what_it_is),
		cmocka_unit_test(pass_lines_say_whom_they_are_of),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return failed;
}
