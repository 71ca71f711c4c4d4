// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Unix sockets tell nobody when they are made or closed. Those that are there before observation, in mid-message
 * perhaps, are walked once, as far as they are of user space's network namespace. With every sweep all connections that
 * have a state are walked, so that a request whose socket is gone is found.
 */
#include "conn.bpf.h"

/* Number of the walk. */
__u32 ww_unix_walk __weak = 0;

#define WW_WALK_PIPELINED 512 /* requests of one connection marked in a walk */

SEC("iter/unix")
int ww_unix_before(struct bpf_iter__unix *ctx)
{
	struct unix_sock *u = ctx->unix_sk;
	if (!u)
		return 0;
	struct sock *sk = &u->sk;
	struct ww_conn *conn = ww_conn_get(sk);
	if (!conn)
		conn = ww_conn_of_server(sk);
	if (conn && conn->role == WW_ROLE_SERVER && conn->protocol == WW_PROTOCOL_NEW)
		conn->unseen = 1;
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int ww_unix_open(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct ww_conn *conn = ctx->value;
	/* While the client holds its end, a closed one is kept. */
	if (!sk || !conn || sk->__sk_common.skc_family != AF_UNIX || sk->__sk_common.skc_state != WW_TCP_ESTABLISHED ||
	    conn->role != WW_ROLE_SERVER)
		return 0;
	ww_ref ref = conn->first;
	for (u32 i = 0; i < WW_WALK_PIPELINED; i++) {
		struct ww_request *r = ww_request_get(ref);
		if (r) {
			r->swept = ww_unix_walk;
			ref = r->next;
			continue;
		}
		/* It may have been answered just now: those behind it are not closed for that. */
		ww_ref first = conn->first;
		if (!ref || ref == first)
			break;
		ref = first;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
