/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which endpoint a request belongs to. Internal to src/requests.
 *
 * Paths that no pattern names may have values that look like words: titles, names of users, whatever a scanner tries.
 * Where a place in the paths of a service has had half as many values as the service may have endpoints, those that
 * came seldom become one, "{name}", as well as those that come later; what came often keeps its name. When a service
 * has all the endpoints it may have, the older ones of a single request make room, for a while; what then finds none
 * is "(other)".
 */
#ifndef WHYWAIT_ENDPOINTS_H
#define WHYWAIT_ENDPOINTS_H

#include <stdbool.h>

#include "model/catalog.h"
#include "model/flight.h"

#define WW_ROUTE_OTHER "(other)"
#define WW_ROUTE_NAME  "{name}"

/* All zeros, then the first four and the two tables set, is one without endpoints. */
struct ww_endpoints {
	struct ww_catalog *catalog;
	const char *const *patterns;
	size_t patterns_len;
	uint32_t max;	      /* per service, beside those with the route "(other)" */
	const char *protocol; /* of the request that is looked for: a service has one */

	struct ww_intern *keys; /* service, method, route */
	uint32_t *by_key;	/* the endpoint */
	uint32_t by_key_cap;
	struct ww_flight *flights; /* by endpoint */
	uint32_t flights_cap;
	struct ww_endpoint_state {
		uint64_t requests;
		uint32_t same; /* that it has become; itself: none */
		bool fixed;    /* by a pattern, or "(other)" */
	} * states;	       /* by endpoint */
	uint32_t states_cap;
	uint32_t added; /* the last one that was; WW_INTERN_NONE: none since that was set */
	struct ww_endpoint_count {
		uint32_t now; /* beside "(other)" */
		uint32_t ever;
		uint64_t over; /* requests that found no room */
	} * counts;	       /* by service */
	uint32_t counts_cap;

	struct ww_intern *places; /* service, beginning of a route */
	struct ww_route_place {
		uint32_t values; /* segments that were seen there */
		bool named;	 /* they are WW_ROUTE_NAME now, but .. */
		bool kept;	 /* .. the last segment of this one stays */
	} * by_place;
	uint32_t by_place_cap;
};

/* NULL-safe. Frees the content, not `endpoints` itself. */
void ww_endpoints__free(struct ww_endpoints *endpoints);

/* Takes in the endpoints that are in the catalog already, of a recording that is gone on in. -ENOMEM. */
int ww_endpoints__adopt(struct ww_endpoints *endpoints);

/*
 * The endpoint of a request by its service, method and path: its id in the catalog, -ENOMEM. Endpoints in the catalog
 * may get the name of another one: they are the same then. *over_cap is how many requests are under "(other)" from now
 * on: this one, or those that have made room for it.
 */
int64_t ww_endpoints__find(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *path,
			   uint64_t *over_cap);

/* The endpoint of units of work that are no requests: its id in the catalog, -ENOMEM. */
int64_t ww_endpoints__unit(struct ww_endpoints *endpoints, uint32_t service, const char *protocol, const char *method,
			   const char *name);

#endif
