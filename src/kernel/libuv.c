/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/libuv.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
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

/* What uv_loop_t begins with, since 1.38: its fields are a part of libuv's ABI. */
struct loop_head {
	uint64_t data;
	uint64_t active_handles;
	uint64_t handles_next, handles_prev;
	uint64_t active_reqs;
	uint64_t internal;
};

/* What follows on that. */
struct loop_rest {
	uint64_t stop, flags, backend;
	uint64_t pending[2], watchers[2];
	uint64_t watched, lens;
	uint64_t work[2];
	pthread_mutex_t work_lock;
	uint64_t work_done[16]; /* a handle */
	pthread_rwlock_t exec_lock;
	uint64_t closing;
	uint64_t processes[2], prepare[2], check[2], idle[2];
};

#define IDLE (sizeof(struct loop_head) + offsetof(struct loop_rest, idle))

/* Since 1.45: what `internal` leads to begins with flags, and then counts. */
#define TURNS 8

#define AROUND                                                                                                         \
	64 /* words of the stack: what a phase's function saves of uv_run()'s registers, one of which is the loop */

static bool word_read(pid_t pid, uint64_t address, void *to, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)(uintptr_t)address, len};
	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

/* Whether there is a loop: its handles are in a ring that leads through it. */
static bool is_loop(pid_t pid, uint64_t address, struct loop_head *loop)
{
	uint64_t ring = address + offsetof(struct loop_head, handles_next), back = 0;
	return address && !(address & 7) && word_read(pid, address, loop, sizeof(*loop)) && loop->internal &&
	       loop->handles_next != ring && word_read(pid, loop->handles_next + 8, &back, sizeof(back)) &&
	       back == ring;
}

/* Whether there is a ring, of nothing or of some. */
static bool is_ring(pid_t pid, uint64_t address)
{
	uint64_t next = 0, back = 0;
	return word_read(pid, address, &next, sizeof(next)) && next && !(next & 7) &&
	       word_read(pid, next + 8, &back, sizeof(back)) && back == address;
}

/* The loop of which uv_run() calls a phase, from a place in the stack, where it counts its turns. */
static void loop_find(pid_t pid, const uint64_t *words, ssize_t len, ssize_t call, struct ww_libuv_layout *layout)
{
	static const char *const files[] = {"node", "libuv", NULL};
	struct ww_dynsym counts = {.name = "uv_metrics_info"};
	struct loop_head loop;
	uint64_t turns = 0;
	if (ww_dynsym__find(pid, files, &counts, 1))
		return;
	for (ssize_t i = call > AROUND ? call - AROUND : 0; i < len && i < call + AROUND; i++) {
		if (!is_loop(pid, words[i], &loop))
			continue;
		if (!word_read(pid, loop.internal + TURNS, &turns, sizeof(turns)) || !turns)
			continue;
		layout->turns = loop.internal + TURNS;
		layout->idle = is_ring(pid, words[i] + IDLE) ? words[i] + IDLE : 0;
		return;
	}
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
		layout->turns = 0;
		layout->idle = 0;
		loop_find(pid, words, got / 8, i, layout);
		err = 0;
	}
	free(words);
	return err;
}
