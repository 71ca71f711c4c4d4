/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the user of the live screen sees and chose: the page, the order, the endpoint under the cursor. Turns keys into
 * changes of that state and (state, report) into cells; knows no terminal.
 */
#ifndef WHYWAIT_SCREEN_VIEW_H
#define WHYWAIT_SCREEN_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/report.h"
#include "outputs/screen.h"

/* Below this size a page says so instead of drawing. */
#define WW_VIEW_MIN_WIDTH  40
#define WW_VIEW_MIN_HEIGHT 8

/* What endpoints can be sorted by, in the order of the columns on the screen. */
enum ww_column {
	WW_COLUMN_TIME, /* sum of the wall times */
	WW_COLUMN_SERVICE,
	WW_COLUMN_ENDPOINT, /* method and route */
	WW_COLUMN_RATE,
	WW_COLUMN_ERRORS,
	WW_COLUMN_P50,
	WW_COLUMN_P95,
	WW_COLUMN_P99,
	WW_COLUMN_COUNT
};

enum ww_page { WW_PAGE_TABLE, WW_PAGE_ENDPOINT, WW_PAGE_HELP };

/* Keys without a character of their own; all others are their ASCII code. */
enum ww_key {
	WW_KEY_NONE = -1,
	WW_KEY_ENTER = '\n',
	WW_KEY_ESCAPE = 27,
	WW_KEY_UP = 256,
	WW_KEY_DOWN,
	WW_KEY_LEFT,
	WW_KEY_RIGHT,
	WW_KEY_PAGE_UP,
	WW_KEY_PAGE_DOWN,
	WW_KEY_HOME,
	WW_KEY_END,
	WW_KEY_RESIZE, /* of the terminal; changes nothing in a view */
};

/* "SERVICE METHOD ROUTE", cut: who differs only beyond that is one endpoint to the cursor. */
#define WW_VIEW_ENDPOINT_MAX 512

/* All zeroes is a good start; ww_view__free() at the end. */
struct ww_view {
	enum ww_page page, help_over; /* help_over: the page that help came from */
	enum ww_column sort;
	bool reverse; /* numbers smallest first, names last first */
	bool paused;  /* the caller keeps showing the report that it has */
	bool quit;
	const char *watching; /* whom the observer watches, in words; the caller's */

	size_t cursor;				  /* row of the table, in sorted order */
	char chosen[WW_VIEW_ENDPOINT_MAX];	  /* the endpoint that the cursor stays on; "": none, row 0 */
	char drilled[WW_VIEW_ENDPOINT_MAX];	  /* the endpoint of WW_PAGE_ENDPOINT */
	size_t first_row;			  /* first row of the table on the screen */
	size_t scroll;				  /* first line of the other pages on the screen */
	size_t page_rows;			  /* rows that fitted when last drawn */
	const struct ww_endpoint_report **sorted; /* owned */
	size_t sorted_len, sorted_size;
};

/* NULL-safe. Frees what the view owns, not `view` itself. */
void ww_view__free(struct ww_view *view);

/*
 * Takes a new report, which the view refers to until the next: sorts it and moves the cursor along with its
 * endpoint. -ENOMEM: the view shows no endpoints.
 */
int ww_view__update(struct ww_view *view, const struct ww_report *report);

/* Takes a key: an enum ww_key or a character; others change nothing. */
void ww_view__key(struct ww_view *view, int key);

/* Draws the page over the whole screen. `report` is the one of the last ww_view__update(). */
void ww_view__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen);

#endif
