/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What services.c, members.c and service_usage.c share. Internal to src/requests. */
#ifndef WHYWAIT_SERVICES_PARTS_H
#define WHYWAIT_SERVICES_PARTS_H

#include "requests/process.h"
#include "requests/programs.h"
#include "requests/service_label.h"
#include "requests/service_map.h"
#include "requests/services.h"

#define WW_SLOTS (2 * WW_PROCESSES_MAX) /* a power of two */

/* A process on one of the addresses that it serves. */
struct ww_member {
	uint32_t pid;	/* 0: a free slot */
	uint32_t local; /* of a unix socket; else 0 */
	uint16_t port;
	bool gone;	/* nothing could be read of it */
	bool greenlets; /* of one that takes messages: which of them it works on can't be told */
	uint32_t service;
	uint32_t unseen; /* samples since its last request */
	struct ww_process_usage usage;
	struct ww_collected collected;
	struct ww_heap_counts heap; /* what its runtime has allocated, as of the last sample, */
	bool heap_known;	    /* where it counts that */
	uint64_t pss_bytes;	    /* 0: not known */
	uint64_t pss_due_ns;	    /* monotonic: when that is to be read anew */
};

struct ww_service {
	struct ww_service_usage now;   /* in the interval */
	struct ww_service_usage total; /* since the start; rss_bytes is the last one */
	/* Of one that nothing could be read of yet, so that it has its name from a record: else WW_INTERN_NONE, both */
	uint32_t provisional_key; /* in `keys` */
	uint32_t provisional_kin; /* in `kin`: those that it consists of, where that is one */
	bool past;		  /* of a recording that is gone on in: nobody has been found to be it yet */
	uint64_t rss_sum;	  /* over the samples of the interval */
	uint64_t samples;
	bool shares_known;   /* of each of its processes what it shares, in the last sample */
	char *oom_file;	     /* counts who was killed in its control group; NULL: not known */
	uint64_t oom_before; /* what it counted last */
};

struct ww_services {
	struct ww_catalog *catalog;
	const char *proc;
	uint32_t max;
	uint32_t found; /* of the catalog's: the others are of the past, and nobody has been found to be them */
	bool added;	/* whether the last one that was looked for was new */
	struct ww_service_names names;
	ww_collected_fn *collected; /* NULL: not known */
	void *collected_ctx;
	bool shares;		    /* what processes share is read */
	ww_allocated_fn *allocated; /* NULL: not known */
	void *allocated_ctx;

	struct ww_member *members; /* a hash table with linear probing */
	uint32_t members_len;
	uint32_t next_sample; /* slot */
	uint32_t next_share;  /* slot: of what processes share */

	struct ww_intern *keys; /* program, executable, address, container; or comm, address */
	struct ww_service_map key_services;
	struct ww_intern *kin; /* comm, port, cgroup */
	struct ww_service_map kin_services;

	struct ww_service *services; /* by id */
	uint32_t services_cap;
	struct ww_programs programs;
	int64_t interval;
	struct ww_service_usage *rows;
	size_t rows_len;
};

/* Where a process is in the table, or belongs: in front of a free slot there is none. */
uint32_t ww_members__slot(const struct ww_services *services, uint32_t pid, uint16_t port, uint32_t local);

/* Keeps a process whose service is known now; what was not seen for long makes room for it. */
void ww_members__remember(struct ww_services *services, const struct ww_member *member);

/* Removes those that have ended, or are another program now. */
void ww_members__forget_ended(struct ww_services *services);

#define WW_ENDED UINT32_MAX /* `unseen` of a member that has ended or is another program now */

#endif
