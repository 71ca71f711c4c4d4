/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <errno.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounts.h"
#include "requests/process.h"
#include "requests/services.h"

#define ID "3f4e1c7a9b0d2e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7"

/* A proc file system of our own. */
static void write_file(const char *proc, int pid, const char *name, const char *data, size_t len)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d", proc, pid);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%d/%s", proc, pid, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static void set_usage(const char *proc, int pid, unsigned long long ticks, unsigned threads, unsigned long long start,
		      unsigned pages)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "%d (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 %llu 7 0 0 20 0 %u 0 %llu 1000000 %u 0", pid,
			   ticks - 7, threads, start, pages);

	write_file(proc, pid, "stat", text, (size_t)len);
}

static void set_process(const char *proc, int pid, const char *exe, const char *arguments, const char *cgroup)
{
	char path[256];

	write_file(proc, pid, "cmdline", arguments, strlen(arguments));
	write_file(proc, pid, "cgroup", cgroup, strlen(cgroup));
	snprintf(path, sizeof(path), "%s/%d/exe", proc, pid);
	unlink(path);
	assert_int_equal(symlink(exe, path), 0);
	set_usage(proc, pid, 100, 1, 5000 + (unsigned)pid, 100);
}

static void end_process(const char *proc, int pid)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d", proc, pid);
	drop_directory(path);
}

struct host {
	const char *proc;
	struct ww_catalog catalog;
	struct ww_services *services;
};

static int start_host(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	host->proc = make_directory();
	ww_catalog__init(&host->catalog);
	host->services = ww_services__new(&host->catalog, host->proc, 5);
	*state = host;
	return !host->services;
}

static int end_host(void **state)
{
	struct host *host = *state;

	ww_services__free(host->services);
	ww_services__free(NULL);
	ww_catalog__free(&host->catalog);
	drop_directory(host->proc);
	free(host);
	return 0;
}

static const char *service_in(struct host *host, uint64_t cgroup_id, uint32_t pid, uint16_t port, const char *comm)
{
	struct ww_account account = {.tgid = pid, .port = port, .cgroup_id = cgroup_id};
	int64_t id;

	strncpy(account.comm, comm, sizeof(account.comm) - 1);
	id = ww_services__find(host->services, &account, NULL);
	assert_true(id >= 0 && id < host->catalog.services_len);
	return host->catalog.services[id].name;
}

static const char *service_of(struct host *host, uint32_t pid, uint16_t port, const char *comm)
{
	return service_in(host, 7, pid, port, comm);
}

static void processes_of_one_server_are_one_service(void **state)
{
	struct host *host = *state;

	set_process(host->proc, 10, "/usr/sbin/nginx", "nginx: worker", "0::/system.slice/nginx.service\n");
	set_process(host->proc, 11, "/usr/sbin/nginx (deleted)", "nginx: worker", "0::/system.slice/nginx.service\n");
	set_process(host->proc, 12, "/usr/bin/node", "node", "12:cpu:/x\n0::/docker/" ID "\n");
	set_process(host->proc, 13, "/usr/sbin/nginx", "nginx: worker", "0::/docker/" ID "\n");
	assert_string_equal(service_of(host, 10, 80, "nginx"), "nginx:80");
	assert_string_equal(service_of(host, 11, 80, "nginx"), "nginx:80");
	assert_string_equal(service_of(host, 10, 8080, "nginx"), "nginx:8080");
	assert_string_equal(service_of(host, 12, 80, "node"), "node:80");
	/* The same server, the same port, in a container of its own. */
	assert_string_equal(service_of(host, 13, 80, "nginx"), "nginx:80@3f4e1c7a9b0d");
	assert_int_equal(host->catalog.services_len, 4);
	assert_string_equal(host->catalog.services[0].cgroup, "/system.slice/nginx.service");
	assert_string_equal(host->catalog.services[0].container, "");
	assert_string_equal(host->catalog.services[2].container, ID);
}

static void a_process_that_is_gone_counts_to_its_kin(void **state)
{
	struct host *host = *state;

	assert_string_equal(service_of(host, 20, 80, "first"), "first:80");
	set_process(host->proc, 21, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 21, 80, "worker"), "shop:80");
	assert_string_equal(service_of(host, 22, 80, "worker"), "shop:80");
	assert_string_equal(service_of(host, 23, 81, "worker"), "worker:81");
	/* A server with a process for each request: the first is gone, a later one can be read. */
	set_process(host->proc, 24, "/usr/bin/first", "first", "0::/\n");
	assert_string_equal(service_of(host, 24, 80, "first"), "first:80");
	assert_string_equal(service_of(host, 25, 80, "first"), "first:80");
	assert_int_equal(host->catalog.services_len, 3);
}

static void a_service_is_renamed_when_one_of_its_kin_can_be_read(void **state)
{
	struct host *host = *state;
	const struct ww_catalog_service *first;

	assert_string_equal(service_of(host, 70, 80, "worker"), "worker:80");
	set_process(host->proc, 71, "/usr/bin/shop", "shop", "0::/docker/" ID "\n");
	assert_string_equal(service_of(host, 71, 80, "worker"), "shop:80");
	first = &host->catalog.services[0];
	assert_string_equal(first->name, "shop:80");
	assert_string_equal(first->container, ID);
	assert_string_equal(first->cgroup, "/docker/" ID);
	assert_int_equal(host->catalog.renames, 1);
	/* Whatever else has its key belongs to it, and so do those that are gone again. */
	set_process(host->proc, 72, "/usr/bin/shop", "shop", "0::/docker/" ID "\n");
	assert_string_equal(service_of(host, 72, 80, "another"), "shop:80");
	assert_string_equal(service_of(host, 73, 80, "worker"), "shop:80");
	assert_int_equal(host->catalog.services_len, 1);
	/* Whoever has only the name in common does not. */
	assert_string_equal(service_in(host, 8, 74, 80, "worker"), "worker:80");
	assert_int_equal(host->catalog.services_len, 2);
}

static void a_service_that_may_be_of_two_keeps_its_name(void **state)
{
	struct host *host = *state;

	assert_string_equal(service_in(host, 7, 75, 80, "worker"), "worker:80");
	assert_string_equal(service_in(host, 8, 76, 80, "worker"), "worker:80");
	set_process(host->proc, 77, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_in(host, 7, 77, 80, "worker"), "shop:80");
	assert_string_equal(host->catalog.services[0].name, "worker:80");
	assert_int_equal(host->catalog.renames, 0);
}

static void names_stay_different_when_one_is_renamed(void **state)
{
	struct host *host = *state;

	set_process(host->proc, 80, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 80, 80, "shop"), "shop:80");
	assert_string_equal(service_of(host, 81, 80, "worker"), "worker:80");
	set_process(host->proc, 82, "/opt/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 82, 80, "worker"), "shop:80#2");
	/* The name that it has already is not another's. */
	assert_string_equal(service_of(host, 83, 81, "nginx"), "nginx:81");
	set_process(host->proc, 84, "/usr/sbin/nginx", "nginx", "0::/\n");
	assert_string_equal(service_of(host, 84, 81, "nginx"), "nginx:81");
	assert_int_equal(host->catalog.services_len, 3);
	/* One that was known before keeps its own; nor is it renamed. */
	assert_string_equal(service_of(host, 85, 80, "helper"), "helper:80");
	assert_string_equal(service_of(host, 86, 80, "helper"), "helper:80");
	set_process(host->proc, 87, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 87, 80, "helper"), "shop:80");
	assert_string_equal(service_of(host, 88, 80, "helper"), "shop:80");
	assert_int_equal(host->catalog.services_len, 4);
}

static void unix_sockets_are_named_by_their_path(void **state)
{
	struct host *host = *state;
	struct ww_account account = {.tgid = 30, .local = 3};
	const struct ww_peer peer = {.family = 1, .path = "/run/app\n.sock"};
	int64_t id;

	set_process(host->proc, 30, "/usr/bin/shop", "shop", "0::/\n");
	id = ww_services__find(host->services, &account, &peer);
	assert_string_equal(host->catalog.services[id].name, "shop:/run/app%0A.sock");
}

static void too_many_services_are_one(void **state)
{
	struct host *host = *state;

	for (uint16_t port = 1; port <= 5; port++)
		assert_string_not_equal(service_of(host, 40, port, "x"), "(other)");
	for (uint16_t port = 6; port < 20; port++)
		assert_string_equal(service_of(host, 40, port, "x"), "(other)");
	assert_int_equal(host->catalog.services_len, 6);
	/* What they all are in is nobody's to name. */
	set_process(host->proc, 41, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 41, 19, "x"), "(other)");
	assert_int_equal(host->catalog.renames, 0);
}

static void other_may_come_by_a_key_that_is_free_again(void **state)
{
	struct host *host = *state;

	for (uint16_t port = 1; port <= 5; port++)
		service_of(host, 44, port, "x");
	set_process(host->proc, 45, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 45, 5, "x"), "shop:5");
	assert_string_equal(service_in(host, 8, 46, 5, "x"), "(other)");
	set_process(host->proc, 47, "/usr/bin/mill", "mill", "0::/\n");
	assert_string_equal(service_in(host, 8, 47, 5, "x"), "(other)");
}

static void usage_is_that_of_all_processes(void **state)
{
	struct host *host = *state;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	const struct ww_service_usage *usage;
	size_t len;

	set_process(host->proc, 50, "/usr/bin/shop", "shop", "0::/\n");
	set_process(host->proc, 51, "/usr/bin/shop", "shop", "0::/\n");
	service_of(host, 50, 80, "shop");
	service_of(host, 51, 80, "shop");
	set_usage(host->proc, 50, 150, 3, 5050, 1000);
	set_usage(host->proc, 51, 110, 1, 5051, 500);
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_int_equal(len, 1);
	assert_true(usage->processes == 2 && usage->threads == 4 && usage->rss_bytes == 1500 * page);
	assert_true(usage->cpu_ns == 60 * tick);
	/* One grows, one ends: the mean of two samples, and the peak of them. */
	set_usage(host->proc, 50, 170, 3, 5050, 1100);
	end_process(host->proc, 51);
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->processes == 2 && usage->rss_peak_bytes == 1500 * page && usage->rss_bytes == 1300 * page);
	assert_true(usage->cpu_ns == 80 * tick);
	/* The next interval begins anew. */
	ww_services__sample(host->services, 2);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->processes == 1 && usage->rss_peak_bytes == 1100 * page && !usage->cpu_ns);

	const struct ww_service_report total = ww_services__report(host->services, 0);

	assert_true(total.rss_peak_bytes == 1500 * page && total.rss_steady_bytes == 1100 * page);
	assert_true(llround(total.cpu_seconds * 1e9) == (long long)(80 * tick));
}

static void set_shares(const char *proc, uint32_t pid, unsigned kilobytes)
{
	char text[160];
	int len = snprintf(
		text, sizeof(text),
		"55d0c0000000-7ffd0000 ---p 00000000 00:00 0   [rollup]\nRss:  9999 kB\nPss:  %u kB\nPss_Anon: 7 kB\n",
		kilobytes);

	write_file(proc, pid, "smaps_rollup", text, (size_t)len);
}

/* What is shared is of a service when it is known of all its processes. */
static void what_processes_share_counts_once(void **state)
{
	struct host *host = *state;
	const struct ww_service_usage *usage;
	size_t len;

	for (uint32_t pid = 50; pid < 52; pid++) {
		set_process(host->proc, pid, "/usr/bin/shop", "shop", "0::/\n");
		set_usage(host->proc, pid, 100, 2, 5000 + pid, 500);
		assert_string_equal(service_of(host, pid, 80, "shop"), "shop:80");
	}
	set_shares(host->proc, 50, 1000);
	ww_services__ask_shares(host->services, true);
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->last.rss_bytes && !usage->last.pss_bytes);
	/* It is read seldom: until then the other one counts as it was. */
	set_shares(host->proc, 50, 9000);
	end_process(host->proc, 51);
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_int_equal(usage->last.pss_bytes, 1000 * 1024);
}

static uint64_t seconds; /* 0: the time is the host's */

/* In place of the C library's: what is asked for twice has taken 1.5 ms of CPU time. */
int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	static uint64_t cpu_ns;

	if (!seconds)
		return (int)syscall(SYS_clock_gettime, clock_id, tp);
	cpu_ns += 1500000;
	*tp = clock_id == CLOCK_THREAD_CPUTIME_ID ? (struct timespec){.tv_sec = (time_t)(cpu_ns / 1000000000),
								      .tv_nsec = (long)(cpu_ns % 1000000000)}
						  : (struct timespec){.tv_sec = (time_t)seconds};
	return 0;
}

/* In one sample there is time for two: all have their turn before the first is read again. */
static void what_many_processes_share_is_known_in_time(void **state)
{
	struct host *host = *state;
	const struct ww_service_usage *usage;
	size_t len;

	for (uint32_t pid = 100; pid < 160; pid++) {
		set_process(host->proc, (int)pid, "/usr/bin/shop", "shop", "0::/\n");
		set_shares(host->proc, pid, 100);
		service_of(host, pid, 80, "shop");
	}
	ww_services__ask_shares(host->services, true);
	for (seconds = 1000; seconds < 1029; seconds++)
		ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_int_equal(usage->last.pss_bytes, 0);
	for (; seconds < 1032; seconds++)
		ww_services__sample(host->services, 1);
	seconds = 0;
	usage = ww_services__usage(host->services, &len);
	assert_int_equal(usage->last.pss_bytes, 60 * 100 * 1024);
	/* One is so large that it is not read any more: what it shared is not what it shares. */
	set_usage(host->proc, 100, 100, 1, 5100, 3u << 20);
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_int_equal(usage->last.pss_bytes, 0);
}

static struct ww_heap_counts heap;
static uint32_t unknown_pid;

static int find_allocated(void *ctx, uint32_t pid, const struct ww_process_usage *usage, struct ww_heap_counts *counts)
{
	(void)ctx;
	assert_true(usage->start_ticks == 5000 + pid);
	*counts = heap;
	return heap.bytes && pid != unknown_pid ? 0 : -ENOENT;
}

/* What was allocated between two samples; the first one tells from where on. */
static void what_runtimes_allocate_is_told_from_sample_to_sample(void **state)
{
	struct host *host = *state;
	const struct ww_service_usage *usage;
	size_t len;

	ww_services__ask_allocations(host->services, find_allocated, NULL);
	set_process(host->proc, 50, "/usr/bin/shop", "shop", "0::/\n");
	set_usage(host->proc, 50, 100, 2, 5050, 500);
	assert_string_equal(service_of(host, 50, 80, "shop"), "shop:80");
	heap = (struct ww_heap_counts){.bytes = 1000, .allocations = 10, .allocations_known = true};
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_false(usage->last.allocated_known);
	heap.bytes = 1700;
	heap.allocations = 13;
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->last.allocated_known && usage->last.allocated_bytes == 700);
	assert_true(usage->last.allocations_known && usage->last.allocations == 3);
	/* Less than before: it is not what it was. */
	heap.bytes = 100;
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_false(usage->last.allocated_known);
}

/* The requests are those of all: what some have allocated is not for them. */
static void what_is_known_of_some_processes_is_not_told(void **state)
{
	struct host *host = *state;
	const struct ww_service_usage *usage;
	size_t len;

	ww_services__ask_allocations(host->services, find_allocated, NULL);
	for (uint32_t pid = 50; pid < 52; pid++) {
		set_process(host->proc, (int)pid, "/usr/bin/shop", "shop", "0::/\n");
		service_of(host, pid, 80, "shop");
	}
	unknown_pid = 51;
	for (int i = 0; i < 4; i++) {
		heap = (struct ww_heap_counts){
			.bytes = 1000 + 100 * (uint64_t)i, .allocations = (uint64_t)i, .allocations_known = true};
		unknown_pid = i < 2 ? 51 : 0;
		ww_services__sample(host->services, 1);
		usage = ww_services__usage(host->services, &len);
		assert_int_equal(usage->last.allocated_known, i == 3);
		assert_int_equal(usage->last.allocations_known, i == 3);
	}
	assert_true(usage->last.allocated_bytes == 200 && usage->last.allocations == 2);
}

static void what_runs_is_told_once_and_no_argument(void **state)
{
	struct host *host = *state;
	const struct ww_service_program *programs;
	uint32_t arguments[2];
	size_t len;

	for (int i = 0; i < 2; i++) {
		set_process(host->proc, 50 + i, "/bin/sh", "", "0::/\n");
		write_file(host->proc, 50 + i, "cmdline", i ? "shop\0--password\0b" : "shop\0--password\0a", 17);
		service_of(host, 50 + i, (uint16_t)(80 + i), "shop");
		/* The second process of a service says nothing new. */
		set_process(host->proc, 60 + i, "/bin/sh", "shop", "0::/\n");
		service_of(host, 60 + i, (uint16_t)(80 + i), "shop");
	}
	programs = ww_services__programs(host->services, &len);
	assert_int_equal(len, 2);
	for (int i = 0; i < 2; i++) {
		struct stat status;

		assert_int_equal(stat("/bin/sh", &status), 0);
		assert_int_equal(programs[i].service, i);
		assert_string_equal(programs[i].executable, "/bin/sh");
		assert_int_equal(programs[i].bytes, status.st_size);
		assert_int_equal(programs[i].modified_unix_ns / 1000000000, status.st_mtim.tv_sec);
		arguments[i] = programs[i].arguments;
	}
	assert_int_not_equal(arguments[0], arguments[1]);
}

static struct ww_collected collected; /* by process 50 */

static int find_collected(void *ctx, uint32_t pid, struct ww_collected *found)
{
	(void)ctx;
	if (pid != 50)
		return -ENOENT;
	*found = collected;
	return 0;
}

static void collections_are_those_of_its_processes(void **state)
{
	struct host *host = *state;
	const struct ww_service_usage *usage;
	size_t len;

	ww_services__ask_collections(host->services, find_collected, NULL);
	set_process(host->proc, 50, "/usr/bin/shop", "shop", "0::/\n");
	set_process(host->proc, 51, "/usr/bin/shop", "shop", "0::/\n");
	/* Of a program before it that had the same number. */
	collected = (struct ww_collected){.count = 7, .ns = 700, .program = 1, .ended = 1};
	service_of(host, 50, 80, "shop");
	service_of(host, 51, 80, "shop");
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_true(len == 1 && usage->gc_count == 0 && usage->gc_ns == 0);
	collected = (struct ww_collected){.count = 9, .ns = 900, .program = 2};
	ww_services__sample(host->services, 1);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->gc_count == 9 && usage->gc_ns == 900);
	/* The next interval; and it was forgotten meanwhile. */
	collected.count = 10;
	collected.ns = 950;
	ww_services__sample(host->services, 2);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->gc_count == 1 && usage->gc_ns == 50);
	collected.count = 2;
	collected.ns = 60;
	ww_services__sample(host->services, 2);
	usage = ww_services__usage(host->services, &len);
	assert_true(usage->gc_count == 3 && usage->gc_ns == 110);
	/* What it did last counts when it has ended. */
	collected.count = 4;
	collected.ns = 160;
	collected.ended = 1;
	end_process(host->proc, 50);
	ww_services__sample(host->services, 2);
	ww_services__sample(host->services, 2);

	const struct ww_service_report total = ww_services__report(host->services, 0);

	assert_true(total.gc_count == 14 && total.gc_ns == 1110);
}

static void another_program_of_that_number_is_another_service(void **state)
{
	struct host *host = *state;

	set_process(host->proc, 60, "/usr/bin/shop", "shop", "0::/\n");
	assert_string_equal(service_of(host, 60, 80, "shop"), "shop:80");
	end_process(host->proc, 60);
	set_process(host->proc, 60, "/usr/bin/mill", "mill", "0::/\n");
	set_usage(host->proc, 60, 100, 1, 9999, 100); /* it started later */
	ww_services__sample(host->services, 1);
	assert_string_equal(service_of(host, 60, 80, "mill"), "mill:80");
}

static void more_processes_than_are_remembered(void **state)
{
	struct host *host = *state;

	for (uint32_t pid = 100; pid < 100 + 3 * WW_PROCESSES_MAX; pid++)
		assert_string_equal(service_of(host, pid, 80, "fork"), "fork:80");
	ww_services__sample(host->services, 1);
	assert_int_equal(host->catalog.services_len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_runs_is_told_once_and_no_argument, start_host, end_host),
		cmocka_unit_test_setup_teardown(processes_of_one_server_are_one_service, start_host, end_host),
		cmocka_unit_test_setup_teardown(a_process_that_is_gone_counts_to_its_kin, start_host, end_host),
		cmocka_unit_test_setup_teardown(a_service_is_renamed_when_one_of_its_kin_can_be_read, start_host,
						end_host),
		cmocka_unit_test_setup_teardown(a_service_that_may_be_of_two_keeps_its_name, start_host, end_host),
		cmocka_unit_test_setup_teardown(names_stay_different_when_one_is_renamed, start_host, end_host),
		cmocka_unit_test_setup_teardown(other_may_come_by_a_key_that_is_free_again, start_host, end_host),
		cmocka_unit_test_setup_teardown(unix_sockets_are_named_by_their_path, start_host, end_host),
		cmocka_unit_test_setup_teardown(too_many_services_are_one, start_host, end_host),
		cmocka_unit_test_setup_teardown(usage_is_that_of_all_processes, start_host, end_host),
		cmocka_unit_test_setup_teardown(collections_are_those_of_its_processes, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_processes_share_counts_once, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_many_processes_share_is_known_in_time, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_is_known_of_some_processes_is_not_told, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_runtimes_allocate_is_told_from_sample_to_sample, start_host,
						end_host),
		cmocka_unit_test_setup_teardown(another_program_of_that_number_is_another_service, start_host,
						end_host),
		cmocka_unit_test_setup_teardown(more_processes_than_are_remembered, start_host, end_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
