/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/bar.h"
#include "model/names.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"

enum column { RATE, ERRORS, P50, P95, P99, COMPUTE, COLUMNS };

/* Headings and widths; the first of `dropped` goes first where the terminal is narrow. */
static const struct {
	const char *heading;
	int width;
} columns[COLUMNS] = {
	[RATE] = {"req/s", 7}, [ERRORS] = {"errors", 7}, [P50] = {"p50 ms", 7},
	[P95] = {"p95 ms", 7}, [P99] = {"p99 ms", 7},	 [COMPUTE] = {"compute", 8},
};
static const enum column dropped[] = {P99, ERRORS, P50, RATE, COMPUTE};

#define NAME_MIN   20
#define BAR_MIN	   12 /* its heading is as wide */
#define BAR_MAX	   48
#define MOST_WIDTH 14 /* "compute 100 %" */
#define NAME_BYTES 1024

struct layout {
	bool shown[COLUMNS];
	int name, bar, most; /* widths; 0: not drawn */
};

static void endpoint_name(char *name, const struct ww_endpoint_report *endpoint)
{
	snprintf(name, NAME_BYTES, "%s %s", endpoint->method, endpoint->route);
}

/* Names get what they need, then the bar, then the largest kind in words. */
static struct layout lay_out(const struct ww_page_out *page, const struct ww_report *report)
{
	struct layout layout = {.name = NAME_MIN};
	int room = page->style.width, longest = NAME_MIN;
	char name[NAME_BYTES];

	for (size_t i = 0; i < report->endpoints_len; i++) {
		endpoint_name(name, &report->endpoints[i]);
		int width = 2 + ww_text__columns(name, &page->style);
		longest = width > longest ? width : longest;
	}
	for (enum column c = 0; c < COLUMNS; c++) {
		layout.shown[c] = true;
		room -= columns[c].width;
	}
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]) && room < NAME_MIN; i++) {
		layout.shown[dropped[i]] = false;
		room += columns[dropped[i]].width;
	}
	if (room >= NAME_MIN + 2 + BAR_MIN)
		layout.bar = BAR_MIN;
	room -= layout.bar ? 2 + layout.bar : 0;
	layout.name = longest < room ? longest : room;
	room -= layout.name;
	if (layout.bar && room >= MOST_WIDTH + 2) {
		layout.most = MOST_WIDTH;
		room -= MOST_WIDTH + 2;
	}
	if (layout.bar)
		layout.bar += room < BAR_MAX - BAR_MIN ? room : BAR_MAX - BAR_MIN;
	return layout;
}

static void write_headings(const struct ww_page_out *page, const struct layout *layout)
{
	fprintf(page->out, "\n%s", ww_style__dim(&page->style));
	ww_table__cell(page, "endpoint", layout->name);
	for (enum column c = 0; c < COLUMNS; c++)
		if (layout->shown[c])
			ww_table__cell(page, columns[c].heading, -columns[c].width);
	if (layout->bar)
		fputs("  time by kind", page->out);
	if (layout->most)
		fprintf(page->out, "%*s", layout->bar - BAR_MIN + 6, "most");
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
}

static enum ww_kind largest_kind(const struct ww_endpoint_report *endpoint)
{
	enum ww_kind largest = 0;

	for (enum ww_kind kind = 1; kind < WW_KIND_COUNT; kind++)
		if (endpoint->kinds_sum_ns[kind] > endpoint->kinds_sum_ns[largest])
			largest = kind;
	return largest;
}

static int write_endpoint(const struct ww_page_out *page, const struct layout *layout,
			  const struct ww_endpoint_report *endpoint)
{
	const struct ww_style *style = &page->style;
	char name[NAME_BYTES], cells[COLUMNS][WW_TEXT_NUMBER], share[WW_TEXT_NUMBER];

	endpoint_name(name, endpoint);
	ww_text__number(cells[RATE], endpoint->rate_per_s);
	ww_text__count(cells[ERRORS], endpoint->errors);
	ww_text__ms(cells[P50], endpoint->wall.p50);
	ww_text__ms(cells[P95], endpoint->wall.p95);
	ww_text__ms(cells[P99], endpoint->wall.p99);
	ww_text__share(cells[COMPUTE], endpoint->kinds_sum_ns[WW_KIND_COMPUTE], endpoint->wall.sum);
	fputs("  ", page->out);
	ww_table__cell(page, name, layout->name - 2);
	for (enum column c = 0; c < COLUMNS; c++) {
		if (!layout->shown[c])
			continue;
		if (c == ERRORS && endpoint->errors)
			fputs(ww_style__bad(style), page->out);
		ww_table__cell(page, cells[c], -columns[c].width);
		fputs(ww_style__plain(style), page->out);
	}
	if (layout->bar) {
		fputs("  ", page->out);
		int err = ww_bar__write(page->out, endpoint->kinds_sum_ns, layout->bar, style);
		if (err)
			return err;
	}
	if (layout->most) {
		enum ww_kind kind = largest_kind(endpoint);
		fprintf(page->out, "  %s%s %s%s", ww_style__kind(style, kind), ww_kind_name(kind),
			ww_text__share(share, endpoint->kinds_sum_ns[kind], endpoint->wall.sum),
			ww_style__plain(style));
	}
	fputc('\n', page->out);
	ww_table__first_finding(page, endpoint);
	return 0;
}

/* The signs of those kinds that the bars show. */
static void write_legend(const struct ww_page_out *page, const struct ww_report *report)
{
	bool used[WW_KIND_COUNT] = {false};
	int column = 0;

	for (size_t i = 0; i < report->endpoints_len; i++)
		for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
			used[kind] |= 200 * (unsigned __int128)report->endpoints[i].kinds_sum_ns[kind] >
				      report->endpoints[i].wall.sum;
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (!used[kind])
			continue;
		const char *name = ww_kind_name(kind);
		int width = 4 + (int)strlen(name);
		if (column + width > page->style.width) {
			fputc('\n', page->out);
			column = 0;
		}
		fputs("  ", page->out);
		ww_bar__write_sign(page->out, kind, &page->style);
		fprintf(page->out, " %s%s%s", ww_style__dim(&page->style), name, ww_style__plain(&page->style));
		column += width;
	}
	fputc('\n', page->out);
}

int ww_table__endpoints(const struct ww_page_out *page, const struct ww_report *report)
{
	struct layout layout = lay_out(page, report);
	bool *done = calloc(report->endpoints_len, sizeof(*done));
	int err = 0;

	if (!done)
		return -ENOMEM;
	write_headings(page, &layout);
	for (size_t i = 0; i < report->endpoints_len && !err; i++) {
		const char *service = report->endpoints[i].service;
		if (done[i])
			continue;
		fputs(ww_style__bold(&page->style), page->out);
		ww_table__rest(page, service, 0);
		for (size_t j = i; j < report->endpoints_len && !err; j++) {
			if (strcmp(report->endpoints[j].service, service))
				continue;
			done[j] = true;
			err = write_endpoint(page, &layout, &report->endpoints[j]);
		}
	}
	if (!err && layout.bar)
		write_legend(page, report);
	free(done);
	return err;
}
