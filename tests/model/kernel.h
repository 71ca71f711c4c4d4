/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A kernel small enough to drive by hand: tasks, sockets, a clock, user memory and BPF maps for the sources of bpf/,
 * compiled as ordinary C. A test sets the state up and calls the programs as the kernel's hooks would. Include it in
 * front of the C library's headers: the kernel's types have names of theirs.
 */
#ifndef WHYWAIT_MODEL_KERNEL_H
#define WHYWAIT_MODEL_KERNEL_H

#include "claim.bpf.h"
#include "collector.bpf.h"
#include "head.bpf.h"
#include "loop.bpf.h"
#include "maps.bpf.h"
#include "message.bpf.h"
#include "peer.bpf.h"
#include "whywait/sweep.h"

#define HOST_CPUS 4
#define HOST_FDS  5
#define HOST_USER                                                                                                      \
	0x100000000ull /* address of the user memory, which all tasks share; a message lies in the part of the CPU     \
			  that moves it */
#define HOST_USER_SIZE 65536
#define HOST_MAX_PEERS 16

enum host_fd { HOST_FD_SOCKET, HOST_FD_PIPE, HOST_FD_FILE, HOST_FD_EVENT, HOST_FD_NONE };

struct host_task {
	struct task_struct task;
	struct pt_regs regs;
	struct signal_struct signal;
	struct {
		struct pid pid;
		struct upid own;
	} id;
	u64 cgroup;
	char comm[WW_COMM];
};

struct host_sock {
	struct unix_sock unix_sock; /* its struct sock comes first */
	struct tcp_sock tcp;
	struct socket socket; /* what a thread has of it, once it has accepted */
	struct file file;
	struct inode inode;
	struct {
		struct unix_address address;
		struct sockaddr_un name;
	} path;
	bool is_tcp;
};

/* The way in which a syscall gives its message. */
enum host_syscall {
	HOST_BUFFER,	 /* read, write, recvfrom, sendto */
	HOST_VECTOR,	 /* readv, writev */
	HOST_HEADER,	 /* recvmsg, sendmsg */
	HOST_UNREADABLE, /* sendfile and the like */
	HOST_SYSCALLS
};

/* What fails: one in so many; 0: never. */
struct host_faults {
	u32 user_read;
	u32 storage;
	u32 account_ring;
	u32 detail_ring;
	u32 traffic_ring;
	u32 map_update;
};

struct host {
	u64 now;
	u32 cpu;
	struct host_task *current[HOST_CPUS]; /* NULL: idle */
	struct host_task idle;
	struct host_faults faults;
	u64 random;
	u8 user[HOST_CPUS * HOST_USER_SIZE];
	/* What another CPU does meanwhile: called within the helpers that programs call, one time in so many. */
	void (*meanwhile)(void);
	u32 meanwhile_one_in;
	bool is_meanwhile;
	/* Where finished records go. */
	void (*account)(const struct ww_account *account, u64 size);
	void (*segments)(const struct ww_segments *line, u64 size);
	void (*traffic)(const struct ww_traffic *record, u64 size);
};

extern struct host host;

/* The settings, which here can be written at any time. */
extern volatile __u32 host_max_requests __asm__("ww_max_requests");
extern volatile _Bool host_preemptible __asm__("ww_preemptible");
extern volatile _Bool host_by_hand __asm__("ww_by_hand");
extern volatile _Bool host_without_loop __asm__("ww_without_loop");
extern volatile __u64 host_segments_over_ns __asm__("ww_segments_over_ns");

/* A kernel that has just been booted, with whywait loaded: empty maps, `requests` slots. */
void host_boot(u32 requests, u64 seed);

/* Frees what the maps hold. */
void host_shut_down(void);

u64 host_draw(u64 below);

/* A number of a counter, over all CPUs. */
u64 host_counter(u32 counter);

/* Slots that can be handed out: how often each is on the stack or in a CPU's cell, in times[]. */
void host_free_slots(u32 *times);

/* What the last sweep found. */
const struct ww_sweep_list *host_sweeps(void);

/* The value of an array, hash or LRU map's element; NULL when there is none. */
void *host_map_value(void *map, const void *key);

void host_task_init(struct host_task *task, u32 tgid, u32 tid);
void host_task_end(struct host_task *task); /* frees its storage */
void host_tcp_init(struct host_sock *sock, u16 port, u16 peer_port);
void host_unix_init(struct host_sock *sock, const char *path, struct host_sock *peer);
void host_sock_accepted(struct host_sock *sock); /* a thread has a file of it, whose inode no other has */
void host_sock_end(struct host_sock *sock);	 /* frees its storage */

/* As ww_request_get(), with nothing meanwhile. */
struct ww_request *host_request(ww_ref ref);

struct ww_thread *host_thread(struct host_task *task); /* NULL: none */
struct ww_conn *host_conn(struct host_sock *sock);     /* NULL: none */

/* Puts the message into user memory, and the syscall into the registers, of the current task. */
void host_syscall(enum host_syscall how, bool send, const void *bytes, u64 len, u64 room);

/* The programs, as the hooks call them. */
int ww_sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state);
int ww_sched_waking(struct task_struct *p);
int ww_sched_process_fork(struct task_struct *parent, struct task_struct *child);
int ww_sched_process_exec(struct task_struct *p);
int ww_sched_process_exit(struct task_struct *p);
int ww_sk_data_ready(struct sock *sk);
int ww_sock_recv_length(struct sock *sk, int len, int flags);
int ww_sock_send_length(struct sock *sk, int len, int flags);
int ww_sock_recv_length_again(struct sock *sk, int len, int flags);
int ww_sock_send_length_again(struct sock *sk, int len, int flags);
int ww_inet_sock_set_state(struct sock *sk, int from, int to);
int ww_tcp_destroy_sock(struct sock *sk);
int ww_sched_process_free(struct task_struct *p);
int ww_inet_sock_destruct(struct sock *sk);
int ww_gc_begin(struct pt_regs *ctx);
int ww_gc_end(struct pt_regs *ctx);
int ww_gc_part_begin(struct pt_regs *ctx);
int ww_gc_part_end(struct pt_regs *ctx);
int ww_gc_clock(struct pt_regs *ctx);
int ww_gc_step_leave(struct pt_regs *ctx);
int ww_gc_enter(struct pt_regs *ctx);
int ww_gc_leave(struct pt_regs *ctx);
int ww_stop_begin(struct pt_regs *ctx);
int ww_stop_end(struct pt_regs *ctx);
int ww_pause_begin(struct pt_regs *ctx);
int ww_pause_end(struct pt_regs *ctx);
int ww_part_first(struct pt_regs *ctx);
int ww_part_last(struct pt_regs *ctx);
int ww_stop_left(struct pt_regs *ctx);
int ww_assist_begin(struct pt_regs *ctx);
int ww_assist_end(struct pt_regs *ctx);
int ww_unix_before(struct bpf_iter__unix *ctx);
int ww_sweep_find(struct ww_sweep_find *args);
int ww_sweep_end(struct ww_sweep_end *args);

#endif
