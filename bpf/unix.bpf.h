/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether the unix socket that a request came on is still there: no event tells that one is closed. Its structure is
 * looked at, of which the memory may have been given back, and be another socket's: a socket that is closed has
 * TCP_CLOSE until then (unix_release_sock()), and one that is open has the number of an inode that no other has.
 */
#ifndef WHYWAIT_UNIX_H
#define WHYWAIT_UNIX_H

#include "conn.bpf.h"

static __always_inline u64 ww_unix_inode(u64 sock)
{
	struct sock *sk = (struct sock *)sock;
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

/*
 * Another CPU that looks just now may see the request that had the slot before, or a half of each: who goes by it asks
 * once more (ww_sweep_end).
 */
static __always_inline void ww_unix_note(struct ww_request *r, const struct ww_conn *conn)
{
	r->inode = ww_unix_inode(conn->sock);
	r->sock = r->inode ? conn->sock : 0;
}

static __always_inline bool ww_unix_is_closed(const struct ww_request *r)
{
	struct sock *sk = (struct sock *)r->sock;
	return sk &&
	       (BPF_CORE_READ(sk, __sk_common.skc_state) != WW_TCP_ESTABLISHED || ww_unix_inode(r->sock) != r->inode);
}

#endif
