/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writing a recording: one writer a file. What is handed over is committed about once a second, so that whatever
 * happens to the process, all but the last second can be read. docs/schema.md describes the file.
 */
#ifndef WHYWAIT_RECORDER_H
#define WHYWAIT_RECORDER_H

#include <stdbool.h>

#include "model/catalog.h"
#include "model/report.h"
#include "model/request.h"
#include "model/slice.h"
#include "model/stack_table.h"

struct ww_recorder;

#define WW_KEEP_MOST	100
#define WW_KEEP_DEFAULT 10 /* requests kept per endpoint and interval, for each reason */

/*
 * A recording that goes on for long: in place of intervals that are older than `fine_ns` there are minutes, then, from
 * `minutes_ns` on, hours, and what is older than `age_ns`, or too much for `bytes`, is deleted, the oldest first.
 */
struct ww_retention {
	int64_t age_ns, fine_ns, minutes_ns;
	uint64_t bytes; /* of the file with its log */
};

struct ww_recorder_options {
	const char *path;
	bool replace; /* delete an existing recording first, instead of renaming it to PATH.old */
	bool keep_all;
	bool goes_on; /* in an existing recording, instead of renaming it; with `retention` */
	struct ww_retention retention;
	const char *settings;  /* what it is recorded with, in words; NULL as empty */
	const char *stand_ins; /* for what the kernel does not give, in words; NULL as empty: it gives all */
	unsigned keep;	       /* most requests kept whole per endpoint, interval and reason; 0: none */
	/*
	 * Called now and then while an existing file is looked through, which may take minutes; true gives up: -EINTR.
	 * What the file says of how it is recorded stays as it was then. NULL: nobody asks, and it is to be recorded.
	 */
	bool (*each_while)(void *ctx);
	void *each_ctx;
};

/*
 * Makes a new recording. An existing one is renamed to PATH.old, replacing that; where either is no recording, or is
 * being written, both are left alone and it is an error. On failure returns a negative errno and writes one line
 * without a newline to `message`. The recorder is the caller's, to be closed with ww_recorder__close().
 *
 * With `goes_on` an existing recording is gone on in; one that can't be, as another version of whywait wrote it, as it
 * is damaged or has nearly all services that it may have, is renamed all the same.
 */
int ww_recorder__create(struct ww_recorder **recorder, const struct ww_recorder_options *options, char *message,
			size_t message_size);

/* What an existing recording has, that is gone on in: new names get their ids behind its; NULL: it is a new one. */
const struct ww_catalog *ww_recorder__past(const struct ww_recorder *recorder);

/* Whether an existing recording was renamed to PATH.old. */
bool ww_recorder__moved(const struct ww_recorder *recorder);

/* Whether a request of that endpoint is to be kept whole; if so, it has to be handed to ww_recorder__keep() next. */
bool ww_recorder__wants(struct ww_recorder *recorder, uint32_t endpoint, uint64_t wall_ns, bool error);

/*
 * Keeps a request, `sampled` or not as it is the recorder that knows. Path, comm, traceparent and lists are copied, of
 * operations the errors, too, and all that they have a `name` for is left out; the other strings have to stay until the
 * next commit, which is what writes it.
 */
void ww_recorder__keep(struct ww_recorder *recorder, uint32_t endpoint, const struct ww_request *request);

/* What was seen of a service the last time, and counted since the time before. */
struct ww_service_last {
	uint64_t rss_bytes;		       /* 0: nothing of it runs */
	uint64_t pss_bytes;		       /* 0: not known */
	uint64_t allocations, allocated_bytes; /* by its runtimes' own counters */
	bool allocations_known, allocated_known;
};

/* Memory, CPU and size of a service in the interval, as of now. */
struct ww_service_usage {
	uint32_t service; /* id in the catalog */
	uint64_t processes, threads;
	uint64_t rss_bytes;		     /* mean over the interval */
	uint64_t rss_peak_bytes;	     /* in the interval */
	uint64_t cpu_ns;		     /* in the interval */
	uint64_t gc_count;		     /* collections of garbage that ended in the interval */
	uint64_t gc_ns;			     /* that they stopped a process, or a thread that served requests */
	uint64_t minor_faults, major_faults; /* page faults in the interval: without and with waiting for a disk */
	uint64_t oom_kills;		     /* in its control group, in the interval */
	bool oom_known;
	struct ww_service_last last;
};

/* What a service runs: the first of its processes that could be read. */
struct ww_service_program {
	uint32_t service; /* id in the catalog */
	char *executable; /* its path, in the process's own root */
	uint64_t bytes;
	int64_t modified_unix_ns;
	uint32_t arguments; /* a hash of the command line */
};

/* What came since the last commit. */
struct ww_commit {
	const struct ww_catalog *catalog; /* the same in every commit: what was added or renamed is written */
	const struct ww_slice *slice;	  /* requests since the last commit */
	int64_t interval;		  /* Unix ns: start of the interval that they are counted in; never goes back */
	int64_t start_unix_ns, end_unix_ns; /* observed so far */
	const struct ww_service_usage *usage;
	size_t usage_len;
	const struct ww_service_program *programs; /* all so far: what was added is written */
	size_t programs_len;
	uint64_t host_busy_ns;	      /* CPU time of the whole host since the start; 0: not known */
	const struct ww_loss *losses; /* sums since the start */
	size_t losses_len;
	const struct ww_unreadable_port *unreadable; /* the same */
	size_t unreadable_len;
	const struct ww_stack_table *stacks; /* NULL: none are taken; the same in every commit */
	bool last;			     /* nothing comes after it: the interval ends here */
};

/*
 * Commits. On failure (-ENOSPC, -EIO, ..) nothing of what was committed before is harmed; the recorder goes on with
 * what it could not write, and when the interval ends without success counts it as lost: see ww_recorder__lost().
 */
int ww_recorder__commit(struct ww_recorder *recorder, const struct ww_commit *commit);

/* Changes how long a recording that goes on is kept. */
void ww_recorder__retain(struct ww_recorder *recorder, const struct ww_retention *retention);

/* Requests that are missing from the recording because it could not be written. */
uint64_t ww_recorder__lost(const struct ww_recorder *recorder);

/* Whether it is one that goes on, of which what is old is deleted. */
bool ww_recorder__goes_on(const struct ww_recorder *recorder);

/* Requests that were counted, but could not be kept whole, since the start. */
uint64_t ww_recorder__not_kept(const struct ww_recorder *recorder);

/* One line, without a newline, on why the last commit failed; "" when it did not. */
const char *ww_recorder__message(const struct ww_recorder *recorder);

/*
 * Brings everything that was committed into one plain file and closes it. NULL-safe. A negative errno when something is
 * missing from the file, or when it could not be completed (it can be read all the same).
 */
int ww_recorder__close(struct ww_recorder *recorder);

#endif
