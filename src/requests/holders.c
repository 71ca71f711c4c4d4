/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/holders.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "protocols/http1.h"
#include "util/hash.h"
#include "util/utf8.h"

#define ENDED	    16384 /* requests that are remembered, each until another one takes its place */
#define THREADS_MAX 64	  /* names of threads; what a program calls them has no bound */

struct ww_holders {
	struct ww_catalog *catalog;
	struct ww_endpoints *endpoints;
	ww_held_by_fn *held_by;
	void *ctx;
	struct ended {
		uint64_t id;
		uint32_t endpoint;
	} * ended; /* by a hash of the id */
	uint32_t threads[THREADS_MAX];
	uint32_t threads_len;
	uint64_t moved; /* requests that were counted, and are under WW_ROUTE_OTHER since */
};

struct ww_holders *ww_holders__new(struct ww_catalog *catalog, struct ww_endpoints *endpoints, ww_held_by_fn *held_by,
				   void *ctx)
{
	struct ww_holders *holders = calloc(1, sizeof(*holders));

	if (!holders)
		return NULL;
	holders->ended = calloc(ENDED, sizeof(*holders->ended));
	if (!holders->ended) {
		free(holders);
		return NULL;
	}
	holders->catalog = catalog;
	holders->endpoints = endpoints;
	holders->held_by = held_by;
	holders->ctx = ctx;
	return holders;
}

void ww_holders__free(struct ww_holders *holders)
{
	if (!holders)
		return;
	free(holders->ended);
	free(holders);
}

static struct ended *place_of(const struct ww_holders *holders, uint64_t id)
{
	return &holders->ended[ww_hash_mix(id) % ENDED];
}

void ww_holders__ended(struct ww_holders *holders, uint64_t id, uint32_t endpoint)
{
	*place_of(holders, id) = (struct ended){id, endpoint};
}

uint64_t ww_holders__moved(struct ww_holders *holders)
{
	uint64_t moved = holders->moved;

	holders->moved = 0;
	return moved;
}

static uint32_t name_add(struct ww_holders *holders, const char *text)
{
	return ww_intern__add(holders->catalog->names, text, strlen(text));
}

static uint32_t name_endpoint(struct ww_holders *holders, uint32_t endpoint)
{
	const struct ww_catalog_endpoint *of = &holders->catalog->endpoints[endpoint];
	char text[sizeof(WW_HELD_BY) + WW_METHOD_SIZE + WW_PATH_SIZE];

	snprintf(text, sizeof(text), WW_HELD_BY "%s %s", of->method, of->route);
	return name_add(holders, text);
}

static uint32_t name_request(struct ww_holders *holders, uint32_t service, uint64_t id)
{
	const struct ended *ended = place_of(holders, id);
	char method[WW_METHOD_SIZE], path[WW_PATH_SIZE];
	struct ww_held_by held_by;
	uint64_t over_cap;

	if (ended->id == id)
		return name_endpoint(holders, ended->endpoint);
	if (!holders->held_by || holders->held_by(holders->ctx, id, &held_by) || !held_by.target_len)
		return name_add(holders, WW_HELD_BY "another request");
	ww_http1__method(held_by.method, method);
	ww_http1__path(held_by.target, held_by.target_len, held_by.target_len == WW_TARGET_MAX,
		       !strcmp(method, "CONNECT"), path);
	/* It is counted when it ends. FastCGI's workers have one thread each, and none that holds a lock of another's.
	 */
	holders->endpoints->protocol = "http";
	int64_t endpoint = ww_endpoints__find(holders->endpoints, service, method, path, &over_cap);
	if (endpoint < 0)
		return WW_INTERN_NONE;
	holders->moved += over_cap - !strcmp(holders->catalog->endpoints[endpoint].route, WW_ROUTE_OTHER);
	return name_endpoint(holders, (uint32_t)endpoint);
}

/* Threads of a pool are numbered: what counts is the pool. */
static uint32_t name_thread(struct ww_holders *holders, const char comm[WW_COMM])
{
	char name[WW_COMM + 1], text[sizeof(WW_HELD_BY) + sizeof(name) + 8];
	size_t len = 0;

	ww_utf8__copy(name, sizeof(name), comm, WW_COMM);
	for (const char *at = name; *at; at++) {
		bool digit = isdigit((unsigned char)*at);

		if (!digit || !len || name[len - 1] != '*')
			name[len++] = digit ? '*' : *at;
	}
	name[len] = '\0';
	snprintf(text, sizeof(text), WW_HELD_BY "thread %s", name);

	uint32_t id = name_add(holders, text);

	for (uint32_t i = 0; i < holders->threads_len; i++)
		if (holders->threads[i] == id)
			return id;
	if (holders->threads_len == THREADS_MAX)
		return name_add(holders, WW_HELD_BY "other threads");
	if (id != WW_INTERN_NONE)
		holders->threads[holders->threads_len++] = id;
	return id;
}

/* Splits what was waited for the program's own locks, as far as it is known who had them. */
static size_t split(struct ww_holders *holders, struct ww_detail_names *names, const struct ww_account *account,
		    uint32_t service, struct ww_detail_sum *futex, struct ww_detail_sum *details)
{
	size_t len = 0;

	for (int i = 0; i < account->holders_len; i++) {
		const struct ww_holder *holder = &account->holders[i];
		uint32_t name = holder->type == WW_HOLDER_REQUEST ? name_request(holders, service, holder->who.request)
								  : name_thread(holders, holder->who.comm);

		names->out_of_memory += name == WW_INTERN_NONE;
		if (name == WW_INTERN_NONE || holder->ns > futex->ns || holder->count > futex->count)
			continue;
		futex->ns -= holder->ns;
		futex->count -= holder->count;
		details[len++] = (struct ww_detail_sum){
			.ns = holder->ns, .count = holder->count, .name = name, .kind = futex->kind};
	}
	return len;
}

size_t ww_holders__details(struct ww_holders *holders, struct ww_detail_names *names, const struct ww_account *account,
			   uint32_t service, struct ww_detail_sum details[WW_DETAIL_SUMS])
{
	bool was_split = false;
	size_t len = 0;

	for (int i = 0; i < account->details_len; i++) {
		const struct ww_detail *detail = &account->details[i];
		uint32_t name = ww_detail_names__find(names, detail->kind, detail->type, detail->value);

		if (name == WW_INTERN_NONE)
			continue;

		struct ww_detail_sum *sum = &details[len++];

		*sum = (struct ww_detail_sum){
			.ns = detail->ns, .count = detail->count, .name = name, .kind = detail->kind};
		if (was_split || detail->kind != WW_KIND_LOCK || detail->type != WW_DETAIL_NAME ||
		    detail->value != WW_NAME_FUTEX)
			continue;
		was_split = true; /* a record of two CPUs' at once may have it twice */
		len += split(holders, names, account, service, sum, &details[len]);
		if (!sum->ns && !sum->count)
			*sum = details[--len];
	}
	return len;
}
