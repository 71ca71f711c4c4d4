/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Promises of V8, in objects as it has them in memory: where chains end, and whose requests' they are. */
#include "plant.h"

#include "chain.bpf.h"

#define GET    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define QUERY  "Q\0\0\0\x0dSELECT 1"
#define ROWS                                                                                                           \
	"D\0\0\0\x0b\0\1\0\0\0\1"                                                                                      \
	"1"
#define US 1000ull
#define MS 1000000ull

#define MAP_TYPE 12
#define CONTEXT	 32 /* JSFunction.context */

enum { GENERATOR = 0x420, PROMISE, REACTION, CAPABILITY, OTHER };
enum { POLLS = 0x1000, TIMERS = 0x2000 }; /* phases of the loop, as its stack tells them */

int ww_promise_step(struct pt_regs *ctx);
int ww_promise_moves(struct pt_regs *ctx);

static struct host_sock clients[2], upstreams[2];
static u64 phase, turns, maps[5], scope, no_scope;
static bool is_long; /* reactions begin as since V8 12 */
static struct ww_v8 known_v8;

static u64 map_of(u16 type)
{
	u64 at = plant(64);
	plant_bytes(at + MAP_TYPE, &type, sizeof(type));
	return at + WW_V8_TAG;
}

static u64 object(u32 type)
{
	u64 at = plant(128);
	plant_word(at, maps[type - GENERATOR]);
	return at + WW_V8_TAG;
}

static void set(u64 object, u32 at, u64 word)
{
	plant_word(object - WW_V8_TAG + at, word);
}

static u64 promise(void)
{
	return object(PROMISE); /* pending, and nobody waits for it */
}

static u64 function(u64 of_scope, u64 slot, u64 next)
{
	u64 context = object(OTHER), at = object(OTHER);
	set(context, WW_V8_SCOPE, of_scope);
	set(context, WW_V8_SLOT, slot);
	set(context, WW_V8_SLOT_NEXT, next);
	set(at, CONTEXT, context);
	return at;
}

/* Who waits for it is told by that function, and settles `derived` then (0: none). */
static void waits(u64 promise, u64 handler, u64 derived)
{
	u64 reaction = object(REACTION);
	u32 first = is_long ? 16 : 8;
	if (is_long)
		set(reaction, 8, object(OTHER));
	set(reaction, first, 0);
	set(reaction, first + 8, object(OTHER));
	set(reaction, first + 16, handler);
	set(reaction, first + 24, derived ? derived : object(OTHER));
	set(promise, WW_V8_PROMISE, reaction);
}

static u64 generator(u64 own)
{
	u64 at = object(GENERATOR);
	set(at, WW_V8_GENERATOR, own);
	return at;
}

/* An async function, which has that promise, awaits one. */
static void awaits(u64 own, u64 awaited, u64 derived)
{
	waits(awaited, function(no_scope, generator(own), 0), derived);
}

static void is_one_of_all(u64 promise, u64 all, u64 derived)
{
	u64 capability = object(CAPABILITY);
	set(capability, WW_V8_CAPABILITY, all);
	waits(promise, function(scope, 0, capability), derived);
}

static int begin(void **state)
{
	u32 tgid = 100;
	(void)state;
	script_begin(16);
	plant_begin();
	plant_next = HOST_USER + 2 * HOST_USER_SIZE; /* where no message is put */
	phase = plant(8);
	turns = plant(8);
	for (u32 i = 0; i < 5; i++)
		maps[i] = map_of((u16)(GENERATOR + i));
	scope = object(OTHER);
	no_scope = object(OTHER);
	is_long = false;
	struct ww_libuv uv = {.slot = phase, .turns = turns};
	bpf_map_update_elem(&ww_libuvs, &tgid, &uv, BPF_ANY);
	known_v8 = (struct ww_v8){.map_type = MAP_TYPE,
				  .function_context = CONTEXT,
				  .generator = GENERATOR,
				  .promise = PROMISE,
				  .reaction = REACTION,
				  .capability = CAPABILITY};
	bpf_map_update_elem(&ww_v8s, &tgid, &known_v8, BPF_ANY);
	host.current[0] = &script.threads[0];
	return 0;
}

static int end(void **state)
{
	(void)state;
	script_end();
	return 0;
}

/* ---- where chains end ---- */

static void chains(bool of_v8_12)
{
	u64 own = promise(), outer = promise(), all = promise();
	is_long = of_v8_12;
	assert_int_equal(ww_promise_root(own), own);
	awaits(outer, own, 0);
	assert_int_equal(ww_promise_root(own), outer);
	is_one_of_all(outer, all, 0);
	assert_int_equal(ww_promise_root(own), all);
	/* With hooks there is a derived promise that nobody has. */
	awaits(outer, own, promise());
	is_one_of_all(outer, all, promise());
	assert_int_equal(ww_promise_root(own), all);
	/* then(), by a function of the program's own, whose variables say nothing. */
	u64 then = promise();
	waits(all, function(no_scope, promise(), 0), then);
	assert_int_equal(ww_promise_root(own), then);
	/* A promise that another one was resolved with. */
	u64 other = promise();
	waits(then, function(scope, other, 0), promise());
	assert_int_equal(ww_promise_root(own), other);
}

static void ends(void **state)
{
	(void)state;
	chains(false);
}

static void ends_of_v8_12(void **state)
{
	(void)state;
	chains(true);
}

static void what_is_not_told(void **state)
{
	u64 own = promise(), other = promise();
	(void)state;
	assert_int_equal(ww_promise_root(WW_V8_TAG), WW_PROMISE_UNREAD);
	/* Of who waits for it nothing can be read: it is not the end for that. */
	waits(own, WW_V8_TAG, promise());
	assert_int_equal(ww_promise_root(own), WW_PROMISE_UNREAD);
	waits(own, function(no_scope, WW_V8_TAG, 0), promise());
	assert_int_equal(ww_promise_root(own), WW_PROMISE_UNREAD);
	waits(own, function(no_scope, 0, 0), WW_V8_TAG);
	assert_int_equal(ww_promise_root(own), WW_PROMISE_UNREAD);
	awaits(0, own, 0);
	assert_int_equal(ww_promise_root(own), WW_PROMISE_UNREAD);
	/* It is settled: nobody waits for it any more. */
	awaits(other, own, 0);
	set(own, WW_V8_PROMISE + 8, 1ull << 32);
	assert_int_equal(ww_promise_root(own), own);
	set(own, WW_V8_PROMISE + 8, 0);
	/* No reaction; a handler that tells nothing. */
	set(own, WW_V8_PROMISE, object(OTHER));
	assert_int_equal(ww_promise_root(own), 0);
	waits(own, object(OTHER), 0);
	assert_int_equal(ww_promise_root(own), 0);
	/* Round and round. */
	awaits(other, own, 0);
	awaits(own, other, 0);
	assert_int_equal(ww_promise_root(own), 0);
	/* Which functions are V8's own is not known yet: one of two promises is the next. */
	waits(own, function(scope, promise(), 0), promise());
	assert_int_equal(ww_promise_root(own), 0);
}

/* Of one that several wait for it is not told. */
static void several_wait(void **state)
{
	(void)state;
	for (u32 turn = 0; turn < 2; turn++) {
		u64 own = promise(), outer = promise(), reaction = 0;
		is_long = turn;
		bpf_map_update_elem(&ww_v8s, &(u32){100}, &known_v8, BPF_ANY);
		awaits(outer, own, 0);
		assert_int_equal(ww_promise_root(own), outer);
		memcpy(&reaction, host.user + (own - WW_V8_TAG + WW_V8_PROMISE - HOST_USER), sizeof(reaction));
		set(reaction, is_long ? 16 : 8, object(REACTION));
		assert_int_equal(ww_promise_root(own), 0);
	}
}

static void after_a_collection(void **state)
{
	u64 own = promise(), moved = promise();
	(void)state;
	assert_int_equal(ww_promise_moved(own), own);
	set(own, 0, moved - WW_V8_TAG);
	assert_int_equal(ww_promise_moved(own), moved);
	/* It is where it was, in the half that is left: that was its last. Its page has its size in front, or not. */
	set(own, 0, maps[PROMISE - GENERATOR]);
	plant_word(HOST_USER, WW_V8_LEFT);
	assert_int_equal(ww_promise_moved(own), 0);
	plant_word(HOST_USER, WW_V8_PAGE);
	assert_int_equal(ww_promise_moved(own), own);
	plant_word(HOST_USER + 8, WW_V8_LEFT);
	assert_int_equal(ww_promise_moved(own), 0);
	/* What was there is overwritten, or given back. */
	set(own, 0, 0);
	assert_int_equal(ww_promise_moved(own), WW_PROMISE_UNKNOWN);
}

/* ---- whose they are ---- */

static int loop_begin(void **state)
{
	begin(state);
	for (u32 i = 0; i < 2; i++) {
		host_tcp_init(&upstreams[i], (u16)(50000 + i), 5432);
		upstreams[i].unix_sock.sk.__sk_common.skc_state = 1;
		script_accept(&clients[i], (u16)(41000 + i));
	}
	*(volatile bool *)&ww_promises_on = true;
	runs(0);
	return 0;
}

static int loop_end(void **state)
{
	for (u32 i = 0; i < 2; i++) {
		ww_tcp_destroy_sock(&clients[i].unix_sock.sk);
		host_sock_end(&clients[i]);
		host_sock_end(&upstreams[i]);
	}
	*(volatile bool *)&ww_promises_on = false;
	return end(state);
}

/* The loop sleeps, and is woken after so long, for that. */
static void sleeps(u64 ns, u64 for_phase)
{
	static u64 number = 0;
	plant_word(phase, POLLS);
	plant_word(turns, ++number);
	blocks(WW_SYS_EPOLL_WAIT, 0, 0, 16, -1);
	pass(ns);
	is_woken(0);
	runs(0);
	plant_word(phase, for_phase);
}

static void asks(u32 request)
{
	arrives(&clients[request], strlen(GET));
	receives(&clients[request], GET);
	pass(10 * US);
}

static void answers(u32 request)
{
	sends(&clients[request], ANSWER);
	pass(10 * US);
}

/* The async function that has this promise goes on. */
static void goes_on(u64 own)
{
	u64 context = object(OTHER);
	struct pt_regs regs = {0};
	set(context, WW_V8_SLOT, generator(own));
	regs.WW_REG_V8 = context;
	ww_promise_step(&regs);
	pass(10 * US);
}

static void queries(u32 upstream)
{
	sends(&upstreams[upstream], QUERY);
	pass(10 * US);
}

static void rows(u32 upstream)
{
	arrives(&upstreams[upstream], sizeof(ROWS) - 1);
	pass(10 * US);
	receives(&upstreams[upstream], ROWS);
	pass(10 * US);
}

/* It is known for a loop's, and its phase is asked for, when it has served one. */
static void known_for_a_loop(void)
{
	for (u32 i = 0; i < 2; i++) {
		asks(0);
		answers(0);
		sleeps(MS, POLLS);
	}
	script.records_len = 0;
}

static void timers(bool moves)
{
	u64 inner[2] = {promise(), promise()}, outer[2] = {promise(), promise()}, after[2];
	for (u32 i = 0; i < 2; i++)
		awaits(outer[i], inner[i], 0);
	known_for_a_loop();
	asks(0);
	pass(100 * US);
	asks(1);
	/* The timer of the second comes first, which without a sign would be taken for the first one's. */
	sleeps(10 * MS, TIMERS);
	goes_on(inner[1]);
	queries(1);
	sleeps(3 * MS, TIMERS);
	goes_on(inner[0]);
	queries(0);
	for (u32 i = 0; i < 2 && moves; i++) {
		after[i] = promise();
		set(outer[i], 0, after[i] - WW_V8_TAG);
		awaits(after[i], inner[i], 0);
	}
	if (moves) {
		struct pt_regs regs = {0};
		ww_promise_moves(&regs);
	}
	sleeps(2 * MS, POLLS);
	rows(0);
	goes_on(inner[0]);
	answers(0);
	sleeps(5 * MS, POLLS);
	rows(1);
	goes_on(inner[1]);
	answers(1);
	assert_int_equal(script.records_len, 2);
	assert_in_range(script.records[0].kinds_ns[WW_KIND_DB], 2 * MS, 2 * MS + 200 * US);
	assert_in_range(script.records[1].kinds_ns[WW_KIND_DB], 10 * MS, 10 * MS + 300 * US);
	assert_in_range(script.records[0].kinds_ns[WW_KIND_SLEEP], 13 * MS, 13 * MS + 500 * US);
	assert_in_range(script.records[1].kinds_ns[WW_KIND_SLEEP], 10 * MS, 10 * MS + 500 * US);
	for (u32 i = 0; i < 2; i++)
		assert_int_not_equal(script.records[i].attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* Two await one promise: steps of both come in turn, and what is answered behind them may be either's. */
static void in_turn(void **state)
{
	u64 own[2] = {promise(), promise()};
	(void)state;
	known_for_a_loop();
	for (u32 i = 0; i < 2; i++) {
		asks(i);
		goes_on(own[i]);
		queries(i);
	}
	sleeps(MS, POLLS);
	rows(0);
	rows(1);
	goes_on(own[1]);
	goes_on(own[0]);
	goes_on(own[1]);
	answers(0);
	answers(1);
	assert_int_equal(script.records_len, 2);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(script.records[i].attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* What was asked for in the step of another chain shows when it is answered. */
static void asked_by_another(void **state)
{
	u64 own[2] = {promise(), promise()};
	(void)state;
	known_for_a_loop();
	for (u32 i = 0; i < 2; i++) {
		asks(i);
		goes_on(own[0]);
		queries(i);
	}
	sleeps(MS, POLLS);
	rows(1);
	goes_on(own[1]);
	answers(1);
	sleeps(MS, POLLS);
	rows(0);
	goes_on(own[0]);
	answers(0);
	assert_int_equal(script.records_len, 2);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(script.records[i].attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* One is answered before what was asked for in its step: that was another one's, who goes on by it later. */
static void asked_by_one_that_ends(void **state)
{
	u64 own[2] = {promise(), promise()};
	(void)state;
	known_for_a_loop();
	asks(0);
	asks(1);
	sleeps(MS, TIMERS);
	goes_on(own[0]);
	queries(1);
	sleeps(MS, TIMERS);
	goes_on(own[0]);
	answers(0);
	sleeps(MS, POLLS);
	rows(1);
	goes_on(own[1]);
	answers(1);
	assert_int_equal(script.records_len, 2);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(script.records[i].attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* A step whose chain can't be read: it may be of any that are there. */
static void not_read(void **state)
{
	u64 own = promise();
	(void)state;
	known_for_a_loop();
	asks(0);
	goes_on(own);
	queries(0);
	sleeps(MS, TIMERS);
	goes_on(WW_V8_TAG);
	sleeps(MS, POLLS);
	rows(0);
	goes_on(own);
	answers(0);
	assert_int_equal(script.records_len, 1);
	assert_int_equal(script.records[0].attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(host_counter(WW_COUNT_PROMISE_LOST), 1);
}

static void commands(const char *text)
{
	script.upstream.tcp.write_seq += strlen(text);
	sends(&script.upstream, text);
	pass(10 * US);
}

/*
 * A request has gone on in an account of its chain, and so seems to wait for nothing. A command that is sent at the end
 * of the turn is not its for that.
 */
static void at_the_end_of_a_turn(void **state)
{
	u64 own = promise();
	(void)state;
	host_tcp_init(&script.upstream, 50000, 6379);
	script.upstream.unix_sock.sk.__sk_common.skc_state = 1;
	known_for_a_loop();
	asks(0);
	commands("*1\r\n$4\r\nPING\r\n");
	sleeps(MS, POLLS);
	arrives(&script.upstream, 7);
	receives(&script.upstream, "+PONG\r\n");
	answers(0);
	script.records_len = 0;
	sleeps(MS, POLLS);
	asks(1);
	queries(1);
	asks(0);
	goes_on(own);
	queries(0);
	plant_word(phase, TIMERS);
	commands("*1\r\n$4\r\nPING\r\n");
	sleeps(MS, POLLS);
	rows(1);
	answers(1);
	rows(0);
	goes_on(own);
	answers(0);
	assert_int_equal(script.records_len, 2);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(script.records[i].attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* Chains have a table of their own: what else is kept of accounts has to make no room for them. */
static void in_a_table_of_their_own(void **state)
{
	u64 own = promise();
	struct ww_carrier_key key = {.context = own, .program = ww_program()};
	(void)state;
	known_for_a_loop();
	asks(0);
	goes_on(own);
	queries(0);
	assert_non_null(ww_promise_find(own));
	assert_null(bpf_map_lookup_elem(&ww_carriers, &key));
	sleeps(MS, POLLS);
	rows(0);
	goes_on(own);
	answers(0);
	assert_null(ww_promise_find(own));
}

static void after_timers(void **state)
{
	(void)state;
	timers(false);
}

static void after_timers_and_a_collection(void **state)
{
	(void)state;
	timers(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ends, begin, end),
		cmocka_unit_test_setup_teardown(ends_of_v8_12, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_told, begin, end),
		cmocka_unit_test_setup_teardown(several_wait, begin, end),
		cmocka_unit_test_setup_teardown(after_a_collection, begin, end),
		cmocka_unit_test_setup_teardown(in_turn, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(asked_by_another, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(asked_by_one_that_ends, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(not_read, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(at_the_end_of_a_turn, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(in_a_table_of_their_own, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(after_timers, loop_begin, loop_end),
		cmocka_unit_test_setup_teardown(after_timers_and_a_collection, loop_begin, loop_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
