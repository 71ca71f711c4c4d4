/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An operation: one exchange that a request had with another peer, as plain data. A query, a command, a call, a name
 * asked for, the making of a connection.
 */
#ifndef WHYWAIT_OPERATION_H
#define WHYWAIT_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whywait/abi.h"

#define WW_SUMMARY_SIZE	  96   /* bytes of a summary with its NUL: "SELECT orders", "GET api:8080 /users/{id}" */
#define WW_STATEMENT_SIZE 2048 /* bytes of a statement's fingerprint with its NUL; a longer one ends with U+2026 */
#define WW_ERROR_SIZE	  32   /* bytes of an error's name with its NUL: "23505", "503", "WRONGTYPE", "refused" */

enum ww_operation_flags {
	WW_OPERATION_CONNECT = 1 << 0,	  /* the making of a connection, its greeting and log-in included */
	WW_OPERATION_READ = 1 << 1,	  /* asks for data and changes none: SELECT, GET, FETCH */
	WW_OPERATION_WRITE = 1 << 2,	  /* changes data; neither is set where that can't be told */
	WW_OPERATION_FETCH = 1 << 3,	  /* the next rows of a result that an earlier operation began */
	WW_OPERATION_CONTROL = 1 << 4,	  /* BEGIN, COMMIT, SET, PREPARE, PING, AUTH, ..: no data of its own */
	WW_OPERATION_BATCH = 1 << 5,	  /* several statements or commands sent together, counted as one */
	WW_OPERATION_PIPELINED = 1 << 6,  /* sent before an earlier one of its connection was answered */
	WW_OPERATION_BLOCKING = 1 << 7,	  /* waits at the peer until there is something: BLPOP, XREAD BLOCK, LISTEN */
	WW_OPERATION_CUT = 1 << 8,	  /* its statement was longer than what is kept: equal ones may differ behind */
	WW_OPERATION_UNFINISHED = 1 << 9, /* the request ended before the answer was whole */
	WW_OPERATION_UNCAPTURED = 1 << 10, /* what it says could not be read (TLS, unknown protocol): one round trip */
	WW_OPERATION_UNSEEN = 1 << 11, /* its statement was prepared before it was observed: its text is not known */
};

/* Strings are UTF-8 without control characters and without literals. Owned by whoever hands it out. */
struct ww_operation {
	uint8_t kind;	    /* enum ww_kind: DB or NET */
	uint16_t flags;	    /* enum ww_operation_flags */
	uint32_t name;	    /* ww_catalog__operation(): all that a recording keeps of kind, system .. statement */
	const char *system; /* OpenTelemetry's db.system.name for databases; "http", "dns", "tls", ""; as systems.def */
	const char *peer;   /* "127.0.0.1:5432", or a unix socket's path */
	const char *summary;   /* low-cardinality: "SELECT orders", "connect"; "" when it is not known */
	const char *statement; /* the fingerprint; "" where there is none beside the summary */
	const char *error;     /* "" when it went well */
	uint64_t start_ns;     /* from the request's start */
	uint64_t duration_ns;
	uint64_t bytes_out, bytes_in;
	/*
	 * A hash over what the fingerprint leaves out; 0: not known. Equal ones were the same query. A recording keeps
	 * numbers from 1 instead, equal within a request only: from a hash a short literal could be guessed.
	 */
	uint64_t arguments;
	/*
	 * Of WW_OPERATION_UNSEEN, whose statements say little: equal ones ran the same statement; else 0. A recording
	 * keeps numbers, as of the arguments.
	 */
	uint64_t prepared;
};

/* What the operations of an endpoint that say the same have in common, summed. */
struct ww_operation_row {
	uint8_t kind;
	uint16_t flags; /* those that all of them have */
	const char *system, *peer, *summary, *statement;
	uint64_t requests; /* that had at least one of them */
	uint64_t count;
	uint64_t errors;
	uint64_t sum_ns;
	uint64_t p95_ns;
	uint64_t max_ns;
	uint64_t bytes_out, bytes_in;
};

#endif
