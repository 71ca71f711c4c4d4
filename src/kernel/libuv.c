/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/libuv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kernel/dynsym.h"

#define MOST_STACK (1u << 20) /* bytes looked at, from the stack's beginning on: main() and uv_run() are there */

/* The bounds of the main thread's stack. */
static int stack_find(pid_t pid, uint64_t *start, uint64_t *end)
{
	char path[64], line[4608];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		return -errno;
	int err = -ENOENT;
	while (err && fgets(line, sizeof(line), maps)) {
		unsigned long long from, to;
		if (strstr(line, "[stack]") && sscanf(line, "%llx-%llx", &from, &to) == 2) {
			*start = from;
			*end = to;
			err = 0;
		}
	}
	fclose(maps);
	return err;
}

int ww_libuv__find(pid_t pid, struct ww_libuv_layout *layout)
{
	static const char *const files[] = {"node", "libuv", NULL};
	struct ww_dynsym run = {.name = "uv_run"};
	uint64_t start = 0, end = 0;
	int err = ww_dynsym__find(pid, files, &run, 1);
	if (!err)
		err = stack_find(pid, &start, &end);
	if (err)
		return err;
	if (end <= start)
		return -ENOENT;
	if (end - start > MOST_STACK)
		start = end - MOST_STACK;
	uint64_t *words = malloc(end - start);
	if (!words)
		return -ENOMEM;
	struct iovec here = {words, end - start}, there = {(void *)(uintptr_t)start, end - start};
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	err = got < 0 ? -errno : -ENOENT;
	/* The stack grows down: the outermost call has the highest address. */
	for (ssize_t i = got / 8 - 1; i >= 0 && err; i--) {
		if (words[i] <= run.address || words[i] >= run.address + run.size)
			continue;
		layout->slot = start + 8 * (uint64_t)i;
		err = 0;
	}
	free(words);
	return err;
}
