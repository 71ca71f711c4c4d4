/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/bar.h"

#include <wchar.h>

#include "outputs/screen.h"

static bool draws_blocks(const struct ww_style *style)
{
	return style->colour && style->utf8;
}

/* Tints below WW_TINT_KIND don't come up in a bar. */
static void write_pen(FILE *out, const struct ww_pen *pen, const struct ww_style *style)
{
	fputs(ww_style__plain(style), out);
	if (pen->tint >= WW_TINT_KIND)
		fputs(ww_style__kind(style, pen->tint - WW_TINT_KIND), out);
	if (pen->background >= WW_TINT_KIND)
		fputs(ww_style__kind_background(style, pen->background - WW_TINT_KIND), out);
}

/* Blocks lie in U+2580..U+259F: three bytes of UTF-8, whatever the locale of the stream. */
static void write_glyph(FILE *out, wchar_t glyph)
{
	if (glyph < 0x80)
		fputc(glyph, out);
	else
		fprintf(out, "%c%c%c", 0xe0 | (int)(glyph >> 12), 0x80 | (int)(glyph >> 6 & 0x3f),
			0x80 | (int)(glyph & 0x3f));
}

int ww_bar__write(FILE *out, const uint64_t kinds_ns[WW_KIND_COUNT], int width, const struct ww_style *style)
{
	struct ww_screen screen = {
		.unicode = style->utf8,
		.bars = draws_blocks(style) ? WW_BAR_BLOCKS : WW_BAR_LETTERS,
	};
	int err = ww_screen__resize(&screen, width, 1);

	if (err)
		return err;
	ww_screen__bar(&screen, 0, 0, width, kinds_ns);
	for (int x = 0; x < width; x++) {
		const struct ww_cell *cell = &screen.cells[x], *last = x ? cell - 1 : NULL;
		if (!last || last->pen.tint != cell->pen.tint || last->pen.background != cell->pen.background)
			write_pen(out, &cell->pen, style);
		write_glyph(out, cell->glyph);
	}
	fputs(ww_style__plain(style), out);
	ww_screen__free(&screen);
	return 0;
}

void ww_bar__write_sign(FILE *out, enum ww_kind kind, const struct ww_style *style)
{
	fputs(ww_style__kind(style, kind), out);
	write_glyph(out, draws_blocks(style) ? 0x2588 : (wchar_t)ww_kind_letter(kind));
	fputs(ww_style__plain(style), out);
}
