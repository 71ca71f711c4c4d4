/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is charged to `gc`, and what is counted of collectors, to the nanosecond. */
#include "collecting.h"

static void on_its_own_thread(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	for (u32 i = 1; i <= 3; i++) {
		pass(10);
		ww_gc_begin(&regs);
		ww_gc_begin(&regs); /* the same probe of a file that was taken for two */
		pass(500 * i);
		ww_gc_end(&regs);
		ww_gc_end(&regs);
	}
	counted(3, 3000);
	pass(20);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 3000);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 50);
	assert_int_equal(a->cpu_ns, 3050);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	script_end();
}

/* It collects while nothing is asked of it, and when it is: only the rest is the request's. */
static void before_the_request(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	done();
	script.records_len = 0;
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(100);
	is_woken(0);
	runs(0);
	ww_gc_begin(&regs);
	pass(200);
	arrives(&script.server, strlen(GET));
	pass(30);
	receives(&script.server, GET);
	pass(400);
	ww_gc_end(&regs);
	pass(50);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_QUEUE], 30);
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 400);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 50);
	counted(1, 630);
	script_end();
}

/* What it waits for while it collects: a CPU is a CPU, a disk a disk, and another thread is the collector's. */
static void waits_within(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	ww_gc_begin(&regs);
	pass(10);
	is_preempted();
	pass(300);
	runs(0);
	pass(10);
	blocks(WW_SYS_FUTEX, 0, 0, 0, 0);
	pass(1000);
	is_woken(0);
	pass(7);
	runs(0);
	pass(10);
	blocks(WW_SYS_FSYNC, HOST_FD_FILE, 0, 0, 0);
	pass(2000);
	is_woken(0);
	runs(0);
	pass(10);
	ww_gc_end(&regs);
	pass(5);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 307);
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 1040);
	assert_int_equal(a->kinds_ns[WW_KIND_DISK], 2000);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 5);
	assert_int_equal(a->cpu_ns, 45);
	script_end();
}

/* Thread 0 waits for a lock while thread 1 collects. */
static void stopped(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	pass(10);
	blocks(WW_SYS_FUTEX, 0, 0, 2, 1);
	pass(100);
	runs(1);
	pass(40);
	ww_gc_begin(&regs);
	pass(300);
	ww_gc_end(&regs);
	pass(3);
	is_woken(0);
	pass(20);
	is_preempted();
	runs(0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 143);
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 300);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 20);
	assert_int_equal(a->details_len, 2);
	assert_int_equal(a->details[1].kind, WW_KIND_GC);
	assert_int_equal(a->details[1].value, WW_NAME_STOPPED);
	assert_int_equal(a->cpu_ns, 10);
	script_end();
}

/* Who waits for a disk, or sleeps, would have done so without a collector. */
static void not_stopped(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	blocks(WW_SYS_FSYNC, HOST_FD_FILE, 0, 0, 0);
	runs(1);
	ww_gc_begin(&regs);
	pass(300);
	ww_gc_end(&regs);
	is_woken(0);
	is_preempted();
	runs(0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_DISK], 300);
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 0);
	script_end();
}

/* A virtual machine stops its threads for many things; where it collects, all of the stop is for that. */
static void stops(void **state)
{
	(void)state;
	for (u32 collects = 0; collects < 2; collects++) {
		script_begin(4);
		request_taken();
		runs(1);
		ww_stop_begin(&regs);
		pass(20);
		is_preempted();
		runs(0);
		blocks(WW_SYS_FUTEX, 0, 0, 5, 0);
		runs(1);
		pass(50);
		if (collects)
			ww_pause_begin(&regs);
		pass(300);
		if (collects)
			ww_pause_end(&regs);
		pass(5);
		ww_stop_end(&regs);
		is_woken(0);
		is_preempted();
		runs(0);
		const struct ww_account *a = done();
		assert_int_equal(a->kinds_ns[collects ? WW_KIND_GC : WW_KIND_LOCK], 355);
		assert_int_equal(a->kinds_ns[collects ? WW_KIND_LOCK : WW_KIND_GC], 0);
		counted(collects, collects ? 300 : 0);
		script_end();
	}
}

/* One that begins while a thread waits for something else, and one that is not over when it is woken. */
static void overlaps(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	blocks(WW_SYS_FUTEX, 0, 0, 2, 0);
	pass(1000);
	runs(1);
	ww_pause_begin(&regs);
	pass(200);
	is_woken(0);
	pass(30);
	runs(0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 970); /* which of the 230 ns were before the wake-up is not known */
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 230);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 30);
	script_end();
}

/* A goroutine that allocates is made to mark. That stops nobody, and has a name where all of a piece of `gc` is so. */
static void assists(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	for (u32 i = 0; i < 3; i++) {
		pass(10);
		ww_assist_begin(&regs);
		pass(100);
		if (i == 1) {
			is_preempted();
			pass(7);
			runs(0);
		}
		ww_assist_end(&regs);
	}
	counted(0, 0);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 300);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 7);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 30);
	assert_int_equal(a->details[0].value, WW_NAME_ASSIST);
	assert_int_equal(a->details[0].ns, 300);
	script_end();
}

static void at(int (*program)(struct pt_regs *), u64 sp)
{
	struct pt_regs there = {.sp = sp};
	program(&there);
}

/* A function that calls itself again, and one whose return was not seen. */
static void functions(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	at(ww_gc_enter, 1000);
	pass(10);
	at(ww_gc_enter, 900);
	pass(20);
	at(ww_gc_leave, 908);
	pass(30);
	at(ww_gc_leave, 1008);
	counted(1, 60);
	pass(5);
	at(ww_gc_enter, 900); /* lost */
	pass(100);
	at(ww_gc_enter, 1000);
	pass(10);
	at(ww_gc_leave, 1008);
	counted(2, 70);
	pass(5);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 170);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10);
	script_end();
}

/* In another program nothing of it is under way. */
static void another_program(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	ww_gc_begin(&regs);
	pass(100);
	ww_sched_process_exec(&script.threads[0].task);
	pass(50);
	assert_int_equal(done()->kinds_ns[WW_KIND_GC], 0);
	ww_gc_end(&regs);
	counted(0, 0);
	script_end();
}

/* Kernels may preempt a probe's program: what was charged meanwhile is not charged again. */
static u32 helpers_left;

static void preempt(void)
{
	if (--helpers_left)
		return;
	host.meanwhile = NULL;
	is_preempted();
	pass(1000);
	runs(0);
}

/* At the n-th helper that one of them calls. */
static void preempted_probe(void **state)
{
	(void)state;
	for (u32 n = 1; n <= 8; n++) {
		host_by_hand = true; /* more of them are calls */
		script_begin(4);
		host.meanwhile_one_in = 1;
		request_taken();
		pass(10);
		helpers_left = n % 4 + 1;
		host.meanwhile = n <= 4 ? preempt : NULL;
		ww_gc_begin(&regs);
		host.meanwhile = NULL;
		pass(100);
		host.meanwhile = n > 4 ? preempt : NULL;
		ww_gc_end(&regs);
		host.meanwhile = NULL;
		pass(10);
		const struct ww_account *a = done();
		assert_int_equal(a->kinds_ns[WW_KIND_GC] + a->kinds_ns[WW_KIND_RUNQ], 1100);
		assert_true(a->kinds_ns[WW_KIND_RUNQ] == 1000);
		assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 20);
		script_end();
		host_by_hand = false;
	}
}

/* Without memory for a collector's state nothing is charged to it, and that is counted. */
static void no_memory(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	host.faults.storage = 1;
	ww_gc_begin(&regs);
	pass(100);
	ww_gc_end(&regs);
	host.faults.storage = 0;
	assert_int_equal(done()->kinds_ns[WW_KIND_GC], 0);
	assert_int_equal(host_counter(WW_COUNT_TASK_STORAGE_FAILED), 2);
	script_end();
}

#define STACK	   (HOST_USER + HOST_USER_SIZE / 2)
#define IN_HANDLER (STACK + 8)		     /* there its frame is above, */
#define IN_PROGRAM (STACK + 4096)	     /* and there is none */
#define FRAME	   (STACK - HOST_USER + 512) /* of flags and segments */

/* The running thread waits for a signal. */
static void suspends(u64 sp)
{
	static const u64 frame[] = {0x246, 0x002b000000000033};
	struct host_task *task = host.current[0];
	memcpy(host.user + FRAME, frame, sizeof(frame));
	memset(&task->regs, 0, sizeof(task->regs));
	task->regs.WW_REG_NR = WW_SYS_RT_SIGSUSPEND;
	task->regs.sp = sp;
	ww_sched_switch(false, &task->task, &host.idle.task, 1);
	host.current[0] = NULL;
}

/* The running thread sends it one, or wakes it by a futex. */
static void wakes(u32 thread, long nr)
{
	struct pt_regs *of = &host.current[0]->regs;
	memset(of, 0, sizeof(*of));
	of->WW_REG_NR = nr;
	is_woken(thread);
}

/*
 * Without probes: a thread that waits in a signal's handler, and that one of its process lets go on by another signal,
 * was stopped by it; not one that waits for a signal by itself, nor one that is woken by something else.
 */
static void halted(void **state)
{
	(void)state;
	static const struct {
		u64 sp;
		long nr;
		bool gc;
	} ways[] = {{IN_HANDLER, WW_SYS_TGKILL, true},
		    {IN_HANDLER, WW_SYS_TKILL, true},
		    {IN_PROGRAM, WW_SYS_TGKILL, false},
		    {IN_HANDLER, WW_SYS_FUTEX, false}};
	for (u32 i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		script_begin(4);
		request_taken();
		pass(10);
		suspends(ways[i].sp);
		runs(1);
		pass(300);
		wakes(0, ways[i].nr);
		pass(20);
		is_preempted();
		runs(0);
		pass(5);
		const struct ww_account *a = done();
		assert_int_equal(a->kinds_ns[WW_KIND_GC], ways[i].gc ? 300 : 0);
		assert_int_equal(a->kinds_ns[WW_KIND_OTHER], ways[i].gc ? 0 : 300);
		assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 20);
		assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 15);
		assert_int_equal(a->attribution, ways[i].gc ? WW_ATTRIBUTION_INFERRED : WW_ATTRIBUTION_EXACT);
		script_end();
	}
}

/* The thread that halts others collects meanwhile, on a CPU; it may let several go on, one after the other. */
static void halts(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	pass(10);
	is_preempted();
	for (u32 i = 1; i <= 2; i++) {
		runs(i);
		suspends(IN_HANDLER);
	}
	pass(40);
	runs(0);
	/* Threads that have not touched a socket yet are not known, and nothing is known by them. */
	pass(300);
	wakes(1, WW_SYS_TGKILL);
	wakes(2, WW_SYS_TGKILL);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 310);
	script_end();

	static struct host_sock others[2];
	script_begin(8);
	for (u32 i = 0; i < 2; i++) {
		script_accept(&others[i], 40001 + i);
		others[i].unix_sock.sk.sk_socket = &others[i].socket;
		arrives(&others[i], strlen(GET));
		runs(i + 1);
		receives(&others[i], GET);
		is_preempted();
	}
	request_taken();
	pass(10);
	is_preempted();
	for (u32 i = 1; i <= 2; i++) {
		runs(i);
		suspends(IN_HANDLER);
	}
	pass(40000);
	runs(0);
	pass(200);
	blocks(WW_SYS_FUTEX, 0, 0, 2, 1); /* for its helpers */
	pass(50000);
	is_woken(0);
	runs(0);
	pass(100);
	wakes(1, WW_SYS_TGKILL);
	pass(2);
	wakes(2, WW_SYS_TGKILL);
	pass(20);
	a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 40000);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 50000);
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 302);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 30);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_INFERRED);
	for (u32 i = 0; i < 2; i++) {
		ww_tcp_destroy_sock(&others[i].unix_sock.sk);
		host_sock_end(&others[i]);
	}
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_its_own_thread),
		cmocka_unit_test(before_the_request),
		cmocka_unit_test(waits_within),
		cmocka_unit_test(stopped),
		cmocka_unit_test(not_stopped),
		cmocka_unit_test(stops),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(assists),
		cmocka_unit_test(functions),
		cmocka_unit_test(another_program),
		cmocka_unit_test(preempted_probe),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(halted),
		cmocka_unit_test(halts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
