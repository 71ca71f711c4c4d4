/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Short words for what happens on the small kernel, for tests that say it line by line. Times are ns; the clock stands
 * unless the test lets it go on.
 */
#ifndef WHYWAIT_MODEL_SCRIPT_H
#define WHYWAIT_MODEL_SCRIPT_H

#include "kernel.h"
#include "registers.bpf.h"
#include "syscalls.bpf.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define RECORDS 128

struct script {
	struct host_task threads[3];
	struct host_sock server, upstream;
	struct ww_account records[RECORDS];
	u32 records_len;
};

static struct script script;

static void script_record(const struct ww_account *account, u64 size)
{
	assert_true(script.records_len < RECORDS);
	memcpy(&script.records[script.records_len++], account, size);
}

/* A connection that port 8080 has accepted. */
static void script_accept(struct host_sock *sock, u16 peer_port)
{
	host_tcp_init(sock, 8080, peer_port);
	sock->unix_sock.sk.__sk_common.skc_state = 1;
	ww_inet_sock_set_state(&sock->unix_sock.sk, 3, 1);
}

/* A kernel with three threads of one process, off CPU, and an accepted connection on port 8080. */
static void script_begin(u32 slots)
{
	host_boot(slots, 1);
	memset(&script, 0, sizeof(script));
	host.account = script_record;
	for (u32 i = 0; i < 3; i++)
		host_task_init(&script.threads[i], 100, 100 + i);
	script_accept(&script.server, 40000);
	script.server.unix_sock.sk.sk_socket = &script.server.socket;
	host_tcp_init(&script.upstream, 50000, 5432);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 1;
}

static void script_end(void)
{
	ww_tcp_destroy_sock(&script.server.unix_sock.sk);
	for (u32 i = 0; i < 3; i++)
		host_task_end(&script.threads[i]);
	host_sock_end(&script.server);
	host_sock_end(&script.upstream);
	host_shut_down();
}

static void pass(u64 ns)
{
	host.now += ns;
}

static void runs(u32 thread)
{
	host.current[0] = &script.threads[thread];
	ww_sched_switch(false, &host.idle.task, &script.threads[thread].task, 0);
}

/* The running thread leaves the CPU, in a syscall with these arguments. */
static void blocks(long nr, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	struct host_task *task = host.current[0];
	memset(&task->regs, 0, sizeof(task->regs));
	task->regs.WW_REG_NR = nr;
	task->regs.WW_REG_ARG1 = arg1;
	task->regs.WW_REG_ARG2 = arg2;
	task->regs.WW_REG_ARG3 = arg3;
	task->regs.WW_REG_ARG4 = arg4;
	ww_sched_switch(false, &task->task, &host.idle.task, 1);
	host.current[0] = NULL;
}

static void is_preempted(void)
{
	ww_sched_switch(true, &host.current[0]->task, &host.idle.task, 0);
	host.current[0] = NULL;
}

static void is_woken(u32 thread)
{
	ww_sched_waking(&script.threads[thread].task);
}

static void arrives(struct host_sock *sock, u64 len)
{
	sock->tcp.rcv_nxt += len;
	ww_sk_data_ready(&sock->unix_sock.sk);
}

static void receives_bytes(struct host_sock *sock, const char *bytes, u64 len)
{
	host_syscall(HOST_BUFFER, false, bytes, len, 4096);
	sock->tcp.copied_seq += len;
	ww_sock_recv_length(&sock->unix_sock.sk, (int)len, 0);
}

static void receives(struct host_sock *sock, const char *text)
{
	receives_bytes(sock, text, strlen(text));
}

static void sends(struct host_sock *sock, const char *text)
{
	host_syscall(HOST_BUFFER, true, text, strlen(text), strlen(text));
	ww_sock_send_length(&sock->unix_sock.sk, (int)strlen(text), 0);
}

#endif
