/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/losses.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"

#define NSEC	      1000000000ll
#define CELL_BYTES    1024
#define SERVICES_WIDE 66 /* columns from which on processes, threads and peak have theirs */

void ww_table__cell(const struct ww_page_out *page, const char *text, int columns)
{
	char fitted[CELL_BYTES];
	int used = ww_text__fit(fitted, sizeof(fitted), text, abs(columns), &page->style);
	int blank = abs(columns) - used;

	fprintf(page->out, "%*s%s%*s", columns < 0 ? blank : 0, "", fitted, columns < 0 ? 0 : blank, "");
}

void ww_table__rest(const struct ww_page_out *page, const char *text, int column)
{
	char fitted[CELL_BYTES];

	ww_text__fit(fitted, sizeof(fitted), text, page->style.width - column, &page->style);
	fprintf(page->out, "%s%s\n", fitted, ww_style__plain(&page->style));
}

void ww_table__wrap(struct ww_wrap *wrap, const char *word)
{
	const struct ww_style *style = &wrap->page->style;
	int room = style->width - wrap->indent, width = ww_text__columns(word, style);
	char fitted[CELL_BYTES];

	width = width < room ? width : room;
	if (wrap->column > wrap->indent && wrap->column + wrap->gap + width > style->width) {
		fprintf(wrap->page->out, "\n%*s", wrap->indent, "");
		wrap->column = wrap->indent;
	} else {
		int blank = wrap->column < wrap->indent ? wrap->indent - wrap->column : wrap->column ? wrap->gap : 0;
		wrap->column += fprintf(wrap->page->out, "%*s", blank, "");
	}
	wrap->column += ww_text__fit(fitted, sizeof(fitted), word, room, style);
	fputs(fitted, wrap->page->out);
}

/* A unit stays with its number. */
static bool is_unit(const char *text)
{
	static const char *const units[] = {"%", "s", "ms", "us", "ns", "B", "KiB", "MiB", "GiB"};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i]);

		if (!strncmp(text, units[i], len) && !isalnum((unsigned char)text[len]))
			return true;
	}
	return false;
}

void ww_table__words(struct ww_wrap *wrap, char *text)
{
	for (char *word = text, *next; word; word = next) {
		next = strchr(word, ' ');
		while (next && next > word && isdigit((unsigned char)next[-1]) && is_unit(next + 1))
			next = strchr(next + 1, ' ');
		if (next)
			*next++ = '\0';
		ww_table__wrap(wrap, word);
	}
}

/* "2026-11-20 16:22:10 to 16:22:40 UTC, 30.0 s", in local time */
static void describe_window(char *text, size_t size, const struct ww_report *report)
{
	time_t start = (time_t)(report->start_unix_ns / NSEC), end = (time_t)(report->end_unix_ns / NSEC);
	char first[32], last[48], seconds[WW_TEXT_NUMBER];
	struct tm start_tm, end_tm;

	localtime_r(&start, &start_tm);
	localtime_r(&end, &end_tm);
	bool same_day = start_tm.tm_yday == end_tm.tm_yday && start_tm.tm_year == end_tm.tm_year;
	strftime(first, sizeof(first), "%Y-%m-%d %H:%M:%S", &start_tm);
	strftime(last, sizeof(last), same_day ? "%H:%M:%S %Z" : "%Y-%m-%d %H:%M:%S %Z", &end_tm);
	snprintf(text, size, "%s to %s, %s s", first, last,
		 ww_text__number(seconds, (double)ww_report__observed_ns(report) / NSEC));
}

static void write_losses(const struct ww_page_out *page, const struct ww_report *report, bool loses)
{
	char line[CELL_BYTES], number[WW_TEXT_NUMBER];

	for (size_t i = 0; i < report->losses_len; i++) {
		const struct ww_loss *loss = &report->losses[i];
		struct ww_wrap wrap = {.page = page, .indent = 2, .gap = 1};
		if (loss->loses != loses)
			continue;
		snprintf(line, sizeof(line), "%s %s: %s", ww_text__count(number, loss->count), loss->cause,
			 ww_loss_meaning(loss->cause));
		ww_table__words(&wrap, line);
		fputc('\n', page->out);
	}
}

static void write_unreadable(const struct ww_page_out *page, const struct ww_report *report)
{
	char line[CELL_BYTES], number[WW_TEXT_NUMBER];

	for (size_t i = 0; i < report->unreadable_len; i++) {
		const struct ww_unreadable_port *port = &report->unreadable[i];
		const char *protocol = !strcmp(port->protocol, "tls")	  ? "TLS"
				       : !strcmp(port->protocol, "http2") ? "HTTP/2"
									  : port->protocol;
		snprintf(line, sizeof(line), "%u: %s %s connection%s, requests not readable", port->port,
			 ww_text__count(number, port->connections), protocol, port->connections == 1 ? "" : "s");
		ww_table__rest(page, line, 0);
	}
}

void ww_table__head(const struct ww_page_out *page, const struct ww_report *report)
{
	const struct ww_style *style = &page->style;
	const char *dot = style->utf8 ? " · " : ", ";
	const char *state = report->complete ? "complete" : "NOT COMPLETE";
	char text[CELL_BYTES], window[128], cpus[WW_TEXT_NUMBER];

	snprintf(text, sizeof(text), "%s%sLinux %s%s%s", report->host, dot, report->kernel, dot,
		 ww_text__plural(cpus, report->cpus, "CPU"));
	fputs(ww_style__bold(style), page->out);
	ww_table__rest(page, text, 0);
	describe_window(window, sizeof(window), report);
	int columns = ww_text__fit(text, sizeof(text), window, style->width, style);
	bool fits = columns + ww_text__columns(dot, style) + (int)strlen(state) <= style->width;
	fprintf(page->out, "%s%s%s%s%s\n", text, fits ? dot : "\n",
		report->complete ? ww_style__good(style) : ww_style__bad(style), state, ww_style__plain(style));
	if (report->unended) {
		fputs(ww_style__bad(style), page->out);
		ww_table__rest(page, "not ended: still recording, or cut short", 0);
	}
	write_losses(page, report, true);
}

/* What its processes share counts once in its proportional memory; and what its runtime says that it allocates. */
static void write_shares(const struct ww_page_out *page, const struct ww_service_report *service)
{
	char line[CELL_BYTES], text[WW_TEXT_NUMBER];

	if (service->pss_steady_bytes && service->processes > 1) {
		snprintf(line, sizeof(line), "memory with what its processes share counted once (PSS): %s",
			 ww_text__bytes(text, service->pss_steady_bytes));
		fprintf(page->out, "  %s", ww_style__dim(&page->style));
		ww_table__rest(page, line, 2);
	}
	if (service->allocated_requests) {
		size_t used =
			(size_t)snprintf(line, sizeof(line), "allocates %s a request, by its runtime's own count",
					 ww_text__bytes(text, service->allocated_bytes / service->allocated_requests));

		if (service->allocations_requests)
			snprintf(line + used, sizeof(line) - used, ": %s objects",
				 ww_text__number(text,
						 (double)service->allocations / (double)service->allocations_requests));
		fprintf(page->out, "  %s", ww_style__dim(&page->style));
		ww_table__rest(page, line, 2);
	}
}

void ww_table__services(const struct ww_page_out *page, const struct ww_report *report)
{
	const struct ww_style *style = &page->style;
	double window = (double)ww_report__observed_ns(report) / NSEC;
	bool wide = style->width >= SERVICES_WIDE;
	int name_width = style->width - (wide ? 50 : 22);

	if (!report->services_len)
		return;
	fprintf(page->out, "\n%s", ww_style__dim(style));
	ww_table__cell(page, "service", name_width);
	if (wide)
		fprintf(page->out, " %9s %7s", "processes", "threads");
	fprintf(page->out, " %9s", "memory");
	if (wide)
		fprintf(page->out, " %9s", "peak");
	fprintf(page->out, " %5s %5s%s\n", "cpu s", "cores", ww_style__plain(style));
	for (size_t i = 0; i < report->services_len; i++) {
		const struct ww_service_report *service = &report->services[i];
		char text[5][WW_TEXT_NUMBER], name[CELL_BYTES];
		ww_text__fit_ends(name, sizeof(name), service->service, name_width, style);
		ww_table__cell(page, name, name_width);
		if (wide)
			fprintf(page->out, " %9s %7s", ww_text__count(text[0], service->processes),
				ww_text__count(text[1], service->threads));
		fprintf(page->out, " %9s", ww_text__bytes(text[2], service->rss_steady_bytes));
		if (wide)
			fprintf(page->out, " %9s", ww_text__bytes(text[3], service->rss_peak_bytes));
		fprintf(page->out, " %5s %5.2f\n", ww_text__number(text[4], service->cpu_seconds),
			window > 0 ? service->cpu_seconds / window : 0);
		if (service->container && *service->container) {
			fprintf(page->out, "  %scontainer ", ww_style__dim(style));
			ww_table__rest(page, service->container, 12);
		}
		write_shares(page, service);
	}
}

void ww_table__foot(const struct ww_page_out *page, const struct ww_report *report)
{
	uint64_t counts[WW_ATTRIBUTION_COUNT] = {0}, noted = 0;
	char line[CELL_BYTES], text[3][WW_TEXT_NUMBER];

	for (size_t i = 0; i < report->endpoints_len; i++)
		for (int a = 0; a < WW_ATTRIBUTION_COUNT; a++)
			counts[a] += report->endpoints[i].attribution[a];
	for (size_t i = 0; i < report->losses_len; i++)
		noted += !report->losses[i].loses;
	if (report->endpoints_len || report->unreadable_len || noted)
		fputc('\n', page->out);
	if (report->endpoints_len) {
		snprintf(line, sizeof(line), "attribution: %s exact, %s inferred, %s ambiguous",
			 ww_text__count(text[0], counts[WW_ATTRIBUTION_EXACT]),
			 ww_text__count(text[1], counts[WW_ATTRIBUTION_INFERRED]),
			 ww_text__count(text[2], counts[WW_ATTRIBUTION_AMBIGUOUS]));
		fputs(ww_style__dim(&page->style), page->out);
		ww_table__rest(page, line, 0);
	}
	write_unreadable(page, report);
	if (noted) {
		fprintf(page->out, "%snoted, and nothing lost by it:%s\n", ww_style__dim(&page->style),
			ww_style__plain(&page->style));
		write_losses(page, report, false);
	}
}

int ww_table__write(FILE *out, const struct ww_report *report, const struct ww_style *style, size_t detailed)
{
	struct ww_page_out page = {.out = out, .style = *style};

	if (page.style.width > WW_TABLE_WIDTH_MAX)
		page.style.width = WW_TABLE_WIDTH_MAX;
	for (size_t i = 1; i < report->endpoints_len; i++)
		page.many_services |= strcmp(report->endpoints[i].service, report->endpoints[0].service) != 0;
	ww_table__head(&page, report);
	if (!report->endpoints_len)
		fputs("\nNo requests.\n", out);
	int err = report->endpoints_len ? ww_table__endpoints(&page, report) : 0;
	if (err)
		return err;
	for (size_t i = 0; i < report->endpoints_len && i < detailed; i++)
		ww_table__details(&page, &report->endpoints[i]);
	if (report->endpoints_len > detailed)
		fprintf(out, "\n%zu more endpoints have no details here: see one with --endpoint GLOB.\n",
			report->endpoints_len - detailed);
	ww_table__services(&page, report);
	ww_table__foot(&page, report);
	return 0;
}
