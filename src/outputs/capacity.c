/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/capacity.h"

#include <math.h>
#include <string.h>

#include "model/limits.h"
#include "model/names.h"
#include "outputs/csv.h"
#include "outputs/table.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"

#define FIGURE	   10
#define NAME_BYTES 1024
#define NARROW	   64 /* below, a name has a line of its own */
#define USED	   11
#define FULL	   17
#define FAR	   3 /* times the rate that was recorded */

/* The endpoint that waits for locks most, where that is much; such waits grow with the rate, how is not known. */
static void add_locks(const struct ww_capacity_service *service, struct ww_sentence *sentence)
{
	const struct ww_endpoint_report *most = NULL;
	double share = WW_LIMIT_KIND_SHARE;

	for (size_t i = 0; i < service->endpoints_len; i++) {
		const struct ww_endpoint_report *report = service->endpoints[i].report;
		double of = (double)report->kinds_sum_ns[WW_KIND_LOCK] / (double)report->wall.sum;

		if (report->wall.sum && of >= share) {
			share = of;
			most = report;
		}
	}
	if (!most || service->rate_per_s <= service->recorded_per_s)
		return;
	ww_sentence__add(sentence, "; %s %s waits ", most->method, most->route);
	ww_sentence__share(sentence, share);
	ww_sentence__add(sentence, " of its time for locks: that grows with the rate, and may end it before");
}

void ww_capacity__sentence(const struct ww_capacity_service *service, struct ww_sentence *sentence)
{
	double most = service->most_per_s[service->first], times = service->rate_per_s / service->recorded_per_s;

	ww_sentence__number(sentence, service->rate_per_s);
	ww_sentence__add(sentence, " requests/s need ");
	ww_sentence__number(sentence, service->cores + service->other_cores);
	ww_sentence__add(sentence, " cores and hold ");
	ww_sentence__number(sentence, service->held);
	ww_sentence__add(sentence, service->loops	? " requests in flight"
				   : service->unlimited ? " threads"
							: " workers");
	if (most > 0) {
		ww_sentence__add(sentence, "; first to saturate: %s, at ", ww_bottleneck_name(service->first));
		ww_sentence__number(sentence, most);
		ww_sentence__add(sentence, "/s");
		if (service->rate_per_s > most)
			ww_sentence__add(sentence, ": so many can NOT be served");
		else if (service->used[service->first] >= WW_CAPACITY_BUSY)
			ww_sentence__add(sentence, ": queues will be long");
	}
	if (times > FAR) {
		ww_sentence__add(sentence, "; it was recorded at ");
		ww_sentence__number(sentence, service->recorded_per_s);
		ww_sentence__add(sentence, "/s: try it before you rely on it");
	}
	add_locks(service, sentence);
}

static void write_number(const struct ww_page_out *page, double number)
{
	char text[WW_TEXT_NUMBER];

	ww_table__cell(page, ww_text__number(text, number), -FIGURE);
}

static void write_limits(const struct ww_page_out *page, const struct ww_capacity_service *service, uint64_t cpus)
{
	bool narrow = page->style.width < NARROW;
	char line[NAME_BYTES], text[WW_TEXT_NUMBER];

	if (service->unlimited)
		fputs("  a thread a request: no limit seen\n", page->out);
	for (enum ww_bottleneck what = 0; what < WW_BOTTLENECK_COUNT; what++) {
		double used = service->used[what];

		if (used <= 0)
			continue;
		snprintf(line, sizeof(line), "%s: %.0f", ww_bottleneck_name(what),
			 what == WW_BOTTLENECK_CPU ? (double)cpus : service->threads);
		fputs("  ", page->out);
		ww_table__cell(page, line, narrow ? page->style.width - 2 - USED - FULL : page->style.width / 2 - 2);
		fprintf(page->out, "%s", used >= 1 ? ww_style__bad(&page->style) : "");
		snprintf(line, sizeof(line), "%.0f %% used", used * 100);
		ww_table__cell(page, line, narrow ? -USED : -2 * FIGURE);
		snprintf(line, sizeof(line), "full at %s/s", ww_text__number(text, service->most_per_s[what]));
		ww_table__cell(page, line, narrow ? -FULL : -2 * FIGURE);
		fprintf(page->out, "%s\n", ww_style__plain(&page->style));
	}
}

static void write_endpoints(const struct ww_page_out *page, const struct ww_capacity_service *service)
{
	bool narrow = page->style.width < NARROW;
	int name = page->style.width - 4 * FIGURE;
	char text[NAME_BYTES];

	fputs(ww_style__dim(&page->style), page->out);
	if (!narrow)
		ww_table__cell(page, "  endpoint", name);
	ww_table__cell(page, "req/s", -FIGURE);
	ww_table__cell(page, "cores", -FIGURE);
	ww_table__cell(page, "held", -FIGURE);
	ww_table__cell(page, "in flight", -FIGURE);
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
	for (size_t i = 0; i < service->endpoints_len; i++) {
		const struct ww_capacity_endpoint *endpoint = &service->endpoints[i];

		snprintf(text, sizeof(text), "%s %s", endpoint->report->method, endpoint->report->route);
		fputs("  ", page->out);
		ww_table__cell(page, text, narrow ? page->style.width - 2 : name - 2);
		fputs(narrow ? "\n" : "", page->out);
		write_number(page, endpoint->rate_per_s);
		write_number(page, endpoint->cores);
		write_number(page, endpoint->held);
		write_number(page, endpoint->in_flight);
		fputc('\n', page->out);
	}
}

static void write_upstreams(const struct ww_page_out *page, const struct ww_capacity_service *service)
{
	int name = page->style.width - 2 * FIGURE;
	char text[NAME_BYTES];

	if (!service->upstreams_len)
		return;
	fputs(ww_style__dim(&page->style), page->out);
	ww_table__cell(page, "  upstream", name);
	ww_table__cell(page, "ops/s", -FIGURE);
	ww_table__cell(page, "in flight", -FIGURE);
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
	for (size_t i = 0; i < service->upstreams_len; i++) {
		const struct ww_capacity_upstream *upstream = &service->upstreams[i];

		snprintf(text, sizeof(text), "%s %s",
			 *upstream->system ? ww_system_name(upstream->system) : ww_kind_name(upstream->kind),
			 upstream->peer);
		fputs("  ", page->out);
		ww_table__cell(page, text, name - 2);
		write_number(page, upstream->per_s);
		write_number(page, upstream->in_flight);
		fputc('\n', page->out);
	}
}

void ww_capacity__table(FILE *out, const struct ww_capacity *capacity, const struct ww_style *style)
{
	struct ww_page_out page = {.out = out, .style = *style};
	struct ww_wrap wrap = {.page = &page, .gap = 1};
	char assumes[] = "Assumes that " WW_CAPACITY_ASSUMES ".";

	if (page.style.width > WW_TABLE_WIDTH_MAX)
		page.style.width = WW_TABLE_WIDTH_MAX;
	for (size_t i = 0; i < capacity->len; i++) {
		const struct ww_capacity_service *service = &capacity->services[i];
		struct ww_wrap says = {.page = &page, .indent = 2, .gap = 1};
		struct ww_sentence sentence = {0};
		char line[WW_SENTENCE + NAME_BYTES];

		ww_capacity__sentence(service, &sentence);
		snprintf(line, sizeof(line), "%s: %s", service->service, sentence.text);
		says.indent = 0;
		fputs(ww_style__bold(style), out);
		ww_table__words(&says, line);
		fprintf(out, "%s\n", ww_style__plain(style));
		write_limits(&page, service, capacity->cpus);
		write_endpoints(&page, service);
		write_upstreams(&page, service);
		fputc('\n', out);
	}
	ww_table__words(&wrap, assumes);
	fputc('\n', out);
}

/* Of an endpoint's operations of a kind. */
static double operations_per_s(const struct ww_capacity_endpoint *endpoint, uint8_t kind)
{
	const struct ww_endpoint_report *report = endpoint->report;
	double count = 0;

	for (size_t i = 0; i < report->operations_len; i++)
		if (report->operations[i].kind == kind)
			count += (double)report->operations[i].count;
	return report->operations_requests ? endpoint->rate_per_s * count / (double)report->operations_requests : 0;
}

int ww_capacity__csv(FILE *out, const struct ww_capacity *capacity)
{
	int err = 0;

	fputs("service,method,route,recorded_per_s,rate_per_s,cores,held,in_flight,db_operations_per_s,"
	      "net_operations_per_s,service_cores,service_threads,saturates_first,saturates_at_per_s" WW_CSV_END,
	      out);
	for (size_t i = 0; i < capacity->len; i++) {
		const struct ww_capacity_service *service = &capacity->services[i];

		for (size_t j = 0; j < service->endpoints_len && !err; j++) {
			const struct ww_capacity_endpoint *endpoint = &service->endpoints[j];
			const char *const names[] = {service->service, endpoint->report->method,
						     endpoint->report->route};
			const double numbers[] = {endpoint->report->rate_per_s,
						  endpoint->rate_per_s,
						  endpoint->cores,
						  endpoint->held,
						  endpoint->in_flight,
						  operations_per_s(endpoint, WW_KIND_DB),
						  operations_per_s(endpoint, WW_KIND_NET),
						  service->cores + service->other_cores,
						  service->threads};
			char text[WW_TEXT_NUMBER];

			for (size_t n = 0; n < sizeof(names) / sizeof(names[0]) && !err; n++) {
				fputs(n ? "," : "", out);
				err = ww_csv__text(out, names[n]);
			}
			for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
				fprintf(out, ",%s", ww_text__real(text, numbers[n]));
			fprintf(out, ",%s,%s" WW_CSV_END, ww_bottleneck_name(service->first),
				ww_text__real(text, service->most_per_s[service->first]));
		}
	}
	return err;
}
