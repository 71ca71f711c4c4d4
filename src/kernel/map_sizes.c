/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/map_sizes.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "whywait.skel.h"

#define DEFAULT_REQUESTS     4096
#define DEFAULT_PEERS	     4096
#define DEFAULT_ACCOUNT_RING (4u << 20)
#define DEFAULT_DETAIL_RING  (1u << 20)
#define DEFAULT_TRAFFIC_RING (4u << 20)
#define MOST_REQUESTS	     65536 /* a slot has 16 bits in a reference */

static void settings_set(struct whywait_bpf *bpf, const struct ww_observer_options *options)
{
	const struct ww_select *select = &options->select;

	bpf->rodata->ww_segments_over_ns = options->segments_over_ns;
	bpf->rodata->ww_segments_one_in = options->segments_one_in;
	bpf->rodata->ww_select_any =
		!(select->pids_len || select->comms_len || select->ports_len || select->cgroups_len);
	bpf->rodata->ww_select_by_pid = select->pids_len > 0;
	bpf->rodata->ww_select_by_comm = select->comms_len > 0;
	bpf->rodata->ww_select_by_port = select->ports_len > 0;
	bpf->rodata->ww_select_by_cgroup = select->cgroups_len > 0;
}

/* What nothing is put into has the room of one. */
static int unused_set(struct whywait_bpf *bpf, const struct ww_observer_options *options)
{
	int err = options->select.pids_len ? 0 : bpf_map__set_max_entries(bpf->maps.ww_selected_pids, 1);

	struct bpf_map *const of_promises[] = {bpf->maps.ww_v8s, bpf->maps.ww_promises};
	for (size_t i = 0; !err && !options->promises && i < sizeof(of_promises) / sizeof(of_promises[0]); i++)
		err = bpf_map__set_max_entries(of_promises[i], 1);

	struct bpf_map *const of_queues[] = {bpf->maps.ww_queue_parents, bpf->maps.ww_queue_pipes,
					     bpf->maps.ww_queue_handed, bpf->maps.ww_takers};
	for (size_t i = 0; !err && !options->queues && i < sizeof(of_queues) / sizeof(of_queues[0]); i++)
		err = bpf_map__set_max_entries(of_queues[i], 1);
	return err;
}

int ww_map_sizes__set(struct whywait_bpf *bpf, const struct ww_observer_options *options)
{
	uint32_t requests = options->max_requests ? options->max_requests : DEFAULT_REQUESTS;
	uint32_t peers = options->max_peers ? options->max_peers : DEFAULT_PEERS;
	uint32_t ring = options->account_ring ? options->account_ring : DEFAULT_ACCOUNT_RING;
	uint32_t traffic = options->traffic_ring ? options->traffic_ring : DEFAULT_TRAFFIC_RING;
	int cpus = libbpf_num_possible_cpus();

	if (requests > MOST_REQUESTS)
		return -EINVAL;
	/* Each CPU may keep a free slot back for itself (ww_freed_slot). */
	requests += cpus > 1 ? (uint32_t)cpus - 1 : 0;
	if (requests > MOST_REQUESTS)
		requests = MOST_REQUESTS;
	bpf->rodata->ww_max_requests = requests;
	bpf->rodata->ww_max_peers = peers;
	bpf->rodata->ww_account_wakeup = ring / 4;
	bpf->rodata->ww_handoffs_off = options->no_handoffs;
	bpf->rodata->ww_traffic_thin = options->no_operations ? 0 : traffic / 4 * 3;
	settings_set(bpf, options);

	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{bpf->maps.ww_requests, requests},
		{bpf->maps.ww_free_slots, requests},
		{bpf->maps.ww_free_peers, peers},
		{bpf->maps.ww_claims, requests + bpf_map__max_entries(bpf->maps.ww_claims)},
		{bpf->maps.ww_peer_list, peers},
		{bpf->maps.ww_peer_index, peers},
		/* One for each account, and what is kept of those that had to make room. */
		{bpf->maps.ww_promises, 2 * requests},
		{bpf->maps.ww_accounts, ring},
		{bpf->maps.ww_traffics, options->no_operations ? 4096 : traffic},
		{bpf->maps.ww_details, options->detail_ring ? options->detail_ring : DEFAULT_DETAIL_RING},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);

		if (err)
			return err;
	}
	return unused_set(bpf, options);
}
