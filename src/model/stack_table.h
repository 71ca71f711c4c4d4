/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where in the code the requests of endpoints spent their time: what stacks weigh, summed by endpoint, by how long the
 * request took, by kind and by what it waited for.
 */
#ifndef WHYWAIT_STACK_TABLE_H
#define WHYWAIT_STACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/intern.h"

#define WW_STACK_ROWS 65536 /* most of a table */
#define WW_STACK_ROWS_MOST                                                                                             \
	(1u << 21) /* of all that it ever held, but where it goes on: a recording has some 60 bytes of each */

struct ww_stack_key {
	uint32_t endpoint;
	uint32_t bucket; /* ww_bucket() of the wall time */
	uint32_t name;	 /* of what it waited for, in the catalog; WW_INTERN_NONE: it has none */
	uint32_t stack;	 /* in `stacks`; WW_INTERN_NONE: none was taken */
	uint32_t kind;
};

struct ww_stack_row {
	struct ww_stack_key key;
	uint64_t ns, count; /* as if the stacks of every request had been taken */
};

/* Requests whose stacks were taken, by endpoint and bucket. */
struct ww_stack_requests {
	uint32_t endpoint, bucket;
	uint64_t requests; /* that they stand for */
	uint64_t sampled;
};

struct ww_stack_table {
	struct ww_intern *frames; /* names of functions */
	struct ww_intern *stacks; /* struct ww_stack_frames, as bytes */
	struct ww_stack_row *rows;
	uint32_t rows_len, rows_cap;
	uint32_t *places; /* by hash of the key: row + 1 */
	struct ww_stack_requests *requests;
	uint32_t requests_len, requests_cap;
	bool goes_on;	   /* what is written of it is deleted some day: only a table has a most */
	uint64_t cleared;  /* rows that were forgotten, since the start */
	uint64_t over_cap; /* what found no room, since the start */
};

/* How a stack is kept: flags, and frames from the thread's start on. */
#define WW_STACK_WHOLE 1u
struct ww_stack_frames {
	uint32_t flags;
	uint32_t len;
	uint32_t frames[];
};

/* The content is the caller's, to be freed with ww_stack_table__free(). -ENOMEM. */
int ww_stack_table__init(struct ww_stack_table *table);

/* NULL-safe. Frees the content. */
void ww_stack_table__free(struct ww_stack_table *table);

/* Adds to a row; counts what there is no room for. */
void ww_stack_table__add(struct ww_stack_table *table, const struct ww_stack_key *key, uint64_t ns, uint64_t count);

/* Notes a request that stands for `requests`. */
void ww_stack_table__request(struct ww_stack_table *table, uint32_t endpoint, uint32_t bucket, uint64_t requests);

/* Forgets rows and requests; frames and stacks keep their numbers. */
void ww_stack_table__clear(struct ww_stack_table *table);

#endif
