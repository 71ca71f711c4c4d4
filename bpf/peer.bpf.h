/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses, interned: a connection names its peer by a small index, so that no record carries an address. Index 0 is
 * "not known".
 */
#ifndef WHYWAIT_PEER_H
#define WHYWAIT_PEER_H

#include "storage.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct ww_peer);
	__type(value, u32);
} ww_peer_index SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_peer);
} ww_peer_list SEC(".maps") __weak;

__u32 ww_peer_count __weak = 1; /* index that the next new address gets */

/* Instead, where such a number can't be drawn (claim.bpf.h): the indexes that no address has yet. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, u32);
} ww_free_peers SEC(".maps") __weak;

static __always_inline u16 ww_swap16(u16 v)
{
	return v >> 8 | v << 8;
}

/* Copies an address as struct ww_peer wants it: v4-mapped v6 as v4. */
static __always_inline void ww_peer_address(struct ww_peer *peer, const struct in6_addr *v6, __be32 v4, u16 family)
{
	peer->family = family;
	if (family == AF_INET) {
		__builtin_memcpy(peer->addr, &v4, sizeof(v4));
		return;
	}
	__builtin_memcpy(peer->addr, v6, sizeof(peer->addr));
	u64 *words = (u64 *)v6;
	if (words[0] == 0 && (u32)words[1] == 0xffff0000u) {
		u32 mapped = words[1] >> 32;
		__builtin_memset(peer->addr, 0, sizeof(peer->addr));
		__builtin_memcpy(peer->addr, &mapped, sizeof(mapped));
		peer->family = AF_INET;
	}
}

/* The path of a bound unix socket; false when it has no name. */
static __always_inline bool ww_peer_unix(struct ww_peer *peer, struct unix_sock *u)
{
	struct unix_address *address = BPF_CORE_READ(u, addr);
	if (!address)
		return false;
	int len = BPF_CORE_READ(address, len);
	len -= sizeof(unsigned short);
	if (len <= 0)
		return false;
	peer->family = AF_UNIX;
	const char *path = (const char *)address + bpf_core_field_offset(struct unix_address, name) +
			   bpf_core_field_offset(struct sockaddr_un, sun_path);
	ww_copy(peer->path, path, len < WW_PEER_PATH - 1 ? len : WW_PEER_PATH - 1, WW_PEER_PATH - 1);
	if (peer->path[0] == 0) {
		/* an abstract name: any bytes, no NUL at the end */
		peer->path[0] = '@';
	}
	return true;
}

static __noinline u32 ww_peer_intern(struct ww_peer *peer)
{
	u32 *known = bpf_map_lookup_elem(&ww_peer_index, peer);
	if (known)
		return *known;
	u32 index = 0;
	if (ww_by_hand ? bpf_map_pop_elem(&ww_free_peers, &index) != 0 : ww_peer_count >= ww_max_peers) {
		ww_count(WW_COUNT_PEER_TABLE_FULL);
		return 0;
	}
	if (!ww_by_hand)
		index = __sync_fetch_and_add(&ww_peer_count, 1);
	struct ww_peer *slot = bpf_map_lookup_elem(&ww_peer_list, &index);
	if (!slot) {
		ww_count(WW_COUNT_PEER_TABLE_FULL);
		return 0;
	}
	*slot = *peer;
	if (bpf_map_update_elem(&ww_peer_index, peer, &index, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&ww_peer_index, peer); /* another CPU was first */
		return known ? *known : index;
	}
	return index;
}

#endif
