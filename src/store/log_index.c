/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/log_index.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* newer than some C libraries */
#endif

/* Where a failure would be a signal later, the kernel says EFAULT now; any other failure says nothing of the disk. */
static int map(sqlite3_file *file, int region, int size, int extend, void volatile **at)
{
	const struct ww_log_index *index =
		(const struct ww_log_index *)((const char *)file->pMethods - offsetof(struct ww_log_index, methods));
	int rc = index->original->xShmMap(file, region, size, extend, at);

	if (rc == SQLITE_OK && *at && madvise((void *)*at, (size_t)size, MADV_POPULATE_WRITE) && errno == EFAULT)
		return SQLITE_IOERR_SHMSIZE;
	return rc;
}

void ww_log_index__guard(struct ww_log_index *index, sqlite3 *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
	    !file->pMethods || file->pMethods->iVersion < 2)
		return;
	index->original = file->pMethods;
	index->methods = *file->pMethods;
	index->methods.xShmMap = map;
	file->pMethods = &index->methods;
}
