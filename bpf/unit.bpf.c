// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Functions as units of work (`--unit`): an account for each call, from its entry to its return on the same thread. A
 * thread that works for a request at that time goes on with that: its account has the call.
 *
 * Loaded only when they are asked for. A program of a user probe may be preempted, which is a matter of a microsecond:
 * a switch in the middle of one may charge a time twice. Such an account does not add up, and is counted as malformed.
 */
#include "unit.bpf.h"

static __always_inline void ww_unit_open(struct ww_thread *t, u64 now, u64 sp, u32 unit)
{
	struct ww_request *r = ww_unit_new(now, WW_FLAG_CALL, unit);
	if (!r)
		return;
	ww_interval_ran(t, now);
	ww_attach(t, r, t->tid, now);
	t->unit = r->account.id;
	t->unit_sp = sp;
}

static __always_inline void ww_unit_enters(u64 sp, u32 unit)
{
	u64 now = bpf_ktime_get_ns();
	if (!ww_selected_process())
		return;
	struct ww_thread *t = ww_thread_make(ww_current(), now);
	if (!t)
		return;
	struct ww_request *r = ww_request_get(t->unit);
	/* Within itself, or within another one. */
	if (r && sp < t->unit_sp)
		return;
	if (r) {
		/* The stack has got shorter, and its return was not seen: an exception, longjmp(). */
		r->account.flags |= WW_FLAG_ABORTED;
		ww_unit_close(t, r, now);
	}
	t->unit = 0;
	if (!ww_request_get(t->ref) && !ww_request_get(t->home))
		ww_unit_open(t, now, sp, unit);
}

SEC("?uprobe")
int ww_unit_enter(struct pt_regs *ctx)
{
	ww_unit_enters(ctx->sp, bpf_get_attach_cookie(ctx));
	return 0;
}

static __always_inline void ww_unit_leaves(u64 sp, u32 unit)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	struct ww_request *r = t ? ww_request_get(t->unit) : NULL;
	if (!r || sp < t->unit_sp || r->account.local != unit)
		return;
	t->unit = 0;
	ww_unit_close(t, r, bpf_ktime_get_ns());
}

SEC("?uretprobe")
int ww_unit_leave(struct pt_regs *ctx)
{
	ww_unit_leaves(ctx->sp, bpf_get_attach_cookie(ctx));
	return 0;
}

/* The end of a pair of static probes: it may be deeper in the stack than the beginning, and ends the outermost. */
SEC("?uprobe")
int ww_unit_end(struct pt_regs *ctx)
{
	ww_unit_leaves(~0ull, bpf_get_attach_cookie(ctx));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
