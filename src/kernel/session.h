/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loop that `record` and `top` share: an observer that feeds an ingest, until a signal, a deadline or the caller
 * ends it. One session a process: unless `keep_signals` is set it owns the handlers of SIGINT, SIGTERM and, unless it
 * is ignored, SIGHUP while it is open; a signal that comes before it runs ends the run at once.
 */
#ifndef WHYWAIT_SESSION_H
#define WHYWAIT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/observer.h"
#include "requests/ingest.h"

struct ww_session;

struct ww_session_options {
	struct ww_observer_options observer;
	struct ww_ingest_options ingest; /* `peer` is set by the session, `recorder` by ww_session__set_recorder() */
	uint64_t duration_ns;		 /* 0: until something else ends it */
	pid_t command;			 /* the session ends with it; 0: with the last that is selected by its id */
	bool keep_signals;		 /* they are the caller's, who ends the session by a callback */

	/*
	 * Called in the session's thread, where not NULL; above 0 ends the session, below 0 fails it with that errno.
	 * `each_drain` runs after each drain, so at least 10 times a second: look at the keyboard there, don't wait.
	 * `each_second` runs once a second, after what came was committed.
	 */
	int (*each_drain)(void *ctx, struct ww_session *session);
	int (*each_second)(void *ctx, struct ww_session *session);
	void *ctx;
};

/* Why a session ended. */
enum ww_session_end {
	WW_SESSION_SIGNAL,   /* SIGINT, SIGTERM or SIGHUP */
	WW_SESSION_DURATION, /* options.duration_ns is over */
	WW_SESSION_CALLBACK, /* a callback asked for it */
	WW_SESSION_PIDS,     /* options.command has ended, or all of select.pids and what they started have */
};

/*
 * Loads and attaches. On failure returns a negative errno and writes one line without a newline to `message`. What
 * `options` points to must outlive the session. The session is the caller's, to be closed with ww_session__close().
 */
int ww_session__open(struct ww_session **session, const struct ww_session_options *options, char *message,
		     size_t message_size);

/* Where requests are recorded from the run on; before it only. It stays the caller's and outlives the session. */
void ww_session__set_recorder(struct ww_session *session, struct ww_recorder *recorder);

/*
 * Makes the first commit, so that whoever is told that observing has begun can read the recording; ww_session__run()
 * does it where this was not called. A negative errno.
 */
int ww_session__start(struct ww_session *session);

/*
 * Observes until something ends it; then takes in what is still in the rings. Writes why to *end. A negative errno when
 * observing failed, a callback did, or the recording could not be written (-ENOSPC and others: see
 * ww_recorder__message()).
 */
int ww_session__run(struct ww_session *session, enum ww_session_end *end);

/* As ww_observer__stand_ins(). */
const char *ww_session__stand_ins(const struct ww_session *session);

/* For the callbacks, and after ww_session__run(): what was taken in. */
struct ww_ingest *ww_session__ingest(struct ww_session *session);

/* Sums of every counter as of the last second, indexed by enum ww_counter. */
const uint64_t *ww_session__counters(const struct ww_session *session);

/* As ww_observer__run_time(). */
int ww_session__run_time(const struct ww_session *session, uint64_t *ns);

/* Whether options.command is one unit of work as a whole: it has answered no requests, and the kernel can do it. */
bool ww_session__follows(const struct ww_session *session);

/* Nanoseconds since observation started. */
uint64_t ww_session__elapsed_ns(const struct ww_session *session);

/* NULL-safe. */
void ww_session__close(struct ww_session *session);

#endif
