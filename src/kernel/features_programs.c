/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that run on this host, and how far requests are followed through their runtimes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/features_probe.h"
#include "kernel/golang.h"
#include "kernel/probes.h"
#include "kernel/v8.h"
#include "util/mappings.h"

#define NAMED 8 /* programs, of each kind that is told */

/* Names of programs, each once. */
struct names {
	char text[NAMED][48];
	size_t len, more;
};

static void names_put(struct names *names, const char text[sizeof(names->text[0])])
{
	for (size_t i = 0; i < names->len; i++)
		if (!strcmp(names->text[i], text))
			return;
	if (names->len < NAMED)
		memcpy(names->text[names->len++], text, sizeof(names->text[0]));
	else
		names->more++;
}

static void names_add(struct names *names, pid_t pid, unsigned minor)
{
	char path[32], link[256], text[sizeof(names->text[0])] = "";
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	ssize_t len = readlink(path, link, sizeof(link) - 1);
	if (len <= 0)
		return;
	link[len] = '\0';
	const char *name = strrchr(link, '/');
	snprintf(text, sizeof(text), "%.32s (1.%u)", name ? name + 1 : link, minor);
	names_put(names, text);
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

/* What is told of each Go program that runs. */
typedef void (*teller)(void *names, pid_t pid, const struct ww_golang_about *about);

static void each_golang(teller tell, void *names)
{
	DIR *processes = opendir("/proc");
	for (struct dirent *entry = processes ? readdir(processes) : NULL; entry; entry = readdir(processes)) {
		struct ww_golang_about about;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && !ww_golang__tell(pid, &about))
			tell(names, pid, &about);
	}
	if (processes)
		closedir(processes);
}

struct followed {
	struct names all, waiters, unknown;
};

static void tell_followed(void *names, pid_t pid, const struct ww_golang_about *about)
{
	struct followed *of = names;
	names_add(!about->known ? &of->unknown : about->semaphores ? &of->all : &of->waiters, pid, about->minor);
}

void ww_probe_golang(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct followed of = {0};
	char text[sizeof(row->found)] = "";
	(void)probe;
	(void)argument;
	each_golang(tell_followed, &of);
	names_tell(&of.unknown, "not followed", text, sizeof(text));
	names_tell(&of.waiters, "but for sync.WaitGroup", text, sizeof(text));
	names_tell(&of.all, "followed", text, sizeof(text));
	if (of.unknown.len || of.waiters.len)
		ww_feature__bad(row, "%s", text);
	else
		ww_feature__good(row, "%s", text[0] ? text : "none runs");
}

struct exact {
	struct names there, not_there;
};

/* Whether the program's scheduler has all of the places at which probes tell of goroutines; of a known layout only. */
static void tell_exact(void *names, pid_t pid, const struct ww_golang_about *about)
{
	struct exact *of = names;
	struct ww_probe_site sites[WW_PROBE_SITES];
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = about->known ? open(path, O_RDONLY | O_CLOEXEC) : -1, len = fd < 0 ? 0 : ww_probes__find(fd, sites);
	if (fd >= 0)
		close(fd);
	bool found = len > 0 && sites[len - 1].program >= WW_PROBE_GO_RUNS;
	names_add(found ? &of->there : &of->not_there, pid, about->minor);
}

void ww_probe_goroutines(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct exact of = {0};
	char text[sizeof(row->found)] = "";
	(void)probe;
	(void)argument;
	each_golang(tell_exact, &of);
	names_tell(&of.not_there, "not in", text, sizeof(text));
	names_tell(&of.there, "in", text, sizeof(text));
	if (of.not_there.len)
		ww_feature__bad(row, "%s", text);
	else
		ww_feature__good(row, "%s", text[0] ? text : "no Go program runs");
}

/* Files that were looked through already, and whether there are more than are told. */
struct seen {
	struct {
		dev_t device;
		ino_t inode;
	} files[NAMED];
	size_t len;
	bool more;
};

static bool seen_before(struct seen *seen, int fd)
{
	struct stat stat;

	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode))
		return true;
	for (size_t i = 0; i < seen->len; i++)
		if (seen->files[i].inode == stat.st_ino && seen->files[i].device == stat.st_dev)
			return true;
	if (seen->len == NAMED) {
		seen->more = true;
		return true;
	}
	seen->files[seen->len].device = stat.st_dev;
	seen->files[seen->len++].inode = stat.st_ino;
	return false;
}

/* What the file that is mapped has, if it is one of Node's: the program, or Debian's library of it. */
static void node_tell(pid_t pid, const struct ww_mappings *mapping, struct seen *seen, struct names *followed,
		      struct names *unknown)
{
	const char *name = strrchr(mapping->path, '/');
	char path[sizeof(mapping->line) + 32], text[sizeof(followed->text[0])] = "";
	struct ww_probe_site sites[WW_PROBE_SITES];
	bool is_v8 = false, steps = false;

	if (mapping->offset || !name || (strcmp(name, "/node") != 0 && strncmp(name, "/libnode.so", 11) != 0))
		return;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, mapping->path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	int len = seen_before(seen, fd) ? 0 : ww_probes__find(fd, sites);
	close(fd);
	for (int i = 0; i < len; i++) {
		is_v8 |= sites[i].program == WW_PROBE_PROMISE_MOVES;
		steps |= sites[i].program == WW_PROBE_PROMISE_STEP;
	}
	struct ww_v8_version version;
	int err = steps ? ww_v8__version(pid, &version) : -ENOENT;
	if (err == -EOPNOTSUPP)
		snprintf(text, sizeof(text), "%.12s (pid %d, V8 %u.%u)", name + 1, pid, version.major & 0xffff,
			 version.minor & 0xffff);
	else
		snprintf(text, sizeof(text), "%.24s (pid %d)", name + 1, pid);
	if (is_v8)
		names_put(err ? unknown : followed, text);
}

void ww_probe_node(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct names followed = {0}, unknown = {0};
	char text[sizeof(row->found)] = "";
	DIR *processes = opendir("/proc");
	struct seen seen = {.len = 0};
	(void)probe;
	(void)argument;
	for (struct dirent *entry = processes ? readdir(processes) : NULL; entry; entry = readdir(processes)) {
		struct ww_mappings mappings;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || ww_mappings__open(&mappings, pid))
			continue;
		while (ww_mappings__next(&mappings))
			node_tell(pid, &mappings, &seen, &followed, &unknown);
		ww_mappings__close(&mappings);
	}
	if (processes)
		closedir(processes);
	names_tell(&unknown, "not followed", text, sizeof(text));
	names_tell(&followed, "can be followed", text, sizeof(text));
	if (seen.more && !unknown.len)
		ww_feature__unknown(row, "not all were looked at: %s", text);
	else if (unknown.len)
		ww_feature__bad(row, "%s", text);
	else
		ww_feature__good(row, "%s", text[0] ? text : "none runs");
}
