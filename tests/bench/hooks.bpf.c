// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs that do nothing, on the hooks that whywait's run on: what the kernel takes to call any program there, which
 * no observer on these hooks can go below.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define HOOK(name)                                                                                                     \
	SEC("tp_btf/" #name)                                                                                           \
	int on_##name(void *ctx)                                                                                       \
	{                                                                                                              \
		(void)ctx;                                                                                             \
		return 0;                                                                                              \
	}

HOOK(sched_switch)
HOOK(sched_waking)
HOOK(sk_data_ready)
HOOK(sock_recv_length)
HOOK(sock_send_length)
HOOK(inet_sock_set_state)
HOOK(tcp_destroy_sock)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
