/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/names.h"
#include "outputs/json_parts.h"
#include "outputs/text.h"
#include "outputs/verdict.h"
#include "outputs/whatif.h"
#include "util/version.h"

#define NSEC 1e9

static uint64_t mean(uint64_t sum, uint64_t count)
{
	return count ? sum / count : 0;
}

/* details[kind][name]: names that escapes made alike are one. */
static void put_detail(struct ww_builder *b, json_t *details, enum ww_kind kind, const char *name, uint64_t ns,
		       uint64_t count)
{
	json_t *of_kind = json_object_get(details, ww_kind_name(kind));
	char *clean = ww_text__machine(name);

	if (!of_kind)
		of_kind = put_object(b, details, ww_kind_name(kind));
	json_t *detail = clean ? json_object_get(of_kind, clean) : NULL;
	if (detail) {
		ns += (uint64_t)json_integer_value(json_object_get(detail, "sum_ns"));
		count += (uint64_t)json_integer_value(json_object_get(detail, "count"));
	} else {
		detail = put_object(b, of_kind, clean ? clean : "");
	}
	if (!clean && !b->err)
		b->err = -ENOMEM;
	put_integer(b, detail, "sum_ns", ns);
	put_integer(b, detail, "count", count);
	free(clean);
}

static void put_times(struct ww_builder *b, json_t *object, const struct ww_endpoint_report *endpoint)
{
	json_t *wall = put_object(b, object, "wall_ns"), *cpu = put_object(b, object, "cpu_ns");
	json_t *kinds = put_object(b, object, "kinds_ns");

	put_integer(b, wall, "sum", endpoint->wall.sum);
	put_integer(b, wall, "mean", endpoint->wall.mean);
	put_integer(b, wall, "p50", endpoint->wall.p50);
	put_integer(b, wall, "p95", endpoint->wall.p95);
	put_integer(b, wall, "p99", endpoint->wall.p99);
	put_integer(b, wall, "max", endpoint->wall.max);
	put_integer(b, cpu, "sum", endpoint->cpu_sum_ns);
	put_integer(b, cpu, "mean", mean(endpoint->cpu_sum_ns, endpoint->requests));
	if (endpoint->allocated.requests) {
		json_t *allocations = put_object(b, object, "allocations");

		put_integer(b, allocations, "requests", endpoint->allocated.requests);
		put_real(b, allocations, "per_request",
			 (double)endpoint->allocated.allocations / (double)endpoint->allocated.weight);
	}
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		json_t *of_kind = put_object(b, kinds, ww_kind_name(kind));
		put_integer(b, of_kind, "sum", endpoint->kinds_sum_ns[kind]);
		put_integer(b, of_kind, "mean", mean(endpoint->kinds_sum_ns[kind], endpoint->requests));
	}
}

static void put_tail(struct ww_builder *b, json_t *object, const struct ww_endpoint_report *endpoint)
{
	json_t *tail = put_object(b, object, "tail");

	put_text(b, tail, "from", "p95");
	put_integer(b, tail, "requests", endpoint->tail_requests);
	put_integer(b, put_object(b, tail, "wall_ns"), "mean",
		    mean(endpoint->tail_wall_sum_ns, endpoint->tail_requests));
	json_t *kinds = put_object(b, tail, "kinds_ns");
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		put_integer(b, put_object(b, kinds, ww_kind_name(kind)), "mean",
			    mean(endpoint->tail_kinds_sum_ns[kind], endpoint->tail_requests));
}

static void put_forecast(struct ww_builder *b, json_t *object, const struct ww_forecast *forecast)
{
	put_integer(b, object, "mean_ns", forecast->mean_ns);
	put_integer(b, object, "p50_ns", forecast->p50_ns);
	put_integer(b, object, "p95_ns", forecast->p95_ns);
	put_integer(b, object, "p99_ns", forecast->p99_ns);
}

static void append_finding(struct ww_builder *b, json_t *findings, const struct ww_finding *finding)
{
	json_t *object = append_object(b, findings);

	put_text(b, object, "id", finding->id);
	put_text(b, object, "text", finding->text);
	put_text(b, object, "advice", finding->advice);
	put_integer(b, object, "saves_ns", finding->saves_mean_ns);
	put_integer(b, object, "saves_p95_ns", finding->saves_p95_ns);
	json_t *evidence = put_object(b, object, "evidence");
	for (size_t i = 0; i < finding->evidence_len; i++) {
		const struct ww_evidence *piece = &finding->evidence[i];
		if (piece->text)
			put_text(b, evidence, piece->name, piece->text);
		else
			put_real(b, evidence, piece->name, piece->number);
	}
}

static void put_verdict(struct ww_builder *b, json_t *object, const struct ww_endpoint_report *endpoint)
{
	struct ww_verdict found = ww_verdict__of(endpoint);
	json_t *verdict = put_object(b, object, "verdict");
	char text[sizeof(found.text) + sizeof(found.faster) + 2];

	put_text(b, verdict, "bound", ww_verdict__bound_name(found.bound));
	put_real(b, verdict, "compute_share", found.compute_share);
	snprintf(text, sizeof(text), "%s%s%s", found.text, *found.faster ? "; " : "", found.faster);
	put_text(b, verdict, "text", text);
	json_t *faster = put_object(b, verdict, "faster_language_10x");
	put_forecast(b, faster, &endpoint->faster);
	put_text(b, verdict, "faster_from", endpoint->outlook.from_buckets ? "histogram" : "requests");
}

/* The flags of an operation, by their names. */
static void put_flags(struct ww_builder *b, json_t *object, uint16_t bits)
{
	json_t *flags = put_array(b, object, "flags");

	for (unsigned bit = 0; bit < 16; bit++)
		if (bits & 1u << bit && ww_operation_flag_name(bit))
			append(b, flags, json_string(ww_operation_flag_name(bit)));
}

static void append_operation_row(struct ww_builder *b, json_t *operations, const struct ww_operation_row *row,
				 uint64_t requests)
{
	json_t *object = append_object(b, operations);

	put_text(b, object, "kind", ww_kind_name(row->kind));
	put_text(b, object, "system", row->system);
	put_text(b, object, "peer", row->peer);
	put_text(b, object, "summary", row->summary);
	put_text(b, object, "statement", row->statement);
	put_real(b, object, "per_request", requests ? (double)row->count / (double)requests : 0);
	put_integer(b, object, "mean_ns", mean(row->sum_ns, row->count));
	put_integer(b, object, "p95_ns", row->p95_ns);
	put_integer(b, object, "max_ns", row->max_ns);
	put_integer(b, object, "sum_ns", row->sum_ns);
	put_integer(b, object, "requests", row->requests);
	put_integer(b, object, "count", row->count);
	put_integer(b, object, "errors", row->errors);
	put_integer(b, object, "bytes_out", row->bytes_out);
	put_integer(b, object, "bytes_in", row->bytes_in);
	put_flags(b, object, row->flags);
}

static void append_endpoint(struct ww_builder *b, json_t *endpoints, const struct ww_endpoint_report *endpoint)
{
	json_t *object = append_object(b, endpoints);

	put_text(b, object, "service", endpoint->service);
	put_text(b, object, "protocol", endpoint->protocol);
	put_text(b, object, "method", endpoint->method);
	put_text(b, object, "route", endpoint->route);
	put_integer(b, object, "requests", endpoint->requests);
	put_integer(b, object, "errors", endpoint->errors);
	put_integer(b, object, "aborted", endpoint->aborted);
	put_real(b, object, "rate_per_s", endpoint->rate_per_s);
	json_t *status = put_object(b, object, "status");
	for (size_t i = 0; i < endpoint->status_len; i++) {
		char code[8];
		snprintf(code, sizeof(code), "%u", endpoint->status[i].status);
		put_integer(b, status, code, endpoint->status[i].requests);
	}
	json_t *in_flight = put_object(b, object, "in_flight");
	put_real(b, in_flight, "mean", endpoint->in_flight_mean);
	put_integer(b, in_flight, "max", endpoint->in_flight_max);
	put_times(b, object, endpoint);
	put_tail(b, object, endpoint);
	json_t *details = put_object(b, object, "detail");
	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_row *row = &endpoint->details[i];
		put_detail(b, details, row->kind, row->name, row->sum_ns, row->count);
	}
	put_integer(b, object, "operations_requests", endpoint->operations_requests);
	json_t *operations = put_array(b, object, "operations");
	for (size_t i = 0; i < endpoint->operations_len; i++)
		append_operation_row(b, operations, &endpoint->operations[i], endpoint->operations_requests);
	json_t *attribution = put_object(b, object, "attribution");
	for (int a = 0; a < WW_ATTRIBUTION_COUNT; a++)
		put_integer(b, attribution, ww_attribution_name(a), endpoint->attribution[a]);
	put_integer(b, object, "bytes_in", endpoint->bytes_in);
	put_integer(b, object, "bytes_out", endpoint->bytes_out);
	json_t *findings = put_array(b, object, "findings");
	for (size_t i = 0; i < endpoint->findings_len; i++)
		append_finding(b, findings, &endpoint->findings[i]);
	put_verdict(b, object, endpoint);
}

static void append_service(struct ww_builder *b, json_t *services, const struct ww_service_report *service)
{
	json_t *object = append_object(b, services);

	put_text(b, object, "service", service->service);
	put_text(b, object, "container", service->container ? service->container : "");
	put_text(b, object, "cgroup", service->cgroup ? service->cgroup : "");
	if (service->executable) {
		json_t *program = put_object(b, object, "program");
		put_text(b, program, "executable", service->executable);
		put_integer(b, program, "bytes", service->executable_bytes);
		put_time(b, program, "modified", service->executable_modified_unix_ns);
		put_integer(b, program, "arguments_hash", service->arguments);
	}
	put_integer(b, object, "processes", service->processes);
	put_integer(b, object, "threads", service->threads);
	json_t *rss = put_object(b, object, "rss_bytes");
	put_integer(b, rss, "steady", service->rss_steady_bytes);
	put_integer(b, rss, "peak", service->rss_peak_bytes);
	put(b, object, "pss_steady_bytes",
	    service->pss_steady_bytes ? json_integer((json_int_t)service->pss_steady_bytes) : json_null());
	if (service->allocated_requests) {
		json_t *allocated = put_object(b, object, "allocated_per_request");
		put_real(b, allocated, "bytes", (double)service->allocated_bytes / (double)service->allocated_requests);
		put_number(b, allocated, "objects",
			   service->allocations_requests
				   ? (double)service->allocations / (double)service->allocations_requests
				   : NAN);
	}
	put_number(b, object, "rss_growth_per_request_bytes", service->rss_growth_bytes);
	put_real(b, object, "cpu_seconds", service->cpu_seconds);
	json_t *gc = put_object(b, object, "gc");
	put_integer(b, gc, "collections", service->gc_count);
	put_integer(b, gc, "stopped_ns", service->gc_ns);
	json_t *faults = put_object(b, object, "page_faults");
	put(b, faults, "minor", service->faults_known ? json_integer((json_int_t)service->minor_faults) : json_null());
	put(b, faults, "major", service->faults_known ? json_integer((json_int_t)service->major_faults) : json_null());
	put(b, object, "oom_kills", service->oom_known ? json_integer((json_int_t)service->oom_kills) : json_null());
}

/* Every character that a machine's text may hold is a printable one, so that the output is fit for a terminal too. */
int ww_json__report(FILE *out, const struct ww_report *report)
{
	struct ww_builder b = {0};
	json_t *object = json_object();

	put_integer(&b, object, "schema", WW_JSON_SCHEMA);
	put_text(&b, object, "version", ww_version);
	json_t *host = put_object(&b, object, "host");
	put_text(&b, host, "name", report->host);
	put_text(&b, host, "kernel", report->kernel);
	put_text(&b, host, "stand_ins", report->stand_ins ? report->stand_ins : "");
	put_integer(&b, host, "cpus", report->cpus);
	if (report->host_busy_ns)
		put_integer(&b, host, "busy_ns", report->host_busy_ns);
	json_t *window = put_object(&b, object, "window");
	put_time(&b, window, "start", report->start_unix_ns);
	put_time(&b, window, "end", report->end_unix_ns);
	put_real(&b, window, "duration_s", (double)ww_report__observed_ns(report) / NSEC);
	put(&b, object, "complete", json_boolean(report->complete));
	put(&b, object, "ended", json_boolean(!report->unended));
	json_t *losses = put_object(&b, object, "losses");
	for (size_t i = 0; i < report->losses_len; i++)
		put_integer(&b, losses, report->losses[i].cause, report->losses[i].count);
	json_t *unreadable = put_array(&b, object, "unreadable");
	for (size_t i = 0; i < report->unreadable_len; i++) {
		json_t *port = append_object(&b, unreadable);
		put_integer(&b, port, "port", report->unreadable[i].port);
		put_text(&b, port, "protocol", report->unreadable[i].protocol);
		put_integer(&b, port, "connections", report->unreadable[i].connections);
	}
	json_t *endpoints = put_array(&b, object, "endpoints");
	for (size_t i = 0; i < report->endpoints_len; i++)
		append_endpoint(&b, endpoints, &report->endpoints[i]);
	json_t *services = put_array(&b, object, "services");
	for (size_t i = 0; i < report->services_len; i++)
		append_service(&b, services, &report->services[i]);
	int err = write_out(out, &b, object, JSON_INDENT(2));
	json_decref(object);
	return err;
}

static int append_whatif(struct ww_builder *b, json_t *endpoints, const struct ww_endpoint_report *endpoint,
			 const struct ww_speedup *speedup)
{
	const struct ww_forecast now = {.mean_ns = endpoint->wall.mean,
					.p50_ns = endpoint->wall.p50,
					.p95_ns = endpoint->wall.p95,
					.p99_ns = endpoint->wall.p99};
	json_t *object = append_object(b, endpoints);
	struct ww_forecast then;
	int err = ww_amdahl__predict(endpoint, speedup, &then);

	if (err)
		return err;
	put_text(b, object, "service", endpoint->service);
	put_text(b, object, "method", endpoint->method);
	put_text(b, object, "route", endpoint->route);
	put_integer(b, object, "requests", endpoint->requests);
	put_forecast(b, put_object(b, object, "now"), &now);
	put_forecast(b, put_object(b, object, "then"), &then);
	put_text(b, object, "from", endpoint->outlook.from_buckets ? "histogram" : "requests");
	return 0;
}

int ww_json__whatif(FILE *out, const struct ww_report *report, const struct ww_speedup *speedup)
{
	char assumption[WW_ASSUMPTION];
	struct ww_builder b = {0};
	json_t *object = json_object();
	int err = 0;

	put_integer(&b, object, "schema", WW_JSON_SCHEMA);
	put_text(&b, object, "version", ww_version);
	put_text(&b, object, "assumption", ww_whatif__assumption(assumption, speedup));
	json_t *factors = put_object(&b, object, "times_as_fast");
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		put_real(&b, factors, ww_kind_name(kind), speedup->factor[kind]);
	put(&b, object, "parallel", json_boolean(speedup->parallel));
	json_t *endpoints = put_array(&b, object, "endpoints");
	for (size_t i = 0; i < report->endpoints_len && !err; i++)
		err = append_whatif(&b, endpoints, &report->endpoints[i], speedup);
	if (!err)
		err = write_out(out, &b, object, JSON_INDENT(2));
	json_decref(object);
	return err;
}

static void put_segments(struct ww_builder *b, json_t *object, const struct ww_request *request)
{
	json_t *segments = put_array(b, object, "segments");

	for (size_t i = 0; i < request->segments_len; i++) {
		const struct ww_request_segment *segment = &request->segments[i];
		json_t *entry = append_object(b, segments);
		put_text(b, entry, "kind", ww_kind_name(segment->kind));
		put_integer(b, entry, "start_ns", segment->start_ns);
		put_integer(b, entry, "duration_ns", segment->duration_ns);
		put_text(b, entry, "detail", segment->detail);
	}
	put(b, object, "segments_truncated", json_boolean(request->segments_truncated));
}

static void append_operation(struct ww_builder *b, json_t *operations, const struct ww_operation *operation)
{
	json_t *object = append_object(b, operations);

	put_text(b, object, "kind", ww_kind_name(operation->kind));
	put_text(b, object, "system", operation->system);
	put_text(b, object, "peer", operation->peer);
	put_text(b, object, "summary", operation->summary);
	put_text(b, object, "statement", operation->statement);
	put_integer(b, object, "start_ns", operation->start_ns);
	put_integer(b, object, "duration_ns", operation->duration_ns);
	put_text(b, object, "error", operation->error);
	put_integer(b, object, "bytes_out", operation->bytes_out);
	put_integer(b, object, "bytes_in", operation->bytes_in);
	put_integer(b, object, "arguments", operation->arguments);
	if (operation->prepared)
		put_integer(b, object, "prepared", operation->prepared);
	put_flags(b, object, operation->flags);
}

int ww_json__request(FILE *out, const struct ww_request *request)
{
	struct ww_builder b = {0};
	json_t *object = json_object();

	put_time(&b, object, "start", request->start_unix_ns);
	put_text(&b, object, "service", request->service);
	put_integer(&b, object, "pid", request->pid);
	put_integer(&b, object, "tid", request->tid);
	put_text(&b, object, "comm", request->comm);
	put_text(&b, object, "protocol", request->protocol);
	put_text(&b, object, "method", request->method);
	put_text(&b, object, "path", request->path);
	put_text(&b, object, "route", request->route);
	put_integer(&b, object, "status", request->status);
	put_integer(&b, object, "bytes_in", request->bytes_in);
	put_integer(&b, object, "bytes_out", request->bytes_out);
	put_integer(&b, object, "wall_ns", request->wall_ns);
	put_integer(&b, object, "first_byte_ns", request->first_byte_ns);
	put_integer(&b, object, "cpu_ns", request->cpu_ns);
	json_t *kinds = put_object(&b, object, "kinds_ns");
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		put_integer(&b, kinds, ww_kind_name(kind), request->kinds_ns[kind]);
	put_text(&b, object, "attribution", ww_attribution_name(request->attribution));
	json_t *flags = put_array(&b, object, "flags");
	for (unsigned bit = 0; bit < 16; bit++)
		if (request->flags & 1u << bit && ww_flag_name(bit))
			append(&b, flags, json_string(ww_flag_name(bit)));
	if (*request->traceparent)
		put_text(&b, object, "traceparent", request->traceparent);
	json_t *details = put_object(&b, object, "detail");
	for (size_t i = 0; i < request->details_len; i++) {
		const struct ww_request_detail *detail = &request->details[i];
		put_detail(&b, details, detail->kind, detail->name, detail->ns, detail->count);
	}
	json_t *operations = put_array(&b, object, "operations");
	for (size_t i = 0; i < request->operations_len; i++)
		append_operation(&b, operations, &request->operations[i]);
	put(&b, object, "operations_missing", json_boolean(request->operations_missing));
	put(&b, object, "sampled", json_boolean(request->sampled));
	if (request->segments_len)
		put_segments(&b, object, request);
	int err = write_out(out, &b, object, JSON_COMPACT);
	json_decref(object);
	return err;
}
