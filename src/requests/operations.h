/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The operations of requests that have not ended yet, until their accounts come. Bounded: the request that has waited
 * longest for its account makes room, and a request has WW_OPERATIONS_MAX at the most. Internal to src/requests.
 */
#ifndef WHYWAIT_OPERATIONS_H
#define WHYWAIT_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/aggregate.h"
#include "model/catalog.h"

#define WW_OPERATIONS_MAX	   1024 /* of one request */
#define WW_OPERATIONS_REQUESTS_MAX 8192 /* at a time */

/* A finished operation: times are CLOCK_MONOTONIC. */
struct ww_done {
	uint32_t name;	/* id in the catalog */
	uint32_t error; /* id in ww_operations__errors(); 0: it went well */
	uint16_t flags; /* enum ww_operation_flags */
	uint64_t start_ns, end_ns;
	uint64_t bytes_out, bytes_in;
	uint64_t arguments;
	uint64_t prepared;
};

/* What is known of one request's operations. */
struct ww_request_operations {
	const struct ww_done *done; /* by start */
	size_t len;
	bool known; /* these are all */
};

struct ww_operations;

/* To be freed with ww_operations__free(); NULL when out of memory. */
struct ww_operations *ww_operations__new(void);

/* NULL-safe. */
void ww_operations__free(struct ww_operations *operations);

/* A traffic record for a request was read; `connection` is 0, or one that may owe it an operation. */
void ww_operations__record(struct ww_operations *operations, uint64_t request, uint64_t connection);

/* An operation of a request has ended. An error's text is "" when there is none. */
void ww_operations__add(struct ww_operations *operations, uint64_t request, const struct ww_done *done,
			const char *error);

/* One of the request's operations is not known. */
void ww_operations__unsure(struct ww_operations *operations, uint64_t request);

/* What was for `from` is for `to`. `each` is called for the connections that may owe it an operation. */
void ww_operations__adopt(struct ww_operations *operations, uint64_t from, uint64_t to,
			  void (*each)(void *ctx, uint64_t connection), void *ctx);

/* Calls `each` for the connections that may still owe the request an operation. */
void ww_operations__owing(struct ww_operations *operations, uint64_t request,
			  void (*each)(void *ctx, uint64_t connection), void *ctx);

/*
 * Takes out what is known of the operations of a request that has ended. Those that began after its end are left out,
 * those that ended after it are WW_OPERATION_UNFINISHED and end with it. Valid until the next call on `operations`.
 */
struct ww_request_operations ww_operations__take(struct ww_operations *operations, const struct ww_account *account);

/*
 * Hands out those of a unit of work that goes on that have ended so far; *len of them. Valid until the next call on
 * `operations`.
 */
const struct ww_done *ww_operations__done(struct ww_operations *operations, uint64_t request, size_t *len);

/* Forgets a unit of work that has ended and whose operations were handed out; whether these are all. */
bool ww_operations__end(struct ww_operations *operations, const struct ww_account *account);

/* What a request did, as sums of an endpoint take it in; how many. */
size_t ww_operations__samples(const struct ww_catalog *catalog, const struct ww_request_operations *done,
			      struct ww_sample_operation operations[WW_OPERATIONS_MAX]);

/* The text of an error's id. */
const char *ww_operations__error(const struct ww_operations *operations, uint32_t id);

/* What was given up since the start, by cause. */
struct ww_operations_lost {
	uint64_t forgotten; /* requests whose accounts did not come in time */
	uint64_t over_cap;  /* operations beyond WW_OPERATIONS_MAX, or that there was no memory for */
	uint64_t unsure;    /* operations whose answer could not be told with certainty */
};
struct ww_operations_lost ww_operations__lost(const struct ww_operations *operations);

#endif
