/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the pages of the live screen say, at every size, and what the lines for pipes say. */
#include "screen_rows.h"

#include <locale.h>
#include <stdlib.h>

#include "model/names.h"
#include "outputs/screen_plain.h"
#include "outputs/screen_view.h"
#include "sample_report.h"

static struct ww_screen screen;
static struct ww_view view;

static int start(void **state)
{
	(void)state;
	screen = (struct ww_screen){.unicode = true, .bars = WW_BAR_BLOCKS};
	view = (struct ww_view){.watching = "every process"};
	return ww_screen__resize(&screen, 120, 40) || ww_view__update(&view, &sample_report);
}

static int end(void **state)
{
	(void)state;
	ww_view__free(&view);
	ww_screen__free(&screen);
	return 0;
}

static void draw_at(int width, int height)
{
	assert_int_equal(ww_screen__resize(&screen, width, height), 0);
	ww_view__draw(&view, &sample_report, &screen);
}

#define assert_row(part)    assert_int_not_equal(row_with(&screen, part), -1)
#define assert_no_row(part) assert_int_equal(row_with(&screen, part), -1)

static void table_has_a_row_per_endpoint(void **state)
{
	const char *row;
	int y;

	(void)state;
	draw_at(130, 40);
	assert_row("TIME\u25bc SERVICE");
	y = row_with(&screen, "GET /products/{id}");
	assert_int_not_equal(y, -1);
	row = row_text(&screen, y);
	assert_non_null(strstr(row, "93 %"));
	assert_non_null(strstr(row, "shop"));
	assert_non_null(strstr(row, "51.2      1  91.3 ms   141 ms   190 ms"));
	assert_int_equal(row_with(&screen, "POST /score"), y + 1);
	assert_int_equal(row_with(&screen, "PUT /up\\x1b[31m/\\xff/\u00fc/\\u202e{id}"), y + 2);
	assert_int_equal(screen.cells[y * 130].pen.attributes & WW_CELL_REVERSE, WW_CELL_REVERSE);
	assert_int_equal(screen.cells[(y + 1) * 130].pen.attributes & WW_CELL_REVERSE, 0);
}

static void missing_is_said_above_the_table(void **state)
{
	(void)state;
	draw_at(120, 40);
	assert_int_equal(strncmp(row_text(&screen, 0), "whywait INCOMPLETE web-1: every process", 39), 0);
	assert_int_equal(row_with(&screen, "lost: 12 account_ring_full"), 1);
	assert_int_equal(row_with(&screen, "8443: 312 TLS connections, requests not readable"), 2);
	assert_int_equal(row_with(&screen, "9443: 1 HTTP/2 connection, requests not readable"), 3);
	assert_no_row("half_seen");
	/* With little room the most serious one, and how many more. */
	draw_at(60, 10);
	assert_int_equal(row_with(&screen, "lost: 12 account_ring_full and 2 more (?)"), 1);
	ww_view__key(&view, '?');
	draw_at(120, 60);
	assert_row("12 account_ring_full: a finished request did not fit the account ring");
	assert_row("3 half_seen: ");
	assert_row("9443: 1 HTTP/2 connection");
}

static void legend_names_the_kinds_that_occur(void **state)
{
	int y;

	(void)state;
	draw_at(120, 40);
	y = row_with(&screen, "compute");
	assert_int_equal(y, 38);
	assert_non_null(strstr(row_text(&screen, y), "\u2588 db"));
	assert_null(strstr(row_text(&screen, y), "sleep"));
	screen.bars = WW_BAR_LETTERS;
	draw_at(120, 40);
	assert_row("C compute  R runq  Q queue  D db");
}

static void columns_come_as_the_width_allows(void **state)
{
	(void)state;
	draw_at(40, 8);
	assert_row("ENDPOINT");
	assert_row("REQ/S");
	assert_row("P95");
	assert_row("KINDS");
	assert_no_row("P99");
	assert_no_row("SERVICE");
	draw_at(110, 20);
	assert_row("TIME\u25bc SERVICE");
	assert_row("P50      P95      P99 KINDS");
}

static void rows_scroll_with_the_cursor(void **state)
{
	struct ww_endpoint_report endpoints[9];
	const struct ww_report report = {.complete = true, .endpoints = endpoints, .endpoints_len = 9};
	static const char *const routes[] = {"/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"};

	(void)state;
	for (int i = 0; i < 9; i++)
		endpoints[i] = (struct ww_endpoint_report){.service = "s",
							   .method = "GET",
							   .route = routes[i],
							   .wall = {.sum = (uint64_t)(100 - i)},
							   .kinds_sum_ns = {(uint64_t)(100 - i)}};
	assert_int_equal(ww_screen__resize(&screen, 80, 8), 0);
	assert_int_equal(ww_view__update(&view, &report), 0);
	ww_view__draw(&view, &report, &screen);
	assert_int_equal(row_with(&screen, "/0"), 2);
	assert_int_equal(row_with(&screen, "/3"), 5);
	assert_no_row("/4");
	for (int i = 0; i < 4; i++)
		ww_view__key(&view, WW_KEY_DOWN);
	ww_view__draw(&view, &report, &screen);
	assert_int_equal(row_with(&screen, "/4"), 5);
	assert_no_row("/0");
	ww_view__key(&view, WW_KEY_END);
	ww_view__draw(&view, &report, &screen);
	assert_int_equal(row_with(&screen, "/8"), 5);
	for (int i = 0; i < 5; i++)
		ww_view__key(&view, WW_KEY_UP);
	ww_view__draw(&view, &report, &screen);
	assert_int_equal(row_with(&screen, "/3"), 2);
	ww_view__key(&view, WW_KEY_END);
	/* A taller screen has no rows left empty that could show endpoints. */
	assert_int_equal(ww_screen__resize(&screen, 80, 20), 0);
	ww_view__draw(&view, &report, &screen);
	assert_int_equal(row_with(&screen, "/0"), 2);
	ww_view__key(&view, WW_KEY_HOME);
	ww_view__draw(&view, &report, &screen);
	assert_int_equal(row_with(&screen, "/0"), 2);
	assert_int_equal(ww_view__update(&view, &sample_report), 0);
}

static void endpoint_page_shows_every_kind(void **state)
{
	(void)state;
	ww_view__key(&view, WW_KEY_ENTER);
	draw_at(120, 50);
	assert_row("GET /products/{id}");
	assert_row("requests   1,536, 51.2/s, in flight 4.72 on average, 8 at most");
	assert_row("status     200: 1,533  404: 2  500: 1");
	assert_row("wall       mean 92.1 ms  p50 91.3 ms  p95 141 ms  p99 190 ms  max 412 ms");
	assert_row("accounts   1,530 exact, 4 inferred, 2 ambiguous");
	assert_row("mend       n-plus-one, saves 71.3 ms: SELECT price FROM items WHERE id = $1 \\u202e ran 2 to 120 "
		   "times");
	assert_row("           slow-query, saves 9.00 ms: SELECT 1 takes 9.00 ms");
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		char mean[32];
		int y = -1;

		for (int row = 0; row < screen.height && y < 0; row++)
			if (!strncmp(row_text(&screen, row), ww_kind_name(kind), strlen(ww_kind_name(kind))))
				y = row;
		assert_int_not_equal(y, -1);
		snprintf(mean, sizeof(mean), " %.3f ms ",
			 (double)sample_report.endpoints[0].kinds_sum_ns[kind] / 1536 / 1e6);
		assert_non_null(strstr(row_text(&screen, y), mean));
		snprintf(mean, sizeof(mean), " %.3f ms ",
			 (double)sample_report.endpoints[0].tail_kinds_sum_ns[kind] / 77 / 1e6);
		assert_non_null(strstr(row_text(&screen, y), mean));
	}
	assert_row("  postgres ");
	assert_int_equal(row_with(&screen, "51.00 waits a request"), row_with(&screen, "  postgres "));
	assert_row("p95+ (77)");
}

static void endpoint_page_lists_operations(void **state)
{
	int y;

	(void)state;
	ww_view__key(&view, WW_KEY_ENTER);
	draw_at(120, 60);
	assert_row("PER REQ        MEAN OF WALL  PEER");
	y = row_with(&screen, "SELECT items");
	assert_non_null(strstr(row_text(&screen, y), " 50.0    1.620 ms    88 %  postgres 127.0.0.1:5432"));
	assert_int_equal(row_with(&screen, "  SELECT item_id, name, price, stock, updated_at FROM items"), y + 1);
	assert_int_equal(row_with(&screen, "SELECT \\x1b[31morders"), y + 2);
	assert_int_equal(row_with(&screen, "round trip"), y + 3);
	draw_at(80, 60);
	y = row_with(&screen, "SELECT items");
	assert_non_null(strstr(row_text(&screen, y), " 50.0    1.620 ms    88 %"));
	assert_int_equal(strlen(row_text(&screen, y)), 80);
	assert_no_row("PEER");
	assert_row("round trip 127.0.0.1:9000 ");
}

static void endpoint_page_scrolls_to_its_end_and_not_beyond(void **state)
{
	size_t scrolled;

	(void)state;
	ww_view__key(&view, WW_KEY_ENTER);
	draw_at(80, 10);
	assert_int_equal(strncmp(row_text(&screen, 9), "q quit  ? help", 14), 0);
	ww_view__key(&view, WW_KEY_END);
	draw_at(80, 10);
	assert_row("BEGIN  ");
	scrolled = view.scroll;
	assert_true(scrolled > 5);
	ww_view__key(&view, WW_KEY_DOWN);
	draw_at(80, 10);
	assert_int_equal(view.scroll, scrolled);
	ww_view__key(&view, WW_KEY_UP);
	draw_at(80, 10);
	assert_int_equal(view.scroll, scrolled - 1);
	draw_at(80, 60);
	assert_int_equal(view.scroll, 0);
}

static void endpoint_without_requests_says_so(void **state)
{
	(void)state;
	ww_view__key(&view, WW_KEY_ENTER);
	assert_int_equal(ww_view__update(&view, &sample_empty), 0);
	ww_view__draw(&view, &sample_empty, &screen);
	assert_row("shop GET /products/{id}");
	assert_row("Nothing of it has ended in this time.");
}

static void idle_table_says_for_what_it_waits(void **state)
{
	(void)state;
	view.watching = "port 8080";
	assert_int_equal(ww_view__update(&view, &sample_empty), 0);
	ww_view__draw(&view, &sample_empty, &screen);
	assert_row("No request has ended in this time.");
	assert_row("Watching port 8080 on web-1.");
	assert_no_row("INCOMPLETE");
	assert_no_row("KINDS");
}

static void pause_is_shown(void **state)
{
	(void)state;
	ww_view__key(&view, 'p');
	draw_at(80, 24);
	assert_int_equal(strncmp(row_text(&screen, 0), "whywait PAUSED", 14), 0);
}

/* Every page, size and way to draw: nothing outside of the grid (the sanitizers watch), nothing unprintable. */
static void every_size_can_be_shown(void **state)
{
	static const enum ww_page pages[] = {WW_PAGE_TABLE, WW_PAGE_ENDPOINT, WW_PAGE_HELP};

	(void)state;
	for (int page = 0; page < 3; page++) {
		for (int endpoint = 0; endpoint < 3; endpoint++) {
			view.cursor = (size_t)endpoint;
			view.page = WW_PAGE_TABLE;
			ww_view__key(&view, WW_KEY_ENTER);
			view.page = pages[page];
			for (int width = 1; width < 140; width += width < 45 ? 1 : 9) {
				for (int height = 1; height < 50; height += height < 12 ? 1 : 7) {
					screen.unicode = (width + height) % 2;
					screen.bars = screen.unicode ? WW_BAR_BLOCKS : WW_BAR_LETTERS;
					draw_at(width, height);
					assert_showable(&screen);
				}
			}
		}
	}
}

static void too_small_is_said(void **state)
{
	(void)state;
	draw_at(39, 20);
	assert_string_equal(row_text(&screen, 0), "needs 40x8, has 39x20");
	draw_at(80, 7);
	assert_string_equal(row_text(&screen, 0), "needs 40x8, has 80x7");
}

static char *plain_text(const struct ww_report *report)
{
	const struct ww_style style = {.width = 80, .utf8 = true};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	ww_plain__write(out, report, "port 80", &style);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void plain_lines_hold_it_all(void **state)
{
	char *text = plain_text(&sample_report);

	(void)state;
	assert_string_equal(
		text,
		"2025-11-20T16:22:40Z, last 30 s: 3 endpoints, 1,936 requests, 64.5/s, 6 errors, NOT COMPLETE\n"
		"lost since the start: 12 account_ring_full\n"
		"8443: 312 TLS connections, requests not readable\n"
		"9443: 1 HTTP/2 connection, requests not readable\n"
		"SERVICE         ENDPOINT                             REQ/S    ERR      P50      P95      P99  KINDS\n"
		"shop            GET /products/{id}                    51.2      1  91.3 ms   141 ms   190 ms  "
		"db 90 %, compute 7 %, queue 2 %, net <1 %, runq <1 %, other <1 %, disk <1 %\n"
		"shop            POST /score                           10.0      0  29.5 ms  41.0 ms  42.0 ms  "
		"compute 91 %, runq 9 %\n"
		"files \"a,b\"\\x0a PUT /up\\x1b[31m/\\xff/\u00fc/\\u202e{id}     3.33      5  19.0 ms  30.0 ms  "
		"31.0 ms  compute 45 %, disk 44 %, client 10 %, ipc <1 %, other <1 %\n\n");
	free(text);
}

static void plain_lines_say_when_there_is_nothing(void **state)
{
	char *text = plain_text(&sample_empty);

	(void)state;
	assert_string_equal(text, "2025-11-20T16:22:40Z, last 30 s: 0 endpoints, 0 requests, 0/s, 0 errors, complete\n"
				  "no request has ended in this time; watching port 80\n\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(table_has_a_row_per_endpoint, start, end),
		cmocka_unit_test_setup_teardown(missing_is_said_above_the_table, start, end),
		cmocka_unit_test_setup_teardown(legend_names_the_kinds_that_occur, start, end),
		cmocka_unit_test_setup_teardown(columns_come_as_the_width_allows, start, end),
		cmocka_unit_test_setup_teardown(rows_scroll_with_the_cursor, start, end),
		cmocka_unit_test_setup_teardown(endpoint_page_shows_every_kind, start, end),
		cmocka_unit_test_setup_teardown(endpoint_page_lists_operations, start, end),
		cmocka_unit_test_setup_teardown(endpoint_page_scrolls_to_its_end_and_not_beyond, start, end),
		cmocka_unit_test_setup_teardown(endpoint_without_requests_says_so, start, end),
		cmocka_unit_test_setup_teardown(idle_table_says_for_what_it_waits, start, end),
		cmocka_unit_test_setup_teardown(pause_is_shown, start, end),
		cmocka_unit_test_setup_teardown(every_size_can_be_shown, start, end),
		cmocka_unit_test_setup_teardown(too_small_is_said, start, end),
		cmocka_unit_test(plain_lines_hold_it_all),
		cmocka_unit_test(plain_lines_say_when_there_is_nothing),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
