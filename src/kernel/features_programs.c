/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that run on this host, and how far requests are followed through their runtimes. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/features_probe.h"
#include "kernel/golang.h"

#define NAMED 8 /* programs, of each kind that is told */

/* Names of programs, each once, with the version of Go. */
struct names {
	char text[NAMED][48];
	size_t len, more;
};

static void names_add(struct names *names, pid_t pid, unsigned minor)
{
	char path[32], link[256], text[sizeof(names->text[0])];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	if (len <= 0)
		return;
	link[len] = '\0';
	const char *name = strrchr(link, '/');
	snprintf(text, sizeof(text), "%.32s (1.%u)", name ? name + 1 : link, minor);
	for (size_t i = 0; i < names->len; i++)
		if (!strcmp(names->text[i], text))
			return;
	if (names->len < NAMED)
		memcpy(names->text[names->len++], text, sizeof(text));
	else
		names->more++;
}

/* Appends "what: a (1.19), b (1.24) and 3 more" to what is there. */
static void names_tell(const struct names *names, const char *what, char *text, size_t size)
{
	size_t at = strlen(text);
	for (size_t i = 0; i < names->len && at < size; i++) {
		const char *before = i ? ", " : at ? "; " : "";
		at += (size_t)snprintf(text + at, size - at, "%s%s%s%s", before, i ? "" : what, i ? "" : ": ",
				       names->text[i]);
	}
	if (names->more && at < size)
		snprintf(text + at, size - at, " and %zu more", names->more);
}

void ww_probe_golang(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct names followed = {0}, waiters = {0}, unknown = {0};
	char text[sizeof(row->found)] = "";
	DIR *processes = opendir("/proc");
	(void)probe;
	(void)argument;
	for (struct dirent *entry = processes ? readdir(processes) : NULL; entry; entry = readdir(processes)) {
		struct ww_golang_about about;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || ww_golang__tell(pid, &about))
			continue;
		names_add(!about.known ? &unknown : about.semaphores ? &followed : &waiters, pid, about.minor);
	}
	if (processes)
		closedir(processes);
	names_tell(&unknown, "not followed", text, sizeof(text));
	names_tell(&waiters, "but for sync.WaitGroup", text, sizeof(text));
	names_tell(&followed, "followed", text, sizeof(text));
	if (unknown.len || waiters.len)
		ww_feature__bad(row, "%s", text);
	else
		ww_feature__good(row, "%s", text[0] ? text : "none runs");
}
