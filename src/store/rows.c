/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/rows.h"

#include <stdio.h>

#include "model/names.h"
#include "store/codec.h"
#include "store/request_json.h"
#include "store/schema.h"

#define LOSS_INTERVAL                                                                                                  \
	"INSERT INTO loss_interval VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"
/* Sums of one run: of several that went on in the file, those of the one with the most. */
#define UNREADABLE                                                                                                     \
	"INSERT INTO unreadable VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET connections = max(connections, ?3)"

/* A second has one commit for the most part, an interval ten: its memory is that on the mean. */
#define SAMPLE                                                                                                         \
	"INSERT INTO service_sample VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"                      \
	"  samples = samples + 1, requests = requests + excluded.requests,"                                            \
	"  rss_bytes = rss_bytes + (excluded.rss_bytes - rss_bytes) / (samples + 1),"                                  \
	"  pss_bytes = coalesce(excluded.pss_bytes, pss_bytes), allocations = allocations + excluded.allocations,"     \
	"  allocated_bytes = allocated_bytes + excluded.allocated_bytes"

static const char *const texts[WW_STATEMENT_COUNT] = {
	[WW_STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[WW_STATEMENT_COMMIT] = "COMMIT",
	[WW_STATEMENT_ROLLBACK] = "ROLLBACK",
	[WW_STATEMENT_META] = "INSERT OR REPLACE INTO meta VALUES (?, ?)",
	[WW_STATEMENT_KIND] = "INSERT INTO kind VALUES (?, ?, ?)",
	[WW_STATEMENT_SERVICE] = "INSERT OR REPLACE INTO service VALUES (?, ?, ?, ?)",
	[WW_STATEMENT_PROGRAM] = "INSERT OR REPLACE INTO service_program VALUES (?, ?, ?, ?, ?)",
	[WW_STATEMENT_USAGE] = "INSERT OR REPLACE INTO service_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[WW_STATEMENT_ENDPOINT] = "INSERT OR REPLACE INTO endpoint VALUES (?, ?, ?, ?, ?)",
	[WW_STATEMENT_NAME] = "INSERT INTO detail_name VALUES (?, ?)",
	[WW_STATEMENT_OPERATION_NAME] = "INSERT INTO operation_name VALUES (?, ?, ?, ?, ?, ?)",
	[WW_STATEMENT_INTERVAL] = ww_schema_insert_interval,
	[WW_STATEMENT_STATUS] = "INSERT INTO endpoint_status VALUES (?, ?, ?, ?)",
	[WW_STATEMENT_DETAIL] = "INSERT INTO endpoint_detail VALUES (?, ?, ?, ?, ?, ?)",
	[WW_STATEMENT_OPERATION] = "INSERT INTO endpoint_operation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[WW_STATEMENT_JOURNAL] = "INSERT INTO journal (interval, changes, operations) VALUES (?, ?, ?)",
	[WW_STATEMENT_JOURNAL_END] = "DELETE FROM journal WHERE interval = ?",
	[WW_STATEMENT_REQUEST] = ww_schema_insert_request,
	[WW_STATEMENT_REQUEST_END] = "DELETE FROM request WHERE id = ?",
	[WW_STATEMENT_UNSAMPLE] = "UPDATE request SET sampled = 0 WHERE id = ?",
	[WW_STATEMENT_STACK_FRAME] = "INSERT INTO stack_frame VALUES (?, ?)",
	[WW_STATEMENT_STACK] = "INSERT INTO stack VALUES (?, ?, ?)",
	[WW_STATEMENT_STACK_SAMPLE] = "INSERT INTO stack_sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[WW_STATEMENT_STACK_REQUESTS] = "INSERT INTO stack_requests VALUES (?, ?, ?, ?, ?)",
	[WW_STATEMENT_ALLOCATION] = "INSERT INTO endpoint_allocation VALUES (?, ?, ?, ?, ?, ?)",
	[WW_STATEMENT_SAMPLE] = SAMPLE,
	[WW_STATEMENT_LOSS] =
		"INSERT INTO loss VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
	[WW_STATEMENT_LOSS_INTERVAL] = LOSS_INTERVAL,
	[WW_STATEMENT_GAP] = "INSERT INTO gap VALUES (?, ?)",
	[WW_STATEMENT_UNREADABLE] = UNREADABLE,
};

int ww_rows__prepare(struct ww_rows *rows, sqlite3 *db, bool goes_on)
{
	struct ww_rows fresh = {.db = db};

	for (int i = 0; i < WW_STATEMENT_COUNT; i++) {
		if (!goes_on && (i == WW_STATEMENT_LOSS_INTERVAL || i == WW_STATEMENT_GAP))
			continue;
		/* What goes on may be of a version that has no such table, and counts none. */
		if (goes_on && (i == WW_STATEMENT_ALLOCATION || i == WW_STATEMENT_SAMPLE))
			continue;
		int rc = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &fresh.statements[i], NULL);

		if (rc != SQLITE_OK) {
			ww_rows__free(&fresh);
			return rc;
		}
	}
	*rows = fresh;
	return SQLITE_OK;
}

void ww_rows__free(struct ww_rows *rows)
{
	if (!rows)
		return;
	for (int i = 0; i < WW_STATEMENT_COUNT; i++)
		sqlite3_finalize(rows->statements[i]);
	ww_bytes__free(&rows->scratch);
	ww_bytes__free(&rows->more_scratch);
	ww_bytes__free(&rows->most_scratch);
	*rows = (struct ww_rows){0};
}

/* The values of a statement, bound one after the other. */
struct values {
	sqlite3_stmt *statement;
	int index;
	int rc; /* the first failure */
};

static struct values start(struct ww_rows *rows, enum ww_statement statement)
{
	return (struct values){.statement = rows->statements[statement]};
}

static void number(struct values *values, uint64_t value)
{
	int rc = sqlite3_bind_int64(values->statement, ++values->index, (sqlite3_int64)value);

	if (values->rc == SQLITE_OK)
		values->rc = rc;
}

/* A reference to a row of another table; WW_INTERN_NONE: to none. */
static void reference(struct values *values, uint32_t value)
{
	if (value != WW_INTERN_NONE)
		number(values, value);
	else
		sqlite3_bind_null(values->statement, ++values->index);
}

static void none(struct values *values)
{
	int rc = sqlite3_bind_null(values->statement, ++values->index);

	if (values->rc == SQLITE_OK)
		values->rc = rc;
}

static void text(struct values *values, const char *value)
{
	int rc = sqlite3_bind_text(values->statement, ++values->index, value, -1, SQLITE_STATIC);

	if (values->rc == SQLITE_OK)
		values->rc = rc;
}

static void bytes(struct values *values, const struct ww_bytes *value, bool is_text)
{
	int rc;

	if (value->failed)
		rc = SQLITE_NOMEM;
	else if (is_text)
		rc = sqlite3_bind_text64(values->statement, ++values->index, (const char *)value->data, value->len,
					 SQLITE_STATIC, SQLITE_UTF8);
	else
		/* Empty ones have no memory, and NULL would not be a blob. */
		rc = sqlite3_bind_blob64(values->statement, ++values->index,
					 value->len ? value->data : (const void *)"", value->len, SQLITE_STATIC);
	if (values->rc == SQLITE_OK)
		values->rc = rc;
}

static int finish(struct values *values)
{
	int rc = values->rc;

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(values->statement);
		if (rc == SQLITE_DONE)
			rc = SQLITE_OK;
	}
	sqlite3_reset(values->statement);
	return rc;
}

int ww_rows__run(struct ww_rows *rows, enum ww_statement statement)
{
	struct values values = start(rows, statement);

	return finish(&values);
}

int ww_rows__put_meta(struct ww_rows *rows, const char *key, const char *value)
{
	struct values values = start(rows, WW_STATEMENT_META);

	text(&values, key);
	text(&values, value);
	return finish(&values);
}

int ww_rows__put_meta_number(struct ww_rows *rows, const char *key, int64_t value)
{
	struct values values = start(rows, WW_STATEMENT_META);

	text(&values, key);
	number(&values, (uint64_t)value);
	return finish(&values);
}

int ww_rows__put_kind(struct ww_rows *rows, enum ww_kind kind)
{
	struct values values = start(rows, WW_STATEMENT_KIND);

	number(&values, kind);
	text(&values, ww_kind_name(kind));
	text(&values, ww_schema_kind_meanings[kind]);
	return finish(&values);
}

int ww_rows__put_service(struct ww_rows *rows, uint32_t id, const struct ww_catalog_service *service)
{
	struct values values = start(rows, WW_STATEMENT_SERVICE);

	number(&values, id);
	text(&values, service->name);
	text(&values, service->container);
	text(&values, service->cgroup);
	return finish(&values);
}

int ww_rows__put_endpoint(struct ww_rows *rows, uint32_t id, const struct ww_catalog_endpoint *endpoint)
{
	struct values values = start(rows, WW_STATEMENT_ENDPOINT);

	number(&values, id);
	number(&values, endpoint->service);
	text(&values, endpoint->protocol);
	text(&values, endpoint->method);
	text(&values, endpoint->route);
	return finish(&values);
}

int ww_rows__put_name(struct ww_rows *rows, uint32_t id, const char *name)
{
	struct values values = start(rows, WW_STATEMENT_NAME);

	number(&values, id);
	text(&values, name);
	return finish(&values);
}

int ww_rows__put_operation_name(struct ww_rows *rows, uint32_t id, const struct ww_catalog_operation *name)
{
	struct values values = start(rows, WW_STATEMENT_OPERATION_NAME);

	number(&values, id);
	number(&values, name->kind);
	text(&values, name->system);
	text(&values, name->peer);
	text(&values, name->summary);
	text(&values, name->statement);
	return finish(&values);
}

int ww_rows__put_program(struct ww_rows *rows, const struct ww_service_program *program)
{
	struct values values = start(rows, WW_STATEMENT_PROGRAM);

	number(&values, program->service);
	text(&values, program->executable);
	number(&values, program->bytes);
	number(&values, (uint64_t)program->modified_unix_ns);
	number(&values, program->arguments);
	return finish(&values);
}

static void number_or_none(struct values *values, uint64_t value, bool known)
{
	if (known)
		number(values, value);
	else
		none(values);
}

int ww_rows__put_usage(struct ww_rows *rows, int64_t interval, const struct ww_service_usage *usage)
{
	struct values values = start(rows, WW_STATEMENT_USAGE);

	number(&values, (uint64_t)interval);
	number(&values, usage->service);
	number(&values, usage->processes);
	number(&values, usage->threads);
	number(&values, usage->rss_bytes);
	number(&values, usage->rss_peak_bytes);
	number(&values, usage->cpu_ns);
	number(&values, usage->gc_count);
	number(&values, usage->gc_ns);
	number(&values, usage->minor_faults);
	number(&values, usage->major_faults);
	number_or_none(&values, usage->oom_kills, usage->oom_known);
	return finish(&values);
}

int ww_rows__put_sample(struct ww_rows *rows, int64_t interval, int64_t second, uint64_t requests,
			const struct ww_service_usage *usage)
{
	struct values values = start(rows, WW_STATEMENT_SAMPLE);

	number(&values, usage->service);
	number(&values, (uint64_t)second);
	number(&values, (uint64_t)interval);
	number(&values, requests);
	number(&values, usage->last.rss_bytes);
	number_or_none(&values, usage->last.pss_bytes, usage->last.pss_bytes > 0);
	number_or_none(&values, usage->last.allocations, usage->last.allocations_known);
	number_or_none(&values, usage->last.allocated_bytes, usage->last.allocated_known);
	return finish(&values);
}

int ww_rows__put_loss(struct ww_rows *rows, const char *cause, uint64_t count, bool loses)
{
	struct values values = start(rows, WW_STATEMENT_LOSS);

	text(&values, cause);
	number(&values, count);
	number(&values, loses);
	return finish(&values);
}

int ww_rows__put_interval_loss(struct ww_rows *rows, int64_t interval, const char *cause, uint64_t count, bool loses)
{
	struct values values = start(rows, WW_STATEMENT_LOSS_INTERVAL);

	number(&values, (uint64_t)interval);
	text(&values, cause);
	number(&values, count);
	number(&values, loses);
	return finish(&values);
}

int ww_rows__put_gap(struct ww_rows *rows, int64_t start_unix_ns, int64_t end_unix_ns)
{
	struct values values = start(rows, WW_STATEMENT_GAP);

	number(&values, (uint64_t)start_unix_ns);
	number(&values, (uint64_t)end_unix_ns);
	return finish(&values);
}

int ww_rows__put_unreadable(struct ww_rows *rows, const struct ww_unreadable_port *port)
{
	struct values values = start(rows, WW_STATEMENT_UNREADABLE);

	number(&values, port->port);
	text(&values, port->protocol);
	number(&values, port->connections);
	return finish(&values);
}

static int put_interval(struct ww_rows *rows, int64_t interval, uint32_t endpoint, const struct ww_aggregate *aggregate,
			const struct ww_blocks *seconds)
{
	struct values values = start(rows, WW_STATEMENT_INTERVAL);

	number(&values, (uint64_t)interval);
	number(&values, endpoint);
	number(&values, aggregate->requests);
	number(&values, aggregate->errors);
	number(&values, aggregate->aborted);
	for (int i = 0; i < WW_ATTRIBUTION_COUNT; i++)
		number(&values, aggregate->attribution[i]);
	number(&values, aggregate->in_flight_max);
	number(&values, ww_aggregate__wall_ns(aggregate));
	number(&values, aggregate->wall_max_ns);
	number(&values, aggregate->cpu_ns);
	number(&values, aggregate->bytes_in);
	number(&values, aggregate->bytes_out);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		number(&values, aggregate->kinds_ns[kind]);
	rows->scratch.len = 0;
	ww_codec__put_histogram(&rows->scratch, &aggregate->histogram);
	bytes(&values, &rows->scratch, false);
	number(&values, aggregate->operations_requests);
	rows->more_scratch.len = 0;
	if (seconds)
		ww_codec__put_blocks(&rows->more_scratch, seconds, interval);
	bytes(&values, &rows->more_scratch, false);
	return finish(&values);
}

static int put_operation(struct ww_rows *rows, int64_t interval, uint32_t endpoint, const struct ww_operation_sum *sum)
{
	struct values values = start(rows, WW_STATEMENT_OPERATION);

	if (!sum->count)
		return SQLITE_OK;
	number(&values, (uint64_t)interval);
	number(&values, endpoint);
	number(&values, sum->name);
	number(&values, sum->requests);
	number(&values, sum->count);
	number(&values, sum->errors);
	number(&values, sum->ns);
	number(&values, sum->max_ns);
	number(&values, sum->bytes_out);
	number(&values, sum->bytes_in);
	number(&values, sum->flags);
	rows->scratch.len = 0;
	ww_codec__put_durations(&rows->scratch, sum);
	bytes(&values, &rows->scratch, false);
	return finish(&values);
}

int ww_rows__put_aggregate(struct ww_rows *rows, int64_t interval, uint32_t endpoint,
			   const struct ww_aggregate *aggregate, const struct ww_blocks *seconds)
{
	int rc = put_interval(rows, interval, endpoint, aggregate, seconds);

	for (uint32_t i = 0; rc == SQLITE_OK && i < aggregate->status_len; i++) {
		struct values values = start(rows, WW_STATEMENT_STATUS);

		number(&values, (uint64_t)interval);
		number(&values, endpoint);
		number(&values, aggregate->status[i].status);
		number(&values, aggregate->status[i].requests);
		rc = finish(&values);
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < aggregate->details_len; i++) {
		struct values values = start(rows, WW_STATEMENT_DETAIL);

		number(&values, (uint64_t)interval);
		number(&values, endpoint);
		number(&values, aggregate->details[i].kind);
		number(&values, aggregate->details[i].name);
		number(&values, aggregate->details[i].ns);
		number(&values, aggregate->details[i].count);
		rc = finish(&values);
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < aggregate->operations.len; i++)
		rc = put_operation(rows, interval, endpoint, &aggregate->operations.sums[i]);
	return rc;
}

int ww_rows__put_journal(struct ww_rows *rows, int64_t interval, const struct ww_slice *slice)
{
	struct values values = start(rows, WW_STATEMENT_JOURNAL);

	number(&values, (uint64_t)interval);
	rows->scratch.len = rows->more_scratch.len = 0;
	ww_codec__put_slice(&rows->scratch, slice);
	bytes(&values, &rows->scratch, false);
	ww_codec__put_operations(&rows->more_scratch, slice);
	bytes(&values, &rows->more_scratch, false);
	return finish(&values);
}

int ww_rows__put_stack_frame(struct ww_rows *rows, uint32_t id, const char *name)
{
	struct values values = start(rows, WW_STATEMENT_STACK_FRAME);

	number(&values, (uint64_t)rows->first_frame + id);
	text(&values, name);
	return finish(&values);
}

int ww_rows__put_stack(struct ww_rows *rows, uint32_t id, const struct ww_stack_frames *stack)
{
	struct values values = start(rows, WW_STATEMENT_STACK);
	char frame[16];

	number(&values, (uint64_t)rows->first_stack + id);
	number(&values, stack->flags & WW_STACK_WHOLE);
	rows->scratch.len = 0;
	ww_bytes__put(&rows->scratch, "[", 1);
	for (uint32_t i = 0; i < stack->len; i++)
		ww_bytes__put(&rows->scratch, frame,
			      (size_t)snprintf(frame, sizeof(frame), "%s%u", i ? "," : "",
					       rows->first_frame + stack->frames[i]));
	ww_bytes__put(&rows->scratch, "]", 1);
	bytes(&values, &rows->scratch, true);
	return finish(&values);
}

int ww_rows__put_stack_sums(struct ww_rows *rows, int64_t interval, const struct ww_stack_table *table)
{
	int rc = SQLITE_OK;

	for (uint32_t i = 0; rc == SQLITE_OK && i < table->rows_len; i++) {
		const struct ww_stack_row *row = &table->rows[i];
		struct values values = start(rows, WW_STATEMENT_STACK_SAMPLE);

		number(&values, (uint64_t)interval);
		number(&values, row->key.endpoint);
		number(&values, ww_bucket_low(row->key.bucket));
		number(&values, row->key.kind);
		reference(&values, row->key.name);
		reference(&values,
			  row->key.stack == WW_INTERN_NONE ? WW_INTERN_NONE : rows->first_stack + row->key.stack);
		number(&values, row->ns);
		number(&values, row->count);
		rc = finish(&values);
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < table->requests_len; i++) {
		const struct ww_stack_requests *requests = &table->requests[i];
		struct values values = start(rows, WW_STATEMENT_STACK_REQUESTS);

		number(&values, (uint64_t)interval);
		number(&values, requests->endpoint);
		number(&values, ww_bucket_low(requests->bucket));
		number(&values, requests->requests);
		number(&values, requests->sampled);
		rc = finish(&values);
	}
	return rc;
}

int ww_rows__put_allocations(struct ww_rows *rows, int64_t interval, int64_t second, const struct ww_slice *slice)
{
	int rc = SQLITE_OK;

	for (uint32_t i = 0; rc == SQLITE_OK && i < slice->used_len; i++) {
		const struct ww_allocated *allocated = &slice->by_endpoint[slice->used[i]]->allocated;

		if (!allocated->requests)
			continue;

		struct values values = start(rows, WW_STATEMENT_ALLOCATION);

		number(&values, (uint64_t)interval);
		number(&values, (uint64_t)second);
		number(&values, slice->used[i]);
		number(&values, allocated->requests);
		number(&values, allocated->weight);
		number(&values, allocated->allocations);
		rc = finish(&values);
	}
	return rc;
}

int ww_rows__end_journal(struct ww_rows *rows, int64_t interval)
{
	struct values values = start(rows, WW_STATEMENT_JOURNAL_END);

	number(&values, (uint64_t)interval);
	return finish(&values);
}

int ww_rows__put_request(struct ww_rows *rows, int64_t id, uint32_t endpoint, const struct ww_request *request)
{
	struct values values = start(rows, WW_STATEMENT_REQUEST);

	number(&values, (uint64_t)id);
	number(&values, endpoint);
	number(&values, (uint64_t)request->start_unix_ns);
	number(&values, request->pid);
	number(&values, request->tid);
	text(&values, request->comm);
	text(&values, request->protocol);
	text(&values, request->path);
	number(&values, request->status);
	number(&values, request->flags);
	number(&values, request->attribution);
	text(&values, request->traceparent);
	number(&values, request->bytes_in);
	number(&values, request->bytes_out);
	number(&values, request->wall_ns);
	number(&values, request->first_byte_ns);
	number(&values, request->cpu_ns);
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		number(&values, request->kinds_ns[kind]);
	rows->scratch.len = rows->more_scratch.len = rows->most_scratch.len = 0;
	ww_request_json__put_details(&rows->scratch, request);
	bytes(&values, &rows->scratch, true);
	ww_request_json__put_segments(&rows->more_scratch, request);
	bytes(&values, &rows->more_scratch, true);
	number(&values, request->segments_truncated);
	ww_request_json__put_operations(&rows->most_scratch, request);
	bytes(&values, &rows->most_scratch, true);
	number(&values, request->operations_missing);
	number(&values, request->sampled);
	return finish(&values);
}

int ww_rows__delete_request(struct ww_rows *rows, int64_t id)
{
	struct values values = start(rows, WW_STATEMENT_REQUEST_END);

	number(&values, (uint64_t)id);
	return finish(&values);
}

int ww_rows__unsample_request(struct ww_rows *rows, int64_t id)
{
	struct values values = start(rows, WW_STATEMENT_UNSAMPLE);

	number(&values, (uint64_t)id);
	return finish(&values);
}
