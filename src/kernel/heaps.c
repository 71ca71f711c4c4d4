/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/heaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kernel/heaps_parts.h"

#define PROCESSES_MAX 64   /* of more the others are not known */
#define NONES_MAX     1024 /* processes without such a runtime that are remembered */
#define UNSEEN_MAX    30   /* calls for others, of each of them, after which a process has ended */

enum runtime { RUNTIME_NONE, RUNTIME_GO, RUNTIME_JVM };

struct process {
	uint32_t pid; /* 0: a free place */
	uint64_t start_ticks, exe_inode;
	uint64_t asked; /* the number of the call */
	enum runtime runtime;
	struct ww_go_heap go;
	struct ww_jvm_heap jvm;
};

/* Looked into, and without a runtime that counts. */
struct none {
	uint32_t pid;
	uint64_t start_ticks, exe_inode;
};

struct ww_heaps {
	struct process processes[PROCESSES_MAX];
	struct none nones[NONES_MAX]; /* a ring */
	uint32_t nones_len, next_none;
	uint64_t calls;
};

bool ww_heaps__read(pid_t pid, uint64_t address, void *data, size_t len)
{
	const struct iovec here = {data, len}, there = {(void *)(uintptr_t)address, len};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

struct ww_heaps *ww_heaps__new(void)
{
	return calloc(1, sizeof(struct ww_heaps));
}

static void clear(struct process *process)
{
	ww_jvm_heap__free(&process->jvm);
	*process = (struct process){0};
}

void ww_heaps__free(struct ww_heaps *heaps)
{
	if (!heaps)
		return;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		clear(&heaps->processes[i]);
	free(heaps);
}

static void look_into(struct process *process)
{
	pid_t pid = (pid_t)process->pid;

	if (!ww_go_heap__find(pid, &process->go))
		process->runtime = RUNTIME_GO;
	else if (!ww_jvm_heap__find(pid, &process->jvm))
		process->runtime = RUNTIME_JVM;
}

/* Takes no place of those that count. */
static void remember_none(struct ww_heaps *heaps, struct process *process)
{
	heaps->nones[heaps->next_none] = (struct none){process->pid, process->start_ticks, process->exe_inode};
	heaps->next_none = (heaps->next_none + 1) % NONES_MAX;
	if (heaps->nones_len < NONES_MAX)
		heaps->nones_len++;
	clear(process);
}

static bool is_none(const struct ww_heaps *heaps, uint32_t pid, const struct ww_process_usage *usage)
{
	for (uint32_t i = 0; i < heaps->nones_len; i++) {
		const struct none *none = &heaps->nones[i];

		if (none->pid == pid && none->start_ticks == usage->start_ticks && none->exe_inode == usage->exe_inode)
			return true;
	}
	return false;
}

/* A process is another one when it began at another time, or runs another program: an exec keeps the number. */
static struct process *process_of(struct ww_heaps *heaps, uint32_t pid, const struct ww_process_usage *usage,
				  bool *looked)
{
	struct process *place = NULL;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *process = &heaps->processes[i];

		if (process->pid == pid && process->start_ticks == usage->start_ticks &&
		    process->exe_inode == usage->exe_inode)
			return process;
		if (process->pid == pid ||
		    (process->pid && heaps->calls - process->asked > (uint64_t)PROCESSES_MAX * UNSEEN_MAX))
			clear(process);
		if (!process->pid && !place)
			place = process;
	}
	if (!place || is_none(heaps, pid, usage))
		return NULL;
	place->pid = pid;
	place->start_ticks = usage->start_ticks;
	place->exe_inode = usage->exe_inode;
	look_into(place);
	if (place->runtime == RUNTIME_NONE) {
		remember_none(heaps, place);
		return NULL;
	}
	*looked = true;
	return place;
}

int ww_heaps__allocated(void *ctx, uint32_t pid, const struct ww_process_usage *usage, struct ww_heap_counts *counts)
{
	struct ww_heaps *heaps = ctx;
	bool looked = false;
	struct process *process = process_of(heaps, pid, usage, &looked);

	heaps->calls++;
	if (!process)
		return -ENOENT;
	/* That took a while: what it has allocated meanwhile is for requests that are not told yet. */
	if (looked) {
		process->asked = heaps->calls;
		return -ENOENT;
	}
	process->asked = heaps->calls;
	switch (process->runtime) {
	case RUNTIME_GO:
		return ww_go_heap__read((pid_t)pid, &process->go, counts);
	case RUNTIME_JVM:
		return ww_jvm_heap__read((pid_t)pid, &process->jvm, counts);
	default:
		return -ENOENT;
	}
}
