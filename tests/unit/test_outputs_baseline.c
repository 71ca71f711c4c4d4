/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The baseline is a table for Markdown, whatever services and routes are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "outputs/baseline.h"
#include "sample_report.h"

static char *text_of(const struct ww_report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ww_baseline__write(out, report), 0);
	fclose(out);
	return text;
}

static void baseline_is_a_page(void **state)
{
	char *text = text_of(&sample_report);

	(void)state;
	assert_golden("baseline.md", text);
	free(text);
}

static void a_bar_in_a_route_ends_no_cell(void **state)
{
	struct ww_endpoint_report endpoint = sample_report.endpoints[0];
	struct ww_report report = sample_report;
	char *text;

	(void)state;
	endpoint.route = "/a|b`c";
	report.endpoints = &endpoint;
	report.endpoints_len = 1;
	text = text_of(&report);
	assert_non_null(strstr(text, "/a\\|b\\`c |"));
	free(text);
}

static void nothing_is_a_page_too(void **state)
{
	char *text = text_of(&sample_empty);

	(void)state;
	assert_non_null(strstr(text, "# Baseline\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(baseline_is_a_page),
		cmocka_unit_test(a_bar_in_a_route_ends_no_cell),
		cmocka_unit_test(nothing_is_a_page_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
