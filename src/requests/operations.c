/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/operations.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#define ERRORS_MAX	1024 /* different ones; the rest is "(other)" */
#define CONNECTIONS_MAX 64   /* of one request */

struct pending {
	uint64_t request;
	uint32_t records;
	bool unsure;
	struct ww_done *done;
	uint32_t len, cap;
	uint64_t *connections;
	uint32_t connections_len, connections_cap;
	UT_hash_handle hh;
};

struct ww_operations {
	struct pending *requests; /* a hash, in the order of their first record */
	struct pending *last;	  /* that was found: the next is often the same; NULL: none */
	struct ww_intern *errors; /* 0 is "" */
	struct ww_operations_lost lost;
	struct ww_done *taken; /* what the last take has handed out */
};

struct ww_operations *ww_operations__new(void)
{
	struct ww_operations *operations = calloc(1, sizeof(*operations));

	if (!operations)
		return NULL;
	operations->errors = ww_intern__new();
	if (!operations->errors || ww_intern__add(operations->errors, "", 0) == WW_INTERN_NONE ||
	    ww_intern__add(operations->errors, WW_NAME_OTHER, strlen(WW_NAME_OTHER)) == WW_INTERN_NONE) {
		ww_operations__free(operations);
		return NULL;
	}
	return operations;
}

static void drop(struct ww_operations *operations, struct pending *pending)
{
	HASH_DEL(operations->requests, pending);
	if (operations->last == pending)
		operations->last = NULL;
	free(pending->done);
	free(pending->connections);
	free(pending);
}

void ww_operations__free(struct ww_operations *operations)
{
	struct pending *pending, *next;

	if (!operations)
		return;
	HASH_ITER (hh, operations->requests, pending, next)
		drop(operations, pending);
	ww_intern__free(operations->errors);
	free(operations->taken);
	free(operations);
}

static struct pending *find(struct ww_operations *operations, uint64_t request)
{
	struct pending *pending = operations->last;

	if (pending && pending->request == request)
		return pending;
	HASH_FIND(hh, operations->requests, &request, sizeof(request), pending);
	operations->last = pending;
	return pending;
}

/* The request's entry, made when there is none; NULL when out of memory. */
static struct pending *get(struct ww_operations *operations, uint64_t request)
{
	struct pending *pending = find(operations, request);

	if (pending)
		return pending;
	if (HASH_COUNT(operations->requests) >= WW_OPERATIONS_REQUESTS_MAX) {
		operations->lost.forgotten++;
		drop(operations, operations->requests); /* the head is the oldest */
	}
	pending = calloc(1, sizeof(*pending));
	if (!pending)
		return NULL;
	pending->request = request;
	HASH_ADD(hh, operations->requests, request, sizeof(request), pending);
	return pending;
}

/* Doubles an array that is full, up to `most`; false when there is no more room. */
static bool grow(void **array, uint32_t len, uint32_t *cap, uint32_t most, size_t size)
{
	uint32_t wanted = *cap ? 2 * *cap : 4;
	void *grown;

	if (len < *cap)
		return true;
	if (len >= most)
		return false;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return false;
	*array = grown;
	*cap = wanted;
	return true;
}

static void link_connection(struct pending *pending, uint64_t connection)
{
	for (uint32_t i = pending->connections_len; i > 0; i--) {
		if (pending->connections[i - 1] == connection)
			return;
	}
	if (grow((void **)&pending->connections, pending->connections_len, &pending->connections_cap, CONNECTIONS_MAX,
		 sizeof(*pending->connections)))
		pending->connections[pending->connections_len++] = connection;
	else
		pending->unsure = true;
}

void ww_operations__record(struct ww_operations *operations, uint64_t request, uint64_t connection)
{
	struct pending *pending = get(operations, request);

	if (!pending)
		return; /* its account has records that are not here: it is not known */
	pending->records++;
	if (connection)
		link_connection(pending, connection);
}

static void append(struct ww_operations *operations, struct pending *pending, const struct ww_done *done)
{
	if (grow((void **)&pending->done, pending->len, &pending->cap, WW_OPERATIONS_MAX, sizeof(*pending->done))) {
		pending->done[pending->len++] = *done;
		return;
	}
	pending->unsure = true;
	operations->lost.over_cap++;
}

static uint32_t error_id(struct ww_operations *operations, const char *text)
{
	uint32_t id;

	if (!*text)
		return 0;
	id = ww_intern__find(operations->errors, text, strlen(text));
	if (id == WW_INTERN_NONE && ww_intern__len(operations->errors) < ERRORS_MAX)
		id = ww_intern__add(operations->errors, text, strlen(text));
	return id == WW_INTERN_NONE ? 1 : id;
}

void ww_operations__add(struct ww_operations *operations, uint64_t request, const struct ww_done *done,
			const char *error)
{
	struct pending *pending = find(operations, request);
	struct ww_done with_error = *done;

	if (!pending)
		return;
	with_error.error = error_id(operations, error);
	append(operations, pending, &with_error);
}

void ww_operations__unsure(struct ww_operations *operations, uint64_t request)
{
	struct pending *pending = find(operations, request);

	operations->lost.unsure++;
	if (pending)
		pending->unsure = true;
}

void ww_operations__adopt(struct ww_operations *operations, uint64_t from, uint64_t to,
			  void (*each)(void *ctx, uint64_t connection), void *ctx)
{
	struct pending *parent = get(operations, to);
	struct pending *child = find(operations, from); /* if it has not made room for the other */

	if (!parent)
		return;
	parent->records++;
	if (!child || child == parent)
		return;
	parent->records += child->records;
	parent->unsure |= child->unsure;
	for (uint32_t i = 0; i < child->len; i++)
		append(operations, parent, &child->done[i]);
	for (uint32_t i = 0; i < child->connections_len; i++) {
		link_connection(parent, child->connections[i]);
		each(ctx, child->connections[i]);
	}
	drop(operations, child);
}

void ww_operations__owing(struct ww_operations *operations, uint64_t request,
			  void (*each)(void *ctx, uint64_t connection), void *ctx)
{
	struct pending *pending = find(operations, request);

	for (uint32_t i = 0; pending && i < pending->connections_len; i++)
		each(ctx, pending->connections[i]);
}

static int compare_starts(const void *left, const void *right)
{
	const struct ww_done *a = left, *b = right;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->end_ns > b->end_ns) - (a->end_ns < b->end_ns);
}

struct ww_request_operations ww_operations__take(struct ww_operations *operations, const struct ww_account *account)
{
	struct ww_request_operations result = {.known = !account->traffic && !account->traffic_lost};
	struct pending *pending = find(operations, account->id);

	if (!pending)
		return result;
	result.known = !account->traffic_lost && pending->records == account->traffic && !pending->unsure;
	free(operations->taken);
	operations->taken = pending->done;
	result.done = pending->done;
	for (uint32_t i = 0; i < pending->len; i++) {
		struct ww_done *done = &pending->done[i];

		if (done->start_ns >= account->end_ns)
			continue;
		if (done->start_ns < account->start_ns) {
			/* No request sends before it has come: some guess of whose it was went wrong. */
			result.known = false;
			continue;
		}
		if (done->end_ns > account->end_ns) {
			done->end_ns = account->end_ns;
			done->flags |= WW_OPERATION_UNFINISHED;
		}
		operations->taken[result.len++] = *done;
	}
	if (result.len)
		qsort(operations->taken, result.len, sizeof(*operations->taken), compare_starts);
	pending->done = NULL;
	drop(operations, pending);
	return result;
}

const struct ww_done *ww_operations__done(struct ww_operations *operations, uint64_t request, size_t *len)
{
	struct pending *pending = find(operations, request);

	*len = pending ? pending->len : 0;
	if (pending)
		pending->len = 0;
	return pending ? pending->done : NULL;
}

/* The account counts its records up to what fits its field, and begins anew. */
bool ww_operations__end(struct ww_operations *operations, const struct ww_account *account)
{
	struct pending *pending = find(operations, account->id);
	bool known = !account->traffic_lost && (uint16_t)(pending ? pending->records : 0) == account->traffic;

	if (!pending)
		return known;
	known &= !pending->unsure;
	drop(operations, pending);
	return known;
}

const char *ww_operations__error(const struct ww_operations *operations, uint32_t id)
{
	return ww_intern__get(operations->errors, id);
}

struct ww_operations_lost ww_operations__lost(const struct ww_operations *operations)
{
	return operations->lost;
}

size_t ww_operations__samples(const struct ww_catalog *catalog, const struct ww_request_operations *done,
			      struct ww_sample_operation operations[WW_OPERATIONS_MAX])
{
	for (size_t i = 0; i < done->len; i++) {
		operations[i] = (struct ww_sample_operation){
			.name = done->done[i].name,
			.flags = done->done[i].flags,
			.kind = ww_catalog__operation_name(catalog, done->done[i].name).kind,
			.error = done->done[i].error != 0,
			.duration_ns = done->done[i].end_ns - done->done[i].start_ns,
			.bytes_out = done->done[i].bytes_out,
			.bytes_in = done->done[i].bytes_in,
		};
	}
	return done->len;
}
