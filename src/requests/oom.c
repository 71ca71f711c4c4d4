/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/oom.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 4096

/* Whether a comma-separated list has a word. */
static int has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, len) && (!at[len] || at[len] == ','))
			return 1;
	return 0;
}

/* "4:memory:/shop" is of version 1, "0::/shop" of version 2: cgroups(7). */
static char *file_of(char *line)
{
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL, *file = NULL;
	const char *root, *name;

	if (!path)
		return NULL;
	*path++ = '\0';
	controllers++;
	path[strcspn(path, "\n")] = '\0';
	if (!strcmp(path, "/"))
		return NULL;
	if (has_word(controllers, "memory")) {
		root = "/sys/fs/cgroup/memory";
		name = "memory.oom_control";
	} else if (!*controllers) {
		root = "/sys/fs/cgroup";
		name = "memory.events";
	} else {
		return NULL;
	}
	if (asprintf(&file, "%s%s/%s", root, path, name) < 0)
		return NULL;
	if (access(file, R_OK)) {
		free(file);
		return NULL;
	}
	return file;
}

char *ww_oom__file(const char *proc, pid_t pid)
{
	char path[PATH_MAX], line[LINE], *found = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/cgroup", proc, (int)pid);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = file_of(line);
	if (file)
		fclose(file);
	return found;
}

int ww_oom__kills(const char *file, uint64_t *kills)
{
	char line[LINE];
	unsigned long long count;
	FILE *opened = fopen(file, "re");
	int err = -ENODATA;

	if (!opened)
		return -errno;
	while (err && fgets(line, sizeof(line), opened)) {
		/* memory.oom_control has it since Linux 4.13. */
		if (sscanf(line, "oom_kill %llu", &count) == 1) {
			*kills = count;
			err = 0;
		}
	}
	fclose(opened);
	return err;
}
