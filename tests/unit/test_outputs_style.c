/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a stream may look like: a terminal, a pipe, and what the environment says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include "outputs/style.h"

static int start(void **state)
{
	(void)state;
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	setenv("TERM", "xterm-256color", 1);
	setlocale(LC_CTYPE, "C.UTF-8");
	return 0;
}

static struct ww_style style_of_terminal(unsigned short columns)
{
	struct winsize size = {.ws_col = columns, .ws_row = 24};
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	FILE *stream = fdopen(slave, "w");
	struct ww_style style = ww_style__of(stream);
	fclose(stream);
	close(master);
	return style;
}

static struct ww_style style_of_file(void)
{
	FILE *stream = fopen("/dev/null", "w");
	struct ww_style style = ww_style__of(stream);

	fclose(stream);
	return style;
}

static void a_terminal_tells_its_width_and_has_colour(void **state)
{
	struct ww_style style = style_of_terminal(133);

	(void)state;
	assert_int_equal(style.width, 133);
	assert_true(style.colour);
	assert_true(style.utf8);
	setenv("COLUMNS", "99", 1);
	assert_int_equal(style_of_terminal(133).width, 133);
	assert_int_equal(style_of_terminal(0).width, 99); /* a serial line does not know */
	assert_int_equal(style_of_terminal(7).width, 40);
}

static void colour_can_be_turned_off(void **state)
{
	(void)state;
	setenv("NO_COLOR", "", 1);
	assert_true(style_of_terminal(80).colour);
	setenv("NO_COLOR", "1", 1);
	assert_false(style_of_terminal(80).colour);
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(style_of_terminal(80).colour);
}

static void a_file_has_80_columns_and_no_colour(void **state)
{
	struct ww_style style = style_of_file();

	(void)state;
	assert_int_equal(style.width, 80);
	assert_false(style.colour);
	assert_string_equal(ww_style__kind(&style, WW_KIND_DB), "");
	assert_string_equal(ww_style__plain(&style), "");
	setenv("COLUMNS", "120", 1);
	assert_int_equal(style_of_file().width, 120);
	setenv("COLUMNS", "wide", 1);
	assert_int_equal(style_of_file().width, 80);
}

static void the_locale_says_what_letters_there_are(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C");
	assert_false(style_of_file().utf8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_terminal_tells_its_width_and_has_colour, start),
		cmocka_unit_test_setup(colour_can_be_turned_off, start),
		cmocka_unit_test_setup(a_file_has_80_columns_and_no_colour, start),
		cmocka_unit_test_setup(the_locale_says_what_letters_there_are, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
