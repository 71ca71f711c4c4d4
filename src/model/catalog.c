/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/catalog.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/aggregate.h"
#include "util/arena.h"

#define OTHERS_MAX 64 /* names of WW_NAME_OTHER: a few kinds and systems */

/* A name as it is interned: the kind, then each string with its NUL. */
struct key {
	size_t len;
	uint8_t bytes[1024];
	uint8_t *longer; /* instead of `bytes`, where they are too short */
};

const char *ww_protocol_unit(const char *protocol)
{
	if (!strcmp(protocol, WW_PROTOCOL_QUEUE))
		return "message";
	if (!strcmp(protocol, WW_PROTOCOL_CALL))
		return "call";
	return strcmp(protocol, WW_PROTOCOL_RUN) ? "request" : "run";
}

bool ww_protocol_answers(const char *protocol)
{
	return !strcmp(ww_protocol_unit(protocol), "request");
}

/* False when out of memory. */
static bool make_key(struct key *key, const struct ww_catalog_operation *name)
{
	const char *const parts[] = {name->system, name->peer, name->summary, name->statement};
	size_t lens[sizeof(parts) / sizeof(*parts)];
	uint8_t *at = key->bytes;

	key->len = 1;
	key->longer = NULL;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		lens[i] = strlen(parts[i]) + 1;
		key->len += lens[i];
	}
	if (key->len > sizeof(key->bytes)) {
		at = key->longer = malloc(key->len);
		if (!at)
			return false;
	}
	*at++ = name->kind;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		memcpy(at, parts[i], lens[i]);
		at += lens[i];
	}
	return true;
}

static const void *bytes_of(const struct key *key)
{
	return key->longer ? key->longer : key->bytes;
}

static struct ww_catalog_operation other_of(uint8_t kind, const char *system)
{
	return (struct ww_catalog_operation){
		.kind = kind,
		.system = system,
		.peer = "",
		.summary = WW_NAME_OTHER,
		.statement = "",
	};
}

int ww_catalog__init(struct ww_catalog *catalog)
{
	static const uint8_t kinds[] = {WW_KIND_DB, WW_KIND_NET};
	struct ww_catalog fresh = {
		.arena = ww_arena__new(),
		.names = ww_intern__new(),
		.operations = ww_intern__new(),
	};
	bool good = fresh.arena && fresh.names && fresh.operations &&
		    ww_intern__add(fresh.names, WW_NAME_OTHER, strlen(WW_NAME_OTHER)) != WW_INTERN_NONE;

	for (size_t i = 0; good && i < sizeof(kinds); i++) {
		const struct ww_catalog_operation other = other_of(kinds[i], "");

		good = ww_catalog__add_operation(&fresh, &other) == ww_operation_other(kinds[i]);
	}
	if (!good) {
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
	ww_intern__free(catalog->operations);
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

/* Of what is vacant; never of a service or an endpoint. */
static const char nothing[] = "";

bool ww_catalog__is_vacant_service(const struct ww_catalog *catalog, uint32_t id)
{
	return catalog->services[id].name == nothing;
}

bool ww_catalog__is_vacant_endpoint(const struct ww_catalog *catalog, uint32_t id)
{
	return catalog->endpoints[id].route == nothing;
}

uint32_t ww_catalog__next_service(struct ww_catalog *catalog)
{
	uint32_t *next = &catalog->reused_services;

	if (!catalog->reuses)
		return catalog->services_len;
	while (*next < catalog->services_len && !ww_catalog__is_vacant_service(catalog, *next))
		++*next;
	return *next;
}

uint32_t ww_catalog__next_endpoint(struct ww_catalog *catalog)
{
	uint32_t *next = &catalog->reused_endpoints;

	if (!catalog->reuses)
		return catalog->endpoints_len;
	while (*next < catalog->endpoints_len && !ww_catalog__is_vacant_endpoint(catalog, *next))
		++*next;
	return *next;
}

static int reserve_service(struct ww_catalog *catalog)
{
	uint32_t cap = catalog->services_cap ? catalog->services_cap * 2 : 8;
	struct ww_catalog_service *services;

	if (catalog->services_len < catalog->services_cap)
		return 0;
	services = reallocarray(catalog->services, cap, sizeof(*services));
	if (!services)
		return -ENOMEM;
	catalog->services = services;
	catalog->services_cap = cap;
	return 0;
}

static int reserve_endpoint(struct ww_catalog *catalog)
{
	uint32_t cap = catalog->endpoints_cap ? catalog->endpoints_cap * 2 : 64;
	struct ww_catalog_endpoint *endpoints;

	if (catalog->endpoints_len < catalog->endpoints_cap)
		return 0;
	endpoints = reallocarray(catalog->endpoints, cap, sizeof(*endpoints));
	if (!endpoints)
		return -ENOMEM;
	catalog->endpoints = endpoints;
	catalog->endpoints_cap = cap;
	return 0;
}

int64_t ww_catalog__add_service(struct ww_catalog *catalog, const struct ww_catalog_service *service)
{
	uint32_t id = ww_catalog__next_service(catalog);

	if (reserve_service(catalog) || copy_service(catalog, &catalog->services[id], service))
		return -ENOMEM;
	catalog->services_len += id == catalog->services_len;
	return id;
}

int ww_catalog__add_vacant_service(struct ww_catalog *catalog)
{
	if (reserve_service(catalog))
		return -ENOMEM;
	catalog->services[catalog->services_len++] =
		(struct ww_catalog_service){.name = nothing, .container = nothing, .cgroup = nothing};
	return 0;
}

int ww_catalog__add_vacant_endpoint(struct ww_catalog *catalog)
{
	if (reserve_endpoint(catalog))
		return -ENOMEM;
	catalog->endpoints[catalog->endpoints_len++] =
		(struct ww_catalog_endpoint){.protocol = nothing, .method = nothing, .route = nothing};
	return 0;
}

int ww_catalog__rename_service(struct ww_catalog *catalog, uint32_t id, const struct ww_catalog_service *service)
{
	int err = copy_service(catalog, &catalog->services[id], service);

	catalog->renames += !err;
	return err;
}

int64_t ww_catalog__add_endpoint(struct ww_catalog *catalog, const struct ww_catalog_endpoint *endpoint)
{
	uint32_t id = ww_catalog__next_endpoint(catalog);

	if (reserve_endpoint(catalog))
		return -ENOMEM;

	struct ww_catalog_endpoint copy = {
		.service = endpoint->service,
		.protocol = ww_arena__strdup(catalog->arena, endpoint->protocol),
		.method = ww_arena__strdup(catalog->arena, endpoint->method),
		.route = ww_arena__strdup(catalog->arena, endpoint->route),
	};

	if (!copy.protocol || !copy.method || !copy.route)
		return -ENOMEM;
	catalog->endpoints[id] = copy;
	catalog->endpoints_len += id == catalog->endpoints_len;
	return id;
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

/* A text that is another one for each service, method and route. */
static uint32_t add_names(struct ww_intern *names, const struct ww_catalog_endpoint *endpoint)
{
	char *text;
	int len = asprintf(&text, "%u %s %s", endpoint->service, endpoint->method, endpoint->route);
	uint32_t id = len < 0 ? WW_INTERN_NONE : ww_intern__add(names, text, (size_t)len);

	if (len >= 0)
		free(text);
	return id;
}

uint32_t *ww_catalog__alike(const struct ww_catalog *catalog)
{
	struct ww_intern *names = ww_intern__new();
	uint32_t *alike = calloc(catalog->endpoints_len + 1, sizeof(*alike));
	uint32_t *first = calloc(catalog->endpoints_len + 1, sizeof(*first)); /* with these names */
	bool good = names && alike && first;

	for (uint32_t i = 0; good && i < catalog->endpoints_len; i++) {
		uint32_t known = ww_intern__len(names), id = add_names(names, &catalog->endpoints[i]);

		good = id != WW_INTERN_NONE;
		if (good && id == known)
			first[id] = i;
		if (good)
			alike[i] = first[id];
	}
	ww_intern__free(names);
	free(first);
	if (good)
		return alike;
	free(alike);
	return NULL;
}

/* The id of a name, which is added when there is room for it; -ENOSPC, -ENOMEM. */
static int64_t id_of(struct ww_catalog *catalog, const struct ww_catalog_operation *name, size_t names_max,
		     size_t bytes_max)
{
	struct key key;
	uint32_t id;
	int err = -ENOMEM;

	if (!make_key(&key, name))
		return err;
	id = ww_intern__find(catalog->operations, bytes_of(&key), key.len);
	if (id == WW_INTERN_NONE) {
		if (ww_intern__len(catalog->operations) - catalog->past_operations >= names_max ||
		    bytes_max < key.len ||
		    catalog->operation_bytes - catalog->past_operation_bytes > bytes_max - key.len)
			err = -ENOSPC;
		else
			id = ww_intern__add(catalog->operations, bytes_of(&key), key.len);
		if (id != WW_INTERN_NONE)
			catalog->operation_bytes += key.len;
	}
	free(key.longer);
	return id == WW_INTERN_NONE ? err : (int64_t)id;
}

int64_t ww_catalog__add_operation(struct ww_catalog *catalog, const struct ww_catalog_operation *name)
{
	return id_of(catalog, name, SIZE_MAX, SIZE_MAX);
}

uint32_t ww_catalog__operation(struct ww_catalog *catalog, const struct ww_operation *operation)
{
	const struct ww_catalog_operation name = {
		.kind = operation->kind,
		.system = operation->system,
		.peer = operation->peer,
		.summary = operation->summary,
		.statement = operation->statement,
	};
	const struct ww_catalog_operation other = other_of(operation->kind, operation->system);
	int64_t id = id_of(catalog, &name, WW_CATALOG_OPERATIONS, WW_CATALOG_OPERATION_BYTES);

	if (id < 0) {
		catalog->operations_over_cap++;
		id = id_of(catalog, &other, WW_CATALOG_OPERATIONS + OTHERS_MAX, SIZE_MAX);
	}
	return id < 0 ? ww_operation_other(operation->kind) : (uint32_t)id;
}

struct ww_catalog_operation ww_catalog__operation_name(const struct ww_catalog *catalog, uint32_t id)
{
	const char *at = ww_intern__get(catalog->operations, id);
	struct ww_catalog_operation name = {.kind = (uint8_t)*at++};

	name.system = at;
	name.peer = name.system + strlen(name.system) + 1;
	name.summary = name.peer + strlen(name.peer) + 1;
	name.statement = name.summary + strlen(name.summary) + 1;
	return name;
}

/* Adds all names of `from`; false when out of memory. */
static bool copy_names(struct ww_intern *names, const struct ww_intern *from)
{
	uint32_t added = 0;

	for (uint32_t i = 0; added != WW_INTERN_NONE && i < ww_intern__len(from); i++) {
		const char *name = ww_intern__get(from, i);

		added = ww_intern__is_vacant(from, i) ? ww_intern__add_vacant(names)
						      : ww_intern__add(names, name, strlen(name));
	}
	return added != WW_INTERN_NONE;
}

static bool copy_operations(struct ww_catalog *catalog, const struct ww_intern *from, const struct ww_catalog *whole)
{
	for (uint32_t i = 0; i < ww_intern__len(from); i++) {
		const struct ww_catalog_operation name = ww_catalog__operation_name(whole, i);

		if (ww_intern__is_vacant(from, i) ? ww_intern__add_vacant(catalog->operations) == WW_INTERN_NONE
						  : ww_catalog__add_operation(catalog, &name) < 0)
			return false;
	}
	return true;
}

int ww_catalog__copy(struct ww_catalog *catalog, const struct ww_catalog *from)
{
	for (uint32_t i = 0; i < from->services_len; i++) {
		if (ww_catalog__is_vacant_service(from, i) ? ww_catalog__add_vacant_service(catalog)
							   : ww_catalog__add_service(catalog, &from->services[i]) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < from->endpoints_len; i++) {
		if (ww_catalog__is_vacant_endpoint(from, i)
			    ? ww_catalog__add_vacant_endpoint(catalog)
			    : ww_catalog__add_endpoint(catalog, &from->endpoints[i]) < 0)
			return -ENOMEM;
	}
	if (!copy_names(catalog->names, from->names) || !copy_operations(catalog, from->operations, from))
		return -ENOMEM;
	catalog->past_names = ww_intern__len(catalog->names);
	catalog->past_operations = ww_intern__len(catalog->operations);
	catalog->past_operation_bytes = catalog->operation_bytes;
	catalog->reuses = true;
	ww_intern__reuse(catalog->names);
	ww_intern__reuse(catalog->operations);
	return 0;
}
