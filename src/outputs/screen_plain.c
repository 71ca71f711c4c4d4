/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/screen_plain.h"

#include <limits.h>
#include <string.h>

#include "model/names.h"
#include "outputs/screen_pages.h"
#include "outputs/text.h"

#define TEXT_MAX 4096

/* Escaped, and padded to `width` columns. */
static void put_text(FILE *out, const char *text, int width, const struct ww_style *style)
{
	char fitted[TEXT_MAX];
	int used = ww_text__fit(fitted, sizeof(fitted), text, INT_MAX, style);

	fprintf(out, "%s%*s", fitted, used < width ? width - used : 0, "");
}

static void put_number(FILE *out, const char *text, int width)
{
	fprintf(out, " %*s", width, text);
}

/* The kinds that occur, largest first: "db 62 %, compute 30 %". */
static void put_kinds(FILE *out, const struct ww_endpoint_report *endpoint)
{
	bool done[WW_KIND_COUNT] = {false};
	const char *separator = "";
	char share[WW_TEXT_NUMBER];

	for (;;) {
		int largest = -1;

		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			if (!done[kind] && endpoint->kinds_sum_ns[kind] &&
			    (largest < 0 || endpoint->kinds_sum_ns[kind] > endpoint->kinds_sum_ns[largest]))
				largest = kind;
		if (largest < 0)
			return;
		done[largest] = true;
		fprintf(out, "%s%s %s", separator, ww_kind_name((enum ww_kind)largest),
			ww_text__share(share, endpoint->kinds_sum_ns[largest], endpoint->wall.sum));
		separator = ", ";
	}
}

static void put_endpoint(FILE *out, const struct ww_endpoint_report *endpoint, int service_width, int endpoint_width,
			 const struct ww_style *style)
{
	char name[TEXT_MAX], number[WW_TEXT_NUMBER];

	put_text(out, endpoint->service, service_width + 1, style);
	snprintf(name, sizeof(name), "%s %s", endpoint->method, endpoint->route);
	put_text(out, name, endpoint_width, style);
	put_number(out, ww_text__number(number, endpoint->rate_per_s), 8);
	put_number(out, ww_text__count(number, endpoint->errors), 6);
	put_number(out, ww_text__duration(number, endpoint->wall.p50), 8);
	put_number(out, ww_text__duration(number, endpoint->wall.p95), 8);
	put_number(out, ww_text__duration(number, endpoint->wall.p99), 8);
	fputs("  ", out);
	put_kinds(out, endpoint);
	fputc('\n', out);
}

static void put_missing(FILE *out, const struct ww_report *report)
{
	char text[256];

	for (size_t i = 0; i < report->losses_len; i++)
		if (report->losses[i].loses)
			fprintf(out, "lost since the start: %llu %s\n", (unsigned long long)report->losses[i].count,
				report->losses[i].cause);
	for (size_t i = 0; i < report->unreadable_len; i++) {
		ww_unreadable_text(text, sizeof(text), &report->unreadable[i]);
		fprintf(out, "%s\n", text);
	}
}

void ww_plain__write(FILE *out, const struct ww_report *report, const char *watching, const struct ww_style *style)
{
	struct ww_totals totals = ww_report_totals(report);
	int service_width = (int)strlen("SERVICE"), endpoint_width = (int)strlen("ENDPOINT");
	char end[WW_TEXT_NUMBER], endpoints[WW_TEXT_NUMBER], requests[WW_TEXT_NUMBER], rate[WW_TEXT_NUMBER],
		errors[WW_TEXT_NUMBER], window[WW_TEXT_NUMBER];

	fprintf(out, "%.19sZ, last %s: %s, %s, %s/s, %s, %s\n", ww_text__rfc3339(end, report->end_unix_ns),
		ww_report_window(window, report), ww_text__plural(endpoints, report->endpoints_len, "endpoint"),
		ww_text__plural(requests, totals.requests, "request"), ww_text__number(rate, totals.rate_per_s),
		ww_text__plural(errors, totals.errors, "error"), report->complete ? "complete" : "NOT COMPLETE");
	put_missing(out, report);
	if (report->endpoints_len == 0) {
		fputs("no request has ended in this time; watching ", out);
		put_text(out, watching, 0, style);
		fputs("\n\n", out);
		return;
	}
	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];
		int service = ww_text__columns(endpoint->service, style);
		int name = ww_text__columns(endpoint->method, style) + 1 + ww_text__columns(endpoint->route, style);

		service_width = service > service_width ? service : service_width;
		endpoint_width = name > endpoint_width ? name : endpoint_width;
	}
	fprintf(out, "%-*s %-*s %8s %6s %8s %8s %8s  %s\n", service_width, "SERVICE", endpoint_width, "ENDPOINT",
		"REQ/S", "ERR", "P50", "P95", "P99", "KINDS");
	for (size_t i = 0; i < report->endpoints_len; i++)
		put_endpoint(out, &report->endpoints[i], service_width, endpoint_width, style);
	fputc('\n', out);
}
