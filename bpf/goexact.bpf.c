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

/* The request that goroutine g, of this number, serves; 0: none. */
static __always_inline ww_ref ww_exact_request(u64 g, u64 goid)
{
	struct ww_carrier_key key = {.context = goid, .program = ww_program()};
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	ww_ref ref = known ? known->ref : 0;
	struct ww_request *r = ww_request_get(ref);
	return r && !r->anonymous && r->goroutine == g ? ref : 0;
}

/* A program of a user probe may have been preempted since it looked for the request: is it still the same? */
static __always_inline bool ww_exact_hold(struct ww_request *r, ww_ref ref)
{
	return ww_by_hand || ww_hold_of_goroutines(r, ref);
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

enum ww_exact_how {
	WW_EXACT_GOES,	 /* another one takes its place */
	WW_EXACT_PARKS,	 /* to wait for something */
	WW_EXACT_YIELDS, /* and would run on */
};

/* The request, which is held, is charged up to now, and its goroutine has left the thread: what is it at? */
WW_GLOBAL3(int, ww_exact_state, R, r, N, how, N, now)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_state state = {.cause = {.kind = WW_KIND_OTHER}};
	if (!r || !go || r->state != WW_STATE_WAIT)
		return 0;
	if (how == WW_EXACT_PARKS)
		ww_goroutine_waits_for(go, r->goroutine, true, &state);
	r->hint = state.cause;
	r->due = state.due;
	r->sights_len = 0;
	if (how == WW_EXACT_YIELDS)
		ww_exact_wants(r, now);
	return 0;
}

/*
 * The thread gets another goroutine than g to run, or none: what it had a request for is the request's. Where that is
 * g's, all of it is noted at once: between two holds another CPU would charge what the first one left.
 */
WW_GLOBAL4(int, ww_exact_leaves, T, t, N, g, N, how, N, now)
{
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};
	struct ww_request *r = t ? ww_request_get(t->ref) : NULL;
	if (!t)
		return 0;
	ww_interval_ran(t, now);
	if (r && ww_exact_hold(r, t->ref)) {
		if (ww_owns(r, t->tid)) {
			if (r->mark == t->start)
				ww_give(r, t);
			ww_interval_reset(t, now);
			ww_detach(t, r, nothing);
			if (how != WW_EXACT_GOES && r->goroutine == g)
				ww_exact_state(r, how, now);
		}
		ww_let_go_of_goroutines(r);
	}
	ww_interval_reset(t, now);
	t->ref = 0;
	return 0;
}

/* The thread, whose interval begins now, runs the goroutine that serves the request. */
WW_GLOBAL3(int, ww_exact_begins, T, t, N, ref, N, now)
{
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	struct ww_request *r = ww_request_get(ref);
	if (!t || !r || !ww_exact_hold(r, ref))
		return 0;
	/* Another CPU may have charged it since. */
	if (now < r->mark)
		now = r->mark;
	/* It has waited for the network: the next touch tells. */
	bool told = r->goroutine == t->goroutine && (r->state != WW_STATE_WAIT || r->hint.kind != WW_KIND_OTHER);
	if (told && r->state == WW_STATE_READY && r->stops) {
		u64 ns = ww_clock_since(r->stops - 1, ww_stopped_at(ww_current(), now));
		u64 most = now - r->mark;
		ww_charge(r, WW_KIND_GC, WW_DETAIL_NAME, WW_NAME_STOPPED, r->mark + (ns < most ? ns : most));
	}
	r->stops = 0;
	if (told) {
		ww_charge_gap(r, t, &step, now);
		ww_attach(t, r, t->tid, now);
	}
	ww_let_go_of_goroutines(r);
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
	u64 goid = ww_user_word(g + go->goid);
	ww_ref ref = ww_exact_request(g, goid);
	if (!t && ref)
		t = ww_thread_make(task, bpf_ktime_get_ns());
	if (!t)
		return 0;
	u64 now = ww_exact_changes(t);
	ww_exact_leaves(t, 0, WW_EXACT_GOES, now);
	t->goroutine = g;
	t->goid = goid;
	if (ref)
		ww_exact_begins(t, ref, now);
	ww_exact_changed(t);
	return 0;
}

static __always_inline void ww_exact_left(u64 g, enum ww_exact_how how)
{
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	struct ww_go *go = ww_go_get();
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!t || !go || go->is_tokio)
		return;
	ww_ref ref = ww_exact_request(g, ww_user_word(g + go->goid));
	struct ww_request *r = ww_request_get(ref);
	u64 now = ww_exact_changes(t);
	/* Its wait for the network was not told by a touch, or another goroutine has touched a socket meanwhile. */
	if (r && !ww_owns(r, t->tid)) {
		ww_touched(t, r, &step, now);
		/* It had ended, and its place is another one's, which the thread has not worked for. */
		r = t->ref == ref ? NULL : ww_request_get(t->ref);
		if (r)
			ww_doubt(r);
	}
	ww_exact_leaves(t, g, how, now);
	t->goroutine = 0;
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
WW_GLOBAL3(int, ww_exact_readied, N, ref, N, g, N, now)
{
	struct ww_request *r = ww_request_get(ref);
	if (!r || !ww_exact_hold(r, ref))
		return 0;
	if (r->goroutine == g && r->state == WW_STATE_WAIT && r->hint.kind != WW_KIND_OTHER && r->mark < now) {
		ww_charge_sights(r, now);
		ww_exact_wants(r, now);
	}
	ww_let_go_of_goroutines(r);
	return 0;
}

/* runtime.ready, on any thread */
SEC("uprobe")
int ww_go_readies(struct pt_regs *ctx)
{
	struct ww_go *go = ww_go_get();
	u64 g = ctx->WW_REG_GO_1;
	ww_ref ref = go && !go->is_tokio ? ww_exact_request(g, ww_user_word(g + go->goid)) : 0;
	if (ref)
		ww_exact_readied(ref, g, bpf_ktime_get_ns());
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
