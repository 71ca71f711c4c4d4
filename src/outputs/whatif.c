/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/whatif.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/names.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"

#define FIGURES	   7 /* columns of a wall time */
#define QUANTILES  4 /* mean, p50, p95, p99 */
#define NAME_MIN   24
#define NAME_BYTES 1024

const char *ww_whatif__assumption(char text[WW_ASSUMPTION], const struct ww_speedup *speedup)
{
	size_t len = 0;
	const char *joint = "if ";
	char number[WW_TEXT_NUMBER];

	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (speedup->factor[kind] == 1)
			continue;
		len += (size_t)snprintf(text + len, WW_ASSUMPTION - len, "%s%s were %s times as fast", joint,
					ww_kind_name(kind), ww_text__real(number, speedup->factor[kind]));
		joint = ", ";
	}
	if (speedup->parallel)
		len += (size_t)snprintf(text + len, WW_ASSUMPTION - len,
					"%sserial operations on different peers ran together", joint);
	snprintf(text + len, WW_ASSUMPTION - len, "%s all else stayed as it is", len ? ", and" : "if");
	return text;
}

/* "-31 %", "+12 %", "0 %" */
static const char *change(char text[WW_TEXT_NUMBER], uint64_t now, uint64_t then)
{
	double part = now ? ((double)then - (double)now) / (double)now * 100 : 0;

	snprintf(text, WW_TEXT_NUMBER, "%+.0f %%", part);
	return !strcmp(text, "-0 %") || !strcmp(text, "+0 %") ? "0 %" : text;
}

struct layout {
	int name;
	bool p50, p99, change; /* have columns */
};

/* A narrow page loses the change, then the quantiles that say least. */
static struct layout lay_out(const struct ww_report *report, const struct ww_style *style)
{
	struct layout layout = {.p50 = true, .p99 = true, .change = true};
	int longest = NAME_MIN, room = style->width - 2 * FIGURES * QUANTILES - FIGURES;
	char name[NAME_BYTES];

	if (room < NAME_MIN) {
		layout.change = false;
		room += FIGURES;
	}
	if (room < NAME_MIN) {
		layout.p50 = false;
		room += 2 * FIGURES;
	}
	if (room < NAME_MIN) {
		layout.p99 = false;
		room += 2 * FIGURES;
	}
	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];
		int width;

		snprintf(name, sizeof(name), "%s %s", endpoint->method, endpoint->route);
		width = 2 + ww_text__columns(name, style);
		longest = width > longest ? width : longest;
	}
	layout.name = longest < room ? longest : room;
	return layout;
}

static void write_times(const struct ww_page_out *page, const struct layout *layout, const char *const texts[QUANTILES])
{
	const bool shown[QUANTILES] = {true, layout->p50, true, layout->p99};

	for (int i = 0; i < QUANTILES; i++)
		if (shown[i])
			ww_table__cell(page, texts[i], -FIGURES);
}

static void write_forecast(const struct ww_page_out *page, const struct layout *layout,
			   const struct ww_forecast *forecast)
{
	char texts[QUANTILES][WW_TEXT_NUMBER];

	write_times(page, layout,
		    (const char *const[QUANTILES]){
			    ww_text__ms(texts[0], forecast->mean_ns), ww_text__ms(texts[1], forecast->p50_ns),
			    ww_text__ms(texts[2], forecast->p95_ns), ww_text__ms(texts[3], forecast->p99_ns)});
}

static void write_headings(const struct ww_page_out *page, const struct layout *layout)
{
	static const char *const names[QUANTILES] = {"mean", "p50", "p95", "p99"};
	int columns = (2 + layout->p50 + layout->p99) * FIGURES;

	fputs(ww_style__dim(&page->style), page->out);
	ww_table__cell(page, "", layout->name);
	ww_table__cell(page, "now, ms", -columns);
	ww_table__cell(page, "then, ms", -columns);
	fputs("\n", page->out);
	ww_table__cell(page, "endpoint", layout->name);
	write_times(page, layout, names);
	write_times(page, layout, names);
	if (layout->change)
		ww_table__cell(page, "mean", -FIGURES);
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
}

static struct ww_forecast now_of(const struct ww_endpoint_report *endpoint)
{
	return (struct ww_forecast){
		.mean_ns = endpoint->wall.mean,
		.p50_ns = endpoint->wall.p50,
		.p95_ns = endpoint->wall.p95,
		.p99_ns = endpoint->wall.p99,
	};
}

static int write_endpoint(const struct ww_page_out *page, const struct layout *layout,
			  const struct ww_endpoint_report *endpoint, const struct ww_speedup *speedup)
{
	struct ww_forecast now = now_of(endpoint), then;
	char name[NAME_BYTES], text[WW_TEXT_NUMBER];
	int err = ww_amdahl__predict(endpoint, speedup, &then);

	if (err)
		return err;
	snprintf(name, sizeof(name), "%s %s", endpoint->method, endpoint->route);
	fputs("  ", page->out);
	ww_table__cell(page, name, layout->name - 2);
	write_forecast(page, layout, &now);
	fputs(ww_style__bold(&page->style), page->out);
	write_forecast(page, layout, &then);
	fputs(ww_style__plain(&page->style), page->out);
	if (layout->change)
		ww_table__cell(page, change(text, now.mean_ns, then.mean_ns), -FIGURES);
	fputc('\n', page->out);
	return 0;
}

/* What quantiles, and what running together would save, can't be told from. */
static void write_foot(const struct ww_page_out *page, const struct ww_report *report, const struct ww_speedup *speedup)
{
	struct ww_wrap wrap = {.page = page, .gap = 1};
	char line[NAME_BYTES], count[WW_TEXT_NUMBER];
	uint64_t without = 0;

	for (size_t i = 0; i < report->endpoints_len; i++)
		without += report->endpoints[i].outlook.from_buckets;
	if (!without)
		return;
	snprintf(line, sizeof(line),
		 "Of %s no request was kept: their quantiles are from the means of histogram buckets%s.",
		 ww_text__plural(count, without, "endpoint"),
		 speedup->parallel ? ", and what running operations together saves is not known" : "");
	fputc('\n', page->out);
	ww_table__words(&wrap, line);
	fputc('\n', page->out);
}

/* Whether an endpoint of the same service stands before it. */
static bool has_sibling_before(const struct ww_report *report, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(report->endpoints[i].service, report->endpoints[at].service))
			return true;
	return false;
}

static int write_service(const struct ww_page_out *page, const struct layout *layout, const struct ww_report *report,
			 size_t first, const struct ww_speedup *speedup)
{
	const char *service = report->endpoints[first].service;
	int err = 0;

	fputs(ww_style__bold(&page->style), page->out);
	ww_table__rest(page, service, 0);
	for (size_t i = first; i < report->endpoints_len && !err; i++)
		if (!strcmp(report->endpoints[i].service, service))
			err = write_endpoint(page, layout, &report->endpoints[i], speedup);
	return err;
}

int ww_whatif__table(FILE *out, const struct ww_report *report, const struct ww_speedup *speedup,
		     const struct ww_style *style)
{
	struct ww_page_out page = {.out = out, .style = *style};
	struct ww_wrap wrap = {.page = &page, .gap = 1};
	struct layout layout = lay_out(report, style);
	char assumption[WW_ASSUMPTION];
	int err = 0;

	ww_whatif__assumption(assumption, speedup);
	ww_table__words(&wrap, assumption);
	fputs("\n\n", out);
	if (!report->endpoints_len) {
		fputs("No requests.\n", out);
		return 0;
	}
	write_headings(&page, &layout);
	for (size_t i = 0; i < report->endpoints_len && !err; i++)
		if (!has_sibling_before(report, i))
			err = write_service(&page, &layout, report, i, speedup);
	if (!err)
		write_foot(&page, report, speedup);
	return err;
}
