/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the processes of each service use. */
#include <math.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "requests/oom.h"
#include "requests/services_parts.h"

#define SAMPLES_MAX 256 /* processes that are looked at in one call */
#define NSEC	    1000000000ull

/*
 * To find out what processes share the kernel goes through all their pages: 1.3 to 2.6 ms for each 100 MiB (Linux 6.18,
 * 2026-11-30). It is asked every ten seconds, seldomer of large ones, and for so long at most in one call; of those
 * that would keep the records of the kernel waiting for a tenth of a second it is not asked at all.
 */
#define PSS_EVERY_NS  (10 * NSEC)
#define PSS_PART      1000 /* of the time, what it may take of a process */
#define PSS_BUDGET_NS 2000000
#define PSS_RSS_MOST  (4ull << 30)

/* What its process has collected since. The process may have ended. */
static void count_collections(struct ww_services *services, struct ww_member *member)
{
	struct ww_service *service = &services->services[member->service];
	struct ww_collected now = {0}, *before = &member->collected;

	if (!services->collected || services->collected(services->collected_ctx, member->pid, &now))
		return;
	/* Less than before: what was known of it was forgotten, and begun anew. */
	if (now.program != before->program || now.count < before->count || now.ns < before->ns)
		*before = (struct ww_collected){0};
	service->now.gc_count += now.count - before->count;
	service->now.gc_ns += now.ns - before->ns;
	service->total.gc_count += now.count - before->count;
	service->total.gc_ns += now.ns - before->ns;
	*before = now;
}

/* Of a process it is not known what it has allocated: nor is it of its service, whose requests are those of all. */
static void miss_allocations(struct ww_services *services, struct ww_member *member)
{
	struct ww_service_last *last = &services->services[member->service].now.last;

	member->heap_known = false;
	last->allocated_known = last->allocations_known = false;
}

/* What its runtime has allocated since the last sample. */
static void count_allocations(struct ww_services *services, struct ww_member *member,
			      const struct ww_process_usage *usage)
{
	struct ww_service_last *last = &services->services[member->service].now.last;
	struct ww_heap_counts now = {0}, before = member->heap;
	bool known = member->heap_known;

	if (!services->allocated || services->allocated(services->allocated_ctx, member->pid, usage, &now)) {
		miss_allocations(services, member);
		return;
	}
	member->heap = now;
	if (!known || now.bytes < before.bytes || now.allocations < before.allocations) {
		miss_allocations(services, member);
		member->heap_known = true;
		return;
	}
	last->allocated_bytes += now.bytes - before.bytes;
	last->allocations += now.allocations - before.allocations;
	last->allocations_known &= now.allocations_known && before.allocations_known;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * NSEC + (uint64_t)time.tv_nsec;
}

/* Reads what it shares, where that is due, and takes the time for it from *left_ns. */
static void share_memory(struct ww_services *services, struct ww_member *member, uint64_t now_ns, uint64_t *left_ns)
{
	uint64_t began_ns, took_ns;

	if (member->usage.rss_bytes > PSS_RSS_MOST)
		member->pss_bytes = 0;
	if (now_ns < member->pss_due_ns || member->usage.rss_bytes > PSS_RSS_MOST)
		return;
	began_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (ww_process__pss(services->proc, (pid_t)member->pid, &member->pss_bytes))
		member->pss_bytes = 0;
	took_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns;
	*left_ns -= MIN(*left_ns, took_ns);
	member->pss_due_ns = now_ns + MAX(PSS_EVERY_NS, took_ns * PSS_PART);
}

/* Goes on behind the last one that was read: however many there are, each has its turn. */
static void share_memory_of_some(struct ww_services *services)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), left_ns = PSS_BUDGET_NS;
	uint32_t first = services->next_share;

	for (uint32_t i = 0; services->shares && left_ns && i < WW_SLOTS; i++) {
		uint32_t slot = (first + i) & (WW_SLOTS - 1);
		struct ww_member *member = &services->members[slot];

		if (!member->pid || member->gone)
			continue;
		share_memory(services, member, now_ns, &left_ns);
		services->next_share = (slot + 1) & (WW_SLOTS - 1);
	}
}

/* Looks at a process anew; false when it has ended or is another program now. */
static bool look_at(struct ww_services *services, struct ww_member *member)
{
	struct ww_service *service = &services->services[member->service];
	struct ww_process_usage usage;

	count_collections(services, member);
	if (ww_process__usage(services->proc, (pid_t)member->pid, &usage) ||
	    usage.start_ticks != member->usage.start_ticks || usage.exe_inode != member->usage.exe_inode)
		return false;
	for (int i = 0; i < 2; i++) {
		struct ww_service_usage *sum = i ? &service->total : &service->now;

		sum->cpu_ns += usage.cpu_ns - member->usage.cpu_ns;
		sum->minor_faults += usage.minor_faults - member->usage.minor_faults;
		sum->major_faults += usage.major_faults - member->usage.major_faults;
	}
	count_allocations(services, member, &usage);
	member->usage = usage;
	return true;
}

/* Who was killed in its control group since the last time; not before its first process was seen. */
static void count_kills(struct ww_service *service)
{
	uint64_t kills;

	if (!service->oom_file || ww_oom__kills(service->oom_file, &kills) || kills < service->oom_before)
		return;
	service->now.oom_kills += kills - service->oom_before;
	service->total.oom_kills += kills - service->oom_before;
	service->now.oom_known = service->total.oom_known = true;
	service->oom_before = kills;
}

static void look_at_some(struct ww_services *services)
{
	uint32_t looked = 0;

	for (uint32_t id = 0; id < services->catalog->services_len; id++)
		services->services[id].now.last =
			(struct ww_service_last){.allocations_known = true, .allocated_known = true};
	for (uint32_t i = 0; i < WW_SLOTS; i++) {
		struct ww_member *member = &services->members[(services->next_sample + i) & (WW_SLOTS - 1)];

		if (!member->pid)
			continue;
		member->unseen += member->unseen < WW_ENDED - 1;
		if (member->gone)
			continue;
		if (looked == SAMPLES_MAX) {
			miss_allocations(services, member);
		} else {
			if (!look_at(services, member)) {
				member->unseen = WW_ENDED;
				miss_allocations(services, member);
			}
			if (++looked == SAMPLES_MAX)
				services->next_sample = (services->next_sample + i + 1) & (WW_SLOTS - 1);
		}
	}
	ww_members__forget_ended(services);
	share_memory_of_some(services);
}

static void start_interval(struct ww_services *services, int64_t interval)
{
	for (uint32_t id = 0; id < services->catalog->services_len; id++) {
		struct ww_service *service = &services->services[id];

		service->now = (struct ww_service_usage){.service = id};
		service->rss_sum = service->samples = 0;
	}
	services->interval = interval;
}

/* Counts a sample: what all processes of each service have now, together. */
static void sum_up(struct ww_services *services)
{
	for (uint32_t id = 0; id < services->catalog->services_len; id++) {
		services->rows[id] = (struct ww_service_usage){.service = id};
		services->services[id].shares_known = true;
	}
	for (uint32_t i = 0; i < WW_SLOTS; i++) {
		const struct ww_member *member = &services->members[i];
		struct ww_service_usage *row;

		if (!member->pid || member->gone)
			continue;
		row = &services->rows[member->service];
		row->processes++;
		row->threads += member->usage.threads;
		row->rss_bytes += member->usage.rss_bytes;
		row->last.pss_bytes += member->pss_bytes;
		services->services[member->service].shares_known &= member->pss_bytes > 0;
	}
	services->rows_len = 0;
	for (uint32_t id = 0; id < services->catalog->services_len; id++) {
		struct ww_service *service = &services->services[id];
		const struct ww_service_usage row = services->rows[id];

		count_kills(service);
		service->total.processes = row.processes;
		service->total.threads = row.threads;
		/* The last of its processes may have ended since the interval before. */
		if (!row.processes && !service->samples && !service->now.oom_kills && !service->now.gc_count)
			continue;
		service->now.last.allocated_known &= row.processes > 0;
		service->now.last.allocations_known &= row.processes > 0;
		if (row.processes) {
			service->samples++;
			service->rss_sum += row.rss_bytes;
			service->now.rss_bytes = service->rss_sum / service->samples;
			service->total.rss_bytes = row.rss_bytes;
			/* Of all of them, or of none. */
			service->now.last.pss_bytes = service->shares_known ? row.last.pss_bytes : 0;
			service->total.last.pss_bytes = service->now.last.pss_bytes;
		}
		service->now.last.rss_bytes = row.rss_bytes;
		service->now.processes = MAX(service->now.processes, row.processes);
		service->now.threads = MAX(service->now.threads, row.threads);
		service->now.rss_peak_bytes = MAX(service->now.rss_peak_bytes, row.rss_bytes);
		service->total.rss_peak_bytes = MAX(service->total.rss_peak_bytes, row.rss_bytes);
		services->rows[services->rows_len++] = service->now;
	}
}

void ww_services__sample(struct ww_services *services, int64_t interval)
{
	if (interval != services->interval)
		start_interval(services, interval);
	look_at_some(services);
	sum_up(services);
}

const struct ww_service_usage *ww_services__usage(const struct ww_services *services, size_t *len)
{
	*len = services->rows_len;
	return services->rows;
}

struct ww_service_report ww_services__report(const struct ww_services *services, uint32_t id)
{
	const struct ww_catalog_service *names = &services->catalog->services[id];
	const struct ww_service_usage *total = &services->services[id].total;

	return (struct ww_service_report){
		.service = names->name,
		.container = names->container,
		.cgroup = names->cgroup,
		.processes = total->processes,
		.threads = total->threads,
		.rss_steady_bytes = total->rss_bytes,
		.rss_peak_bytes = total->rss_peak_bytes,
		.pss_steady_bytes = total->last.pss_bytes,
		.cpu_seconds = (double)total->cpu_ns / 1e9,
		.gc_count = total->gc_count,
		.gc_ns = total->gc_ns,
		.rss_growth_bytes = NAN,
		.minor_faults = total->minor_faults,
		.major_faults = total->major_faults,
		.faults_known = true,
		.oom_kills = total->oom_kills,
		.oom_known = total->oom_known,
	};
}
