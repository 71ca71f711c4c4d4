/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Endpoints of services whose paths are flooded: by words that are values, by a scanner, by anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ingesting.h"

#define MAX 40 /* endpoints of a service; half as many values a place */

static void put(struct fixture *fixture, const char *path)
{
	struct ww_account account = draw_account(&fixture->draw, ++fixture->next_id, path, fixture->now - 1);

	strcpy(account.method, "GET");
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	/* So that names are given while some of it is in the recording. */
	if (fixture->next_id % 50 == 0) {
		fixture->now += 3 * SECOND;
		assert_int_equal(ww_ingest__tick(fixture->ingest, fixture->now, NULL), 0);
	}
}

/* A word of letters, another one each time. */
static const char *word(struct fixture *fixture, char text[8])
{
	uint64_t number = draw_number(&fixture->draw, 1ull << 40);

	for (int i = 0; i < 7; i++, number /= 26)
		text[i] = (char)('a' + number % 26);
	text[7] = '\0';
	return text;
}

static void flood(struct fixture *fixture, const char *before, const char *after, unsigned times)
{
	char path[128], text[8];

	while (times--) {
		snprintf(path, sizeof(path), "%s%s%s", before, word(fixture, text), after);
		put(fixture, path);
	}
}

static void begin(struct fixture *fixture, const char *const *routes)
{
	start(fixture,
	      (struct ww_ingest_options){
		      .routes_max = MAX, .routes = routes, .routes_len = routes ? 1 : 0, .live_seconds = 60},
	      5, false);
}

/* How many requests a route has; its row is the only one. */
static uint64_t requests_of(const struct ww_report *report, const char *route)
{
	uint64_t requests = 0;

	for (size_t i = 0; i < report->endpoints_len; i++) {
		if (strcmp(report->endpoints[i].route, route) != 0)
			continue;
		assert_int_equal(requests, 0);
		requests = report->endpoints[i].requests;
	}
	return requests;
}

static uint64_t over_cap(const struct ww_report *report)
{
	for (size_t i = 0; i < report->losses_len; i++) {
		if (!strcmp(report->losses[i].cause, "routes_over_cap"))
			return report->losses[i].count;
	}
	return 0;
}

/* What was recorded; every request is in it. */
static struct ww_report *finish(struct fixture *fixture)
{
	struct ww_report *report;
	uint64_t requests = 0;

	stop(fixture);
	report = read_report(fixture->path, &(struct ww_selection){0});
	for (size_t i = 0; i < report->endpoints_len; i++)
		requests += report->endpoints[i].requests;
	assert_int_equal(requests, fixture->next_id);
	assert_true(report->complete && report->endpoints_len <= MAX + 1);
	assert_int_equal(requests_of(report, "(other)"), over_cap(report));
	return report;
}

static void words_that_are_values_become_one(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;

	begin(fixture, NULL);
	for (int i = 0; i < 30; i++) {
		put(fixture, "/shop/bestseller");
		put(fixture, "/cart");
	}
	flood(fixture, "/shop/", "", 500);
	flood(fixture, "/shop/", "/reviews", 100);
	for (int i = 0; i < 10; i++)
		put(fixture, "/orders/7");
	put(fixture, "/shop/bestseller");
	report = finish(fixture);
	assert_int_equal(requests_of(report, "/shop/{name}"), 500);
	assert_int_equal(requests_of(report, "/shop/{name}/reviews"), 100);
	assert_int_equal(requests_of(report, "/shop/bestseller"), 31);
	assert_int_equal(requests_of(report, "/cart"), 30);
	assert_int_equal(requests_of(report, "/orders/{id}"), 10);
	assert_int_equal(report->endpoints_len, 5);
	ww_report_free(report);
}

static void a_live_report_has_one_row_for_them(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;

	begin(fixture, NULL);
	flood(fixture, "/shop/", "", 200);
	assert_int_equal(ww_ingest__report(fixture->ingest, 60, &report), 0);
	assert_int_equal(requests_of(report, "/shop/{name}"), 200);
	ww_report_free(report);
	ww_report_free(finish(fixture));
}

static void a_scanner_takes_no_names_away(void **state)
{
	static const char *const real[] = {"/login", "/api/users/1", "/api/users/1/orders", "/static/app.js",
					   "/health"};
	struct fixture *fixture = *state;
	struct ww_report *report;

	begin(fixture, NULL);
	for (int i = 0; i < 100; i++) {
		put(fixture, real[i % 5]);
		flood(fixture, "/", "", 10);
		flood(fixture, "/wp-", ".php", 5);
		flood(fixture, "/api/", "", 5);
		flood(fixture, "/api/users/1/", "", 5);
	}
	report = finish(fixture);
	assert_int_equal(requests_of(report, "/api/users/{id}"), 20);
	assert_int_equal(requests_of(report, "/api/users/{id}/{name}") + requests_of(report, "/api/users/{id}/orders"),
			 520);
	assert_int_equal(
		requests_of(report, "/{name}") + requests_of(report, "/login") + requests_of(report, "/health"), 1540);
	assert_int_equal(over_cap(report), 0);
	assert_true(report->endpoints_len < 12);
	ww_report_free(report);
}

static void what_comes_once_makes_room(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;
	char path[64];

	begin(fixture, NULL);
	/* Few values at each place. */
	for (int i = 0; i < 2 * MAX; i++) {
		snprintf(path, sizeof(path), "/%c/%c/%c", 'a' + i / 16, 'a' + i / 4 % 4, 'a' + i % 4);
		put(fixture, path);
	}
	for (int i = 0; i < 30; i++)
		put(fixture, "/orders");
	for (int i = 0; i < 20; i++)
		put(fixture, "/a/a/a");
	report = finish(fixture);
	assert_true(requests_of(report, "/orders") > 30 - MAX / 8 - 1);
	/* It came once, made room, and came again. */
	assert_true(requests_of(report, "/a/a/a") > 20 - MAX / 8 - 1);
	assert_true(over_cap(report) >= MAX && over_cap(report) < 2 * MAX);
	ww_report_free(report);
}

static void a_flood_of_everything_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;
	char path[128], text[8];

	begin(fixture, NULL);
	for (int i = 0; i < 5000; i++) {
		char *at = path;

		for (uint64_t depth = draw_number(&fixture->draw, 12) + 1; depth; depth--)
			at += sprintf(at, "/%s", draw_number(&fixture->draw, 2) ? word(fixture, text) : "a");
		put(fixture, path);
	}
	report = finish(fixture);
	assert_true(over_cap(report) > 0);
	ww_report_free(report);
}

static void patterns_stay(void **state)
{
	static const char *const routes[] = {"/shop/{item}"};
	struct fixture *fixture = *state;
	struct ww_report *report;

	begin(fixture, routes);
	flood(fixture, "/shop/", "", 300);
	flood(fixture, "/", "", 300);
	report = finish(fixture);
	assert_int_equal(requests_of(report, "/shop/{item}"), 300);
	assert_int_equal(requests_of(report, "/{name}"), 300);
	ww_report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_that_are_values_become_one, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_live_report_has_one_row_for_them, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_scanner_takes_no_names_away, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_comes_once_makes_room, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_flood_of_everything_is_bounded, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(patterns_stay, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
