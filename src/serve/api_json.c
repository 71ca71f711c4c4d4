/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/api_json.h"

#include <stdlib.h>

#include "model/names.h"
#include "outputs/frames.h"
#include "outputs/json_parts.h"
#include "outputs/verdict.h"
#include "util/version.h"

#define NSEC	   1000000000
#define HEAT_PER_2 4	/* rows of the heat map in a power of two */
#define LINES_MOST 4000 /* of stacks: those with most time */

/* In the order of kinds.def, which the status tells. */
static void put_kinds(struct ww_builder *b, json_t *object, const uint64_t kinds_ns[WW_KIND_COUNT])
{
	json_t *kinds = put_array(b, object, "kinds_ns");

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		append(b, kinds, json_integer((json_int_t)kinds_ns[kind]));
}

static const char *state_name(enum ww_daemon_state state)
{
	switch (state) {
	case WW_DAEMON_STARTING:
		return "starting";
	case WW_DAEMON_OBSERVING:
		return "observing";
	case WW_DAEMON_PAUSED:
		return "paused";
	default:
		return "stopping";
	}
}

int ww_api_json__status(FILE *out, const struct ww_daemon_status *status, const struct ww_api_window *recorded)
{
	static const struct {
		const char *name, *meaning;
	} kinds[] = {
#define WW_KIND(id, kind_name, kind_meaning) [WW_KIND_##id] = {kind_name, kind_meaning},
#include "whywait/kinds.def"
#undef WW_KIND
	};
	struct ww_builder b = {0};
	json_t *object = json_object(), *list;
	int err;

	put_text(&b, object, "version", ww_version);
	put_text(&b, object, "state", state_name(status->state));
	put_text(&b, object, "reason", status->reason);
	put_time(&b, object, "started", status->start_unix_ns);
	put_integer(&b, object, "requests", status->requests);
	put_integer(&b, object, "errors", status->errors);
	put_integer(&b, object, "lost", status->lost);
	put_real(&b, object, "cost_share", status->cost.share);
	put_real(&b, object, "cpu_seconds", (double)status->cost.cpu_ns / 1e9);
	put_real(&b, object, "bpf_seconds", (double)status->cost.bpf_ns / 1e9);
	put_integer(&b, object, "memory_bytes", status->cost.memory_bytes);
	if (recorded->end_unix_ns) {
		json_t *window = put_object(&b, object, "recorded");
		put_time(&b, window, "start", recorded->start_unix_ns);
		put_time(&b, window, "end", recorded->end_unix_ns);
	} else {
		put(&b, object, "recorded", json_null());
	}
	list = put_array(&b, object, "kinds");
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		json_t *entry = append_object(&b, list);
		put_text(&b, entry, "name", kinds[kind].name);
		put_text(&b, entry, "meaning", kinds[kind].meaning);
	}
	err = write_out(out, &b, object, JSON_COMPACT);
	json_decref(object);
	return err;
}

static void append_endpoint(struct ww_builder *b, json_t *endpoints, const struct ww_endpoint_report *endpoint)
{
	json_t *object = append_object(b, endpoints);
	struct ww_verdict verdict = ww_verdict__of(endpoint);

	put_text(b, object, "service", endpoint->service);
	put_text(b, object, "method", endpoint->method);
	put_text(b, object, "route", endpoint->route);
	put_integer(b, object, "requests", endpoint->requests);
	put_integer(b, object, "errors", endpoint->errors);
	put_real(b, object, "rate_per_s", endpoint->rate_per_s);
	json_t *wall = put_object(b, object, "wall_ns");
	put_integer(b, wall, "sum", endpoint->wall.sum);
	put_integer(b, wall, "mean", endpoint->wall.mean);
	put_integer(b, wall, "p50", endpoint->wall.p50);
	put_integer(b, wall, "p95", endpoint->wall.p95);
	put_integer(b, wall, "p99", endpoint->wall.p99);
	put_integer(b, wall, "max", endpoint->wall.max);
	put_kinds(b, object, endpoint->kinds_sum_ns);
	put_text(b, object, "bound", ww_verdict__bound_name(verdict.bound));
}

int ww_api_json__endpoints(FILE *out, const struct ww_report *report)
{
	struct ww_builder b = {0};
	json_t *object = json_object(), *host, *window, *endpoints, *losses;
	int err;

	host = put_object(&b, object, "host");
	put_text(&b, host, "name", report->host);
	put_text(&b, host, "kernel", report->kernel);
	put_integer(&b, host, "cpus", report->cpus);
	window = put_object(&b, object, "window");
	put_time(&b, window, "start", report->start_unix_ns);
	put_time(&b, window, "end", report->end_unix_ns);
	put_real(&b, window, "duration_s", (double)(report->end_unix_ns - report->start_unix_ns) / NSEC);
	put(&b, object, "complete", json_boolean(report->complete));
	losses = put_object(&b, object, "losses");
	for (size_t i = 0; i < report->losses_len; i++)
		put_integer(&b, losses, report->losses[i].cause, report->losses[i].count);
	endpoints = put_array(&b, object, "endpoints");
	for (size_t i = 0; i < report->endpoints_len; i++)
		append_endpoint(&b, endpoints, &report->endpoints[i]);
	err = write_out(out, &b, object, JSON_COMPACT);
	json_decref(object);
	return err;
}

/* The row of a bucket: rows are a quarter of a power of two high. */
static unsigned row_of(uint32_t bucket)
{
	return bucket >> (WW_BUCKET_BITS - 2);
}

static uint64_t row_low(unsigned row)
{
	return ww_bucket_low(row << (WW_BUCKET_BITS - 2));
}

/* Which rows any step has. */
static void rows_of(const struct ww_series_step *steps, size_t len, unsigned *first, unsigned *last)
{
	*first = ~0u;
	*last = 0;
	for (size_t i = 0; i < len; i++) {
		const struct ww_histogram *histogram = &steps[i].sums.histogram;
		uint32_t low, high;

		if (!histogram->len)
			continue;
		ww_histogram__at(histogram, 0, &low);
		ww_histogram__at(histogram, histogram->len - 1, &high);
		*first = row_of(low) < *first ? row_of(low) : *first;
		*last = row_of(high) > *last ? row_of(high) : *last;
	}
}

/* Requests in each row, from the first one on, as far as the step has any. */
static void put_heat(struct ww_builder *b, json_t *object, const struct ww_histogram *histogram, unsigned first)
{
	json_t *heat = put_array(b, object, "heat");
	unsigned row = first;
	uint64_t count = 0;

	for (uint32_t i = 0; i < histogram->len; i++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(histogram, i, &index);

		for (; row < row_of(index); row++) {
			append(b, heat, json_integer((json_int_t)count));
			count = 0;
		}
		count += bucket.count;
	}
	if (histogram->len)
		append(b, heat, json_integer((json_int_t)count));
}

/* How much of a step there is: the first and the last one are not whole, and there are gaps. */
static double observed_s(const struct ww_series_step *step, int64_t step_ns, const struct ww_api_window *recorded)
{
	int64_t start = step->start_unix_ns;
	int64_t from = start > recorded->start_unix_ns ? start : recorded->start_unix_ns;
	int64_t to = start + step_ns < recorded->end_unix_ns ? start + step_ns : recorded->end_unix_ns;

	to -= step->not_observed_ns;
	return to > from ? (double)(to - from) / NSEC : 0;
}

int ww_api_json__series(FILE *out, const struct ww_series_step *steps, size_t len, int64_t step_ns,
			const struct ww_api_window *recorded)
{
	struct ww_builder b = {0};
	json_t *object = json_object(), *rows, *list;
	unsigned first, last;
	int err;

	rows_of(steps, len, &first, &last);
	put_real(&b, object, "step_s", (double)step_ns / NSEC);
	/* From where on each row is; the last one is where the uppermost ends. */
	rows = put_array(&b, object, "rows_ns");
	for (unsigned row = first; first <= last && row <= last + 1; row++)
		append(&b, rows, json_integer((json_int_t)row_low(row)));
	list = put_array(&b, object, "steps");
	for (size_t i = 0; i < len; i++) {
		const struct ww_aggregate *sums = &steps[i].sums;
		double observed = observed_s(&steps[i], step_ns, recorded);
		json_t *step;

		/* Of a step that has just begun nothing is told yet. */
		if (i && i + 1 == len && observed < 1 && !sums->requests)
			break;
		step = append_object(&b, list);
		put(&b, step, "start_s", json_integer(steps[i].start_unix_ns / NSEC));
		put_real(&b, step, "observed_s", observed);
		put_integer(&b, step, "requests", sums->requests);
		put_integer(&b, step, "errors", sums->errors);
		if (!sums->histogram.len)
			continue;
		put_kinds(&b, step, sums->kinds_ns);
		put_integer(&b, step, "p50_ns", ww_histogram__quantile(&sums->histogram, 50));
		put_integer(&b, step, "p95_ns", ww_histogram__quantile(&sums->histogram, 95));
		put_integer(&b, step, "p99_ns", ww_histogram__quantile(&sums->histogram, 99));
		put_heat(&b, step, &sums->histogram, first);
	}
	err = write_out(out, &b, object, JSON_COMPACT);
	json_decref(object);
	return err;
}

static int by_time(const void *a, const void *b)
{
	const struct ww_frame_line *x = a, *y = b;

	return x->ns != y->ns ? (x->ns > y->ns ? -1 : 1) : 0;
}

static void append_line(struct ww_builder *b, json_t *list, const struct ww_frame_line *line)
{
	json_t *entry = append_object(b, list), *frames;

	put(b, entry, "kind", json_integer(line->kind));
	put_integer(b, entry, "ns", line->ns);
	put_integer(b, entry, "samples", line->samples);
	frames = put_array(b, entry, "frames");
	for (uint32_t i = 0; i < line->len; i++)
		append(b, frames, json_integer(line->words[i]));
}

int ww_api_json__stacks(FILE *out, const struct ww_profile *profile)
{
	struct ww_frame_lines lines;
	struct ww_builder b = {0};
	json_t *object, *words, *list;
	uint64_t left_out = 0;
	int err = ww_frame_lines__of(&lines, profile);

	if (err)
		return err;
	qsort(lines.lines, lines.len, sizeof(*lines.lines), by_time);
	object = json_object();
	put(&b, object, "recorded", json_boolean(profile->wanted || profile->taken));
	put_integer(&b, object, "requests", profile->requests);
	put_integer(&b, object, "sampled", profile->sampled);
	words = put_array(&b, object, "names");
	for (uint32_t i = 0; i < ww_intern__len(lines.words); i++)
		append(&b, words, json_string(ww_intern__get(lines.words, i)));
	list = put_array(&b, object, "stacks");
	for (size_t i = 0; i < lines.len; i++) {
		if (i < LINES_MOST)
			append_line(&b, list, &lines.lines[i]);
		else
			left_out += lines.lines[i].ns;
	}
	put_integer(&b, object, "left_out_ns", left_out);
	err = write_out(out, &b, object, JSON_COMPACT);
	json_decref(object);
	ww_frame_lines__free(&lines);
	return err;
}
