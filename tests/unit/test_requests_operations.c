/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls on upstream connections become operations of the requests that made them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "requests/conversations.h"

#define REQUEST	   0x10001ull
#define OTHER	   0x10002ull
#define CONNECTION 7

struct fixture {
	struct ww_catalog catalog;
	struct ww_detail_names names;
	struct ww_operations *operations;
	struct ww_conversations *conversations;
	uint32_t numbers[2];
	uint16_t records; /* for REQUEST */
};

static int find_peer(void *ctx, uint32_t index, struct ww_peer *peer)
{
	(void)ctx;
	*peer = (struct ww_peer){.family = 2 /* AF_INET */, .port = (uint16_t)(5000 + index), .addr = {127, 0, 0, 1}};
	return 0;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(ww_catalog__init(&f->catalog), 0);
	f->names.intern = f->catalog.names;
	f->names.peer = find_peer;
	f->operations = ww_operations__new();
	f->conversations = ww_conversations__new(&f->catalog, &f->names, f->operations);
	assert_non_null(f->operations);
	assert_non_null(f->conversations);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ww_conversations__free(f->conversations);
	ww_operations__free(f->operations);
	ww_detail_names__free(&f->names);
	ww_catalog__free(&f->catalog);
	free(f);
	return 0;
}

/* A record as the kernel sends it; whoever needs another one changes it. */
static struct ww_traffic record(struct fixture *f, enum ww_traffic_type type, uint64_t request, uint64_t at_ns)
{
	struct ww_traffic traffic = {
		.size = sizeof(traffic),
		.type = (uint8_t)type,
		.peer = 1,
		.connection = CONNECTION,
		.request = request,
		.began_ns = at_ns,
		.at_ns = at_ns,
	};

	if (type == WW_TRAFFIC_SENT || type == WW_TRAFFIC_RECEIVED) {
		traffic.number = f->numbers[type == WW_TRAFFIC_SENT]++;
		traffic.total = 100;
	}
	return traffic;
}

static void put(struct fixture *f, const struct ww_traffic *traffic)
{
	f->records += traffic->request == REQUEST;
	assert_int_equal(ww_conversations__traffic(f->conversations, traffic, traffic->size), 0);
}

static void happens(struct fixture *f, enum ww_traffic_type type, uint64_t request, uint64_t at_ns)
{
	const struct ww_traffic traffic = record(f, type, request, at_ns);

	put(f, &traffic);
}

/* REQUEST, from 1000 to `end_ns`, has ended. */
static struct ww_request_operations end(struct fixture *f, uint64_t end_ns)
{
	const struct ww_account account = {.id = REQUEST, .start_ns = 1000, .end_ns = end_ns, .traffic = f->records};

	ww_conversations__settle(f->conversations, REQUEST, end_ns);
	return ww_operations__take(f->operations, &account);
}

static void a_round_trip(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_SENT, REQUEST, 2000);
	happens(f, WW_TRAFFIC_RECEIVED, REQUEST, 3000);
	happens(f, WW_TRAFFIC_RECEIVED, REQUEST, 3500);
	const struct ww_request_operations done = end(f, 9000);
	assert_true(done.known);
	assert_int_equal(done.len, 1);
	assert_int_equal(done.done[0].start_ns, 2000);
	assert_int_equal(done.done[0].end_ns, 3500);
	assert_int_equal(done.done[0].bytes_out, 100);
	assert_int_equal(done.done[0].bytes_in, 200);
	assert_int_equal(done.done[0].flags, WW_OPERATION_UNCAPTURED);
	assert_string_equal(ww_operations__error(f->operations, done.done[0].error), "");
	assert_string_equal(ww_catalog__operation_name(&f->catalog, done.done[0].name).peer, "127.0.0.1:5001");
}

/* Nothing at all is known to be nothing; where the kernel says there was something, it is not. */
static void none(void **state)
{
	struct fixture *f = *state;
	struct ww_request_operations done = end(f, 9000);

	assert_true(done.known);
	assert_int_equal(done.len, 0);
	f->records = 1;
	assert_false(end(f, 9000).known);
}

static void a_record_is_missing(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_SENT, REQUEST, 2000);
	f->numbers[0]++;
	f->records++;
	happens(f, WW_TRAFFIC_SENT, REQUEST, 4000);
	assert_false(end(f, 9000).known);
}

static void connecting(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_CONNECT, REQUEST, 2000);
	happens(f, WW_TRAFFIC_CONNECTED, 0, 2500);
	happens(f, WW_TRAFFIC_SENT, REQUEST, 4000);
	happens(f, WW_TRAFFIC_RECEIVED, REQUEST, 5000);
	const struct ww_request_operations done = end(f, 9000);
	assert_true(done.known);
	assert_int_equal(done.len, 2);
	assert_int_equal(done.done[0].flags, WW_OPERATION_CONNECT);
	assert_int_equal(done.done[0].start_ns, 2000);
	assert_int_equal(done.done[0].end_ns, 2500);
	assert_string_equal(ww_catalog__operation_name(&f->catalog, done.done[0].name).summary, "connect");
}

static void refused(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_CONNECT, REQUEST, 2000);
	struct ww_traffic closed = record(f, WW_TRAFFIC_CLOSED, 0, 2600);
	closed.total = ECONNREFUSED;
	put(f, &closed);
	const struct ww_request_operations done = end(f, 9000);
	assert_true(done.known);
	assert_int_equal(done.len, 1);
	assert_string_equal(ww_operations__error(f->operations, done.done[0].error), "refused");
	assert_int_equal(done.done[0].end_ns, 2600);
}

/* The connection is closed while an answer is awaited. */
static void cut_off(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_SENT, REQUEST, 2000);
	happens(f, WW_TRAFFIC_CLOSED, 0, 3000);
	const struct ww_request_operations done = end(f, 9000);
	assert_int_equal(done.len, 1);
	assert_string_equal(ww_operations__error(f->operations, done.done[0].error), "closed");
}

/* A request that ends before its answer has come, and the answer that comes for nobody. */
static void unfinished(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_SENT, REQUEST, 2000);
	struct ww_request_operations done = end(f, 9000);
	assert_true(done.known);
	assert_int_equal(done.len, 1);
	assert_int_equal(done.done[0].flags, WW_OPERATION_UNCAPTURED | WW_OPERATION_UNFINISHED);
	assert_int_equal(done.done[0].end_ns, 9000);
	happens(f, WW_TRAFFIC_RECEIVED, 0, 9500);
	happens(f, WW_TRAFFIC_SENT, OTHER, 9600);
	happens(f, WW_TRAFFIC_RECEIVED, OTHER, 9700);
	assert_int_equal(end(f, 9000).len, 0);
}

/* What an event loop did for nobody known was for the request; so is what it is still owed. */
static void adopted(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_SENT, OTHER, 2000);
	happens(f, WW_TRAFFIC_RECEIVED, OTHER, 3000);
	happens(f, WW_TRAFFIC_SENT, OTHER, 4000);
	struct ww_traffic adopts = record(f, WW_TRAFFIC_ADOPTED, REQUEST, 4500);
	adopts.connection = OTHER;
	put(f, &adopts);
	f->records += 3;
	happens(f, WW_TRAFFIC_RECEIVED, REQUEST, 5000);
	const struct ww_request_operations done = end(f, 9000);
	assert_true(done.known);
	assert_int_equal(done.len, 2);
	assert_int_equal(done.done[1].start_ns, 4000);
	assert_int_equal(done.done[1].end_ns, 5000);
}

static void more_than_a_request_may_have(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < WW_OPERATIONS_MAX + 5; i++) {
		happens(f, WW_TRAFFIC_SENT, REQUEST, 2000 + 2 * i);
		happens(f, WW_TRAFFIC_RECEIVED, REQUEST, 2001 + 2 * i);
	}
	const struct ww_request_operations done = end(f, 9000);
	assert_false(done.known);
	assert_int_equal(done.len, WW_OPERATIONS_MAX);
	assert_int_equal(ww_operations__lost(f->operations).over_cap, 5);
}

/* Connections without an end, and requests whose accounts never come: both make room, and are counted. */
static void bounded(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < WW_OPERATIONS_REQUESTS_MAX + 10; i++) {
		struct ww_traffic traffic = record(f, WW_TRAFFIC_SENT, 0x20000 + i, 2000);
		traffic.connection = 100 + i % (WW_CONVERSATIONS_MAX + 10);
		traffic.number = i / (WW_CONVERSATIONS_MAX + 10);
		put(f, &traffic);
	}
	assert_int_equal(ww_operations__lost(f->operations).forgotten, 10);
	assert_true(ww_conversations__forgotten(f->conversations) >= 10);
}

/* What it was to become is not told then, nor that the request has no more operations than those that are. */
static void a_connection_in_the_making_makes_room(void **state)
{
	struct fixture *f = *state;

	happens(f, WW_TRAFFIC_CONNECT, REQUEST, 2000);
	for (uint32_t i = 0; i < 2 * WW_CONVERSATIONS_MAX; i++) {
		struct ww_traffic traffic = record(f, WW_TRAFFIC_CONNECT, OTHER, 3000);

		traffic.connection = 100 + i;
		put(f, &traffic);
	}
	assert_false(end(f, 9000).known);
	assert_true(ww_operations__lost(f->operations).unsure > 0);
}

static void malformed(void **state)
{
	struct fixture *f = *state;
	struct ww_traffic traffic = record(f, WW_TRAFFIC_SENT, REQUEST, 2000);

	assert_int_equal(ww_conversations__traffic(f->conversations, &traffic, sizeof(traffic) - 1), -EPROTO);
	traffic.head = 1;
	assert_int_equal(ww_conversations__traffic(f->conversations, &traffic, sizeof(traffic)), -EPROTO);
	traffic.head = 0;
	traffic.system = WW_SYSTEM_COUNT;
	assert_int_equal(ww_conversations__traffic(f->conversations, &traffic, sizeof(traffic)), -EPROTO);
	traffic.system = 0;
	traffic.type = WW_TRAFFIC_ADOPTED + 1;
	assert_int_equal(ww_conversations__traffic(f->conversations, &traffic, sizeof(traffic)), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_record_is_missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(connecting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unfinished, set_up, tear_down),
		cmocka_unit_test_setup_teardown(adopted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_a_request_may_have, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_connection_in_the_making_makes_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(malformed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
