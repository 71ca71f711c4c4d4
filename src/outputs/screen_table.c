/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first page: a row per endpoint. */
#include <stdio.h>
#include <string.h>

#include "model/names.h"
#include "outputs/screen_pages.h"
#include "outputs/text.h"

static const struct ww_pen plain_pen, dim_pen = {.attributes = WW_CELL_DIM}, bold_pen = {.attributes = WW_CELL_BOLD};
static const struct ww_pen bad_pen = {.tint = WW_TINT_BAD};

#define ENDPOINT_MIN   15
#define DURATION_WIDTH 8
#define RATE_WIDTH     6
#define SERVICE_MIN    12
#define SERVICE_MAX    24
#define BAR_MIN	       8
#define BAR_MAX	       60

/* Where columns are, with one column of space between them; width 0: not shown. */
struct places {
	int x[WW_COLUMN_COUNT], width[WW_COLUMN_COUNT];
	int bar_x, bar_width;
};

static int longest_service(const struct ww_view *view, const struct ww_style *style)
{
	int longest = SERVICE_MIN;

	for (size_t i = 0; i < view->sorted_len; i++) {
		int len = ww_text__columns(view->sorted[i]->service, style);

		longest = len > longest ? len : longest;
	}
	return longest < SERVICE_MAX ? longest : SERVICE_MAX;
}

static int longest_endpoint(const struct ww_view *view, const struct ww_style *style)
{
	int longest = ENDPOINT_MIN;

	for (size_t i = 0; i < view->sorted_len; i++) {
		int len = ww_text__columns(view->sorted[i]->method, style) + 1 +
			  ww_text__columns(view->sorted[i]->route, style);

		longest = len > longest ? len : longest;
	}
	return longest;
}

/*
 * Endpoint, rate, p95 and bar are always there. The others come as the width allows, in the order of their use; then
 * what is left goes to names and bar alike.
 */
static struct places place_columns(const struct ww_view *view, const struct ww_screen *screen)
{
	const struct ww_style style = {.utf8 = screen->unicode};
	static const struct {
		enum ww_column column;
		int width;
	} optional[] = {{WW_COLUMN_P99, DURATION_WIDTH},
			{WW_COLUMN_ERRORS, 6},
			{WW_COLUMN_P50, DURATION_WIDTH},
			{WW_COLUMN_SERVICE, SERVICE_MIN},
			{WW_COLUMN_TIME, 5}};
	static const enum ww_column order[] = {WW_COLUMN_TIME,	 WW_COLUMN_SERVICE, WW_COLUMN_ENDPOINT, WW_COLUMN_RATE,
					       WW_COLUMN_ERRORS, WW_COLUMN_P50,	    WW_COLUMN_P95,	WW_COLUMN_P99};
	struct places places = {.width = {[WW_COLUMN_ENDPOINT] = ENDPOINT_MIN,
					  [WW_COLUMN_RATE] = RATE_WIDTH,
					  [WW_COLUMN_P95] = DURATION_WIDTH},
				.bar_width = BAR_MIN};
	int left = screen->width - (ENDPOINT_MIN + 1 + RATE_WIDTH + 1 + DURATION_WIDTH + 1 + BAR_MIN), x = 0, more;

	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]) && left > optional[i].width; i++) {
		places.width[optional[i].column] = optional[i].width;
		left -= optional[i].width + 1;
	}
	if (places.width[WW_COLUMN_SERVICE]) {
		more = longest_service(view, &style) - SERVICE_MIN;
		more = more < left / 3 ? more : left / 3;
		places.width[WW_COLUMN_SERVICE] += more;
		left -= more;
	}
	more = longest_endpoint(view, &style) - ENDPOINT_MIN;
	more = more < left / 2 ? more : left / 2;
	places.width[WW_COLUMN_ENDPOINT] += more;
	left -= more;
	places.bar_width = BAR_MIN + left < BAR_MAX ? BAR_MIN + left : BAR_MAX;
	places.width[WW_COLUMN_ENDPOINT] += BAR_MIN + left - places.bar_width;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		places.x[order[i]] = x;
		x += places.width[order[i]] ? places.width[order[i]] + 1 : 0;
	}
	places.bar_x = x;
	return places;
}

static bool is_text(enum ww_column column)
{
	return column == WW_COLUMN_SERVICE || column == WW_COLUMN_ENDPOINT;
}

static void draw_heading(const struct ww_view *view, const struct places *places, struct ww_screen *screen, int y)
{
	for (enum ww_column column = 0; column < WW_COLUMN_COUNT; column++) {
		char title[32];
		const char *mark = "";

		if (!places->width[column])
			continue;
		/* The arrow points the way the values grow. */
		if (column == view->sort && screen->unicode)
			mark = view->reverse != is_text(column) ? "\u25b2" : "\u25bc";
		else if (column == view->sort)
			mark = view->reverse != is_text(column) ? "^" : "v";
		snprintf(title, sizeof(title), "%s%s", ww_column_title(column), mark);
		if (is_text(column))
			ww_screen__text(screen, y, places->x[column], places->width[column], bold_pen, title);
		else
			ww_screen__text_right(screen, y, places->x[column], places->width[column], bold_pen, title);
	}
	ww_screen__text(screen, y, places->bar_x, places->bar_width, bold_pen, "KINDS");
}

static void draw_number(struct ww_screen *screen, int y, const struct places *places, enum ww_column column,
			struct ww_pen pen, const char *text)
{
	ww_screen__text_right(screen, y, places->x[column], places->width[column], pen, text);
}

static void draw_row(const struct ww_endpoint_report *endpoint, uint64_t wall_ns, const struct places *places,
		     struct ww_screen *screen, int y)
{
	char number[WW_TEXT_NUMBER];

	draw_number(screen, y, places, WW_COLUMN_TIME, plain_pen, ww_text__share(number, endpoint->wall.sum, wall_ns));
	ww_screen__text(screen, y, places->x[WW_COLUMN_SERVICE], places->width[WW_COLUMN_SERVICE], plain_pen,
			endpoint->service);
	ww_screen__print(screen, y, places->x[WW_COLUMN_ENDPOINT], places->width[WW_COLUMN_ENDPOINT], plain_pen,
			 "%s %s", endpoint->method, endpoint->route);
	draw_number(screen, y, places, WW_COLUMN_RATE, plain_pen, ww_text__number(number, endpoint->rate_per_s));
	draw_number(screen, y, places, WW_COLUMN_ERRORS, endpoint->errors ? bad_pen : dim_pen,
		    ww_text__count(number, endpoint->errors));
	draw_number(screen, y, places, WW_COLUMN_P50, plain_pen, ww_text__duration(number, endpoint->wall.p50));
	draw_number(screen, y, places, WW_COLUMN_P95, plain_pen, ww_text__duration(number, endpoint->wall.p95));
	draw_number(screen, y, places, WW_COLUMN_P99, plain_pen, ww_text__duration(number, endpoint->wall.p99));
	ww_screen__bar(screen, y, places->bar_x, places->bar_width, endpoint->kinds_sum_ns);
}

/*
 * The kinds that occur, above `bottom`, in a fifth of the screen at most. Returns the first row it took. Drawn from the
 * kinds in their order, so a kind keeps its place while others come and go behind it.
 */
static int draw_legend(const uint64_t kinds_ns[WW_KIND_COUNT], struct ww_screen *screen, int bottom)
{
	int lines = 1, most = screen->height / 5 > 1 ? screen->height / 5 : 1, x = 0, y;

	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		int width = 2 + (int)strlen(ww_kind_name(kind));

		if (!kinds_ns[kind])
			continue;
		if (x > 0 && x + width > screen->width) {
			lines++;
			x = 0;
		}
		x += width + 2;
	}
	lines = lines < most ? lines : most;
	y = bottom - lines;
	x = 0;
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		const char *name = ww_kind_name(kind);
		int width = 2 + (int)strlen(name);
		struct ww_pen pen = {.tint = (uint8_t)(WW_TINT_KIND + kind)};
		char letter[2] = {ww_kind_letter(kind), '\0'};

		if (!kinds_ns[kind])
			continue;
		if (x > 0 && x + width > screen->width) {
			if (++y == bottom)
				break;
			x = 0;
		}
		ww_screen__text(screen, y, x, 1, pen, screen->bars == WW_BAR_BLOCKS ? "\u2588" : letter);
		ww_screen__text(screen, y, x + 2, screen->width - x - 2, plain_pen, name);
		x += width + 2;
	}
	return bottom - lines;
}

/* No request yet: say for what it waits, so that nobody thinks that it hangs. */
static void draw_idle(const struct ww_view *view, const struct ww_report *report, struct ww_body body,
		      struct ww_screen *screen)
{
	static const char *const lines[] = {
		"It sees HTTP/1.0 and HTTP/1.1 requests over TCP and unix sockets.",
		"A request is listed when its response has been sent.",
	};
	int y = body.top + (body.bottom - body.top > 10 ? 2 : 0);

	ww_screen__text(screen, y++, 2, screen->width - 2, bold_pen, "No request has ended in this time.");
	y += body.bottom - y > 5;
	ww_screen__print(screen, y++, 2, screen->width - 2, plain_pen, "Watching %s on %s.",
			 view->watching ? view->watching : "", report->host ? report->host : "this host");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && y < body.bottom; i++)
		ww_screen__text(screen, y++, 2, screen->width - 2, dim_pen, lines[i]);
}

void ww_table__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen)
{
	const char *keys =
		screen->unicode
			? "q quit  ? help  \u2191\u2193 choose  Enter open  \u2190\u2192 sort  r reverse  p pause"
			: "q quit  ? help  up/down choose  Enter open  left/right sort  r reverse  p pause";
	struct ww_body body = ww_frame__draw(view, report, screen, keys);
	struct ww_totals totals = ww_report_totals(report);
	struct places places;

	if (view->sorted_len == 0) {
		draw_idle(view, report, body, screen);
		return;
	}
	places = place_columns(view, screen);
	body.bottom = draw_legend(totals.kinds_ns, screen, body.bottom);
	draw_heading(view, &places, screen, body.top++);
	view->page_rows = (size_t)(body.bottom - body.top);
	if (view->cursor < view->first_row)
		view->first_row = view->cursor;
	if (view->cursor >= view->first_row + view->page_rows)
		view->first_row = view->cursor - view->page_rows + 1;
	if (view->first_row + view->page_rows > view->sorted_len)
		view->first_row = view->sorted_len > view->page_rows ? view->sorted_len - view->page_rows : 0;
	for (size_t i = view->first_row; i < view->sorted_len && body.top < body.bottom; i++, body.top++) {
		draw_row(view->sorted[i], totals.wall_ns, &places, screen, body.top);
		if (i == view->cursor)
			ww_screen__mark(screen, body.top, 0, places.bar_x - 1, WW_CELL_REVERSE);
	}
}
