/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

#include "requests/process.h"
#include "services_host.h"

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

static void count_kills(struct ww_service *service, int kills)
{
	FILE *file = fopen(service->oom_file, "we");

	assert_non_null(file);
	fprintf(file, "oom_kill %d\n", kills);
	fclose(file);
}

/* Who was the last one of a service is missed in the next interval only: what came with its end is of that one. */
static void what_ended_with_the_last_process_is_told(void **state)
{
	struct host *host = *state;
	const struct ww_service_usage *usage;
	struct ww_service *service;
	char path[256];
	size_t len;

	ww_services__ask_collections(host->services, find_collected, NULL);
	collected = (struct ww_collected){.count = 1, .ns = 100, .program = 1};
	set_process(host->proc, 50, "/usr/bin/shop", "shop", "0::/\n");
	service_of(host, 50, 80, "shop");
	snprintf(path, sizeof(path), "%s/memory.events", host->proc);
	service = &host->services->services[0];
	service->oom_file = strdup(path);
	count_kills(service, 0);
	ww_services__sample(host->services, 1);
	collected.count = 3;
	collected.ended = 1;
	end_process(host->proc, 50);
	ww_services__sample(host->services, 2);
	usage = ww_services__usage(host->services, &len);
	assert_true(len == 1 && usage->gc_count == 2 && !usage->processes && !usage->rss_bytes);
	assert_int_equal(ww_services__report(host->services, 0).processes, 0);
	ww_services__sample(host->services, 3);
	ww_services__usage(host->services, &len);
	assert_int_equal(len, 0);
	count_kills(service, 1);
	ww_services__sample(host->services, 4);
	usage = ww_services__usage(host->services, &len);
	assert_true(len == 1 && usage->oom_kills == 1 && usage->oom_known && !usage->gc_count);
	/* Until the interval has ended. */
	ww_services__sample(host->services, 4);
	usage = ww_services__usage(host->services, &len);
	assert_true(len == 1 && usage->oom_kills == 1);
	ww_services__sample(host->services, 5);
	ww_services__usage(host->services, &len);
	assert_int_equal(len, 0);
	assert_int_equal(ww_services__report(host->services, 0).oom_kills, 1);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(usage_is_that_of_all_processes, start_host, end_host),
		cmocka_unit_test_setup_teardown(collections_are_those_of_its_processes, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_processes_share_counts_once, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_many_processes_share_is_known_in_time, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_is_known_of_some_processes_is_not_told, start_host, end_host),
		cmocka_unit_test_setup_teardown(what_runtimes_allocate_is_told_from_sample_to_sample, start_host,
						end_host),
		cmocka_unit_test_setup_teardown(what_ended_with_the_last_process_is_told, start_host, end_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
