/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of merging: users call ww_merge(). */
#ifndef WHYWAIT_MERGE_PARTS_H
#define WHYWAIT_MERGE_PARTS_H

#include "store/read.h"
#include "store/rows.h"

/* What a recording is merged into; the one that is being merged is attached to its database as `source`. */
struct ww_merging {
	sqlite3 *db;
	struct ww_rows rows;
	bool goes_on;  /* it has gaps, losses by intervals, and marks of what is in minutes and hours */
	bool one_host; /* all of it is of one */
};

/*
 * All but the journal of the source, and what its ids have become: temporary tables map_service, map_endpoint,
 * map_name and map_operation, each with `old` and `new`. `same_host`: its services are those of a recording that was
 * merged before, not more of them. An SQLite result code.
 */
int ww_merge__tables(struct ww_merging *merging, const struct ww_recording *source, bool same_host);

/* Its gaps, losses by intervals and marks, where the result has such. */
int ww_merge__gaps(struct ww_merging *merging, const struct ww_recording *source);

/* Its journal, as intervals: after the tables. */
int ww_merge__journal(struct ww_merging *merging, struct ww_recording *source);

/* The stacks of its requests, where it has any: after the tables. */
int ww_merge__stacks(struct ww_merging *merging);

/* When all were merged: the requests that were kept, in the order of their ends. */
int ww_merge__requests(struct ww_merging *merging);

#endif
