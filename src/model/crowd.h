/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the threads of all services did when, as far as kept requests tell: so that who waited in a queue can be told
 * whom for. Bounded.
 */
#ifndef WHYWAIT_CROWD_H
#define WHYWAIT_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/request.h"

#define WW_CROWD_STRETCHES 200000 /* that are kept; requests beyond are left out */

enum ww_crowd_state {
	WW_CROWD_QUEUED,  /* the request waited for a thread */
	WW_CROWD_BUSY,	  /* a thread worked for it, and could not for others: it computed, or wanted to */
	WW_CROWD_WAITING, /* it waited for something else: a worker is held meanwhile, an event loop is not */
};

struct ww_crowd_stretch {
	int64_t from_ns, to_ns; /* Unix */
	uint32_t pid, tid;
	uint32_t endpoint;
	uint8_t state;
	bool late;	  /* QUEUED: the request had been picked up before */
	bool sampled;	  /* of a request that is part of a fair sample */
	bool interleaved; /* WAITING: its thread worked for another request meanwhile; set by settling */
};

/* The sampled requests of an endpoint. */
struct ww_crowd_span {
	int64_t first_ns, last_ns; /* starts */
	uint64_t requests;
	uint64_t kept;	 /* with those that are not sampled, */
	int64_t kept_ns; /* and when the first of them began */
	double weight;	 /* how many requests each stands for; set by settling */
};

struct ww_crowd {
	struct ww_crowd_stretch *stretches; /* by pid, tid and time, once settled */
	size_t len, cap;
	struct ww_crowd_span *spans; /* by endpoint */
	uint32_t spans_len;
	bool whole; /* every request is in it, so what a thread did for none of them it did for none; set by settling */
};

/* All zeros is an empty one. NULL-safe. Frees the content, not `crowd` itself. */
void ww_crowd__free(struct ww_crowd *crowd);

/* Adds a request of that endpoint. -ENOMEM. */
int ww_crowd__add(struct ww_crowd *crowd, uint32_t endpoint, const struct ww_request *request);

/* What is known beside the requests that were added. */
struct ww_crowd_beside {
	double (*rate)(const void *ctx, uint32_t endpoint);	  /* requests a second of an endpoint */
	uint64_t (*requests)(const void *ctx, uint32_t endpoint); /* how many there were */
	const void *ctx;
	bool all_kept; /* all could be added, but of some endpoints only the newest were */
};

/*
 * No more will come: sorts, and finds out what a sampled request of each endpoint stands for. Where all were kept, what
 * is older than the oldest of an endpoint that is not there to the last is left out. -ENOMEM.
 */
int ww_crowd__settle(struct ww_crowd *crowd, const struct ww_crowd_beside *beside);

enum ww_crowd_how {
	WW_CROWD_WORKERS,    /* a thread serves one request after the other */
	WW_CROWD_ONE_THREAD, /* the same, or an event loop: there is but one, and it was never seen to do both */
	WW_CROWD_LOOP,	     /* a thread serves others while a request waits */
};

/* What is known of the time that requests of an endpoint spent in a queue. */
struct ww_blockage {
	enum ww_crowd_how how;
	uint32_t threads; /* that its requests ran on */
	double queued_ns;
	double seen_ns;	 /* of it: its thread is known to have been with others */
	double *held_ns; /* by endpoint, spans_len of them: who kept the threads meanwhile; the caller may change it */
	double busy_ns;	 /* their sum, where they were on a CPU, or in want of one */
	double waiting_ns; /* the rest of it */
	double blocked_ns; /* of both: by one that took up much of the time that another waited */
};

/*
 * The same of many endpoints, some hundred of which are looked for at once: all that is to be set is `crowd`. To be
 * freed with ww_blockages__free().
 */
struct ww_blockages {
	const struct ww_crowd *crowd;
	struct ww_blockage *of; /* `len` endpoints, from the first one on */
	double *held_ns;	/* of these */
	uint32_t first, len;
};

/* Who held the threads. Quick where endpoints are asked for in ascending order. It is valid until the next call.
 * -ENOMEM. */
int ww_blockages__find(struct ww_blockages *blockages, uint32_t endpoint, struct ww_blockage *blockage);

/* NULL-safe. Frees the content, not `blockages` itself. */
void ww_blockages__free(struct ww_blockages *blockages);

#endif
