/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/aggregate.h"
#include "util/arena.h"

int ww_catalog__init(struct ww_catalog *catalog)
{
	struct ww_catalog fresh = {.arena = ww_arena__new(), .names = ww_intern__new()};

	if (!fresh.arena || !fresh.names ||
	    ww_intern__add(fresh.names, WW_NAME_OTHER, strlen(WW_NAME_OTHER)) == WW_INTERN_NONE) {
		ww_catalog__free(&fresh);
		return -ENOMEM;
	}
	*catalog = fresh;
	return 0;
}

void ww_catalog__free(struct ww_catalog *catalog)
{
	if (!catalog)
		return;
	ww_arena__free(catalog->arena);
	ww_intern__free(catalog->names);
	free(catalog->services);
	free(catalog->endpoints);
	*catalog = (struct ww_catalog){0};
}

static int copy_service(struct ww_catalog *catalog, struct ww_catalog_service *copy,
			const struct ww_catalog_service *service)
{
	const struct ww_catalog_service new = {
		.name = ww_arena__strdup(catalog->arena, service->name),
		.container = ww_arena__strdup(catalog->arena, service->container),
		.cgroup = ww_arena__strdup(catalog->arena, service->cgroup),
	};

	if (!new.name || !new.container || !new.cgroup)
		return -ENOMEM;
	*copy = new;
	return 0;
}

int64_t ww_catalog__add_service(struct ww_catalog *catalog, const struct ww_catalog_service *service)
{
	if (catalog->services_len == catalog->services_cap) {
		uint32_t cap = catalog->services_cap ? catalog->services_cap * 2 : 8;
		struct ww_catalog_service *services = reallocarray(catalog->services, cap, sizeof(*services));

		if (!services)
			return -ENOMEM;
		catalog->services = services;
		catalog->services_cap = cap;
	}
	if (copy_service(catalog, &catalog->services[catalog->services_len], service))
		return -ENOMEM;
	return catalog->services_len++;
}

int ww_catalog__rename_service(struct ww_catalog *catalog, uint32_t id, const struct ww_catalog_service *service)
{
	int err = copy_service(catalog, &catalog->services[id], service);

	catalog->renames += !err;
	return err;
}

int64_t ww_catalog__add_endpoint(struct ww_catalog *catalog, const struct ww_catalog_endpoint *endpoint)
{
	if (catalog->endpoints_len == catalog->endpoints_cap) {
		uint32_t cap = catalog->endpoints_cap ? catalog->endpoints_cap * 2 : 64;
		struct ww_catalog_endpoint *endpoints = reallocarray(catalog->endpoints, cap, sizeof(*endpoints));

		if (!endpoints)
			return -ENOMEM;
		catalog->endpoints = endpoints;
		catalog->endpoints_cap = cap;
	}

	struct ww_catalog_endpoint copy = {
		.service = endpoint->service,
		.protocol = ww_arena__strdup(catalog->arena, endpoint->protocol),
		.method = ww_arena__strdup(catalog->arena, endpoint->method),
		.route = ww_arena__strdup(catalog->arena, endpoint->route),
	};

	if (!copy.protocol || !copy.method || !copy.route)
		return -ENOMEM;
	catalog->endpoints[catalog->endpoints_len] = copy;
	return catalog->endpoints_len++;
}

int ww_catalog__rename_endpoint(struct ww_catalog *catalog, uint32_t id, const char *method, const char *route)
{
	char *new_method = ww_arena__strdup(catalog->arena, method),
	     *new_route = ww_arena__strdup(catalog->arena, route);

	if (!new_method || !new_route)
		return -ENOMEM;
	catalog->endpoints[id].method = new_method;
	catalog->endpoints[id].route = new_route;
	catalog->renames++;
	return 0;
}
