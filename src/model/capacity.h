/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a service needs at a rate of requests, and where it ends: by the utilization law (what is busy is rate times
 * time per request) and Little's law (how many are in flight is rate times time). J. D. C. Little, Operations Research
 * 9 (1961); P. J. Denning, J. P. Buzen, The Operational Analysis of Queueing Network Models, Computing Surveys 10
 * (1978).
 */
#ifndef WHYWAIT_CAPACITY_H
#define WHYWAIT_CAPACITY_H

#include "model/report.h"
#include "model/workers.h"

/* With fewer requests a mean says too little. */
#define WW_CAPACITY_REQUESTS 30

/* From here on queues are long although nothing is saturated yet. */
#define WW_CAPACITY_BUSY 0.8

enum ww_bottleneck {
	WW_BOTTLENECK_WORKERS, /* threads that serve one request at a time */
	WW_BOTTLENECK_LOOP,    /* threads that serve many, and are on a CPU for one at a time */
	WW_BOTTLENECK_CPU,     /* all CPUs of the host */
	WW_BOTTLENECK_COUNT
};

const char *ww_bottleneck_name(enum ww_bottleneck bottleneck);

struct ww_capacity_endpoint {
	const struct ww_endpoint_report *report;
	double rate_per_s;
	double cores;
	double held;	  /* requests that a thread has picked up */
	double in_flight; /* the same and those in a queue, which is as long as it was recorded */
};

struct ww_capacity_upstream {
	uint8_t kind;
	const char *system, *peer;
	double per_s, in_flight;
};

struct ww_capacity_service {
	const char *service;
	double recorded_per_s, rate_per_s;
	double cores;	    /* of the requests .. */
	double other_cores; /* .. and what its processes used beside them, which is taken to grow with them */
	double held, in_flight;
	const struct ww_service_workers *workers; /* NULL: not known */
	double threads;				  /* that serve; 0: not known */
	bool loops;
	bool unlimited; /* a thread a request: `threads` is 0 */
	/* How much of each is in use at that rate, of 1, and the rate at which it is all of it. 0: not known. */
	double used[WW_BOTTLENECK_COUNT], most_per_s[WW_BOTTLENECK_COUNT];
	enum ww_bottleneck first; /* what saturates first */
	struct ww_capacity_endpoint *endpoints;
	size_t endpoints_len;
	struct ww_capacity_upstream *upstreams; /* by rate */
	size_t upstreams_len;
};

struct ww_capacity_plan {
	double rate_per_s; /* above 0 */
	bool each;	   /* of every endpoint; else of each service in all, as its endpoints were recorded */
	unsigned workers;  /* threads of each service that serve; 0: as many as were seen */
	unsigned cpus;	   /* 0: as many as the host has */
	bool part;	   /* the report is of a part of the endpoints: what else the services did is not theirs */
};

struct ww_capacity {
	struct ww_capacity_service *services; /* by recorded rate */
	size_t len;
	uint64_t cpus;
	double cores; /* of all services */
	double seconds;
};

/*
 * Works it out; report and workers have to outlive it. -ENODATA: no service had WW_CAPACITY_REQUESTS requests; -ENOMEM.
 * The content is the caller's, to be freed with ww_capacity__free().
 */
int ww_capacity__plan(const struct ww_report *report, const struct ww_workers *workers,
		      const struct ww_capacity_plan *plan, struct ww_capacity *capacity);

/* NULL-safe. Frees the content, not `capacity` itself. */
void ww_capacity__free(struct ww_capacity *capacity);

#endif
