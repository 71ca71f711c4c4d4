/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads a screen back as text, for tests; includes cmocka. */
#ifndef WHYWAIT_SCREEN_ROWS_H
#define WHYWAIT_SCREEN_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "outputs/screen.h"

/* A row as UTF-8, without the blanks at its end; valid until the next call. */
static inline const char *row_text(const struct ww_screen *screen, int y)
{
	static char text[4096];
	size_t n = 0, end = 0;
	mbstate_t state = {0};

	for (int x = 0; x < screen->width; x++) {
		wchar_t glyph = screen->cells[y * screen->width + x].glyph;

		if (!glyph)
			continue;
		n += wcrtomb(text + n, glyph, &state);
		if (glyph != L' ')
			end = n;
	}
	text[end] = '\0';
	return text;
}

/* The first row that holds `part`; -1: none. */
static inline int row_with(const struct ww_screen *screen, const char *part)
{
	for (int y = 0; y < screen->height; y++)
		if (strstr(row_text(screen, y), part))
			return y;
	return -1;
}

/* A terminal that is sent these cells shows them where they are: printable, halves of wide glyphs in their places. */
static inline void assert_showable(const struct ww_screen *screen)
{
	for (int y = 0; y < screen->height; y++) {
		for (int x = 0; x < screen->width; x++) {
			wchar_t glyph = screen->cells[y * screen->width + x].glyph;
			int width = wcwidth(glyph);

			assert_true(width == 1 || width == 2);
			if (!screen->unicode)
				assert_in_range(glyph, 0x20, 0x7e);
			if (width == 2) {
				x++;
				assert_true(x < screen->width);
				assert_int_equal(screen->cells[y * screen->width + x].glyph, 0);
			}
		}
	}
}

#endif
