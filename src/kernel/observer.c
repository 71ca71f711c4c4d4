/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/observer.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel/abilities.h"
#include "kernel/allocations.h"
#include "kernel/sampler.h"
#include "kernel/descendants.h"
#include "kernel/features.h"
#include "kernel/hooks.h"
#include "kernel/iterator.h"
#include "kernel/listeners.h"
#include "kernel/loader.h"
#include "kernel/map_sizes.h"
#include "kernel/object_forms.h"
#include "kernel/object_modules.h"
#include "kernel/programs.h"
#include "kernel/run_time.h"
#include "kernel/runtimes.h"
#include "kernel/units.h"
#include "util/mappings.h"
#include "whywait.skel.h"
#include "whywait/sweep.h"

#define PROCESSES (sizeof((struct whywait_bpf__bss){0}.ww_generations) / sizeof(uint32_t)) /* remembered */

/* An account that was not charged for so long is looked at by the sweep. */
#define ORPHAN_NS  5000000000ull
/* Work under no request's name that has answered nobody for so long is nobody's. */
#define NOBODYS_NS 60000000000ull
/* A message handed on may wait for a long one before it; more of them than there is room for are lost in between. */
#define UNTAKEN_NS 600000000000ull

struct ww_observer {
	struct whywait_bpf *bpf;
	struct ww_runtimes *runtimes;
	struct ww_units *units;
	struct ww_allocations *allocations; /* NULL: they are not counted */
	struct ring_buffer *accounts;
	struct ring_buffer *details;
	struct bpf_link *before; /* walks over the unix sockets that are there first */
	struct ring_buffer *traffic;
	struct ww_sampler *sampler; /* that looks at what runs; NULL: no stacks are taken */
	int epoll_fd;
	uint64_t *listening; /* the map's pages */
	int cpus;
	uint64_t *percpu;
	struct {
		uint32_t pid;
		uint32_t generation;
		bool served;	  /* it did by then */
	} processes[PROCESSES];	  /* looked at, by pid modulo the size; one that is forgotten is looked at again */
	struct ww_ingest *ingest; /* during a drain */
	uint64_t wanted;	  /* id of the account whose time line is looked for */
	bool goroutines;	  /* exact states of them are wanted */
	bool collectors;	  /* programs are attached to what tells of theirs */
	bool host_pids;		  /* process ids mean the same here as to the BPF side */
	uint32_t sweep_from;	  /* slot that the next sweep begins at */
	int ingest_error;
	char stand_ins[512];
};

static int take_segments(void *ctx, void *data, size_t size)
{
	struct ww_observer *observer = ctx;
	const struct ww_segments *line = data;
	if (size < offsetof(struct ww_segments, segments))
		return 0;
	int err = ww_ingest__segments(observer->ingest, line);
	if (err)
		observer->ingest_error = err;
	return line->id == observer->wanted ? -ECANCELED : 0;
}

/* The generation is noted as it was before the look: a program that comes meanwhile is looked at again. */
static void process_look(struct ww_observer *observer, uint32_t pid, bool serves)
{
	if (!observer->host_pids)
		return;
	uint32_t slot = pid % PROCESSES;
	uint32_t generation = __atomic_load_n(&observer->bpf->bss->ww_generations[slot], __ATOMIC_RELAXED);
	if (observer->processes[slot].pid == pid && observer->processes[slot].generation == generation &&
	    observer->processes[slot].served >= serves)
		return;
	ww_mappings__keep((pid_t)pid);
	bool learnt = ww_programs__learn(observer->bpf, pid);
	/* What is remembered is not looked at again when it serves. */
	if (observer->collectors)
		ww_runtimes__look(observer->runtimes, pid, serves || learnt);
	ww_mappings__drop();
	if (observer->goroutines && serves)
		ww_runtimes__look_at_goroutines(observer->runtimes, pid);
	/* One that does not serve yet may not have begun its event loop, nor loaded its interpreter, or uvloop. */
	if (!learnt && !serves)
		return;
	observer->processes[slot].served = serves;
	observer->processes[slot].pid = pid;
	observer->processes[slot].generation = generation;
}

/* What runs already is learnt before it is observed. */
static void processes_learn(struct ww_observer *observer)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return;
	for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc)) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (!*end && pid > 0)
			process_look(observer, (uint32_t)pid, false);
	}
	closedir(proc);
}

static int take_account(void *ctx, void *data, size_t size)
{
	struct ww_observer *observer = ctx;
	const struct ww_account *account = data;
	if (size < offsetof(struct ww_account, target) || account->version != WW_ABI_VERSION)
		return 0;
	process_look(observer, account->tgid, true);
	ww_allocations__serves(observer->allocations, account->tgid);
	/* What it exchanged was sent before it, too. */
	if (account->traffic)
		ring_buffer__consume(observer->traffic);
	if (account->stacks_one_in && observer->sampler)
		ww_sampler__drain(observer->sampler, observer->ingest);
	/* Its time line was sent before it: it is in the other ring by now. Those behind it wait for their accounts. */
	if (account->flags & WW_FLAG_SEGMENTS) {
		observer->wanted = account->id;
		ring_buffer__consume(observer->details);
	}
	int err = ww_ingest__account(observer->ingest, account);
	if (err)
		observer->ingest_error = err;
	return 0;
}

static int take_traffic(void *ctx, void *data, size_t size)
{
	struct ww_observer *observer = ctx;

	ww_ingest__traffic(observer->ingest, data, size);
	return 0;
}

/* libbpf's messages are kept: the last warning becomes part of the one line that a failure prints. */
static char last_warning[256];

static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	if (getenv("WHYWAIT_LIBBPF_DEBUG"))
		return vfprintf(stderr, format, args);
	if (level == LIBBPF_WARN) {
		vsnprintf(last_warning, sizeof(last_warning), format, args);
		last_warning[strcspn(last_warning, "\n")] = '\0';
	}
	return 0;
}

static int fail(int err, char *message, size_t size, const char *what)
{
	/* The cause is seldom in the error's number: ask what this host lacks. */
	static struct ww_features features;
	if (!ww_features__probe(&features) && !ww_features__can_observe(&features, message, size))
		return err;
	snprintf(message, size, "%s: %s%s%s; `whywait doctor` tells what this kernel offers", what, strerror(-err),
		 last_warning[0] ? ": " : "", last_warning);
	return err;
}

/* The selected processes and what they have started; what they start from now on is followed by the BPF side. */
static int select_pids(struct whywait_bpf *bpf, const struct ww_select *select)
{
	pid_t *pids = NULL;
	size_t len = 0;
	uint8_t one = 1;
	if (!select->pids_len)
		return 0;
	int err = ww_descendants__find(select->pids, select->pids_len, &pids, &len);
	for (size_t i = 0; i < len && !err; i++) {
		uint32_t key = (uint32_t)pids[i];
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.ww_selected_pids), &key, &one, BPF_ANY))
			err = -errno;
	}
	free(pids);
	return err;
}

static int select_load(struct whywait_bpf *bpf, const struct ww_select *select)
{
	uint8_t one = 1;
	int err = 0;
	for (size_t i = 0; i < select->comms_len && !err; i++) {
		char key[WW_COMM] = "";
		strncpy(key, select->comms[i], WW_COMM - 1);
		err = bpf_map_update_elem(bpf_map__fd(bpf->maps.ww_selected_comms), key, &one, BPF_ANY);
	}
	for (size_t i = 0; i < select->ports_len && !err; i++)
		err = bpf_map_update_elem(bpf_map__fd(bpf->maps.ww_selected_ports), &select->ports[i], &one, BPF_ANY);
	for (size_t i = 0; i < select->cgroups_len && !err; i++)
		err = bpf_map_update_elem(bpf_map__fd(bpf->maps.ww_selected_cgroups), &select->cgroups[i], &one,
					  BPF_ANY);
	return err ? -errno : 0;
}

static int slots_fill(struct whywait_bpf *bpf)
{
	for (uint32_t slot = 0; slot < bpf->rodata->ww_max_requests; slot++) {
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.ww_free_slots), NULL, &slot, BPF_ANY))
			return -errno;
	}
	/* 0 is nobody's. */
	for (uint32_t peer = bpf->rodata->ww_max_peers; bpf->rodata->ww_by_hand && --peer;) {
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.ww_free_peers), NULL, &peer, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int rings_open(struct ww_observer *observer)
{
	struct whywait_bpf *bpf = observer->bpf;
	int fd = bpf_map__fd(bpf->maps.ww_accounts);
	observer->accounts = ring_buffer__new(fd, take_account, observer, NULL);
	if (!observer->accounts)
		return -errno;
	observer->details = ring_buffer__new(bpf_map__fd(bpf->maps.ww_details), take_segments, observer, NULL);
	if (!observer->details)
		return -errno;
	observer->traffic = ring_buffer__new(bpf_map__fd(bpf->maps.ww_traffics), take_traffic, observer, NULL);
	if (!observer->traffic)
		return -errno;
	/* Edge-triggered: the reader sleeps until the ring is well filled or its time is up, not until the next record.
	 */
	observer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (observer->epoll_fd < 0)
		return -errno;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	return epoll_ctl(observer->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* What is there: ports that are listened on, chosen processes with their children, unix sockets. */
static int look_around(struct ww_observer *observer, const struct ww_observer_options *options, char *message,
		       size_t size)
{
	struct whywait_bpf *bpf = observer->bpf;
	bool by_files = !bpf_program__autoload(bpf->progs.ww_unix_before);
	ww_listeners__scan(observer->listening);
	int err = select_pids(bpf, &options->select);
	if (err)
		return fail(err, message, size, "selecting the processes");
	if (!observer->before)
		observer->before = bpf_program__attach_iter(
			by_files ? bpf->progs.ww_unix_before_files : bpf->progs.ww_unix_before, NULL);
	err = observer->before ? ww_iterator__run(observer->before) : -errno;
	return err ? fail(err, message, size, "looking at the unix sockets") : 0;
}

int ww_observer__open(struct ww_observer **observer, const struct ww_observer_options *options, char *message,
		      size_t message_size)
{
	libbpf_print_fn_t print = libbpf_set_print(keep_warning);
	last_warning[0] = '\0';
	struct ww_observer *new = calloc(1, sizeof(*new));
	struct btf *btf = NULL;
	int err = -ENOMEM;
	if (!new) {
		snprintf(message, message_size, "out of memory");
		goto out;
	}
	new->epoll_fd = -1;
	new->host_pids = ww_features__host_pids();
	new->cpus = libbpf_num_possible_cpus();
	new->percpu = calloc((size_t) new->cpus, sizeof(*new->percpu));
	struct ww_abilities abilities;
	err = ww_hooks__prepare(&btf, &abilities);
	if (err) {
		fail(err, message, message_size, "reading the kernel's types");
		goto out;
	}
	new->bpf = ww_object_forms__open(!abilities.storage);
	if (!new->percpu || !new->bpf) {
		err = fail(new->percpu ? -errno : -ENOMEM, message, message_size, "opening the BPF programs");
		goto out;
	}
	ww_object_modules__leave_out(new->bpf->obj);
	last_warning[0] = '\0';
	err = ww_map_sizes__set(new->bpf, options);
	if (err) {
		fail(err, message, message_size, "sizing the maps");
		goto out;
	}
	ww_hooks__choose(new->bpf, btf, &abilities);
	ww_units__prepare(new->bpf, options->units_len);
	ww_allocations__prepare(new->bpf, options->allocations > 0);
	new->bpf->rodata->ww_queues_on = options->queues;
	new->collectors = !options->no_collectors;
	new->bpf->rodata->ww_promises_on = options->promises;
	if (!options->promises) {
		bpf_program__set_autoload(new->bpf->progs.ww_promise_step, false);
		bpf_program__set_autoload(new->bpf->progs.ww_promise_moves, false);
	}
	new->goroutines = options->exact_goroutines;
	ww_runtimes__want_goroutines(new->bpf, options->exact_goroutines);
	bpf_program__set_autoload(new->bpf->progs.ww_queue_call, options->queues);
	err = ww_sampler__prepare(new->bpf, options->stacks, message, message_size);
	if (err)
		goto out;
	new->bpf->bss->ww_job_leader = new->host_pids && !new->bpf->rodata->ww_by_hand ? (uint32_t)options->command : 0;
	err = ww_loader__load(new->bpf, last_warning, sizeof(last_warning));
	if (err) {
		fail(err, message, message_size, "loading the BPF programs");
		goto out;
	}
	new->runtimes = ww_runtimes__new(new->bpf, new->collectors);
	err = new->runtimes ? slots_fill(new->bpf) : -ENOMEM;
	err = err ?: select_load(new->bpf, &options->select);
	err = err ?: rings_open(new);
	if (err) {
		fail(err, message, message_size, "setting up the maps");
		goto out;
	}
	new->listening = mmap(NULL, WW_LISTENERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      bpf_map__fd(new->bpf->maps.ww_listening), 0);
	if (new->listening == MAP_FAILED) {
		new->listening = NULL;
		err = fail(-errno, message, message_size, "mapping the table of listening ports");
		goto out;
	}
	/* What is there already is learnt before it forks, and what came meanwhile before anything is seen of it. */
	processes_learn(new);
	err = look_around(new, options, message, message_size);
	if (err)
		goto out;
	new->bpf->bss->ww_starting = 1;
	err = whywait_bpf__attach(new->bpf);
	if (err) {
		fail(err, message, message_size, "attaching the BPF programs");
		goto out;
	}
	err = ww_units__attach(&new->units, new->bpf, options->units, options->units_len, message, message_size);
	if (!err && options->allocations > 0 && new->host_pids) {
		new->allocations = ww_allocations__new(new->bpf, options->allocations);
		err = new->allocations ? 0 : fail(-ENOMEM, message, message_size, "counting allocations");
	}
	if (!err && options->stacks)
		err = ww_sampler__start(&new->sampler, new->bpf, options, message, message_size);
	if (err)
		goto out;
	err = look_around(new, options, message, message_size);
	if (err)
		goto out;
	for (size_t i = 0; i < options->select.pids_len && new->goroutines; i++)
		process_look(new, (uint32_t)options->select.pids[i], true);
	__atomic_store_n(&new->bpf->bss->ww_starting, 0, __ATOMIC_RELEASE);
	err = ww_hooks__stand_ins(new->bpf, new->stand_ins, sizeof(new->stand_ins));
	if (err) {
		fail(err, message, message_size, "naming what stands in for what is not there");
		goto out;
	}
	*observer = new;
	new = NULL;
out:
	btf__free(btf);
	ww_observer__close(new);
	libbpf_set_print(print);
	return err;
}

bool ww_observer__follows(const struct ww_observer *observer)
{
	return observer->bpf->bss->ww_job_leader && !observer->bpf->bss->ww_job_serves;
}

const char *ww_observer__stand_ins(const struct ww_observer *observer)
{
	return observer->stand_ins;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int ww_observer__drain(struct ww_observer *observer, struct ww_ingest *ingest, int timeout_ms)
{
	struct epoll_event event;
	timeout_ms = ww_allocations__due_ms(observer->allocations, monotonic_ns(), timeout_ms);
	if (epoll_wait(observer->epoll_fd, &event, 1, timeout_ms) < 0)
		return -errno;
	observer->ingest = ingest;
	observer->ingest_error = 0;
	int n = ring_buffer__consume(observer->traffic);
	if (n >= 0 && observer->sampler)
		n = ww_sampler__drain(observer->sampler, ingest);
	if (n >= 0)
		n = ring_buffer__consume(observer->accounts);
	observer->ingest = NULL;
	ww_allocations__tick(observer->allocations, monotonic_ns());
	if (observer->sampler)
		ww_sampler__adapt(observer->sampler, ingest);
	return n < 0 ? n : observer->ingest_error ? observer->ingest_error : n;
}

static int run(struct bpf_program *program, void *args, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = (uint32_t)size);
	return bpf_prog_test_run_opts(bpf_program__fd(program), &opts) ? -errno : 0;
}

int ww_observer__sweep(struct ww_observer *observer)
{
	struct whywait_bpf *bpf = observer->bpf;
	struct ww_sweep_list list;
	uint32_t zero = 0;

	uint64_t now = monotonic_ns();
	int err = ww_observer__follows(observer) ? run(bpf->progs.ww_job_part, NULL, 0) : 0;
	if (err)
		return err;
	struct ww_sweep_find find = {.older_than = now - ORPHAN_NS,
				     .anonymous_older_than = now - NOBODYS_NS,
				     .untaken_older_than = now > UNTAKEN_NS ? now - UNTAKEN_NS : 0,
				     .from = observer->sweep_from};
	err = run(bpf->progs.ww_sweep_find, &find, sizeof(find));
	if (err)
		return err;
	if (bpf_map_lookup_elem(bpf_map__fd(bpf->maps.ww_sweeps), &zero, &list))
		return -errno;
	observer->sweep_from = list.next < bpf->rodata->ww_max_requests ? list.next : 0;
	for (uint32_t i = 0; i < list.len && i < WW_SWEEP_MAX; i++) {
		const struct ww_sweep_orphan *o = &list.found[i];
		bool dead = observer->host_pids && kill((pid_t)o->tgid, 0) && errno == ESRCH;
		struct ww_sweep_end end = {.id = o->id, .slot = o->slot, .closed = !dead && !o->nobodys};
		if (dead || o->closed || o->nobodys)
			err = run(bpf->progs.ww_sweep_end, &end, sizeof(end));
		if (err)
			return err;
	}
	return 0;
}

int ww_observer__living(struct ww_observer *observer)
{
	int map = bpf_map__fd(observer->bpf->maps.ww_selected_pids);
	uint32_t most = 2 * bpf_map__max_entries(observer->bpf->maps.ww_selected_pids);
	uint32_t key;
	/* One may start another and end while the map is walked; and a walk begins anew where its place was removed. */
	for (int walks = 0; walks < 2; walks++) {
		const uint32_t *previous = NULL;
		for (uint32_t i = 0; i < most && !bpf_map_get_next_key(map, previous, &key); i++) {
			int fd = ww_descendants__include_self((pid_t)key) ? -ESRCH : ww_descendants__watch((pid_t)key);
			if (fd >= 0)
				return fd;
			previous = &key;
		}
	}
	return -ESRCH;
}

int ww_observer__counters(struct ww_observer *observer, uint64_t counts[WW_COUNTER_COUNT])
{
	uint64_t sums[WW_COUNTER_COUNT] = {0};
	int fd = bpf_map__fd(observer->bpf->maps.ww_counters);
	for (uint32_t i = 0; i < WW_COUNTER_COUNT; i++) {
		if (bpf_map_lookup_elem(fd, &i, observer->percpu))
			return -errno;
		for (int cpu = 0; cpu < observer->cpus; cpu++)
			sums[i] += observer->percpu[cpu];
	}
	sums[WW_COUNT_RUNTIMES_UNATTACHED] = ww_runtimes__failed(observer->runtimes);
	sums[WW_COUNT_ALLOCATIONS_UNATTACHED] = ww_allocations__failed(observer->allocations);
	int err = ww_hooks__skipped(observer->bpf, &sums[WW_COUNT_HOOK_SKIPPED]);
	if (err)
		return err;
	memcpy(counts, sums, sizeof(sums));
	return 0;
}

int ww_observer__unreadable(struct ww_observer *observer,
			    void (*each)(void *ctx, uint16_t port, enum ww_unreadable what, uint64_t connections),
			    void *ctx)
{
	struct {
		uint16_t port;
		uint16_t what;
	} key, *previous = NULL;
	uint64_t count;
	int fd = bpf_map__fd(observer->bpf->maps.ww_unreadable);
	while (!bpf_map_get_next_key(fd, previous, &key)) {
		if (!bpf_map_lookup_elem(fd, &key, &count))
			each(ctx, key.port, key.what, count);
		previous = &key;
	}
	return 0;
}

int ww_observer__peer(struct ww_observer *observer, uint32_t index, struct ww_peer *peer)
{
	struct ww_peer found;
	if (!index || bpf_map_lookup_elem(bpf_map__fd(observer->bpf->maps.ww_peer_list), &index, &found))
		return -ENOENT;
	*peer = found;
	return 0;
}

int ww_observer__held_by(struct ww_observer *observer, uint64_t id, struct ww_held_by *held_by)
{
	struct ww_held_by found;
	if (bpf_map_lookup_elem(bpf_map__fd(observer->bpf->maps.ww_held), &id, &found))
		return -ENOENT;
	*held_by = found;
	return 0;
}

int ww_observer__collected(struct ww_observer *observer, uint32_t pid, struct ww_collected *collected)
{
	struct ww_collected found;
	if (bpf_map_lookup_elem(bpf_map__fd(observer->bpf->maps.ww_collections), &pid, &found))
		return -ENOENT;
	*collected = found;
	return 0;
}

uint64_t ww_observer__allocations(struct ww_observer *observer, const struct ww_account *account)
{
	return ww_allocations__weight(observer->allocations, account);
}

int ww_observer__run_time(const struct ww_observer *observer, uint64_t *ns)
{
	return ww_run_time__of(observer->bpf->obj, ns);
}

void ww_observer__close(struct ww_observer *observer)
{
	if (!observer)
		return;
	if (observer->listening)
		munmap(observer->listening, WW_LISTENERS_SIZE);
	ring_buffer__free(observer->accounts);
	ring_buffer__free(observer->details);
	ring_buffer__free(observer->traffic);
	ww_sampler__stop(observer->sampler);
	if (observer->epoll_fd >= 0)
		close(observer->epoll_fd);
	bpf_link__destroy(observer->before);
	ww_runtimes__free(observer->runtimes);
	ww_units__free(observer->units);
	ww_allocations__free(observer->allocations);
	whywait_bpf__destroy(observer->bpf);
	free(observer->percpu);
	free(observer);
}
