/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording that is open for reading. Internal to src/store. */
#ifndef WHYWAIT_STORE_READ_H
#define WHYWAIT_STORE_READ_H

#include <sqlite3.h>

#include "model/catalog.h"
#include "store/log_index.h"
#include "model/crowd.h"
#include "model/slice.h"
#include "model/study.h"
#include "store/recording.h"

/* So many ids that nothing has, of a table, are a damaged file's: each has its room in memory. Of stacks four times as
 * many. */
#define VACANT_MAX (1 << 18)

/*
 * Whether at most so many ids of a table, from `from` on, have no row: SQLITE_OK, or SQLITE_CORRUPT. `from` is SQL:
 * "0", or "min(id)" where those in front of the first one need none.
 */
int ww_recording__dense(struct ww_recording *recording, const char *table, const char *from, int most);

struct ww_recording {
	sqlite3 *db;
	struct ww_log_index log_index;
	bool (*gives_up)(void *ctx); /* NULL: never */
	void *gives_up_ctx;
	char *path;
	char *host, *kernel;
	char *stand_ins, *settings; /* NULL: not known */
	unsigned cpus;
	uint64_t host_busy_ns; /* 0: not known */
	int64_t interval_ns;
	int64_t start_unix_ns, end_unix_ns;
	int64_t hours_until, minutes_until; /* what begins before is in hours, in minutes */
	bool unended;
	bool has_operations, has_seconds, has_collections, has_faults, has_programs, has_gaps, has_allocations,
		has_samples; /* not in recordings of earlier versions */
	char message[512];
};

/* Sets the message for an SQLite failure (or for what was read being inconsistent: SQLITE_CORRUPT); returns its errno.
 */
int ww_recording__fail(struct ww_recording *recording, int rc);

/* Reads what changes while the recording is written: its window, and whether it has ended. An SQLite result code. */
int ww_recording__refresh(struct ww_recording *recording);

/* How long an interval is that begins then, or has that time in it; and the start of it. */
int64_t ww_recording__unit_at(const struct ww_recording *recording, int64_t time);
int64_t ww_recording__floor(const struct ww_recording *recording, int64_t time);

/* Reads services, endpoints and names. An SQLite result code; on success the catalog is the caller's. */
int ww_recording__catalog(struct ww_recording *recording, struct ww_catalog *catalog);

/*
 * Which endpoints of the catalog a glob means, by their id: the array is the caller's, to be freed with free(). NULL
 * when out of memory.
 */
bool *ww_recording__wanted(const struct ww_catalog *catalog, const char *glob, bool over_time);

/* Requests of a service, interval by interval, in the order of time. All zeros is none. */
struct ww_served {
	struct ww_served_in {
		int64_t interval;
		uint64_t requests;
	} * in;
	uint32_t len, cap;
};

/* What the rows of a stretch of time sum up to. */
struct ww_sums {
	const struct ww_recording *recording;
	const struct ww_catalog *catalog;
	const bool *wanted;	  /* by endpoint */
	int64_t from, to;	  /* intervals that start in [from, to) */
	bool times_only;	  /* without status, details and operations */
	struct ww_slice slice;	  /* to be freed by the caller, also on failure */
	struct ww_blocks *blocks; /* by endpoint; NULL: not asked for */
	struct ww_served *served; /* by service, of all endpoints; the same */
};

/* Adds the rows, and those of the journal, too, or not, to the slice and the blocks. An SQLite result code. */
int ww_sums__read(struct ww_sums *sums, bool journal);

/*
 * Goes through the newest requests that were kept, newest first: at most `each` of an endpoint; of the file's last
 * `most` that are selected, so that rare endpoints do not make it read all of a large file. Otherwise as
 * ww_recording__requests().
 */
int ww_recording__newest(struct ww_recording *recording, const struct ww_selection *selection, uint64_t each,
			 uint64_t most, struct ww_request_cursor **cursor);

/* The endpoint of the request that was read last, in the recording's catalog. */
uint32_t ww_request_cursor__endpoint(const struct ww_request_cursor *cursor);

/*
 * By how many bytes each service's memory grew with each request that it served, in the intervals of [from, to), into
 * `rss_growth_bytes`; NaN: not known. An SQLite result code.
 */
int ww_recording__growth(struct ww_recording *recording, const struct ww_served *served,
			 struct ww_service_report *services, uint32_t services_len, int64_t from, int64_t to);

/* What the kept requests of a report's endpoints say. */
struct ww_studies {
	struct ww_study **by_endpoint; /* of `len`; NULL: nothing of it was kept */
	uint32_t len;
	struct ww_crowd crowd;
};

/* NULL-safe. Frees the content, not `studies` itself. */
void ww_studies__free(struct ww_studies *studies);

/*
 * Reads them, for the endpoints of a slice that covers window_ns; `endpoints` are those of the catalog. -EBADMSG and
 * others: see ww_recording__message(). On success the content is the caller's.
 */
int ww_recording__studies(struct ww_recording *recording, const struct ww_selection *selection, uint32_t endpoints,
			  const struct ww_slice *slice, int64_t window_ns, struct ww_studies *studies);

#endif
