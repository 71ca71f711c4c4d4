/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording that is being written. Internal to src/store. */
#ifndef WHYWAIT_RECORDER_PARTS_H
#define WHYWAIT_RECORDER_PARTS_H

#include "model/keep.h"
#include "model/losses.h"
#include "store/log_index.h"
#include "store/pending.h"
#include "store/recorder.h"
#include "store/rows.h"
#include "store/seconds.h"

/* Services that an interval may have of an earlier run. */
#define WW_PAST_SERVICES 320

/* Ids of the catalog that no row has, in a recording that is gone on in. */
struct ww_vacant {
	uint32_t *services, *endpoints, *names, *operations;
	uint32_t services_len, endpoints_len, names_len, operations_len;
};

/* How many rows of the catalog are in the file. */
struct ww_written {
	uint32_t services, endpoints, names, operations, frames, stacks;
	uint32_t renames; /* that they show */
	size_t programs;
};

/* How far intervals have become minutes, and minutes hours. */
struct ww_rollup {
	int64_t until[2]; /* of minutes and of hours: what begins before is to be in them */
	int64_t next[2];  /* what begins before is in them */
};

struct ww_recorder {
	sqlite3 *db;
	struct ww_log_index log_index;
	struct ww_rows rows;
	int fd; /* holds the lock on the file */
	bool moved;
	char *path;
	bool keep_all;
	uint32_t keep;

	bool committed; /* at least once */
	bool in_transaction;
	bool goes_on;
	bool journal_only; /* memory ran out: `current` is not whole, the journal is */
	bool sampled;	   /* the request that is to be kept next is part of the fair sample */
	int failed;	   /* the first SQLite failure since the last commit */
	struct ww_written written;
	uint64_t counted[WW_LOSS_COUNT]; /* of the losses, as they are in the file */
	int64_t start_unix_ns;		 /* of what is in the file; 0: as the commits say */
	int64_t gap_from;		 /* nothing was observed from then until now; 0: there is no gap */

	struct ww_retention retention;
	struct ww_rollup rollup;
	struct ww_catalog past; /* without an arena: none */
	struct ww_vacant vacant;
	/* What the interval that the file ended in has of services: another run's, which this one's adds to. */
	int64_t past_interval;
	struct ww_service_usage past_usage[WW_PAST_SERVICES];
	uint32_t past_usage_len;

	int64_t interval;	   /* of `current` */
	struct ww_slice current;   /* all requests of the interval */
	struct ww_slice unwritten; /* of these, what commits failed to write */
	struct ww_seconds seconds; /* of `current` */
	uint64_t lost;

	struct ww_keep *keeps; /* by endpoint */
	uint32_t keeps_len;
	uint32_t keeps_used; /* endpoints that had requests in the interval */
	int64_t next_id;
	struct ww_pending pending;
	uint64_t written_ahead; /* requests that are in the open transaction already */
	uint64_t random;
	uint64_t not_kept; /* requests that should have been kept, but could not be */

	bool (*each_while)(void *ctx); /* while it is opened */
	void *each_ctx;
	char message[256];
};

/* Makes one step of rolling up and of deleting, in transactions of its own. An SQLite result code. */
int ww_rollup__step(struct ww_recorder *recorder, const struct ww_catalog *catalog, int64_t now);
int ww_retention__step(struct ww_recorder *recorder, int64_t now);

/* Goes on in the file: 0, or an SQLite result code; SQLITE_ERROR where it can't. */
int ww_past__read(struct ww_recorder *recorder);

/* Deletes what nothing refers to any more: services, endpoints, names, stacks. Not while their ids are in use. */
int ww_unused__delete(struct ww_recorder *recorder);

/* Finds the ids that are vacant in the past .. */
int ww_vacant__find(struct ww_recorder *recorder);
/* .. writes what has them by now .. */
int ww_vacant__write(struct ww_recorder *recorder, const struct ww_catalog *catalog);
/* .. and, when that is in the file, forgets those. */
void ww_vacant__forget(struct ww_recorder *recorder, const struct ww_catalog *catalog);
void ww_vacant__free(struct ww_vacant *vacant);

/* Adds what an earlier run has written of the same interval. */
void ww_past__add_usage(const struct ww_recorder *recorder, int64_t interval, struct ww_service_usage *usage);

/* An SQLite result code as a negative errno. */
int ww_recorder__errno(int rc);

/* Has ww_recorder__message() tell of a failure. */
void ww_recorder__describe(struct ww_recorder *recorder, int rc);

#endif
