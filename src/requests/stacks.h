/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the kernel side's stacks and weights to what endpoints spent where in the code: unwinds stacks as they come,
 * holds weights until their request ends, and sums them then. Bounded; not thread-safe.
 */
#ifndef WHYWAIT_STACKS_H
#define WHYWAIT_STACKS_H

#include <stddef.h>
#include <stdint.h>

#include "model/stack_table.h"
#include "requests/wait_names.h"
#include "whywait/abi.h"

struct ww_stacks;

/* What could not be told, since the start. */
struct ww_stacks_lost {
	uint64_t malformed;
	uint64_t forgotten; /* weights that waited too long for their request, or for whose interval it was */
	uint64_t unknown;   /* weights whose stack was lost */
	uint64_t over_cap;  /* sums that there was no room for */
};

/* What was taken in, since the start, and what is kept for it. */
struct ww_stacks_totals {
	uint64_t stacks;
	uint64_t whole;	    /* of these: they reach their thread's start */
	uint64_t cpu_ns;    /* that went into them: */
	uint64_t take_ns;   /* in the kernel, into taking them, */
	uint64_t unwind_ns; /* and into unwinding, */
	uint64_t names_ns;  /* and into finding names; */
	uint64_t once_ns;   /* besides, into what was so slow that it has read the tables of files, once each */
	unsigned files;	    /* whose tables are kept, */
	size_t bytes;	    /* in so many bytes, about */
};

/* NULL when out of memory. */
struct ww_stacks *ww_stacks__new(void);

/* NULL-safe. */
void ww_stacks__free(struct ww_stacks *stacks);

/* Takes a record of the stack ring; -EPROTO when it is malformed, -ENOMEM; both are counted. */
int ww_stacks__take(struct ww_stacks *stacks, const void *record, size_t size);

/* The request has ended. Its weights are summed for the endpoint, by what it waited for. */
void ww_stacks__end(struct ww_stacks *stacks, const struct ww_account *account, uint32_t endpoint,
		    const struct ww_waiting *waiting);

/* The same of a request that does not count. */
void ww_stacks__drop(struct ww_stacks *stacks, const struct ww_account *account);

/* What is to be written next; whoever wrote it clears it. */
struct ww_stack_table *ww_stacks__table(struct ww_stacks *stacks);

struct ww_stacks_lost ww_stacks__lost(const struct ww_stacks *stacks);
struct ww_stacks_totals ww_stacks__totals(const struct ww_stacks *stacks);

#endif
