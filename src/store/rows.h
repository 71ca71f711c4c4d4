/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The statements of a recorder: what puts rows into the file. Internal to src/store. */
#ifndef WHYWAIT_ROWS_H
#define WHYWAIT_ROWS_H

#include <sqlite3.h>

#include "model/blocks.h"
#include "store/recorder.h"
#include "util/bytes.h"

enum ww_statement {
	WW_STATEMENT_BEGIN,
	WW_STATEMENT_COMMIT,
	WW_STATEMENT_ROLLBACK,
	WW_STATEMENT_META,
	WW_STATEMENT_KIND,
	WW_STATEMENT_SERVICE,
	WW_STATEMENT_PROGRAM,
	WW_STATEMENT_USAGE,
	WW_STATEMENT_ENDPOINT,
	WW_STATEMENT_NAME,
	WW_STATEMENT_OPERATION_NAME,
	WW_STATEMENT_INTERVAL,
	WW_STATEMENT_STATUS,
	WW_STATEMENT_DETAIL,
	WW_STATEMENT_OPERATION,
	WW_STATEMENT_JOURNAL,
	WW_STATEMENT_JOURNAL_END,
	WW_STATEMENT_REQUEST,
	WW_STATEMENT_REQUEST_END,
	WW_STATEMENT_UNSAMPLE,
	WW_STATEMENT_STACK_FRAME,
	WW_STATEMENT_STACK,
	WW_STATEMENT_STACK_SAMPLE,
	WW_STATEMENT_STACK_REQUESTS,
	WW_STATEMENT_ALLOCATION,
	WW_STATEMENT_SAMPLE,
	WW_STATEMENT_LOSS,
	WW_STATEMENT_LOSS_INTERVAL,
	WW_STATEMENT_GAP,
	WW_STATEMENT_UNREADABLE,
	WW_STATEMENT_COUNT
};

/* A database and the statements that are prepared for it. */
struct ww_rows {
	sqlite3 *db;
	sqlite3_stmt *statements[WW_STATEMENT_COUNT];
	struct ww_bytes scratch, more_scratch, most_scratch; /* for values that are put together */
	uint32_t first_frame, first_stack;		     /* ids in the file of a stack table's first ones */
};

/* All functions return an SQLite result code: SQLITE_OK, or why not. */

/* `goes_on`: with the tables of a recording that goes on. */
int ww_rows__prepare(struct ww_rows *rows, sqlite3 *db, bool goes_on);

/* NULL-safe. Finalizes the statements; the database stays open. */
void ww_rows__free(struct ww_rows *rows);

/* Runs one that has no values. */
int ww_rows__run(struct ww_rows *rows, enum ww_statement statement);

int ww_rows__put_meta(struct ww_rows *rows, const char *key, const char *value);
int ww_rows__put_meta_number(struct ww_rows *rows, const char *key, int64_t value);
int ww_rows__put_kind(struct ww_rows *rows, enum ww_kind kind);
int ww_rows__put_service(struct ww_rows *rows, uint32_t id, const struct ww_catalog_service *service);
int ww_rows__put_endpoint(struct ww_rows *rows, uint32_t id, const struct ww_catalog_endpoint *endpoint);
int ww_rows__put_name(struct ww_rows *rows, uint32_t id, const char *name);
int ww_rows__put_operation_name(struct ww_rows *rows, uint32_t id, const struct ww_catalog_operation *name);
int ww_rows__put_program(struct ww_rows *rows, const struct ww_service_program *program);
int ww_rows__put_usage(struct ww_rows *rows, int64_t interval, const struct ww_service_usage *usage);

/* What a service's last sample says, as of that second, or as a part of that interval. */
int ww_rows__put_sample(struct ww_rows *rows, int64_t interval, int64_t second, uint64_t requests,
			const struct ww_service_usage *usage);

/* Adds to what is lost for that cause. */
int ww_rows__put_loss(struct ww_rows *rows, const char *cause, uint64_t count, bool loses);

/* The same in an interval, in a recording that goes on (struct ww_recorder_options). */
int ww_rows__put_interval_loss(struct ww_rows *rows, int64_t interval, const char *cause, uint64_t count, bool loses);
int ww_rows__put_gap(struct ww_rows *rows, int64_t start_unix_ns, int64_t end_unix_ns);

int ww_rows__put_unreadable(struct ww_rows *rows, const struct ww_unreadable_port *port);

/* Rows for all of an aggregate, and the seconds of it; NULL: none are told. */
int ww_rows__put_aggregate(struct ww_rows *rows, int64_t interval, uint32_t endpoint,
			   const struct ww_aggregate *aggregate, const struct ww_blocks *seconds);

/* One row for a whole slice. */
int ww_rows__put_journal(struct ww_rows *rows, int64_t interval, const struct ww_slice *slice);

int ww_rows__put_stack_frame(struct ww_rows *rows, uint32_t id, const char *name);

int ww_rows__put_stack(struct ww_rows *rows, uint32_t id, const struct ww_stack_frames *stack);

/* All sums of a table. */
int ww_rows__put_stack_sums(struct ww_rows *rows, int64_t interval, const struct ww_stack_table *table);

/* What requests of a second allocated, of those that were counted. */
int ww_rows__put_allocations(struct ww_rows *rows, int64_t interval, int64_t second, const struct ww_slice *slice);

/* Deletes the journal of an interval. */
int ww_rows__end_journal(struct ww_rows *rows, int64_t interval);

int ww_rows__put_request(struct ww_rows *rows, int64_t id, uint32_t endpoint, const struct ww_request *request);
int ww_rows__delete_request(struct ww_rows *rows, int64_t id);

/* Notes that a request is no longer part of the fair sample. */
int ww_rows__unsample_request(struct ww_rows *rows, int64_t id);

#endif
