/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/screen_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/screen_pages.h"

/* Rows or lines: beyond the end of any page. */
#define FAR 1000000

static const struct {
	const char *title;
	char key;
} columns[WW_COLUMN_COUNT] = {
	[WW_COLUMN_TIME] = {"TIME", 't'},	  [WW_COLUMN_SERVICE] = {"SERVICE", 's'},
	[WW_COLUMN_ENDPOINT] = {"ENDPOINT", 'n'}, [WW_COLUMN_RATE] = {"REQ/S", 'a'},
	[WW_COLUMN_ERRORS] = {"ERR", 'e'},	  [WW_COLUMN_P50] = {"P50", '5'},
	[WW_COLUMN_P95] = {"P95", '9'},		  [WW_COLUMN_P99] = {"P99", '0'},
};

const char *ww_column_title(enum ww_column column)
{
	return columns[column].title;
}

char ww_column_key(enum ww_column column)
{
	return columns[column].key;
}

void ww_endpoint_name(char name[WW_VIEW_ENDPOINT_MAX], const struct ww_endpoint_report *endpoint)
{
	snprintf(name, WW_VIEW_ENDPOINT_MAX, "%s %s %s", endpoint->service, endpoint->method, endpoint->route);
}

void ww_view__free(struct ww_view *view)
{
	if (!view)
		return;
	free(view->sorted);
	view->sorted = NULL;
	view->sorted_len = view->sorted_size = 0;
}

static int compare_text(const struct ww_endpoint_report *a, const struct ww_endpoint_report *b)
{
	int route = strcmp(a->route, b->route);

	return route ? route : strcmp(a->method, b->method);
}

/* Largest first, as one looks for the worst; names in their order. */
static int compare_column(const struct ww_endpoint_report *a, const struct ww_endpoint_report *b, enum ww_column column)
{
#define LARGER_FIRST(x) ((b->x > a->x) - (b->x < a->x))
	switch (column) {
	case WW_COLUMN_SERVICE:
		return strcmp(a->service, b->service);
	case WW_COLUMN_ENDPOINT:
		return compare_text(a, b);
	case WW_COLUMN_RATE:
		return LARGER_FIRST(rate_per_s);
	case WW_COLUMN_ERRORS:
		return LARGER_FIRST(errors);
	case WW_COLUMN_P50:
		return LARGER_FIRST(wall.p50);
	case WW_COLUMN_P95:
		return LARGER_FIRST(wall.p95);
	case WW_COLUMN_P99:
		return LARGER_FIRST(wall.p99);
	case WW_COLUMN_TIME:
	case WW_COLUMN_COUNT:
		break;
	}
	return LARGER_FIRST(wall.sum);
#undef LARGER_FIRST
}

/* Ties keep one order from report to report, or rows would jump while nothing changed. */
static int compare_endpoints(const void *left, const void *right, void *arg)
{
	const struct ww_endpoint_report *a = *(const struct ww_endpoint_report *const *)left;
	const struct ww_endpoint_report *b = *(const struct ww_endpoint_report *const *)right;
	const struct ww_view *view = arg;
	int order = compare_column(a, b, view->sort);

	if (order)
		return view->reverse ? -order : order;
	order = strcmp(a->service, b->service);
	return order ? order : compare_text(a, b);
}

static void sort_endpoints(struct ww_view *view)
{
	if (view->sorted_len)
		qsort_r(view->sorted, view->sorted_len, sizeof(*view->sorted), compare_endpoints, view);
}

const struct ww_endpoint_report *ww_view__find(const struct ww_view *view, const char *name)
{
	char other[WW_VIEW_ENDPOINT_MAX];

	for (size_t i = 0; i < view->sorted_len; i++) {
		ww_endpoint_name(other, view->sorted[i]);
		if (!strcmp(name, other))
			return view->sorted[i];
	}
	return NULL;
}

/* Puts the cursor where the chosen endpoint is now; one that is gone leaves it at its row. */
static void follow_chosen(struct ww_view *view)
{
	char name[WW_VIEW_ENDPOINT_MAX];

	if (!view->chosen[0])
		view->cursor = 0;
	for (size_t i = 0; view->chosen[0] && i < view->sorted_len; i++) {
		ww_endpoint_name(name, view->sorted[i]);
		if (!strcmp(name, view->chosen)) {
			view->cursor = i;
			return;
		}
	}
	if (view->cursor >= view->sorted_len)
		view->cursor = view->sorted_len ? view->sorted_len - 1 : 0;
}

int ww_view__update(struct ww_view *view, const struct ww_report *report)
{
	view->sorted_len = 0;
	if (report->endpoints_len > view->sorted_size) {
		void *grown = realloc(view->sorted, report->endpoints_len * sizeof(*view->sorted));

		if (!grown)
			return -ENOMEM;
		view->sorted = grown;
		view->sorted_size = report->endpoints_len;
	}
	for (size_t i = 0; i < report->endpoints_len; i++)
		view->sorted[view->sorted_len++] = &report->endpoints[i];
	sort_endpoints(view);
	follow_chosen(view);
	return 0;
}

static void sort_by(struct ww_view *view, enum ww_column column)
{
	if (view->sort == column) {
		view->reverse = !view->reverse;
	} else {
		view->sort = column;
		view->reverse = false;
	}
	sort_endpoints(view);
	follow_chosen(view);
}

static void move_cursor(struct ww_view *view, long rows)
{
	long row = (long)view->cursor + rows, last = (long)view->sorted_len - 1;

	if (last < 0)
		return;
	row = row < 0 ? 0 : row > last ? last : row;
	view->cursor = (size_t)row;
	ww_endpoint_name(view->chosen, view->sorted[row]);
}

/* The page knows its length only when it is drawn, and cuts then. */
static void scroll_page(struct ww_view *view, long lines)
{
	long line = (long)view->scroll + lines;

	view->scroll = line < 0 ? 0 : (size_t)line;
}

static void open_endpoint(struct ww_view *view)
{
	if (view->cursor >= view->sorted_len)
		return;
	ww_endpoint_name(view->chosen, view->sorted[view->cursor]);
	memcpy(view->drilled, view->chosen, sizeof(view->drilled));
	view->page = WW_PAGE_ENDPOINT;
	view->scroll = 0;
}

/* Keys of the table. Returns whether the key was one. */
static bool table_key(struct ww_view *view, int key)
{
	switch (key) {
	case WW_KEY_ENTER:
		open_endpoint(view);
		return true;
	case WW_KEY_LEFT:
	case '<':
		sort_by(view, (view->sort + WW_COLUMN_COUNT - 1) % WW_COLUMN_COUNT);
		return true;
	case WW_KEY_RIGHT:
	case '>':
		sort_by(view, (view->sort + 1) % WW_COLUMN_COUNT);
		return true;
	case 'r':
		view->reverse = !view->reverse;
		sort_endpoints(view);
		follow_chosen(view);
		return true;
	}
	for (enum ww_column column = 0; column < WW_COLUMN_COUNT; column++) {
		if (key == columns[column].key) {
			sort_by(view, column);
			return true;
		}
	}
	return false;
}

static void leave_page(struct ww_view *view)
{
	view->page = view->page == WW_PAGE_HELP ? view->help_over : WW_PAGE_TABLE;
	view->scroll = 0;
}

static void open_help(struct ww_view *view)
{
	if (view->page == WW_PAGE_HELP) {
		leave_page(view);
		return;
	}
	view->help_over = view->page;
	view->page = WW_PAGE_HELP;
	view->scroll = 0;
}

static void move(struct ww_view *view, long rows)
{
	if (view->page == WW_PAGE_TABLE)
		move_cursor(view, rows);
	else
		scroll_page(view, rows);
}

void ww_view__key(struct ww_view *view, int key)
{
	long page = view->page_rows > 1 ? (long)view->page_rows - 1 : 1;

	if (view->page == WW_PAGE_TABLE && table_key(view, key))
		return;
	switch (key) {
	case 'q':
		view->quit = true;
		break;
	case 'p':
	case ' ':
		view->paused = !view->paused;
		break;
	case 'h':
	case '?':
		open_help(view);
		break;
	case WW_KEY_ESCAPE:
	case WW_KEY_LEFT:
		leave_page(view);
		break;
	case WW_KEY_UP:
	case 'k':
		move(view, -1);
		break;
	case WW_KEY_DOWN:
	case 'j':
		move(view, 1);
		break;
	case WW_KEY_PAGE_UP:
		move(view, -page);
		break;
	case WW_KEY_PAGE_DOWN:
		move(view, page);
		break;
	case WW_KEY_HOME:
	case 'g':
		move(view, -FAR);
		break;
	case WW_KEY_END:
	case 'G':
		move(view, FAR);
		break;
	}
}

void ww_view__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen)
{
	ww_screen__blank(screen);
	if (screen->width < WW_VIEW_MIN_WIDTH || screen->height < WW_VIEW_MIN_HEIGHT) {
		ww_screen__print(screen, 0, 0, screen->width, (struct ww_pen){0}, "needs %dx%d, has %dx%d",
				 WW_VIEW_MIN_WIDTH, WW_VIEW_MIN_HEIGHT, screen->width, screen->height);
		return;
	}
	switch (view->page) {
	case WW_PAGE_TABLE:
		ww_table__draw(view, report, screen);
		break;
	case WW_PAGE_ENDPOINT:
		ww_endpoint__draw(view, report, screen);
		break;
	case WW_PAGE_HELP:
		ww_help__draw(view, report, screen);
		break;
	}
}
