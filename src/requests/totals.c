/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/totals.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/http1.h"
#include "requests/endpoints.h"
#include "util/intern.h"

#define MS 1000000ull

const uint64_t ww_totals_bounds_ns[WW_TOTALS_BOUNDS] = {
	5 * MS,	  10 * MS,  25 * MS,   50 * MS,	  75 * MS,   100 * MS,	250 * MS,
	500 * MS, 750 * MS, 1000 * MS, 2500 * MS, 5000 * MS, 7500 * MS, 10000 * MS,
};

#define NONE UINT32_MAX

struct ww_totals {
	pthread_mutex_t mutex;
	unsigned routes_max;
	struct ww_intern *strings; /* whose addresses stay */
	/* Keys of the rows below: the number of a key is that of its row. */
	struct ww_intern *services, *endpoints, *status, *operations;
	struct ww_totals_copy now;
	size_t services_cap, endpoints_cap, status_cap, operations_cap;
	/* By the catalog's endpoint: its row, or NONE. Forgotten when names change. */
	uint32_t *rows;
	uint32_t rows_len, renames;
	unsigned session;
	int64_t interval; /* of the last second */
};

struct ww_totals *ww_totals__new(unsigned routes_max)
{
	struct ww_totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return NULL;
	pthread_mutex_init(&totals->mutex, NULL);
	totals->routes_max = routes_max;
	totals->strings = ww_intern__new();
	totals->services = ww_intern__new();
	totals->endpoints = ww_intern__new();
	totals->status = ww_intern__new();
	totals->operations = ww_intern__new();
	if (!totals->strings || !totals->services || !totals->endpoints || !totals->status || !totals->operations) {
		ww_totals__free(totals);
		return NULL;
	}
	return totals;
}

void ww_totals__free(struct ww_totals *totals)
{
	if (!totals)
		return;
	ww_intern__free(totals->strings);
	ww_intern__free(totals->services);
	ww_intern__free(totals->endpoints);
	ww_intern__free(totals->status);
	ww_intern__free(totals->operations);
	ww_totals_copy__free(&totals->now);
	free(totals->rows);
	pthread_mutex_destroy(&totals->mutex);
	free(totals);
}

void ww_totals_copy__free(struct ww_totals_copy *copy)
{
	if (!copy)
		return;
	free(copy->services);
	free(copy->endpoints);
	free(copy->status);
	free(copy->operations);
	free(copy->losses);
	*copy = (struct ww_totals_copy){0};
}

/* Room for one more row; false: there is no memory. */
static bool grow(void **rows, size_t len, size_t *cap, size_t size)
{
	size_t larger = *cap ? *cap * 2 : 16;
	void *moved;

	if (len < *cap)
		return true;
	moved = reallocarray(*rows, larger, size);
	if (!moved)
		return false;
	*rows = moved;
	*cap = larger;
	return true;
}

/* The number of a string, or NONE. */
static uint32_t string_id(struct ww_totals *totals, const char *text)
{
	return ww_intern__add(totals->strings, text, strlen(text));
}

/* The row of a service, or of WW_SERVICE_OTHER where there is no room for it. */
static uint32_t service_row(struct ww_totals *totals, const char *name)
{
	struct ww_totals_copy *now = &totals->now;
	uint32_t row = ww_intern__find(totals->services, name, strlen(name));

	if (row != WW_INTERN_NONE)
		return row;
	if (now->services_len >= WW_TOTALS_SERVICES && strcmp(name, WW_SERVICE_OTHER) != 0)
		return service_row(totals, WW_SERVICE_OTHER);
	if (!grow((void **)&now->services, now->services_len, &totals->services_cap, sizeof(*now->services)))
		return NONE;
	row = ww_intern__add(totals->services, name, strlen(name));
	if (row == WW_INTERN_NONE)
		return NONE;
	now->services[row] =
		(struct ww_total_service){.name = ww_intern__get(totals->services, row), .seen = now->recent};
	now->services_len = row + 1;
	return row;
}

/* The row of an endpoint, or of WW_ROUTE_OTHER where the service has no room for it: then no name of it is kept. */
static uint32_t endpoint_row(struct ww_totals *totals, uint32_t service, const char *method, const char *route)
{
	struct ww_totals_copy *now = &totals->now;
	struct ww_total_service *owner = &now->services[service];
	bool other = !strcmp(route, WW_ROUTE_OTHER);
	uint32_t key[3] = {service, ww_intern__find(totals->strings, method, strlen(method)),
			   ww_intern__find(totals->strings, route, strlen(route))};
	uint32_t row = WW_INTERN_NONE;

	if (key[1] != WW_INTERN_NONE && key[2] != WW_INTERN_NONE)
		row = ww_intern__find(totals->endpoints, key, sizeof(key));
	if (row != WW_INTERN_NONE)
		return row;
	if (!other && owner->routes >= totals->routes_max)
		return endpoint_row(totals, service, ww_http1__is_known_method(method) ? method : WW_ROUTE_OTHER,
				    WW_ROUTE_OTHER);
	key[1] = string_id(totals, method);
	key[2] = string_id(totals, route);
	if (key[1] == WW_INTERN_NONE || key[2] == WW_INTERN_NONE ||
	    !grow((void **)&now->endpoints, now->endpoints_len, &totals->endpoints_cap, sizeof(*now->endpoints)))
		return NONE;
	row = ww_intern__add(totals->endpoints, key, sizeof(key));
	if (row == WW_INTERN_NONE)
		return NONE;
	now->endpoints[row] = (struct ww_total_endpoint){
		.service = service,
		.method = ww_intern__get(totals->strings, key[1]),
		.route = ww_intern__get(totals->strings, key[2]),
	};
	now->endpoints_len = row + 1;
	owner->routes += !other;
	return row;
}

static void add_status(struct ww_totals *totals, uint32_t endpoint, uint16_t status, uint64_t requests)
{
	struct ww_totals_copy *now = &totals->now;
	uint32_t key[2] = {endpoint, status}, row = ww_intern__find(totals->status, key, sizeof(key));

	if (row == WW_INTERN_NONE) {
		if (now->endpoints[endpoint].status >= WW_TOTALS_STATUS && status != WW_STATUS_OTHER) {
			add_status(totals, endpoint, WW_STATUS_OTHER, requests);
			return;
		}
		if (grow((void **)&now->status, now->status_len, &totals->status_cap, sizeof(*now->status)))
			row = ww_intern__add(totals->status, key, sizeof(key));
		if (row == WW_INTERN_NONE) {
			now->uncounted += requests;
			return;
		}
		now->status[row] = (struct ww_total_status){.endpoint = endpoint, .status = status};
		now->status_len = row + 1;
		now->endpoints[endpoint].status++;
	}
	now->status[row].requests += requests;
}

/* Adds to the row that is of the same as `more`, whose strings may be others'; false: there is no memory. */
static bool add_operation(struct ww_totals *totals, const struct ww_total_operation *more)
{
	struct ww_totals_copy *now = &totals->now;
	uint32_t key[4] = {more->service, more->kind, string_id(totals, more->route), string_id(totals, more->system)};
	uint32_t row = ww_intern__find(totals->operations, key, sizeof(key));

	if (row == WW_INTERN_NONE) {
		if (key[2] != WW_INTERN_NONE && key[3] != WW_INTERN_NONE &&
		    grow((void **)&now->operations, now->operations_len, &totals->operations_cap,
			 sizeof(*now->operations)))
			row = ww_intern__add(totals->operations, key, sizeof(key));
		if (row == WW_INTERN_NONE)
			return false;
		now->operations[row] = (struct ww_total_operation){
			.service = more->service,
			.kind = more->kind,
			.route = ww_intern__get(totals->strings, key[2]),
			.system = ww_intern__get(totals->strings, key[3]),
		};
		now->operations_len = row + 1;
	}
	now->operations[row].ns += more->ns;
	now->operations[row].count += more->count;
	return true;
}

static void add_times(struct ww_total_endpoint *to, const struct ww_aggregate *from)
{
	unsigned bound = 0;

	to->requests += from->requests;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		to->kinds_ns[kind] += from->kinds_ns[kind];
	for (uint32_t i = 0; i < from->histogram.len; i++) {
		uint32_t index;
		const struct ww_bucket bucket = ww_histogram__at(&from->histogram, i, &index);
		uint64_t wall = 0;

		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			wall += bucket.kinds_ns[kind];
		/* In the order of wall times, so a bound that is passed is so for the rest. */
		while (bound < WW_TOTALS_BOUNDS && bucket.count &&
		       wall / bucket.count + !!(wall % bucket.count) > ww_totals_bounds_ns[bound])
			bound++;
		to->buckets[bound] += bucket.count;
	}
}

/* The row that counts for a catalog's endpoint; NONE: there is no memory. */
static uint32_t row_of(struct ww_totals *totals, const struct ww_catalog *catalog, uint32_t endpoint)
{
	const struct ww_catalog_endpoint *names = &catalog->endpoints[endpoint];
	uint32_t *row = endpoint < totals->rows_len ? &totals->rows[endpoint] : NULL, service;

	if (row && *row != NONE)
		return *row;
	service = service_row(totals, catalog->services[names->service].name);
	if (service == NONE)
		return NONE;
	uint32_t found = endpoint_row(totals, service, names->method, names->route);
	if (row)
		*row = found;
	return found;
}

/* Names may have changed, and endpoints come. */
static void renew_rows(struct ww_totals *totals, const struct ww_catalog *catalog, bool same_session)
{
	if (totals->rows_len && (!same_session || totals->renames != catalog->renames))
		memset(totals->rows, 0xff, totals->rows_len * sizeof(*totals->rows));
	totals->renames = catalog->renames;
	if (catalog->endpoints_len <= totals->rows_len)
		return;
	uint32_t *larger = reallocarray(totals->rows, catalog->endpoints_len, sizeof(*larger));
	if (!larger)
		return;
	memset(larger + totals->rows_len, 0xff, (catalog->endpoints_len - totals->rows_len) * sizeof(*larger));
	totals->rows = larger;
	totals->rows_len = catalog->endpoints_len;
}

static void add_endpoint(struct ww_totals *totals, const struct ww_catalog *catalog, uint32_t endpoint,
			 const struct ww_aggregate *from, uint32_t second)
{
	struct ww_totals_copy *now = &totals->now;
	uint32_t row = row_of(totals, catalog, endpoint);

	if (row == NONE) {
		now->uncounted += from->requests;
		return;
	}
	if (strcmp(now->services[now->endpoints[row].service].name,
		   catalog->services[catalog->endpoints[endpoint].service].name) != 0)
		now->services_over_cap += from->requests;
	if (strcmp(now->endpoints[row].route, catalog->endpoints[endpoint].route) != 0)
		now->over_cap += from->requests;
	add_times(&now->endpoints[row], from);
	now->services[now->endpoints[row].service].recent_ns[second] += ww_aggregate__wall_ns(from);
	now->services[now->endpoints[row].service].seen = now->recent;
	for (uint32_t i = 0; i < from->status_len; i++)
		add_status(totals, row, from->status[i].status, from->status[i].requests);
	for (uint32_t i = 0; i < from->operations.len; i++) {
		const struct ww_operation_sum *sum = &from->operations.sums[i];
		const struct ww_total_operation more = {
			.service = now->endpoints[row].service,
			.kind = sum->kind,
			.route = now->endpoints[row].route,
			.system = ww_catalog__operation_name(catalog, sum->name).system,
			.ns = sum->ns,
			.count = sum->count,
		};

		if (sum->count)
			add_operation(totals, &more);
	}
}

/* Services of one name are one. What their usage says is of the interval so far; of it only growth counts. */
static void add_usage(struct ww_totals *totals, const struct ww_commit *second, bool same_interval)
{
	struct ww_totals_copy *now = &totals->now;

	for (size_t i = 0; i < now->services_len; i++) {
		struct ww_total_service *service = &now->services[i];

		service->memory_bytes = service->processes = service->interval_cpu_ns = 0;
		if (!same_interval)
			service->counted_cpu_ns = 0;
	}
	for (size_t i = 0; i < second->usage_len; i++) {
		const struct ww_service_usage *usage = &second->usage[i];
		uint32_t row = service_row(totals, second->catalog->services[usage->service].name);

		if (row == NONE)
			continue;
		now->services[row].memory_bytes += usage->rss_bytes;
		now->services[row].processes += usage->processes;
		if (usage->processes)
			now->services[row].seen = now->recent;
		now->services[row].interval_cpu_ns += usage->cpu_ns;
	}
	for (size_t i = 0; i < now->services_len; i++) {
		struct ww_total_service *service = &now->services[i];

		if (service->interval_cpu_ns <= service->counted_cpu_ns)
			continue;
		service->cpu_ns += service->interval_cpu_ns - service->counted_cpu_ns;
		service->counted_cpu_ns = service->interval_cpu_ns;
	}
}

static void set_losses(struct ww_totals_copy *now, const struct ww_loss *losses, size_t len)
{
	if (now->losses_len != len) {
		struct ww_loss *larger = reallocarray(now->losses, len, sizeof(*larger));

		if (!larger)
			return;
		now->losses = larger;
		now->losses_len = len;
	}
	memcpy(now->losses, losses, len * sizeof(*losses));
}

static bool is_gone(const struct ww_totals_copy *now, uint32_t service)
{
	return now->recent - now->services[service].seen > WW_TOTALS_GONE &&
	       strcmp(now->services[service].name, WW_SERVICE_OTHER) != 0;
}

/* Copies what is of services that are not gone; `moved` has room for as many numbers as there are services and
 * endpoints. */
static bool copy_living(struct ww_totals *to, const struct ww_totals_copy *from, uint32_t *moved)
{
	uint32_t *endpoints = moved + from->services_len;

	for (uint32_t i = 0; i < from->services_len; i++) {
		moved[i] = is_gone(from, i) ? NONE : service_row(to, from->services[i].name);
		if (moved[i] == NONE) {
			if (!is_gone(from, i))
				return false;
			continue;
		}
		const char *name = to->now.services[moved[i]].name;

		to->now.services[moved[i]] = from->services[i];
		to->now.services[moved[i]].name = name;
		to->now.services[moved[i]].routes = 0;
	}
	for (uint32_t i = 0; i < from->endpoints_len; i++) {
		const struct ww_total_endpoint *endpoint = &from->endpoints[i];
		uint32_t row;

		endpoints[i] = NONE;
		if (moved[endpoint->service] == NONE)
			continue;
		row = endpoints[i] = endpoint_row(to, moved[endpoint->service], endpoint->method, endpoint->route);
		if (row == NONE)
			return false;
		to->now.endpoints[row].requests = endpoint->requests;
		memcpy(to->now.endpoints[row].kinds_ns, endpoint->kinds_ns, sizeof(endpoint->kinds_ns));
		memcpy(to->now.endpoints[row].buckets, endpoint->buckets, sizeof(endpoint->buckets));
	}
	for (uint32_t i = 0; i < from->status_len; i++)
		if (endpoints[from->status[i].endpoint] != NONE)
			add_status(to, endpoints[from->status[i].endpoint], from->status[i].status,
				   from->status[i].requests);
	for (uint32_t i = 0; i < from->operations_len; i++) {
		struct ww_total_operation operation = from->operations[i];

		operation.service = moved[operation.service];
		if (operation.service != NONE && !add_operation(to, &operation))
			return false;
	}
	return !to->now.uncounted;
}

static void swap_rows(struct ww_totals *a, struct ww_totals *b)
{
	struct ww_totals before = *a;

	a->strings = b->strings, b->strings = before.strings;
	a->services = b->services, b->services = before.services;
	a->endpoints = b->endpoints, b->endpoints = before.endpoints;
	a->status = b->status, b->status = before.status;
	a->operations = b->operations, b->operations = before.operations;
	a->now.services = b->now.services, b->now.services = before.now.services;
	a->now.endpoints = b->now.endpoints, b->now.endpoints = before.now.endpoints;
	a->now.status = b->now.status, b->now.status = before.now.status;
	a->now.operations = b->now.operations, b->now.operations = before.now.operations;
	a->now.services_len = b->now.services_len;
	a->now.endpoints_len = b->now.endpoints_len;
	a->now.status_len = b->now.status_len;
	a->now.operations_len = b->now.operations_len;
	a->services_cap = b->services_cap;
	a->endpoints_cap = b->endpoints_cap;
	a->status_cap = b->status_cap;
	a->operations_cap = b->operations_cap;
}

/* Makes room for services that come: those that are gone, as containers are, have no series any more. */
static void forget_gone(struct ww_totals *totals)
{
	struct ww_totals *fresh;
	uint32_t *moved;
	bool any = false;

	for (uint32_t i = 0; i < totals->now.services_len; i++)
		any |= is_gone(&totals->now, i);
	if (!any)
		return;
	fresh = ww_totals__new(totals->routes_max);
	moved = calloc(totals->now.services_len + totals->now.endpoints_len + 1, sizeof(*moved));
	if (fresh && moved && copy_living(fresh, &totals->now, moved)) {
		swap_rows(totals, fresh);
		if (totals->rows_len)
			memset(totals->rows, 0xff, totals->rows_len * sizeof(*totals->rows));
	}
	free(moved);
	ww_totals__free(fresh);
}

void ww_totals__add(struct ww_totals *totals, const struct ww_commit *second, unsigned session,
		    const struct ww_loss *losses, size_t losses_len)
{
	const struct ww_slice *slice = second->slice;
	struct ww_totals_copy *now = &totals->now;
	bool same_session = session == totals->session;
	uint32_t place;

	pthread_mutex_lock(&totals->mutex);
	renew_rows(totals, second->catalog, same_session);
	if (now->services_len >= WW_TOTALS_SERVICES && now->recent % WW_TOTALS_RECENT == 0)
		forget_gone(totals);
	place = now->recent++ % WW_TOTALS_RECENT;
	for (size_t i = 0; i < now->services_len; i++)
		now->services[i].recent_ns[place] = 0;
	for (uint32_t i = 0; i < slice->used_len; i++)
		add_endpoint(totals, second->catalog, slice->used[i], slice->by_endpoint[slice->used[i]], place);
	add_usage(totals, second, same_session && second->interval == totals->interval);
	set_losses(now, losses, losses_len);
	totals->session = session;
	totals->interval = second->interval;
	if (!now->start_unix_ns)
		now->start_unix_ns = second->start_unix_ns;
	now->end_unix_ns = second->end_unix_ns;
	pthread_mutex_unlock(&totals->mutex);
}

/* A copy of `len` rows, or NULL without memory. */
static void *copied(const void *rows, size_t len, size_t size)
{
	void *copy = calloc(len + 1, size);

	if (copy && len)
		memcpy(copy, rows, len * size);
	return copy;
}

int ww_totals__copy(struct ww_totals *totals, struct ww_totals_copy *copy)
{
	struct ww_totals_copy new;

	pthread_mutex_lock(&totals->mutex);
	new = totals->now;
	new.services = copied(new.services, new.services_len, sizeof(*new.services));
	new.endpoints = copied(new.endpoints, new.endpoints_len, sizeof(*new.endpoints));
	new.status = copied(new.status, new.status_len, sizeof(*new.status));
	new.operations = copied(new.operations, new.operations_len, sizeof(*new.operations));
	new.losses = copied(new.losses, new.losses_len, sizeof(*new.losses));
	pthread_mutex_unlock(&totals->mutex);
	if (!new.services || !new.endpoints || !new.status || !new.operations || !new.losses) {
		ww_totals_copy__free(&new);
		return -ENOMEM;
	}
	if (new.recent > WW_TOTALS_RECENT)
		new.recent = WW_TOTALS_RECENT;
	*copy = new;
	return 0;
}
