/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A host of our own for the services: a /proc that a test writes, and a catalog. */
#ifndef WHYWAIT_TEST_SERVICES_HOST_H
#define WHYWAIT_TEST_SERVICES_HOST_H

#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "requests/services_parts.h"

/* A proc file system of our own. */
static inline void write_file(const char *proc, int pid, const char *name, const char *data, size_t len)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d", proc, pid);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%d/%s", proc, pid, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static inline void set_usage(const char *proc, int pid, unsigned long long ticks, unsigned threads,
			     unsigned long long start, unsigned pages)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "%d (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 %llu 7 0 0 20 0 %u 0 %llu 1000000 %u 0", pid,
			   ticks - 7, threads, start, pages);

	write_file(proc, pid, "stat", text, (size_t)len);
}

static inline void set_process(const char *proc, int pid, const char *exe, const char *arguments, const char *cgroup)
{
	char path[256];

	write_file(proc, pid, "cmdline", arguments, strlen(arguments));
	write_file(proc, pid, "cgroup", cgroup, strlen(cgroup));
	snprintf(path, sizeof(path), "%s/%d/exe", proc, pid);
	unlink(path);
	assert_int_equal(symlink(exe, path), 0);
	set_usage(proc, pid, 100, 1, 5000 + (unsigned)pid, 100);
}

static inline void end_process(const char *proc, int pid)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d", proc, pid);
	drop_directory(path);
}

struct host {
	const char *proc;
	struct ww_catalog catalog;
	struct ww_services *services;
};

static inline int start_host(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	host->proc = make_directory();
	ww_catalog__init(&host->catalog);
	host->services = ww_services__new(&host->catalog, host->proc, 5);
	*state = host;
	return !host->services;
}

static inline int end_host(void **state)
{
	struct host *host = *state;

	ww_services__free(host->services);
	ww_services__free(NULL);
	ww_catalog__free(&host->catalog);
	drop_directory(host->proc);
	free(host);
	return 0;
}

static inline const char *service_in(struct host *host, uint64_t cgroup_id, uint32_t pid, uint16_t port,
				     const char *comm)
{
	struct ww_account account = {.tgid = pid, .port = port, .cgroup_id = cgroup_id};
	int64_t id;

	strncpy(account.comm, comm, sizeof(account.comm) - 1);
	id = ww_services__find(host->services, &account, NULL);
	assert_true(id >= 0 && id < host->catalog.services_len);
	return host->catalog.services[id].name;
}

static inline const char *service_of(struct host *host, uint32_t pid, uint16_t port, const char *comm)
{
	return service_in(host, 7, pid, port, comm);
}

#endif
