/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/allocations.h"

#include <bpf/libbpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/allocators.h"
#include "requests/process.h"
#include "model/aggregate.h"
#include "whywait.skel.h"

#define PROCESSES_MAX 16 /* of a service with more of them these are a sample */
#define STACK_SIZE    65536
#define WINDOW_NS     250000000ull
#define LEAST_PART    16 /* a request that takes up all but so small a part of a window stands for that many */

struct process {
	uint32_t pid;
	uint64_t start_ticks, exe_inode; /* of the program that was looked at: an exec keeps the number */
	bool looked;			 /* at its files */
	bool attached;
	bool counts; /* it could be attached to, in the newest window */
	size_t sites_len;
	struct ww_allocator_site sites[WW_ALLOCATOR_SITES];
	struct bpf_link *links[WW_ALLOCATOR_SITES];
};

struct ww_allocations {
	struct whywait_bpf *bpf;
	double share;
	struct process processes[PROCESSES_MAX];
	size_t processes_len;
	uint64_t windows;  /* so far */
	uint64_t next_ns;  /* when the next one is to open, or this one to close */
	uint64_t began_ns; /* the newest one, */
	uint64_t ended_ns; /* 0: it is open */
	uint64_t failed;
	pthread_attr_t attributes;
	unsigned leaving; /* links that are being detached */
};

void ww_allocations__prepare(struct whywait_bpf *bpf, bool wanted)
{
	bpf->rodata->ww_allocations_on = wanted;
	bpf_program__set_autoload(bpf->progs.ww_allocate, wanted);
	bpf_program__set_autoload(bpf->progs.ww_reallocate, wanted);
	bpf_program__set_autoattach(bpf->progs.ww_allocate, false);
	bpf_program__set_autoattach(bpf->progs.ww_reallocate, false);
}

struct ww_allocations *ww_allocations__new(struct whywait_bpf *bpf, double share)
{
	struct ww_allocations *allocations = calloc(1, sizeof(*allocations));

	if (!allocations)
		return NULL;
	allocations->bpf = bpf;
	allocations->share = share;
	if (pthread_attr_init(&allocations->attributes)) {
		free(allocations);
		return NULL;
	}
	pthread_attr_setdetachstate(&allocations->attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&allocations->attributes, STACK_SIZE);
	return allocations;
}

struct leaving {
	struct ww_allocations *allocations;
	struct bpf_link *link;
};

static void *leave(void *argument)
{
	struct leaving *leaving = argument;

	bpf_link__destroy(leaving->link);
	__atomic_sub_fetch(&leaving->allocations->leaving, 1, __ATOMIC_RELEASE);
	free(leaving);
	return NULL;
}

/*
 * A probe is out of the program at once, but newer kernels then let the caller wait for a tenth of a second or more,
 * until no program runs that may still know of it: all of them wait at the same time.
 */
static void link_detach(struct ww_allocations *allocations, struct bpf_link *link)
{
	struct leaving *leaving = link ? malloc(sizeof(*leaving)) : NULL;
	sigset_t all, before;
	pthread_t thread;
	int err = ENOMEM;

	if (leaving) {
		*leaving = (struct leaving){allocations, link};
		__atomic_add_fetch(&allocations->leaving, 1, __ATOMIC_RELAXED);
		/* Signals are for the thread that observes. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		err = pthread_create(&thread, &allocations->attributes, leave, leaving);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (err)
			leave(leaving);
	} else {
		bpf_link__destroy(link);
	}
}

static void detach(struct ww_allocations *allocations, struct process *process)
{
	for (size_t i = 0; i < process->sites_len; i++) {
		link_detach(allocations, process->links[i]);
		process->links[i] = NULL;
	}
	process->attached = false;
}

static bool is_leaving(const struct ww_allocations *allocations)
{
	return __atomic_load_n(&allocations->leaving, __ATOMIC_ACQUIRE) > 0;
}

void ww_allocations__free(struct ww_allocations *allocations)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (!allocations)
		return;
	for (size_t i = 0; i < allocations->processes_len; i++)
		detach(allocations, &allocations->processes[i]);
	while (is_leaving(allocations))
		nanosleep(&pause, NULL);
	for (size_t i = 0; i < allocations->processes_len; i++)
		ww_allocators__close(allocations->processes[i].sites, allocations->processes[i].sites_len);
	pthread_attr_destroy(&allocations->attributes);
	free(allocations);
}

void ww_allocations__serves(struct ww_allocations *allocations, uint32_t pid)
{
	if (!allocations)
		return;
	for (size_t i = 0; i < allocations->processes_len; i++)
		if (allocations->processes[i].pid == pid)
			return;
	if (allocations->processes_len < PROCESSES_MAX)
		allocations->processes[allocations->processes_len++] = (struct process){.pid = pid};
}

static void attach(struct ww_allocations *allocations, struct process *process)
{
	char path[32];

	if (!process->looked) {
		struct ww_process_usage usage;

		if (ww_process__usage("/proc", (pid_t)process->pid, &usage))
			return;
		process->start_ticks = usage.start_ticks;
		process->exe_inode = usage.exe_inode;
		process->sites_len = ww_allocators__find(process->pid, process->sites);
	}
	process->looked = true;
	process->counts = false;
	for (size_t i = 0; i < process->sites_len; i++) {
		const struct ww_allocator_site *site = &process->sites[i];
		struct bpf_program *program =
			site->renews ? allocations->bpf->progs.ww_reallocate : allocations->bpf->progs.ww_allocate;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", site->fd);
		process->links[i] = bpf_program__attach_uprobe(program, false, (pid_t)process->pid, path, site->offset);
		if (!process->links[i]) {
			allocations->failed++;
			detach(allocations, process);
			return;
		}
	}
	process->attached = process->sites_len > 0;
	process->counts = process->attached;
}

/* Whether it has ended, or is another program than the one that was looked at. */
static bool is_over(const struct process *process)
{
	struct ww_process_usage usage;

	if (ww_process__usage("/proc", (pid_t)process->pid, &usage))
		return true;
	return process->looked && (usage.start_ticks != process->start_ticks || usage.exe_inode != process->exe_inode);
}

/* Those that have ended make room: who answers under that number later is known anew. */
static void forget(struct ww_allocations *allocations)
{
	size_t kept = 0;

	for (size_t i = 0; i < allocations->processes_len; i++) {
		struct process *process = &allocations->processes[i];

		if (is_over(process)) {
			detach(allocations, process);
			ww_allocators__close(process->sites, process->sites_len);
		} else {
			allocations->processes[kept++] = *process;
		}
	}
	allocations->processes_len = kept;
}

static void window_set(struct ww_allocations *allocations, uint64_t number)
{
	__atomic_store_n(&allocations->bpf->bss->ww_allocations_window, number, __ATOMIC_RELEASE);
}

void ww_allocations__tick(struct ww_allocations *allocations, uint64_t now_ns)
{
	bool open = allocations && allocations->windows && !allocations->ended_ns;

	if (!allocations || now_ns < allocations->next_ns || !allocations->processes_len)
		return;
	if (open && allocations->share < 1) {
		window_set(allocations, 0);
		allocations->ended_ns = now_ns;
		allocations->next_ns =
			now_ns + (uint64_t)((double)(now_ns - allocations->began_ns) * (1 / allocations->share - 1));
		for (size_t i = 0; i < allocations->processes_len; i++)
			detach(allocations, &allocations->processes[i]);
		return;
	}
	if (is_leaving(allocations))
		return;
	forget(allocations);
	for (size_t i = 0; i < allocations->processes_len; i++)
		if (!allocations->processes[i].attached)
			attach(allocations, &allocations->processes[i]);
	allocations->next_ns = now_ns + WINDOW_NS;
	if (open)
		return;
	allocations->began_ns = now_ns;
	allocations->ended_ns = 0;
	window_set(allocations, ++allocations->windows);
}

int ww_allocations__due_ms(const struct ww_allocations *allocations, uint64_t now_ns, int most_ms)
{
	uint64_t left_ms;

	if (!allocations || !allocations->processes_len || is_leaving(allocations))
		return most_ms;
	left_ms = now_ns < allocations->next_ns ? (allocations->next_ns - now_ns + 999999) / 1000000 : 0;
	return left_ms < (uint64_t)most_ms ? (int)left_ms : most_ms;
}

uint64_t ww_allocations__weight(const struct ww_allocations *allocations, const struct ww_account *account)
{
	uint64_t took = account->end_ns - account->start_ns - account->kinds_ns[WW_KIND_QUEUE];
	bool attached = false;

	if (!allocations || !(account->flags & WW_FLAG_ALLOCATIONS))
		return 0;
	for (size_t i = 0; i < allocations->processes_len; i++)
		attached |= allocations->processes[i].pid == account->tgid && allocations->processes[i].counts;
	if (!attached)
		return 0;
	if (allocations->share >= 1)
		return WW_ALLOCATIONS_ONE;
	/* It could have begun in the rest of the window, and would have been counted then. */
	if (took > WINDOW_NS - WINDOW_NS / LEAST_PART)
		return WW_ALLOCATIONS_ONE * LEAST_PART;
	return WW_ALLOCATIONS_ONE * WINDOW_NS / (WINDOW_NS - took);
}

uint64_t ww_allocations__failed(const struct ww_allocations *allocations)
{
	return allocations ? allocations->failed : 0;
}
