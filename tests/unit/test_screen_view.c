/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys and reports change what the live screen shows: the order, the cursor, the page. */
#include "screen_rows.h"

#include "outputs/screen_view.h"

static struct ww_endpoint_report endpoints[] = {
	{.service = "b",
	 .method = "GET",
	 .route = "/x",
	 .requests = 9,
	 .errors = 1,
	 .rate_per_s = 3,
	 .wall = {.sum = 50, .p50 = 7, .p95 = 8, .p99 = 30}},
	{.service = "a",
	 .method = "GET",
	 .route = "/z",
	 .requests = 9,
	 .errors = 5,
	 .rate_per_s = 1,
	 .wall = {.sum = 40, .p50 = 9, .p95 = 9, .p99 = 20}},
	{.service = "c",
	 .method = "PUT",
	 .route = "/y",
	 .requests = 9,
	 .errors = 3,
	 .rate_per_s = 2,
	 .wall = {.sum = 30, .p50 = 8, .p95 = 10, .p99 = 40}},
};
static const struct ww_report report = {.complete = true, .endpoints = endpoints, .endpoints_len = 3};
static const struct ww_report empty = {.complete = true};
static struct ww_view view;

static int start(void **state)
{
	(void)state;
	view = (struct ww_view){.watching = "every process"};
	return ww_view__update(&view, &report);
}

static int end(void **state)
{
	(void)state;
	ww_view__free(&view);
	return 0;
}

/* The services in the order of the rows: "bac". */
static const char *order(void)
{
	static char text[8];

	for (size_t i = 0; i < view.sorted_len; i++)
		text[i] = view.sorted[i]->service[0];
	text[view.sorted_len] = '\0';
	return text;
}

static char at_cursor(void)
{
	return view.sorted[view.cursor]->service[0];
}

static void type(const char *keys)
{
	for (; *keys; keys++)
		ww_view__key(&view, *keys);
}

static void first_key_of_a_column_sorts_the_worst_first_the_second_reverses(void **state)
{
	static const struct {
		const char *key, *order, *reversed;
	} columns[] = {{"s", "abc", "cba"}, {"n", "bca", "acb"}, {"a", "bca", "acb"}, {"e", "acb", "bca"},
		       {"5", "acb", "bca"}, {"9", "cab", "bac"}, {"0", "cba", "abc"}, {"t", "bac", "cab"}};

	(void)state;
	assert_string_equal(order(), "bac");
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		type(columns[i].key);
		assert_string_equal(order(), columns[i].order);
		type(columns[i].key);
		assert_string_equal(order(), columns[i].reversed);
		type("r");
		assert_string_equal(order(), columns[i].order);
	}
}

static void arrows_go_round_the_columns(void **state)
{
	(void)state;
	for (int i = 1; i <= WW_COLUMN_COUNT; i++) {
		ww_view__key(&view, WW_KEY_RIGHT);
		assert_int_equal(view.sort, i % WW_COLUMN_COUNT);
		assert_false(view.reverse);
	}
	ww_view__key(&view, WW_KEY_LEFT);
	assert_int_equal(view.sort, WW_COLUMN_P99);
	assert_string_equal(order(), "cba");
}

static void equal_rows_keep_one_order(void **state)
{
	struct ww_endpoint_report same[3];
	struct ww_report equal = {.complete = true, .endpoints = same, .endpoints_len = 3};

	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 3; i++) {
			same[i] = endpoints[(i + turn) % 3];
			same[i].wall.sum = 1;
		}
		assert_int_equal(ww_view__update(&view, &equal), 0);
		assert_string_equal(order(), "abc");
	}
	assert_int_equal(ww_view__update(&view, &report), 0);
}

static void cursor_stays_on_its_endpoint(void **state)
{
	struct ww_endpoint_report moved[3] = {endpoints[2], endpoints[0], endpoints[1]};
	struct ww_report next = {.complete = true, .endpoints = moved, .endpoints_len = 3};

	(void)state;
	ww_view__key(&view, WW_KEY_DOWN);
	assert_int_equal(at_cursor(), 'a');
	type("s");
	assert_int_equal(at_cursor(), 'a');
	type("s");
	assert_int_equal(at_cursor(), 'a');
	type("t");
	moved[2].wall.sum = 1;
	assert_int_equal(ww_view__update(&view, &next), 0);
	assert_string_equal(order(), "bca");
	assert_int_equal(at_cursor(), 'a');
	/* Its endpoint is gone: the cursor stays within the rows, and goes back to it when it comes again. */
	next.endpoints_len = 2;
	assert_int_equal(ww_view__update(&view, &next), 0);
	assert_int_equal(view.cursor, 1);
	assert_int_equal(ww_view__update(&view, &report), 0);
	assert_int_equal(at_cursor(), 'a');
}

static void untouched_cursor_stays_at_the_top(void **state)
{
	(void)state;
	type("s");
	assert_int_equal(at_cursor(), 'a');
	type("s");
	assert_int_equal(at_cursor(), 'c');
}

static void cursor_stays_within_the_rows(void **state)
{
	(void)state;
	ww_view__key(&view, WW_KEY_UP);
	assert_int_equal(view.cursor, 0);
	ww_view__key(&view, WW_KEY_END);
	assert_int_equal(view.cursor, 2);
	ww_view__key(&view, WW_KEY_DOWN);
	assert_int_equal(view.cursor, 2);
	ww_view__key(&view, WW_KEY_HOME);
	assert_int_equal(view.cursor, 0);
	view.page_rows = 3;
	ww_view__key(&view, WW_KEY_PAGE_DOWN);
	assert_int_equal(view.cursor, 2);
	ww_view__key(&view, WW_KEY_PAGE_UP);
	assert_int_equal(view.cursor, 0);
}

static void enter_opens_and_escape_leaves(void **state)
{
	(void)state;
	ww_view__key(&view, WW_KEY_DOWN);
	ww_view__key(&view, WW_KEY_ENTER);
	assert_int_equal(view.page, WW_PAGE_ENDPOINT);
	assert_string_equal(view.drilled, "a GET /z");
	type("?");
	assert_int_equal(view.page, WW_PAGE_HELP);
	ww_view__key(&view, WW_KEY_ESCAPE);
	assert_int_equal(view.page, WW_PAGE_ENDPOINT);
	type("hh");
	assert_int_equal(view.page, WW_PAGE_ENDPOINT);
	/* Letters that sort the table do nothing here. */
	type("s");
	assert_int_equal(view.sort, WW_COLUMN_TIME);
	ww_view__key(&view, WW_KEY_ESCAPE);
	assert_int_equal(view.page, WW_PAGE_TABLE);
	ww_view__key(&view, WW_KEY_ESCAPE);
	assert_int_equal(view.page, WW_PAGE_TABLE);
	assert_int_equal(at_cursor(), 'a');
	assert_false(view.quit);
}

static void pause_and_quit(void **state)
{
	(void)state;
	type("p");
	assert_true(view.paused);
	type(" ");
	assert_false(view.paused);
	type("?q");
	assert_true(view.quit);
}

static void keys_without_endpoints_do_nothing(void **state)
{
	(void)state;
	assert_int_equal(ww_view__update(&view, &empty), 0);
	for (int key = WW_KEY_NONE; key <= WW_KEY_RESIZE; key++) {
		ww_view__key(&view, key);
		assert_int_equal(view.cursor, 0);
		assert_int_not_equal(view.page, WW_PAGE_ENDPOINT);
		view.page = WW_PAGE_TABLE;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_key_of_a_column_sorts_the_worst_first_the_second_reverses, start,
						end),
		cmocka_unit_test_setup_teardown(arrows_go_round_the_columns, start, end),
		cmocka_unit_test_setup_teardown(equal_rows_keep_one_order, start, end),
		cmocka_unit_test_setup_teardown(cursor_stays_on_its_endpoint, start, end),
		cmocka_unit_test_setup_teardown(untouched_cursor_stays_at_the_top, start, end),
		cmocka_unit_test_setup_teardown(cursor_stays_within_the_rows, start, end),
		cmocka_unit_test_setup_teardown(enter_opens_and_escape_leaves, start, end),
		cmocka_unit_test_setup_teardown(pause_and_quit, start, end),
		cmocka_unit_test_setup_teardown(keys_without_endpoints_do_nothing, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
