/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/compare.h"

#include "model/names.h"
#include "outputs/json_parts.h"
#include "util/version.h"

#define NSEC 1e9

static void put_side(struct ww_builder *b, json_t *object, const char *key, const char *name,
		     const struct ww_report *report)
{
	json_t *side = put_object(b, object, key);

	put_text(b, side, "name", name);
	put_text(b, side, "host", report->host);
	put_text(b, side, "kernel", report->kernel);
	put_integer(b, side, "cpus", report->cpus);
	put_time(b, side, "start", report->start_unix_ns);
	put_time(b, side, "end", report->end_unix_ns);
	put_real(b, side, "duration_s", (double)ww_report__observed_ns(report) / NSEC);
	put(b, side, "complete", json_boolean(report->complete));
	put(b, side, "ended", json_boolean(!report->unended));
}

static void put_change(struct ww_builder *b, json_t *figures, enum ww_metric metric, const struct ww_change *change)
{
	static const char *const units[] = {
		[WW_UNIT_RATE] = "per_second", [WW_UNIT_SHARE] = "share", [WW_UNIT_TIME] = "ns",
		[WW_UNIT_NUMBER] = "number",   [WW_UNIT_BYTES] = "bytes",
	};
	json_t *figure = put_object(b, figures, ww_metric_name(metric));

	put_text(b, figure, "unit", units[ww_metric_unit(metric)]);
	put_number(b, figure, "before", change->before.value);
	put_number(b, figure, "after", change->after.value);
	put_number(b, figure, "change", change->after.value - change->before.value);
	put_number(b, figure, "change_low", change->low);
	put_number(b, figure, "change_high", change->high);
	put_number(b, figure, "change_share", ww_change__part(change));
	put_text(b, figure, "certainty", ww_certainty_name(change->certainty));
}

static void put_tail(struct ww_builder *b, json_t *object, const char *key, const struct ww_endpoint_report *report)
{
	json_t *kinds = put_object(b, object, key);

	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		put_integer(b, kinds, ww_kind_name(kind),
			    report && report->tail_requests ? report->tail_kinds_sum_ns[kind] / report->tail_requests
							    : 0);
}

static void append_endpoint(struct ww_builder *b, json_t *endpoints, const struct ww_endpoint_comparison *endpoint)
{
	json_t *object = append_object(b, endpoints);
	const struct ww_endpoint_report *before = endpoint->before, *after = endpoint->after;
	uint64_t requests[2] = {before ? before->requests : 0, after ? after->requests : 0};
	struct ww_sentence said = {0};

	put(b, object, "service_before", before ? json_string(before->service) : json_null());
	put(b, object, "service_after", after ? json_string(after->service) : json_null());
	put_text(b, object, "method", endpoint->method);
	put_text(b, object, "route", endpoint->route);
	put_integer(b, object, "requests_before", requests[0]);
	put_integer(b, object, "requests_after", requests[1]);
	put_real(b, object, "share_after", (double)requests[1] / (double)(requests[0] + requests[1]));
	ww_comparison__sentence(endpoint, &said);
	put_text(b, object, "text", said.text);
	json_t *figures = put_object(b, object, "figures");
	for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++)
		put_change(b, figures, metric, &endpoint->changes[metric]);
	put_tail(b, object, "tail_kinds_before_ns", before);
	put_tail(b, object, "tail_kinds_after_ns", after);
}

static void append_judgement(struct ww_builder *b, json_t *required, const struct ww_judgement *judgement)
{
	const struct ww_endpoint_comparison *endpoint = judgement->endpoint;
	json_t *object = append_object(b, required);

	put_text(b, object, "require", judgement->requirement->text);
	put_text(b, object, "service", endpoint->after ? endpoint->after->service : endpoint->before->service);
	if (!ww_metric_is_of_service(judgement->requirement->metric)) {
		put_text(b, object, "method", endpoint->method);
		put_text(b, object, "route", endpoint->route);
	}
	put_text(b, object, "verdict", ww_verdict_of_requirement_name(judgement->verdict));
	put_text(b, object, "text", judgement->why.text);
}

int ww_compare__json(FILE *out, const struct ww_compared *compared)
{
	const struct ww_comparison *comparison = compared->comparison;
	struct ww_builder b = {0};
	json_t *object = json_object();
	bool met = true;

	put_integer(&b, object, "schema", WW_JSON_SCHEMA);
	put_text(&b, object, "version", ww_version);
	put_side(&b, object, "before", compared->names[0], comparison->before);
	put_side(&b, object, "after", compared->names[1], comparison->after);
	json_t *warnings = put_array(&b, object, "warnings");
	for (size_t i = 0; i < compared->doubts->len; i++)
		append(&b, warnings, json_string(compared->doubts->texts[i].text));
	json_t *notes = put_array(&b, object, "notes");
	for (size_t i = 0; i < compared->doubts->notes_len; i++)
		append(&b, notes, json_string(compared->doubts->notes[i].text));
	json_t *endpoints = put_array(&b, object, "endpoints");
	for (size_t i = 0; i < comparison->endpoints_len; i++)
		append_endpoint(&b, endpoints, &comparison->endpoints[i]);
	json_t *required = put_array(&b, object, "required");
	for (size_t i = 0; i < compared->judgements_len; i++) {
		append_judgement(&b, required, &compared->judgements[i]);
		met &= compared->judgements[i].verdict == WW_REQUIREMENT_MET;
	}
	put(&b, object, "met", json_boolean(met));
	int err = write_out(out, &b, object, JSON_INDENT(2));
	json_decref(object);
	return err;
}
