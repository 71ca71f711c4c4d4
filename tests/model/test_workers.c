/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For whom the items in the queue of a pool of CPython's threads are, in memory as CPython 3.11 has it. */
#include "plant.h"

#include "executor.bpf.h"

#define PROCESS 100
#define ROOM	8 /* items */

static struct {
	u64 runtime, queue, list, items, frame;
	struct ww_thread handler, other, worker;
} pool;

/* The process has a pool, whose queue is known. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_python python = {.minor = WW_FRAMES_MINOR};
	struct ww_workers workers = {};
	(void)state;
	script_begin(8);
	plant_begin();
	memset(&pool, 0, sizeof(pool));
	host.current[0] = &script.threads[0];
	pool.runtime = plant(1024);
	pool.queue = plant(64);
	pool.list = plant(64);
	pool.items = plant(8 * ROOM);
	pool.frame = plant(256);
	plant_word(pool.queue + WW_QUEUE_LIST, pool.list);
	plant_word(pool.list + WW_PYTHON_LIST, pool.items);
	plant_word(WW_FRAME_LOCAL(pool.frame, WW_WORKER_QUEUE), pool.queue);
	python.runtime = pool.runtime;
	workers.queues[0] = pool.queue;
	pool.handler.frames_of = plant(64);
	pool.other.frames_of = plant(64);
	pool.worker.worker = pool.frame;
	bpf_map_update_elem(&ww_pythons, &tgid, &python, BPF_ANY);
	bpf_map_update_elem(&ww_workers, &tgid, &workers, BPF_ANY);
	ww_workers_known = 1;
	arrives(&script.server, 20);
	runs(0);
	receives(&script.server, "GET /a HTTP/1.1\r\n\r\n");
	pool.handler.ref = host_thread(&script.threads[0])->ref;
	pool.handler.tid = 100;
	assert_true(pool.handler.ref != 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ww_workers_known = 0;
	host.current[0] = NULL;
	script_end();
	return 0;
}

/* The queue has those items, of which the first ones were taken. */
static void has(const u64 *items, u64 taken, u64 len)
{
	if (len)
		plant_bytes(pool.items, items, 8 * len);
	plant_word(pool.list + WW_PYTHON_SIZE, len);
	plant_word(pool.queue + WW_QUEUE_LIST + 8, taken);
}

/* The thread, which has the interpreter's lock, lets go of it. */
static void lets_go(struct ww_thread *t)
{
	plant_word(pool.runtime + WW_GIL_HOLDER, t->frames_of);
	ww_worker_claims(t);
}

static ww_ref whose(u64 item)
{
	struct ww_item_key key = {.item = item, .program = ww_program()};
	ww_ref *of = host_map_value(&ww_items, &key);
	return of ? *of : ~0ull;
}

static void claims(void **state)
{
	(void)state;
	has((u64[]){0x1000}, 0, 1);
	lets_go(&pool.other);
	has((u64[]){0x1000, 0x2000, 0x3000}, 0, 3);
	lets_go(&pool.handler);
	has((u64[]){0x1000, 0x2000, 0x3000, 0x4000}, 2, 4);
	/* Somebody else has had the lock since. */
	plant_word(pool.runtime + WW_GIL_HOLDER, pool.other.frames_of);
	ww_worker_claims(&pool.handler);
	assert_int_equal(whose(0x4000), ~0ull);
	lets_go(&pool.other);
	assert_int_equal(whose(0x1000), 0);
	assert_int_equal(whose(0x2000), pool.handler.ref);
	assert_int_equal(whose(0x3000), pool.handler.ref);
	assert_int_equal(whose(0x4000), 0);
}

/* Work that touched nothing is over, and what somebody else puts there next has its address. */
static void reused(void **state)
{
	(void)state;
	has((u64[]){0x1000}, 0, 1);
	lets_go(&pool.handler);
	assert_int_equal(whose(0x1000), pool.handler.ref);
	has(NULL, 0, 0);
	ww_worker_forgets(&pool.worker);
	has((u64[]){0x1000}, 0, 1);
	lets_go(&pool.other);
	assert_int_equal(whose(0x1000), 0);
	/* And the other way round, with one more. */
	has((u64[]){0x1000}, 1, 1);
	ww_worker_forgets(&pool.worker);
	has((u64[]){0x2000, 0x1000}, 0, 2);
	lets_go(&pool.handler);
	assert_int_equal(whose(0x1000), pool.handler.ref);
	assert_int_equal(whose(0x2000), pool.handler.ref);
	/* What is there still is whose it was. */
	ww_worker_forgets(&pool.worker);
	lets_go(&pool.other);
	assert_int_equal(whose(0x1000), pool.handler.ref);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(claims, begin, end),
		cmocka_unit_test_setup_teardown(reused, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
