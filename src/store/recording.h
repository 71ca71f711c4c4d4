/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a recording. The file may still be written by a running `whywait record`: what is read is as of its last
 * commit. docs/schema.md describes the file.
 */
#ifndef WHYWAIT_RECORDING_H
#define WHYWAIT_RECORDING_H

#include "model/aggregate.h"
#include "model/profile.h"
#include "model/report.h"
#include "model/request.h"

struct ww_recording;

/*
 * Opens a recording for reading. On failure writes one line that says what is wrong with which file and what to do to
 * `message` (without a newline) and returns
 *   -ENOENT, -EACCES, ..  it can't be opened
 *   -EINVAL               it is no recording
 *   -EPROTONOSUPPORT      a newer version of whywait wrote it
 *   -EBADMSG              it is truncated or corrupt
 *   -ENODATA              nothing was committed in it
 * The recording is the caller's, to be closed with ww_recording__close().
 */
int ww_recording__open(struct ww_recording **recording, const char *path, char *message, size_t message_size);

/*
 * The same for a file that this process is writing: nothing of it is looked at but by SQLite, as to close any other
 * descriptor of it would drop the locks that the writer has on it.
 */
int ww_recording__open_own(struct ww_recording **recording, const char *path, char *message, size_t message_size);

/* NULL-safe. Ends cursors that are still open. */
void ww_recording__close(struct ww_recording *recording);

/* Which requests are meant. All zeros: every one. */
struct ww_selection {
	/*
	 * A glob (fnmatch without FNM_PATHNAME, so `*` matches `/` too) that has to match one of ROUTE, "METHOD ROUTE",
	 * SERVICE, or "SERVICE METHOD ROUTE". NULL: every endpoint.
	 */
	const char *endpoint;
	/*
	 * Unix times in ns; 0: open. Reports are made of whole intervals: those that overlap [since, until) count.
	 * Requests are chosen by their start.
	 */
	int64_t since_unix_ns, until_unix_ns;
	/* A report has no findings but those that sums tell: the requests that were kept are not read for it. */
	bool sums_only;
	/* A report has no statuses, details and operations either: only how many requests there were, and their times.
	 */
	bool times_only;
	/* Of requests only those that failed: without an answer to their client, or with a status from 500 on. */
	bool failed;
	/* Commands are told by their parts, each of which counts in the interval in which it ended, and not as a whole.
	 */
	bool over_time;
	/* A report tells how sure its figures are: endpoints have a `sampling`. */
	bool sampling;
};

/*
 * The report of the selected endpoints and intervals; its window is what was observed of [since, until). The report is
 * the caller's, to be freed with ww_report_free(). -EBADMSG and others: see ww_recording__message().
 */
int ww_recording__report(struct ww_recording *recording, const struct ww_selection *selection,
			 struct ww_report **report);

/* 0 when there is an endpoint that the glob means, or none at all yet; -ENOENT and others: see ww_recording__message().
 */
int ww_recording__check_endpoint(struct ww_recording *recording, const char *glob);

/*
 * Length of the recording's intervals in ns from a time on: what since and until are resolved to. Intervals start at
 * multiples of it. In a recording that goes on the older ones are longer.
 */
int64_t ww_recording__interval_ns(const struct ww_recording *recording, int64_t since_unix_ns);

/*
 * From now on reading ends with -EINTR when `gives_up` says so: it is asked all the while, in the thread that reads.
 * NULL: it never does.
 */
void ww_recording__guard(struct ww_recording *recording, bool (*gives_up)(void *ctx), void *ctx);

/* Looks how far it has come since. -EBADMSG and others: see ww_recording__message(). */
int ww_recording__renew(struct ww_recording *recording);

/* What was observed, in Unix ns: from the start until the last commit that was seen. */
void ww_recording__window(const struct ww_recording *recording, int64_t *start_unix_ns, int64_t *end_unix_ns);

/* One line, without a newline, on why the last call on this recording or one of its cursors failed. */
const char *ww_recording__message(const struct ww_recording *recording);

/* Which stacks are meant. */
struct ww_stack_filter {
	uint32_t kinds;	    /* bits of enum ww_kind */
	double slower_than; /* only of requests beyond this quantile of their endpoint, 0.95; 0: of all */
};

/*
 * Where in the code the selected requests spent their time; without samples where no stacks were recorded. The profile
 * is the caller's, to be freed with ww_profile_free(). -EBADMSG and others: see ww_recording__message().
 */
int ww_recording__profile(struct ww_recording *recording, const struct ww_selection *selection,
			  const struct ww_stack_filter *filter, struct ww_profile **profile);

/* What the selected endpoints' requests were in a step of time; the rest of `sums` is not told. */
struct ww_series_step {
	int64_t start_unix_ns;
	int64_t not_observed_ns;  /* of it: gaps */
	struct ww_aggregate sums; /* requests, errors, kinds, and the histogram */
};

/*
 * Requests over time: `len` steps of step_ns, which are to be filled from all zeros. An interval counts to the step
 * that its start lies in. To be freed with ww_series__free() whatever is returned: -EBADMSG and others, see
 * ww_recording__message().
 */
int ww_recording__series(struct ww_recording *recording, const char *endpoint, int64_t start_unix_ns, int64_t step_ns,
			 struct ww_series_step *steps, size_t len);

void ww_series__free(struct ww_series_step *steps, size_t len);

struct ww_request_cursor;

/*
 * Goes through the requests that were kept: in the order of their start, or when `slowest` is above 0 the `slowest`
 * ones, longest first. The cursor is the caller's, to be closed before the recording.
 */
int ww_recording__requests(struct ww_recording *recording, const struct ww_selection *selection, uint64_t slowest,
			   struct ww_request_cursor **cursor);

/* 1: *request is the next one, valid until the next call on the cursor; 0: no more; else a negative errno. */
int ww_request_cursor__next(struct ww_request_cursor *cursor, const struct ww_request **request);

/* NULL-safe. */
void ww_request_cursor__close(struct ww_request_cursor *cursor);

#endif
