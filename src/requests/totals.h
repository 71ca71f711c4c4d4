/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was taken in since the start, as counters that only grow, for whoever scrapes them: by the names that endpoints
 * had when their requests came. Adding and copying may be done by different threads: whoever reads works on a copy, so
 * a slow reader holds up nobody.
 */
#ifndef WHYWAIT_TOTALS_H
#define WHYWAIT_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "model/catalog.h"
#include "model/report.h"
#include "model/slice.h"
#include "store/recorder.h"
#include "whywait/abi.h"

#define WW_TOTALS_BOUNDS   14
#define WW_TOTALS_STATUS   64  /* different statuses of an endpoint; the rest is WW_STATUS_OTHER */
#define WW_TOTALS_SERVICES 256 /* the rest is WW_SERVICE_OTHER; where there is no room, .. */
#define WW_TOTALS_GONE	   600 /* .. those are forgotten that nothing was seen of for so many seconds */
#define WW_SERVICE_OTHER   "(other)"
#define WW_TOTALS_RECENT   10 /* whole seconds that requests in flight are told from */

/* OpenTelemetry's bounds of http.server.request.duration, in ns. */
extern const uint64_t ww_totals_bounds_ns[WW_TOTALS_BOUNDS];

struct ww_total_service {
	const char *name;
	uint64_t memory_bytes, cpu_ns, processes;
	uint64_t recent_ns[WW_TOTALS_RECENT];	  /* wall time of the requests that ended in each second */
	uint64_t interval_cpu_ns, counted_cpu_ns; /* of the interval so far; what of it is in cpu_ns */
	uint32_t routes;			  /* endpoints that it has here, but for WW_ROUTE_OTHER */
	uint32_t seen;				  /* the last second that it had a request or a process in */
};

struct ww_total_endpoint {
	uint32_t service;
	const char *method, *route;
	uint64_t requests;
	uint64_t kinds_ns[WW_KIND_COUNT];
	/*
	 * Requests that took at most a bound and more than the one before; the last: more than all. A histogram's
	 * bucket that a bound divides goes where the mean of its requests is, so a request may be off by 0.8 %.
	 */
	uint64_t buckets[WW_TOTALS_BOUNDS + 1];
	uint32_t status; /* different ones */
};

struct ww_total_status {
	uint32_t endpoint;
	uint16_t status;
	uint64_t requests;
};

struct ww_total_operation {
	uint32_t service;
	uint8_t kind;
	const char *route, *system;
	uint64_t ns, count;
};

/* A state of it. Strings are those of the totals. */
struct ww_totals_copy {
	struct ww_total_service *services;
	struct ww_total_endpoint *endpoints;
	struct ww_total_status *status;
	struct ww_total_operation *operations;
	struct ww_loss *losses; /* every cause */
	size_t services_len, endpoints_len, status_len, operations_len, losses_len;
	uint32_t recent;	    /* seconds that recent_ns are of; 0: none yet */
	uint64_t over_cap;	    /* requests under WW_ROUTE_OTHER, as their service has too many endpoints here */
	uint64_t services_over_cap; /* requests under WW_SERVICE_OTHER, as there are too many services */
	uint64_t uncounted;	    /* requests that there was no memory for */
	int64_t start_unix_ns, end_unix_ns; /* 0: nothing was taken in yet */
};

struct ww_totals;

/*
 * `routes_max`: endpoints of a service that have series of their own, names that they had before included. The totals
 * are the caller's, to be freed with ww_totals__free(); NULL when out of memory.
 */
struct ww_totals *ww_totals__new(unsigned routes_max);

/* NULL-safe. */
void ww_totals__free(struct ww_totals *totals);

/*
 * Adds what came in the second that has just ended: once for each, whatever becomes of the recording. Ids of another
 * `session` than before mean others. `losses` are sums since the start.
 */
void ww_totals__add(struct ww_totals *totals, const struct ww_commit *second, unsigned session,
		    const struct ww_loss *losses, size_t losses_len);

/* Copies all of it. The content is the caller's, to be freed with ww_totals_copy__free(). -ENOMEM. */
int ww_totals__copy(struct ww_totals *totals, struct ww_totals_copy *copy);

/* NULL-safe. Frees the content, not `copy` itself. */
void ww_totals_copy__free(struct ww_totals_copy *copy);

#endif
