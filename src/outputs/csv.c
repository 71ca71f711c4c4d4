/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "outputs/text.h"

#define END_OF_RECORD WW_CSV_END
#define NSEC	      1e9
#define FORMULA	      "=+-@\t\r" /* spreadsheets take what begins so for one */

int ww_csv__text(FILE *out, const char *text)
{
	char *clean = ww_text__machine(text);

	if (!clean)
		return -ENOMEM;
	bool formula = *clean && strchr(FORMULA, *clean);

	if (!formula && !clean[strcspn(clean, ",\"\r\n")]) {
		fputs(clean, out);
	} else {
		fputs(formula ? "\"'" : "\"", out);
		for (const char *c = clean; *c; c++) {
			if (*c == '"')
				fputc('"', out);
			fputc(*c, out);
		}
		fputc('"', out);
	}
	free(clean);
	return 0;
}

static void put_real(FILE *out, double number)
{
	char text[WW_TEXT_NUMBER];

	fprintf(out, ",%s", ww_text__real(text, number));
}

static void put_ms(FILE *out, uint64_t ns)
{
	char text[WW_TEXT_NUMBER];

	fprintf(out, ",%s", ww_text__exact_ms(text, ns));
}

static void put_integer(FILE *out, uint64_t number)
{
	fprintf(out, ",%" PRIu64, number);
}

/* A mean in ms: all digits that a double has, so that times `requests` it gives the sum back. */
static void put_mean_ms(FILE *out, uint64_t sum_ns, uint64_t requests)
{
	put_real(out, requests ? (double)((long double)sum_ns / 1e6L / (long double)requests) : 0);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* Operations of a kind, per request; where no request's are known, waits on the kind's named causes. */
static double operations(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	uint64_t count = 0;

	for (size_t i = 0; i < endpoint->operations_len; i++)
		if (endpoint->operations[i].kind == kind)
			count += endpoint->operations[i].count;
	if (endpoint->operations_requests)
		return share(count, endpoint->operations_requests);
	for (size_t i = 0; i < endpoint->details_len; i++)
		if (endpoint->details[i].kind == kind)
			count += endpoint->details[i].count;
	return share(count, endpoint->requests);
}

static const struct ww_service_report *service_of(const struct ww_report *report, const char *name)
{
	static const struct ww_service_report unknown;

	for (size_t i = 0; i < report->services_len; i++)
		if (!strcmp(report->services[i].service, name))
			return &report->services[i];
	return &unknown;
}

void ww_csv__report_header(FILE *out)
{
	fputs("start,end,service,method,route,requests,errors,rate_per_s,"
	      "wall_mean_ms,wall_p50_ms,wall_p95_ms,wall_p99_ms,wall_max_ms",
	      out);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		fprintf(out, ",%s_ms,%s_share", ww_kind_name(kind), ww_kind_name(kind));
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		fprintf(out, ",tail_%s_ms", ww_kind_name(kind));
	fputs(",db_operations_per_request,net_operations_per_request,cpu_seconds,cores_used,"
	      "in_flight_mean,in_flight_max,rss_steady_bytes,rss_peak_bytes",
	      out);
	for (int a = 0; a < WW_ATTRIBUTION_COUNT; a++)
		fprintf(out, ",%s", ww_attribution_name(a));
	fputs(",complete" END_OF_RECORD, out);
}

static int put_endpoint(FILE *out, const struct ww_report *report, const struct ww_endpoint_report *endpoint)
{
	const struct ww_service_report *service = service_of(report, endpoint->service);
	const char *const names[] = {endpoint->service, endpoint->method, endpoint->route};
	double window = (double)ww_report__observed_ns(report) / NSEC;
	double cpu_seconds = (double)endpoint->cpu_sum_ns / NSEC;
	char start[WW_TEXT_NUMBER], end[WW_TEXT_NUMBER];

	fprintf(out, "%s,%s", ww_text__rfc3339(start, report->start_unix_ns),
		ww_text__rfc3339(end, report->end_unix_ns));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fputc(',', out);
		int err = ww_csv__text(out, names[i]);
		if (err)
			return err;
	}
	put_integer(out, endpoint->requests);
	put_integer(out, endpoint->errors);
	put_real(out, endpoint->rate_per_s);
	put_mean_ms(out, endpoint->wall.sum, endpoint->requests);
	put_ms(out, endpoint->wall.p50);
	put_ms(out, endpoint->wall.p95);
	put_ms(out, endpoint->wall.p99);
	put_ms(out, endpoint->wall.max);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		put_mean_ms(out, endpoint->kinds_sum_ns[kind], endpoint->requests);
		put_real(out, share(endpoint->kinds_sum_ns[kind], endpoint->wall.sum));
	}
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		put_mean_ms(out, endpoint->tail_kinds_sum_ns[kind], endpoint->tail_requests);
	put_real(out, operations(endpoint, WW_KIND_DB));
	put_real(out, operations(endpoint, WW_KIND_NET));
	put_real(out, cpu_seconds);
	put_real(out, window > 0 ? cpu_seconds / window : 0);
	put_real(out, endpoint->in_flight_mean);
	put_integer(out, endpoint->in_flight_max);
	put_integer(out, service->rss_steady_bytes);
	put_integer(out, service->rss_peak_bytes);
	for (int a = 0; a < WW_ATTRIBUTION_COUNT; a++)
		put_integer(out, endpoint->attribution[a]);
	fprintf(out, ",%s" END_OF_RECORD, report->complete ? "true" : "false");
	return 0;
}

int ww_csv__report(FILE *out, const struct ww_report *report)
{
	int err = 0;

	for (size_t i = 0; i < report->endpoints_len && !err; i++)
		err = put_endpoint(out, report, &report->endpoints[i]);
	return err;
}

void ww_csv__request_header(FILE *out)
{
	fputs("start,service,pid,tid,method,path,route,status,bytes_in,bytes_out,wall_ns,first_byte_ns,cpu_ns", out);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		fprintf(out, ",%s_ns", ww_kind_name(kind));
	fputs(",attribution,traceparent" END_OF_RECORD, out);
}

int ww_csv__request(FILE *out, const struct ww_request *request)
{
	char start[WW_TEXT_NUMBER];

	fprintf(out, "%s,", ww_text__rfc3339(start, request->start_unix_ns));
	int err = ww_csv__text(out, request->service);
	if (err)
		return err;
	put_integer(out, request->pid);
	put_integer(out, request->tid);
	const char *const names[] = {request->method, request->path, request->route};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fputc(',', out);
		err = ww_csv__text(out, names[i]);
		if (err)
			return err;
	}
	const uint64_t numbers[] = {request->status,  request->bytes_in,      request->bytes_out,
				    request->wall_ns, request->first_byte_ns, request->cpu_ns};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		put_integer(out, numbers[i]);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		put_integer(out, request->kinds_ns[kind]);
	fprintf(out, ",%s,", ww_attribution_name(request->attribution));
	err = ww_csv__text(out, request->traceparent);
	fputs(END_OF_RECORD, out);
	return err;
}
