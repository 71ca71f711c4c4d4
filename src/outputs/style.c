/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/style.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     40

/* Compute is warm, for it is what a faster language would change; waits are cool; a lack of CPU or workers is yellow.
 */
static const char *const colours[WW_KIND_COUNT] = {
	[WW_KIND_COMPUTE] = "\033[38;5;203m", [WW_KIND_GC] = "\033[38;5;168m",	   [WW_KIND_RUNQ] = "\033[38;5;215m",
	[WW_KIND_QUEUE] = "\033[38;5;221m",   [WW_KIND_DB] = "\033[38;5;68m",	   [WW_KIND_NET] = "\033[38;5;80m",
	[WW_KIND_DISK] = "\033[38;5;107m",    [WW_KIND_LOCK] = "\033[38;5;140m",   [WW_KIND_SLEEP] = "\033[38;5;109m",
	[WW_KIND_IPC] = "\033[38;5;73m",      [WW_KIND_CLIENT] = "\033[38;5;180m", [WW_KIND_OTHER] = "\033[38;5;245m",
};

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

const char *ww_style__kind(const struct ww_style *style, enum ww_kind kind)
{
	return style->colour ? colours[kind] : "";
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
