/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/http1.h"
#include "requests/route.h"

#define PROTOCOL "http"

void ww_endpoints__free(struct ww_endpoints *endpoints)
{
	if (!endpoints)
		return;
	for (uint32_t i = 0; i < endpoints->flights_cap; i++)
		ww_flight__free(&endpoints->flights[i]);
	free(endpoints->flights);
	free(endpoints->counts);
	ww_intern__free(endpoints->keys);
	*endpoints = (struct ww_endpoints){0};
}

/* Makes room for index `id`, zeroed. */
static int reserve(void **array, uint32_t *cap, uint32_t id, size_t size)
{
	uint32_t larger = *cap ? *cap : 64;

	if (id < *cap)
		return 0;
	while (larger <= id)
		larger *= 2;

	char *memory = reallocarray(*array, larger, size);

	if (!memory)
		return -ENOMEM;
	memset(memory + *cap * size, 0, (larger - *cap) * size);
	*array = memory;
	*cap = larger;
	return 0;
}

/* What endpoints are told apart by. */
struct key {
	uint32_t service;
	char text[WW_METHOD_SIZE + WW_PATH_SIZE]; /* method, NUL, route */
};

static size_t make_key(struct key *key, uint32_t service, const char *method, const char *route, size_t route_len)
{
	size_t method_size = strlen(method) + 1;

	key->service = service;
	memcpy(key->text, method, method_size);
	memcpy(key->text + method_size, route, route_len);
	return offsetof(struct key, text) + method_size + route_len;
}

static int64_t add(struct ww_endpoints *endpoints, const struct key *key, size_t len, const char *method,
		   const char *route)
{
	const struct ww_catalog_endpoint endpoint = {
		.service = key->service,
		.protocol = PROTOCOL,
		.method = method,
		.route = route,
	};
	int64_t id;

	if (reserve((void **)&endpoints->flights, &endpoints->flights_cap, endpoints->catalog->endpoints_len,
		    sizeof(*endpoints->flights)))
		return -ENOMEM;
	/* Both tables number alike, so neither may grow without the other. */
	id = ww_catalog__add_endpoint(endpoints->catalog, &endpoint);
	if (id >= 0 && ww_intern__add(endpoints->keys, key, len) == WW_INTERN_NONE) {
		endpoints->catalog->endpoints_len--;
		return -ENOMEM;
	}
	return id;
}

int64_t ww_endpoints__find(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *path,
			   bool *over_cap)
{
	char route[WW_PATH_SIZE];
	struct key key;
	size_t len = ww_route__template(endpoints->patterns, endpoints->patterns_len, path, route, sizeof(route));
	uint32_t id;

	*over_cap = false;
	len = make_key(&key, service, method, route, len);
	id = ww_intern__find(endpoints->keys, &key, len);
	if (id != WW_INTERN_NONE)
		return id;
	if (reserve((void **)&endpoints->counts, &endpoints->counts_cap, service, sizeof(*endpoints->counts)))
		return -ENOMEM;
	if (endpoints->counts[service] < endpoints->max) {
		int64_t added = add(endpoints, &key, len, method, route);

		endpoints->counts[service] += added >= 0;
		return added;
	}
	/* Methods can be made up, too. */
	*over_cap = true;
	if (!ww_http1__is_known_method(method))
		method = WW_ROUTE_OTHER;
	len = make_key(&key, service, method, WW_ROUTE_OTHER, strlen(WW_ROUTE_OTHER));
	id = ww_intern__find(endpoints->keys, &key, len);
	return id != WW_INTERN_NONE ? id : add(endpoints, &key, len, method, WW_ROUTE_OTHER);
}
