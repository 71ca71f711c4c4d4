/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A request made by hand, for the tests of the outputs: a queue, an N+1 on a database, and time that no segment shows.
 */
#ifndef WHYWAIT_SAMPLE_REQUEST_H
#define WHYWAIT_SAMPLE_REQUEST_H

#include "model/request.h"

static const struct ww_request_detail sample_request_details[] = {{WW_KIND_DB, "postgres", 60000000, 3}};
static const struct ww_request_segment sample_request_segments[] = {
	{WW_KIND_QUEUE, 0, 5000000, ""},
	{WW_KIND_COMPUTE, 5000000, 2000001, ""},
	{WW_KIND_DB, 7000001, 20000000, "postgres"},
	{WW_KIND_COMPUTE, 27000001, 1000000, ""},
	{WW_KIND_DB, 28000001, 20000000, "postgres"},
	{WW_KIND_COMPUTE, 48000001, 1000000, ""},
	{WW_KIND_DB, 49000001, 20000000, "postgres"},
	{WW_KIND_NET, 69000001, 10000000, "10.0.0.7:8080"},
	{WW_KIND_NET, 79000001, 11000000, "10.0.0.8:8080"},
};

#define SAMPLE_SELECT(start, arguments_)                                                                               \
	{                                                                                                              \
		.kind = WW_KIND_DB, .flags = WW_OPERATION_READ, .system = "postgresql", .peer = "127.0.0.1:5432",      \
		.summary = "SELECT items", .statement = "SELECT name FROM items WHERE \"id\" = ?", .error = "",        \
		.start_ns = (start), .duration_ns = 19900000, .bytes_out = 60, .bytes_in = 900,                        \
		.arguments = (arguments_)                                                                              \
	}
#define SAMPLE_CALL(start, duration, error_)                                                                           \
	{                                                                                                              \
		.kind = WW_KIND_NET, .system = "http", .peer = "10.0.0.7:8080",                                        \
		.summary = "GET api:8080 /prices/{id}", .statement = "", .error = (error_), .start_ns = (start),       \
		.duration_ns = (duration)                                                                              \
	}

/* An N+1, and calls at the same time. */
static const struct ww_operation sample_request_operations[] = {
	{
		.kind = WW_KIND_DB,
		.flags = WW_OPERATION_CONNECT,
		.system = "postgresql",
		.peer = "127.0.0.1:5432",
		.summary = "connect",
		.statement = "",
		.error = "",
		.start_ns = 5500000,
		.duration_ns = 1500000,
	},
	SAMPLE_SELECT(7000001, 1),
	SAMPLE_SELECT(28000001, 2),
	SAMPLE_SELECT(49000001, 1),
	SAMPLE_CALL(69000001, 10000000, ""),
	SAMPLE_CALL(69500001, 20500000, "503"),
};

static const struct ww_request sample_request = {
	.start_unix_ns = 1763655731123456789ll,
	.service = "shop",
	.protocol = "http/1.1",
	.method = "GET",
	.route = "/products/{id}",
	.path = "/products/42,\"\033[2J",
	.comm = "gunicorn",
	.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	.pid = 4711,
	.tid = 4712,
	.status = 200,
	.flags = WW_FLAG_PIPELINED | WW_FLAG_SEGMENTS,
	.attribution = WW_ATTRIBUTION_INFERRED,
	.bytes_in = 123,
	.bytes_out = 45678,
	.wall_ns = 91300000,
	.first_byte_ns = 90100000,
	.cpu_ns = 4300000,
	.kinds_ns = {[WW_KIND_COMPUTE] = 4299999,
		     [WW_KIND_QUEUE] = 5000000,
		     [WW_KIND_DB] = 60000000,
		     [WW_KIND_NET] = 22000001},
	.details = sample_request_details,
	.details_len = 1,
	.segments = sample_request_segments,
	.segments_len = 9,
	.segments_truncated = true,
	.operations = sample_request_operations,
	.operations_len = 6,
	.sampled = true,
};

#endif
