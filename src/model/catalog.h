/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names that numbers stand for: services, endpoints, what requests waited for, and what they asked of others. Ids
 * are dense, from 0.
 */
#ifndef WHYWAIT_CATALOG_H
#define WHYWAIT_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "model/operation.h"
#include "util/intern.h"

struct ww_catalog_service {
	const char *name;
	const char *container; /* id; "" when it runs in none */
	const char *cgroup;
};

/*
 * Protocols of endpoints that no requests come to: commands as a whole, the parts of time that these consist of,
 * functions, and messages of queues.
 */
#define WW_PROTOCOL_RUN	  "batch"
#define WW_PROTOCOL_PART  "batch-part"
#define WW_PROTOCOL_CALL  "function"
#define WW_PROTOCOL_QUEUE "queue"

/* What comes to an endpoint of that protocol: "message", "call", "run", "request". */
const char *ww_protocol_unit(const char *protocol);

/* Whether that is answered, with a status; work that nobody asked for is not. */
bool ww_protocol_answers(const char *protocol);

struct ww_catalog_endpoint {
	uint32_t service;
	const char *protocol, *method, *route;
};

/* What operations that say the same have in common. */
struct ww_catalog_operation {
	uint8_t kind; /* enum ww_kind: DB or NET */
	const char *system, *peer, *summary, *statement;
};

/*
 * Operations are named by what came over the network, so their names are bounded in number and in bytes. An operation
 * that is new beyond that is WW_NAME_OTHER of its kind and system.
 */
#define WW_CATALOG_OPERATIONS	   16384
#define WW_CATALOG_OPERATION_BYTES (6 << 20)

/* The ids of WW_NAME_OTHER of no system, for each kind. */
static inline uint32_t ww_operation_other(uint8_t kind)
{
	return kind == WW_KIND_DB ? 0 : 1;
}

struct ww_catalog {
	struct ww_arena *arena; /* owns the strings of services and endpoints */
	struct ww_catalog_service *services;
	uint32_t services_len, services_cap;
	uint32_t renames;			    /* of services and endpoints, so far */
	bool reuses;				    /* vacant ids, before there are new ones */
	uint32_t reused_services, reused_endpoints; /* below these there are none */
	struct ww_catalog_endpoint *endpoints;
	uint32_t endpoints_len, endpoints_cap;
	struct ww_intern *names; /* of details; 0 is WW_NAME_OTHER */
	struct ww_intern *operations;
	size_t operation_bytes;
	/* What it was begun with, which does not count to what it may have. */
	uint32_t past_operations, past_names;
	size_t past_operation_bytes;
	uint64_t operations_over_cap; /* operations, not names, that became WW_NAME_OTHER so far */
};

/* The content is the caller's, to be freed with ww_catalog__free(). -ENOMEM. */
int ww_catalog__init(struct ww_catalog *catalog);

/*
 * Adds all of `from`, with the same ids, to one that is as ww_catalog__init() left it. What is new from then on gets
 * ids that are vacant in it first. -ENOMEM.
 */
int ww_catalog__copy(struct ww_catalog *catalog, const struct ww_catalog *from);

/* NULL-safe. Frees the content, not `catalog` itself. */
void ww_catalog__free(struct ww_catalog *catalog);

/* Adds one, copying the strings, and returns its id; -ENOMEM. */
int64_t ww_catalog__add_service(struct ww_catalog *catalog, const struct ww_catalog_service *service);
int64_t ww_catalog__add_endpoint(struct ww_catalog *catalog, const struct ww_catalog_endpoint *endpoint);

/* The id that the next one will get. */
uint32_t ww_catalog__next_service(struct ww_catalog *catalog);
uint32_t ww_catalog__next_endpoint(struct ww_catalog *catalog);

/* Ids of what is no more, that nothing refers to: they have empty names. -ENOMEM. */
int ww_catalog__add_vacant_service(struct ww_catalog *catalog);
int ww_catalog__add_vacant_endpoint(struct ww_catalog *catalog);
bool ww_catalog__is_vacant_service(const struct ww_catalog *catalog, uint32_t id);
bool ww_catalog__is_vacant_endpoint(const struct ww_catalog *catalog, uint32_t id);

/*
 * Names a service or an endpoint anew, copying the strings; the old ones stay until the catalog is freed. -ENOMEM
 * changes nothing.
 */
int ww_catalog__rename_service(struct ww_catalog *catalog, uint32_t id, const struct ww_catalog_service *service);
int ww_catalog__rename_endpoint(struct ww_catalog *catalog, uint32_t id, const char *method, const char *route);

/*
 * For every endpoint, by its id, the first one of the same service, method and route: what several of them have in a
 * slice is to be told as one's. The array is the caller's, to be freed with free(); NULL when out of memory.
 */
uint32_t *ww_catalog__alike(const struct ww_catalog *catalog);

/*
 * The id of an operation's name: of its kind, system, peer, summary and statement. Never fails: without room or memory
 * it is that of WW_NAME_OTHER, and counted.
 */
uint32_t ww_catalog__operation(struct ww_catalog *catalog, const struct ww_operation *operation);

/* The name of such an id, below ww_intern__len(catalog->operations). Strings are valid until the catalog is freed. */
struct ww_catalog_operation ww_catalog__operation_name(const struct ww_catalog *catalog, uint32_t id);

/* Adds a name that was stored, without a bound; its id, or -ENOMEM. */
int64_t ww_catalog__add_operation(struct ww_catalog *catalog, const struct ww_catalog_operation *name);

#endif
