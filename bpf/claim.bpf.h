/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one CPU of several gets: a request's end, a connection's turn. Words of memory are swapped for that since
 * 5ffa25502b5a ("bpf: Add instructions for atomic_[cmp]xchg", 5.12). Before, who adds a key to a hash table, or takes
 * it out, is the one.
 */
#ifndef WHYWAIT_CLAIM_H
#define WHYWAIT_CLAIM_H

#include "storage.bpf.h"

#define WW_CLAIMS 1024 /* beside one for each request: turns at one moment */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_CLAIMS);
	__type(key, u64); /* a request's slot, a connection's socket */
	__type(value, u8);
} ww_claims SEC(".maps") __weak;

static __always_inline bool ww_claim_add(u64 key)
{
	u8 one = 1;
	return !bpf_map_update_elem(&ww_claims, &key, &one, BPF_NOEXIST);
}

static __always_inline bool ww_claim_take(u64 key)
{
	return !bpf_map_delete_elem(&ww_claims, &key);
}

/* The next number of a counter. By hand, two CPUs may draw the same one at the same moment. */
#define ww_next(counter) (ww_by_hand ? (*(counter))++ : __sync_fetch_and_add(counter, 1))

#endif
