/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waits for locks: an interpreter's own, and who had the program's meanwhile, to the nanosecond. */
#include "futexes.h"

#include "interpreter.bpf.h"

#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#define LOCK 0x1000

static struct host_sock other;

static void begin(void)
{
	script_begin(8);
	script_accept(&other, 40001);
	other.unix_sock.sk.sk_socket = &other.socket;
}

static void end(void)
{
	ww_tcp_destroy_sock(&other.unix_sock.sk);
	host_sock_end(&other);
	script_end();
}

/* The thread takes a request. */
static void takes(u32 thread, struct host_sock *sock)
{
	arrives(sock, strlen(GET));
	runs(thread);
	receives(sock, GET);
}

/* The thread has run since, and answers. */
static const struct ww_account *done(u32 thread, struct host_sock *sock)
{
	u32 at = script.records_len;
	runs(thread);
	sends(sock, OK);
	assert_int_equal(script.records_len, at + 1);
	return &script.records[at];
}

static void by_a_request(void **state)
{
	(void)state;
	begin();
	takes(1, &other);
	is_preempted();
	takes(0, &script.server);
	pass(10);
	waits(LOCK);
	pass(700);
	runs(1);
	wakes(0, LOCK);
	is_preempted();
	const struct ww_account *a = done(0, &script.server);
	u64 lock_ns = a->kinds_ns[WW_KIND_LOCK];
	assert_int_equal(lock_ns, 700);
	assert_int_equal(a->holders_len, 1);
	assert_int_equal(a->holders[0].ns, 700);
	assert_int_equal(a->holders[0].count, 1);
	assert_int_equal(a->holders[0].type, WW_HOLDER_REQUEST);
	u64 holder = a->holders[0].who.request;
	is_preempted();
	a = done(1, &other);
	assert_int_equal(a->id, holder);
	assert_int_equal(a->holders_len, 0);
	end();
}

static void by_a_thread(void **state)
{
	(void)state;
	begin();
	takes(0, &script.server);
	waits(LOCK);
	pass(300);
	runs(2);
	wakes(0, LOCK);
	is_preempted();
	const struct ww_account *a = done(0, &script.server);
	assert_int_equal(a->holders_len, 1);
	assert_int_equal(a->holders[0].ns, 300);
	assert_int_equal(a->holders[0].type, WW_HOLDER_THREAD);
	assert_string_equal(a->holders[0].who.comm, script.threads[2].task.comm);
	end();
}

/* A wake-up that comes while the waker is in a call for another futex is an interrupt's. */
static void by_an_interrupt(void **state)
{
	(void)state;
	begin();
	takes(0, &script.server);
	waits(LOCK);
	pass(300);
	runs(2);
	wakes(0, LOCK + 64);
	is_preempted();
	const struct ww_account *a = done(0, &script.server);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 300);
	assert_int_equal(a->holders_len, 0);
	end();
}

/* The first of two that wait has the lock for a moment: most of the other one's wait is for who had it before. */
static void in_a_row(void **state)
{
	(void)state;
	begin();
	takes(1, &other);
	waits(LOCK);
	pass(100);
	takes(0, &script.server);
	waits(LOCK);
	pass(500);
	runs(2);
	wakes(1, LOCK);
	is_preempted();
	runs(1);
	pass(40);
	wakes(0, LOCK);
	is_preempted();
	const struct ww_account *a = done(0, &script.server);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 540);
	assert_int_equal(a->holders_len, 2);
	assert_int_equal(a->holders[0].ns, 40);
	assert_int_equal(a->holders[0].count, 0);
	assert_int_equal(a->holders[0].type, WW_HOLDER_REQUEST);
	assert_int_equal(a->holders[1].ns, 500);
	assert_int_equal(a->holders[1].count, 1);
	assert_int_equal(a->holders[1].type, WW_HOLDER_THREAD);
	is_preempted();
	a = done(1, &other);
	assert_int_equal(a->holders_len, 1);
	assert_int_equal(a->holders[0].ns, 600);
	end();
}

/* CPython's lock lies in its runtime's state; its waits have no holder of the program's. */
static void of_an_interpreter(void **state)
{
	struct ww_interpreter python = {.from = LOCK, .to = LOCK + 8, .name = WW_NAME_GIL};
	u64 timeout[2] = {0, 5000000};
	u32 tgid = 100;
	(void)state;
	begin();
	bpf_map_update_elem(&ww_interpreters, &tgid, &python, BPF_ANY);
	ww_interpreters_known = 1;
	takes(0, &script.server);
	blocks(WW_SYS_FUTEX, LOCK, WAIT, 0, (u64)timeout);
	pass(5000000);
	is_woken(0);
	runs(0);
	blocks(WW_SYS_FUTEX, LOCK, WAIT, 0, (u64)timeout);
	pass(1000);
	runs(2);
	wakes(0, LOCK);
	is_preempted();
	runs(0);
	blocks(WW_SYS_FUTEX, LOCK + 8, WAIT, 0, 0);
	pass(10);
	is_woken(0);
	const struct ww_account *a = done(0, &script.server);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 5001010);
	assert_int_equal(a->kinds_ns[WW_KIND_SLEEP], 0);
	assert_int_equal(a->details_len, 2);
	assert_int_equal(a->details[0].value, WW_NAME_GIL);
	assert_int_equal(a->details[0].ns, 5001000);
	assert_int_equal(a->details[1].value, WW_NAME_FUTEX);
	assert_int_equal(a->details[1].ns, 10);
	assert_int_equal(a->holders_len, 0);
	ww_interpreters_known = 0;
	end();
}

/* Ruby's threads wait on a condition of their own: the mutex beside it on the stack tells for what. */
static void of_an_interpreter_by_its_mutex(void **state)
{
	u64 stack = HOST_USER + 1024, mutex = 0x5000;
	struct ww_interpreter ruby = {.from = mutex, .to = mutex + 64, .name = WW_NAME_GVL, .by_mutex = 1};
	u32 tgid = 100;
	(void)state;
	begin();
	bpf_map_update_elem(&ww_interpreters, &tgid, &ruby, BPF_ANY);
	ww_interpreters_known = 1;
	takes(0, &script.server);
	for (u32 own = 0; own < 2; own++) {
		u64 frame[2] = {LOCK - WW_CONDITION_FUTEX - 4, own ? mutex + 1000 : mutex + 8};
		memcpy(host.user + 1024 + 19 * sizeof(u64), frame, sizeof(frame));
		struct host_task *task = host.current[0];
		memset(&task->regs, 0, sizeof(task->regs));
		task->regs.WW_REG_NR = WW_SYS_FUTEX;
		task->regs.WW_REG_ARG1 = LOCK;
		task->regs.WW_REG_ARG2 = WAIT;
		task->regs.sp = stack;
		ww_sched_switch(false, &task->task, &host.idle.task, 1);
		host.current[0] = NULL;
		pass(own ? 10 : 200);
		is_woken(0);
		runs(0);
	}
	const struct ww_account *a = done(0, &script.server);
	assert_int_equal(a->details_len, 2);
	assert_int_equal(a->details[0].value, WW_NAME_GVL);
	assert_int_equal(a->details[0].ns, 200);
	assert_int_equal(a->details[1].value, WW_NAME_FUTEX);
	ww_interpreters_known = 0;
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_a_request),	     cmocka_unit_test(by_a_thread),
		cmocka_unit_test(by_an_interrupt),   cmocka_unit_test(in_a_row),
		cmocka_unit_test(of_an_interpreter), cmocka_unit_test(of_an_interpreter_by_its_mutex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
