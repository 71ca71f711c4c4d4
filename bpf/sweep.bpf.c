// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ends accounts that no event ends: a unix socket is closed, or a process dies, without a trace point that says so.
 * User space runs these about once a second: one lists accounts that nothing has happened to for a while, the other
 * ends those whose process user space found dead.
 */
#include "account.bpf.h"
#include "whywait/sweep.h"

static long ww_sweep_look(u32 index, void *context)
{
	struct ww_sweep_list *list = *(struct ww_sweep_list **)context;
	u32 slot = index;
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	if (!r)
		return 1;
	if (r->state == WW_STATE_FREE || r->mark > list->older_than)
		return 0;
	u32 n = list->len;
	if (n >= WW_SWEEP_MAX)
		return 1;
	list->found[n].id = r->account.id;
	list->found[n].tgid = r->account.tgid;
	list->found[n].slot = slot;
	list->len = n + 1;
	/* Work of an event loop that answered nobody: a background task's. */
	list->found[n].nobodys = r->anonymous && r->mark < list->anonymous_older_than;
	list->found[n].unix_until_close = !r->account.port && r->account.flags & WW_FLAG_UNTIL_CLOSE &&
					  r->sent.end_ns && r->state == WW_STATE_WAIT;
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_sweep_list);
} ww_sweeps SEC(".maps");

SEC("syscall")
int ww_sweep_find(struct ww_sweep_find *args)
{
	u32 zero = 0;
	struct ww_sweep_list *list = bpf_map_lookup_elem(&ww_sweeps, &zero);
	if (!list)
		return 0;
	list->len = 0;
	list->older_than = args->older_than;
	list->anonymous_older_than = args->anonymous_older_than;
	bpf_loop(ww_max_requests, ww_sweep_look, &list, 0);
	return 0;
}

SEC("syscall")
int ww_sweep_end(struct ww_sweep_end *args)
{
	u32 slot = args->slot;
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	if (!r || r->account.id != args->id || r->state == WW_STATE_FREE)
		return 0;
	if (r->anonymous) {
		ww_request_free(r);
		return 0;
	}
	if (!r->account.method[0]) {
		ww_count(WW_COUNT_HEAD_ABANDONED);
		ww_request_free(r);
		return 0;
	}
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
