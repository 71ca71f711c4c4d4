/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loaded and attached BPF side: opens it with what the host offers, drains its rings into an ingest, reads its
 * counters. One observer a process; not thread-safe.
 */
#ifndef WHYWAIT_OBSERVER_H
#define WHYWAIT_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "requests/ingest.h"
#include "whywait/abi.h"

struct ww_observer;

/* Whom to observe. Empty lists select nothing by that property; all lists empty selects every process. */
struct ww_select {
	const pid_t *pids;
	size_t pids_len;
	const char *const *comms; /* exact thread or process names, 15 bytes at most */
	size_t comms_len;
	const uint16_t *ports; /* the server's */
	size_t ports_len;
	const uint64_t *cgroups; /* cgroup v2 ids */
	size_t cgroups_len;
};

struct ww_observer_options {
	struct ww_select select;
	/* Sizes; 0 takes the default. Tests set tiny ones to provoke loss. */
	uint32_t max_requests; /* requests in flight on the host */
	uint32_t max_peers;    /* different addresses */
	uint32_t account_ring; /* bytes, a power of two and a multiple of the page size */
	uint32_t detail_ring;  /* the same */
	uint32_t traffic_ring; /* the same */
	bool stacks;	       /* of a sample of requests are taken */
	double stacks_share;   /* of the host's CPU time that they may cost; 0: every request's are taken */
	double allocations;    /* share of the time in which allocations are counted; 0: they are not */
	bool no_operations;    /* nothing is taken of what requests exchange with upstreams */
	bool no_collectors;    /* no probes in programs that tell when they collect garbage */
	bool exact_goroutines; /* probes in observed programs of Go's tell what their goroutines are at */
	bool no_handoffs;      /* what CPython's threads and tokio's tasks do for others' requests is not followed */
	bool promises;	       /* V8's are followed, by probes where it continues async functions */
	uint64_t segments_over_ns; /* requests slower than this send their time line; 0: every one */
	uint32_t segments_one_in;  /* and one in so many of the others; 0: none of them */
	const char *const *units;  /* functions that are units of work, as units.h says */
	size_t units_len;
	bool queues;   /* messages of queues are units of work */
	pid_t command; /* the process that is to become a command that is told as a whole, by its next execve(); 0: none
			*/
};

/*
 * Loads and attaches. On failure returns a negative errno and writes one line that says what is missing and how to mend
 * it to `message`; *observer stays untouched. The observer is the caller's, to be closed with ww_observer__close().
 */
int ww_observer__open(struct ww_observer **observer, const struct ww_observer_options *options, char *message,
		      size_t message_size);

/* Whether options.command is told as a whole: this kernel can do it, and it has answered no request. */
bool ww_observer__follows(const struct ww_observer *observer);

/* What stands in for something that this kernel does not give, in words; empty when nothing has to. */
const char *ww_observer__stand_ins(const struct ww_observer *observer);

/*
 * Feeds what has finished since the last call to `ingest`; waits up to timeout_ms for something to come.
 * Returns the number of records, or a negative errno (-EINTR on a signal).
 */
int ww_observer__drain(struct ww_observer *observer, struct ww_ingest *ingest, int timeout_ms);

/* Ends accounts whose connection or process is gone without a word; call it about once a second. */
int ww_observer__sweep(struct ww_observer *observer);

/*
 * A pidfd of some process that is selected by its id, or was started by one, and has not ended; the caller closes it.
 * Those that the calling process descends from, which may wait for it, don't count. -ESRCH: there is none.
 */
int ww_observer__living(struct ww_observer *observer);

/* Sums of every counter since the start, over all CPUs, indexed by enum ww_counter. */
int ww_observer__counters(struct ww_observer *observer, uint64_t counts[WW_COUNTER_COUNT]);

/* Calls `each` for every server port that carried connections whose requests can't be read. */
int ww_observer__unreadable(struct ww_observer *observer,
			    void (*each)(void *ctx, uint16_t port, enum ww_unreadable what, uint64_t connections),
			    void *ctx);

/* The address with that index. -ENOENT when there is none. */
int ww_observer__peer(struct ww_observer *observer, uint32_t index, struct ww_peer *peer);

/* What is known of a request that others have waited for. -ENOENT: nothing. */
int ww_observer__held_by(struct ww_observer *observer, uint64_t id, struct ww_held_by *held_by);

/* What a process's garbage collector did since the observer was opened. -ENOENT: nothing. */
int ww_observer__collected(struct ww_observer *observer, uint32_t pid, struct ww_collected *collected);

/* For how many requests one stands whose allocations were counted, as ww_allocations__weight(); 0: they were not. */
uint64_t ww_observer__allocations(struct ww_observer *observer, const struct ww_account *account);

/* How long its programs have run while that was measured (kernel/run_time.h), since it was opened. */
int ww_observer__run_time(const struct ww_observer *observer, uint64_t *ns);

/* NULL-safe. Detaches everything. */
void ww_observer__close(struct ww_observer *observer);

#endif
