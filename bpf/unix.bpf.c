// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Unix sockets tell nobody when they are made. Those that are there before observation, in mid-message perhaps, are
 * walked once, as far as they are of user space's network namespace.
 */
#include "cause.bpf.h"
#include "conn.bpf.h"

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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
