/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services: processes that share a listening address and an executable (and a container) are one. Knows which service a
 * process belongs to, and what its processes use.
 */
#ifndef WHYWAIT_SERVICES_H
#define WHYWAIT_SERVICES_H

#include "model/catalog.h"
#include "store/recorder.h"
#include "whywait/abi.h"

struct ww_services;

/* What a process's garbage collector did since it is observed. */
struct ww_collected {
	uint64_t count;
	uint64_t ns;	  /* that it stopped the process, or a thread of it */
	uint32_t program; /* another number where the process id is another program's */
	uint32_t ended;	  /* the program has ended, and none that has collected came after it */
};

/* Writes that of a process; -ENOENT: it has done nothing. */
typedef int ww_collected_fn(void *ctx, uint32_t pid, struct ww_collected *collected);

/* What a process's runtime has allocated since its start, as it counts itself. */
struct ww_heap_counts {
	uint64_t allocations, bytes;
	bool allocations_known; /* some count bytes only */
};

/* Writes that of a process, whose start and program are those of `usage`; -ENOENT: it counts nothing. */
struct ww_process_usage;
typedef int ww_allocated_fn(void *ctx, uint32_t pid, const struct ww_process_usage *usage,
			    struct ww_heap_counts *counts);

/* Processes that are known at a time; beyond it those that were not seen for longest are forgotten and read anew. */
#define WW_PROCESSES_MAX 4096

/*
 * `catalog` is where services are added; it and `proc`, where the proc file system is, must outlive the services. The
 * services are the caller's, to be freed with ww_services__free(); NULL when out of memory.
 */
struct ww_services *ww_services__new(struct ww_catalog *catalog, const char *proc, unsigned max);

/* How the user calls services; the strings stay his. */
struct ww_service_names;
void ww_services__name(struct ww_services *services, const struct ww_service_names *names);

/* Whom to ask what processes have collected; nobody is before this is called. */
void ww_services__ask_collections(struct ww_services *services, ww_collected_fn *collected, void *ctx);

/* Whether what processes share is to be read; it is not before this is called. */
void ww_services__ask_shares(struct ww_services *services, bool wanted);

/* Whom to ask what runtimes have allocated; nobody is before this is called. */
void ww_services__ask_allocations(struct ww_services *services, ww_allocated_fn *allocated, void *ctx);

/* NULL-safe. */
void ww_services__free(struct ww_services *services);

/*
 * The service that answered a request: its id in the catalog. `local` is the server's own address, or NULL when it is
 * not known. -ENOMEM. A process that is gone by now counts to the service of its kin: those with the same name, port
 * and cgroup. When the first of a kin is gone, its service is named by it, until one of the kin can be looked at: then
 * the service is renamed.
 */
int64_t ww_services__find(struct ww_services *services, const struct ww_account *account, const struct ww_peer *local);

/*
 * Whether which message a process works on can't be told, of one that has been found for a message: its threads go from
 * one to another within a call.
 */
bool ww_services__mixes(const struct ww_services *services, uint32_t pid);

/* The service that a command is which is one unit of work, by its name: its id in the catalog, -ENOMEM. */
int64_t ww_services__command(struct ww_services *services, const char *name);

/* A process that the command consists of: since its start it counts to that service. */
void ww_services__join(struct ww_services *services, uint32_t service, uint32_t pid);

/*
 * Looks at the processes: at each of them once a second or, when there are very many, less often. Forgets those that
 * have ended or are another program now. `interval` is the one that it counts to.
 */
void ww_services__sample(struct ww_services *services, int64_t interval);

/* Services that were found, of the `max` that may be. */
uint32_t ww_services__found(const struct ww_services *services);

/* What each service used in the interval of the last sample; *len rows, valid until the next sample. */
const struct ww_service_usage *ww_services__usage(const struct ww_services *services, size_t *len);

/* What each service runs, of those of which a process could be read; valid until the next call that finds one. */
const struct ww_service_program *ww_services__programs(const struct ww_services *services, size_t *len);

/* What a service used since the start, by its id in the catalog, whose strings it has; memory as it is now. */
struct ww_service_report ww_services__report(const struct ww_services *services, uint32_t id);

#endif
