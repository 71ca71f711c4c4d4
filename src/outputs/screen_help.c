/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The help page: keys, kinds, and all that is missing from the numbers. */
#include <stdio.h>
#include <string.h>

#include "model/losses.h"
#include "outputs/screen_pages.h"

static const struct ww_pen plain_pen, dim_pen = {.attributes = WW_CELL_DIM}, bold_pen = {.attributes = WW_CELL_BOLD};
static const struct ww_pen bad_pen = {.tint = WW_TINT_BAD};

#define KEY_WIDTH 16

static void draw_line(struct ww_scroll *scroll, struct ww_screen *screen, const char *key, const char *text)
{
	int y = ww_scroll__next_line(scroll);

	ww_screen__text(screen, y, 2, KEY_WIDTH - 1, bold_pen, key);
	ww_screen__text(screen, y, 2 + KEY_WIDTH, screen->width - 2 - KEY_WIDTH, plain_pen, text);
}

static void draw_heading(struct ww_scroll *scroll, struct ww_screen *screen, const char *text)
{
	ww_screen__text(screen, ww_scroll__next_line(scroll), 0, screen->width, bold_pen, text);
}

static void draw_keys(struct ww_scroll *scroll, struct ww_screen *screen)
{
	static const char *const keys[][2] = {
		{"up, down, k, j", "choose an endpoint, scroll a page"},
		{"PgUp PgDn", "the same, by screens"},
		{"Home End g G", "first, last"},
		{"Enter", "open the endpoint: all kinds, details, the slow requests"},
		{"Esc", "back"},
		{"left, right", "sort by the next column"},
		{"r", "reverse the order"},
		{"p, space", "pause: the numbers stand still, counting goes on"},
		{"h, ?", "this help"},
		{"q, Ctrl-C", "quit"},
	};
	char key[2] = "", text[64];

	draw_heading(scroll, screen, "Keys");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		draw_line(scroll, screen, keys[i][0], keys[i][1]);
	for (enum ww_column column = 0; column < WW_COLUMN_COUNT; column++) {
		key[0] = ww_column_key(column);
		snprintf(text, sizeof(text), "sort by %s; again: reverse", ww_column_title(column));
		draw_line(scroll, screen, key, text);
	}
}

static const struct {
	const char *name, *meaning;
} kinds[WW_KIND_COUNT] = {
#define WW_KIND(id, name, meaning) {name, meaning},
#include "whywait/kinds.def"
#undef WW_KIND
};

static void draw_kinds(struct ww_scroll *scroll, struct ww_screen *screen)
{
	draw_heading(scroll, screen, "Kinds: a request is ..");
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		int y = ww_scroll__next_line(scroll);
		char letter[2] = {ww_kind_letter(kind), '\0'};

		ww_screen__text(screen, y, 2, 1, (struct ww_pen){.tint = (uint8_t)(WW_TINT_KIND + kind)},
				screen->bars == WW_BAR_BLOCKS ? "\u2588" : letter);
		ww_screen__text(screen, y, 4, KEY_WIDTH - 3, bold_pen, kinds[kind].name);
		ww_screen__text(screen, y, 2 + KEY_WIDTH, screen->width - 2 - KEY_WIDTH, plain_pen,
				kinds[kind].meaning);
	}
}

static void draw_missing(const struct ww_report *report, struct ww_scroll *scroll, struct ww_screen *screen)
{
	char text[256];

	draw_heading(scroll, screen,
		     report->complete ? "The numbers are complete"
				      : "The numbers are not complete: what is missing since the start");
	for (size_t i = 0; i < report->losses_len; i++) {
		const struct ww_loss *loss = &report->losses[i];

		ww_screen__print(screen, ww_scroll__next_line(scroll), 2, screen->width - 2,
				 loss->loses ? bad_pen : dim_pen, "%llu %s: %s", (unsigned long long)loss->count,
				 loss->cause, ww_loss_meaning(loss->cause));
	}
	for (size_t i = 0; i < report->unreadable_len; i++) {
		ww_unreadable_text(text, sizeof(text), &report->unreadable[i]);
		ww_screen__text(screen, ww_scroll__next_line(scroll), 2, screen->width - 2, plain_pen, text);
	}
}

void ww_help__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen)
{
	const char *keys =
		screen->unicode ? "q quit  Esc back  \u2191\u2193 scroll" : "q quit  Esc back  up/down scroll";
	struct ww_scroll scroll = {.first = view->scroll};

	scroll.body = ww_frame__draw(view, report, screen, keys);
	draw_keys(&scroll, screen);
	ww_scroll__next_line(&scroll);
	draw_kinds(&scroll, screen);
	ww_scroll__next_line(&scroll);
	draw_missing(report, &scroll, screen);
	if (ww_scroll__end(&scroll, view)) {
		ww_screen__blank(screen);
		ww_help__draw(view, report, screen);
	}
}
