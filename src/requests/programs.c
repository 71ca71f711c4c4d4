/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/programs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "requests/process.h"
#include "util/hash.h"

#define NSEC	  1000000000ll
#define ARGUMENTS 65536

void ww_programs__free(struct ww_programs *programs)
{
	if (!programs)
		return;
	for (size_t i = 0; i < programs->len; i++)
		free(programs->programs[i].executable);
	free(programs->programs);
	*programs = (struct ww_programs){0};
}

static bool is_noted(const struct ww_programs *programs, uint32_t service)
{
	for (size_t i = 0; i < programs->len; i++)
		if (programs->programs[i].service == service)
			return true;
	return false;
}

/*
 * Arguments may hold secrets: 32 bits tell that they are others, and leave too many that it may be for anyone to find
 * out by trying.
 */
static uint32_t hash_arguments(const char *proc, pid_t pid)
{
	char path[PATH_MAX], part[4096];
	uint64_t hash = 0;
	ssize_t got;
	int file;

	snprintf(path, sizeof(path), "%s/%d/cmdline", proc, (int)pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	for (size_t len = 0; len < ARGUMENTS && (got = read(file, part, sizeof(part))) > 0; len += (size_t)got)
		hash = ww_hash(hash, part, (size_t)got);
	close(file);
	return (uint32_t)hash;
}

void ww_programs__note(struct ww_programs *programs, uint32_t service, const char *proc, pid_t pid)
{
	struct ww_service_program program = {.service = service};
	struct ww_process process;
	struct stat executable;
	char path[PATH_MAX];

	if (is_noted(programs, service) || ww_process__read(proc, pid, &process))
		return;
	if (programs->len == programs->cap) {
		size_t cap = programs->cap ? programs->cap * 2 : 16;
		struct ww_service_program *larger = reallocarray(programs->programs, cap, sizeof(*larger));

		if (!larger)
			return;
		programs->programs = larger;
		programs->cap = cap;
	}
	/* By way of the process: its path may be another file by now, or in another root. */
	snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid);
	if (!stat(path, &executable)) {
		program.bytes = (uint64_t)executable.st_size;
		program.modified_unix_ns = executable.st_mtim.tv_sec * NSEC + executable.st_mtim.tv_nsec;
	}
	program.arguments = hash_arguments(proc, pid);
	program.executable = strdup(process.exe);
	if (program.executable)
		programs->programs[programs->len++] = program;
}
