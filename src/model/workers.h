/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The threads of each service that serve its requests, as kept requests tell: how many, and whether one serves several
 * requests at a time.
 */
#ifndef WHYWAIT_WORKERS_H
#define WHYWAIT_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/request.h"

struct ww_worker_thread {
	uint32_t pid, tid; /* pid 0: a free slot */
	uint32_t service;
	bool again;	       /* it served more than one */
	int64_t busy_until_ns; /* Unix: the latest end of a request */
};

struct ww_service_workers {
	char *service;
	uint64_t processes;   /* that answered a request that was kept */
	uint64_t threads;     /* that answered several of them: workers. One alone may have been made for its request */
	uint64_t once;	      /* that answered one of them */
	uint64_t followed;    /* requests whose thread had one before .. */
	uint64_t overlapping; /* .. which was not over when it picked them up; or that it laid aside */
};

/* All zeros is none. */
struct ww_workers {
	struct ww_service_workers *services;
	size_t len;
	struct ww_worker_thread *threads; /* a hash table with linear probing */
	size_t threads_len, threads_cap;
};

/* NULL-safe. Frees the content, not `workers` itself. */
void ww_workers__free(struct ww_workers *workers);

/* Adds a request; they have to come in the order of their start. -ENOMEM. */
int ww_workers__add(struct ww_workers *workers, const struct ww_request *request);

/* Those of a service; NULL: none of its requests was kept. */
const struct ww_service_workers *ww_workers__of(const struct ww_workers *workers, const char *service);

/* Whether a thread serves several requests at a time: an event loop. */
bool ww_service_workers__are_loops(const struct ww_service_workers *workers);

/* Whether there is a thread for each request, or connection: then their number is no limit. */
bool ww_service_workers__are_unlimited(const struct ww_service_workers *workers);

#endif
