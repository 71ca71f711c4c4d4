/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include "model/catalog.h"
#include "model/names.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"
#include "outputs/verdict.h"

#define FIGURES	   10 /* columns of a duration, with the blanks in front */
#define SHARE	   7
#define KIND	   10 /* columns of a kind's name, with its indent */
#define TAIL_WIDTH 72 /* columns of the page from which on the tail has columns */
#define SERVICE	   16 /* columns of a service in a title, at most */
#define NAME_BYTES 1024

/* A kind has a line of its own from this share of the time on, on the mean or at the tail: one in .. */
#define SMALL 100

static bool is_small(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	return SMALL * (unsigned __int128)endpoint->kinds_sum_ns[kind] < endpoint->wall.sum &&
	       SMALL * (unsigned __int128)endpoint->tail_kinds_sum_ns[kind] <= endpoint->tail_wall_sum_ns;
}

/* Kinds with time, largest first, small ones last. */
static int sort_kinds(const struct ww_endpoint_report *endpoint, enum ww_kind order[WW_KIND_COUNT])
{
	int len = 0;

	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (!endpoint->kinds_sum_ns[kind] && !endpoint->tail_kinds_sum_ns[kind])
			continue;
		int at = len++;
		for (; at > 0; at--) {
			enum ww_kind before = order[at - 1];
			bool small = is_small(endpoint, kind), small_before = is_small(endpoint, before);
			if (small_before == small ? endpoint->kinds_sum_ns[before] >= endpoint->kinds_sum_ns[kind]
						  : small)
				break;
			order[at] = before;
		}
		order[at] = kind;
	}
	return len;
}

static void write_title(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	const struct ww_style *style = &page->style;
	const struct ww_allocated *allocated = &endpoint->allocated;
	char name[NAME_BYTES], right[256], service[80] = "", count[WW_TEXT_NUMBER], mean[WW_TEXT_NUMBER],
					   cpu[WW_TEXT_NUMBER], allocations[WW_TEXT_NUMBER];

	snprintf(name, sizeof(name), "%s %s", endpoint->method, endpoint->route);
	if (page->many_services) {
		int used = ww_text__fit_ends(service, sizeof(service) - 2, endpoint->service, SERVICE, style);
		strcpy(service + strlen(service), used ? ", " : "");
	}
	snprintf(right, sizeof(right), "%s%s, mean %s, cpu %s", service,
		 ww_text__plural(count, endpoint->requests, ww_protocol_unit(endpoint->protocol)),
		 ww_text__duration(mean, endpoint->wall.mean),
		 ww_text__duration(cpu, endpoint->requests ? endpoint->cpu_sum_ns / endpoint->requests : 0));
	if (allocated->weight)
		snprintf(right + strlen(right), sizeof(right) - strlen(right), ", %s allocations",
			 ww_text__number(allocations, (double)allocated->allocations / (double)allocated->weight));
	int right_width = ww_text__columns(right, style), room = style->width - right_width - 2;
	fprintf(page->out, "\n%s", ww_style__bold(style));
	if (room < ww_text__columns(name, style)) {
		ww_table__rest(page, name, 0);
		fprintf(page->out, "%s  ", ww_style__dim(style));
		ww_table__rest(page, right, 2);
		return;
	}
	ww_table__cell(page, name, room);
	fprintf(page->out, "%s  %s%s%s\n", ww_style__plain(style), ww_style__dim(style), right, ww_style__plain(style));
}

/* In the colour of what bounds the endpoint. */
static void write_verdict(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	struct ww_verdict verdict = ww_verdict__of(endpoint);
	enum ww_kind bound = verdict.bound == WW_BOUND_COMPUTE ? WW_KIND_COMPUTE : verdict.largest_wait;

	fprintf(page->out, "  %s", verdict.bound == WW_BOUND_MIXED ? "" : ww_style__kind(&page->style, bound));
	ww_table__rest(page, verdict.text, 2);
	if (*verdict.faster) {
		struct ww_wrap wrap = {.page = page, .indent = 2, .gap = 1};

		fputs(ww_style__dim(&page->style), page->out);
		ww_table__words(&wrap, verdict.faster);
		fprintf(page->out, "%s\n", ww_style__plain(&page->style));
	}
}

/* Anything but success is worth a line. */
static void write_statuses(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	struct ww_wrap wrap = {.page = page, .indent = 10, .column = 8, .gap = 2};
	char word[64], count[WW_TEXT_NUMBER];
	bool all_well = !endpoint->errors;

	if (!ww_protocol_answers(endpoint->protocol))
		return;
	for (size_t i = 0; i < endpoint->status_len; i++)
		all_well = all_well && endpoint->status[i].status >= 200 && endpoint->status[i].status < 400;
	if (all_well)
		return;
	fputs("  status", page->out);
	for (size_t i = 0; i < endpoint->status_len; i++) {
		const struct ww_status_count *status = &endpoint->status[i];
		ww_text__count(count, status->requests);
		if (status->status)
			snprintf(word, sizeof(word), "%u: %s", status->status, count);
		else
			snprintf(word, sizeof(word), "none: %s", count);
		fputs(status->status >= 500 || !status->status ? ww_style__bad(&page->style) : "", page->out);
		ww_table__wrap(&wrap, word);
		fputs(ww_style__plain(&page->style), page->out);
	}
	if (endpoint->aborted) {
		snprintf(word, sizeof(word), "left by the client: %s", ww_text__count(count, endpoint->aborted));
		ww_table__wrap(&wrap, word);
	}
	fputc('\n', page->out);
}

/* "postgres 81.2 ms 51.0/req": the time is left out where it is all of the kind's. */
static void write_names(struct ww_wrap *wrap, const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_row *detail = &endpoint->details[i];
		char word[NAME_BYTES], mean[WW_TEXT_NUMBER] = "", each[WW_TEXT_NUMBER];
		if (detail->kind != kind || !endpoint->requests)
			continue;
		if (200 * (unsigned __int128)detail->sum_ns < 199 * (unsigned __int128)endpoint->kinds_sum_ns[kind]) {
			mean[0] = ' ';
			ww_text__duration(mean + 1, detail->sum_ns / endpoint->requests);
		}
		ww_text__number(each, (double)detail->count / (double)endpoint->requests);
		snprintf(word, sizeof(word), "%s%s %s/req", detail->name, mean, each);
		ww_table__wrap(wrap, word);
	}
}

/* Whether the tail has columns. */
static bool shows_tail(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	return endpoint->tail_requests && page->style.width >= TAIL_WIDTH;
}

static void write_headings(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	char text[64], count[WW_TEXT_NUMBER];

	fprintf(page->out, "%s%*s%*s", ww_style__dim(&page->style), KIND + FIGURES, "mean", SHARE, "share");
	if (!shows_tail(page, endpoint)) {
		fprintf(page->out, "%s\n", ww_style__plain(&page->style));
		return;
	}
	int column = KIND + FIGURES + SHARE + fprintf(page->out, " %*s%*s   ", FIGURES, "p95+ mean", SHARE, "share");
	snprintf(text, sizeof(text), "%s at p95+",
		 ww_text__plural(count, endpoint->tail_requests, ww_protocol_unit(endpoint->protocol)));
	ww_table__rest(page, text, column);
}

/* Writes the figures of a kind, or of several; returns what wraps its names behind them. */
static struct ww_wrap write_figures(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint,
				    const char *name, uint64_t sum, uint64_t tail)
{
	char text[WW_TEXT_NUMBER];
	int columns = KIND + FIGURES + SHARE;

	fprintf(page->out, "%-*s%s%*s", KIND - 2, name, ww_style__plain(&page->style), FIGURES,
		ww_text__duration(text, endpoint->requests ? sum / endpoint->requests : 0));
	fprintf(page->out, "%*s", SHARE, ww_text__share(text, sum, endpoint->wall.sum));
	if (shows_tail(page, endpoint)) {
		fprintf(page->out, " %*s", FIGURES, ww_text__duration(text, tail / endpoint->tail_requests));
		fprintf(page->out, "%*s", SHARE, ww_text__share(text, tail, endpoint->tail_wall_sum_ns));
		columns += 1 + FIGURES + SHARE;
	}
	return (struct ww_wrap){.page = page, .indent = columns + 3, .column = columns, .gap = 2};
}

/* All kinds, largest first, the small ones in one line. */
static void write_kinds(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	const struct ww_style *style = &page->style;
	enum ww_kind order[WW_KIND_COUNT];
	int len = sort_kinds(endpoint, order), i = 0;
	uint64_t rest = 0, rest_tail = 0;

	for (; i < len && !is_small(endpoint, order[i]); i++) {
		enum ww_kind kind = order[i];
		fprintf(page->out, "  %s", ww_style__kind(style, kind));
		struct ww_wrap wrap = write_figures(page, endpoint, ww_kind_name(kind), endpoint->kinds_sum_ns[kind],
						    endpoint->tail_kinds_sum_ns[kind]);
		write_names(&wrap, endpoint, kind);
		fputc('\n', page->out);
	}
	if (i == len)
		return;
	for (int small = i; small < len; small++) {
		rest += endpoint->kinds_sum_ns[order[small]];
		rest_tail += endpoint->tail_kinds_sum_ns[order[small]];
	}
	fprintf(page->out, "  %s", ww_style__dim(style));
	struct ww_wrap wrap = write_figures(page, endpoint, "rest", rest, rest_tail);
	for (; i < len; i++)
		ww_table__wrap(&wrap, ww_kind_name(order[i]));
	fputc('\n', page->out);
}

void ww_table__details(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	write_title(page, endpoint);
	write_verdict(page, endpoint);
	ww_table__findings(page, endpoint);
	write_statuses(page, endpoint);
	write_headings(page, endpoint);
	write_kinds(page, endpoint);
	ww_table__operations(page, endpoint);
}
