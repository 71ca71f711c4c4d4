/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/mappings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int ww_mappings__open(struct ww_mappings *mappings, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	mappings->file = file;
	return 0;
}

bool ww_mappings__next(struct ww_mappings *mappings)
{
	while (fgets(mappings->line, sizeof(mappings->line), mappings->file)) {
		unsigned long long start, end, offset, inode;
		int at = 0;
		/* The device is of no use here. A path's own line breaks are escaped. */
		if (sscanf(mappings->line, "%llx-%llx %*s %llx %*s %llu %n", &start, &end, &offset, &inode, &at) != 4 ||
		    !at)
			continue;
		mappings->line[strcspn(mappings->line, "\n")] = '\0';
		mappings->start = start;
		mappings->end = end;
		mappings->offset = offset;
		mappings->inode = inode;
		mappings->path = mappings->line + at;
		return true;
	}
	return false;
}

void ww_mappings__close(struct ww_mappings *mappings)
{
	fclose(mappings->file);
}

uint64_t ww_mappings__program(pid_t pid)
{
	struct ww_mappings mappings;
	char link[32], path[sizeof(mappings.line)];
	uint64_t start = 0;
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	if (len < 0 || ww_mappings__open(&mappings, pid))
		return 0;
	path[len] = '\0';
	while (!start && ww_mappings__next(&mappings))
		if (!mappings.offset && !strcmp(mappings.path, path))
			start = mappings.start;
	ww_mappings__close(&mappings);
	return start;
}
