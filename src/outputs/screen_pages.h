/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pages of the live screen, and what they share. Internal to the screen: users call ww_view__draw(). */
#ifndef WHYWAIT_SCREEN_PAGES_H
#define WHYWAIT_SCREEN_PAGES_H

#include "outputs/screen_view.h"

/* The rows of the screen that a page may fill: from `top` to before `bottom`. */
struct ww_body {
	int top, bottom;
};

/* Draws title and notices above and the keys below. Returns what is left between. */
struct ww_body ww_frame__draw(const struct ww_view *view, const struct ww_report *report, struct ww_screen *screen,
			      const char *keys);

void ww_table__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen);
void ww_endpoint__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen);
void ww_help__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen);

/*
 * A page of lines of which a part is on the screen. next_line() returns the row to draw the next line in, or -1 when it
 * is out of sight, which drawing ignores. end() keeps the scroll within the page; it returns whether the page must be
 * drawn again because it was scrolled beyond its end.
 */
struct ww_scroll {
	struct ww_body body;
	size_t first, line;
};
int ww_scroll__next_line(struct ww_scroll *scroll);
bool ww_scroll__end(const struct ww_scroll *scroll, struct ww_view *view);

/* The endpoint of that name in the report of the last update; NULL when it has none. */
const struct ww_endpoint_report *ww_view__find(const struct ww_view *view, const char *name);

/* The name by which a view knows an endpoint. */
void ww_endpoint_name(char name[WW_VIEW_ENDPOINT_MAX], const struct ww_endpoint_report *endpoint);

/* The heading of a column, and the key that sorts by it. */
const char *ww_column_title(enum ww_column column);
char ww_column_key(enum ww_column column);

/* "8443: 312 TLS connections, requests not readable" */
void ww_unreadable_text(char *text, size_t size, const struct ww_unreadable_port *port);

/* How long the report's window is: "10 s", "0.4 s". Writes to `text` (WW_TEXT_NUMBER bytes) and returns it. */
const char *ww_report_window(char *text, const struct ww_report *report);

/* Sums over all endpoints. */
struct ww_totals {
	uint64_t requests, errors, wall_ns;
	double rate_per_s;
	uint64_t kinds_ns[WW_KIND_COUNT];
};
struct ww_totals ww_report_totals(const struct ww_report *report);

#endif
