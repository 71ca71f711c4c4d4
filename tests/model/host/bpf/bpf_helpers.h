/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stands in for libbpf's header of this name when the BPF sources are compiled as ordinary C: what they call is
 * implemented by tests/model/kernel.c. Maps keep their declarations; kernel.c finds their sizes in them.
 */
#ifndef WHYWAIT_HOST_BPF_HELPERS_H
#define WHYWAIT_HOST_BPF_HELPERS_H

#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
/* Each object has maps, and a license, of the same names: the linker keeps one. */
#define SEC(name)	  __attribute__((weak))
#define __always_inline	  inline __attribute__((always_inline))
#define __noinline	  __attribute__((noinline))
#define __weak		  __attribute__((weak))
#define __ksym
#define barrier()	 __asm__ volatile("" ::: "memory")
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#define offsetof(t, m)	 __builtin_offsetof(t, m)
#ifndef NULL
#define NULL ((void *)0)
#endif

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_map_push_elem(void *map, const void *value, __u64 flags);
long bpf_map_pop_elem(void *map, void *value);
void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags);
void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags);
long bpf_ringbuf_output(void *map, void *data, __u64 size, __u64 flags);
void *bpf_ringbuf_reserve(void *map, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
__u64 bpf_ringbuf_query(void *map, __u64 flags);
long bpf_loop(__u32 turns, long (*step)(__u32 index, void *context), void *context, __u64 flags);

__u64 bpf_ktime_get_ns(void);
__u32 bpf_get_prandom_u32(void);
long bpf_get_stack(void *context, void *to, __u32 size, __u64 flags);
long bpf_get_task_stack(struct task_struct *task, void *to, __u32 size, __u64 flags);
__u64 bpf_get_current_pid_tgid(void);
__u64 bpf_get_current_cgroup_id(void);
__u64 bpf_get_attach_cookie(void *ctx);
__u64 bpf_get_current_ancestor_cgroup_id(int level);
long bpf_get_current_comm(void *comm, __u32 size);
__u32 bpf_get_smp_processor_id(void);
struct task_struct *bpf_get_current_task_btf(void);
__u64 bpf_get_current_task(void);
long bpf_task_pt_regs(struct task_struct *task);
long bpf_probe_read_kernel(void *to, __u32 size, const void *from);
long bpf_probe_read_user(void *to, __u32 size, const void *from);
struct tcp_sock *bpf_skc_to_tcp_sock(void *sk);
struct unix_sock *bpf_skc_to_unix_sock(void *sk);

#endif
