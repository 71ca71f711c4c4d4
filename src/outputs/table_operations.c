/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include "model/catalog.h"
#include "model/names.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"

#define EACH	   9 /* columns of the operations per request, with the blanks in front */
#define DURATION   11
#define SHARE	   8
#define NAME_MIN   20 /* columns of a name, below which the 95th percentile has none */
#define PEER_MIN   12 /* columns of a peer, below which it is left out */
#define NAME_BYTES 1024
#define LINES	   6   /* operations with a line of their own, at most .. */
#define SMALL	   100 /* .. from this share of the wall time on: one in .. */

/* What the requests of an endpoint spend on operations on the mean: those whose operations are known say. */
static uint64_t per_request_ns(const struct ww_endpoint_report *endpoint, uint64_t sum_ns)
{
	return endpoint->operations_requests ? sum_ns / endpoint->operations_requests : 0;
}

static bool is_small(const struct ww_endpoint_report *endpoint, const struct ww_operation_row *row)
{
	return SMALL * (unsigned __int128)per_request_ns(endpoint, row->sum_ns) < endpoint->wall.mean;
}

static int name_columns(const struct ww_page_out *page, bool *p95)
{
	int room = page->style.width - 2 - EACH - DURATION - SHARE;

	*p95 = room - DURATION >= NAME_MIN;
	return *p95 ? room - DURATION : room;
}

static void write_headings(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	char text[NAME_BYTES] = "operations", known[WW_TEXT_NUMBER], all[WW_TEXT_NUMBER], each[WW_TEXT_NUMBER];
	bool p95;
	int columns = name_columns(page, &p95);

	if (endpoint->operations_requests < endpoint->requests)
		snprintf(text, sizeof(text), "operations of %s of %s",
			 ww_text__count(known, endpoint->operations_requests),
			 ww_text__plural(all, endpoint->requests, ww_protocol_unit(endpoint->protocol)));
	fprintf(page->out, "  %s", ww_style__dim(&page->style));
	ww_table__cell(page, text, columns);
	fprintf(page->out, "%*s%*s", EACH, ww_text__per(each, ww_protocol_unit(endpoint->protocol)), DURATION, "mean");
	if (p95)
		fprintf(page->out, "%*s", DURATION, "p95");
	fprintf(page->out, "%*s%s\n", SHARE, "of wall", ww_style__plain(&page->style));
}

/* The summary and, where there is room, who was asked. */
static void write_name(const struct ww_page_out *page, const struct ww_operation_row *row, int columns)
{
	const struct ww_style *style = &page->style;
	char name[NAME_BYTES], peer[NAME_BYTES], fitted[NAME_BYTES];
	int used = ww_text__fit(name, sizeof(name), *row->summary ? row->summary : "round trip", columns, style);

	fprintf(page->out, "%s%s%s", ww_style__kind(style, row->kind), name, ww_style__plain(style));
	snprintf(peer, sizeof(peer), "%s%s%s", ww_system_name(row->system), *row->system && *row->peer ? " " : "",
		 row->peer);
	if (*row->peer && used + 2 + ww_text__columns(peer, style) > columns)
		snprintf(peer, sizeof(peer), "%s", row->peer);
	if (*peer && columns - used - 2 >= PEER_MIN) {
		fprintf(page->out, "  %s", ww_style__dim(style));
		used += 2 + ww_text__fit_ends(fitted, sizeof(fitted), peer, columns - used - 2, style);
		fprintf(page->out, "%s%s", fitted, ww_style__plain(style));
	}
	fprintf(page->out, "%*s", columns - used, "");
}

static void write_figures(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint, uint64_t count,
			  uint64_t sum_ns, const uint64_t *p95_ns)
{
	char text[WW_TEXT_NUMBER];
	bool p95;

	name_columns(page, &p95);
	fprintf(page->out, "%*s", EACH, ww_text__number(text, (double)count / (double)endpoint->operations_requests));
	fprintf(page->out, "%*s", DURATION, ww_text__duration(text, count ? sum_ns / count : 0));
	if (p95)
		fprintf(page->out, "%*s", DURATION, p95_ns ? ww_text__duration(text, *p95_ns) : "");
	fprintf(page->out, "%*s%s\n", SHARE,
		ww_text__share(text, per_request_ns(endpoint, sum_ns), endpoint->wall.mean),
		ww_style__plain(&page->style));
}

static void write_operation(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint,
			    const struct ww_operation_row *row)
{
	const struct ww_style *style = &page->style;
	char text[NAME_BYTES], failed[WW_TEXT_NUMBER], all[WW_TEXT_NUMBER];
	bool p95;

	fputs("  ", page->out);
	write_name(page, row, name_columns(page, &p95));
	write_figures(page, endpoint, row->count, row->sum_ns, &row->p95_ns);
	if (row->errors) {
		snprintf(text, sizeof(text), "%s of %s failed", ww_text__count(failed, row->errors),
			 ww_text__count(all, row->count));
		fprintf(page->out, "    %s", ww_style__bad(style));
		ww_table__rest(page, text, 4);
	}
	if (ww_text__says_more(row->statement, row->summary)) {
		fprintf(page->out, "    %s", ww_style__dim(style));
		ww_table__rest(page, row->statement, 4);
	}
}

void ww_table__operations(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	uint64_t rest_count = 0, rest_ns = 0;
	char others[NAME_BYTES], count[WW_TEXT_NUMBER];
	size_t i = 0;
	bool p95;

	if (!endpoint->operations_len)
		return;
	write_headings(page, endpoint);
	for (; i < endpoint->operations_len && i < LINES && (!i || !is_small(endpoint, &endpoint->operations[i])); i++)
		write_operation(page, endpoint, &endpoint->operations[i]);
	if (i == endpoint->operations_len)
		return;
	snprintf(others, sizeof(others), "%s", ww_text__plural(count, endpoint->operations_len - i, "other"));
	for (; i < endpoint->operations_len; i++) {
		rest_count += endpoint->operations[i].count;
		rest_ns += endpoint->operations[i].sum_ns;
	}
	fprintf(page->out, "  %s", ww_style__dim(&page->style));
	ww_table__cell(page, others, name_columns(page, &p95));
	write_figures(page, endpoint, rest_count, rest_ns, NULL);
}
