/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests on unix sockets, of which nothing tells that they are closed. */
#include "script.h"

#include "whywait/sweep.h"

#define GET    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct host_sock server;

static void begin(void)
{
	script_begin(8);
	host_unix_init(&server, "/run/app.sock", NULL);
	host_sock_accepted(&server);
	runs(0);
	arrives(&server, strlen(GET));
	receives(&server, GET);
}

/* How many requests a sweep finds whose socket is closed; it ends them. */
static u32 sweeps(void)
{
	struct ww_sweep_find find = {.older_than = 0};
	ww_sweep_find(&find);
	const struct ww_sweep_list *list = host_sweeps();
	u32 closed = 0;
	for (u32 i = 0; i < list->len; i++) {
		struct ww_sweep_end end = {.id = list->found[i].id, .slot = list->found[i].slot, .closed = 1};
		closed += list->found[i].closed;
		if (list->found[i].closed)
			ww_sweep_end(&end);
	}
	return closed;
}

static void slow(void **state)
{
	(void)state;
	begin();
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	pass(20000000000);
	assert_int_equal(sweeps(), 0);
	is_woken(0);
	runs(0);
	sends(&server, ANSWER);
	assert_int_equal(script.records_len, 1);
	assert_false(script.records[0].flags & WW_FLAG_ABORTED);
	host_sock_end(&server);
	script_end();
}

static void closed(void **state)
{
	(void)state;
	begin();
	pass(1000);
	host_sock_end(&server);
	assert_int_equal(sweeps(), 1);
	assert_int_equal(script.records_len, 1);
	assert_true(script.records[0].flags & WW_FLAG_ABORTED);
	assert_int_equal(sweeps(), 0);
	script_end();
}

/* In its memory is another socket, which is open: before that was accepted, and after. */
static void followed_by_another(void **state)
{
	bool accepted = *state;
	begin();
	pass(1000);
	host_sock_end(&server);
	host_unix_init(&server, "/run/app.sock", NULL);
	if (accepted)
		host_sock_accepted(&server);
	assert_int_equal(sweeps(), 1);
	assert_int_equal(script.records_len, 1);
	host_sock_end(&server);
	script_end();
}

/* The slot is another request's by the time that it is ended, or half of it was when it was looked at. */
static void taken_meanwhile(void **state)
{
	(void)state;
	begin();
	ww_ref ref = host_conn(&server)->first;
	struct ww_sweep_end end = {.id = ref, .slot = WW_SLOT(ref), .closed = 1};
	ww_sweep_end(&end);
	assert_int_equal(script.records_len, 0);
	end.closed = 0;
	ww_sweep_end(&end);
	assert_int_equal(script.records_len, 1);
	host_sock_end(&server);
	script_end();
}

/* TCP tells it itself. */
static void tcp(void **state)
{
	(void)state;
	script_begin(8);
	host_sock_accepted(&script.server);
	runs(0);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	script.server.unix_sock.sk.__sk_common.skc_state = 7;
	assert_int_equal(sweeps(), 0);
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow),
		cmocka_unit_test(closed),
		cmocka_unit_test_prestate(followed_by_another, NULL),
		cmocka_unit_test_prestate(followed_by_another, &server),
		cmocka_unit_test(taken_meanwhile),
		cmocka_unit_test(tcp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
