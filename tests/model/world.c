/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads, their CPUs and the clock; and which events come. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs.bpf.h"
#include "registers.bpf.h"
#include "syscalls.bpf.h"

#define TASK_INTERRUPTIBLE   1
#define TASK_UNINTERRUPTIBLE 2
#define TASK_STOPPED	     4
#define TASK_DEAD	     0x80

/* In user memory, behind the messages. */
#define PYTHON_RUNTIME (HOST_USER + 50000)
#define PYTHON_STATE   (HOST_USER + 50064) /* of 32 bytes each: next, native_id, context */
#define LIBUV_PHASE    (HOST_USER + 49000)
#define LIBUV_TURNS    (HOST_USER + 49008)
#define LIBUV_IDLE     (HOST_USER + 49016)

struct world world;

static u64 seed_of_world;

void world_note(const char *format, ...)
{
	if (!world.verbose)
		return;
	va_list args;
	va_start(args, format);
	printf("# %20llu cpu %u: ", host.now - (1ull << 50), host.cpu);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

static void user_word(u64 address, u64 word)
{
	memcpy(host.user + (address - HOST_USER), &word, sizeof(word));
}

static u64 python_state(u32 thread)
{
	return PYTHON_STATE + thread * 32;
}

static void thread_start(u32 at, u32 tgid)
{
	struct thread *thread = &world.threads[at];
	/* A few ids, so that they come again. */
	host_task_init(&thread->task, tgid, tgid + at);
	thread->task.signal.live.counter = 1;
	thread->state = THREAD_RUNNABLE;
	user_word(python_state(at) + 8, thread->task.task.pid);
	world_note("thread %d starts", thread->task.task.pid);
}

static void processes_start(void)
{
	u32 python = PROCESS_PYTHON, node = PROCESS_NODE;
	struct ww_python layout = {.runtime = PYTHON_RUNTIME,
				   .interpreters = 0,
				   .threads = 8,
				   .next = 0,
				   .id = 8,
				   .context = 16,
				   .cframe = 24};
	bool counts = host_draw(2);
	struct ww_libuv uv = {.slot = LIBUV_PHASE,
			      .turns = counts ? LIBUV_TURNS : 0,
			      .idle = counts && host_draw(2) ? LIBUV_IDLE : 0};
	user_word(PYTHON_RUNTIME, PYTHON_RUNTIME + 16);
	user_word(PYTHON_RUNTIME + 24, python_state(0));
	for (u32 at = 0; at < THREADS; at++) {
		user_word(python_state(at), at + 1 < THREADS ? python_state(at + 1) : 0);
		user_word(python_state(at) + 24, python_state(at) + 8);
	}
	/* With frames that no interpreter would have. */
	layout.minor = host_draw(2) ? 11 : 0;
	if (host_draw(4))
		bpf_map_update_elem(&ww_pythons, &python, &layout, BPF_ANY);
	if (host_draw(2))
		bpf_map_update_elem(&ww_libuvs, &node, &uv, BPF_ANY);
}

/* The clock's steps: powers of two, in any order. */
static void steps_draw(void)
{
	world.steps_len = sizeof(world.steps) / sizeof(world.steps[0]);
	for (u32 i = 0; i < world.steps_len; i++) {
		u32 at = (u32)host_draw(i + 1);
		world.steps[i] = world.steps[at];
		world.steps[at] = 1ull << i;
	}
}

static void meanwhile(void);

static void world_begin(u64 seed, bool verbose)
{
	static const u32 processes[] = {PROCESS_PLAIN, PROCESS_PYTHON, PROCESS_NODE};
	seed_of_world = seed;
	for (u32 i = 0; i < THREADS; i++)
		host_task_end(&world.threads[i].task);
	for (u32 i = 0; i < CONNECTIONS; i++) {
		host_sock_end(&world.connections[i].sock);
		host_sock_end(&world.connections[i].peer);
	}
	memset(&world, 0, sizeof(world));
	world.verbose = verbose;
	host_boot(0, seed);
	host_by_hand = !host_draw(3);
	host_without_loop = host_by_hand || !host_draw(3);
	u32 slots = host_draw(3) ? SLOTS : 2 + (u32)host_draw(6);
	host_boot(slots, seed ^ 0x5bd1e995);
	host.account = invariants_account;
	host.segments = invariants_segments;
	host.traffic = invariants_traffic;
	world.tagged = host_draw(2);
	world.cpus = world.tagged ? 1 : 1 + (u32)host_draw(HOST_CPUS);
	world.illegal = !host_by_hand && !host_draw(3); /* by hand, a thread whose time is given is the one that runs */
	world.hostile = !host_draw(3);
	world.racing = world.cpus > 1 && !host_draw(3);
	if (world.racing) {
		host.meanwhile = meanwhile;
		host.meanwhile_one_in = 20 + (u32)host_draw(200);
	}
	world.deaths = !host_draw(4);
	if (!host_draw(4))
		host.faults = (struct host_faults){.user_read = 40,
						   .storage = 10,
						   .account_ring = 5,
						   .detail_ring = 5,
						   .traffic_ring = 5,
						   .map_update = 10};
	host_segments_over_ns = host_draw(2) ? 0 : 1000000;
	steps_draw();
	processes_start();
	/* One process, or several. */
	u32 only = host_draw(2) ? processes[host_draw(3)] : 0;
	/* The fewer there are, the more happens to each. */
	world.threads_len = 1 + (u32)host_draw(1 + host_draw(THREADS));
	world.connections_len = 2 + (u32)host_draw(1 + host_draw(CONNECTIONS - 1));
	for (u32 at = 0; at < world.threads_len; at++)
		thread_start(at, only ? only : processes[host_draw(3)]);
	world_note("%u CPUs, %u slots%s%s%s%s%s%s%s", world.cpus, slots, host_by_hand ? ", by hand" : "",
		   host_without_loop ? ", plain loops" : "", world.tagged ? ", tagged" : "",
		   world.illegal  ? ", illegal"
		   : world.racing ? ", racing"
				  : "",
		   world.hostile ? ", hostile" : "", world.deaths ? ", deaths" : "",
		   host.faults.storage ? ", faults" : "");
	u32 word = 8080 / 64;
	u64 *listening = host_map_value(&ww_listening, &word);
	*listening = host_draw(8) ? 1ull << (8080 % 64) : 0;
}

/* ---- the clock ---- */

static void clock_step(void)
{
	u64 step;
	if (world.tagged) {
		if (!world.steps_len)
			return;
		step = world.steps[--world.steps_len];
	} else {
		step = host_draw(1ull << host_draw(34));
	}
	for (u32 at = 0; at < THREADS; at++) {
		if (world.threads[at].state == THREAD_RUNS)
			world.given += step;
	}
	host.now += step;
	world_note("%llu ns pass", step);
}

/* ---- the scheduler ---- */

static struct thread *world_current(void)
{
	host.cpu = (u32)host_draw(world.cpus);
	struct host_task *task = host.current[host.cpu];
	for (u32 at = 0; task && at < THREADS; at++) {
		if (&world.threads[at].task == task)
			return &world.threads[at];
	}
	return NULL;
}

/* The registers of a blocking syscall. */
static void block(struct thread *thread)
{
	static const s32 calls[] = {WW_SYS_EPOLL_WAIT, WW_SYS_EPOLL_PWAIT2, WW_SYS_POLL,	WW_SYS_PPOLL,
				    WW_SYS_SELECT,     WW_SYS_RECVFROM,	    WW_SYS_RECVMSG,	WW_SYS_SENDTO,
				    WW_SYS_CONNECT,    WW_SYS_ACCEPT4,	    WW_SYS_READ,	WW_SYS_WRITE,
				    WW_SYS_SENDFILE,   WW_SYS_FUTEX,	    WW_SYS_FUTEX_WAITV, WW_SYS_NANOSLEEP,
				    WW_SYS_FSYNC,      WW_SYS_FLOCK,	    WW_SYS_WAIT4,	9999};
	static const s32 fds[] = {0, 1, 2, 3, 4, 99, -1};
	struct pt_regs *regs = &thread->task.regs;
	u64 time[] = {host_draw(3), host_draw(1000000000)};
	s32 fd = fds[host_draw(sizeof(fds) / sizeof(fds[0]))];

	/* Event loops are loops. */
	u64 call = thread->task.task.tgid != PROCESS_PLAIN && host_draw(3)
			   ? 0
			   : host_draw(sizeof(calls) / sizeof(calls[0]));
	memset(regs, 0, sizeof(*regs));
	regs->WW_REG_NR = host_draw(20) ? calls[call] : -1;
	memcpy(host.user, time, sizeof(time));
	memcpy(host.user + 32, &fd, sizeof(fd));
	regs->WW_REG_ARG1 = call == 2 || call == 3 ? HOST_USER + 32 : (unsigned long)fd;
	regs->WW_REG_ARG2 = host_draw(2);
	regs->WW_REG_ARG3 = call == 3 ? HOST_USER : host_draw(1000);
	regs->WW_REG_ARG4 = call == 1 ? HOST_USER : host_draw(2) ? host_draw(1000) : 0;
	regs->WW_REG_ARG5 = host_draw(2) ? HOST_USER : 0;
	thread->task.task.in_iowait = !host_draw(8);
}

static struct thread *draw_thread(enum thread_state state)
{
	if (world.waiting && world.waiting->state == state && host_draw(4))
		return world.waiting;
	struct thread *found[THREADS];
	u32 len = 0;
	for (u32 at = 0; at < world.threads_len; at++) {
		if (world.threads[at].state == state)
			found[len++] = &world.threads[at];
	}
	return len ? found[host_draw(len)] : NULL;
}

/* Whoever runs on the CPU leaves it, in a task state, and another comes, or none. */
static void switch_to_another(struct thread *prev, u32 state, bool preempt)
{
	struct thread *next = draw_thread(THREAD_RUNNABLE);
	if (!prev && !next)
		return;
	world_note("switch from %d, state %x, to %d", prev ? prev->task.task.pid : 0, state,
		   next ? next->task.task.pid : 0);
	if (prev)
		prev->state = state && !preempt ? THREAD_BLOCKED : THREAD_RUNNABLE;
	/* Who leaves is still the current task then. */
	ww_sched_switch(preempt, prev ? &prev->task.task : &host.idle.task, next ? &next->task.task : &host.idle.task,
			state);
	host.current[host.cpu] = next ? &next->task : NULL;
	if (next) {
		next->state = THREAD_RUNS;
		next->cpu = host.cpu;
	}
}

static void thread_exit(struct thread *thread)
{
	world_note("thread %d exits", thread->task.task.pid);
	thread->task.signal.live.counter = (int)host_draw(2);
	ww_sched_process_exit(&thread->task.task);
	switch_to_another(thread, TASK_DEAD, false);
	for (u32 cpu = 0; cpu < HOST_CPUS; cpu++) {
		if (host.current[cpu] == &thread->task)
			host.current[cpu] = NULL;
	}
	host_task_end(&thread->task);
	thread->state = THREAD_GONE;
}

static void leave_cpu(struct thread *thread)
{
	static const u32 states[] = {TASK_INTERRUPTIBLE, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, TASK_STOPPED};
	if (!thread || !host_draw(4)) {
		switch_to_another(thread, 0, host_draw(2));
		return;
	}
	if (!host_draw(150)) {
		thread_exit(thread);
		return;
	}
	block(thread);
	switch_to_another(thread, states[host_draw(4)], false);
}

static void wake(void)
{
	struct thread *thread = draw_thread(THREAD_BLOCKED);
	if (!thread)
		return;
	world_note("%d is woken", thread->task.task.pid);
	thread->state = THREAD_RUNNABLE;
	ww_sched_waking(&thread->task.task);
}

static void appear(void)
{
	static const u32 processes[] = {PROCESS_PLAIN, PROCESS_PYTHON, PROCESS_NODE};
	u32 at = (u32)host_draw(world.threads_len);
	if (world.threads[at].state == THREAD_GONE)
		thread_start(at, processes[host_draw(3)]);
}

/* Switches and wake-ups as no scheduler makes them. */
static void disorder(void)
{
	struct thread *thread = &world.threads[host_draw(world.threads_len)];
	u64 what = host_draw(4);
	if (thread->state == THREAD_GONE)
		return;
	world_note("disorder with %d: %llu", thread->task.task.pid, what);
	switch (what) {
	case 0:
		ww_sched_waking(&thread->task.task);
		break;
	case 1:
		ww_sched_switch(false, &host.idle.task, &thread->task.task, 0);
		break;
	case 2:
		block(thread);
		ww_sched_switch(host_draw(2), &thread->task.task, &host.idle.task, (unsigned)host_draw(3));
		break;
	case 3: /* on two CPUs at once */
		host.current[host_draw(world.cpus)] = &thread->task;
		break;
	}
}

/* ---- user space ---- */

/* The loops' phases, and the Contexts that threads are in. */
static void programs_go_on(void)
{
	user_word(LIBUV_PHASE, 1 + host_draw(3));
	if (host_draw(2))
		user_word(LIBUV_TURNS, 1 + host_draw(100));
	user_word(LIBUV_IDLE, LIBUV_IDLE + 8 * host_draw(2));
	user_word(python_state((u32)host_draw(THREADS)) + 16, host_draw(5) * 4096);
}

/* As ww_observer__sweep() does. When all is `over`, so are the processes. */
static void sweep(bool over)
{
	struct ww_sweep_find find = {.older_than = host.now - 5000000000ull,
				     .anonymous_older_than = host.now - 60000000000ull};
	ww_sweep_find(&find);
	const struct ww_sweep_list *list = host_sweeps();
	for (u32 i = 0; i < list->len; i++) {
		struct ww_sweep_end end = {.id = list->found[i].id, .slot = list->found[i].slot};
		bool dead = world.deaths && list->found[i].tgid && (over || !host_draw(8));
		if (dead || list->found[i].closed || list->found[i].nobodys)
			ww_sweep_end(&end);
	}
}

/* A runtime's probes: in an order that it has, or in any. */
static void collect(struct thread *thread)
{
	static int (*const programs[])(struct pt_regs *) = {
		ww_gc_begin,	  ww_gc_end,	ww_gc_enter,	 ww_gc_leave,	ww_stop_begin,	  ww_pause_begin,
		ww_pause_end,	  ww_stop_end,	ww_part_first,	 ww_part_last,	ww_gc_part_begin, ww_gc_part_end,
		ww_gc_step_leave, ww_stop_left, ww_assist_begin, ww_assist_end, ww_gc_clock};
	struct pt_regs regs = {.sp = 4096 + 8 * host_draw(4)};
	u64 program = host_draw(sizeof(programs) / sizeof(programs[0]));
	world_note("probe %llu of %d, stack %lx", program, thread->task.task.pid, (unsigned long)regs.sp);
	programs[program](&regs);
}

/* On another CPU than the one that a program runs on; nothing that makes or frees what that program has. */
static void meanwhile(void)
{
	u32 cpu = host.cpu;
	struct thread *current = world_current();
	if (host.cpu == cpu || !current)
		return;
	world_note("meanwhile, as CPU %u is at it:", cpu);
	switch (host_draw(7)) {
	case 6:
		collect(current);
		break;
	case 0:
	case 1:
		traffic_receive(current);
		break;
	case 2:
	case 3:
		traffic_respond(current);
		break;
	case 4:
		traffic_send_upstream(current);
		break;
	case 5:
		traffic_shut_down();
		break;
	}
}

static void world_event(void);

/* What threads do again and again, and what comes by chance takes long to be; anything may come between. */
static void serve(bool ask)
{
	struct thread *thread = world_current();
	if (!thread)
		return;
	world.waiting = thread;
	if (ask)
		traffic_send_upstream(thread);
	else
		traffic_request();
	for (u32 step = 0; step < 7; step++) {
		if (!host_draw(4))
			world_event();
		if (thread->state == THREAD_RUNS)
			host.cpu = thread->cpu;
		if (step == 0 && thread->state == THREAD_RUNS)
			leave_cpu(thread);
		else if (step == 1 || step == 3)
			clock_step();
		else if (step == 2)
			traffic_arrive();
		else if (step == 4 && thread->state == THREAD_BLOCKED)
			wake();
		else if (step == 5 && thread->state == THREAD_RUNNABLE && !world_current())
			switch_to_another(NULL, 0, false);
		else if (step == 6 && thread->state == THREAD_RUNS)
			traffic_receive(thread);
		invariants_check();
	}
	world.waiting = NULL;
}

/* What comes, and how often, in a thousand: first what a thread does that runs, then what happens around it. */
static void world_event(void)
{
	struct thread *current = world_current();
	u64 what = host_draw(1000);
	world.events++;
	if (what < 480 && !current)
		what = host_draw(2) ? 480 : 600; /* there is no use in waiting for what nobody does */
	if (what < 200)
		traffic_receive(current);
	else if (what < 330)
		traffic_respond(current);
	else if (what < 365)
		traffic_connect(current);
	else if (what < 440)
		traffic_send_upstream(current);
	else if (what < 455)
		collect(current);
	else if (what < 480 && !world.waiting)
		serve(host_draw(2));
	else if (what < 580)
		leave_cpu(current);
	else if (what < 640)
		wake();
	else if (what < 750)
		clock_step();
	else if (what < 790)
		traffic_accept();
	else if (what < 860)
		traffic_request();
	else if (what < 945)
		traffic_arrive();
	else if (what < 970)
		traffic_established();
	else if (what < 974)
		traffic_close();
	else if (what < 983)
		programs_go_on();
	else if (what < 989)
		appear();
	else if (what < 990)
		sweep(false);
	else if (world.illegal && host_draw(2))
		disorder();
	else if (world.illegal)
		traffic_disorder();
	invariants_check();
}

static void world_end(void)
{
	world_note("the end");
	traffic_close_all();
	invariants_check();
	/* Two walks: the first may have begun before the last request. */
	for (u32 i = 0; i < 2; i++) {
		host.now += 120000000000ull;
		sweep(true);
		invariants_check();
	}
	invariants_end();
}

void world_play(u64 seed, bool verbose)
{
	world_begin(seed, verbose);
	for (u64 left = 100 + host_draw(world.tagged ? 600 : 4000); left; left--)
		world_event();
	world_end();
}

void world_wrong(const char *format, ...)
{
	char what[256];
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	printf("# seed %llu, event %llu: %s\n", seed_of_world, world.events, what);
	if (!world.verbose)
		world_play(seed_of_world, true);
	printf("not ok - seed %llu: %s\n1..1\n", seed_of_world, what);
	exit(1);
}
