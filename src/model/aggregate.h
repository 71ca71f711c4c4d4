/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of the requests of one endpoint in a stretch of time, summed: everything a report says about them. Sums
 * are exact; aggregates merge without loss.
 */
#ifndef WHYWAIT_AGGREGATE_H
#define WHYWAIT_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/histogram.h"
#include "model/operation_sums.h"
#include "whywait/abi.h"

#define WW_AGGREGATE_DETAILS 64 /* names an aggregate has; the rest goes to WW_NAME_OTHER of its kind */
#define WW_AGGREGATE_STATUS  64 /* different statuses; the rest goes to 999 */
#define WW_STATUS_OTHER	     999

/* The name that stands for those that have no room of their own. */
#define WW_NAME_OTHER "(other)"

struct ww_detail_sum {
	uint64_t ns;
	uint64_t count; /* waits */
	uint32_t name;	/* id in the catalog; 0 is WW_NAME_OTHER */
	uint8_t kind;
};

struct ww_status_sum {
	uint64_t requests;
	uint16_t status;
};

/* A request whose allocations were counted weighs so much when it stands for itself only. */
#define WW_ALLOCATIONS_ONE 1024

/* How often requests called malloc() and its kin, of those of which it was counted: how many, and both with the weight
 * that each has. */
struct ww_allocated {
	uint64_t requests;
	uint64_t weight;
	uint64_t allocations; /* on the mean of all requests it is this divided by `weight` */
};

/* One request, as it is added. */
struct ww_sample {
	const uint64_t *kinds_ns; /* WW_KIND_COUNT of them; their sum is the wall time */
	uint64_t cpu_ns;
	uint64_t bytes_in, bytes_out;
	uint64_t in_flight; /* most requests of the endpoint at once during it */
	const struct ww_detail_sum *details;
	size_t details_len;
	const struct ww_sample_operation *operations;
	size_t operations_len;
	uint64_t allocations;
	uint64_t allocations_weight; /* 0: they were not counted */
	bool operations_known;	     /* to the last one; else they are left out of the sums */
	uint16_t status;
	uint8_t attribution;
	bool aborted;
};

/* All zeros is an empty one. */
struct ww_aggregate {
	uint64_t requests;
	uint64_t errors; /* status >= 500, or aborted */
	uint64_t aborted;
	uint64_t attribution[WW_ATTRIBUTION_COUNT];
	uint64_t kinds_ns[WW_KIND_COUNT];
	uint64_t wall_max_ns;
	uint64_t cpu_ns;
	uint64_t bytes_in, bytes_out;
	uint64_t in_flight_max;
	struct ww_histogram histogram;
	struct ww_detail_sum *details; /* in the order of their first appearance */
	uint32_t details_len, details_cap;
	struct ww_status_sum *status; /* the same */
	uint32_t status_len, status_cap;
	uint64_t operations_requests; /* whose operations are known to the last one: `operations` are theirs */
	struct ww_operation_sums operations;
	struct ww_allocated allocated;
};

/* NULL-safe. Frees the content, not `aggregate` itself, which is empty then. */
void ww_aggregate__free(struct ww_aggregate *aggregate);

/* Empties it and keeps its memory. */
void ww_aggregate__clear(struct ww_aggregate *aggregate);

/* Adds a request. -ENOMEM leaves the aggregate as it was. */
int ww_aggregate__add(struct ww_aggregate *aggregate, const struct ww_sample *sample);

/* Adds all of `from`. -ENOMEM leaves the aggregate as it was. */
int ww_aggregate__merge(struct ww_aggregate *aggregate, const struct ww_aggregate *from);

void ww_allocated__add(struct ww_allocated *allocated, const struct ww_allocated *more);

/* The sum over the kinds. */
uint64_t ww_aggregate__wall_ns(const struct ww_aggregate *aggregate);

/* Adds to a detail and to a status on their own, for readers of what was stored. -ENOMEM. */
int ww_aggregate__add_detail(struct ww_aggregate *aggregate, const struct ww_detail_sum *detail);
int ww_aggregate__add_status(struct ww_aggregate *aggregate, uint16_t status, uint64_t requests);

/* Whether a request with this outcome counts as an error. */
static inline bool ww_is_error(uint16_t status, bool aborted)
{
	return aborted || status >= 500;
}

#endif
