/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define OVERLAP_NS   1000000 /* clocks of two hooks differ, and who is switched out at the end is not yet free */
#define OVERLAP_PART 100     /* one request in so many, and .. */
#define OVERLAPS     2	     /* .. so many at the least, make a loop: of those that were kept few are neighbours */
#define ONCE_LEAST   8	     /* of fewer threads that were seen once it may be chance */

void ww_workers__free(struct ww_workers *workers)
{
	if (!workers)
		return;
	for (size_t i = 0; i < workers->len; i++)
		free(workers->services[i].service);
	free(workers->services);
	free(workers->threads);
	*workers = (struct ww_workers){0};
}

static size_t slot_of(const struct ww_worker_thread *threads, size_t cap, uint32_t pid, uint32_t tid, uint32_t service)
{
	size_t slot = ww_hash_mix(((uint64_t)pid << 32 | tid) + service) & (cap - 1);

	while (threads[slot].pid &&
	       (threads[slot].pid != pid || threads[slot].tid != tid || threads[slot].service != service))
		slot = (slot + 1) & (cap - 1);
	return slot;
}

/* Room for one more. */
static int reserve(struct ww_workers *workers)
{
	size_t cap = workers->threads_cap ? workers->threads_cap * 2 : 256;
	struct ww_worker_thread *larger;

	if (2 * (workers->threads_len + 1) <= workers->threads_cap)
		return 0;
	larger = calloc(cap, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	for (size_t i = 0; i < workers->threads_cap; i++) {
		const struct ww_worker_thread *thread = &workers->threads[i];

		if (thread->pid)
			larger[slot_of(larger, cap, thread->pid, thread->tid, thread->service)] = *thread;
	}
	free(workers->threads);
	workers->threads = larger;
	workers->threads_cap = cap;
	return 0;
}

/* The number of a service, added when it is new; -ENOMEM. */
static int64_t service_of(struct ww_workers *workers, const char *name)
{
	struct ww_service_workers *larger;

	for (size_t i = 0; i < workers->len; i++)
		if (!strcmp(workers->services[i].service, name))
			return (int64_t)i;
	larger = reallocarray(workers->services, workers->len + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	workers->services = larger;
	larger[workers->len] = (struct ww_service_workers){.service = strdup(name)};
	return larger[workers->len].service ? (int64_t)workers->len++ : -ENOMEM;
}

/* Whether a thread of that process is known. */
static bool knows_process(const struct ww_workers *workers, uint32_t pid, uint32_t service)
{
	for (size_t i = 0; i < workers->threads_cap; i++)
		if (workers->threads[i].pid == pid && workers->threads[i].service == service)
			return true;
	return false;
}

/*
 * Whether it waited for its thread again after that had picked it up: the thread served others meanwhile. Between an
 * answer and the read that takes it, a thread that serves no others leaves a microsecond of it, too.
 */
static bool waited_again(const struct ww_request *request)
{
	bool picked_up = false;

	for (size_t i = 0; i < request->segments_len; i++) {
		if (request->segments[i].kind == WW_KIND_QUEUE && picked_up &&
		    request->segments[i].duration_ns > OVERLAP_NS)
			return true;
		picked_up |= request->segments[i].kind != WW_KIND_QUEUE && request->segments[i].kind != WW_KIND_RUNQ;
	}
	return false;
}

int ww_workers__add(struct ww_workers *workers, const struct ww_request *request)
{
	int64_t service = service_of(workers, request->service);
	/* What it waited for before a thread had time for it is no time of a thread. */
	int64_t picked_up = request->start_unix_ns + (int64_t)request->kinds_ns[WW_KIND_QUEUE];
	int64_t end = request->start_unix_ns + (int64_t)request->wall_ns;
	struct ww_service_workers *of;
	struct ww_worker_thread *thread;

	if (service < 0 || !request->pid || reserve(workers))
		return service < 0 || request->pid ? -ENOMEM : 0;
	of = &workers->services[service];
	thread = &workers->threads[slot_of(workers->threads, workers->threads_cap, request->pid, request->tid,
					   (uint32_t)service)];
	if (!thread->pid) {
		of->processes += !knows_process(workers, request->pid, (uint32_t)service);
		of->once++;
		workers->threads_len++;
		*thread = (struct ww_worker_thread){
			.pid = request->pid, .tid = request->tid, .service = (uint32_t)service, .busy_until_ns = end};
		return 0;
	}
	if (!thread->again) {
		thread->again = true;
		of->once--;
		of->threads++;
	}
	of->followed++;
	of->overlapping += picked_up + OVERLAP_NS < thread->busy_until_ns || waited_again(request);
	if (thread->busy_until_ns < end)
		thread->busy_until_ns = end;
	return 0;
}

const struct ww_service_workers *ww_workers__of(const struct ww_workers *workers, const char *service)
{
	for (size_t i = 0; i < workers->len; i++)
		if (!strcmp(workers->services[i].service, service))
			return &workers->services[i];
	return NULL;
}

bool ww_service_workers__are_loops(const struct ww_service_workers *workers)
{
	return workers->overlapping >= OVERLAPS && workers->overlapping * OVERLAP_PART >= workers->followed;
}

bool ww_service_workers__are_unlimited(const struct ww_service_workers *workers)
{
	return workers->once >= ONCE_LEAST && workers->once > workers->threads;
}
