/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whole requests as OpenTelemetry spans, in OTLP's JSON encoding: a server span per request that carries its kinds, and
 * a client span below it per operation. Names and attributes are those of the semantic conventions (HTTP, databases,
 * DNS; version 1.30); what they have no word for begins with `whywait.`.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
#ifndef WHYWAIT_OTLP_H
#define WHYWAIT_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/request.h"

/* Random bytes that are not all zeros, for ids. */
typedef void (*ww_otlp_random)(void *bytes, size_t len);

/* Whether the trace that the request belongs to is recorded by those before it; so is one that begins here. */
bool ww_otlp__sampled(const struct ww_request *request);

/*
 * The spans of one request, separated by commas: a part of a `spans` array. Writes a string to *text that is the
 * caller's to free(), and the number of spans to *spans. -ENOMEM, -EOVERFLOW.
 */
int ww_otlp__spans(char **text, unsigned *spans, const struct ww_request *request, ww_otlp_random random);

/* The spans of one request, and whose they are. */
struct ww_otlp_item {
	const char *service, *spans;
};

/*
 * An ExportTraceServiceRequest of all of them, each service a resource of its own; sorts `items` by service. Writes a
 * string to *text that is the caller's to free(). -ENOMEM.
 */
int ww_otlp__export(char **text, struct ww_otlp_item *items, size_t len, const char *host);

#endif
