/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests as spans. That a receiver takes them is what tests/live/ shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "outputs/otlp.h"
#include "sample_request.h"

static unsigned char next;

static void counted(void *bytes, size_t len)
{
	memset(bytes, ++next, len);
}

/* The spans of a request, read back. The caller releases them. */
static json_t *spans_of(const struct ww_request *request)
{
	char *text, array[65536];
	unsigned spans;

	next = 0;
	assert_int_equal(ww_otlp__spans(&text, &spans, request, counted), 0);
	assert_true((size_t)snprintf(array, sizeof(array), "[%s]", text) < sizeof(array));
	free(text);
	json_t *read = json_loads(array, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(read);
	assert_int_equal(json_array_size(read), spans);
	return read;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

/* The attribute's value as text; "(none)" when there is none. Two of a name are wrong. */
static const char *attribute(const json_t *span, const char *key)
{
	const json_t *attributes = json_object_get(span, "attributes"), *value = NULL;

	for (size_t i = 0; i < json_array_size(attributes); i++) {
		const json_t *one = json_array_get(attributes, i);

		if (strcmp(text_of(one, "key"), key))
			continue;
		assert_null(value);
		value = json_object_get(one, "value");
	}
	if (!value)
		return "(none)";
	assert_int_equal(json_object_size(value), 1);
	const char *text = text_of(value, "stringValue");
	return strcmp(text, "(none)") ? text : text_of(value, "intValue");
}

static void a_request_is_a_server_span_of_its_callers_trace(void **state)
{
	json_t *spans = spans_of(&sample_request);
	const json_t *span = json_array_get(spans, 0);
	uint64_t sum = 0;
	char key[64];

	(void)state;
	assert_string_equal(text_of(span, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
	assert_string_equal(text_of(span, "parentSpanId"), "00f067aa0ba902b7");
	assert_string_equal(text_of(span, "spanId"), "0101010101010101");
	assert_string_equal(text_of(span, "name"), "GET /products/{id}");
	assert_int_equal(json_integer_value(json_object_get(span, "kind")), 2);
	assert_string_equal(text_of(span, "startTimeUnixNano"), "1763655731123456789");
	assert_string_equal(text_of(span, "endTimeUnixNano"), "1763655731214756789");
	assert_string_equal(attribute(span, "http.request.method"), "GET");
	assert_string_equal(attribute(span, "http.route"), "/products/{id}");
	assert_string_equal(attribute(span, "http.response.status_code"), "200");
	assert_string_equal(attribute(span, "network.protocol.version"), "1.1");
	assert_string_equal(attribute(span, "whywait.attribution"), "inferred");
	assert_null(strchr(attribute(span, "url.path"), '\033'));
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		snprintf(key, sizeof(key), "whywait.kinds_ns.%s", ww_kind_name(kind));
		sum += strtoull(attribute(span, key), NULL, 10);
	}
	assert_int_equal(sum, strtoull(attribute(span, "whywait.wall_ns"), NULL, 10));
	assert_int_equal(sum, sample_request.wall_ns);
	assert_null(json_object_get(span, "status"));
	json_decref(spans);
}

static void operations_are_client_spans_below_it(void **state)
{
	json_t *spans = spans_of(&sample_request);
	const json_t *query = json_array_get(spans, 2), *call = json_array_get(spans, 6);

	(void)state;
	assert_int_equal(json_array_size(spans), 7);
	for (size_t i = 1; i < 7; i++) {
		const json_t *span = json_array_get(spans, i);

		assert_string_equal(text_of(span, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
		assert_string_equal(text_of(span, "parentSpanId"), "0101010101010101");
		assert_string_not_equal(text_of(span, "spanId"), "0101010101010101");
		assert_int_equal(json_integer_value(json_object_get(span, "kind")), 3);
	}
	assert_string_equal(text_of(query, "name"), "SELECT items");
	assert_string_equal(text_of(query, "startTimeUnixNano"), "1763655731130456790");
	assert_string_equal(text_of(query, "endTimeUnixNano"), "1763655731150356790");
	assert_string_equal(attribute(query, "db.system.name"), "postgresql");
	assert_string_equal(attribute(query, "db.query.summary"), "SELECT items");
	assert_string_equal(attribute(query, "db.query.text"), "SELECT name FROM items WHERE \"id\" = ?");
	assert_string_equal(attribute(query, "server.address"), "127.0.0.1");
	assert_string_equal(attribute(query, "server.port"), "5432");
	assert_null(json_object_get(query, "status"));
	assert_string_equal(text_of(call, "name"), "GET /prices/{id}");
	assert_string_equal(attribute(call, "url.template"), "/prices/{id}");
	assert_string_equal(attribute(call, "http.response.status_code"), "503");
	assert_string_equal(attribute(call, "error.type"), "503");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(call, "status"), "code")), 2);
	json_decref(spans);
}

static void without_a_traceparent_a_trace_begins(void **state)
{
	struct ww_request request = sample_request;

	(void)state;
	request.traceparent = "";
	request.status = 0;
	json_t *spans = spans_of(&request);
	const json_t *span = json_array_get(spans, 0);
	assert_string_equal(text_of(span, "traceId"), "02020202020202020202020202020202");
	assert_null(json_object_get(span, "parentSpanId"));
	assert_string_equal(attribute(span, "http.response.status_code"), "(none)");
	assert_string_equal(attribute(span, "error.type"), "no_response");
	json_decref(spans);
}

static void the_caller_decides_whether_a_trace_is_recorded(void **state)
{
	static const struct {
		const char *traceparent;
		bool sampled;
	} cases[] = {
		{"", true},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", true},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct ww_request request = {.traceparent = cases[i].traceparent};

		assert_int_equal(ww_otlp__sampled(&request), cases[i].sampled);
	}
}

static void peers_are_addresses_with_ports_or_paths(void **state)
{
	static const struct {
		const char *peer, *address, *port, *transport;
	} cases[] = {
		{"10.0.0.7:8080", "10.0.0.7", "8080", "(none)"},
		{"[::1]:5432", "::1", "5432", "(none)"},
		{"/run/postgresql/.s.PGSQL.5432", "/run/postgresql/.s.PGSQL.5432", "(none)", "unix"},
		{"/run/odd:80", "/run/odd:80", "(none)", "unix"},
		{"", "(none)", "(none)", "(none)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct ww_operation operation = {.kind = WW_KIND_NET,
						       .system = "",
						       .peer = cases[i].peer,
						       .summary = "",
						       .statement = "",
						       .error = ""};
		struct ww_request request = sample_request;

		request.operations = &operation;
		request.operations_len = 1;
		json_t *spans = spans_of(&request);
		const json_t *span = json_array_get(spans, 1);
		assert_string_equal(text_of(span, "name"), "call");
		assert_string_equal(attribute(span, "server.address"), cases[i].address);
		assert_string_equal(attribute(span, "server.port"), cases[i].port);
		assert_string_equal(attribute(span, "network.transport"), cases[i].transport);
		json_decref(spans);
	}
}

static void an_export_has_a_resource_per_service(void **state)
{
	struct ww_otlp_item items[] = {
		{"shop", "{\"a\":1},{\"a\":2}"}, {"cart \"x\"", "{\"a\":3}"}, {"shop", "{\"a\":4}"}};
	char *text;

	(void)state;
	assert_int_equal(ww_otlp__export(&text, items, 3, "host-1"), 0);
	json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	assert_non_null(read);
	const json_t *resources = json_object_get(read, "resourceSpans"), *shop = json_array_get(resources, 1);
	assert_int_equal(json_array_size(resources), 2);
	assert_string_equal(attribute(json_object_get(json_array_get(resources, 0), "resource"), "service.name"),
			    "cart \"x\"");
	assert_string_equal(attribute(json_object_get(shop, "resource"), "service.name"), "shop");
	assert_string_equal(attribute(json_object_get(shop, "resource"), "host.name"), "host-1");
	const json_t *scope = json_array_get(json_object_get(shop, "scopeSpans"), 0);
	assert_string_equal(text_of(json_object_get(scope, "scope"), "name"), "whywait");
	assert_int_equal(json_array_size(json_object_get(scope, "spans")), 3);
	json_decref(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_a_server_span_of_its_callers_trace),
		cmocka_unit_test(operations_are_client_spans_below_it),
		cmocka_unit_test(without_a_traceparent_a_trace_begins),
		cmocka_unit_test(the_caller_decides_whether_a_trace_is_recorded),
		cmocka_unit_test(peers_are_addresses_with_ports_or_paths),
		cmocka_unit_test(an_export_has_a_resource_per_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
