/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/screen_terminal.h"

#define NCURSES_WIDECHAR 1
#include <errno.h>
#include <ncurses.h>
#include <stdlib.h>
#include <unistd.h>

#include "outputs/style.h"

struct ww_terminal {
	SCREEN *curses;
	struct ww_screen screen;
	short colours[WW_TINT_COUNT]; /* -1: the terminal's own */
	/* Colour pair of a foreground and a background; 0: not made yet. Only pairs that are drawn are made. */
	short pairs[WW_TINT_COUNT][WW_TINT_COUNT];
	short last_pair;
	bool colour;
};

/* The terminal's nearest to the 256 colours; letters in the bars tell apart what has to share one. */
static short eight_colours(enum ww_kind kind)
{
	static const short colours[WW_KIND_COUNT] = {
		[WW_KIND_COMPUTE] = COLOR_RED,	[WW_KIND_GC] = COLOR_MAGENTA,	[WW_KIND_RUNQ] = COLOR_YELLOW,
		[WW_KIND_QUEUE] = COLOR_YELLOW, [WW_KIND_DB] = COLOR_BLUE,	[WW_KIND_NET] = COLOR_CYAN,
		[WW_KIND_DISK] = COLOR_GREEN,	[WW_KIND_LOCK] = COLOR_MAGENTA, [WW_KIND_SLEEP] = COLOR_CYAN,
		[WW_KIND_IPC] = COLOR_GREEN,	[WW_KIND_CLIENT] = COLOR_WHITE, [WW_KIND_OTHER] = COLOR_WHITE,
	};

	return colours[kind];
}

static void choose_colours(struct ww_terminal *terminal, const struct ww_style *style)
{
	short own = -1;

	terminal->colour = style->colour && has_colors() && start_color() == OK;
	if (!terminal->colour)
		return;
	if (use_default_colors() != OK)
		own = COLOR_BLACK;
	terminal->colours[WW_TINT_NONE] = own;
	terminal->colours[WW_TINT_BAD] = COLOR_RED;
	terminal->colours[WW_TINT_TITLE] = COLOR_CYAN;
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		terminal->colours[WW_TINT_KIND + kind] = COLORS >= 256 ? ww_kind_colour(kind) : eight_colours(kind);
}

int ww_terminal__open(struct ww_terminal **terminal)
{
	struct ww_style style = ww_style__of(stdout);
	struct ww_terminal *opened = calloc(1, sizeof(*opened));
	int err;

	if (!opened)
		return -ENOMEM;
	opened->curses = newterm(NULL, stdout, stdin);
	if (!opened->curses) {
		free(opened);
		return -ENOTTY;
	}
	set_term(opened->curses);
	if (!tigetstr("cup") || tigetstr("cup") == (char *)-1) {
		ww_terminal__close(opened);
		return -ENOTTY;
	}
	cbreak();
	noecho();
	curs_set(0);
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	set_escdelay(25);
	choose_colours(opened, &style);
	opened->screen.unicode = style.utf8;
	/* A pair for every two kinds that meet in a cell: terminals with 8 or 16 colours have 64 pairs at most. */
	opened->screen.bars =
		style.utf8 && opened->colour && COLORS >= 256 && COLOR_PAIRS >= 256 ? WW_BAR_BLOCKS : WW_BAR_LETTERS;
	err = ww_screen__resize(&opened->screen, COLS, LINES);
	if (err) {
		ww_terminal__close(opened);
		return err;
	}
	*terminal = opened;
	return 0;
}

struct ww_screen *ww_terminal__screen(struct ww_terminal *terminal)
{
	return &terminal->screen;
}

static short pair_of(struct ww_terminal *terminal, const struct ww_pen *pen)
{
	short *pair = &terminal->pairs[pen->tint][pen->background];

	if (!terminal->colour || (pen->tint == WW_TINT_NONE && pen->background == WW_TINT_NONE))
		return 0;
	if (!*pair && terminal->last_pair + 1 < COLOR_PAIRS &&
	    init_pair((short)(terminal->last_pair + 1), terminal->colours[pen->tint],
		      terminal->colours[pen->background]) == OK)
		*pair = ++terminal->last_pair;
	return *pair;
}

static attr_t attributes_of(const struct ww_pen *pen)
{
	attr_t attributes = A_NORMAL;

	if (pen->attributes & WW_CELL_BOLD)
		attributes |= A_BOLD;
	if (pen->attributes & WW_CELL_DIM)
		attributes |= A_DIM;
	if (pen->attributes & WW_CELL_REVERSE)
		attributes |= A_REVERSE;
	return attributes;
}

void ww_terminal__show(struct ww_terminal *terminal)
{
	const struct ww_screen *screen = &terminal->screen;

	/* erase() blanks ncurses' picture, not the terminal: doupdate() sends the difference to what is there. */
	erase();
	for (int y = 0; y < screen->height; y++) {
		for (int x = 0; x < screen->width; x++) {
			const struct ww_cell *cell = &screen->cells[y * screen->width + x];
			const wchar_t glyph[2] = {cell->glyph, L'\0'};
			cchar_t character;

			if (!cell->glyph)
				continue;
			setcchar(&character, glyph, attributes_of(&cell->pen), pair_of(terminal, &cell->pen), NULL);
			mvadd_wch(y, x, &character);
		}
	}
	wnoutrefresh(stdscr);
	doupdate();
}

int ww_terminal__key(struct ww_terminal *terminal)
{
	wint_t key;
	int kind = get_wch(&key);

	if (kind == ERR)
		return WW_KEY_NONE;
	if (kind != KEY_CODE_YES)
		return key == '\r' ? WW_KEY_ENTER : (int)(key < 128 ? key : 0);
	switch (key) {
	case KEY_UP:
		return WW_KEY_UP;
	case KEY_DOWN:
		return WW_KEY_DOWN;
	case KEY_LEFT:
		return WW_KEY_LEFT;
	case KEY_RIGHT:
		return WW_KEY_RIGHT;
	case KEY_PPAGE:
		return WW_KEY_PAGE_UP;
	case KEY_NPAGE:
		return WW_KEY_PAGE_DOWN;
	case KEY_HOME:
		return WW_KEY_HOME;
	case KEY_END:
		return WW_KEY_END;
	case KEY_ENTER:
		return WW_KEY_ENTER;
	case KEY_BACKSPACE:
		return WW_KEY_ESCAPE;
	case KEY_RESIZE:
		/* Without memory for the new size the old grid is shown, cut or with a margin. */
		ww_screen__resize(&terminal->screen, COLS, LINES);
		return WW_KEY_RESIZE;
	}
	return 0;
}

void ww_terminal__close(struct ww_terminal *terminal)
{
	if (!terminal)
		return;
	endwin();
	delscreen(terminal->curses);
	ww_screen__free(&terminal->screen);
	free(terminal);
}
