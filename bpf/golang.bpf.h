/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Goroutines, as far as Go's runtime lets them be read: which one a thread runs (a register has it all the time), and
 * what one that does not run waits for. Nothing is hooked: it is read when the thread touches a socket or blocks.
 */
#ifndef WHYWAIT_GOLANG_H
#define WHYWAIT_GOLANG_H

#include "cause.bpf.h"
#include "global.bpf.h"

enum ww_go_wait {
	WW_GO_WAIT_OTHER,
	WW_GO_WAIT_SLEEP,
	WW_GO_WAIT_LOCK,
	WW_GO_WAIT_CHANNEL,
};

#define WW_GO_REASONS 64

/* Where a Go program's runtime keeps what its goroutines are at (src/kernel/golang.h). */
struct ww_go {
	u64 semtable; /* address of runtime.semtable; 0: not known */
	u64 semtable_len;
	u32 stack_hi; /* offsets: g.stack.hi */
	u32 status;   /* g.atomicstatus */
	u32 goid;     /* g.goid */
	u32 waitreason;
	u32 timer;   /* g.timer */
	u32 when;    /* timer.when */
	u32 recvq;   /* hchan.recvq.first; last comes behind it */
	u32 elem;    /* sudog.elem */
	u32 channel; /* sudog.c */
	u32 sched;   /* g.sched.sp */
	u32 startpc; /* g.startpc */
	u32 pad;
	u8 reasons[WW_GO_REASONS]; /* enum ww_go_wait */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32); /* tgid */
	__type(value, struct ww_go);
} ww_gos SEC(".maps") __weak;

#define WW_GO_TRIES    100    /* what is no Go program by then is none */
#define WW_GO_SCAN     0x1000 /* bit of g.atomicstatus: the collector looks at its stack */
#define WW_GO_RUNNABLE 1
#define WW_GO_WAITING  4

__u32 ww_go_any __weak = 0; /* there are Go programs */

static __always_inline struct ww_go *ww_go_get(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_gos, &tgid);
}

/* Whether the thread is a Go program's. User space learns of a process a little late, so it is asked more than once. */
static __always_inline bool ww_go_is(struct ww_thread *t)
{
	if (t->go || t->go_tries >= WW_GO_TRIES || !ww_go_any)
		return t->go;
	t->go_tries++;
	t->go = ww_go_get() != NULL;
	return t->go;
}

struct ww_goroutine {
	u64 g; /* address of its struct g */
	u64 id;
};

/* The goroutine that the running thread of a Go program runs; false: none, it looks for one. */
static __always_inline bool ww_goroutine_now(const struct ww_go *go, struct ww_goroutine *at)
{
	struct pt_regs *regs = ww_task_regs(ww_current());
	at->g = WW_REGS_GO(regs);
	at->id = at->g ? ww_user_word(at->g + go->goid) : 0;
	return at->id != 0;
}

/* What the request's goroutine waits for, if it waits: the request's hint. False: that has not changed. */
WW_GLOBAL1(int, ww_goroutine_waits, R, r)
{
	if (!r)
		return 0;
	struct ww_go *go = ww_go_get();
	u64 g = r->goroutine, due = 0;
	struct ww_cause hint = {.kind = WW_KIND_OTHER};
	u32 status = 0;
	if (go && g && ww_user_word(g + go->goid) == r->goid)
		status = ww_user_word(g + go->status);
	if ((status & ~WW_GO_SCAN) == WW_GO_RUNNABLE) {
		hint.kind = WW_KIND_QUEUE;
	} else if ((status & ~WW_GO_SCAN) == WW_GO_WAITING) {
		u32 reason = ww_user_word(g + go->waitreason) & (WW_GO_REASONS - 1);
		switch (go->reasons[reason]) {
		case WW_GO_WAIT_SLEEP:
			hint.kind = WW_KIND_SLEEP;
			due = ww_user_word(ww_user_word(g + go->timer) + go->when);
			break;
		case WW_GO_WAIT_LOCK:
			hint = ww_named(WW_KIND_LOCK, WW_NAME_MUTEX);
			break;
		case WW_GO_WAIT_CHANNEL:
			hint = ww_named(WW_KIND_LOCK, WW_NAME_CHANNEL);
			break;
		}
	}
	bool changed = hint.number != r->hint.number || due != r->due;
	r->hint = hint;
	r->due = due;
	return changed;
}

#endif
