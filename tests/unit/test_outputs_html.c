/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The page: read back by an HTML parser that allows no tag left open, no script, and nothing that is fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outputs/html.h"
#include "sample_report.h"
#include "sample_request.h"

static char *page;
static size_t page_len;

static void draw(const struct ww_report *report, const struct ww_request *requests, size_t len)
{
	struct ww_html *html = NULL;
	FILE *out;

	free(page);
	page = NULL;
	assert_int_equal(ww_html__new(&html, report), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(ww_html__add(html, &requests[i]), 0);
	out = open_memstream(&page, &page_len);
	assert_int_equal(ww_html__write(html, out), 0);
	assert_int_equal(fclose(out), 0);
	ww_html__free(html);
}

static void parse(void)
{
	char name[] = "/tmp/whywait-test-XXXXXX", command[128];
	FILE *file = fdopen(mkstemp(name), "w");

	assert_int_equal(fwrite(page, 1, page_len, file), page_len);
	fclose(file);
	snprintf(command, sizeof(command), "tests/unit/outputs_check.py page %s", name);
	int status = system(command);
	unlink(name);
	assert_int_equal(status, 0);
}

static size_t count(const char *what)
{
	size_t found = 0;

	for (const char *at = page; (at = strstr(at, what)); at++)
		found++;
	return found;
}

static void a_page_has_all_of_the_report(void **state)
{
	(void)state;
	draw(&sample_report, NULL, 0);
	parse();
	assert_int_equal(count("<h2 id=\"e"), 3);
	assert_int_equal(count("class=\"bar\""), 6);
	assert_int_equal(count("NOT COMPLETE"), 1);
	assert_true(strstr(page, "verdict, and what to mend first") < strstr(page, "<h2"));
	assert_int_equal(count("class=\"line\""), 0);
	/* There are two services: routes alone would not tell which one is meant. */
	assert_true(strstr(page, "<span class=\"dim\">shop</span>") &&
		    strstr(page, "<span class=\"dim\">shop</span>") < strstr(page, "<h2"));
	/* Text from the network can do nothing. */
	assert_int_equal(count("\033"), 0);
	assert_true(count("\\x1b[31m") >= 2);
}

static void stacks_are_drawn_without_script(void **state)
{
	const char *frames[] = {"main", "work<int>(char&)", "\x1b]0;<script>"};
	const uint32_t whole[] = {0, 1, 2};
	const struct ww_profile_stack stack = {whole, 3, true};
	struct ww_profile_sample samples[] = {
		{"shop", "GET", "/a", "", &stack, WW_KIND_COMPUTE, 3000000, 3, 2},
		/* Too narrow to be drawn. */
		{"shop", "GET", "/a", "", NULL, WW_KIND_QUEUE, 3000, 1, 2},
	};
	const struct ww_profile profile = {
		.frames = frames, .frames_len = 3, .samples = samples, .samples_len = 2, .requests = 2, .sampled = 2};
	struct ww_html *html = NULL;
	FILE *out;

	(void)state;
	free(page);
	page = NULL;
	assert_int_equal(ww_html__new(&html, &sample_report), 0);
	assert_int_equal(ww_html__add_stacks(html, 1, &profile), 0);
	assert_int_equal(ww_html__add_stacks(html, 1, &profile), 0);
	out = open_memstream(&page, &page_len);
	assert_int_equal(ww_html__write(html, out), 0);
	assert_int_equal(fclose(out), 0);
	ww_html__free(html);
	parse();
	assert_int_equal(count("<h3>Where in the code"), 1);
	/* Service, endpoint and three functions. */
	assert_int_equal(count("<rect"), 5);
	assert_int_equal(count("class=\"k0\""), 5 + count("<span class=\"k0\""));
	assert_true(count("work&lt;int&gt;(char&amp;)") == 2);
	assert_int_equal(count("<script>"), 0);
}

static void requests_are_drawn_below_their_endpoint(void **state)
{
	struct ww_request request = sample_request, other = sample_request, empty = sample_request;
	struct ww_request requests[8];

	(void)state;
	request.service = other.service = empty.service = sample_report.endpoints[0].service;
	request.method = other.method = empty.method = sample_report.endpoints[0].method;
	request.route = empty.route = sample_report.endpoints[0].route;
	other.route = "/nowhere";
	empty.wall_ns = 0;
	request.path = "/<script>alert(\"1\")</script>&x='";
	for (int i = 0; i < 8; i++)
		requests[i] = i == 0 ? other : i == 1 ? empty : request;
	draw(&sample_report, requests, 8);
	parse();
	assert_int_equal(count("/&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;x=&#39;"), WW_HTML_REQUESTS);
	assert_int_equal(count("<script"), 0);
	/* What is equal and in a row is one row. */
	assert_int_equal(count("SELECT items &times;3"), WW_HTML_REQUESTS);
	assert_true(count("class=\"line\"") >= 5 * WW_HTML_REQUESTS);
}

/* Units of work are called what they are, as often as they are spoken of. */
static void messages_are_called_so(void **state)
{
	struct ww_endpoint_report endpoint = sample_endpoints[0];
	struct ww_report report = sample_report;

	(void)state;
	report.endpoints = &endpoint;
	report.endpoints_len = 1;
	endpoint.protocol = "queue";
	draw(&report, NULL, 0);
	assert_non_null(strstr(page, ">per message</th>"));
	assert_non_null(strstr(page, "data-l=\"per message\""));
	assert_null(strstr(page, "per request"));
}

static void what_has_no_answer_says_so(void **state)
{
	struct ww_request request = sample_request;

	(void)state;
	request.status = 0;
	draw(&sample_report, &request, 1);
	assert_non_null(strstr(page, ", no response, "));
	assert_null(strstr(page, "status 0"));
	request.protocol = "queue";
	draw(&sample_report, &request, 1);
	assert_null(strstr(page, "no response"));
}

static void an_empty_report_is_a_page(void **state)
{
	struct ww_report none = sample_report;

	(void)state;
	none.endpoints_len = none.services_len = 0;
	draw(&none, &sample_request, 1);
	parse();
	assert_int_equal(count("No requests."), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_has_all_of_the_report),
		cmocka_unit_test(stacks_are_drawn_without_script),
		cmocka_unit_test(requests_are_drawn_below_their_endpoint),
		cmocka_unit_test(messages_are_called_so),
		cmocka_unit_test(what_has_no_answer_says_so),
		cmocka_unit_test(an_empty_report_is_a_page),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(page);
	return failed;
}
