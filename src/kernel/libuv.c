/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/libuv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kernel/dynsym.h"
#include "util/mappings.h"

#define MOST_STACK (1u << 20) /* bytes looked at, from the stack's beginning on: main() and uv_run() are there */

/*
 * Of a return address on the stack. On arm64 the bits above 48 may be its signature (pointer authentication), which
 * is the same each time for the same place of the stack.
 */
#if defined(__aarch64__)
#define ADDRESS_BITS ((1ull << 48) - 1)
#else
#define ADDRESS_BITS UINT64_MAX
#endif

/* The bounds of the main thread's stack. */
static int stack_find(pid_t pid, uint64_t *start, uint64_t *end)
{
	struct ww_mappings mappings;
	int err = ww_mappings__open(&mappings, pid);
	if (err)
		return err;
	err = -ENOENT;
	while (err && ww_mappings__next(&mappings)) {
		if (strcmp(mappings.path, "[stack]"))
			continue;
		*start = mappings.start;
		*end = mappings.end;
		err = 0;
	}
	ww_mappings__close(&mappings);
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
		uint64_t from = words[i] & ADDRESS_BITS;
		if (from <= run.address || from >= run.address + run.size)
			continue;
		layout->slot = start + 8 * (uint64_t)i;
		err = 0;
	}
	free(words);
	return err;
}
