/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Goroutines, as far as Go's runtime lets them be read: which one a thread runs (a register has it all the time), and
 * what one that does not run waits for. Nothing is hooked: it is read when the thread touches a socket or blocks.
 * Tasks of Rust's tokio and Java's virtual threads are taken for goroutines, too: tokio.bpf.h, virtual.bpf.h.
 */
#ifndef WHYWAIT_GOLANG_H
#define WHYWAIT_GOLANG_H

#include "cause.bpf.h"
#include "global.bpf.h"
#include "programs.bpf.h"
#include "tokio.bpf.h"
#include "virtual.bpf.h"

#define WW_GO_TRIES    100    /* what is no Go program by then is hardly one: it may not have been learnt, */
#define WW_GO_SELDOM   64     /* so it is looked at once in so many times */
#define WW_GO_SCAN     0x1000 /* bit of g.atomicstatus: the collector looks at its stack */
#define WW_GO_RUNNABLE 1
#define WW_GO_RUNNING  2
#define WW_GO_WAITING  4
#define WW_GO_DEAD     6

/* Whether probes tell which goroutine a thread runs: goexact.bpf.c. */
enum ww_exact {
	WW_EXACT = 1 << 0,
	WW_EXACT_CHANGES = 1 << 1, /* one is in the middle of that: the scheduler is not to charge anything meanwhile */
};

__u32 ww_go_any __weak = 0;    /* there are Go programs, or some with tokio */
__u32 ww_tokio_any __weak = 0; /* there are some with tokio */

/* Whether the thread is a Go program's. User space learns of a process a little late, so it is asked again, later
 * seldom. */
static __always_inline bool ww_go_is(struct ww_thread *t)
{
	if (t->go || !ww_go_any)
		return t->go;
	u32 tries = t->go_tries++;
	if (tries >= WW_GO_TRIES && tries % WW_GO_SELDOM)
		return t->go;
	struct ww_go *go = ww_go_get();
	if (go && go->is_virtual)
		t->go = ww_virtual_is(t) ? WW_GO_VIRTUAL : WW_GO_NOT;
	else
		t->go = !go ? WW_GO_NOT : go->is_tokio ? WW_GO_TOKIO : WW_GO;
	return t->go;
}

/* The goroutine that the running thread of a Go program runs; false: none, it looks for one. */
static __always_inline bool ww_goroutine_now(struct ww_go *go, struct ww_goroutine *at)
{
	if (go->is_tokio)
		return ww_tokio_now(go, at);
	if (go->is_virtual)
		return ww_virtual_now(go, at);
	struct pt_regs *regs = ww_task_regs(ww_current());
	at->g = WW_REGS_GO(regs);
	at->id = at->g ? ww_user_word(at->g + go->goid) : 0;
	return at->id != 0;
}

#define WW_GO_WORDS 64 /* of a goroutine's first frames: those of what `go` has called */

struct ww_go_slot_key {
	u64 function; /* that `go` has called */
	u64 program;
};

struct ww_go_room {
	u64 words[WW_GO_WORDS];
	ww_ref ref;  /* the request that waits */
	u64 next;    /* or the first goroutine found that waits and serves none: who waits for that one? */
	u32 at;	     /* which word that was */
	u32 from;    /* of tokio: from which word on a task is looked through */
	u32 cut;     /* and whether that came to no end */
	u32 hidden;  /* of tokio: somebody waits whose task can't be told: the way there */
	u64 awaited; /* of tokio: by what the first one waits */
	u64 waiter;  /* which that is */
	u64 by;	     /* and for what it waits */
	u64 waker;   /* and where its waker is */
	struct ww_go_slot_key key; /* of tokio: what is looked for */
	struct ww_carrier_key own; /* whose work is looked for: the stack has no room for it */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_go_room);
} ww_go_rooms SEC(".maps") __weak;

static __always_inline struct ww_go_room *ww_go_room(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&ww_go_rooms, &zero);
}

/* What a goroutine waits for, or is at. */
struct ww_go_state {
	struct ww_cause cause;
	u64 due;
};

/* What a goroutine waits for, by its reason; one that is `about` to sleep has noted elsewhere until when. */
static __always_inline void ww_goroutine_waits_for(const struct ww_go *go, u64 g, bool about, struct ww_go_state *state)
{
	u32 reason = ww_user_word(g + go->waitreason) & (WW_GO_REASONS - 1);
	switch (go->reasons[reason]) {
	case WW_GO_WAIT_SLEEP:
		state->cause.kind = WW_KIND_SLEEP;
		if (!about)
			state->due = ww_user_word(ww_user_word(g + go->timer) + go->when);
		else if (go->nextwhen)
			state->due = ww_user_word(ww_user_word(g + go->timer) + go->nextwhen);
		else if (go->sleepwhen)
			state->due = ww_user_word(g + go->sleepwhen);
		break;
	case WW_GO_WAIT_LOCK:
		state->cause = ww_named(WW_KIND_LOCK, WW_NAME_MUTEX);
		break;
	case WW_GO_WAIT_CHANNEL:
		state->cause = ww_named(WW_KIND_LOCK, WW_NAME_CHANNEL);
		break;
	case WW_GO_WAIT_ASSIST:
		state->cause = ww_named(WW_KIND_GC, WW_NAME_STOPPED);
		break;
	}
}

static __always_inline void ww_goroutine_state(const struct ww_go *go, const struct ww_request *r,
					       struct ww_go_state *state)
{
	u64 g = r->goroutine;
	u32 status = 0;
	state->cause = (struct ww_cause){.kind = WW_KIND_OTHER};
	state->due = 0;
	if (go->is_tokio) {
		state->cause.kind = ww_tokio_kind(go, g, r->goid);
		return;
	}
	if (go->is_virtual) {
		u32 kind = ww_virtual_kind((struct ww_request *)r);
		state->cause =
			kind == WW_KIND_LOCK ? ww_named(WW_KIND_LOCK, WW_NAME_MUTEX) : (struct ww_cause){.kind = kind};
		return;
	}
	if (g && ww_user_word(g + go->goid) == r->goid)
		status = ww_user_word(g + go->status);
	status &= ~WW_GO_SCAN;
	if (status == WW_GO_RUNNABLE)
		state->cause.kind = WW_KIND_QUEUE;
	if (status == WW_GO_RUNNING)
		state->cause.kind = WW_KIND_COMPUTE;
	if (status == WW_GO_WAITING)
		ww_goroutine_waits_for(go, g, false, state);
}

#define WW_GO_CROWDS 64
#define WW_GO_CROWD  128

/* Requests of a process whose goroutines wait, of nothing that a socket would tell; by process id. */
struct ww_go_crowd {
	ww_ref refs[WW_GO_CROWD];
	u32 next; /* to be looked at */
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_GO_CROWDS);
	__type(key, u32);
	__type(value, struct ww_go_crowd);
} ww_go_crowds SEC(".maps") __weak;

static __always_inline struct ww_go_crowd *ww_go_crowd(void)
{
	u32 at = (bpf_get_current_pid_tgid() >> 32) % WW_GO_CROWDS;
	return bpf_map_lookup_elem(&ww_go_crowds, &at);
}

/* A thread has let go of the request: what its goroutine waits for is the request's hint. */
WW_GLOBAL1(int, ww_goroutine_waits, R, r)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_crowd *crowd = ww_go_crowd();
	struct ww_go_state state;
	if (!r || !go || !crowd)
		return 0;
	ww_goroutine_state(go, r, &state);
	/* A thread that goes to sleep runs none. */
	if (state.cause.kind == WW_KIND_COMPUTE && !go->exact)
		state.cause.kind = WW_KIND_OTHER;
	r->hint = state.cause;
	r->due = state.due;
	r->sights_len = 0;
	if (r->goroutine && !r->outstanding && !go->exact)
		crowd->refs[r->account.id & (WW_GO_CROWD - 1)] = r->account.id;
	return 0;
}

/*
 * Goroutines go from wait to wait without a touch of a socket. With each touch of another one, and whenever a thread
 * has none, one of those that wait is looked at: what it waits for by then is noted.
 */
WW_GLOBAL1(int, ww_goroutine_review, N, now)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_crowd *crowd = ww_go_crowd();
	struct ww_request *r = NULL;
	struct ww_go_state state;
	if (!go || !crowd || go->exact)
		return 0;
	u32 at = crowd->next;
	for (u32 i = 0; i < 8 && !r; i++) {
		at++;
		r = ww_request_get(crowd->refs[at & (WW_GO_CROWD - 1)]);
		if (r && (r->state != WW_STATE_WAIT || r->outstanding ||
			  r->account.tgid != bpf_get_current_pid_tgid() >> 32))
			r = NULL;
	}
	crowd->next = at;
	if (!r)
		return 0;
	ww_goroutine_state(go, r, &state);
	u32 len = r->sights_len, newest = len - 1;
	barrier_var(newest);
	struct ww_cause cause = r->hint;
	u64 due = r->due;
	if (newest < WW_SIGHTS) {
		cause = r->sights[newest].cause;
		due = r->sights[newest].due;
	}
	if (state.cause.kind == WW_KIND_OTHER || (state.cause.number == cause.number && state.due == due))
		return 0;
	barrier_var(len);
	if (len >= WW_SIGHTS)
		return 0;
	r->sights[len].at = now;
	r->sights[len].due = state.due;
	r->sights[len].cause = state.cause;
	r->sights_len = len + 1;
	return 0;
}

#endif
