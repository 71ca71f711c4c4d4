/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/text.h"
#include "util/utf8.h"

static const struct ww_cell blank_cell = {.glyph = L' '};

int ww_screen__resize(struct ww_screen *screen, int width, int height)
{
	if (width < 1)
		width = 1;
	if (height < 1)
		height = 1;
	struct ww_cell *cells = calloc((size_t)width * (size_t)height, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	free(screen->cells);
	screen->cells = cells;
	screen->width = width;
	screen->height = height;
	ww_screen__blank(screen);
	return 0;
}

void ww_screen__blank(struct ww_screen *screen)
{
	for (int i = 0; i < screen->width * screen->height; i++)
		screen->cells[i] = blank_cell;
}

void ww_screen__free(struct ww_screen *screen)
{
	if (!screen)
		return;
	free(screen->cells);
	screen->cells = NULL;
	screen->width = screen->height = 0;
}

/* The cell at y, x; NULL outside of the grid. */
static struct ww_cell *cell_at(struct ww_screen *screen, int y, int x)
{
	if (y < 0 || y >= screen->height || x < 0 || x >= screen->width)
		return NULL;
	return &screen->cells[y * screen->width + x];
}

static void set_cell(struct ww_screen *screen, int y, int x, wchar_t glyph, struct ww_pen pen)
{
	struct ww_cell *cell = cell_at(screen, y, x);

	if (cell)
		*cell = (struct ww_cell){.glyph = glyph, .pen = pen};
}

/* `text` holds nothing but printable characters and fits. */
static int put_glyphs(struct ww_screen *screen, int y, int x, struct ww_pen pen, const char *text)
{
	int used = 0;

	while (*text) {
		uint32_t code = '?';
		int len = ww_utf8__decode(text, &code);
		int width = code < 0x80 ? 1 : wcwidth((wchar_t)code);

		set_cell(screen, y, x + used, (wchar_t)code, pen);
		if (width == 2)
			set_cell(screen, y, x + used + 1, 0, pen);
		used += width;
		text += len ? len : 1;
	}
	return used;
}

int ww_screen__text(struct ww_screen *screen, int y, int x, int room, struct ww_pen pen, const char *text)
{
	const struct ww_style style = {.utf8 = screen->unicode};
	char fitted[4096];

	if (room > screen->width - x)
		room = screen->width - x;
	if (y < 0 || y >= screen->height || x < 0 || room <= 0)
		return 0;
	ww_text__fit(fitted, sizeof(fitted), text, room, &style);
	return put_glyphs(screen, y, x, pen, fitted);
}

int ww_screen__text_right(struct ww_screen *screen, int y, int x, int room, struct ww_pen pen, const char *text)
{
	const struct ww_style style = {.utf8 = screen->unicode};
	int width = ww_text__columns(text, &style);

	if (width < room) {
		x += room - width;
		room = width;
	}
	return ww_screen__text(screen, y, x, room, pen, text);
}

int ww_screen__print(struct ww_screen *screen, int y, int x, int room, struct ww_pen pen, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return ww_screen__text(screen, y, x, room, pen, text);
}

void ww_screen__mark(struct ww_screen *screen, int y, int x, int room, uint8_t attributes)
{
	for (int i = 0; i < room; i++) {
		struct ww_cell *cell = cell_at(screen, y, x + i);

		if (cell)
			cell->pen.attributes |= attributes;
	}
}

/*
 * Compute is warm, for it is what a faster language would change; waits are cool; a lack of CPU or workers is yellow.
 * Not every first letter is free: K is for disk, T for client.
 */
static const struct {
	char letter;
	short colour;
} looks[WW_KIND_COUNT] = {
	[WW_KIND_COMPUTE] = {'C', 203}, [WW_KIND_GC] = {'G', 168},     [WW_KIND_RUNQ] = {'R', 215},
	[WW_KIND_QUEUE] = {'Q', 221},	[WW_KIND_DB] = {'D', 68},      [WW_KIND_NET] = {'N', 80},
	[WW_KIND_DISK] = {'K', 107},	[WW_KIND_LOCK] = {'L', 140},   [WW_KIND_SLEEP] = {'S', 109},
	[WW_KIND_IPC] = {'I', 73},	[WW_KIND_CLIENT] = {'T', 180}, [WW_KIND_OTHER] = {'O', 245},
};

char ww_kind_letter(enum ww_kind kind)
{
	return looks[kind].letter;
}

short ww_kind_colour(enum ww_kind kind)
{
	return looks[kind].colour;
}

void ww_bar_divide(const uint64_t kinds_ns[WW_KIND_COUNT], uint32_t units, uint32_t divided[WW_KIND_COUNT])
{
	unsigned __int128 total = 0, remainders[WW_KIND_COUNT];
	uint32_t given = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		total += kinds_ns[kind];
		divided[kind] = 0;
	}
	if (total == 0)
		return;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		unsigned __int128 share = (unsigned __int128)kinds_ns[kind] * units;

		divided[kind] = (uint32_t)(share / total);
		remainders[kind] = share % total;
		given += divided[kind];
	}
	while (given < units) {
		int largest = 0;

		for (int kind = 1; kind < WW_KIND_COUNT; kind++)
			if (remainders[kind] > remainders[largest])
				largest = kind;
		divided[largest]++;
		remainders[largest] = 0;
		given++;
	}
}

static void bar_of_letters(struct ww_screen *screen, int y, int x, int width, const uint64_t kinds_ns[WW_KIND_COUNT])
{
	uint32_t cells[WW_KIND_COUNT];

	ww_bar_divide(kinds_ns, (uint32_t)width, cells);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		while (cells[kind]-- > 0)
			set_cell(screen, y, x++, (wchar_t)ww_kind_letter(kind),
				 (struct ww_pen){.tint = (uint8_t)(WW_TINT_KIND + kind)});
}

/*
 * A cell holds up to two kinds: the left one as a block of n eighths in the foreground, the right one as the
 * background. Where more than two share a cell, the two largest of it are drawn.
 */
static void bar_of_blocks(struct ww_screen *screen, int y, int x, int width, const uint64_t kinds_ns[WW_KIND_COUNT])
{
	static const wchar_t blocks[] = L"\u2588\u258f\u258e\u258d\u258c\u258b\u258a\u2589\u2588";
	uint32_t eighths[WW_KIND_COUNT];
	int kind = 0;

	ww_bar_divide(kinds_ns, (uint32_t)width * 8, eighths);
	for (int i = 0; i < width; i++) {
		uint32_t in_cell[WW_KIND_COUNT] = {0}, room = 8;
		int first = -1, second = -1;

		while (room > 0 && kind < WW_KIND_COUNT) {
			uint32_t take = eighths[kind] < room ? eighths[kind] : room;

			in_cell[kind] += take;
			eighths[kind] -= take;
			room -= take;
			if (eighths[kind] == 0)
				kind++;
		}
		for (int k = 0; k < WW_KIND_COUNT; k++) {
			if (in_cell[k] == 0)
				continue;
			if (first < 0 || in_cell[k] > in_cell[first]) {
				second = first;
				first = k;
			} else if (second < 0 || in_cell[k] > in_cell[second]) {
				second = k;
			}
		}
		if (first < 0)
			return;
		int left = second >= 0 && second < first ? second : first;
		int right = left == first ? second : first;
		struct ww_pen pen = {.tint = (uint8_t)(WW_TINT_KIND + left)};

		if (right >= 0)
			pen.background = (uint8_t)(WW_TINT_KIND + right);
		set_cell(screen, y, x + i, blocks[right >= 0 ? in_cell[left] : 8], pen);
	}
}

void ww_screen__bar(struct ww_screen *screen, int y, int x, int width, const uint64_t kinds_ns[WW_KIND_COUNT])
{
	if (width <= 0)
		return;
	if (screen->bars == WW_BAR_BLOCKS)
		bar_of_blocks(screen, y, x, width, kinds_ns);
	else
		bar_of_letters(screen, y, x, width, kinds_ns);
}
