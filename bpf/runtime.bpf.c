// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The runtimes' part: when a garbage collector works, as its probes tell (src/kernel/runtimes.c attaches them to files:
 * in every process that has one mapped). Which program goes with which probe says src/kernel/probes.def.
 *
 * A probe may come twice, where one file was taken for two; and a process may be preempted within a program. So what is
 * under way is a state and no count, and of a thread only its clock is written, at once (clock.bpf.h): the scheduler
 * charges what it shows.
 */
#include "assist.bpf.h"
#include "collector.bpf.h"
#include "tokio.bpf.h"
#include "registers.bpf.h"

/*
 * The running thread begins to collect, or has begun to at `at`. It is charged up to `mark` already, which is later
 * where it was preempted since. What is not charged yet has one name, or none.
 */
static __always_inline void ww_thread_collects(u64 at, bool assists)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!t || t->gc & WW_CLOCK_RUNS)
		return;
	if (at < t->mark)
		at = t->mark;
	t->assists = assists && (t->assists || t->gc == t->gc_mark);
	t->gc_at = at;
	t->gc = ww_clock_start(t->gc, at);
}

static __always_inline void ww_thread_collected(u64 now)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (t && t->gc & WW_CLOCK_RUNS)
		t->gc = ww_clock_stop(t->gc, now < t->mark ? t->mark : now);
}

/* What is counted of the running process's collections; NULL: there is no memory for it. */
static __always_inline struct ww_collections *ww_collections_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ww_collections none = {};
	struct ww_collections *all = bpf_map_lookup_elem(&ww_collections, &tgid);
	if (!all) {
		bpf_map_update_elem(&ww_collections, &tgid, &none, BPF_NOEXIST);
		return bpf_map_lookup_elem(&ww_collections, &tgid);
	}
	if (all->ended) {
		none.program = all->program + 1;
		*all = none;
	}
	return all;
}

/* Adds a collection, or a part of one that is not whole yet, and how long that stopped the process. */
static __always_inline void ww_collections_add(struct ww_collections *all, bool whole, u64 ns)
{
	if (!all)
		return;
	/* To add a 0 would be made another atomic, which old kernels don't have. */
	if (whole)
		__sync_fetch_and_add(&all->count, 1);
	__sync_fetch_and_add(&all->ns, ns);
}

static __always_inline void ww_collected(u64 ns)
{
	ww_collections_add(ww_collections_of(), true, ns);
}

/* ---- collectors that work on the thread that allocates ---- */

/* Whose begin is `clocked` ends by the same probe only: what others tell lies within. */
static __always_inline void ww_begin(bool of_process, u64 sp, bool small, bool clocked)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_collector *c = ww_collector_make(of_process);
	if (!c)
		return;
	/* A part may be within a whole, not the other way round. */
	c->small = small && (!c->began || c->small);
	/* A function within itself, unless the end of the one before was not seen: the stack has got shorter since. */
	if (c->began && (!sp || sp <= c->sp))
		return;
	c->began = now;
	c->sp = sp;
	c->clocked = clocked;
	if (of_process)
		c->stop = ww_clock_start(c->stop, now);
	ww_thread_collects(now, false);
}

enum ww_counts { WW_COUNTS_NOTHING, WW_COUNTS_TIME, WW_COUNTS_ALL };

static __always_inline void ww_end(struct ww_collector *c, u64 sp, enum ww_counts counts)
{
	if (!c || !c->began || sp < c->sp)
		return;
	struct ww_collections *all = counts ? ww_collections_of() : NULL;
	/* The program is stopped while this looks for them, too. */
	u64 now = bpf_ktime_get_ns();
	ww_collections_add(all, counts == WW_COUNTS_ALL, now - c->began);
	c->began = 0;
	c->stop = ww_clock_stop(c->stop, now);
	ww_thread_collected(now);
}

/* Of an interpreter with a lock: no other thread of it runs meanwhile. */
SEC("uprobe")
int ww_gc_begin(struct pt_regs *ctx)
{
	ww_begin(true, 0, false, false);
	return 0;
}

SEC("uprobe")
int ww_gc_end(struct pt_regs *ctx)
{
	struct ww_collector *c = ww_collector_make(true);
	if (c && !c->clocked)
		ww_end(c, 0, WW_COUNTS_ALL);
	return 0;
}

/* A part of a collection that is counted elsewhere: on its own, or within that. */
SEC("uprobe")
int ww_gc_part_begin(struct pt_regs *ctx)
{
	ww_begin(true, 0, true, false);
	return 0;
}

SEC("uprobe")
int ww_gc_part_end(struct pt_regs *ctx)
{
	struct ww_collector *c = ww_collector_make(true);
	if (c && c->small)
		ww_end(c, 0, WW_COUNTS_TIME);
	return 0;
}

#define WW_CLOCK_FRAMES 4096 /* of the stack: what a function's caller has there for it is no further */

/*
 * Ruby measures each stretch of its collector's work by a clock: what that shows at first it keeps with the heap, what
 * it shows at the end it has on its stack. What marks within that tells that it is one more collection.
 */
SEC("uprobe")
int ww_gc_clock(struct pt_regs *ctx)
{
	if (ctx->WW_REG_ARG2 - ctx->sp >= WW_CLOCK_FRAMES) {
		ww_begin(true, 0, true, true);
		return 0;
	}
	struct ww_collector *c = ww_collector_make(true);
	if (!c || !c->clocked)
		return 0;
	ww_end(c, 0, c->small ? WW_COUNTS_TIME : WW_COUNTS_ALL);
	return 0;
}

/* A function that collects, which may come to itself again. */
SEC("uprobe")
int ww_gc_enter(struct pt_regs *ctx)
{
	ww_begin(false, ctx->sp, false, false);
	return 0;
}

SEC("uretprobe")
int ww_gc_leave(struct pt_regs *ctx)
{
	ww_end(ww_collector_make(false), ctx->sp, WW_COUNTS_ALL);
	return 0;
}

/* A step beside the program, which its log does not tell of. */
SEC("uretprobe")
int ww_gc_step_leave(struct pt_regs *ctx)
{
	ww_end(ww_collector_make(false), ctx->sp, WW_COUNTS_NOTHING);
	return 0;
}

/* ---- collectors for which all threads stop ---- */

/* The process is stopped, for whatever. */
SEC("uprobe")
int ww_stop_begin(struct pt_regs *ctx)
{
	struct ww_collector *c = ww_collector_make(true);
	if (!c || c->stopped)
		return 0;
	c->stopped = bpf_ktime_get_ns();
	c->left = 0;
	return 0;
}

/* It collects: what it is stopped for. */
SEC("uprobe")
int ww_pause_begin(struct pt_regs *ctx)
{
	struct ww_collector *c = ww_collector_make(true);
	if (!c || c->began)
		return 0;
	c->began = bpf_ktime_get_ns();
	c->stop = ww_clock_start(c->stop, c->stopped ? c->stopped : c->began);
	return 0;
}

SEC("uprobe")
int ww_pause_end(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_collector *c = ww_collector_make(true);
	if (!c || !c->began)
		return 0;
	ww_collected(now - c->began);
	c->began = 0;
	if (!c->stopped)
		c->stop = ww_clock_stop(c->stop, now);
	return 0;
}

/*
 * The time that Go's runtime itself says, where it does, by the same clock: since Go 1.22 it hands the function that
 * ends its second stop the end that it reckons with, and that returns the one of the first. Else `now`.
 */
static __always_inline u64 ww_told(struct pt_regs *ctx, u64 after, u64 now)
{
	u64 told = ctx->WW_REG_GO_1;
	return told > after && told < now ? told : now;
}

#define WW_GO_STOPS 64 /* reasons for which it stops, by number, at the most */

/* The same of when that stop began, which leaves out what came before: why, since when, and from when on all stood. */
static __always_inline u64 ww_told_start(struct pt_regs *ctx, u64 stopped, u64 now)
{
	u64 why = ctx->WW_REG_GO_2 & 0xff, start = ctx->WW_REG_GO_3, stood = ctx->WW_REG_GO_4;
	return why < WW_GO_STOPS && start >= stopped && stood >= start && stood <= now ? start : stopped;
}

#define WW_GO_ADDS 32 /* bytes of code behind a call, within which its result is added to something */

/*
 * Where the runtime adds up how long a collection stops it: the function that started all threads goes back to code
 * that adds its result, less the stop's begin, to a word at a distance from there. 0: that is not so, or no new
 * collection's.
 */
static __always_inline u64 ww_go_total(struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	u64 back = ww_user_word(ctx->sp);
	u8 code[WW_GO_ADDS];
	if (!back || bpf_probe_read_user(code, sizeof(code), (void *)back))
		return 0;
#pragma unroll
	for (u32 i = 0; i + 7 <= WW_GO_ADDS; i++) {
		/* add %rax, DISTANCE(%rip) */
		if (code[i] != 0x48 || code[i + 1] != 0x01 || code[i + 2] != 0x05)
			continue;
		u32 far = code[i + 3] | code[i + 4] << 8 | code[i + 5] << 16 | (u32)code[i + 6] << 24;
		u64 at = back + i + 7 + (s64)(s32)far, sum = 1;
		return bpf_probe_read_user(&sum, sizeof(sum), (void *)at) || sum ? 0 : at;
	}
#endif
	return 0;
}

static __always_inline u64 ww_part_ns(const struct ww_collector *c, struct pt_regs *ctx, u64 now)
{
	return ww_told(ctx, c->stopped, now) - ww_told_start(ctx, c->stopped, now);
}

/*
 * How long a collection has stopped the process, whose last stop ends now. The runtime has added that up already, where
 * that is known, with the stops that turned out to be too early.
 */
static __always_inline u64 ww_parts_ns(struct ww_collector *c, struct pt_regs *ctx, u64 now)
{
	u64 sum = c->total ? ww_user_word(c->total) : 0;
	if (!sum || sum >= now - c->first)
		sum = c->parted + ww_part_ns(c, ctx, now);
	c->total = 0;
	c->parted = 0;
	return sum;
}

SEC("uprobe")
int ww_stop_end(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_collector *c = ww_collector_make(true);
	if (!c || !c->stopped)
		return 0;
	if (c->part == WW_PART_LAST)
		ww_collected(ww_parts_ns(c, ctx, now));
	if (c->part == WW_PART_FIRST) {
		c->parted = ww_part_ns(c, ctx, now);
		c->first = c->stopped;
		c->total = 0;
		c->left = now;
	}
	ww_thread_collected(now);
	c->part = WW_PART_NONE;
	c->stopped = 0;
	c->stop = ww_clock_stop(c->stop, now);
	return 0;
}

/* It turns out that the process, which is stopped, is so for a part of a collection. */
static __always_inline void ww_part(enum ww_part part)
{
	struct ww_collector *c = ww_collector_make(true);
	if (!c || !c->stopped)
		return;
	c->part = part;
	c->stop = ww_clock_start(c->stop, c->stopped);
	ww_thread_collects(c->stopped, false);
}

SEC("uprobe")
int ww_part_first(struct pt_regs *ctx)
{
	ww_part(WW_PART_FIRST);
	return 0;
}

SEC("uprobe")
int ww_part_last(struct pt_regs *ctx)
{
	ww_part(WW_PART_LAST);
	return 0;
}

/* Go: the threads are woken. Its runtime has the first stop of a collection last until then, the second until before.
 */
SEC("uprobe")
int ww_stop_left(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_collector *c = ww_collector_make(true);
	if (!c || !c->left)
		return 0;
	u64 end = ww_told(ctx, c->left, now);
	c->parted += end - c->left;
	c->total = ww_go_total(ctx);
	ww_thread_collects(c->left, false);
	ww_thread_collected(end);
	c->left = 0;
	return 0;
}

/* ---- what a thread that allocates is made to do for a collector beside the program ---- */

/* The request that the goroutine serves, or did something for; NULL: none. */
static __always_inline struct ww_request *ww_request_of_goroutine(u64 g)
{
	struct ww_go *go = ww_go_get();
	if (!go || go->is_tokio)
		return NULL;
	struct ww_carrier_key key = {.context = ww_user_word(g + go->goid), .program = ww_program()};
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	return known ? ww_request_get(known->ref) : NULL;
}

/* How long the thread has waited in its interval. The scheduler may write that meanwhile, but not twice. */
static __always_inline u64 ww_thread_waited(const struct ww_thread *t)
{
	const volatile struct ww_thread *as_it_is = t;
	u64 mark = as_it_is->mark, ns = mark - as_it_is->start - as_it_is->cpu_ns;
	return as_it_is->mark == mark ? ns : as_it_is->mark - as_it_is->start - as_it_is->cpu_ns;
}

/*
 * Goroutines move from thread to thread without a word. So what one is made to do is kept with its request until that
 * is charged the time, whatever thread's interval it gets then. A thread that is another request's as far as is known
 * does not do it for that one.
 */
SEC("uprobe")
int ww_assist_begin(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_request *r = ww_request_of_goroutine(ctx->WW_REG_GO_1);
	struct task_struct *task = ww_current();
	struct ww_thread *t = ww_thread_get(task);
	if (!t && r) {
		t = ww_thread_create(task);
		if (!t) {
			ww_count(WW_COUNT_TASK_STORAGE_FAILED);
			return 0;
		}
		t->tid = ww_field(task, pid);
		t->start = now;
		t->mark = now;
		t->go = WW_GO;
	}
	if (!t)
		return 0;
	t->assist_for = r ? r->account.id : 0;
	t->assist_at = now;
	t->assist_off = ww_thread_waited(t);
	if (!r || t->ref == r->account.id || !ww_request_get(t->ref))
		ww_thread_collects(now, !r);
	return 0;
}

#define WW_ASSIST_FRAME 16 /* words */

/*
 * From when to when it was so, of the time in which the probes saw it: the function has both on its stack, by the same
 * clock, as it adds them up itself. So the probes' own time is the program's, and no collector's. Where they are not
 * found it is what the probes see.
 */
static __always_inline void ww_assist_told(struct pt_regs *ctx, u64 *from, u64 *to)
{
	u64 words[WW_ASSIST_FRAME], first = ~0ull, last = 0;
	if (bpf_probe_read_user(words, sizeof(words), (void *)(ctx->sp - sizeof(words))))
		return;
#pragma unroll
	for (u32 i = 0; i < WW_ASSIST_FRAME; i++) {
		if (words[i] < *from || words[i] > *to)
			continue;
		if (words[i] < first)
			first = words[i];
		if (words[i] > last)
			last = words[i];
	}
	if (first >= last)
		return;
	*from = first;
	*to = last;
}

SEC("uprobe")
int ww_assist_end(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!t || !t->assist_at)
		return 0;
	struct ww_request *r = ww_request_get(t->assist_for);
	u64 from = t->assist_at, to = now;
	ww_assist_told(ctx, &from, &to);
	u64 ns = to - from, off = ww_thread_waited(t) - t->assist_off, seen = now - t->assist_at;
	ns -= off < ns ? off : 0;
	bool clocked = t->gc & WW_CLOCK_RUNS;
	t->assist_at = 0;
	if (clocked)
		ww_thread_collected(now - (seen - (to - from)));
	if (!r || !ns)
		return 0;
	__sync_fetch_and_add(&r->assisted, ns);
	if (!clocked)
		return 0;
	if (!ww_assisted_here(t, r->account.id)) {
		t->assisted_ns = 0;
		t->assisted_from = t->start;
		t->assisted = r->account.id;
	}
	t->assisted_ns += ns;
	return 0;
}
