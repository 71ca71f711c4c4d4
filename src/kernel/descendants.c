/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/descendants.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct process {
	pid_t pid;
	pid_t parent;
	bool found;
	bool known;	       /* whether it is `found` */
	struct process *below; /* while a line is walked: where that came from */
};

/* The parent's id, from /proc/PID/stat; 0 when the process is gone. The name in it may hold spaces and parentheses. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	int parent = 0;
	const char *name_end = strrchr(text, ')');
	if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/* Every process of the host, with its parent. */
static int processes_read(struct process **out, size_t *out_len)
{
	struct process *list = NULL;
	size_t len = 0, room = 0;
	DIR *proc = opendir("/proc");
	if (!proc)
		return -errno;
	for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc)) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end || pid <= 0)
			continue;
		if (len == room) {
			size_t more = room ? 2 * room : 256;
			struct process *grown = reallocarray(list, more, sizeof(*list));
			if (!grown) {
				free(list);
				closedir(proc);
				return -ENOMEM;
			}
			list = grown;
			room = more;
		}
		list[len++] = (struct process){.pid = (pid_t)pid, .parent = parent_of((pid_t)pid)};
	}
	closedir(proc);
	*out = list;
	*out_len = len;
	return 0;
}

static int by_pid(const void *left, const void *right)
{
	const struct process *a = left, *b = right;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

/*
 * Whether the process is one of those looked for, or descends from one: up the line until that is known, then down
 * again to note it, so that no part of a line is walked twice.
 */
static bool is_found(struct process *list, size_t len, struct process *process)
{
	struct process *line = NULL;
	bool found = false;

	while (process && !process->known) {
		struct process key = {.pid = process->parent};

		process->known = true;
		process->below = line;
		line = process;
		process = bsearch(&key, list, len, sizeof(*list), by_pid);
	}
	if (process)
		found = process->found;
	for (; line; line = line->below)
		found = line->found = found || line->found;
	return found;
}

int ww_descendants__find(const pid_t *roots, size_t roots_len, pid_t **pids, size_t *pids_len)
{
	struct process *list = NULL;
	size_t len = 0, found = 0;
	int err = processes_read(&list, &len);

	if (err)
		return err;
	if (len)
		qsort(list, len, sizeof(*list), by_pid);
	for (size_t k = 0; k < roots_len; k++) {
		struct process key = {.pid = roots[k]}, *root = bsearch(&key, list, len, sizeof(*list), by_pid);

		if (root)
			root->found = root->known = true;
	}
	for (size_t i = 0; i < len; i++)
		found += is_found(list, len, &list[i]);
	pid_t *out = calloc(found + 1, sizeof(*out));
	if (!out) {
		free(list);
		return -ENOMEM;
	}
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		if (list[i].found)
			out[n++] = list[i].pid;
	}
	free(list);
	*pids = out;
	*pids_len = n;
	return 0;
}

bool ww_descendants__include_self(pid_t pid)
{
	for (pid_t at = getpid(); at > 0; at = parent_of(at)) {
		if (at == pid)
			return true;
	}
	return false;
}

int ww_descendants__watch(pid_t pid)
{
	struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	if (process.fd < 0)
		return -ESRCH;
	if (poll(&process, 1, 0) && process.revents) {
		close(process.fd);
		return -ESRCH;
	}
	return process.fd;
}
