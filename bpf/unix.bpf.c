// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Unix sockets tell nobody when they are made or closed. User space walks those of its network namespace instead: once
 * before observation, so that connections in mid-message are known as such, and with every sweep, so that a request
 * whose socket is gone is found.
 */
#include "conn.bpf.h"

/* Number of the walk; 0 is the one before observation. */
__u32 ww_unix_walk __weak = 0;

#define WW_WALK_PIPELINED 512 /* requests of one connection marked in a walk */

SEC("iter/unix")
int ww_unix_socket(struct bpf_iter__unix *ctx)
{
	struct unix_sock *u = ctx->unix_sk;
	if (!u)
		return 0;
	struct sock *sk = &u->sk;
	struct ww_conn *conn = bpf_sk_storage_get(&ww_conns, sk, NULL, 0);
	if (!ww_unix_walk) {
		if (!conn)
			conn = ww_conn_of_server(sk);
		if (conn && conn->role == WW_ROLE_SERVER && conn->protocol == WW_PROTOCOL_NEW)
			conn->unseen = 1;
		return 0;
	}
	if (!conn || conn->role != WW_ROLE_SERVER)
		return 0;
	ww_ref ref = conn->first;
	for (u32 i = 0; i < WW_WALK_PIPELINED; i++) {
		struct ww_request *r = ww_request_get(ref);
		if (!r)
			break;
		r->swept = ww_unix_walk;
		ref = r->next;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
