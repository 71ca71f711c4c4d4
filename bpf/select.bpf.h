/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SELECT of the command line, asked once a connection; and the count of those that can't be read.
 */
#ifndef WHYWAIT_SELECT_H
#define WHYWAIT_SELECT_H

#include "storage.bpf.h"

struct ww_comm_key {
	char comm[WW_COMM];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u8);
} ww_selected_pids SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct ww_comm_key);
	__type(value, u8);
} ww_selected_comms SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u16);
	__type(value, u8);
} ww_selected_ports SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, u8);
} ww_selected_cgroups SEC(".maps") __weak;

/* Levels of the cgroup hierarchy that are looked at, from its root on; container engines nest about ten. */
#define WW_CGROUP_LEVELS 24

/* The id of the cgroup at that level above the current task, or its own; 0: the task's is not so deep. */
static __always_inline u64 ww_cgroup_at(int level)
{
	u64 id = 0;
	if (!ww_by_hand)
		return bpf_get_current_ancestor_cgroup_id(level);
	struct cgroup *cgroup = BPF_CORE_READ(ww_current(), cgroups, dfl_cgrp);
	if (level > BPF_CORE_READ(cgroup, level) || !bpf_core_field_exists(struct cgroup, ancestor_ids))
		return 0;
	bpf_probe_read_kernel(&id, sizeof(id),
			      (const char *)cgroup + bpf_core_field_offset(struct cgroup, ancestor_ids) +
				      level * sizeof(id));
	return id;
}

/*
 * Whether the current task's cgroup or one above it is selected: so cgroups that are made later are, too, below one
 * that is. A global function: the verifier looks at its loop once, not at every place that asks.
 */
__weak __noinline int ww_cgroup_selected(void)
{
	for (int level = 0; level < WW_CGROUP_LEVELS; level++) {
		u64 cgroup = ww_cgroup_at(level);

		/* The task's own cgroup was the last one. */
		if (!cgroup)
			return false;
		if (bpf_map_lookup_elem(&ww_selected_cgroups, &cgroup))
			return true;
	}
	return false;
}

/* Whether the current task is observed, on whatever port: every kind of property given must match. */
static __always_inline bool ww_selected_process(void)
{
	if (ww_select_by_pid) {
		u32 tgid = bpf_get_current_pid_tgid() >> 32;
		if (!bpf_map_lookup_elem(&ww_selected_pids, &tgid))
			return false;
	}
	if (ww_select_by_cgroup && !ww_cgroup_selected())
		return false;
	if (ww_select_by_comm) {
		struct ww_comm_key key = {};
		bpf_get_current_comm(key.comm, sizeof(key.comm));
		if (!bpf_map_lookup_elem(&ww_selected_comms, &key))
			return false;
	}
	return true;
}

/* Whether the current task's connections on this port are. */
static __always_inline bool ww_selected(u16 port)
{
	if (ww_select_any)
		return true;
	if (ww_select_by_port && !bpf_map_lookup_elem(&ww_selected_ports, &port))
		return false;
	return ww_selected_process();
}

struct ww_unreadable_key {
	u16 port;
	u16 what; /* enum ww_unreadable */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ww_unreadable_key);
	__type(value, u64);
} ww_unreadable SEC(".maps") __weak;

static __always_inline void ww_unreadable_count(u16 port, u16 what)
{
	struct ww_unreadable_key key = {.port = port, .what = what};
	u64 one = 1;
	if (!ww_selected(port))
		return;
	u64 *count = bpf_map_lookup_elem(&ww_unreadable, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&ww_unreadable, &key, &one, BPF_NOEXIST);
}

#endif
