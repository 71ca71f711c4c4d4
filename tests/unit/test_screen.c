/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Cells: text cut and escaped, bars that divide without a rest. */
#include "screen_rows.h"

#include <locale.h>
#include <stdlib.h>

static struct ww_screen screen;
static const struct ww_pen pen = {.tint = WW_TINT_BAD};

static int blank(void **state)
{
	(void)state;
	screen.unicode = true;
	screen.bars = WW_BAR_BLOCKS;
	return ww_screen__resize(&screen, 20, 3);
}

static int release(void **state)
{
	(void)state;
	ww_screen__free(&screen);
	return 0;
}

static void text_is_cut_at_its_room(void **state)
{
	(void)state;
	assert_int_equal(ww_screen__text(&screen, 0, 2, 5, pen, "abcde"), 5);
	assert_string_equal(row_text(&screen, 0), "  abcde");
	assert_int_equal(ww_screen__text(&screen, 1, 2, 5, pen, "abcdef"), 5);
	assert_string_equal(row_text(&screen, 1), "  abcd\u2026");
	screen.unicode = false;
	assert_int_equal(ww_screen__text(&screen, 2, 2, 5, pen, "abcdef"), 5);
	assert_string_equal(row_text(&screen, 2), "  abcd~");
	assert_int_equal(screen.cells[2].pen.tint, WW_TINT_BAD);
	assert_int_equal(screen.cells[7].pen.tint, WW_TINT_NONE);
}

static void text_never_leaves_the_grid(void **state)
{
	(void)state;
	assert_int_equal(ww_screen__text(&screen, -1, 0, 20, pen, "x"), 0);
	assert_int_equal(ww_screen__text(&screen, 3, 0, 20, pen, "x"), 0);
	assert_int_equal(ww_screen__text(&screen, 0, 20, 20, pen, "x"), 0);
	assert_int_equal(ww_screen__text(&screen, 0, 18, 20, pen, "abc"), 2);
	assert_string_equal(row_text(&screen, 0), "                  a\u2026");
	ww_screen__mark(&screen, 2, 15, 100, WW_CELL_REVERSE);
	assert_int_equal(screen.cells[59].pen.attributes, WW_CELL_REVERSE);
	assert_int_equal(screen.cells[54].pen.attributes, 0);
}

static void wide_glyphs_take_two_cells_and_are_not_halved(void **state)
{
	(void)state;
	assert_int_equal(ww_screen__text(&screen, 0, 0, 5, pen, "\u6f22\u5b57"), 4);
	assert_showable(&screen);
	assert_int_equal(screen.cells[1].glyph, 0);
	assert_int_equal(ww_screen__text(&screen, 1, 0, 4, pen, "\u6f22\u5b57\u6f22"), 3);
	assert_string_equal(row_text(&screen, 1), "\u6f22\u2026");
	assert_showable(&screen);
}

static void hostile_text_is_shown_not_obeyed(void **state)
{
	(void)state;
	ww_screen__text(&screen, 0, 0, 20, pen, "\033[J\a\u202e\xff");
	assert_string_equal(row_text(&screen, 0), "\\x1b[J\\x07\\u202e\\xff");
	ww_screen__print(&screen, 1, 0, 20, pen, "%s", "e\u0301\u200b");
	assert_showable(&screen);
	assert_string_equal(row_text(&screen, 1), "e\\u0301\\u200b");
}

static void right_edge_is_kept(void **state)
{
	(void)state;
	ww_screen__text_right(&screen, 0, 2, 6, pen, "1.5");
	assert_string_equal(row_text(&screen, 0), "     1.5");
	ww_screen__text_right(&screen, 1, 2, 6, pen, "1234567");
	assert_string_equal(row_text(&screen, 1), "  12345\u2026");
}

static void resizing_blanks(void **state)
{
	(void)state;
	ww_screen__text(&screen, 0, 0, 20, pen, "x");
	assert_int_equal(ww_screen__resize(&screen, 7, 2), 0);
	assert_int_equal(screen.width, 7);
	assert_int_equal(screen.height, 2);
	assert_string_equal(row_text(&screen, 0), "");
	assert_int_equal(ww_screen__resize(&screen, 0, -3), 0);
	assert_int_equal(screen.width, 1);
	assert_int_equal(screen.height, 1);
}

/* Exact share rounded down or up, and nothing of the bar is left over: over sizes from 1 ns to a year of seconds. */
static void division_has_no_rest(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		uint64_t kinds_ns[WW_KIND_COUNT] = {0}, total = 0;
		uint32_t units = (uint32_t)(rand() % 500) + 1, divided[WW_KIND_COUNT], sum = 0;

		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			if (rand() % 3)
				kinds_ns[kind] = ((uint64_t)rand() << 24) >> (rand() % 55);
			total += kinds_ns[kind];
		}
		ww_bar_divide(kinds_ns, units, divided);
		for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
			uint32_t exact = total ? (uint32_t)((unsigned __int128)kinds_ns[kind] * units / total) : 0;

			assert_in_range(divided[kind], exact, exact + 1);
			if (!kinds_ns[kind])
				assert_int_equal(divided[kind], 0);
			sum += divided[kind];
		}
		assert_int_equal(sum, total ? units : 0);
	}
}

static void letters_stand_for_shares(void **state)
{
	uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_COMPUTE] = 25, [WW_KIND_DB] = 50, [WW_KIND_OTHER] = 25};

	(void)state;
	screen.bars = WW_BAR_LETTERS;
	ww_screen__bar(&screen, 0, 1, 8, kinds_ns);
	assert_string_equal(row_text(&screen, 0), " CCDDDDOO");
	assert_int_equal(screen.cells[1].pen.tint, WW_TINT_KIND + WW_KIND_COMPUTE);
	ww_screen__bar(&screen, 1, 0, 0, kinds_ns);
	assert_string_equal(row_text(&screen, 1), "");
	ww_screen__bar(&screen, 2, 17, 8, kinds_ns);
	assert_string_equal(row_text(&screen, 2), "                 CCD");
}

static void letters_differ(void **state)
{
	(void)state;
	for (int a = 0; a < WW_KIND_COUNT; a++)
		for (int b = 0; b < a; b++) {
			assert_int_not_equal(ww_kind_letter((enum ww_kind)a), ww_kind_letter((enum ww_kind)b));
			assert_int_not_equal(ww_kind_colour((enum ww_kind)a), ww_kind_colour((enum ww_kind)b));
		}
}

static void blocks_show_eighths(void **state)
{
	uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_COMPUTE] = 11, [WW_KIND_DB] = 13};

	(void)state;
	ww_screen__bar(&screen, 0, 0, 3, kinds_ns);
	assert_string_equal(row_text(&screen, 0), "\u2588\u258d\u2588");
	assert_int_equal(screen.cells[0].pen.tint, WW_TINT_KIND + WW_KIND_COMPUTE);
	assert_int_equal(screen.cells[1].pen.tint, WW_TINT_KIND + WW_KIND_COMPUTE);
	assert_int_equal(screen.cells[1].pen.background, WW_TINT_KIND + WW_KIND_DB);
	assert_int_equal(screen.cells[2].pen.tint, WW_TINT_KIND + WW_KIND_DB);
	assert_int_equal(screen.cells[2].pen.background, WW_TINT_NONE);
}

static void crowded_cell_shows_its_two_largest_in_order(void **state)
{
	uint64_t kinds_ns[WW_KIND_COUNT] = {
		[WW_KIND_COMPUTE] = 1, [WW_KIND_QUEUE] = 4, [WW_KIND_DB] = 1, [WW_KIND_DISK] = 2};

	(void)state;
	ww_screen__bar(&screen, 0, 0, 1, kinds_ns);
	assert_string_equal(row_text(&screen, 0), "\u258c");
	assert_int_equal(screen.cells[0].pen.tint, WW_TINT_KIND + WW_KIND_QUEUE);
	assert_int_equal(screen.cells[0].pen.background, WW_TINT_KIND + WW_KIND_DISK);
}

static void no_time_draws_no_bar(void **state)
{
	uint64_t kinds_ns[WW_KIND_COUNT] = {0};

	(void)state;
	ww_screen__bar(&screen, 0, 0, 10, kinds_ns);
	screen.bars = WW_BAR_LETTERS;
	ww_screen__bar(&screen, 1, 0, 10, kinds_ns);
	assert_string_equal(row_text(&screen, 0), "");
	assert_string_equal(row_text(&screen, 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_is_cut_at_its_room, blank, release),
		cmocka_unit_test_setup_teardown(text_never_leaves_the_grid, blank, release),
		cmocka_unit_test_setup_teardown(wide_glyphs_take_two_cells_and_are_not_halved, blank, release),
		cmocka_unit_test_setup_teardown(hostile_text_is_shown_not_obeyed, blank, release),
		cmocka_unit_test_setup_teardown(right_edge_is_kept, blank, release),
		cmocka_unit_test_setup_teardown(resizing_blanks, blank, release),
		cmocka_unit_test(division_has_no_rest),
		cmocka_unit_test_setup_teardown(letters_stand_for_shares, blank, release),
		cmocka_unit_test(letters_differ),
		cmocka_unit_test_setup_teardown(blocks_show_eighths, blank, release),
		cmocka_unit_test_setup_teardown(crowded_cell_shows_its_two_largest_in_order, blank, release),
		cmocka_unit_test_setup_teardown(no_time_draws_no_bar, blank, release),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
