/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For whom what a pool of CPython's threads does is, in memory as CPython 3.11 to 3.13 have it. */
#include "plant.h"

#include "executor.bpf.h"

#define PROCESS 100
#define ROOM	8 /* items */
#define FRAME	32
#define HOLDER	64

static struct {
	u64 runtime, queue, list, items, frame;
	u64 loop, code, slot, function, put; /* of a thread that takes from a queue.Queue */
	struct ww_thread handler, other, worker, taker;
} pool;

static u32 version;

static const struct ww_python_offsets *offsets(void)
{
	return ww_python_offsets(version);
}

/* What a frame says beside an object's address. */
static u64 tag(void)
{
	return version == WW_PYTHON_3_14 ? 1 : 0;
}

static u64 text(const char *letters)
{
	u64 at = plant(offsets()->text + 32);
	plant_bytes(at + offsets()->text, letters, strlen(letters) + 1);
	return at;
}

static u64 frame(const char *name, u64 below)
{
	u64 at = plant(128), code = plant(128);
	plant_word(code + WW_PYTHON_CODE_NAME, text(name));
	plant_word(at + offsets()->frame_code, code | tag());
	plant_word(at + offsets()->frame_previous, below);
	return at;
}

/* A function's code with so many arguments. */
static u64 callable(u32 args)
{
	u64 code = plant(256);
	plant_bytes(code + offsets()->code_args, &args, sizeof(args));
	return code;
}

/* The process has a pool, whose queue is known. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_python python = {.context = 8, .minor = version + WW_PYTHON_FIRST, .current_frame = FRAME};
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
	pool.frame = frame("_worker", 0);
	if (!offsets()->rings) {
		plant_word(pool.queue + WW_QUEUE_LIST, pool.list);
		plant_word(pool.list + WW_PYTHON_LIST, pool.items);
	}
	plant_word(ww_frame_local_at(pool.frame, offsets()->worker_queue, version), pool.queue | tag());
	python.runtime = pool.runtime;
	python.holder = pool.runtime + HOLDER;
	workers.queues[0] = pool.queue;
	pool.handler.frames_of = plant(64);
	pool.other.frames_of = plant(64);
	pool.worker.frames_of = plant(64);
	pool.worker.worker = pool.frame;
	plant_word(pool.worker.frames_of + FRAME, pool.frame);
	pool.loop = plant(256);
	pool.slot = plant(256);
	pool.code = plant(128);
	plant_word(pool.loop + offsets()->frame_code, pool.code);
	pool.function = callable(2);
	pool.put = callable(4);
	plant_word(pool.slot + offsets()->frame_previous, pool.loop);
	pool.handler.version = pool.other.version = pool.worker.version = pool.taker.version = version;
	pool.taker.loop_slot = pool.slot;
	pool.taker.executor = WW_EXECUTOR_BUSY;
	pool.taker.tid = 101;
	pool.taker.start = pool.taker.mark = host.now;
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
	if (offsets()->rings) {
		/* They begin near its end, and go on at its beginning. */
		struct ww_ring ring = {.get = (ROOM - 1 + taken) % ROOM, .put = (ROOM - 1 + len) % ROOM, .room = ROOM};
		ring.items = pool.items;
		ring.count = len - taken;
		plant_bytes(pool.queue + WW_QUEUE_RING, &ring, sizeof(ring));
		for (u64 i = taken; i < len; i++)
			plant_word(pool.items + 8 * ((ROOM - 1 + i) % ROOM), items[i]);
		return;
	}
	if (len)
		plant_bytes(pool.items, items, 8 * len);
	plant_word(pool.list + WW_PYTHON_SIZE, len);
	plant_word(pool.queue + WW_QUEUE_LIST + 8, taken);
}

/* The thread, which has the interpreter's lock, lets go of it. */
static void lets_go(struct ww_thread *t)
{
	plant_word(pool.runtime + HOLDER, t->frames_of);
	ww_worker_claims(t, false);
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
	plant_word(pool.runtime + HOLDER, pool.other.frames_of);
	ww_worker_claims(&pool.handler, false);
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

/* Somebody takes the lock that the handler's thread has let go of before that waits, and it has run for so long. */
static void overtaken(struct ww_thread *by, u64 ran)
{
	plant_word(pool.runtime + HOLDER, by->frames_of);
	pool.handler.mark = host.now;
	pool.handler.on_cpu = host.now - ran;
	ww_worker_claims(&pool.handler, false);
	if (by == &pool.worker)
		ww_worker_claims(by, false); /* it has taken the first item, and wakes the next thread */
	ww_worker_claims(&pool.handler, true);
}

/* Who takes the first of several items is not the one that has put the others there. */
static void raced(void **state)
{
	struct ww_request *r = ww_request_get(pool.handler.ref);
	(void)state;
	host.now += 1000000;
	has((u64[]){0x1000}, 0, 1);
	lets_go(&pool.handler);
	has((u64[]){0x1000, 0x2000, 0x3000}, 1, 3);
	overtaken(&pool.worker, 50000);
	assert_int_equal(whose(0x2000), pool.handler.ref);
	assert_int_equal(whose(0x3000), pool.handler.ref);
	has((u64[]){0x3000, 0x4000}, 1, 2);
	overtaken(&pool.other, 50000);
	assert_int_equal(whose(0x4000), pool.handler.ref);
	assert_int_equal(r->account.traffic_lost, 0);
	/* Or has put them there just now. */
	has((u64[]){0x4000, 0x4100}, 1, 2);
	overtaken(&pool.other, 1000);
	assert_int_equal(whose(0x4100), ~0ull);
	assert_int_equal(r->account.traffic_lost, 0);
	lets_go(&pool.other);
	/* It may have lost its CPU in between: whose they are is not known, and that is said. */
	has((u64[]){0x4100}, 0, 1);
	overtaken(&pool.worker, 1000);
	assert_int_equal(r->account.traffic_lost, 0);
	has((u64[]){0x4100, 0x5000}, 1, 2);
	overtaken(&pool.worker, 1000);
	assert_int_equal(whose(0x5000), ~0ull);
	assert_int_equal(r->account.traffic_lost, 1);
	/* Its own are those that it has not lost the lock for. */
	has((u64[]){0x4100, 0x5000, 0x6000}, 2, 3);
	lets_go(&pool.other);
	ww_worker_claims(&pool.handler, true);
	assert_int_equal(whose(0x6000), 0);
}

/* Who waits for the end of a thread, or for a queue, is not taken to have put into a pool's what came there since. */
static void joins(void **state)
{
	struct ww_request *r = ww_request_get(pool.handler.ref);
	(void)state;
	host.now += 1000000;
	pool.handler.awaits = WW_AWAITS_BESIDE;
	has((u64[]){0x1000}, 0, 1);
	lets_go(&pool.handler);
	overtaken(&pool.worker, 50000);
	assert_int_equal(whose(0x1000), pool.handler.ref);
	assert_int_equal(r->account.traffic_lost, 0);
	has((u64[]){0x1000, 0x2000}, 1, 2);
	overtaken(&pool.other, 50000);
	assert_int_equal(whose(0x2000), 0);
	assert_int_equal(r->account.traffic_lost, 1);
}

/* The thread's loop has these variables, and has called the function with the first `args` of `given`. */
static void calls(u64 code, const u64 *vars, u64 vars_len, const u64 *given, u64 args)
{
	u32 locals = (u32)vars_len;
	plant_bytes(ww_frame_local_at(pool.loop, 0, version), vars, 8 * vars_len);
	/* Behind them, from 3.12 on, is the function that it calls. */
	plant_word(ww_frame_local_at(pool.loop, vars_len, version), code);
	plant_bytes(pool.code + offsets()->code_args + WW_CODE_LOCALS, &locals, sizeof(locals));
	plant_word(pool.slot + offsets()->frame_code, code | tag());
	plant_word(pool.slot + offsets()->frame_function, code);
	for (u64 i = 0; i < args; i++)
		plant_word(ww_frame_local_at(pool.slot, i, version), given[i] | tag());
}

/* It has asked for something, and it is known what for. */
static ww_ref works(void)
{
	ww_ref ref = ww_worker_turn(&pool.taker);
	assert_true(ref != 0);
	ww_request_get(ref)->account.traffic = 2;
	return ref;
}

/* It wakes the handler's thread: with what account. */
static struct ww_request *tells(void)
{
	host.now += 1000;
	ww_worker_ends(&pool.taker, &pool.handler, host.now);
	struct ww_request *a = ww_request_get(pool.handler.gift);
	assert_non_null(a);
	assert_int_equal(a->target, pool.handler.ref);
	pool.handler.gift = 0;
	return a;
}

/* An item that touches nothing, taken straight after another one that nobody waits for. */
static void straight(void **state)
{
	const u64 first[] = {0x100, 0x200, 0x300}, second[] = {0x110, 0x210, 0x310};
	(void)state;
	calls(pool.function, first, 3, first, 2);
	ww_ref ref = works();
	calls(pool.put, second, 3, (u64[]){0x310, 0x110, 1}, 3);
	struct ww_request *a = tells();
	assert_int_equal(a->account.traffic | a->account.traffic_lost, 0);
	assert_int_equal(a->account.attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_null(ww_request_get(ref));
	/* What it is told the end of is over: the next one has an account of its own. */
	calls(pool.put, first, 3, (u64[]){0x300, 0x100, 1}, 3);
	a = tells();
	assert_int_equal(a->account.traffic | a->account.traffic_lost, 0);
	assert_int_equal(a->account.attribution, WW_ATTRIBUTION_EXACT);
	/* With one variable that may be what it has made of it. */
	calls(pool.function, (u64[]){0x100, 0x300, 0}, 3, (u64[]){0x100, 0x400}, 2);
	ref = works();
	calls(pool.put, (u64[]){0x110, 0x300, 0}, 3, (u64[]){0x300, 0x500, 1}, 3);
	a = tells();
	assert_int_equal(a->account.traffic, 0);
	assert_int_equal(a->account.traffic_lost, 1);
	assert_null(ww_request_get(ref));
}

/* What it did for the item that it tells the end of is for who waits for that. */
static void told(void **state)
{
	const u64 vars[] = {0x100, 0x200, 0x300};
	(void)state;
	calls(pool.function, vars, 3, vars, 2);
	ww_ref ref = works();
	calls(pool.put, (u64[]){0x100, 0x200, 0x300, 0x900}, 4, (u64[]){0x300, 0x900, 1}, 3);
	assert_int_equal(tells()->account.id, ref);
	/* item = work(item); out.put(item) */
	calls(pool.function, (u64[]){0x110, 0x300, 0, 0}, 4, (u64[]){0x110, 0x400}, 2);
	ref = works();
	calls(pool.put, (u64[]){0x120, 0x300}, 2, (u64[]){0x300, 0x120, 1}, 3);
	assert_int_equal(tells()->account.id, ref);
	/* job = queue.get(); work(job); del job; done.set() */
	calls(pool.function, (u64[]){0x130, 0x300}, 2, (u64[]){0x130, 0x400}, 2);
	ref = works();
	calls(pool.put, (u64[]){0, 0x300}, 2, (u64[]){0x300, 0x130, 1}, 3);
	assert_int_equal(tells()->account.id, ref);
}

/* A variable of what it has called changes in the midst of the work, an argument does not. */
static void loops(void **state)
{
	const u64 vars[] = {0x100, 0x200, 0x300};
	(void)state;
	calls(pool.function, vars, 3, vars, 2);
	ww_ref ref = works();
	plant_word(ww_frame_local_at(pool.slot, 2, version), 0x700);
	assert_int_equal(works(), ref);
	plant_word(ww_frame_local_at(pool.slot, 1, version), 0x210);
	assert_int_not_equal(works(), ref);
}

/* Of a CPython whose Tasks and threads are not followed: a request whose operations may be missing says so. */
static void untold(void **state)
{
	u32 tgid = PROCESS;
	struct ww_python python = {.minor = 9, .current_frame = FRAME};
	struct ww_request *r = ww_request_get(pool.handler.ref);
	(void)state;
	/* Its thread computes; then it waits for others. */
	bpf_map_update_elem(&ww_pythons, &tgid, &python, BPF_ANY);
	assert_int_equal(r->account.traffic_lost, 0);
	ww_worker_blocks(&pool.handler);
	assert_int_equal(r->account.traffic_lost, 1);
	assert_int_equal(pool.handler.awaits, 0);
	/* It is a loop's, which has had all of it in one go, or else not. */
	r->account.traffic_lost = 0;
	pool.handler.loop = 1;
	ww_python_find(&pool.handler);
	pool.handler.slept = r->opened;
	pool.handler.served[0] = pool.handler.ref;
	ww_carrier_doubts(&pool.handler, r);
	assert_int_equal(r->account.traffic_lost, 0);
	pool.handler.slept = r->opened + 1;
	ww_carrier_doubts(&pool.handler, r);
	assert_int_equal(r->account.traffic_lost, 1);
	assert_int_equal(r->account.attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

#define WAIT (9 | 128) /* FUTEX_WAIT_BITSET, private */
#define WAKE (1 | 128)

static void futex(struct host_task *task, u32 operation)
{
	memset(&task->regs, 0, sizeof(task->regs));
	task->regs.WW_REG_NR = WW_SYS_FUTEX;
	task->regs.WW_REG_ARG1 = 0x7000;
	task->regs.WW_REG_ARG2 = operation;
}

/* A thread of nobody's, which is followed as it was woken by a request's once: what it puts there is nobody's. */
static void beside(void **state)
{
	(void)state;
	struct ww_thread *t = ww_thread_create(&script.threads[1].task);
	struct ww_thread *idle = ww_thread_create(&script.threads[2].task);
	t->tid = 101;
	t->frames_of = plant(64);
	idle->tid = 102;
	idle->executor = WW_EXECUTOR_IDLE;
	idle->off = WW_OFF_IDLE;
	host.current[0] = &script.threads[1];
	futex(&script.threads[1], WAKE);
	futex(&script.threads[2], WAIT);
	has((u64[]){0x1000}, 0, 1);
	plant_word(pool.runtime + HOLDER, t->frames_of);
	is_woken(2);
	assert_int_equal(whose(0x1000), 0);
	/* It puts another one there when none waits. */
	has((u64[]){0x1000, 0x2000}, 1, 2);
	blocks(WW_SYS_CLOCK_NANOSLEEP, 0, 0, 0, 0);
	host.current[0] = &script.threads[0];
	lets_go(&pool.handler);
	assert_int_equal(whose(0x2000), 0);
	host_task_end(&script.threads[1]);
	host_task_end(&script.threads[2]);
}

/* A request's thread has made the thread, which is in so many functions below the one that its Thread.run() calls. */
static struct ww_request *made(const char *runs, u64 item, u32 deep)
{
	struct ww_thread *t = &pool.worker;
	u64 at = frame(runs, frame("run", frame("_bootstrap_inner", frame("_bootstrap", 0))));
	plant_word(ww_frame_local_at(at, offsets()->worker_queue, version), pool.queue);
	plant_word(ww_frame_local_at(at, offsets()->worker_item, version), item);
	for (u32 i = 0; i < deep; i++)
		at = frame("deeper", at);
	plant_word(t->frames_of + FRAME, at);
	t->executor = WW_EXECUTOR_BUSY;
	t->made = 1;
	t->worker = 0;
	t->item = 0;
	t->start = t->mark = host.now;
	struct ww_request *a = ww_handoff_begin(t);
	a->root = pool.handler.ref;
	a->direct = 1;
	assert_int_equal(ww_carrier_of_send(t, NULL), a->account.id);
	t->ref = 0;
	return a;
}

/* A pool's new thread takes what is next, not what it was made for. */
static void grows(void **state)
{
	(void)state;
	has((u64[]){0x1000}, 0, 1);
	lets_go(&pool.other);
	has((u64[]){0x1000, 0x2000}, 0, 2);
	lets_go(&pool.handler);
	assert_int_equal(made("_worker", 0x2000, 1)->root, pool.handler.ref);
	struct ww_request *a = made("_worker", 0x1000, 12);
	assert_int_equal(a->root, 0);
	assert_int_equal(a->direct, 0);
	a = made("_worker", 0x3000, 12);
	assert_int_equal(a->root, 0);
	assert_int_equal(a->direct, 0);
	/* A pool that nobody else was seen to put anything into is its maker's; so is a function of that name. */
	u64 queue = pool.queue;
	pool.queue = plant(64);
	a = made("_worker", 0x4000, 12);
	pool.queue = queue;
	assert_int_equal(a->root, pool.handler.ref);
	assert_int_equal(a->direct, 1);
	assert_int_equal(pool.worker.worker, 0);
	/* One that is made for a piece of work does that. */
	a = made("work", 0x1000, 12);
	assert_int_equal(a->root, pool.handler.ref);
	assert_int_equal(a->direct, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(claims, begin, end),
		cmocka_unit_test_setup_teardown(reused, begin, end),
		cmocka_unit_test_setup_teardown(raced, begin, end),
		cmocka_unit_test_setup_teardown(joins, begin, end),
		cmocka_unit_test_setup_teardown(straight, begin, end),
		cmocka_unit_test_setup_teardown(told, begin, end),
		cmocka_unit_test_setup_teardown(loops, begin, end),
		cmocka_unit_test_setup_teardown(untold, begin, end),
		cmocka_unit_test_setup_teardown(beside, begin, end),
		cmocka_unit_test_setup_teardown(grows, begin, end),
	};
	int failed = 0;
	for (version = 11 - WW_PYTHON_FIRST; version <= WW_PYTHON_3_14; version++)
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	return failed;
}
