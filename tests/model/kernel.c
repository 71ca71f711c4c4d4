/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "aside.bpf.h"
#include "goroutine.bpf.h"
#include "executor.bpf.h"
#include "lock.bpf.h"
#include "registers.bpf.h"
#include "select.bpf.h"
#include "shared.bpf.h"
#include "syscalls.bpf.h"
#include "tasks.bpf.h"
#include "traffic.bpf.h"

struct host host;

extern struct ww_sweep_list_map {
	int (*type)[BPF_MAP_TYPE_ARRAY];
} ww_sweeps;

#define MAP_TYPE(map)			   (sizeof(*(map).type) / sizeof(int))
#define MAP(map, most)			   map_add(&(map), MAP_TYPE(map), sizeof(*(map).key), sizeof(*(map).value), most)
#define MAP_KEYLESS(map, value_size, most) map_add(&(map), MAP_TYPE(map), 0, value_size, most)

#define LEADERS 4 /* processes whose first thread is one of these, which does nothing but being it */

static struct host_task leaders[LEADERS];

static struct task_struct *leader_of(u32 tgid)
{
	u32 at = 0;
	while (at < LEADERS - 1 && leaders[at].task.tgid && (u32)leaders[at].task.tgid != tgid)
		at++;
	leaders[at].task.tgid = (int)tgid;
	leaders[at].task.group_leader = &leaders[at].task;
	return &leaders[at].task;
}

/* A task's registers are where its stack, of a kernel with KASAN, ends. */
static void registers_place(struct host_task *task)
{
	task->task.stack = (u8 *)(&task->regs + 1) - 2 * WW_STACK;
}

void host_boot(u32 requests, u64 seed)
{
	host_shut_down();
	memset(&host, 0, sizeof(host));
	memset(leaders, 0, sizeof(leaders));
	host.now = 1ull << 50;
	host.random = seed;
	registers_place(&host.idle);
	host.idle.task.group_leader = &host.idle.task;
	host_max_requests = requests;
	MAP(ww_threads, 1);
	MAP(ww_loops, 1);
	MAP(ww_collectors, 1);
	MAP(ww_collections, 4);
	MAP(ww_conns, 1);
	MAP(ww_requests, requests);
	MAP_KEYLESS(ww_free_slots, sizeof(u32), requests);
	MAP(ww_freed_slot, 1);
	MAP(ww_peer_index, HOST_MAX_PEERS);
	MAP(ww_peer_list, HOST_MAX_PEERS);
	MAP(ww_pythons, 16);
	MAP(ww_uvloops, 16);
	MAP(ww_executors, 16);
	MAP(ww_workers, 16);
	MAP(ww_items, 64);
	MAP(ww_asides, 16);
	MAP(ww_forks, 16);
	MAP(ww_libuvs, 16);
	MAP(ww_v8s, 16);
	MAP(ww_interpreters, 16);
	MAP(ww_held, 16);
	MAP(ww_pools, 16);
	MAP(ww_gos, 16);
	MAP(ww_tasks, 4);
	MAP(ww_go_rooms, 1);
	MAP(ww_go_slots, 16);
	MAP(ww_go_crowds, 64);
	MAP(ww_tokio_rooms, 1);
	MAP(ww_tokio_tasks, 16);
	MAP(ww_tokio_walks, 1);
	MAP(ww_tokio_sents, 16);
	MAP(ww_carriers, 8);
	MAP(ww_promises, 8);
	MAP(ww_shareds, 4);
	MAP(ww_shared_blank, 1);
	MAP_KEYLESS(ww_accounts, 0, 0);
	MAP_KEYLESS(ww_details, 0, 0);
	MAP_KEYLESS(ww_traffics, 0, 0);
	MAP(ww_traffic_rooms, 1);
	MAP(ww_counters, WW_COUNTER_COUNT);
	MAP(ww_listening, 1024);
	MAP(ww_unreadable, 16);
	MAP(ww_selected_pids, 16);
	MAP(ww_selected_comms, 4);
	MAP(ww_selected_ports, 4);
	MAP(ww_selected_cgroups, 4);
	MAP(ww_windows, 2);
	MAP(ww_messages, 1);
	map_add(&ww_sweeps, BPF_MAP_TYPE_ARRAY, sizeof(u32), sizeof(struct ww_sweep_list), 1);
	MAP(ww_cells, WW_CELLS);
	MAP(ww_hashed_threads, 64);
	MAP(ww_hashed_loops, 64);
	MAP(ww_hashed_collectors, 64);
	MAP(ww_hashed_conns, 64);
	MAP(ww_blanks, 1);
	MAP(ww_claims, requests + 16);
	MAP_KEYLESS(ww_free_peers, sizeof(u32), HOST_MAX_PEERS);
	for (u32 slot = 0; slot < requests; slot++)
		map_push(&ww_free_slots, &slot);
	for (u32 peer = HOST_MAX_PEERS; --peer;)
		map_push(&ww_free_peers, &peer);
	ww_peer_count = 1;
}

void host_shut_down(void)
{
	if (maps_there())
		host_task_end(&host.idle);
	for (u32 at = 0; at < LEADERS && maps_there(); at++)
		host_task_end(&leaders[at]);
	maps_free();
}

/* splitmix64 */
u64 host_draw(u64 below)
{
	u64 z = host.random += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % below;
}

static bool fails(u32 one_in)
{
	return one_in && !host_draw(one_in);
}

u64 host_counter(u32 counter)
{
	u64 sum = 0;
	for (u32 cpu = 0; cpu < HOST_CPUS; cpu++)
		sum += *(u64 *)map_lookup(&ww_counters, &counter, cpu);
	return sum;
}

void host_free_slots(u32 *times)
{
	u32 slot = 0, zero = 0;
	memset(times, 0, host_max_requests * sizeof(*times));
	for (u32 at = 0; at < map_stacked(&ww_free_slots, at, &slot); at++)
		times[slot]++;
	for (u32 cpu = 0; cpu < HOST_CPUS; cpu++) {
		u32 freed = *(u32 *)map_lookup(&ww_freed_slot, &zero, cpu);
		if (freed)
			times[freed - 1]++;
	}
}

void *host_map_value(void *map, const void *key)
{
	return map_lookup(map, key, host.cpu);
}

const struct ww_sweep_list *host_sweeps(void)
{
	u32 zero = 0;
	return map_lookup(&ww_sweeps, &zero, host.cpu);
}

/* ---- tasks and sockets ---- */

void host_task_init(struct host_task *task, u32 tgid, u32 tid)
{
	static struct inode inodes[] = {{.i_mode = 0140000}, {.i_mode = 0010000}, {.i_mode = 0100000}, {.i_mode = 0}};
	static struct file files[] = {
		{.f_inode = &inodes[0]}, {.f_inode = &inodes[1]}, {.f_inode = &inodes[2]}, {.f_inode = &inodes[3]}};
	static struct file *fds[HOST_FDS] = {&files[0], &files[1], &files[2], &files[3], NULL};
	static struct fdtable table = {.max_fds = HOST_FDS, .fd = fds};
	static struct files_struct all = {&table};
	static struct cfs_rq queue;

	memset(task, 0, sizeof(*task));
	task->task.pid = tid;
	task->task.tgid = tgid;
	task->task.group_leader = leader_of(tgid);
	task->task.files = &all;
	registers_place(task);
	task->task.signal = &task->signal;
	task->task.se.cfs_rq = &queue;
	task->task.thread_pid = &task->id.pid;
	task->id.own.nr = tid;
	task->regs.WW_REG_NR = -1;
	task->cgroup = 7;
	snprintf(task->comm, sizeof(task->comm), "task%u", tid);
}

void host_task_end(struct host_task *task)
{
	storage_free(&task->task.bpf_storage);
	if (host_by_hand)
		ww_sched_process_free(&task->task);
}

void host_tcp_init(struct host_sock *sock, u16 port, u16 peer_port)
{
	struct sock *sk = &sock->unix_sock.sk;
	memset(sock, 0, sizeof(*sock));
	sock->is_tcp = true;
	sk->sk_type = SOCK_STREAM;
	sk->__sk_common.skc_family = AF_INET;
	sk->__sk_common.skc_num = port;
	sk->__sk_common.skc_dport = peer_port >> 8 | peer_port << 8;
	sk->__sk_common.skc_daddr = 0x0100007f;
	sock->tcp.rcv_nxt = sock->tcp.copied_seq = 0xfffffff0; /* soon wraps */
}

void host_unix_init(struct host_sock *sock, const char *path, struct host_sock *peer)
{
	struct sock *sk = &sock->unix_sock.sk;
	memset(sock, 0, sizeof(*sock));
	sk->sk_type = SOCK_STREAM;
	sk->__sk_common.skc_family = AF_UNIX;
	sk->__sk_common.skc_state = 1;
	sock->unix_sock.peer = peer ? &peer->unix_sock.sk : NULL;
	if (!path)
		return;
	snprintf(sock->path.name.sun_path, sizeof(sock->path.name.sun_path), "%s", path);
	sock->path.address.len = (int)(sizeof(unsigned short) + strlen(path) + 1);
	sock->unix_sock.addr = &sock->path.address;
}

void host_sock_accepted(struct host_sock *sock)
{
	static unsigned long inodes;
	sock->unix_sock.sk.sk_socket = &sock->socket;
	sock->socket.file = &sock->file;
	sock->file.f_inode = &sock->inode;
	sock->inode.i_ino = ++inodes;
}

void host_sock_end(struct host_sock *sock)
{
	if (!sock->is_tcp)
		sock->unix_sock.sk.__sk_common.skc_state = 7; /* TCP_CLOSE, as unix_release_sock() leaves it */
	storage_free(&sock->unix_sock.sk.sk_bpf_storage);
	if (host_by_hand)
		ww_inet_sock_destruct(&sock->unix_sock.sk);
}

struct ww_request *host_request(ww_ref ref)
{
	u32 slot = WW_SLOT(ref);
	struct ww_request *r = ref ? map_lookup(&ww_requests, &slot, host.cpu) : NULL;
	return r && r->account.id == ref && r->live ? r : NULL;
}

struct ww_thread *host_thread(struct host_task *task)
{
	u64 key = (u64)&task->task;
	if (host_by_hand)
		return map_lookup(&ww_hashed_threads, &key, host.cpu);
	return storage_get(&ww_threads, &task->task.bpf_storage, false);
}

struct ww_conn *host_conn(struct host_sock *sock)
{
	u64 key = (u64)&sock->unix_sock.sk;
	if (host_by_hand)
		return map_lookup(&ww_hashed_conns, &key, host.cpu);
	return storage_get(&ww_conns, &sock->unix_sock.sk.sk_bpf_storage, false);
}

/* ---- a message in user memory ---- */

static void user_write(u64 at, const void *bytes, u64 len)
{
	if (at + len <= HOST_USER_SIZE)
		memcpy(host.user + host.cpu * HOST_USER_SIZE + at, bytes, len);
}

/* The message lies behind the header and the vector; it is given in pieces of any size, some of them empty. */
void host_syscall(enum host_syscall how, bool send, const void *bytes, u64 len, u64 room)
{
	enum { HEADER = 0, VECTOR = 64, BYTES = 4096, MOST = (BYTES - VECTOR) / 16 };
	static const s32 numbers[HOST_SYSCALLS][2] = {[HOST_BUFFER] = {WW_SYS_RECVFROM, WW_SYS_SENDTO},
						      [HOST_VECTOR] = {WW_SYS_READV, WW_SYS_WRITEV},
						      [HOST_HEADER] = {WW_SYS_RECVMSG, WW_SYS_SENDMSG},
						      [HOST_UNREADABLE] = {WW_SYS_SPLICE, WW_SYS_SENDFILE}};
	struct host_task *task = host.current[host.cpu];
	u64 user = HOST_USER + host.cpu * HOST_USER_SIZE;
	u64 vector[MOST][2], at = user + BYTES, left = room, pieces = 0;

	/* A thread that a world shows on two CPUs may have ended on the other one. */
	if (!task)
		return;

	struct pt_regs *regs = &task->regs;

	user_write(BYTES, bytes, len);
	memset(regs, 0, sizeof(*regs));
	regs->WW_REG_NR = numbers[how][send];
	regs->WW_REG_ARG2 = at;
	regs->WW_REG_ARG3 = room;
	if (how == HOST_BUFFER || how == HOST_UNREADABLE)
		return;
	while (pieces < MOST - 1 && left) {
		u64 piece = host_draw(4) ? host_draw(1 + left) : host_draw(3);
		piece = piece < left ? piece : left;
		vector[pieces][0] = at;
		vector[pieces++][1] = piece;
		at += piece;
		left -= piece;
	}
	vector[pieces][0] = at;
	vector[pieces++][1] = left;
	user_write(VECTOR, vector, pieces * sizeof(vector[0]));
	regs->WW_REG_ARG2 = user + VECTOR;
	regs->WW_REG_ARG3 = pieces;
	if (how == HOST_VECTOR)
		return;
	u64 header[] = {0, 0, user + VECTOR, pieces};
	user_write(HEADER, header, sizeof(header));
	regs->WW_REG_ARG2 = user + HEADER;
	regs->WW_REG_ARG3 = 0;
}

/* ---- helpers ---- */

/* Programs run on all CPUs at once: in the middle of one, others run there. */
static void meanwhile(void)
{
	u32 cpu = host.cpu;
	if (!host.meanwhile || host.is_meanwhile || host_draw(host.meanwhile_one_in))
		return;
	host.is_meanwhile = true;
	host.meanwhile();
	host.is_meanwhile = false;
	host.cpu = cpu;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	meanwhile();
	return map_lookup(map, key, host.cpu);
}

long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	return fails(host.faults.map_update) ? -ENOMEM : map_update(map, key, value, flags);
}

long bpf_map_delete_elem(void *map, const void *key)
{
	return map_delete(map, key);
}

long bpf_map_push_elem(void *map, const void *value, __u64 flags)
{
	(void)flags;
	return map_push(map, value);
}

long bpf_map_pop_elem(void *map, void *value)
{
	return map_pop(map, value);
}

void *bpf_task_storage_get(void *map, struct task_struct *task, void *value, __u64 flags)
{
	(void)value;
	bool create = flags & BPF_LOCAL_STORAGE_GET_F_CREATE && !fails(host.faults.storage);
	return storage_get(map, &task->bpf_storage, create);
}

void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags)
{
	(void)value;
	struct sock *sock = sk;
	bool create = flags & BPF_LOCAL_STORAGE_GET_F_CREATE && !fails(host.faults.storage);
	return storage_get(map, &sock->sk_bpf_storage, create);
}

long bpf_ringbuf_output(void *map, void *data, __u64 size, __u64 flags)
{
	(void)flags;
	if (map == &ww_accounts) {
		if (fails(host.faults.account_ring))
			return -EAGAIN;
		if (host.account)
			host.account(data, size);
	} else if (map == &ww_details) {
		if (fails(host.faults.detail_ring))
			return -EAGAIN;
		if (host.segments)
			host.segments(data, size);
	} else {
		if (fails(host.faults.traffic_ring))
			return -EAGAIN;
		if (host.traffic)
			host.traffic(data, size);
	}
	return 0;
}

/* What is reserved has a record's old bytes, and lies behind its size. */
void *bpf_ringbuf_reserve(void *map, __u64 size, __u64 flags)
{
	(void)flags;
	if (map != &ww_traffics || fails(host.faults.traffic_ring))
		return NULL;
	u64 *reserved = malloc(sizeof(*reserved) + size);
	if (!reserved)
		abort();
	*reserved = size;
	memset(reserved + 1, 0xa5, size);
	return reserved + 1;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	(void)flags;
	u64 *reserved = (u64 *)data - 1;
	if (host.traffic)
		host.traffic(data, *reserved);
	free(reserved);
}

__u64 bpf_ringbuf_query(void *map, __u64 flags)
{
	(void)flags;
	return map == &ww_traffics && fails(host.faults.traffic_ring) ? ww_traffic_thin : 0;
}

long bpf_loop(__u32 turns, long (*step)(__u32 index, void *context), void *context, __u64 flags)
{
	(void)flags;
	/* Nobody comes to an end while one waits for it here. */
	if (host.is_meanwhile && turns > 5000)
		turns = 1;
	for (u32 i = 0; i < turns; i++) {
		if (step(i, context))
			return i + 1;
	}
	return turns;
}

/* Nothing is preempted here. */
void bpf_preempt_disable(void)
{
}

void bpf_preempt_enable(void)
{
}

__u32 bpf_get_prandom_u32(void)
{
	return 0;
}

long bpf_get_stack(void *context, void *to, __u32 size, __u64 flags)
{
	return 0;
}

long bpf_get_task_stack(struct task_struct *task, void *to, __u32 size, __u64 flags)
{
	return 0;
}

__u64 bpf_ktime_get_ns(void)
{
	meanwhile();
	return host.now;
}

struct task_struct *bpf_get_current_task_btf(void)
{
	struct host_task *current = host.current[host.cpu];
	return current ? &current->task : &host.idle.task;
}

__u64 bpf_get_current_task(void)
{
	return (u64)bpf_get_current_task_btf();
}

__u64 bpf_get_current_pid_tgid(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return (u64)task->tgid << 32 | (u32)task->pid;
}

/* Of the only unit that there is. */
__u64 bpf_get_attach_cookie(void *ctx)
{
	return 0;
}

__u64 bpf_get_current_cgroup_id(void)
{
	return ((struct host_task *)bpf_get_current_task_btf())->cgroup;
}

__u64 bpf_get_current_ancestor_cgroup_id(int level)
{
	return level == 1 ? bpf_get_current_cgroup_id() : 0;
}

long bpf_get_current_comm(void *comm, __u32 size)
{
	memcpy(comm, ((struct host_task *)bpf_get_current_task_btf())->comm, size < WW_COMM ? size : WW_COMM);
	return 0;
}

__u32 bpf_get_smp_processor_id(void)
{
	return host.cpu;
}

long bpf_task_pt_regs(struct task_struct *task)
{
	return (long)&((struct host_task *)task)->regs;
}

long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	memcpy(to, from, size);
	return 0;
}

/* What can't be read reads as zeros, and says so. */
long bpf_probe_read_user(void *to, __u32 size, const void *from)
{
	u64 at = (u64)from - HOST_USER;
	if (at >= sizeof(host.user) || size > sizeof(host.user) - at || fails(host.faults.user_read)) {
		memset(to, 0, size);
		return -EFAULT;
	}
	memcpy(to, host.user + at, size);
	return 0;
}

struct tcp_sock *bpf_skc_to_tcp_sock(void *sk)
{
	struct host_sock *sock = sk;
	return sock->is_tcp ? &sock->tcp : NULL;
}

struct unix_sock *bpf_skc_to_unix_sock(void *sk)
{
	struct host_sock *sock = sk;
	return sock->unix_sock.sk.__sk_common.skc_family == AF_UNIX ? &sock->unix_sock : NULL;
}
