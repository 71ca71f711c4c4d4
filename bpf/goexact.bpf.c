// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Goroutines as they come and go: where Go's scheduler puts one on a thread, takes one off and makes one that waited
 * runnable (src/kernel/runtimes.c attaches these in programs whose requests are recorded, when that is asked for).
 * Without it golang.bpf.h looks at goroutines when a socket is touched; here each change is charged when it is.
 *
 * A goroutine waits for the network: which socket ended that, and when its bytes were there, is known with the touch
 * that follows. So that wait is left to the touch.
 */
#include "goroutine.bpf.h"
#include "collector.bpf.h"

/* The request that the goroutine serves; NULL: none. */
static __always_inline struct ww_request *ww_exact_request(const struct ww_go *go, u64 g)
{
	struct ww_carrier_key key = {.context = ww_user_word(g + go->goid), .program = ww_program()};
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	struct ww_request *r = known ? ww_request_get(known->ref) : NULL;
	return r && !r->anonymous && r->goroutine == g ? r : NULL;
}

static __always_inline bool ww_exact_hold(struct ww_request *r)
{
	return ww_by_hand || ww_hold_of_goroutines(r);
}

static __always_inline void ww_exact_let_go(struct ww_request *r)
{
	*(volatile u32 *)&r->held = 0;
}

/*
 * The thread's interval is about to be charged. A program of a user probe may be preempted: until it has done, the
 * scheduler leaves the thread as it is. Returns the time.
 */
static __always_inline u64 ww_exact_changes(struct ww_thread *t)
{
	*(volatile u8 *)&t->exact = WW_EXACT | WW_EXACT_CHANGES;
	t->go = WW_GO;
	return bpf_ktime_get_ns();
}

static __always_inline void ww_exact_changed(struct ww_thread *t)
{
	*(volatile u8 *)&t->exact = WW_EXACT;
}

/* The request waits for a thread from `now` on. */
static __always_inline void ww_exact_wants(struct ww_request *r, u64 now)
{
	r->state = WW_STATE_READY;
	r->stops = ww_stopped_at(ww_current(), now) + 1;
}

/* The thread gets another goroutine to run, or none: what it had a request for is the request's. */
WW_GLOBAL2(int, ww_exact_leaves, T, t, N, now)
{
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};
	struct ww_request *r = t ? ww_request_get(t->ref) : NULL;
	if (!t)
		return 0;
	ww_interval_ran(t, now);
	if (r && ww_exact_hold(r)) {
		if (ww_owns(r, t->tid)) {
			if (r->mark == t->start)
				ww_give(r, t);
			ww_interval_reset(t, now);
			ww_detach(t, r, nothing);
		}
		ww_exact_let_go(r);
	}
	ww_interval_reset(t, now);
	t->ref = 0;
	return 0;
}

/* The thread, whose interval begins now, runs the goroutine that serves the request. */
WW_GLOBAL3(int, ww_exact_begins, T, t, R, r, N, now)
{
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	if (!t || !r || !ww_exact_hold(r))
		return 0;
	/* It has waited for the network: the next touch tells. */
	bool told = r->live && (r->state != WW_STATE_WAIT || r->hint.kind != WW_KIND_OTHER);
	if (told && r->state == WW_STATE_READY && r->stops) {
		u64 ns = ww_clock_since(r->stops - 1, ww_stopped_at(ww_current(), now));
		u64 most = now > r->mark ? now - r->mark : 0;
		ww_charge(r, WW_KIND_GC, WW_DETAIL_NAME, WW_NAME_STOPPED, r->mark + (ns < most ? ns : most));
	}
	r->stops = 0;
	if (told) {
		ww_charge_gap(r, t, &step, now);
		ww_attach(t, r, t->tid, now);
	}
	ww_exact_let_go(r);
	return 0;
}

/* runtime.execute: the goroutine runs on this thread from now on. */
SEC("uprobe")
int ww_go_runs(struct pt_regs *ctx)
{
	u64 g = ctx->WW_REG_GO_1;
	struct ww_go *go = ww_go_get();
	struct task_struct *task = ww_current();
	if (!go || go->is_tokio)
		return 0;
	if (!go->exact)
		go->exact = 1;
	struct ww_thread *t = ww_thread_get(task);
	struct ww_request *r = ww_exact_request(go, g);
	if (!t && r)
		t = ww_thread_make(task, bpf_ktime_get_ns());
	if (!t)
		return 0;
	u64 now = ww_exact_changes(t);
	ww_exact_leaves(t, now);
	t->goroutine = g;
	if (r)
		ww_exact_begins(t, r, now);
	ww_exact_changed(t);
	return 0;
}

enum ww_exact_how {
	WW_EXACT_PARKS,	 /* to wait for something */
	WW_EXACT_YIELDS, /* and would run on */
};

/* The request is charged up to now, and its goroutine has left the thread: what is it at? */
WW_GLOBAL3(int, ww_exact_state, R, r, N, how, N, now)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_state state = {.cause = {.kind = WW_KIND_OTHER}};
	if (!r || !go || !ww_exact_hold(r))
		return 0;
	if (r->state == WW_STATE_WAIT) {
		if (how == WW_EXACT_PARKS)
			ww_goroutine_waits_for(go, r->goroutine, true, &state);
		r->hint = state.cause;
		r->due = state.due;
		r->sights_len = 0;
		if (how == WW_EXACT_YIELDS)
			ww_exact_wants(r, now);
	}
	ww_exact_let_go(r);
	return 0;
}

static __always_inline void ww_exact_left(u64 g, enum ww_exact_how how)
{
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	struct ww_go *go = ww_go_get();
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!t || !go || go->is_tokio)
		return;
	struct ww_request *r = ww_exact_request(go, g);
	u64 now = ww_exact_changes(t);
	/* Its wait for the network was not told by a touch, or another goroutine has touched a socket meanwhile. */
	if (r && !ww_owns(r, t->tid))
		ww_touched(t, r, &step, now);
	ww_exact_leaves(t, now);
	t->goroutine = 0;
	if (r)
		ww_exact_state(r, how, now);
	ww_exact_changed(t);
}

/* runtime.park_m, of gopark(): the reason is noted. */
SEC("uprobe")
int ww_go_parks(struct pt_regs *ctx)
{
	ww_exact_left(ctx->WW_REG_GO_1, WW_EXACT_PARKS);
	return 0;
}

/* runtime.goschedImpl and others: preempted, made to give way, or back from a syscall without a place to run. */
SEC("uprobe")
int ww_go_yields(struct pt_regs *ctx)
{
	ww_exact_left(ctx->WW_REG_GO_1, WW_EXACT_YIELDS);
	return 0;
}

/* Its goroutine is to run: what it has waited for is over. */
WW_GLOBAL2(int, ww_exact_readied, R, r, N, now)
{
	if (!r || !ww_exact_hold(r))
		return 0;
	if (r->state == WW_STATE_WAIT && r->hint.kind != WW_KIND_OTHER && r->mark < now) {
		ww_charge_sights(r, now);
		ww_exact_wants(r, now);
	}
	ww_exact_let_go(r);
	return 0;
}

/* runtime.ready, on any thread */
SEC("uprobe")
int ww_go_readies(struct pt_regs *ctx)
{
	struct ww_go *go = ww_go_get();
	struct ww_request *r = go && !go->is_tokio ? ww_exact_request(go, ctx->WW_REG_GO_1) : NULL;
	if (r)
		ww_exact_readied(r, bpf_ktime_get_ns());
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
