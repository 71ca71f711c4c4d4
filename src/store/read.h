/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording that is open for reading. Internal to src/store. */
#ifndef WHYWAIT_STORE_READ_H
#define WHYWAIT_STORE_READ_H

#include <sqlite3.h>

#include "model/catalog.h"
#include "store/log_index.h"
#include "store/recording.h"

struct ww_recording {
	sqlite3 *db;
	struct ww_log_index log_index;
	char *path;
	char *host, *kernel, *stand_ins; /* stand_ins NULL: not known */
	unsigned cpus;
	int64_t interval_ns;
	int64_t start_unix_ns, end_unix_ns;
	bool unended;
	bool has_operations; /* not in recordings of earlier versions */
	char message[512];
};

/* Sets the message for an SQLite failure (or for what was read being inconsistent: SQLITE_CORRUPT); returns its errno.
 */
int ww_recording__fail(struct ww_recording *recording, int rc);

/* Reads what changes while the recording is written: its window, and whether it has ended. An SQLite result code. */
int ww_recording__refresh(struct ww_recording *recording);

/* Reads services, endpoints and names. An SQLite result code; on success the catalog is the caller's. */
int ww_recording__catalog(struct ww_recording *recording, struct ww_catalog *catalog);

/*
 * Which endpoints of the catalog a glob means, by their id: the array is the caller's, to be freed with free(). NULL
 * when out of memory.
 */
bool *ww_recording__wanted(const struct ww_catalog *catalog, const char *glob);

#endif
