/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/hash.h"

void ww_pending__free(struct ww_pending *pending)
{
	if (!pending)
		return;
	free(pending->requests);
	free(pending->dropped);
	free(pending->unsampled);
	ww_arena__free(pending->arena);
	*pending = (struct ww_pending){0};
}

/* Makes room for one more; -ENOMEM. */
static int reserve(void **array, size_t *cap, size_t len, size_t size)
{
	size_t larger = *cap ? *cap * 2 : 64;
	void *memory;

	if (len < *cap)
		return 0;
	memory = reallocarray(*array, larger, size);
	if (!memory)
		return -ENOMEM;
	*array = memory;
	*cap = larger;
	return 0;
}

/* A list, copied; its strings are not: they are names of the catalog, which outlive what is pending. */
static bool copy_list(struct ww_arena *arena, const void *list, size_t len, size_t size, const void *copy_at)
{
	void *copy = ww_arena__array(arena, len, size);

	if (!copy)
		return false;
	if (len)
		memcpy(copy, list, len * size);
	*(const void **)copy_at = copy;
	return true;
}

enum numbered { ARGUMENTS, PREPARED };

static uint64_t *value_of(struct ww_operation *operation, enum numbered what)
{
	return what == ARGUMENTS ? &operation->arguments : &operation->prepared;
}

/* Instead of hashes numbers from 1: those with the same ones have the number of the first. */
static bool number(struct ww_operation *operations, size_t len, enum numbered what)
{
	size_t mask = 1;
	uint64_t last = 0;
	struct slot {
		uint64_t value, number;
	} * slots;

	while (mask < 2 * len)
		mask *= 2;
	slots = calloc(mask, sizeof(*slots));
	if (!slots)
		return false;
	mask--;
	for (size_t i = 0; i < len; i++) {
		uint64_t *value = value_of(&operations[i], what), at = ww_hash_mix(*value) & mask;

		if (!*value)
			continue;
		while (slots[at].value && slots[at].value != *value)
			at = (at + 1) & mask;
		if (!slots[at].value)
			slots[at] = (struct slot){*value, ++last};
		*value = slots[at].number;
	}
	free(slots);
	return true;
}

/* Of their strings only the errors are copied: the rest is what their names stand for. */
static bool copy_operations(struct ww_arena *arena, struct ww_request *copy)
{
	struct ww_operation *operations = ww_arena__array(arena, copy->operations_len, sizeof(*operations));

	for (size_t i = 0; operations && i < copy->operations_len; i++) {
		operations[i] = copy->operations[i];
		operations[i].error = ww_arena__strdup(arena, operations[i].error);
		if (!operations[i].error)
			return false;
	}
	copy->operations = operations;
	return operations && number(operations, copy->operations_len, ARGUMENTS) &&
	       number(operations, copy->operations_len, PREPARED);
}

static struct ww_request *copy_request(struct ww_arena *arena, const struct ww_request *request)
{
	struct ww_request *copy = ww_arena__alloc(arena, sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *request;
	copy->path = ww_arena__strdup(arena, request->path);
	copy->comm = ww_arena__strdup(arena, request->comm);
	copy->traceparent = ww_arena__strdup(arena, request->traceparent);
	if (!copy->path || !copy->comm || !copy->traceparent ||
	    !copy_list(arena, request->details, request->details_len, sizeof(*request->details), &copy->details) ||
	    !copy_list(arena, request->segments, request->segments_len, sizeof(*request->segments), &copy->segments) ||
	    !copy_operations(arena, copy))
		return NULL;
	return copy;
}

int ww_pending__add(struct ww_pending *pending, int64_t id, uint32_t endpoint, const struct ww_request *request)
{
	struct ww_request *copy;

	if (!pending->arena)
		pending->arena = ww_arena__new();
	if (!pending->arena ||
	    reserve((void **)&pending->requests, &pending->cap, pending->len, sizeof(*pending->requests)))
		return -ENOMEM;
	copy = copy_request(pending->arena, request);
	pending->requests[pending->len++] =
		(struct ww_pending_request){.id = id, .endpoint = endpoint, .request = copy};
	pending->bytes += sizeof(*request) + request->details_len * sizeof(*request->details) +
			  request->segments_len * sizeof(*request->segments) +
			  request->operations_len * sizeof(*request->operations);
	return copy ? 0 : -ENOMEM;
}

/* A request that is pending, by its id; NULL: there was no memory for it. */
static struct ww_pending_request *find(const struct ww_pending *pending, int64_t id)
{
	uint64_t at = (uint64_t)(id - pending->requests[0].id);

	/* In ascending order, each one more than the one before unless that one is missing. */
	if (at >= pending->len)
		at = pending->len - 1;
	while (pending->requests[at].id > id)
		at--;
	return pending->requests[at].id == id ? &pending->requests[at] : NULL;
}

int ww_pending__drop(struct ww_pending *pending, int64_t id)
{
	if (pending->len && id >= pending->requests[0].id) {
		struct ww_pending_request *pended = find(pending, id);

		if (pended)
			pended->request = NULL;
		return 0;
	}
	if (reserve((void **)&pending->dropped, &pending->dropped_cap, pending->dropped_len, sizeof(*pending->dropped)))
		return -ENOMEM;
	pending->dropped[pending->dropped_len++] = id;
	return 0;
}

int ww_pending__unsample(struct ww_pending *pending, int64_t id)
{
	if (pending->len && id >= pending->requests[0].id) {
		struct ww_pending_request *pended = find(pending, id);

		if (pended && pended->request)
			pended->request->sampled = false;
		return 0;
	}
	if (reserve((void **)&pending->unsampled, &pending->unsampled_cap, pending->unsampled_len,
		    sizeof(*pending->unsampled)))
		return -ENOMEM;
	pending->unsampled[pending->unsampled_len++] = id;
	return 0;
}

int ww_pending__write(const struct ww_pending *pending, struct ww_rows *rows)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < pending->dropped_len; i++)
		rc = ww_rows__delete_request(rows, pending->dropped[i]);
	for (size_t i = 0; rc == SQLITE_OK && i < pending->unsampled_len; i++)
		rc = ww_rows__unsample_request(rows, pending->unsampled[i]);
	for (size_t i = 0; rc == SQLITE_OK && i < pending->len; i++) {
		const struct ww_pending_request *new = &pending->requests[i];

		if (new->request)
			rc = ww_rows__put_request(rows, new->id, new->endpoint, new->request);
	}
	return rc;
}

size_t ww_pending__clear(struct ww_pending *pending)
{
	size_t requests = 0;

	for (size_t i = 0; i < pending->len; i++)
		requests += pending->requests[i].request != NULL;
	pending->len = pending->dropped_len = pending->unsampled_len = pending->bytes = 0;
	ww_arena__free(pending->arena);
	pending->arena = NULL;
	return requests;
}
