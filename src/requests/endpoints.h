/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which endpoint a request belongs to. Internal to src/requests. */
#ifndef WHYWAIT_ENDPOINTS_H
#define WHYWAIT_ENDPOINTS_H

#include <stdbool.h>

#include "model/catalog.h"
#include "model/flight.h"

#define WW_ROUTE_OTHER "(other)"

/* All zeros, then the first four set, is one without endpoints. */
struct ww_endpoints {
	struct ww_catalog *catalog;
	const char *const *patterns;
	size_t patterns_len;
	uint32_t max; /* per service, beside those with the route "(other)" */

	struct ww_intern *keys;	   /* service, method, route: the ids are the endpoints' */
	struct ww_flight *flights; /* by endpoint */
	uint32_t flights_cap;
	uint32_t *counts; /* by service */
	uint32_t counts_cap;
};

/* NULL-safe. Frees the content, not `endpoints` itself. */
void ww_endpoints__free(struct ww_endpoints *endpoints);

/*
 * The endpoint of a request by its service, method and path: its id in the catalog, -ENOMEM. *over_cap is whether it
 * had to be filed under "(other)".
 */
int64_t ww_endpoints__find(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *path,
			   bool *over_cap);

#endif
