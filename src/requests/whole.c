/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/whole.h"

#include <string.h>

#include "util/utf8.h"

/* The part of a time line that keeps its contract: in order, within the request. */
static size_t name_segments(struct ww_detail_names *names, const struct ww_segments *line, uint64_t wall_ns,
			    struct ww_request_segment segments[WW_SEGMENTS], bool *truncated)
{
	uint64_t end_ns = 0;
	size_t len = 0;

	*truncated = line->truncated;
	for (uint32_t i = 0; i < line->len; i++) {
		const struct ww_segment *segment = &line->segments[i];
		uint32_t name;

		if (!segment->duration_ns)
			continue;
		if (segment->kind >= WW_KIND_COUNT || segment->start_ns < end_ns || segment->start_ns > wall_ns ||
		    segment->duration_ns > wall_ns - segment->start_ns) {
			*truncated = true;
			break;
		}
		end_ns = segment->start_ns + segment->duration_ns;
		name = ww_detail_names__find(names, segment->kind, segment->type, segment->value);
		segments[len++] = (struct ww_request_segment){
			.kind = segment->kind,
			.start_ns = segment->start_ns,
			.duration_ns = segment->duration_ns,
			.detail = name == WW_INTERN_NONE ? "" : ww_intern__get(names->intern, name),
		};
	}
	return len;
}

/* "00-<32 hex>-<16 hex>-<2 hex>" of W3C trace context; anything else is none. */
static bool is_traceparent(const char *text)
{
	for (int i = 0; i < WW_TRACEPARENT; i++) {
		bool dash = i == 2 || i == 35 || i == 52;

		if (dash ? text[i] != '-' : !((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	}
	return true;
}

static size_t name_operations(const struct ww_parts *parts, struct ww_operation operations[WW_OPERATIONS_MAX])
{
	for (size_t i = 0; i < parts->done.len; i++) {
		const struct ww_done *done = &parts->done.done[i];

		const struct ww_catalog_operation name = ww_catalog__operation_name(parts->catalog, done->name);

		operations[i] = (struct ww_operation){
			.kind = name.kind,
			.flags = done->flags,
			.system = name.system,
			.peer = name.peer,
			.summary = name.summary,
			.statement = name.statement,
			.error = ww_operations__error(parts->operations, done->error),
			.start_ns = done->start_ns - parts->account->start_ns,
			.duration_ns = done->end_ns - done->start_ns,
			.bytes_out = done->bytes_out,
			.bytes_in = done->bytes_in,
			.name = done->name,
			.arguments = done->arguments,
			.prepared = done->prepared,
		};
	}
	return parts->done.len;
}

void ww_whole__of(const struct ww_parts *parts, void (*take)(void *ctx, const struct ww_request *request), void *ctx)
{
	const struct ww_account *account = parts->account;
	const struct ww_catalog_endpoint *names = &parts->catalog->endpoints[parts->endpoint];
	struct ww_operation operations[WW_OPERATIONS_MAX];
	struct ww_request_segment segments[WW_SEGMENTS];
	struct ww_request_detail details[WW_DETAIL_SUMS];
	char comm[WW_COMM + 1], traceparent[WW_TRACEPARENT + 1] = "";
	struct ww_request request = {
		.start_unix_ns = (int64_t)account->start_ns + parts->unix_offset_ns,
		.service = parts->catalog->services[names->service].name,
		.protocol = account->flags & (WW_FLAG_RUN | WW_FLAG_CALL | WW_FLAG_MESSAGE) ? names->protocol
			    : account->flags & WW_FLAG_FASTCGI				    ? "fastcgi"
			    : account->minor						    ? "http/1.1"
											    : "http/1.0",
		.method = names->method,
		.route = names->route,
		.path = parts->path,
		.comm = comm,
		.traceparent = traceparent,
		.pid = account->tgid,
		.tid = account->tid,
		.status = account->status,
		.flags = account->flags,
		.attribution = account->attribution,
		.bytes_in = account->bytes_in,
		.bytes_out = account->bytes_out,
		.wall_ns = account->end_ns - account->start_ns,
		.cpu_ns = account->cpu_ns,
		.details = details,
		.details_len = parts->details_len,
		.segments = segments,
		.operations = operations,
		.operations_len = name_operations(parts, operations),
		.operations_missing = !parts->done.known,
	};

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		request.kinds_ns[kind] = account->kinds_ns[kind];
	if (account->first_byte_ns >= account->start_ns)
		request.first_byte_ns = account->first_byte_ns - account->start_ns;
	ww_utf8__copy(comm, sizeof(comm), account->comm, WW_COMM);
	if (account->flags & WW_FLAG_TRACEPARENT && is_traceparent(account->traceparent))
		memcpy(traceparent, account->traceparent, WW_TRACEPARENT);
	for (size_t i = 0; i < parts->details_len; i++) {
		details[i] = (struct ww_request_detail){
			.kind = parts->details[i].kind,
			.name = ww_intern__get(parts->names->intern, parts->details[i].name),
			.ns = parts->details[i].ns,
			.count = parts->details[i].count,
		};
	}
	if (parts->line)
		request.segments_len = name_segments(parts->names, parts->line, request.wall_ns, segments,
						     &request.segments_truncated);
	take(ctx, &request);
}
