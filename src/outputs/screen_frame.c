/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every page has around it: the title, what is missing from the numbers, the keys. */
#include <stdio.h>
#include <string.h>

#include "outputs/screen_pages.h"
#include "outputs/text.h"

static const struct ww_pen plain_pen, dim_pen = {.attributes = WW_CELL_DIM};
static const struct ww_pen bad_pen = {.tint = WW_TINT_BAD, .attributes = WW_CELL_BOLD};
static const struct ww_pen title_pen = {.tint = WW_TINT_TITLE, .attributes = WW_CELL_BOLD};

struct ww_totals ww_report_totals(const struct ww_report *report)
{
	struct ww_totals totals = {0};

	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];

		totals.requests += endpoint->requests;
		totals.errors += endpoint->errors;
		totals.wall_ns += endpoint->wall.sum;
		totals.rate_per_s += endpoint->rate_per_s;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			totals.kinds_ns[kind] += endpoint->kinds_sum_ns[kind];
	}
	return totals;
}

const char *ww_report_window(char *text, const struct ww_report *report)
{
	double seconds = (double)ww_report__observed_ns(report) / 1e9;
	double rest = seconds - (double)(int64_t)seconds;

	/* Ticks come a little early or late. */
	snprintf(text, WW_TEXT_NUMBER, "%.*f s", rest < 0.05 || rest > 0.95 ? 0 : 1, seconds);
	return text;
}

static void draw_title(const struct ww_view *view, const struct ww_report *report, struct ww_screen *screen)
{
	struct ww_totals totals = ww_report_totals(report);
	char rate[WW_TEXT_NUMBER], share[WW_TEXT_NUMBER], window[WW_TEXT_NUMBER], right[160];
	int used, room;

	ww_text__number(rate, totals.rate_per_s);
	ww_text__share(share, totals.errors, totals.requests);
	snprintf(right, sizeof(right), "%s req/s, %s errors, last %s", rate, share, ww_report_window(window, report));
	if (screen->width < 60)
		snprintf(right, sizeof(right), "%s req/s", rate);
	used = ww_screen__text(screen, 0, 0, 8, title_pen, "whywait");
	if (view->paused)
		used += 1 + ww_screen__text(screen, 0, used + 1, 6, bad_pen, "PAUSED");
	else if (!report->complete)
		used += 1 + ww_screen__text(screen, 0, used + 1, 10, bad_pen, "INCOMPLETE");
	room = screen->width - used - 1 - (int)strlen(right) - 2;
	if (room > 0)
		ww_screen__print(screen, 0, used + 1, room, plain_pen, "%s: %s", report->host ? report->host : "",
				 view->watching ? view->watching : "");
	ww_screen__text_right(screen, 0, screen->width - (int)strlen(right), (int)strlen(right), plain_pen, right);
}

/* What the numbers do not hold, most serious first; notice `i`, false when there is none. */
static bool notice(const struct ww_report *report, size_t i, char *text, size_t size, struct ww_pen *pen)
{
	for (size_t loss = 0; loss < report->losses_len; loss++) {
		if (!report->losses[loss].loses || i-- > 0)
			continue;
		snprintf(text, size, "lost: %llu %s", (unsigned long long)report->losses[loss].count,
			 report->losses[loss].cause);
		*pen = bad_pen;
		return true;
	}
	for (size_t port = 0; port < report->unreadable_len; port++) {
		const struct ww_unreadable_port *unreadable = &report->unreadable[port];

		if (i-- > 0)
			continue;
		ww_unreadable_text(text, size, unreadable);
		*pen = plain_pen;
		return true;
	}
	return false;
}

void ww_unreadable_text(char *text, size_t size, const struct ww_unreadable_port *port)
{
	const char *name = !strcmp(port->protocol, "tls")     ? "TLS"
			   : !strcmp(port->protocol, "http2") ? "HTTP/2"
							      : port->protocol;

	snprintf(text, size, "%u: %llu %s connection%s, requests not readable", port->port,
		 (unsigned long long)port->connections, name, port->connections == 1 ? "" : "s");
}

/* Notices take a sixth of the screen at most; the last line tells how many had no room. */
static int draw_notices(const struct ww_report *report, struct ww_screen *screen, int y)
{
	size_t count = 0, lines = (size_t)(screen->height / 6 > 1 ? screen->height / 6 : 1);
	char text[256];
	struct ww_pen pen;

	while (notice(report, count, text, sizeof(text), &pen))
		count++;
	for (size_t i = 0; i < count && i < lines; i++) {
		int used;

		notice(report, i, text, sizeof(text), &pen);
		if (i + 1 == lines && count > lines) {
			char more[48];
			int room = screen->width - snprintf(more, sizeof(more), " and %zu more (?)", count - lines);

			used = ww_screen__text(screen, y, 0, room, pen, text);
			ww_screen__text(screen, y, used, screen->width - used, dim_pen, more);
		} else {
			ww_screen__text(screen, y, 0, screen->width, pen, text);
		}
		y++;
	}
	return y;
}

struct ww_body ww_frame__draw(const struct ww_view *view, const struct ww_report *report, struct ww_screen *screen,
			      const char *keys)
{
	struct ww_body body = {.bottom = screen->height - 1};

	draw_title(view, report, screen);
	body.top = draw_notices(report, screen, 1);
	ww_screen__text(screen, body.bottom, 0, screen->width, dim_pen, keys);
	return body;
}

int ww_scroll__next_line(struct ww_scroll *scroll)
{
	size_t line = scroll->line++;

	if (line < scroll->first)
		return -1;
	line = (size_t)scroll->body.top + line - scroll->first;
	return line < (size_t)scroll->body.bottom ? (int)line : -1;
}

bool ww_scroll__end(const struct ww_scroll *scroll, struct ww_view *view)
{
	size_t rows = (size_t)(scroll->body.bottom - scroll->body.top);
	size_t last = scroll->line > rows ? scroll->line - rows : 0;

	view->page_rows = rows;
	if (view->scroll <= last)
		return false;
	view->scroll = last;
	return true;
}
