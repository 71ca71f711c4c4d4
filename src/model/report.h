/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a report says, as plain data: filled by the store (from a recording) or by the live aggregation, drawn by every
 * writer in outputs/ and by `top`. Field for field the JSON of `report --format json`.
 */
#ifndef WHYWAIT_REPORT_H
#define WHYWAIT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/aggregate.h"
#include "model/blocks.h"
#include "model/finding.h"
#include "model/operation.h"
#include "model/outlook.h"
#include "whywait/abi.h"

struct ww_quantiles {
	uint64_t sum;
	uint64_t mean;
	uint64_t p50, p95, p99;
	uint64_t max;
}; /* nanoseconds */

struct ww_status_count {
	uint16_t status; /* 0: no response was sent */
	uint64_t requests;
};

struct ww_detail_row {
	uint8_t kind;
	const char *name;
	uint64_t sum_ns;
	uint64_t count;
};

struct ww_endpoint_report {
	const char *service, *protocol, *method, *route;
	uint64_t requests;
	uint64_t errors;  /* status >= 500, or aborted */
	uint64_t aborted; /* the client went away first */
	double rate_per_s;
	struct ww_status_count *status;
	size_t status_len;
	double in_flight_mean; /* Little's law: wall.sum / window */
	uint64_t in_flight_max;
	struct ww_quantiles wall;
	uint64_t cpu_sum_ns;
	uint64_t kinds_sum_ns[WW_KIND_COUNT]; /* sums to wall.sum */
	uint64_t bytes_in, bytes_out;
	uint64_t attribution[WW_ATTRIBUTION_COUNT]; /* requests */

	struct ww_allocated allocated; /* no requests: it was not recorded */

	/* The requests at p95 and above. */
	uint64_t tail_requests;
	uint64_t tail_wall_sum_ns;
	uint64_t tail_kinds_sum_ns[WW_KIND_COUNT];

	struct ww_detail_row *details; /* by kind, then by sum, largest first */
	size_t details_len;

	/* Of the requests whose operations are known to the last one. */
	uint64_t operations_requests;
	struct ww_operation_row *operations; /* by sum, largest first */
	size_t operations_len;

	struct ww_finding *findings; /* by what mending them saves, largest first */
	size_t findings_len;

	/* What wall times would be if something were faster: model/amdahl.h. All zeros where nothing asked for it. */
	struct ww_outlook outlook;
	struct ww_forecast faster; /* if compute took a tenth */

	const struct ww_sampling *sampling; /* model/blocks.h; NULL where nobody asked for it */
};

/* A service in a second, or in an interval: what came in it, and its memory then, on the mean. */
struct ww_service_sample {
	uint64_t samples; /* that it is the mean of, one a second: how long it is */
	uint64_t requests;
	uint64_t rss_bytes, pss_bytes; /* of all its processes; the second is 0 where it is not known */
	/* What its runtimes say that they allocated, objects and bytes; of one that does not count them, not known. */
	uint64_t allocations, allocated_bytes;
	bool allocations_known, allocated_known;
};

struct ww_service_report {
	const char *service;
	const char *container; /* "" when the service runs in none */
	const char *cgroup;
	uint64_t processes, threads;
	uint64_t rss_steady_bytes, rss_peak_bytes;
	uint64_t pss_steady_bytes; /* what processes share is divided among them; 0: not known */
	double cpu_seconds;
	const char *executable; /* what it runs: its path; NULL: not known */
	uint64_t executable_bytes;
	int64_t executable_modified_unix_ns;
	uint32_t arguments;	 /* a hash of its command line */
	double rss_growth_bytes; /* by each request; NaN: not known */
	uint64_t minor_faults, major_faults;
	uint64_t oom_kills; /* in its control group */
	bool faults_known, oom_known;
	uint64_t gc_count, gc_ns; /* collections of garbage, and how long they stopped a process or thread */
	/* By the runtime's own counters, and the requests meanwhile; 0 requests: not known. */
	uint64_t allocations, allocations_requests;
	uint64_t allocated_bytes, allocated_requests;
	const struct ww_service_sample *samples; /* in the order of time */
	size_t samples_len;
};

struct ww_loss {
	const char *cause; /* name in counters.def */
	uint64_t count;
	bool loses; /* requests or time are missing, so the report is not complete */
};

struct ww_unreadable_port {
	uint16_t port;
	const char *protocol; /* "tls", "http2" */
	uint64_t connections;
};

struct ww_report {
	const char *host, *kernel;
	const char *stand_ins; /* what stood in for something that the kernel did not give; empty: nothing had to */
	const char *settings;  /* what it was recorded with; empty: not known */
	unsigned cpus;
	uint64_t host_busy_ns; /* CPU time of all that ran on the host; 0: not known */
	int64_t start_unix_ns, end_unix_ns;
	int64_t unobserved_ns; /* of that: what a recording that goes on has gaps of */
	const struct ww_gap *gaps;
	uint32_t gaps_len;
	bool complete;
	bool unended;		/* the recording is still being written, or was cut short */
	struct ww_loss *losses; /* causes with a count above 0 */
	size_t losses_len;
	struct ww_unreadable_port *unreadable;
	size_t unreadable_len;
	struct ww_endpoint_report *endpoints; /* by wall.sum, largest first */
	size_t endpoints_len;
	struct ww_service_report *services;
	size_t services_len;
	void *arena; /* owns every pointer above */
};

/* How long was observed: what rates are of. */
static inline int64_t ww_report__observed_ns(const struct ww_report *report)
{
	return report->end_unix_ns - report->start_unix_ns - report->unobserved_ns;
}

/* Frees all that a report holds; NULL-safe. */
void ww_report_free(struct ww_report *report);

#endif
