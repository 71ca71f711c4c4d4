// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ends accounts that no event ends: a unix socket is closed, or a process dies, without a trace point that says so.
 * User space runs these about once a second: one lists accounts that nothing has happened to for a while, the other
 * ends those that user space found to be over. They are attached to nothing: a raw tracepoint's program can be run by
 * itself from 5.10 on, and may use the stack of free slots, which those of type syscall must not in 6.1.
 */
#include "job.bpf.h"
#include "unix.bpf.h"
#include "whywait/sweep.h"

struct ww_look {
	struct ww_sweep_list *list;
	const struct ww_sweep_find *find;
};

/* A message that was handed on, and that nobody has taken: nothing was charged to it. */
static __always_inline bool ww_sweep_untaken(const struct ww_request *r)
{
	return r->message && r->state == WW_STATE_READY && r->mark == r->account.start_ns;
}

static long ww_sweep_look(u32 index, void *context)
{
	struct ww_look *look = context;
	struct ww_sweep_list *list = look->list;
	const struct ww_sweep_find *find = look->find;
	u32 slot = find->from + index;
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	u32 n = list->len;
	if (!r || n >= WW_SWEEP_MAX)
		return 1;
	list->next = slot + 1;
	if (!r->live)
		return 0;
	bool closed = ww_unix_is_closed(r);
	if (!closed && r->mark > find->older_than)
		return 0;
	struct ww_sweep_orphan *o = &list->found[n];
	o->id = r->account.id;
	o->tgid = r->account.tgid;
	o->slot = slot;
	o->closed = closed;
	/* Work of an event loop that answered nobody: a background task's. */
	o->nobodys = (r->anonymous && r->mark < find->anonymous_older_than) ||
		     (r->mark < find->untaken_older_than && ww_sweep_untaken(r));
	list->len = n + 1;
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_sweep_list);
} ww_sweeps SEC(".maps");

#define WW_SWEEP_TURNS	128
#define WW_SWEEP_BLOCKS 512 /* of so many turns: as many as there may be requests */

/* Number `turn` of the turns: slots are looked at until one returns other than 0. */
__weak int ww_sweep_plain(u32 turn)
{
	u32 zero = 0;
	struct ww_cell *cell = ww_cell_of(WW_CELL_SWEEP);
	struct ww_sweep_find find;
	struct ww_look look = {.list = bpf_map_lookup_elem(&ww_sweeps, &zero), .find = &find};
	if (!cell || !look.list)
		return 1;
	ww_cell_take(cell, find);
	return ww_sweep_look(turn, &look);
}

__weak int ww_sweep_plains(u32 block)
{
	for (u32 i = 0; i < WW_SWEEP_TURNS; i++) {
		if (ww_sweep_plain(block * WW_SWEEP_TURNS + i))
			return 1;
	}
	return 0;
}

SEC("raw_tp")
int ww_sweep_find(struct ww_sweep_find *args)
{
	u32 zero = 0;
	struct ww_sweep_find find = *args;
	struct ww_look look = {.list = bpf_map_lookup_elem(&ww_sweeps, &zero), .find = &find};
	if (!look.list)
		return 0;
	look.list->len = 0;
	look.list->next = ww_max_requests;
	if (ww_without_loop)
		WW_TURNS(WW_CELL_SWEEP, find, WW_SWEEP_BLOCKS, ww_sweep_plains(turn_));
	else
		bpf_loop(ww_max_requests, ww_sweep_look, &look, 0);
	return 0;
}

SEC("raw_tp")
int ww_job_part(void *ctx)
{
	if (!ww_by_hand)
		ww_job_shows();
	return 0;
}

SEC("raw_tp")
int ww_sweep_end(struct ww_sweep_end *args)
{
	u32 slot = args->slot;
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	if (!r || r->account.id != args->id || !r->live || (args->closed && !ww_unix_is_closed(r)))
		return 0;
	if (r->anonymous) {
		ww_request_free(r);
		return 0;
	}
	if (ww_sweep_untaken(r)) {
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		ww_request_free(r);
		return 0;
	}
	if (!r->account.method[0]) {
		ww_count(WW_COUNT_HEAD_ABANDONED);
		ww_request_free(r);
		return 0;
	}
	/* A program that charges it may have been stopped in the middle. */
	if (r->goroutine && !ww_hold_to_end(r, bpf_ktime_get_ns()))
		return 0;
	if (r->account.flags & WW_FLAG_UNTIL_CLOSE && r->sent.end_ns) {
		ww_snapshot_restore(r);
	} else {
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, bpf_ktime_get_ns());
		r->account.flags |= WW_FLAG_ABORTED;
	}
	ww_request_close(r);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
