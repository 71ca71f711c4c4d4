/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One finished request as plain data: what a recording keeps of it and what `requests` prints.
 */
#ifndef WHYWAIT_REQUEST_H
#define WHYWAIT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/operation.h"
#include "whywait/abi.h"

/* A part of a kind's time, by name. */
struct ww_request_detail {
	uint8_t kind;	  /* enum ww_kind */
	const char *name; /* as in the detail of a report */
	uint64_t ns;
	uint64_t count; /* waits */
};

/* A stretch of one kind on the time line. */
struct ww_request_segment {
	uint8_t kind;	      /* enum ww_kind */
	uint64_t start_ns;    /* from the request's start */
	uint64_t duration_ns; /* never 0 */
	const char *detail;   /* "" when nothing more is known */
};

/* Strings are UTF-8 without control characters. Owned by whoever hands it out, never by the struct. */
struct ww_request {
	int64_t start_unix_ns;
	const char *service;
	const char *protocol; /* "http/1.1", "http/1.0", "fastcgi" */
	const char *method;
	const char *route;
	const char *path;	 /* without its query string; ends with U+2026 when it was longer than what is kept */
	const char *comm;	 /* of the thread that answered */
	const char *traceparent; /* "" when the request carried none */
	uint32_t pid, tid;
	uint16_t status;     /* 0: no response was sent */
	uint16_t flags;	     /* enum ww_account_flags */
	uint8_t attribution; /* enum ww_attribution */
	uint64_t bytes_in, bytes_out;
	uint64_t wall_ns;
	uint64_t first_byte_ns; /* from the request's start until the response's first byte; 0: none was sent */
	uint64_t cpu_ns;
	uint64_t kinds_ns[WW_KIND_COUNT]; /* sums to wall_ns */
	const struct ww_request_detail *details;
	size_t details_len;
	const struct ww_request_segment *segments; /* in time order, without overlap; none when not kept */
	size_t segments_len;
	bool segments_truncated;	       /* the time after the last segment is not drawn */
	const struct ww_operation *operations; /* in the order of their starts; they may overlap */
	size_t operations_len;
	bool operations_missing; /* not all that it did is in `operations` */
	bool sampled; /* kept as part of a fair sample of its endpoint's requests, maybe for other reasons, too */
};

#endif
