/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/capacity.h"

#include "model/names.h"
#include "outputs/json_parts.h"
#include "util/version.h"

static void put_limits(struct ww_builder *b, json_t *object, const struct ww_capacity_service *service)
{
	json_t *limits = put_object(b, object, "limits");

	for (enum ww_bottleneck what = 0; what < WW_BOTTLENECK_COUNT; what++) {
		if (service->used[what] <= 0)
			continue;
		json_t *limit = put_object(b, limits, ww_bottleneck_name(what));
		put_real(b, limit, "used", service->used[what]);
		put_real(b, limit, "most_per_s", service->most_per_s[what]);
	}
	if (service->most_per_s[service->first] > 0) {
		put_text(b, object, "saturates_first", ww_bottleneck_name(service->first));
		put_real(b, object, "saturates_at_per_s", service->most_per_s[service->first]);
	}
}

static void append_service(struct ww_builder *b, json_t *services, const struct ww_capacity_service *service)
{
	json_t *object = append_object(b, services);
	struct ww_sentence text = {0};

	ww_capacity__sentence(service, &text);
	put_text(b, object, "service", service->service);
	put_text(b, object, "text", text.text);
	put_real(b, object, "recorded_per_s", service->recorded_per_s);
	put_real(b, object, "rate_per_s", service->rate_per_s);
	put_real(b, object, "cores", service->cores + service->other_cores);
	put_real(b, object, "cores_beside_requests", service->other_cores);
	put_real(b, object, "held", service->held);
	put_real(b, object, "in_flight", service->in_flight);
	put_real(b, object, "threads", service->threads);
	put_text(b, object, "threads_are",
		 service->unlimited	? "one a request"
		 : service->loops	? "event loops"
		 : service->threads > 0 ? "workers"
					: "");
	put_limits(b, object, service);
	json_t *endpoints = put_array(b, object, "endpoints");
	for (size_t i = 0; i < service->endpoints_len; i++) {
		const struct ww_capacity_endpoint *endpoint = &service->endpoints[i];
		json_t *entry = append_object(b, endpoints);
		put_text(b, entry, "method", endpoint->report->method);
		put_text(b, entry, "route", endpoint->report->route);
		put_real(b, entry, "recorded_per_s", endpoint->report->rate_per_s);
		put_real(b, entry, "rate_per_s", endpoint->rate_per_s);
		put_real(b, entry, "cores", endpoint->cores);
		put_real(b, entry, "held", endpoint->held);
		put_real(b, entry, "in_flight", endpoint->in_flight);
	}
	json_t *upstreams = put_array(b, object, "upstreams");
	for (size_t i = 0; i < service->upstreams_len; i++) {
		const struct ww_capacity_upstream *upstream = &service->upstreams[i];
		json_t *entry = append_object(b, upstreams);
		put_text(b, entry, "kind", ww_kind_name(upstream->kind));
		put_text(b, entry, "system", upstream->system);
		put_text(b, entry, "peer", upstream->peer);
		put_real(b, entry, "operations_per_s", upstream->per_s);
		put_real(b, entry, "in_flight", upstream->in_flight);
	}
}

int ww_capacity__json(FILE *out, const struct ww_capacity *capacity)
{
	struct ww_builder b = {0};
	json_t *object = json_object();

	put_integer(&b, object, "schema", WW_JSON_SCHEMA);
	put_text(&b, object, "version", ww_version);
	put_text(&b, object, "assumes", WW_CAPACITY_ASSUMES);
	put_integer(&b, object, "cpus", capacity->cpus);
	put_real(&b, object, "cores", capacity->cores);
	json_t *services = put_array(&b, object, "services");
	for (size_t i = 0; i < capacity->len; i++)
		append_service(&b, services, &capacity->services[i]);
	int err = write_out(out, &b, object, JSON_INDENT(2));
	json_decref(object);
	return err;
}
