/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules of DESIGN.md ("Whose time is it", "What a wait is"), one by one, to the nanosecond. */
#include "script.h"

#include "request.bpf.h"

#define GET    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define QUERY  "*1\r\n$4\r\nPING\r\n"
#define ANSWER "+PONG\r\n"

static struct ww_account *record(u32 at)
{
	assert_true(at < script.records_len);
	struct ww_account *a = &script.records[at];
	u64 sum = 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += a->kinds_ns[kind];
	assert_int_equal(sum, a->end_ns - a->start_ns);
	return a;
}

/* Thread 0 takes a request that has arrived `queue` ns ago. */
static void request_taken(u64 queue)
{
	runs(0);
	arrives(&script.server, strlen(GET));
	pass(queue);
	receives(&script.server, GET);
}

/* Thread 0 waits for something, and 30 ns for a CPU. */
static void waits(u64 ns, long nr, u64 arg1, u64 arg2, u64 arg3)
{
	blocks(nr, arg1, arg2, arg3, 1);
	pass(ns);
	is_woken(0);
	pass(30);
	runs(0);
}

static void queue_and_compute(void **state)
{
	(void)state;
	script_begin(4);
	u64 start = host.now;
	request_taken(100);
	pass(7000);
	sends(&script.server, OK);
	const struct ww_account *a = record(0);
	assert_int_equal(a->start_ns, start);
	assert_int_equal(a->end_ns, start + 7100);
	assert_int_equal(a->first_byte_ns, start + 7100);
	assert_int_equal(a->kinds_ns[WW_KIND_QUEUE], 100);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 7000);
	assert_int_equal(a->cpu_ns, 7000);
	assert_int_equal(a->status, 200);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_string_equal(a->method, "GET");
	assert_memory_equal(a->target, "/a", 2);
	assert_int_equal(a->bytes_in, strlen(GET));
	assert_int_equal(a->bytes_out, strlen(OK));
	assert_int_equal(a->tid, 100);
	script_end();
}

static void idle_between_requests(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	sends(&script.server, OK);
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(1000000);
	u64 start = host.now;
	arrives(&script.server, strlen(GET));
	is_woken(0);
	pass(40);
	runs(0);
	pass(5);
	receives(&script.server, GET);
	pass(10);
	sends(&script.server, OK);
	const struct ww_account *a = record(1);
	assert_int_equal(a->start_ns, start);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 40);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 15);
	assert_int_equal(a->end_ns - start, 55);
	script_end();
}

/* What a thread is blocked in tells the kind, the wake-up where the wait ends, and the rest is run queue. */
static void blocking_causes(void **state)
{
	static const struct {
		long nr;
		u64 arg1;
		bool io;
		u8 kind, type;
		u32 value;
	} cases[] = {
		{WW_SYS_FUTEX, 0, false, WW_KIND_LOCK, WW_DETAIL_NAME, WW_NAME_FUTEX},
		{WW_SYS_NANOSLEEP, 0, false, WW_KIND_SLEEP, WW_DETAIL_NONE, 0},
		{WW_SYS_READ, HOST_FD_FILE, true, WW_KIND_DISK, WW_DETAIL_NAME, WW_NAME_READ},
		{WW_SYS_READ, HOST_FD_PIPE, false, WW_KIND_IPC, WW_DETAIL_NAME, WW_NAME_PIPE},
		{WW_SYS_READ, HOST_FD_EVENT, false, WW_KIND_IPC, WW_DETAIL_NAME, WW_NAME_EVENTFD},
		{WW_SYS_WRITE, HOST_FD_FILE, true, WW_KIND_DISK, WW_DETAIL_NAME, WW_NAME_WRITE},
		{WW_SYS_FSYNC, HOST_FD_FILE, false, WW_KIND_DISK, WW_DETAIL_NAME, WW_NAME_FSYNC},
		{WW_SYS_FLOCK, 0, false, WW_KIND_LOCK, WW_DETAIL_NAME, WW_NAME_FILE_LOCK},
		{WW_SYS_WAIT4, 0, false, WW_KIND_IPC, WW_DETAIL_NAME, WW_NAME_CHILD},
		{-1, 0, true, WW_KIND_DISK, WW_DETAIL_NAME, WW_NAME_PAGE_FAULT},
		{9999, 0, false, WW_KIND_OTHER, WW_DETAIL_SYSCALL, 9999},
	};
	(void)state;
	for (u32 i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		script_begin(4);
		request_taken(0);
		pass(10);
		script.threads[0].task.in_iowait = cases[i].io;
		waits(500, cases[i].nr, cases[i].arg1, 0, 2);
		sends(&script.server, OK);
		const struct ww_account *a = record(0);
		assert_int_equal(a->kinds_ns[cases[i].kind], 500);
		assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 10);
		assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 30);
		assert_int_equal(a->details_len, cases[i].type != WW_DETAIL_NONE);
		if (a->details_len) {
			assert_int_equal(a->details[0].ns, 500);
			assert_int_equal(a->details[0].type, cases[i].type);
			assert_int_equal(a->details[0].value, cases[i].value);
		}
		script_end();
	}
}

static void preemption(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	pass(10);
	is_preempted();
	pass(300);
	runs(0);
	pass(10);
	sends(&script.server, OK);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_RUNQ], 300);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_COMPUTE], 20);
	script_end();
}

static void database(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	pass(10);
	sends(&script.upstream, QUERY);
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(5000);
	arrives(&script.upstream, strlen(ANSWER));
	is_woken(0);
	pass(30);
	runs(0);
	receives(&script.upstream, ANSWER);
	pass(20);
	sends(&script.server, OK);
	const struct ww_account *a = record(0);
	assert_int_equal(a->kinds_ns[WW_KIND_DB], 5000);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 30);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 30);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(a->details[0].type, WW_DETAIL_PEER);
	assert_int_equal(a->details[0].ns, 5000);
	assert_int_equal(a->details[0].count, 1);
	script_end();
}

static void pipelined(void **state)
{
	(void)state;
	script_begin(4);
	runs(0);
	arrives(&script.server, 2 * strlen(GET));
	receives(&script.server, GET GET);
	pass(100);
	sends(&script.server, OK);
	pass(40);
	sends(&script.server, OK);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_COMPUTE], 100);
	assert_int_equal(record(1)->kinds_ns[WW_KIND_QUEUE], 100);
	assert_int_equal(record(1)->kinds_ns[WW_KIND_COMPUTE], 40);
	assert_true(record(1)->flags & WW_FLAG_PIPELINED);
	script_end();
}

/* The end is the last byte, as it turns out when the connection ends. */
static void until_close(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	pass(10);
	sends(&script.server, "HTTP/1.0 200 OK\r\n\r\nsome");
	pass(10);
	sends(&script.server, " more");
	u64 end = host.now;
	pass(100000);
	ww_inet_sock_set_state(&script.server.unix_sock.sk, 1, 4);
	assert_int_equal(record(0)->end_ns, end);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_COMPUTE], 20);
	assert_int_equal(record(0)->flags & (WW_FLAG_UNTIL_CLOSE | WW_FLAG_ABORTED), WW_FLAG_UNTIL_CLOSE);
	script_end();
}

static void without_body(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r\n0\r\nTrailer: 1\r\n\r\n",
	};
	(void)state;
	for (u32 i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		script_begin(4);
		request_taken(0);
		sends(&script.server, answers[i]);
		assert_int_equal(script.records_len, 1);
		script_end();
	}
	script_begin(4);
	runs(0);
	receives(&script.server, "HEAD / HTTP/1.1\r\n\r\n");
	sends(&script.server, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
	assert_int_equal(script.records_len, 1);
	script_end();
}

static void client_goes(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	pass(10);
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(500);
	ww_tcp_destroy_sock(&script.server.unix_sock.sk);
	assert_true(record(0)->flags & WW_FLAG_ABORTED);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_COMPUTE], 10);
	assert_int_equal(record(0)->status, 0);
	assert_int_equal(record(0)->end_ns, host.now);
	script_end();
}

/* A loop reads A, then B: what it did for A ends with the read of B, and B has waited in the queue meanwhile. */
static void event_loop(void **state)
{
	(void)state;
	struct host_sock second;
	script_begin(4);
	script_accept(&second, 40001);
	runs(0);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 0, 0);
	arrives(&script.server, strlen(GET));
	arrives(&second, strlen(GET));
	is_woken(0);
	runs(0);
	receives(&script.server, GET);
	pass(100);
	sends(&script.upstream, QUERY);
	pass(10);
	receives(&second, GET);
	pass(7);
	sends(&second, OK);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 0, 0);
	pass(1000);
	arrives(&script.upstream, strlen(ANSWER));
	is_woken(0);
	runs(0);
	receives(&script.upstream, ANSWER);
	sends(&script.server, OK);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_QUEUE], 110);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_COMPUTE], 7);
	assert_int_equal(record(1)->kinds_ns[WW_KIND_COMPUTE], 110);
	assert_int_equal(record(1)->kinds_ns[WW_KIND_DB], 1007);
	host_sock_end(&second);
	script_end();
}

/* Nobody can tell what a thread did that has the request and another one answers: that is said. */
static void two_threads(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	pass(50);
	runs(1);
	pass(20);
	sends(&script.server, OK);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_OTHER], 70);
	assert_int_equal(record(0)->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(record(0)->tid, 101);
	script_end();
}

static void thread_id_comes_again(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	pass(10);
	blocks(WW_SYS_FUTEX, 0, 0, 2, 0);
	ww_sched_process_exit(&script.threads[0].task);
	host_task_end(&script.threads[0]);
	host_task_init(&script.threads[0], 100, 100);
	pass(1000);
	runs(0);
	pass(10);
	sends(&script.server, OK);
	assert_int_equal(record(0)->cpu_ns, 0);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_OTHER], 1020);
	assert_int_equal(record(0)->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	script_end();
}

static void table_full(void **state)
{
	(void)state;
	script_begin(1);
	runs(0);
	receives(&script.server, GET "HEAD / HTTP/1.1\r\n\r\n" GET);
	assert_int_equal(host_counter(WW_COUNT_REQUEST_TABLE_FULL), 2);
	sends(&script.server, OK);
	sends(&script.server, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	receives(&script.server, GET);
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 2);
	script_end();
}

/* A record that does not fit the ring is counted, and its slot is free again. */
static void ring_full(void **state)
{
	(void)state;
	script_begin(1);
	request_taken(0);
	host.faults.account_ring = 1;
	sends(&script.server, OK);
	assert_int_equal(host_counter(WW_COUNT_ACCOUNT_RING_FULL), 1);
	host.faults.account_ring = 0;
	receives(&script.server, GET);
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	script_end();
}

static void unreadable(void **state)
{
	(void)state;
	script_begin(4);
	runs(0);
	host.faults.user_read = 1;
	receives(&script.server, GET);
	assert_int_equal(host_counter(WW_COUNT_USER_READ_FAILED), 1);
	host.faults.user_read = 0;
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 0);
	script_end();
}

static void connected_to_itself(void **state)
{
	(void)state;
	script_begin(4);
	request_taken(0);
	struct sock *sk = &script.upstream.unix_sock.sk;
	ww_inet_sock_set_state(sk, 7, 2);
	ww_inet_sock_set_state(sk, 2, 3);
	ww_inet_sock_set_state(sk, 3, 1);
	ww_tcp_destroy_sock(sk);
	assert_int_equal(script.records_len, 0);
	sends(&script.server, OK);
	assert_int_equal(record(0)->status, 200);
	script_end();
}

/* The answer is there while the loop is busy with another request: from then on the first is in the queue. */
static void loop_lag(void **state)
{
	(void)state;
	struct host_sock second;
	script_begin(4);
	script_accept(&second, 40001);
	request_taken(0);
	sends(&script.upstream, QUERY);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 0, 0);
	pass(300);
	arrives(&second, strlen(GET));
	is_woken(0);
	runs(0);
	receives(&second, GET);
	pass(50);
	arrives(&script.upstream, strlen(ANSWER));
	pass(600);
	sends(&second, OK);
	receives(&script.upstream, ANSWER);
	sends(&script.server, OK);
	assert_int_equal(record(0)->kinds_ns[WW_KIND_COMPUTE], 650);
	assert_int_equal(record(1)->kinds_ns[WW_KIND_DB], 350);
	assert_int_equal(record(1)->kinds_ns[WW_KIND_QUEUE], 600);
	host_sock_end(&second);
	script_end();
}

/* A request that nobody serves yet names its reader, and the next one does not hang behind what a sweep ended. */
static void swept(void **state)
{
	(void)state;
	script_begin(4);
	runs(0);
	receives(&script.server, GET GET);
	struct ww_sweep_find find = {.older_than = host.now};
	ww_sweep_find(&find);
	assert_int_equal(host_sweeps()->len, 2);
	for (u32 i = 0; i < 2; i++) {
		const struct ww_sweep_orphan *o = &host_sweeps()->found[i];
		struct ww_sweep_end end = {.id = o->id, .slot = o->slot};
		assert_int_equal(o->tgid, 100);
		if (o->id == host_conn(&script.server)->first)
			ww_sweep_end(&end);
	}
	assert_int_equal(script.records_len, 1);
	receives(&script.server, GET);
	sends(&script.server, OK);
	assert_int_equal(record(1)->status, 200);
	assert_false(record(1)->flags & WW_FLAG_PIPELINED);
	script_end();
}

/* The program that is to see a unix socket's first bytes arrive was left out. */
static void arrival_left_out(void **state)
{
	struct host_sock unix_server;
	(void)state;
	script_begin(4);
	host_unix_init(&unix_server, "/run/app.sock", NULL);
	runs(0);
	receives(&unix_server, GET);
	pass(10);
	sends(&unix_server, OK);
	assert_int_equal(record(0)->flags & WW_FLAG_ARRIVAL_UNKNOWN, WW_FLAG_ARRIVAL_UNKNOWN);
	host_sock_end(&unix_server);
	script_end();
}

/* Of two copies of the programs for reads and sends the second does what the first was left out for, and only that. */
static void left_out_once(void **state)
{
	(void)state;
	for (u32 left_out = 0; left_out < 4; left_out++) {
		script_begin(4);
		host_preemptible = true;
		struct sock *sk = &script.server.unix_sock.sk;
		for (u32 i = 0; i < 2; i++) {
			request_taken(100);
			ww_sock_recv_length_again(sk, strlen(GET), 0);
			pass(7000);
			host_syscall(HOST_BUFFER, true, OK, strlen(OK), strlen(OK));
			if (!(left_out >> i & 1))
				ww_sock_send_length(sk, strlen(OK), 0);
			ww_sock_send_length_again(sk, strlen(OK), 0);
			assert_int_equal(script.records_len, i + 1);
			assert_int_equal(record(i)->kinds_ns[WW_KIND_COMPUTE], 7000);
		}
		host_preemptible = false;
		script_end();
	}
}

/* Megabytes of a head, in pieces of `len` bytes, before it ends: one request all the same. */
static void endless(void **state)
{
	static const struct {
		const char *what;
		u64 len;
	} pieces[] = {
		{"Cookie: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 60000},
		{"b", 60000},
		{"b", 1000},
		{"c: d\r\n", 4096},
		{"e", 1},
	};
	static char bytes[60000];
	(void)state;
	for (u32 i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		script_begin(4);
		runs(0);
		receives(&script.server, "GET /x HTTP/1.1\r\nA: ");
		u64 sent = 0, len = pieces[i].len;
		for (u64 at = 0; at < len; at++)
			bytes[at] = pieces[i].what[at % strlen(pieces[i].what)];
		for (; sent < (len > 1 ? 4u << 20 : 20000); sent += len)
			receives_bytes(&script.server, bytes, len);
		assert_int_equal(script.records_len, 0);
		receives(&script.server, "\r\nContent-Length: 3\r\n\r\nabc");
		sends(&script.server, OK);
		assert_int_equal(record(0)->status, 200);
		assert_memory_equal(record(0)->target, "/x", 2);
		assert_int_equal(record(0)->bytes_in,
				 strlen("GET /x HTTP/1.1\r\nA: \r\nContent-Length: 3\r\n\r\nabc") + sent);
		assert_int_equal(host_conn(&script.server)->http.streams[WW_RX].state, WW_STREAM_START);
		script_end();
	}
}

/* A slot's next request has nothing of the one before. */
static void reused(void **state)
{
	(void)state;
	script_begin(2);
	struct ww_request *new = ww_request_open(host.now), *r = ww_request_open(host.now);
	ww_ref id = r->account.id;
	memset(r, 0xa5, sizeof(*r));
	r->account.id = id;
	ww_request_free(r);
	assert_ptr_equal(ww_request_open(host.now), r);
	assert_int_not_equal(r->account.id, id);
	assert_memory_equal(r, new, __builtin_offsetof(struct ww_request, account));
	assert_memory_equal(&r->answered, &new->answered,
			    __builtin_offsetof(struct ww_request, sights) -
				    __builtin_offsetof(struct ww_request, answered));
	assert_memory_equal(&r->account.start_ns, &new->account.start_ns,
			    __builtin_offsetof(struct ww_account, details) -
				    __builtin_offsetof(struct ww_account, start_ns));
	assert_memory_equal(&r->account.tgid, &new->account.tgid,
			    __builtin_offsetof(struct ww_account, target) -
				    __builtin_offsetof(struct ww_account, tgid));
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_and_compute),
		cmocka_unit_test(idle_between_requests),
		cmocka_unit_test(blocking_causes),
		cmocka_unit_test(preemption),
		cmocka_unit_test(database),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(until_close),
		cmocka_unit_test(without_body),
		cmocka_unit_test(client_goes),
		cmocka_unit_test(event_loop),
		cmocka_unit_test(loop_lag),
		cmocka_unit_test(two_threads),
		cmocka_unit_test(thread_id_comes_again),
		cmocka_unit_test(table_full),
		cmocka_unit_test(ring_full),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(connected_to_itself),
		cmocka_unit_test(swept),
		cmocka_unit_test(arrival_left_out),
		cmocka_unit_test(left_out_once),
		cmocka_unit_test(endless),
		cmocka_unit_test(reused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
