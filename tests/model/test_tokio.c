/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who waits for what a task of tokio's sends, in memory as its runtime and glibc's malloc() have it. */
#include "plant.h"

#include "goroutine.bpf.h"

#define PROCESS 100
#define WORDS	64 /* of a task, in front of its end */

static u64 tables, waker, trait;

/* A process with tokio: its tables are where no task is. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_go go = {.is_tokio = 1, .startpc = 16};
	(void)state;
	script_begin(8);
	plant_begin();
	tables = plant(256);
	waker = plant(64);
	trait = tables + 128;
	go.tokio.vtables = tables;
	go.tokio.vtables_len = 256;
	go.tokio.waker = waker;
	go.tokio.image = tables;
	go.tokio.image_len = 512;
	plant_word(tables + WW_TOKIO_TRAILER, 8 * WORDS);
	plant_word(tables + WW_TOKIO_ID, 24);
	plant_word(trait, tables);
	plant_word(trait + 8, 8 * WW_TOKIO_BLOCK);
	plant_word(trait + 16, 8);
	bpf_map_update_elem(&ww_gos, &tgid, &go, BPF_ANY);
	host.current[0] = &script.threads[0];
	return 0;
}

static int end(void **state)
{
	(void)state;
	host.current[0] = NULL;
	script_end();
	return 0;
}

/* What malloc() gives, of so many words. */
static u64 chunk(u64 words)
{
	u64 at = plant(8 * words + 16) + 16;
	plant_word(at - 8, (8 * words + 8 + 15) & ~15ull);
	return at;
}

static u64 task(u64 id)
{
	u64 at = chunk(WORDS + 8);
	plant_word(at, WW_TOKIO_NOTIFIED);
	plant_word(at + 16, tables);
	plant_word(at + 24, id);
	return at;
}

/* A channel's middle, which two share, with the waker of a task. */
static u64 channel(u64 waits)
{
	u64 at = chunk(8);
	plant_word(at, 2);
	plant_word(at + 8, 1);
	plant_word(at + 32, waits ? waker : 0);
	plant_word(at + 40, waits);
	return at;
}

/* A Box of something that has WW_TOKIO_BLOCK words. */
static void box(u64 at, u64 address)
{
	plant_word(at, address);
	plant_word(at + 8, trait);
}

static struct ww_go_slot *slot(void)
{
	struct ww_go_slot_key key = {.function = tables, .program = ww_program()};
	return host_map_value(&ww_go_slots, &key);
}

static void direct(void **state)
{
	u64 sends = task(1), waits = task(2);
	(void)state;
	plant_word(sends + 8 * 20, channel(waits));
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_AWAITED);
	assert_int_equal(ww_go_room()->next, waits);
	assert_int_equal(host_counter(WW_COUNT_TOKIO_CUT), 0);
	/* Nobody: that is one miss. */
	plant_word(sends + 8 * 20, channel(0));
	ww_goroutine_for(sends, true);
	assert_int_equal(slot()->misses, 1);
}

/* What is in something that says how much it holds is looked at; and not what may be bytes that were read. */
static void behind(void **state)
{
	u64 sends = task(1), waits = task(2), others = task(3), in = chunk(WW_TOKIO_BLOCK), queue = chunk(12);
	(void)state;
	plant_word(in + 8 * 50, channel(others));
	plant_word(sends + 8 * 20, in);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_NOBODY);
	plant_word(sends + 8 * 21, WW_TOKIO_BLOCK * 8);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_NOBODY);
	box(sends + 8 * 20, in);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_AWAITED);
	assert_int_equal(ww_go_room()->next, others);
	/* A VecDeque of room for four, of which the fourth and the first are there. */
	plant_word(queue, channel(waits));
	plant_word(queue + 8 * 3, channel(others));
	plant_word(sends + 8 * 20, 0);
	plant_word(sends + 8 * 24, 4);
	plant_word(sends + 8 * 25, queue);
	plant_word(sends + 8 * 26, 3);
	plant_word(sends + 8 * 27, 2);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_AWAITED);
	assert_int_equal(ww_go_room()->next, waits);
	/* What malloc() would have to split off is too small at times: room for four of three words, and three more. */
	queue = chunk(14);
	plant_word(queue + 8 * 9, channel(waits));
	plant_word(sends + 8 * 25, queue);
	plant_word(sends + 8 * 27, 1);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_AWAITED);
	assert_int_equal(ww_go_room()->next, waits);
	/* One of more words than are looked at: the element that is the oldest is. */
	queue = chunk(3 * 64);
	plant_word(queue + 8 * 150, channel(waits));
	plant_word(sends + 8 * 24, 64);
	plant_word(sends + 8 * 25, queue);
	plant_word(sends + 8 * 26, 50);
	plant_word(sends + 8 * 27, 1);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_AWAITED);
	assert_int_equal(ww_go_room()->next, waits);
}

/* Left over in a task may be where malloc() gave something that is in use again. */
static void left_over(void **state)
{
	u64 sends = task(1), waits = task(2), others = task(3), middle = chunk(40);
	(void)state;
	/* A channel for one message, to which another task has the other end. */
	plant_word(middle, 2);
	plant_word(middle + 8, 1);
	plant_word(middle + 8 * 20, 9);
	plant_word(middle + 8 * 21, waker);
	plant_word(middle + 8 * 22, others);
	plant_word(middle + 8 * 23, waker);
	plant_word(middle + 8 * 24, waits);
	plant_word(sends + 8 * 20, middle);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_NOBODY);
	/* It has that end itself; or the other waker is left over. */
	plant_word(middle + 8 * 22, sends);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_AWAITED);
	assert_int_equal(ww_go_room()->next, waits);
	plant_word(middle + 8 * 22, others);
	plant_word(middle + 8 * 20, 1);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_SEVERAL);
	/* In the middle of something there is no channel. */
	plant_word(middle + 8 * 22, sends);
	plant_word(middle - 8, 9);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_NOBODY);
}

static void waits_for(struct ww_request *r, u64 task)
{
	struct ww_carrier_key key = {.context = task, .program = ww_program()};
	struct ww_carrier carrier = {.ref = r->account.id};
	bpf_map_update_elem(&ww_carriers, &key, &carrier, BPF_ANY);
}

/* A way is believed that leads to several requests; one that leads to the same again and again is left over. */
static void believed(void **state)
{
	u64 sends = task(1), waits = task(2), middle = channel(waits);
	struct ww_request *r = ww_request_open(1000);
	(void)state;
	plant_word(sends + 8 * 20, middle);
	waits_for(r, waits);
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(ww_goroutine_for(sends, false), 0);
	assert_int_equal(slot()->votes, 1);
	ww_ref found = 0;
	for (u32 i = 0; i < 6; i++) {
		ww_request_free(r);
		r = ww_request_open(2000 + i);
		waits_for(r, waits);
		found = ww_goroutine_for(sends, false);
	}
	assert_int_equal(found, r->account.id);
	assert_int_equal(ww_goroutine_for(sends, false), found);
	ww_request_free(r);
}

/* While nobody waits yet when something is sent, who does when it is answered is found; and the other way round. */
static void late(void **state)
{
	u64 sends = task(1), waits = task(2), middle = channel(0);
	struct ww_request *r = ww_request_open(1000);
	(void)state;
	plant_word(sends + 8 * 20, middle);
	ww_ref found = 0;
	for (u32 i = 0; i < 40; i++) {
		ww_request_free(r);
		r = ww_request_open(2000 + i);
		waits_for(r, waits);
		plant_word(middle + 32, 0);
		assert_int_equal(ww_goroutine_for(sends, false), 0);
		plant_word(middle + 32, waker);
		plant_word(middle + 40, waits);
		found = ww_goroutine_for(sends, true);
		assert_true(i < WW_TOKIO_VOTES || found == r->account.id);
	}
	assert_int_equal(slot()->misses, 0);
	ww_request_free(r);
	/* Nobody waits for the answer: that is looked for now and then only. */
	plant_word(middle + 32, 0);
	for (u32 i = 0; i < 2 * WW_TOKIO_MISSES; i++)
		assert_int_equal(ww_goroutine_for(sends, true), 0);
	assert_int_equal(slot()->misses, 2 * WW_TOKIO_MISSES);
	u32 asked = slot()->asked;
	ww_goroutine_for(sends, true);
	assert_int_equal(slot()->asked, asked + 1);
}

/*
 * A word that leads to more than is looked at in one go. That comes to an end behind it, some sends later, and it is no
 * sign that nobody waits.
 */
static void dense(void **state)
{
	u64 sends = task(1), waits = task(2), table = chunk(WW_TOKIO_BLOCK), inner = chunk(WW_TOKIO_BLOCK);
	(void)state;
	plant_word(inner, 2);
	plant_word(inner + 8, 1);
	for (u64 i = 0; i < WW_TOKIO_BLOCK; i++)
		plant_word(table + 8 * i, inner);
	for (u64 i = 4; i < 18; i += 2)
		box(sends + 8 * i, table);
	plant_word(sends + 8 * 20, channel(waits));
	u32 calls = 0;
	for (; calls < 40 && !(slot() && slot()->votes); calls++) {
		ww_goroutine_for(sends, false);
		assert_int_equal(slot() ? slot()->misses : 0, 0);
	}
	assert_true(slot() && slot()->votes);
	assert_int_equal(slot()->at >> 16, 20);
	assert_in_range(calls, 2, 20);
	assert_int_equal(host_counter(WW_COUNT_TOKIO_CUT), calls - 1);
}

/* Where no search ever comes to an end it is made now and then only. */
static void endless(void **state)
{
	u64 sends = task(1), table = chunk(WW_TOKIO_BLOCK), inner = chunk(WW_TOKIO_BLOCK);
	(void)state;
	plant_word(inner, 2);
	plant_word(inner + 8, 1);
	for (u64 i = 0; i < WW_TOKIO_BLOCK; i++)
		plant_word(table + 8 * i, inner);
	for (u64 i = 4; i + 2 < WORDS; i += 2)
		box(sends + 8 * i, table);
	for (u32 i = 0; i < 1000; i++)
		ww_goroutine_for(sends, false);
	assert_in_range(host_counter(WW_COUNT_TOKIO_CUT), WW_TOKIO_MISSES, 4 * WW_TOKIO_MISSES);
	/* Some of it was the end of a pass through all its words: nobody was there. */
	assert_in_range(slot()->misses, 0, 2);
}

/* Whether a request that is there since then is in doubt when it is answered now. */
static bool doubted(u64 opened)
{
	struct ww_request *r = ww_request_open(opened);
	struct ww_thread t = {};
	r->opened = opened;
	ww_goroutine_ends(&t, r);
	bool is = r->account.attribution == WW_ATTRIBUTION_AMBIGUOUS && r->account.traffic_lost;
	assert_int_equal(is, r->account.attribution == WW_ATTRIBUTION_AMBIGUOUS);
	ww_request_free(r);
	return is;
}

/* Something was sent, or answered, by the task. */
static void strays(u64 sends)
{
	u32 tgid = PROCESS;
	struct ww_go *go = host_map_value(&ww_gos, &tgid);
	pass(10);
	ww_goroutine_for(sends, true);
	ww_tokio_strays(go);
}

/*
 * A future in a set of such has a waker of its own, which has no task: somebody waits, and it can't be told who. A task
 * that nobody joins is nobody's, and nobody is in doubt for it.
 */
static void hidden(void **state)
{
	u64 sends = task(1), spawned = task(2), table = tables + 160, future = chunk(WORDS), middle = channel(0);
	(void)state;
	runs(0);
	for (u32 i = 0; i < 4; i++)
		plant_word(table + 8 * i, tables + 8);
	plant_word(future, 2);
	plant_word(future + 8, 1);
	plant_word(sends + 8 * 20, middle);
	u64 before = host.now;
	strays(sends);
	assert_false(doubted(before));
	plant_word(middle + 32, table);
	plant_word(middle + 40, future + 16);
	strays(sends);
	assert_int_equal(slot()->hidden, WW_TOKIO_PATH(20, 0, 4));
	assert_int_equal(slot()->misses, 1);
	assert_true(doubted(before));
	pass(1);
	assert_false(doubted(host.now));
	/* It is looked for there again when nothing else is. */
	assert_int_equal(ww_tokio_waiter(sends, slot()->hidden, false), WW_TOKIO_HIDDEN);
	/* Aligned to more than 16 bytes, it is counted farther in front; that is no waker's table; nobody uses it. */
	u64 aligned = (future + 128 + 127) & ~127ull;
	plant_word(aligned - 136, 0x1000);
	plant_word(aligned - 128, 2);
	plant_word(aligned - 120, 1);
	plant_word(middle + 40, aligned);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_HIDDEN);
	plant_word(table + 8, 64);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_NOBODY);
	plant_word(table + 8, tables + 8);
	plant_word(aligned - 128, 0);
	assert_int_equal(ww_tokio_waiter(sends, 0, true), WW_TOKIO_NOBODY);
	/* A task that waits is found for certain; it is joined by such a future, or by nobody. */
	plant_word(middle + 32, waker);
	plant_word(middle + 40, spawned);
	for (u32 i = 0; i < 8; i++) {
		plant_word(spawned + 8 * WORDS + WW_TOKIO_LINKS, i & 1 ? table : 0);
		plant_word(spawned + 8 * WORDS + WW_TOKIO_LINKS + 8, i & 1 ? future + 16 : 0);
		plant_word(spawned, WW_TOKIO_NOTIFIED | (i & 1 ? WW_TOKIO_JOINING : 0));
		slot()->at = WW_TOKIO_PATH(20, 0, 4);
		slot()->votes = WW_TOKIO_VOTES;
		slot()->misses = 0;
		pass(1);
		before = host.now;
		strays(sends);
		assert_int_equal(doubted(before), i & 1);
	}
}

/* Numbers of tasks begin anew with each program: what was not found of one is looked for in the next. */
static void programs(void **state)
{
	(void)state;
	for (u32 i = 0; i < 3; i++)
		ww_tokio_address(7);
	struct ww_carrier_key key = {.context = 7, .program = ww_program()};
	assert_non_null(host_map_value(&ww_tokio_tasks, &key));
	script.threads[0].task.self_exec_id++;
	key.program = ww_program();
	assert_null(host_map_value(&ww_tokio_tasks, &key));
}

/* The first thread's stack ends a little behind main(): it is looked through up to its last page. */
static void near_the_stacks_end(void **state)
{
	u64 top = HOST_USER + sizeof(host.user);
	u32 sizes[] = {24, 2056, 4096, 4104, 6000, 8184, 8192, 9000};
	(void)state;
	plant(512); /* as long as the program's image is taken to be */
	u64 runs = task(5);
	plant_word(runs, WW_TOKIO_RUNNING);
	for (u32 i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		u64 sp = top - sizes[i], at = sizes[i] > 8192 ? sp + 8184 : top - 8;
		host.current[0]->regs.sp = sp;
		plant_word(at, runs);
		assert_int_equal(ww_tokio_find(5), runs);
		plant_word(at, 0);
		assert_int_equal(ww_tokio_find(5), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(near_the_stacks_end, begin, end),
		cmocka_unit_test_setup_teardown(direct, begin, end),
		cmocka_unit_test_setup_teardown(behind, begin, end),
		cmocka_unit_test_setup_teardown(left_over, begin, end),
		cmocka_unit_test_setup_teardown(believed, begin, end),
		cmocka_unit_test_setup_teardown(late, begin, end),
		cmocka_unit_test_setup_teardown(dense, begin, end),
		cmocka_unit_test_setup_teardown(endless, begin, end),
		cmocka_unit_test_setup_teardown(hidden, begin, end),
		cmocka_unit_test_setup_teardown(programs, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
