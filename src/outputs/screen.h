/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A screen as plain data: a grid of cells that pages are drawn into and a terminal shows. Drawing never leaves the
 * grid and never touches a terminal, so every page can be tested without one.
 *
 * Text may hold bytes that came over the network: it is drawn as outputs/text.h makes it bearable.
 */
#ifndef WHYWAIT_SCREEN_H
#define WHYWAIT_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

#include "whywait/abi.h"

/* Colours by meaning; a terminal maps them to what it has. */
enum ww_tint {
	WW_TINT_NONE,
	WW_TINT_BAD,
	WW_TINT_TITLE,
	WW_TINT_KIND, /* + enum ww_kind */
	WW_TINT_COUNT = WW_TINT_KIND + WW_KIND_COUNT
};

enum ww_cell_attributes {
	WW_CELL_BOLD = 1 << 0,
	WW_CELL_DIM = 1 << 1,
	WW_CELL_REVERSE = 1 << 2,
};

struct ww_pen {
	uint8_t tint, background; /* enum ww_tint */
	uint8_t attributes;
};

struct ww_cell {
	wchar_t glyph; /* 0: the right half of a wide glyph */
	struct ww_pen pen;
};

/* How the bars of kinds are drawn. */
enum ww_bar_style {
	WW_BAR_LETTERS, /* a letter a cell: for terminals without colour or with few of them, and without UTF-8 */
	WW_BAR_BLOCKS,	/* coloured blocks in eighths of a cell */
};

struct ww_screen {
	int width, height;
	bool unicode; /* glyphs beyond ASCII may be drawn; needs a UTF-8 LC_CTYPE for the widths of glyphs */
	enum ww_bar_style bars;
	struct ww_cell *cells; /* height rows of width cells */
};

/* Makes the grid width x height (both at least 1) and blank. -ENOMEM leaves the old grid. */
int ww_screen__resize(struct ww_screen *screen, int width, int height);

void ww_screen__blank(struct ww_screen *screen);

/* NULL-safe. Frees the grid, not `screen` itself. */
void ww_screen__free(struct ww_screen *screen);

/*
 * Draws text from column x of row y, within `room` columns; what does not fit is cut, the cut marked by an ellipsis.
 * Returns the number of columns drawn. Rows and columns outside of the grid are ignored.
 */
int ww_screen__text(struct ww_screen *screen, int y, int x, int room, struct ww_pen pen, const char *text);

/* The same, with the text's right edge at x + room - 1. */
int ww_screen__text_right(struct ww_screen *screen, int y, int x, int room, struct ww_pen pen, const char *text);

/* The same as ww_screen__text, formatted; text beyond 1023 bytes is cut. */
__attribute__((format(printf, 6, 7))) int ww_screen__print(struct ww_screen *screen, int y, int x, int room,
							   struct ww_pen pen, const char *format, ...);

/* Adds attributes to `room` cells of a row. */
void ww_screen__mark(struct ww_screen *screen, int y, int x, int room, uint8_t attributes);

/* Draws the kinds' shares of their sum, `width` cells wide; nothing when the sum is 0. */
void ww_screen__bar(struct ww_screen *screen, int y, int x, int width, const uint64_t kinds_ns[WW_KIND_COUNT]);

/*
 * Divides `units` among the kinds by the method of the largest remainder: each kind gets its exact share rounded down
 * or up, and all of them sum to `units` (to 0 when every kind is 0).
 */
void ww_bar_divide(const uint64_t kinds_ns[WW_KIND_COUNT], uint32_t units, uint32_t divided[WW_KIND_COUNT]);

/* The letter that stands for a kind in bars of letters. */
char ww_kind_letter(enum ww_kind kind);

/* The kind's colour among the 256 of xterm. */
short ww_kind_colour(enum ww_kind kind);

#endif
