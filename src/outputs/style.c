/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/style.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "outputs/screen.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     40
#define SEQUENCE_MAX  16

struct ww_style ww_style__of(FILE *stream)
{
	struct ww_style style = {.width = WIDTH_DEFAULT};
	const char *columns = getenv("COLUMNS"), *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	bool terminal = isatty(fileno(stream));
	struct winsize size;

	if (terminal && !ioctl(fileno(stream), TIOCGWINSZ, &size) && size.ws_col)
		style.width = size.ws_col;
	else if (columns && atoi(columns) > 0)
		style.width = atoi(columns);
	if (style.width < WIDTH_MIN)
		style.width = WIDTH_MIN;
	style.colour = terminal && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb"));
	style.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	return style;
}

/* "\033[38;5;203m": the colours are the live screen's. */
static const char *sequence(char text[SEQUENCE_MAX], int plane, enum ww_kind kind)
{
	snprintf(text, SEQUENCE_MAX, "\033[%d;5;%dm", plane, ww_kind_colour(kind));
	return text;
}

const char *ww_style__kind(const struct ww_style *style, enum ww_kind kind)
{
	static char sequences[WW_KIND_COUNT][SEQUENCE_MAX];

	return style->colour ? sequence(sequences[kind], 38, kind) : "";
}

const char *ww_style__kind_background(const struct ww_style *style, enum ww_kind kind)
{
	static char sequences[WW_KIND_COUNT][SEQUENCE_MAX];

	return style->colour ? sequence(sequences[kind], 48, kind) : "";
}

const char *ww_style__bold(const struct ww_style *style)
{
	return style->colour ? "\033[1m" : "";
}

const char *ww_style__dim(const struct ww_style *style)
{
	return style->colour ? "\033[2m" : "";
}

const char *ww_style__good(const struct ww_style *style)
{
	return style->colour ? "\033[32m" : "";
}

const char *ww_style__bad(const struct ww_style *style)
{
	return style->colour ? "\033[1;31m" : "";
}

const char *ww_style__plain(const struct ww_style *style)
{
	return style->colour ? "\033[0m" : "";
}
