/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon: observes into one recording for as long as it is left on, and tells its parts (HTTP, OTLP) of it.
 *
 * One thread, the daemon's own, observes, records and calls the parts. A part may have threads of its own. They may
 * call what is marked "any thread" here, and open the recording (config->data) by ww_recording__open_own() as often as
 * they like: it is written all the time, a reader sees its last commit, about a second old. Nothing else of the
 * daemon's, and nothing that `second` is given, may be touched by another thread or after `second` has returned: what a
 * part wants to tell later it copies, and it bounds what it copies.
 */
#ifndef WHYWAIT_SERVE_DAEMON_H
#define WHYWAIT_SERVE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/session.h"
#include "model/losses.h"
#include "serve/config.h"
#include "store/recorder.h"

struct ww_daemon;

enum ww_daemon_state {
	WW_DAEMON_STARTING,  /* loads, attaches; not ready */
	WW_DAEMON_OBSERVING, /* ready */
	WW_DAEMON_PAUSED,    /* detached: the watchdog has said so, or the recording can't be written; it comes back */
	WW_DAEMON_STOPPING,
};

/* What observing costs, over the last minute at most; of the CPU time that the host has (all CPUs are 1). */
struct ww_daemon_cost {
	uint64_t cpu_ns;       /* of this process since its start */
	uint64_t bpf_ns;       /* of the programs in the kernel since the start, as far as it is measured */
	double share;	       /* both, of the host's CPU time, lately */
	uint64_t memory_bytes; /* of this process, resident */
};

/* A copy, as of the last second. */
struct ww_daemon_status {
	enum ww_daemon_state state;
	char reason[160];		 /* one line on why it is not observing; "" when it does */
	int64_t start_unix_ns;		 /* of the daemon */
	int64_t last_unix_ns;		 /* of the last second that was observed and committed; 0: none yet */
	uint64_t last_ns;		 /* when that was, by CLOCK_MONOTONIC */
	uint64_t requests, errors, lost; /* since the start of the daemon */
	uint64_t pauses;		 /* since then: how often the watchdog has detached */
	uint64_t not_committed;		 /* seconds in a row that could not be written to the recording */
	struct ww_daemon_cost cost;
};

/* Any thread. */
void ww_daemon__status(struct ww_daemon *daemon, struct ww_daemon_status *status);

/* Any thread, while the part is open: what it was told at the start; a reload does not change it under a part. */
const struct ww_serve_config *ww_daemon__config(const struct ww_daemon *daemon);

/* Any thread: adds to what was lost, for what a part loses itself. */
void ww_daemon__lose(struct ww_daemon *daemon, enum ww_loss_id cause, uint64_t count);

/* What a second has brought. */
struct ww_daemon_second {
	/*
	 * The catalog, and in `slice` the requests that ended in this second, by endpoint of the catalog: what counters
	 * grow by. `usage` is of the interval so far. Its losses and unreadable ports are sums since the session's
	 * start, those here since the daemon's.
	 */
	const struct ww_commit *commit;
	/*
	 * Which session it is of: after a pause there is another one, and ids of services, endpoints and names may mean
	 * others then. Counters that are to go on are to be kept by name.
	 */
	unsigned session;
	const struct ww_loss *losses; /* sums since the daemon's start, by enum ww_loss_id */
	size_t losses_len;
	/* For its totals. It has no live windows (ww_ingest__report()): of 1,000 routes a minute would take 120 MiB. */
	struct ww_ingest *ingest;
};

/*
 * A part of the daemon: a line in parts.def names it, and there is a `const struct ww_daemon_part ww_part_NAME` in the
 * file that is it. All are called in the daemon's thread; those that it has no need of are NULL.
 */
struct ww_daemon_part {
	const char *name;
	/*
	 * Before privileges are dropped: bind what has to be bound, read files that only root may read, check what the
	 * configuration says. Writes the part itself to *self; NULL when the configuration has it off. On failure a
	 * negative errno, and one line without a newline in `message`: the daemon does not start.
	 */
	int (*open)(void **self, struct ww_daemon *daemon, char *message, size_t message_size);
	/* After they are dropped, and all signals are blocked that are the daemon's: here threads may be started. */
	int (*start)(void *self);
	/* Each second of observing. Takes a millisecond or so, does not wait: the rings fill meanwhile. */
	void (*second)(void *self, const struct ww_daemon_second *second);
	/* Each second, observing or not. */
	void (*tick)(void *self);
	/* Each request that is kept whole, when it is kept; valid during the call. */
	void (*request)(void *self, const struct ww_request *request);
	/* Ends threads, closes, frees. NULL is never handed over. */
	void (*stop)(void *self);
};

#define WW_PART(name) extern const struct ww_daemon_part ww_part_##name;
#include "serve/parts.def"
#undef WW_PART

struct ww_daemon_options {
	const struct ww_serve_config *config;
	struct ww_session_options session; /* whom to observe, and how; what a daemon sets itself is set by it */
	const char *settings;		   /* of the recorder */
	/*
	 * Reads the configuration again, on SIGHUP; NULL: it can't be. What is wrong with it has been logged then. What
	 * it returns, and all before it, lives as long as the daemon runs.
	 */
	const struct ww_daemon_options *(*reload)(void *ctx);
	void *ctx;
};

/*
 * Runs until a signal ends it; 0, or a negative errno with one line in `message`: -EPERM and others when it can't
 * observe here, -EINVAL when something of the configuration can't be.
 */
int ww_daemon__run(const struct ww_daemon_options *options, char *message, size_t message_size);

#endif
