/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/greenlets.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_SIZE 4096

/* Whether the word is among what the process was started with, or calls itself: Celery's `-P eventlet`. */
static bool is_started_with(const char *proc, pid_t pid, const char *word)
{
	char path[PATH_MAX], arguments[ARGUMENTS_SIZE];

	snprintf(path, sizeof(path), "%s/%d/cmdline", proc, (int)pid);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	ssize_t len = read(file, arguments, sizeof(arguments));
	close(file);
	return len > 0 && memmem(arguments, (size_t)len, word, strlen(word));
}

bool ww_greenlets__has(const char *proc, pid_t pid)
{
	bool greenlets = false, gevent = false;
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/%d/maps", proc, (int)pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		return false;
	while (!gevent && getline(&line, &size, maps) > 0) {
		gevent = strstr(line, "/gevent/");
		greenlets |= strstr(line, "/greenlet/") != NULL;
	}
	free(line);
	fclose(maps);
	/* eventlet has no file of its own to be mapped, and SQLAlchemy loads greenlet for nothing of the kind. */
	return gevent || (greenlets && is_started_with(proc, pid, "eventlet"));
}
