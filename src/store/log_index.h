/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The index of a recording's log, a file that SQLite maps. Internal to src/store. */
#ifndef WHYWAIT_STORE_LOG_INDEX_H
#define WHYWAIT_STORE_LOG_INDEX_H

#include <sqlite3.h>

/* All zeros is one that guards nothing. */
struct ww_log_index {
	sqlite3_io_methods methods;
	const sqlite3_io_methods *original;
};

/*
 * SQLite makes room for the index by a byte in every 4 KiB. A file system of smaller blocks may have no room for the
 * rest on a full disk, and then the process that writes there dies of SIGBUS. After this the connection has all of the
 * room before it uses it, or fails with SQLITE_IOERR_SHMSIZE. Since Linux 5.14; before, nothing changes. `index` has to
 * outlive the connection, `db` has not used its log yet.
 */
void ww_log_index__guard(struct ww_log_index *index, sqlite3 *db);

#endif
