/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What people see: golden files, and that nothing leaves the width or reaches the terminal raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <time.h>
#include <wchar.h>

#include "golden.h"
#include "outputs/table.h"
#include "outputs/waterfall.h"
#include "outputs/whatif.h"
#include "sample_report.h"
#include "sample_request.h"
#include "util/utf8.h"

#define DETAILED 12

static char *draw_report(const struct ww_report *report, struct ww_style style, size_t detailed)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_int_equal(ww_table__write(stream, report, &style, detailed), 0);
	fclose(stream);
	return text;
}

static char *draw_request(const struct ww_request *request, struct ww_style style)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_int_equal(ww_waterfall__write(stream, request, &style), 0);
	fclose(stream);
	return text;
}

/* Every line has at most `width` columns, none ends in a blank, and no byte acts on a terminal but the colours. */
static void assert_fits(const char *text, int width)
{
	int columns = 0;
	const char *line = text;

	while (*text) {
		uint32_t code = 0;
		int len = ww_utf8__decode(text, &code);
		assert_int_not_equal(len, 0);
		if (code == '\033') {
			len = (int)strspn(text + 1, "[0123456789;") + 2;
			assert_int_equal(text[len - 1], 'm');
		} else if (code == '\n') {
			assert_true(text == line || text[-1] != ' ');
			if (columns > width)
				fail_msg("%d columns, over %d: %.*s", columns, width, (int)(text - line), line);
			columns = 0;
			line = text + 1;
		} else {
			assert_true(code >= 0x20 && code != 0x7f);
			columns += wcwidth((wchar_t)code);
		}
		text += len;
	}
	assert_int_equal(columns, 0);
}

static void report_at_80_columns(void **state)
{
	char *text = draw_report(&sample_report, (struct ww_style){.width = 80, .utf8 = true}, DETAILED);

	(void)state;
	assert_golden("report-80.txt", text);
	free(text);
}

/* A report whose endpoints have what forecasts are made from: the mean of each as its only case. */
static char *draw_whatif(struct ww_style style)
{
	struct ww_endpoint_report endpoints[3];
	struct ww_case cases[3] = {0};
	struct ww_stand stands[3];
	struct ww_report report = sample_report;
	struct ww_speedup speedup = ww_speedup__none();
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	for (int i = 0; i < 3; i++) {
		endpoints[i] = sample_endpoints[i];
		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			cases[i].kinds_ns[kind] = endpoints[i].kinds_sum_ns[kind] / endpoints[i].requests;
			cases[i].wall_ns += cases[i].kinds_ns[kind];
		}
		stands[i] = (struct ww_stand){(double)endpoints[i].requests, endpoints[i].wall.mean, 0};
		endpoints[i].outlook =
			(struct ww_outlook){&cases[i], 1, &stands[i], 1, endpoints[i].outlook.from_buckets};
	}
	report.endpoints = endpoints;
	speedup.factor[WW_KIND_COMPUTE] = 10;
	speedup.factor[WW_KIND_DB] = 1.5;
	speedup.parallel = true;
	assert_int_equal(ww_whatif__table(stream, &report, &speedup, &style), 0);
	fclose(stream);
	return text;
}

static void whatif_fits_the_width(void **state)
{
	(void)state;
	for (int width = 40; width <= 130; width += 5) {
		char *text = draw_whatif((struct ww_style){.width = width, .utf8 = true, .colour = true});

		assert_fits(text, width);
		free(text);
	}
	char *text = draw_whatif((struct ww_style){.width = 80, .utf8 = true});

	assert_golden("whatif-80.txt", text);
	free(text);
}

static void report_uses_more_columns(void **state)
{
	char *text =
		draw_report(&sample_report, (struct ww_style){.width = 120, .utf8 = true, .colour = true}, DETAILED);

	(void)state;
	assert_golden("report-120-colour.txt", text);
	free(text);
}

static void report_in_ascii(void **state)
{
	char *text = draw_report(&sample_report, (struct ww_style){.width = 40}, DETAILED);

	(void)state;
	for (const char *c = text; *c; c++)
		assert_true((unsigned char)*c < 0x80);
	assert_golden("report-40-ascii.txt", text);
	free(text);
}

static void every_width_is_kept(void **state)
{
	struct ww_style style = {0};

	(void)state;
	for (style.width = 40; style.width <= 200; style.width++)
		for (int looks = 0; looks < 4; looks++) {
			style.colour = looks & 1;
			style.utf8 = looks & 2;
			char *text = draw_report(&sample_report, style, DETAILED);
			assert_fits(text, style.width);
			free(text);
			text = draw_request(&sample_request, style);
			assert_fits(text, style.width);
			free(text);
		}
}

static void empty_report(void **state)
{
	char *text = draw_report(&sample_empty, (struct ww_style){.width = 80, .utf8 = true}, DETAILED);

	(void)state;
	assert_string_equal(text, "web-1 · Linux 6.18.5 · 1 CPU\n"
				  "2025-11-20 16:22:10 to 16:22:40 UTC, 30.0 s · complete\n"
				  "\n"
				  "No requests.\n");
	free(text);
}

static void what_has_not_ended_is_said(void **state)
{
	struct ww_report report = sample_empty;

	(void)state;
	report.unended = true;
	char *text = draw_report(&report, (struct ww_style){.width = 80, .utf8 = true}, DETAILED);
	assert_non_null(strstr(text, " · complete\nnot ended: still recording, or cut short\n\n"));
	free(text);
	text = draw_report(&report, (struct ww_style){.width = 40}, DETAILED);
	assert_fits(text, 40);
	free(text);
}

/* A socket's path is told by its end. */
static void services_keep_both_ends(void **state)
{
	struct ww_endpoint_report endpoints[2] = {sample_endpoints[0], sample_endpoints[1]};
	struct ww_service_report service = sample_services[0];
	struct ww_report report = sample_report;

	(void)state;
	endpoints[0].service = service.service = "gunicorn:/srv/www/applications/shop/run/web.sock";
	report.endpoints = endpoints;
	report.endpoints_len = 2;
	report.services = &service;
	report.services_len = 1;
	char *text = draw_report(&report, (struct ww_style){.width = 80, .utf8 = true}, DETAILED);
	assert_non_null(strstr(text, " gunicor…web.sock, "));
	assert_non_null(strstr(text, "\ngunicorn:/srv/…op/run/web.sock "));
	free(text);
}

static void units_are_called_what_they_are(void **state)
{
	struct ww_endpoint_report endpoint = sample_endpoints[0];
	struct ww_report report = sample_report;
	const struct {
		const char *protocol, *unit, *each;
	} cases[] = {{"queue", " messages, mean ", " per msg "},
		     {"function", " calls, mean ", " per call "},
		     {"http", " requests, mean ", " per req "}};

	(void)state;
	report.endpoints = &endpoint;
	report.endpoints_len = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		endpoint.protocol = cases[i].protocol;
		char *text = draw_report(&report, (struct ww_style){.width = 80, .utf8 = true}, DETAILED);
		assert_non_null(strstr(text, cases[i].unit));
		assert_non_null(strstr(text, cases[i].each));
		free(text);
	}
}

static void endpoints_without_details_are_counted(void **state)
{
	char *text = draw_report(&sample_report, (struct ww_style){.width = 80}, 1);

	(void)state;
	assert_non_null(strstr(text, "\n2 more endpoints have no details here: see one with --endpoint GLOB.\n"));
	assert_non_null(strstr(text, "\n  POST /score "));
	assert_null(strstr(text, "computes 91 %"));
	free(text);
}

static void request_at_80_columns(void **state)
{
	char *text = draw_request(&sample_request, (struct ww_style){.width = 80, .utf8 = true});

	(void)state;
	assert_golden("request-80.txt", text);
	free(text);
}

static void request_without_time_line(void **state)
{
	struct ww_request bare = sample_request;

	(void)state;
	bare.segments_len = 0;
	bare.segments_truncated = false;
	bare.status = 0;
	bare.flags = WW_FLAG_ABORTED;
	char *text = draw_request(&bare, (struct ww_style){.width = 80});
	assert_golden("request-bare-80-ascii.txt", text);
	free(text);
}

/* Nobody answers a message: that is no failure of it. */
static void what_is_not_answered_has_no_status(void **state)
{
	struct ww_endpoint_report endpoint = sample_endpoints[0];
	struct ww_report report = sample_report;
	struct ww_request message = sample_request;
	struct ww_status_count none = {.status = 0, .requests = 50};

	(void)state;
	message.protocol = endpoint.protocol = "queue";
	message.status = 0;
	char *text = draw_request(&message, (struct ww_style){.width = 80, .colour = true});
	assert_null(strstr(text, "no response"));
	free(text);
	endpoint.status = &none;
	endpoint.status_len = 1;
	report.endpoints = &endpoint;
	report.endpoints_len = 1;
	text = draw_report(&report, (struct ww_style){.width = 80}, DETAILED);
	assert_null(strstr(text, "  status"));
	free(text);
	endpoint.protocol = "http/1.1";
	text = draw_report(&report, (struct ww_style){.width = 80}, DETAILED);
	assert_non_null(strstr(text, "  status"));
	free(text);
}

#define MANY 120

/* How many lines of a request's drawing hold some text. */
static int lines_with(const struct ww_request *request, const char *part)
{
	char *text = draw_request(request, (struct ww_style){.width = 80, .utf8 = true});
	int lines = 0;

	assert_fits(text, 80);
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		lines += strstr(line, part) != NULL;
	free(text);
	return lines;
}

static void equal_operations_share_a_line_unless_they_overlap(void **state)
{
	static struct ww_operation operations[MANY];
	struct ww_request request = sample_request;

	(void)state;
	/* Two that take turns, as an N+1 with a check in between. */
	for (uint64_t i = 0; i < MANY; i++) {
		operations[i] = sample_request_operations[1 + i % 2 * 3];
		operations[i].start_ns = i * 700000;
		operations[i].duration_ns = 700000;
	}
	request.operations = operations;
	request.operations_len = MANY;
	assert_int_equal(lines_with(&request, "db SELECT items \u00d760 "), 1);
	assert_int_equal(lines_with(&request, "/{id} \u00d760 "), 1);
	/* All at once: a line each, but not without end. */
	for (uint64_t i = 0; i < MANY; i++) {
		operations[i] = sample_request_operations[4];
		operations[i].start_ns = i;
	}
	request.operations_len = 3;
	assert_int_equal(lines_with(&request, "net GET api:\u2026 /prices/{id} "), 3);
	request.operations_len = MANY;
	assert_int_equal(lines_with(&request, "net GET a"), 24);
	assert_int_equal(lines_with(&request, "\u00d797 "), 1);
	assert_int_equal(lines_with(&request, "others"), 0);
	/* All different, and some of them failed. */
	char summaries[MANY][16];

	for (uint64_t i = 0; i < MANY; i++) {
		snprintf(summaries[i], sizeof(summaries[i]), "GET %llu", (unsigned long long)i);
		operations[i].summary = summaries[i];
		operations[i].error = i % 2 ? "" : "500";
	}
	assert_int_equal(lines_with(&request, "others \u00d796, 48 failed"), 1);
	assert_int_equal(lines_with(&request, ": 500 "), 12);
	request.operations_missing = true;
	assert_int_equal(lines_with(&request, "operations, as far as they are known"), 1);
	request.operations_len = 0;
	assert_int_equal(lines_with(&request, "operations"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_at_80_columns),
		cmocka_unit_test(whatif_fits_the_width),
		cmocka_unit_test(report_uses_more_columns),
		cmocka_unit_test(report_in_ascii),
		cmocka_unit_test(every_width_is_kept),
		cmocka_unit_test(what_has_not_ended_is_said),
		cmocka_unit_test(services_keep_both_ends),
		cmocka_unit_test(empty_report),
		cmocka_unit_test(endpoints_without_details_are_counted),
		cmocka_unit_test(units_are_called_what_they_are),
		cmocka_unit_test(what_is_not_answered_has_no_status),
		cmocka_unit_test(request_at_80_columns),
		cmocka_unit_test(request_without_time_line),
		cmocka_unit_test(equal_operations_share_a_line_unless_they_overlap),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
