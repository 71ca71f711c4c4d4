// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Unix sockets tell nobody when they are made or closed. Those that are there before observation, in mid-message
 * perhaps, are walked once, as far as they are of user space's network namespace. With every sweep all connections that
 * have a state are walked, so that a request whose socket is gone is found.
 */
#include "cause.bpf.h"
#include "conn.bpf.h"

/* Number of the walk. */
__u32 ww_unix_walk __weak = 0;

#define WW_WALK_PIPELINED 512 /* requests of one connection marked in a walk, some at a time: see WW_PIPELINED_SOME */
#define WW_WALK_SOME	  16

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

/*
 * The same before 2c860a43dd77 ("bpf: af_unix: Implement BPF iterator for UNIX domain socket", 5.15): among the files
 * that tasks have open, of all namespaces.
 */
SEC("?iter/task_file")
int ww_unix_before_files(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != WW_TCP_ESTABLISHED ||
	    !BPF_CORE_READ((struct unix_sock *)sk, addr))
		return 0;
	struct ww_conn *conn = ww_conn_make(sk);
	if (conn && conn->role == WW_ROLE_UNKNOWN)
		conn->role = WW_ROLE_SERVER;
	if (conn && conn->role == WW_ROLE_SERVER && conn->protocol == WW_PROTOCOL_NEW)
		conn->unseen = 1;
	return 0;
}

/* Marks some, from `ref` on: returns where it stands then, or 0. */
WW_GLOBAL2(ww_ref, ww_requests_swept_some, C, conn, N, ref)
{
	if (!conn)
		return 0;
	for (u32 i = 0; i < WW_WALK_SOME; i++) {
		struct ww_request *r = ww_request_get(ref);
		if (r) {
			r->swept = ww_unix_walk;
			ref = r->next;
			continue;
		}
		/* It may have been answered just now: those behind it are not closed for that. */
		ww_ref first = conn->first;
		if (!ref || ref == first)
			return 0;
		ref = first;
	}
	return ref;
}

static __always_inline void ww_requests_swept(struct ww_conn *conn)
{
	ww_ref ref = conn->first;
	for (u32 i = 0; i < WW_WALK_PIPELINED / WW_WALK_SOME && ref; i++)
		ref = ww_requests_swept_some(conn, ref);
}

SEC("iter/bpf_sk_storage_map")
int ww_unix_open(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct ww_conn *conn = ctx->value;
	/* While the client holds its end, a closed one is kept. */
	if (sk && conn && sk->__sk_common.skc_family == AF_UNIX && sk->__sk_common.skc_state == WW_TCP_ESTABLISHED &&
	    conn->role == WW_ROLE_SERVER)
		ww_requests_swept(conn);
	return 0;
}

/* The same, of state that is kept by hand. */
SEC("?iter/bpf_map_elem")
int ww_unix_open_hashed(struct bpf_iter__bpf_map_elem *ctx)
{
	const u64 *key = ctx->key;
	struct ww_conn *conn = ctx->value;
	if (!key || !conn)
		return 0;
	struct sock *sk = (struct sock *)*key;
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) == WW_TCP_ESTABLISHED && conn->role == WW_ROLE_SERVER)
		ww_requests_swept(conn);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
