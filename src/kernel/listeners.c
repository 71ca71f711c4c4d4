/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/listeners.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TCP_LISTEN_STATE 0x0a
#define NAMESPACES_MAX	 1024 /* network namespaces told apart; one more is scanned again, which does no harm */

/* One file of the form of /proc/net/tcp (Documentation/networking/proc_net_tcp.rst). */
static void scan_file(uint64_t *bitmap, const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	char line[512];
	while (fgets(line, sizeof(line), file)) {
		unsigned port, state;
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) != 2 ||
		    state != TCP_LISTEN_STATE || port > UINT16_MAX)
			continue;
		__atomic_fetch_or(&bitmap[port >> 6], 1ull << (port & 63), __ATOMIC_RELAXED);
	}
	fclose(file);
}

void ww_listeners__scan(uint64_t *bitmap)
{
	ino_t seen[NAMESPACES_MAX];
	size_t seen_len = 0;
	DIR *proc = opendir("/proc");
	if (!proc) {
		scan_file(bitmap, "/proc/net/tcp");
		scan_file(bitmap, "/proc/net/tcp6");
		return;
	}
	for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc)) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end || pid <= 0)
			continue;
		char path[64];
		struct stat st;
		snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
		if (stat(path, &st))
			continue;
		bool known = false;
		for (size_t i = 0; i < seen_len && !known; i++)
			known = seen[i] == st.st_ino;
		if (known)
			continue;
		if (seen_len < NAMESPACES_MAX)
			seen[seen_len++] = st.st_ino;
		snprintf(path, sizeof(path), "/proc/%ld/net/tcp", pid);
		scan_file(bitmap, path);
		snprintf(path, sizeof(path), "/proc/%ld/net/tcp6", pid);
		scan_file(bitmap, path);
	}
	closedir(proc);
}
