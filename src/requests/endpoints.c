/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/http1.h"
#include "protocols/route.h"

#define OFTEN 16 /* requests of what keeps its name where others lose theirs, or .. */
#define TIMES 4	 /* .. so many times the mean of what is there, and as many requests */
#define EVER  4	 /* times as many endpoints as a service may have at a time */

void ww_endpoints__free(struct ww_endpoints *endpoints)
{
	if (!endpoints)
		return;
	for (uint32_t i = 0; i < endpoints->flights_cap; i++)
		ww_flight__free(&endpoints->flights[i]);
	free(endpoints->flights);
	free(endpoints->states);
	free(endpoints->counts);
	free(endpoints->by_key);
	free(endpoints->by_place);
	ww_intern__free(endpoints->keys);
	ww_intern__free(endpoints->places);
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

static size_t make_key(struct key *key, uint32_t service, const char *method, const char *route)
{
	size_t method_size = strlen(method) + 1, route_len = strlen(route);

	key->service = service;
	memcpy(key->text, method, method_size);
	memcpy(key->text + method_size, route, route_len);
	return offsetof(struct key, text) + method_size + route_len;
}

/* What an endpoint has become. */
static uint32_t whole(const struct ww_endpoints *endpoints, uint32_t id)
{
	while (endpoints->states[id].same != id)
		id = endpoints->states[id].same;
	return id;
}

static int64_t lookup(const struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *route)
{
	struct key key;
	size_t len = make_key(&key, service, method, route);
	uint32_t id = ww_intern__find(endpoints->keys, &key, len);

	if (id == WW_INTERN_NONE || endpoints->by_key[id] == WW_INTERN_NONE)
		return -ENOENT;
	return whole(endpoints, endpoints->by_key[id]);
}

/* Has the key mean an endpoint; WW_INTERN_NONE: none, for now. */
static int point(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *route, uint32_t id)
{
	struct key key;
	size_t len = make_key(&key, service, method, route);
	uint32_t number;

	if (reserve((void **)&endpoints->by_key, &endpoints->by_key_cap, ww_intern__len(endpoints->keys),
		    sizeof(*endpoints->by_key)))
		return -ENOMEM;
	number = ww_intern__add(endpoints->keys, &key, len);
	if (number == WW_INTERN_NONE)
		return -ENOMEM;
	endpoints->by_key[number] = id;
	return 0;
}

static int64_t add(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *route, bool fixed)
{
	const struct ww_catalog_endpoint endpoint = {
		.service = service,
		.protocol = endpoints->protocol,
		.method = method,
		.route = route,
	};
	uint32_t len = ww_catalog__next_endpoint(endpoints->catalog);
	bool reuses = len < endpoints->catalog->endpoints_len;
	int64_t id;

	if (reserve((void **)&endpoints->flights, &endpoints->flights_cap, len, sizeof(*endpoints->flights)) ||
	    reserve((void **)&endpoints->states, &endpoints->states_cap, len, sizeof(*endpoints->states)))
		return -ENOMEM;
	id = ww_catalog__add_endpoint(endpoints->catalog, &endpoint);
	if (id < 0)
		return id;
	if (point(endpoints, service, method, route, (uint32_t)id)) {
		endpoints->catalog->endpoints_len -= !reuses;
		return -ENOMEM;
	}
	endpoints->states[id] = (struct ww_endpoint_state){.same = (uint32_t)id, .fixed = fixed};
	endpoints->added = (uint32_t)id;
	return id;
}

/* Gives an endpoint, and those that have become it, another route; one that has it already is the same from now on. */
static int rename_endpoint(struct ww_endpoints *endpoints, uint32_t id, const char *method, const char *route)
{
	uint32_t service = endpoints->catalog->endpoints[id].service;
	int64_t other = lookup(endpoints, service, method, route);
	int err;

	if (other == id)
		return 0;
	err = other < 0 ? point(endpoints, service, method, route, id) : 0;
	for (uint32_t i = 0; !err && i < endpoints->catalog->endpoints_len; i++) {
		if (whole(endpoints, i) == id)
			err = ww_catalog__rename_endpoint(endpoints->catalog, i, method, route);
	}
	if (err || other < 0)
		return err;
	endpoints->states[id].same = (uint32_t)other;
	endpoints->states[other].requests += endpoints->states[id].requests;
	endpoints->counts[service].now -= endpoints->states[id].requests > 0;
	return 0;
}

static size_t segment_len(const char *at)
{
	return strcspn(at, "/");
}

/* The place behind the first `len` bytes of a route; NULL: nothing is known of it. */
static struct ww_route_place *place_of(const struct ww_endpoints *endpoints, uint32_t service, const char *route,
				       size_t len)
{
	struct key key = {.service = service};
	uint32_t id;

	memcpy(key.text, route, len);
	id = ww_intern__find(endpoints->places, &key, offsetof(struct key, text) + len);
	return id == WW_INTERN_NONE ? NULL : &endpoints->by_place[id];
}

/* The route with the names that its places have got; `named` is as large as a route may be. */
static void name_values(const struct ww_endpoints *endpoints, uint32_t service, const char *route,
			char named[WW_PATH_SIZE])
{
	size_t len = 0;

	while (*route == '/') {
		size_t segment = segment_len(++route);
		const struct ww_route_place *place = place_of(endpoints, service, named, len);
		size_t before = len;

		named[len++] = '/';
		memcpy(named + len, route, segment);
		len += segment;
		if (place && place->named && segment && *route != '{') {
			place = place_of(endpoints, service, named, len);
			if ((!place || !place->kept) &&
			    before + sizeof("/" WW_ROUTE_NAME) + strlen(route + segment) <= WW_PATH_SIZE) {
				memcpy(named + before, "/" WW_ROUTE_NAME, sizeof("/" WW_ROUTE_NAME) - 1);
				len = before + sizeof("/" WW_ROUTE_NAME) - 1;
			}
		}
		route += segment;
	}
	named[len] = '\0';
}

/* Whether the endpoint is there, its own, of the service, and its route goes on from `len` bytes of another one. */
static bool continues(const struct ww_endpoints *endpoints, uint32_t id, uint32_t service, const char *route,
		      size_t len)
{
	const struct ww_catalog_endpoint *endpoint = &endpoints->catalog->endpoints[id];

	return endpoint->service == service && endpoints->states[id].same == id && !endpoints->states[id].fixed &&
	       !strncmp(endpoint->route, route, len) && endpoint->route[len] == '/';
}

/* Requests of the endpoints that begin with the first `len` bytes of a route, whole segments. */
static uint64_t requests_below(const struct ww_endpoints *endpoints, uint32_t service, const char *route, size_t len)
{
	uint64_t requests = 0;

	for (uint32_t id = 0; id < endpoints->catalog->endpoints_len; id++) {
		const char *other = endpoints->catalog->endpoints[id].route;

		if (endpoints->catalog->endpoints[id].service == service && endpoints->states[id].same == id &&
		    !strncmp(other, route, len) && (other[len] == '/' || !other[len]))
			requests += endpoints->states[id].requests;
	}
	return requests;
}

/* There are too many values behind the first `len` bytes of a route: those that came seldom are one from now on. */
static int name_place(struct ww_endpoints *endpoints, uint32_t service, const char *route, size_t len)
{
	struct ww_route_place *place = place_of(endpoints, service, route, len);
	uint64_t often = TIMES * requests_below(endpoints, service, route, len) / place->values;
	char named[WW_PATH_SIZE];
	int err = 0;

	if (often < TIMES)
		often = TIMES;
	if (often > OFTEN)
		often = OFTEN;
	place->named = true;
	for (uint32_t id = 0; id < endpoints->catalog->endpoints_len; id++) {
		const char *other = endpoints->catalog->endpoints[id].route;
		size_t child;

		if (!continues(endpoints, id, service, route, len))
			continue;
		child = len + 1 + segment_len(other + len + 1);
		place = place_of(endpoints, service, other, child);
		if (place && !place->kept)
			place->kept = requests_below(endpoints, service, other, child) >= often;
	}
	for (uint32_t id = 0; !err && id < endpoints->catalog->endpoints_len; id++) {
		if (!continues(endpoints, id, service, route, len))
			continue;
		name_values(endpoints, service, endpoints->catalog->endpoints[id].route, named);
		err = rename_endpoint(endpoints, id, endpoints->catalog->endpoints[id].method, named);
	}
	return err;
}

/* Notes each segment of a new route; 1 when a place got its name by that, so that the route may be another one now. */
static int note_places(struct ww_endpoints *endpoints, uint32_t service, const char *route)
{
	struct key key = {.service = service};
	size_t len = 0, text_len = strlen(route);
	uint32_t before = WW_INTERN_NONE;

	memcpy(key.text, route, text_len);
	for (;;) {
		uint32_t known = ww_intern__len(endpoints->places), id;

		if (reserve((void **)&endpoints->by_place, &endpoints->by_place_cap, known,
			    sizeof(*endpoints->by_place)))
			return -ENOMEM;
		id = ww_intern__add(endpoints->places, &key, offsetof(struct key, text) + len);
		if (id == WW_INTERN_NONE)
			return -ENOMEM;
		if (id == known && before != WW_INTERN_NONE) {
			struct ww_route_place *place = &endpoints->by_place[before];
			const char *slash = memrchr(route, '/', len);

			place->values++;
			if (!place->named && place->values > endpoints->max / 2)
				return name_place(endpoints, service, route, (size_t)(slash - route)) ?: 1;
		}
		if (len == text_len)
			return 0;
		before = id;
		len += 1 + segment_len(route + len + 1);
	}
}

static bool has_pattern(const struct ww_endpoints *endpoints, const char *path)
{
	for (size_t i = 0; i < endpoints->patterns_len; i++) {
		if (ww_route__matches(endpoints->patterns[i], path))
			return true;
	}
	return false;
}

/* Methods can be made up, too. */
static const char *known_method(const char *method)
{
	return ww_http1__is_known_method(method) ? method : WW_ROUTE_OTHER;
}

static int64_t find_other(struct ww_endpoints *endpoints, uint32_t service, const char *method)
{
	int64_t id = lookup(endpoints, service, known_method(method), WW_ROUTE_OTHER);

	return id != -ENOENT ? id : add(endpoints, service, known_method(method), WW_ROUTE_OTHER, true);
}

/* Of what came only once the older half goes to "(other)"; how many requests that were, or -ENOMEM. */
static int64_t make_room(struct ww_endpoints *endpoints, uint32_t service)
{
	int64_t moved = 0;

	for (uint32_t id = 0; id < endpoints->catalog->endpoints_len && moved <= endpoints->max / 2; id++) {
		const struct ww_catalog_endpoint *endpoint = &endpoints->catalog->endpoints[id];
		const struct ww_endpoint_state *state = &endpoints->states[id];

		if (endpoint->service != service || state->same != id || state->fixed || state->requests != 1)
			continue;
		/* It has to be there, so that this one becomes the same. */
		const char *method = endpoint->method, *route = endpoint->route;
		int64_t other = find_other(endpoints, service, method);

		if (other < 0 || rename_endpoint(endpoints, id, known_method(method), WW_ROUTE_OTHER))
			return -ENOMEM;
		moved++;
		/* If it comes again, it may have a row. */
		if (point(endpoints, service, method, route, WW_INTERN_NONE))
			return -ENOMEM;
	}
	return moved;
}

/* The endpoint of a route that has none yet. */
static int64_t find_new(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *route,
			bool fixed, uint64_t *over_cap)
{
	struct ww_endpoint_count *count;
	char named[WW_PATH_SIZE];
	int64_t id;
	int err;

	if (reserve((void **)&endpoints->counts, &endpoints->counts_cap, service, sizeof(*endpoints->counts)))
		return -ENOMEM;
	count = &endpoints->counts[service];
	if (!fixed) {
		name_values(endpoints, service, route, named);
		route = named;
		id = lookup(endpoints, service, method, route);
		if (id != -ENOENT)
			return id;
	}
	if (count->now >= endpoints->max && count->ever < EVER * endpoints->max &&
	    count->over++ % (endpoints->max / 8 + 1) == 0) {
		int64_t moved = make_room(endpoints, service);

		if (moved < 0)
			return moved;
		*over_cap += (uint64_t)moved;
	}
	if (count->now >= endpoints->max)
		return find_other(endpoints, service, method);
	err = fixed ? 0 : note_places(endpoints, service, route);
	if (err < 0)
		return err;
	if (err) {
		char again[WW_PATH_SIZE];

		name_values(endpoints, service, route, again);
		strcpy(named, again);
		id = lookup(endpoints, service, method, route);
		if (id != -ENOENT)
			return id;
	}
	id = add(endpoints, service, method, route, fixed);
	count->now += id >= 0;
	count->ever += id >= 0;
	return id;
}

int64_t ww_endpoints__find(struct ww_endpoints *endpoints, uint32_t service, const char *method, const char *path,
			   uint64_t *over_cap)
{
	char route[WW_PATH_SIZE];
	int64_t id;

	*over_cap = 0;
	ww_route__template(endpoints->patterns, endpoints->patterns_len, path, route, sizeof(route));
	endpoints->added = WW_INTERN_NONE;
	id = lookup(endpoints, service, method, route);
	if (id == -ENOENT)
		id = find_new(endpoints, service, method, route, *route != '/' || has_pattern(endpoints, path),
			      over_cap);
	if (id < 0)
		return id;
	/* One of the past takes room from its first request on. */
	if (!endpoints->states[id].requests++ && !endpoints->states[id].fixed && endpoints->added != id) {
		endpoints->counts[endpoints->catalog->endpoints[id].service].now++;
		endpoints->counts[endpoints->catalog->endpoints[id].service].ever++;
	}
	*over_cap += !strcmp(endpoints->catalog->endpoints[id].route, WW_ROUTE_OTHER);
	return id;
}

/* Where a place's values had become "{name}", they stay so. */
static int adopt_places(struct ww_endpoints *endpoints, uint32_t service, const char *route)
{
	struct key key = {.service = service};

	for (size_t len = 0; route[len] == '/';) {
		size_t segment = segment_len(route + len + 1);

		if (segment == strlen(WW_ROUTE_NAME) && !strncmp(route + len + 1, WW_ROUTE_NAME, segment)) {
			uint32_t id;

			memcpy(key.text, route, len);
			if (reserve((void **)&endpoints->by_place, &endpoints->by_place_cap,
				    ww_intern__len(endpoints->places), sizeof(*endpoints->by_place)))
				return -ENOMEM;
			id = ww_intern__add(endpoints->places, &key, offsetof(struct key, text) + len);
			if (id == WW_INTERN_NONE)
				return -ENOMEM;
			endpoints->by_place[id].named = true;
		}
		len += 1 + segment;
	}
	return 0;
}

int ww_endpoints__adopt(struct ww_endpoints *endpoints)
{
	uint32_t len = endpoints->catalog->endpoints_len;

	for (uint32_t id = 0; id < len; id++) {
		const struct ww_catalog_endpoint *endpoint = &endpoints->catalog->endpoints[id];
		bool other = !strcmp(endpoint->route, WW_ROUTE_OTHER);
		int64_t known;

		if (reserve((void **)&endpoints->flights, &endpoints->flights_cap, id, sizeof(*endpoints->flights)) ||
		    reserve((void **)&endpoints->states, &endpoints->states_cap, id, sizeof(*endpoints->states)) ||
		    reserve((void **)&endpoints->counts, &endpoints->counts_cap, endpoint->service,
			    sizeof(*endpoints->counts)))
			return -ENOMEM;
		endpoints->states[id] = (struct ww_endpoint_state){.same = id, .fixed = other};
		if (ww_catalog__is_vacant_endpoint(endpoints->catalog, id))
			continue;
		/* Only of a file that someone has changed; requests would never find it. */
		if (strlen(endpoint->route) >= WW_PATH_SIZE || strlen(endpoint->method) >= WW_METHOD_SIZE)
			continue;
		known = lookup(endpoints, endpoint->service, endpoint->method, endpoint->route);
		if (known >= 0) {
			endpoints->states[id].same = (uint32_t)known;
			continue;
		}
		if (point(endpoints, endpoint->service, endpoint->method, endpoint->route, id) ||
		    adopt_places(endpoints, endpoint->service, endpoint->route))
			return -ENOMEM;
	}
	return 0;
}

int64_t ww_endpoints__unit(struct ww_endpoints *endpoints, uint32_t service, const char *protocol, const char *method,
			   const char *name)
{
	int64_t id = lookup(endpoints, service, method, name);

	if (id == -ENOENT) {
		const char *before = endpoints->protocol;

		endpoints->protocol = protocol;
		id = add(endpoints, service, method, name, true);
		endpoints->protocol = before;
	}
	if (id >= 0)
		endpoints->states[id].requests++;
	return id;
}
