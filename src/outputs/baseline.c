/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/baseline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/text.h"

#define SECOND_DIGITS 19 /* of RFC 3339: what is in front of a second's fraction */

/* A cell's text: a bar would end it. */
static int put_text(FILE *out, const char *text)
{
	char *clean = ww_text__machine(text);

	if (!clean)
		return -ENOMEM;
	for (const char *c = clean; *c; c++) {
		if (*c == '|' || *c == '\\' || *c == '`')
			fputc('\\', out);
		fputc(*c, out);
	}
	free(clean);
	return 0;
}

static int put_endpoint(FILE *out, const struct ww_endpoint_report *endpoint, bool allocations)
{
	const uint64_t times[] = {endpoint->wall.mean, endpoint->wall.p50, endpoint->wall.p95, endpoint->wall.p99,
				  endpoint->cpu_sum_ns / endpoint->requests};
	const enum ww_kind kinds[] = {WW_KIND_COMPUTE, WW_KIND_DB, WW_KIND_NET};
	const char *const names[] = {endpoint->service, " ", endpoint->method, " ", endpoint->route};
	char number[WW_TEXT_NUMBER];
	int err = 0;

	fputs("| ", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++)
		err = put_text(out, names[i]);
	fprintf(out, " | %s", ww_text__count(number, endpoint->requests));
	fprintf(out, " | %s", ww_text__number(number, endpoint->rate_per_s));
	fprintf(out, " | %s", ww_text__share(number, endpoint->errors, endpoint->requests));
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		fprintf(out, " | %s", ww_text__ms(number, times[i]));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		fprintf(out, " | %s", ww_text__share(number, endpoint->kinds_sum_ns[kinds[i]], endpoint->wall.sum));
	if (allocations && endpoint->allocated.weight)
		fprintf(out, " | %s",
			ww_text__number(number,
					(double)endpoint->allocated.allocations / (double)endpoint->allocated.weight));
	else if (allocations)
		fputs(" | not known", out);
	fputs(" |\n", out);
	return err;
}

static int put_service(FILE *out, const struct ww_report *report, const struct ww_service_report *service,
		       bool allocated)
{
	uint64_t requests = 0;
	char number[WW_TEXT_NUMBER];
	int err;

	for (size_t i = 0; i < report->endpoints_len; i++)
		if (!strcmp(report->endpoints[i].service, service->service))
			requests += report->endpoints[i].requests;
	fputs("| ", out);
	err = put_text(out, service->service);
	fprintf(out, " | %" PRIu64, service->processes);
	fprintf(out, " | %s", ww_text__bytes(number, service->rss_steady_bytes));
	fprintf(out, " | %s", ww_text__bytes(number, service->rss_peak_bytes));
	fprintf(out, " | %s",
		service->pss_steady_bytes ? ww_text__bytes(number, service->pss_steady_bytes) : "not known");
	fprintf(out, " | %s", ww_text__number(number, service->cpu_seconds));
	if (service->faults_known && requests)
		fprintf(out, " | %s",
			ww_text__number(number,
					(double)(service->minor_faults + service->major_faults) / (double)requests));
	else
		fputs(" | not known", out);
	if (service->faults_known && requests)
		fprintf(out, " | %s", ww_text__number(number, 1000 * (double)service->gc_count / (double)requests));
	else
		fputs(" | not known", out);
	if (allocated && service->allocated_requests)
		fprintf(out, " | %s", ww_text__bytes(number, service->allocated_bytes / service->allocated_requests));
	else if (allocated)
		fputs(" | not known", out);
	if (allocated && service->allocations_requests)
		fprintf(out, " | %s",
			ww_text__number(number, (double)service->allocations / (double)service->allocations_requests));
	else if (allocated)
		fputs(" | not known", out);
	fputs(" |\n", out);
	return err;
}

int ww_baseline__write(FILE *out, const struct ww_report *report)
{
	char start[WW_TEXT_NUMBER], end[WW_TEXT_NUMBER];
	bool allocations = false, allocated = false; /* were recorded, of requests, by runtimes */
	int err;

	fputs("# Baseline\n\n", out);
	err = put_text(out, report->host);
	fputs(", Linux ", out);
	err = err ?: put_text(out, report->kernel);
	fprintf(out, ", %u CPUs; %.*s to %.*s UTC; %s\n\n", report->cpus, SECOND_DIGITS,
		ww_text__rfc3339(start, report->start_unix_ns), SECOND_DIGITS,
		ww_text__rfc3339(end, report->end_unix_ns),
		report->complete ? "complete" : "NOT COMPLETE: hold nothing against it");
	for (size_t i = 0; i < report->endpoints_len; i++)
		allocations |= report->endpoints[i].allocated.requests > 0;
	fprintf(out,
		"| endpoint | requests | req/s | errors | mean ms | p50 ms | p95 ms | p99 ms | CPU ms | compute | db | "
		"net |%s\n"
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|%s\n",
		allocations ? " allocations |" : "", allocations ? "--:|" : "");
	for (size_t i = 0; i < report->endpoints_len && !err; i++)
		if (report->endpoints[i].requests)
			err = put_endpoint(out, &report->endpoints[i], allocations);
	for (size_t i = 0; i < report->services_len; i++)
		allocated |= report->services[i].allocated_requests > 0;
	fprintf(out,
		"\n| service | processes | memory | at its peak | PSS | CPU s | page faults a request | collections in "
		"1000 requests |%s\n"
		"|---|--:|--:|--:|--:|--:|--:|--:|%s\n",
		allocated ? " allocated a request | objects |" : "", allocated ? "--:|--:|" : "");
	for (size_t i = 0; i < report->services_len && !err; i++)
		err = put_service(out, report, &report->services[i], allocated);
	return err;
}
