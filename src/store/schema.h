/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of a recording. docs/schema.md says what each column means; the two change together. */
#ifndef WHYWAIT_SCHEMA_H
#define WHYWAIT_SCHEMA_H

#include "whywait/abi.h"

/* In the SQLite header: what file(1) and a reader know the file by. */
#define WW_SCHEMA_APPLICATION 0x77687977 /* "whyw" */
#define WW_SCHEMA_VERSION     1		 /* user_version; raised when a reader of the old one would be misled */

/* Of a recording some of whose ids were deleted: readers of the first version want all that are below the last one. */
#define WW_SCHEMA_VERSION_VACANT 2
#define WW_SCHEMA_VERSION_MOST	 WW_SCHEMA_VERSION_VACANT

#define WW_SCHEMA_INTERVAL_NS 10000000000ll

/* What intervals of a recording that goes on become part of, as they get older. */
#define WW_SCHEMA_MINUTE_NS 60000000000ll
#define WW_SCHEMA_HOUR_NS   3600000000000ll

/* As in kinds.def. */
extern const char *const ww_schema_kind_meanings[WW_KIND_COUNT];

/* The statements that make an empty recording of an empty database. */
extern const char ww_schema_create[];

/*
 * What a recording that goes on has beside that: statements that change nothing where it is there already.
 */
extern const char ww_schema_goes_on[];

/* Statements with one placeholder for every column in the order of docs/schema.md. */
extern const char ww_schema_insert_interval[];
extern const char ww_schema_insert_request[];

/* Columns in the order of docs/schema.md, in every recording: of endpoint_interval from `requests` to `histogram` .. */
extern const char ww_schema_interval_sums[];

/* .. and of request from `start_unix_ns` to `segments_truncated`. */
extern const char ww_schema_request_facts[];

#endif
