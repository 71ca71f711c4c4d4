/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/otlp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/names.h"
#include "outputs/json_parts.h"
#include "util/bytes.h"
#include "util/version.h"

#define TRACE_HEX   32
#define SPAN_HEX    16
#define TRACE_AT    3 /* in "00-TRACE-SPAN-FLAGS" */
#define PARENT_AT   36
#define FLAGS_AT    53
#define CONVENTIONS "https://opentelemetry.io/schemas/1.30.0"

enum { SPAN_KIND_SERVER = 2, SPAN_KIND_CLIENT = 3 };
enum { STATUS_ERROR = 2 };

/* Numbers of 64 bits are strings in the JSON of protobuf. */
static void put_number_text(struct ww_builder *b, json_t *object, const char *key, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	put_text(b, object, key, text);
}

static json_t *attribute(struct ww_builder *b, json_t *attributes, const char *key)
{
	json_t *object = append_object(b, attributes);

	put_text(b, object, "key", key);
	return put_object(b, object, "value");
}

static void put_string(struct ww_builder *b, json_t *attributes, const char *key, const char *text)
{
	if (*text)
		put_text(b, attribute(b, attributes, key), "stringValue", text);
}

static void put_count(struct ww_builder *b, json_t *attributes, const char *key, uint64_t number)
{
	put_number_text(b, attribute(b, attributes, key), "intValue", number);
}

static void put_flag(struct ww_builder *b, json_t *attributes, const char *key, bool is)
{
	put(b, attribute(b, attributes, key), "boolValue", json_boolean(is));
}

static void put_error(struct ww_builder *b, json_t *span, json_t *attributes, const char *type)
{
	put_string(b, attributes, "error.type", type);
	put_integer(b, put_object(b, span, "status"), "code", STATUS_ERROR);
}

static void make_id(char *hex, size_t len, ww_otlp_random random)
{
	unsigned char bytes[TRACE_HEX / 2];

	random(bytes, len / 2);
	for (size_t i = 0; i < len / 2; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

/* The spans of a request while they are put together. */
struct spans {
	struct ww_builder b;
	const struct ww_request *request;
	ww_otlp_random random;
	char trace[TRACE_HEX + 1], server[SPAN_HEX + 1], parent[SPAN_HEX + 1];
};

/* Returns the attributes. */
static json_t *fill_span(struct spans *s, json_t *span, const char *id, const char *parent, int kind, const char *name,
			 uint64_t start_ns, uint64_t duration_ns)
{
	uint64_t start = (uint64_t)s->request->start_unix_ns + start_ns;

	put_text(&s->b, span, "traceId", s->trace);
	put_text(&s->b, span, "spanId", id);
	if (*parent)
		put_text(&s->b, span, "parentSpanId", parent);
	put_text(&s->b, span, "name", name);
	put_integer(&s->b, span, "kind", (uint64_t)kind);
	put_number_text(&s->b, span, "startTimeUnixNano", start);
	put_number_text(&s->b, span, "endTimeUnixNano", start + duration_ns);
	return put_array(&s->b, span, "attributes");
}

static void put_http_server(struct ww_builder *b, json_t *attributes, const struct ww_request *request)
{
	const char *version = strchr(request->protocol, '/');

	put_string(b, attributes, "http.request.method", request->method);
	put_string(b, attributes, "http.route", request->route);
	put_string(b, attributes, "url.path", request->path);
	put_string(b, attributes, "url.scheme", "http");
	put_string(b, attributes, "network.protocol.name", "http");
	if (version)
		put_string(b, attributes, "network.protocol.version", version + 1);
	if (request->status)
		put_count(b, attributes, "http.response.status_code", request->status);
	put_count(b, attributes, "http.request.size", request->bytes_in);
	put_count(b, attributes, "http.response.size", request->bytes_out);
}

static void put_server_error(struct ww_builder *b, json_t *span, json_t *attributes, const struct ww_request *request)
{
	char type[16];

	if (!request->status) {
		put_error(b, span, attributes, "no_response");
	} else if (request->status >= 500) {
		snprintf(type, sizeof(type), "%u", request->status);
		put_error(b, span, attributes, type);
	}
}

static json_t *server_span(struct spans *s)
{
	const struct ww_request *request = s->request;
	bool http = !strncmp(request->protocol, "http/", 5);
	char name[512], key[64];
	json_t *span = json_object(), *attributes;

	snprintf(name, sizeof(name), "%s%s%s", request->method, *request->method && *request->route ? " " : "",
		 request->route);
	attributes = fill_span(s, span, s->server, s->parent, SPAN_KIND_SERVER, *name ? name : request->protocol, 0,
			       request->wall_ns);
	if (http)
		put_http_server(&s->b, attributes, request);
	put_count(&s->b, attributes, "thread.id", request->tid);
	put_string(&s->b, attributes, "thread.name", request->comm);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		snprintf(key, sizeof(key), "whywait.kinds_ns.%s", ww_kind_name(kind));
		put_count(&s->b, attributes, key, request->kinds_ns[kind]);
	}
	put_count(&s->b, attributes, "whywait.wall_ns", request->wall_ns);
	put_count(&s->b, attributes, "whywait.cpu_ns", request->cpu_ns);
	if (request->first_byte_ns)
		put_count(&s->b, attributes, "whywait.first_byte_ns", request->first_byte_ns);
	put_string(&s->b, attributes, "whywait.attribution", ww_attribution_name(request->attribution));
	if (request->operations_missing)
		put_flag(&s->b, attributes, "whywait.operations_missing", true);
	put_server_error(&s->b, span, attributes, request);
	return span;
}

/* "127.0.0.1:5432", "[::1]:5432", or a path. */
static void put_peer(struct ww_builder *b, json_t *attributes, const char *peer)
{
	const char *colon = strrchr(peer, ':');
	unsigned port;
	char end, address[256];

	if (*peer != '/' && colon && sscanf(colon + 1, "%5u%c", &port, &end) == 1 &&
	    (size_t)(colon - peer) < sizeof(address)) {
		size_t len = (size_t)(colon - peer);
		bool brackets = len > 1 && peer[0] == '[' && peer[len - 1] == ']';

		snprintf(address, sizeof(address), "%.*s", (int)(len - 2 * brackets), peer + brackets);
		put_string(b, attributes, "server.address", address);
		put_count(b, attributes, "server.port", port);
		return;
	}
	put_string(b, attributes, "server.address", peer);
	if (*peer == '/' || *peer == '@')
		put_string(b, attributes, "network.transport", "unix");
}

/* A call's summary is "GET api:8080 /users/{id}". Writes the span's name, "GET /users/{id}". */
static void put_http_client(struct ww_builder *b, json_t *attributes, const struct ww_operation *operation, char *name,
			    size_t size)
{
	const char *summary = operation->summary, *template = strchr(summary, '/');
	size_t method = strcspn(summary, " ");
	char word[32], end;
	unsigned status;

	snprintf(word, sizeof(word), "%.*s", (int)method, summary);
	put_string(b, attributes, "http.request.method", word);
	if (template)
		put_string(b, attributes, "url.template", template);
	if (sscanf(operation->error, "%3u%c", &status, &end) == 1)
		put_count(b, attributes, "http.response.status_code", status);
	snprintf(name, size, "%s%s%s", word, template ? " " : "", template ? template : "");
}

static json_t *client_span(struct spans *s, const struct ww_operation *operation)
{
	char id[SPAN_HEX + 1], name[WW_SUMMARY_SIZE + 32];
	json_t *span = json_object(), *kinds = json_array();

	snprintf(name, sizeof(name), "%s", *operation->summary ? operation->summary : operation->system);
	if (operation->kind == WW_KIND_DB) {
		put_string(&s->b, kinds, "db.system.name", operation->system);
		put_string(&s->b, kinds, "db.query.summary", operation->summary);
		put_string(&s->b, kinds, "db.query.text", operation->statement);
		put_string(&s->b, kinds, "db.response.status_code", operation->error);
	} else if (!strcmp(operation->system, "http") && !(operation->flags & WW_OPERATION_CONNECT)) {
		put_http_client(&s->b, kinds, operation, name, sizeof(name));
	}
	make_id(id, SPAN_HEX, s->random);
	json_t *attributes = fill_span(s, span, id, s->server, SPAN_KIND_CLIENT, *name ? name : "call",
				       operation->start_ns, operation->duration_ns);
	if (json_array_extend(attributes, kinds) && !s->b.err)
		s->b.err = -ENOMEM;
	json_decref(kinds);
	put_peer(&s->b, attributes, operation->peer);
	if (*operation->error)
		put_error(&s->b, span, attributes, operation->error);
	return span;
}

bool ww_otlp__sampled(const struct ww_request *request)
{
	const char *flags = request->traceparent;

	if (strlen(flags) < FLAGS_AT + 2)
		return true;
	return strchr("13579bdf", flags[FLAGS_AT + 1]);
}

/* Joins the caller's trace, or begins one. */
static void join(struct spans *s)
{
	const char *traceparent = s->request->traceparent;

	make_id(s->server, SPAN_HEX, s->random);
	s->parent[0] = '\0';
	if (strlen(traceparent) < FLAGS_AT + 2) {
		make_id(s->trace, TRACE_HEX, s->random);
		return;
	}
	snprintf(s->trace, sizeof(s->trace), "%.*s", TRACE_HEX, traceparent + TRACE_AT);
	snprintf(s->parent, sizeof(s->parent), "%.*s", SPAN_HEX, traceparent + PARENT_AT);
}

int ww_otlp__spans(char **text, unsigned *spans, const struct ww_request *request, ww_otlp_random random)
{
	struct spans s = {.request = request, .random = random};
	json_t *array = json_array();
	char *dumped;

	join(&s);
	append(&s.b, array, server_span(&s));
	for (size_t i = 0; i < request->operations_len; i++)
		append(&s.b, array, client_span(&s, &request->operations[i]));
	dumped = s.b.err ? NULL : json_dumps(array, JSON_COMPACT);
	if (dumped) {
		size_t len = strlen(dumped);

		/* Without its brackets it is a part of an array. */
		memmove(dumped, dumped + 1, len - 2);
		dumped[len - 2] = '\0';
		*text = dumped;
		*spans = (unsigned)json_array_size(array);
	} else if (!s.b.err) {
		s.b.err = -ENOMEM;
	}
	json_decref(array);
	return s.b.err;
}

static void put_words(struct ww_bytes *bytes, const char *text)
{
	ww_bytes__put(bytes, text, strlen(text));
}

static int by_service(const void *a, const void *b)
{
	return strcmp(((const struct ww_otlp_item *)a)->service, ((const struct ww_otlp_item *)b)->service);
}

#define RESOURCE_END "}]}"

/* All of a ResourceSpans but its spans, which go before the end. */
static char *resource_of(const char *service, const char *host)
{
	struct ww_builder b = {0};
	json_t *object = json_object(), *attributes = put_array(&b, put_object(&b, object, "resource"), "attributes");
	char *text;

	put_string(&b, attributes, "service.name", service);
	put_string(&b, attributes, "host.name", host);
	put_string(&b, attributes, "os.type", "linux");
	json_t *scope = put_object(&b, append_object(&b, put_array(&b, object, "scopeSpans")), "scope");
	put_text(&b, scope, "name", "whywait");
	put_text(&b, scope, "version", ww_version);
	text = b.err ? NULL : json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

int ww_otlp__export(char **text, struct ww_otlp_item *items, size_t len, const char *host)
{
	struct ww_bytes out = {0};

	qsort(items, len, sizeof(*items), by_service);
	put_words(&out, "{\"resourceSpans\":[");
	for (size_t i = 0, end; i < len; i = end) {
		char *resource = resource_of(items[i].service, host);

		if (!resource) {
			ww_bytes__free(&out);
			return -ENOMEM;
		}
		/* It ends with "}]}", of the scope's spans, their list and the resource's. */
		ww_bytes__put(&out, resource, strlen(resource) - strlen(RESOURCE_END));
		free(resource);
		put_words(&out, ",\"schemaUrl\":\"" CONVENTIONS "\",\"spans\":[");
		for (end = i; end < len && !strcmp(items[end].service, items[i].service); end++) {
			if (end > i)
				put_words(&out, ",");
			put_words(&out, items[end].spans);
		}
		put_words(&out, "]" RESOURCE_END);
		if (end < len)
			put_words(&out, ",");
	}
	ww_bytes__put(&out, "]}", sizeof("]}"));
	if (out.failed) {
		ww_bytes__free(&out);
		return -ENOMEM;
	}
	*text = (char *)out.data;
	return 0;
}
