/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The names that numbers stand for: services, endpoints, and what requests waited for. Ids are dense, from 0. */
#ifndef WHYWAIT_CATALOG_H
#define WHYWAIT_CATALOG_H

#include <stdint.h>

#include "util/intern.h"

struct ww_catalog_service {
	const char *name;
	const char *container; /* id; "" when it runs in none */
	const char *cgroup;
};

struct ww_catalog_endpoint {
	uint32_t service;
	const char *protocol, *method, *route;
};

struct ww_catalog {
	struct ww_arena *arena; /* owns the strings of services and endpoints */
	struct ww_catalog_service *services;
	uint32_t services_len, services_cap;
	uint32_t renames; /* of services and endpoints, so far */
	struct ww_catalog_endpoint *endpoints;
	uint32_t endpoints_len, endpoints_cap;
	struct ww_intern *names; /* of details; 0 is WW_NAME_OTHER */
};

/* The content is the caller's, to be freed with ww_catalog__free(). -ENOMEM. */
int ww_catalog__init(struct ww_catalog *catalog);

/* NULL-safe. Frees the content, not `catalog` itself. */
void ww_catalog__free(struct ww_catalog *catalog);

/* Adds one, copying the strings, and returns its id; -ENOMEM. */
int64_t ww_catalog__add_service(struct ww_catalog *catalog, const struct ww_catalog_service *service);
int64_t ww_catalog__add_endpoint(struct ww_catalog *catalog, const struct ww_catalog_endpoint *endpoint);

/*
 * Names a service or an endpoint anew, copying the strings; the old ones stay until the catalog is freed. Endpoints of
 * the same names are one in reports. -ENOMEM changes nothing.
 */
int ww_catalog__rename_service(struct ww_catalog *catalog, uint32_t id, const struct ww_catalog_service *service);
int ww_catalog__rename_endpoint(struct ww_catalog *catalog, uint32_t id, const char *method, const char *route);

#endif
