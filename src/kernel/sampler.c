/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/sampler.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/observer.h"
#include "whywait.skel.h"

#define PERIOD_NS    10101010u /* 99 a second: not in step with what programs do a hundred times a second */
#define RING	     (16u << 20)
#define ROOMS	     3	/* of each CPU: WW_STACK_ROOMS */
#define ONE_IN_FIRST 64 /* until it is known what they cost */
#define ONE_IN_MOST  32768
#define ADAPT_NS     100000000u

struct ww_sampler {
	struct whywait_bpf *bpf;
	struct ring_buffer *ring;
	struct ww_ingest *ingest; /* during a drain */
	struct bpf_link **links;
	int cpus;
	double share; /* of all CPUs; 0: every request */
	uint64_t adapted_ns, cpu_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int ww_sampler__prepare(struct whywait_bpf *bpf, bool stacks, char *message, size_t message_size)
{
	int cpus = libbpf_num_possible_cpus();

	if (stacks && bpf->rodata->ww_by_hand) {
		snprintf(message, message_size,
			 "stacks need what this kernel does not give (task storage, bpf_task_pt_regs): use Linux 5.15 "
			 "or later, or record without --stacks");
		return -ENOTSUP;
	}
	bpf->rodata->ww_stacks_on = stacks;
	bpf->rodata->ww_stack_period_ns = PERIOD_NS;
	bpf_program__set_autoload(bpf->progs.ww_stack_tick, stacks);
	snprintf(message, message_size, "sizing the maps for stacks failed");
	int err = bpf_map__set_max_entries(bpf->maps.ww_stack_rooms, stacks && cpus > 0 ? ROOMS * (uint32_t)cpus : 1);
	return err ?: bpf_map__set_max_entries(bpf->maps.ww_stacks, stacks ? RING : 4096);
}

static int take(void *ctx, void *data, size_t size)
{
	struct ww_sampler *sampler = ctx;

	ww_ingest__stack(sampler->ingest, data, size);
	return 0;
}

int ww_sampler__drain(struct ww_sampler *sampler, struct ww_ingest *ingest)
{
	sampler->ingest = ingest;
	return ring_buffer__consume(sampler->ring);
}

int ww_sampler__open_clock(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
	};

	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int ww_sampler__start(struct ww_sampler **sampler, struct whywait_bpf *bpf, const struct ww_observer_options *options,
		      char *message, size_t message_size)
{
	struct ww_sampler *new = calloc(1, sizeof(*new));
	int cpus = libbpf_num_possible_cpus(), started = 0, err = 0;

	if (new) {
		new->cpus = cpus > 0 ? cpus : 0;
		new->links = calloc((size_t) new->cpus + 1, sizeof(struct bpf_link *));
		new->ring = ring_buffer__new(bpf_map__fd(bpf->maps.ww_stacks), take, new, NULL);
	}
	if (!new || !new->links || !new->ring) {
		ww_sampler__stop(new);
		snprintf(message, message_size, "out of memory");
		return -ENOMEM;
	}
	new->bpf = bpf;
	new->share = options->stacks_share;
	new->adapted_ns = now_ns();
	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = ww_sampler__open_clock(cpu);

		/* Not every possible CPU is there. */
		if (fd == -ENODEV)
			continue;
		if (fd >= 0)
			new->links[cpu] = bpf_program__attach_perf_event(bpf->progs.ww_stack_tick, fd);
		if (!new->links[cpu]) {
			/* What ran on that CPU would be missing, without a word. */
			err = fd < 0 ? fd : -errno;
			if (fd >= 0)
				close(fd);
			break;
		}
		started++;
	}
	if (err || !started) {
		err = err ?: -ENODEV;
		snprintf(message, message_size,
			 "stacks need perf events, which can't be opened: %s; record without --stacks", strerror(-err));
		ww_sampler__stop(new);
		return err;
	}
	__atomic_store_n(&bpf->bss->ww_stacks_one_in, new->share > 0 ? ONE_IN_FIRST : 1, __ATOMIC_RELAXED);
	*sampler = new;
	return 0;
}

void ww_sampler__adapt(struct ww_sampler *sampler, const struct ww_ingest *ingest)
{
	uint64_t now = now_ns(), passed = now - sampler->adapted_ns;
	uint32_t one_in = sampler->bpf->bss->ww_stacks_one_in;
	struct ww_stacks_totals totals;

	if (!(sampler->share > 0) || passed < ADAPT_NS || ww_ingest__stacks(ingest, &totals))
		return;
	double may = sampler->share * (double)passed * (double)sysconf(_SC_NPROCESSORS_ONLN);
	double did = (double)(totals.cpu_ns - sampler->cpu_ns);

	sampler->adapted_ns = now;
	sampler->cpu_ns = totals.cpu_ns;
	/* By little at a time: what stands for very many by accident would weigh too much. */
	for (int i = 0; i < 2 && did > may && one_in < ONE_IN_MOST; i++) {
		one_in *= 2;
		did /= 2;
	}
	if (did < may / 3 && one_in > 1)
		one_in /= 2;
	__atomic_store_n(&sampler->bpf->bss->ww_stacks_one_in, one_in, __ATOMIC_RELAXED);
}

void ww_sampler__stop(struct ww_sampler *sampler)
{
	if (!sampler)
		return;
	for (int cpu = 0; sampler->links && cpu < sampler->cpus; cpu++)
		bpf_link__destroy(sampler->links[cpu]);
	ring_buffer__free(sampler->ring);
	free(sampler->links);
	free(sampler);
}
