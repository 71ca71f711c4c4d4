/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who ends a wait for a lock: that wakes its waiter by the same futex, in its own context. */
#ifndef WHYWAIT_LOCK_H
#define WHYWAIT_LOCK_H

#include "handoff.bpf.h"

/* Requests whose threads have ended waits of others: user space asks for those that have not ended themselves. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, u64); /* account id */
	__type(value, struct ww_held_by);
} ww_held SEC(".maps") __weak;

/* Whether the thread, which is to be woken, waits for a lock of its program's own, within a request. */
static __always_inline bool ww_lock_waits(const struct ww_thread *t)
{
	return t->off == WW_OFF_BLOCKED && t->ref && t->off_cause.kind == WW_KIND_LOCK &&
	       t->off_cause.type == WW_DETAIL_NAME && t->off_cause.value == WW_NAME_FUTEX;
}

/* For whom the thread works that runs, which may be nobody's any more, or what it is called. */
static __always_inline void ww_lock_holder(struct ww_tenure *tenure, struct task_struct *by, struct ww_thread *t)
{
	struct ww_request *r = t ? ww_handoff_of(t) : NULL;
	u64 request = !r || (r->anonymous && !r->helper) ? 0 : ww_handoff_root(r);
	r = ww_request_get(request);
	if (!r) {
		bpf_probe_read_kernel(&tenure->who, sizeof(tenure->who),
				      (const char *)by + bpf_core_field_offset(struct task_struct, comm));
		tenure->type = WW_HOLDER_THREAD;
		return;
	}
	if (!bpf_map_lookup_elem(&ww_held, &request))
		bpf_map_update_elem(&ww_held, &request, r->account.method, BPF_ANY);
	tenure->who.words[0] = request;
	tenure->who.words[1] = 0;
	tenure->type = WW_HOLDER_REQUEST;
}

/*
 * The running task wakes the thread, one of its own process: it had the lock, since its own wait for it ended, if it
 * had waited for it. Before that those had it who had it in that wait: or else, where several wait, it would look as if
 * each had waited for the one in front of it only, however short that had it. What a thread does for the waiting
 * request itself is no one else's.
 */
static __noinline void ww_lock_ended(struct ww_thread *t, struct task_struct *by, u64 now)
{
	struct pt_regs *regs = ww_task_regs(by);
	if ((s64)WW_REGS_NR(regs) != WW_SYS_FUTEX || WW_FUTEX_PLACE(WW_REGS_ARG1(regs)) != t->futex)
		return;
	struct ww_thread *waker = ww_thread_get(by);
	ww_lock_holder(&t->tenures[0], by, waker);
	t->tenures[0].from = 0;
	t->tenures_len = 1;
	t->lock = t->futex;
	t->lock_at = now;
	if (t->tenures[0].type == WW_HOLDER_REQUEST && t->tenures[0].who.request == t->ref)
		t->tenures[0].type = WW_HOLDER_NONE;
	if (!waker || waker->lock != t->futex || !waker->tenures_len)
		return;
	t->tenures[0].from = waker->lock_at;
#pragma unroll
	for (u32 i = 1; i < WW_TENURES; i++) {
		if (i > waker->tenures_len)
			break;
		t->tenures[i] = waker->tenures[i - 1];
		t->tenures_len = i + 1;
	}
}

#endif
