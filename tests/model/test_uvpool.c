/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For whom a thread of a pool works under uvloop, in memory as CPython 3.11, uvloop and libuv have it. */
#include "objects.h"

#include "executor.bpf.h"

#define PROCESS	 100
#define FRAME	 32
#define FD	 7
#define PROTOCOL 64 /* where a stream has it */
#define METHOD	 72 /* and a method of it */

static struct {
	u64 at;	  /* where the thread's frame is said */
	u64 base; /* the frame in which it takes its work */
	u64 task;
	struct ww_request *request; /* that the Task serves */
	struct ww_thread thread, loop;
} pool;

static u64 frame(const char *name, u64 below)
{
	u64 at = plant(256), code = plant(128);
	plant_word(code + WW_PYTHON_CODE_NAME, text(name));
	plant_word(at + offsets()->frame_code, code);
	plant_word(at + offsets()->frame_previous, below);
	return at;
}

/* A Task that answers a request, by a method of the protocol of its connection. */
static u64 serving(struct ww_request **request)
{
	u64 uv_loop = plant(256), loop = plant(64), watchers = plant(8 * 16), handle = plant(512),
	    stream = object("TCPTransport"), protocol = object("Protocol"), method = object("method"),
	    at = task("Task-7", 0x700), coro = plant(256);
	u32 tgid = PROCESS;
	struct ww_uvloop uv = {.loop = uv_loop, .object = loop, .thread = pool.loop.python};
	plant_word(uv_loop + WW_UV_WATCHERS, watchers);
	plant_word(uv_loop + WW_UV_WATCHERS + 8, 16);
	plant_word(watchers + 8 * FD, handle + WW_UV_STREAM_IO);
	plant_word(handle, stream);
	plant_word(handle + 8, uv_loop);
	plant_word(handle + WW_UV_STREAM_IO + WW_UV_WATCH_FD, FD);
	plant_word(method + WW_METHOD_SELF, protocol);
	plant_word(stream + WW_UVLOOP_HANDLE, handle);
	plant_word(stream + WW_UVLOOP_LOOP, loop);
	plant_word(stream + PROTOCOL, protocol);
	plant_word(stream + METHOD, method);
	plant_word(ww_user_word(protocol + WW_PYTHON_TYPE) + WW_TYPE_BASICSIZE, 64);
	plant_word(protocol + WW_OBJECT_HEAD, stream);
	plant_word(coro + WW_CORO_LOCALS, protocol);
	plant_word(at + offsets()->task_waits + WW_TASK_CORO, coro);
	bpf_map_update_elem(&ww_uvloops, &tgid, &uv, BPF_ANY);
	host.current[0]->regs.WW_REG_ARG1 = FD;
	*request = ww_request_open(host.now);
	assert_non_null(*request);
	ww_uvloop_opens((*request)->account.id);
	return at;
}

static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_python python = {.context = 8,
				   .minor = version + WW_PYTHON_FIRST,
				   .current_frame = FRAME,
				   .loops = 1,
				   .uvloop = WW_UVLOOP_FOLLOWED};
	(void)state;
	script_begin(8);
	plant_begin();
	memset(&pool, 0, sizeof(pool));
	host.current[0] = &script.threads[0];
	runs(0);
	bpf_map_update_elem(&ww_pythons, &tgid, &python, BPF_ANY);
	ww_python_loops = 1;
	pool.loop.python = plant(256);
	pool.loop.loop = 1;
	pool.loop.uvloop = 1;
	pool.thread.tid = 101;
	pool.thread.executor = WW_EXECUTOR_BUSY;
	pool.thread.uvpool = WW_UVPOOL_ANY;
	pool.thread.start = pool.thread.mark = host.now;
	pool.thread.frames_of = plant(64);
	pool.at = pool.thread.frames_of + FRAME;
	pool.task = serving(&pool.request);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ww_python_loops = 0;
	host.current[0] = NULL;
	script_end();
	return 0;
}

static void in(const char *name)
{
	plant_word(pool.at, name ? frame(name, pool.base) : pool.base);
}

static void in_syscall(s64 nr)
{
	host.current[0]->regs.WW_REG_NR = nr;
}

/* By the eventfd of its loop. */
static void tells(void)
{
	in_syscall(WW_SYS_WRITE);
	host.current[0]->regs.WW_REG_ARG1 = HOST_FD_EVENT;
}

/* The frame of get() of the thread's queue. */
static u64 queue_get(void)
{
	u64 at = frame("get", pool.base);
	plant_word(at + offsets()->frame_locals, object("Queue"));
	return at;
}

/* A Future that the Task awaits. */
static u64 awaited(void)
{
	u64 future = object(FUTURE);
	plant_word(future + WW_FUTURE_CALLBACK, wakeup(pool.task));
	return future;
}

/* An item of concurrent.futures whose end sets that Future; `state`: where its own Future has its state. */
static u64 item(u64 future, u64 *state)
{
	u64 of = object("_WorkItem"), own = object("Future"), function = object("function"), code = plant(128),
	    list = object("list"), items = plant(16), cells = plant(64), cell = plant(32);
	plant_word(code + WW_PYTHON_CODE_NAME, text("_call_set_state"));
	plant_word(function + WW_FUNCTION_CODE, code);
	plant_word(function + WW_FUNCTION_CLOSURE, cells);
	plant_word(cells + WW_PYTHON_SIZE, 1);
	plant_word(cells + offsets()->tuple, cell);
	plant_word(cell + WW_CELL_CONTENTS, future);
	plant_word(list + WW_PYTHON_SIZE, 1);
	plant_word(list + WW_PYTHON_LIST, items);
	plant_word(items, function);
	plant_word(attributes(of), own);
	u64 values = attributes(own);
	*state = values + 8 * WW_UVPOOL_STATE;
	plant_word(*state, text("RUNNING"));
	plant_word(values + 8 * WW_UVPOOL_CALLBACKS, list);
	return of;
}

static void takes(u32 variable, u64 work)
{
	plant_word(ww_frame_local_at(pool.base, variable, version), work);
}

static struct ww_request *done(void)
{
	struct ww_executor *e = ww_executor_of();
	return e ? ww_request_get(e->done) : NULL;
}

static bool doubts(void)
{
	u32 tgid = PROCESS;
	struct ww_uvloop *uv = bpf_map_lookup_elem(&ww_uvloops, &tgid);
	return uv->unsure_at != 0;
}

/* The account of what was done is the request's, which has lent itself until the loop has it. */
static void is_done(void)
{
	struct ww_request *a = done();
	assert_non_null(a);
	assert_int_equal(a->root, pool.request->account.id);
	assert_int_equal(pool.request->lent, 1);
	assert_int_equal(ww_executor_fold(&pool.loop, a), pool.request->account.id);
	assert_int_equal(pool.request->lent, 0);
	assert_false(doubts());
}

static void of_an_item(void **state)
{
	u64 own, work = item(awaited(), &own);
	(void)state;
	pool.base = frame("_worker", frame("run", frame("_bootstrap_inner", 0)));
	takes(offsets()->worker_item, work);
	in("handler");
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	assert_int_equal(pool.request->lent, 1);
	in_syscall(WW_SYS_FUTEX);
	ww_executor_tells(&pool.thread);
	assert_null(done());
	/* It is about to tell the loop, which may have the lock before. */
	plant_word(own, text("FINISHED"));
	ww_executor_tells(&pool.thread);
	is_done();
	/* What was told is not told again. */
	ww_executor_tells(&pool.thread);
	assert_int_equal(pool.request->lent, 0);
}

/* The next one, without a wait between them. */
static void of_the_next(void **state)
{
	u64 own, future = awaited(), first = item(future, &own), second = item(awaited(), &own);
	(void)state;
	pool.base = frame("_worker", frame("run", frame("_bootstrap_inner", 0)));
	takes(offsets()->worker_item, first);
	in("handler");
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	takes(offsets()->worker_item, second);
	plant_word(future + offsets()->future_state, 1);
	plant_word(future + WW_FUTURE_CALLBACK, 0);
	/* While it waits for something else, too. */
	in_syscall(WW_SYS_READ);
	ww_executor_tells(&pool.thread);
	is_done();
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	assert_int_equal(pool.request->lent, 1);
}

static void of_anyio(void **state)
{
	(void)state;
	pool.base = frame("run", frame("_bootstrap_inner", 0));
	takes(WW_UVPOOL_FUTURE, awaited());
	/* Before the work, in it, and after it. */
	in(NULL);
	in_syscall(WW_SYS_FUTEX);
	ww_executor_tells(&pool.thread);
	assert_int_equal(pool.request->lent, 1);
	ww_executor_tells(&pool.thread);
	assert_null(done());
	in("handler");
	ww_executor_tells(&pool.thread);
	assert_null(done());
	in(NULL);
	ww_executor_tells(&pool.thread);
	is_done();
}

/* A handler that is named as what the loop calls itself; and one that is no Python, and writes to a file. */
static void of_anyio_alike(void **state)
{
	(void)state;
	pool.base = frame("run", frame("_bootstrap_inner", 0));
	takes(WW_UVPOOL_FUTURE, awaited());
	in(NULL);
	in_syscall(WW_SYS_WRITE);
	host.current[0]->regs.WW_REG_ARG1 = HOST_FD_FILE;
	ww_executor_tells(&pool.thread);
	ww_executor_tells(&pool.thread);
	assert_null(done());
	in("get");
	in_syscall(WW_SYS_FUTEX);
	ww_executor_tells(&pool.thread);
	ww_executor_tells(&pool.thread);
	assert_null(done());
	assert_int_equal(pool.request->lent, 1);
}

/* Work in which nothing was seen to happen. */
static void of_anyio_at_once(void **state)
{
	(void)state;
	pool.base = frame("run", frame("_bootstrap_inner", 0));
	for (u32 i = 0; i < 3; i++) {
		takes(WW_UVPOOL_FUTURE, awaited());
		in(NULL);
		in_syscall(WW_SYS_FUTEX);
		ww_executor_tells(&pool.thread);
		if (!i) /* it tells the loop, */
			tells();
		else if (i == 1) /* has told it, */
			plant_word(pool.base + WW_UVPOOL_AT, 1);
		else /* waits for the next one */
			plant_word(pool.at, frame("wait", queue_get()));
		ww_executor_tells(&pool.thread);
		is_done();
	}
}

/* It is stopped before it calls what it was given, and at that: its work has not begun. */
static void of_anyio_stopped(void **state)
{
	(void)state;
	pool.base = frame("run", frame("_bootstrap_inner", 0));
	/* Where it calls that is known by a piece before. */
	takes(WW_UVPOOL_FUTURE, awaited());
	plant_word(pool.base + WW_UVPOOL_AT, 240);
	in("handler");
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	plant_word(pool.base + WW_UVPOOL_AT, 402);
	in(NULL);
	in_syscall(WW_SYS_FUTEX);
	ww_executor_tells(&pool.thread);
	is_done();
	takes(WW_UVPOOL_FUTURE, awaited());
	plant_word(pool.base + WW_UVPOOL_AT, 194);
	ww_executor_tells(&pool.thread);
	plant_word(pool.base + WW_UVPOOL_AT, 220);
	ww_executor_tells(&pool.thread);
	assert_int_equal(pool.request->lent, 1);
	plant_word(pool.base + WW_UVPOOL_AT, 240);
	in("handler");
	ww_executor_tells(&pool.thread);
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	assert_int_equal(pool.request->lent, 1);
	assert_false(doubts());
	/* Behind the call, where another thread is to have the lock, or the next time round. */
	in(NULL);
	ww_executor_tells(&pool.thread);
	is_done();
}

/* A thread that ends closes its connections: no request's work, and no doubt. */
static void of_a_thread_that_ends(void **state)
{
	(void)state;
	pool.base = frame("run", frame("_bootstrap_inner", 0));
	takes(WW_UVPOOL_FUTURE, awaited());
	in("handler");
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	in(NULL);
	in_syscall(WW_SYS_FUTEX);
	ww_executor_tells(&pool.thread);
	is_done();
	plant_word(pool.at, 0);
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	plant_word(pool.at, frame("__del__", 0));
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	assert_false(doubts());
	in("handler");
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	assert_true(doubts());
}

/* What nobody is known to await is in doubt, if it asks for something. */
static void of_nobody(void **state)
{
	u64 own, future = object(FUTURE);
	(void)state;
	pool.base = frame("_worker", frame("run", frame("_bootstrap_inner", 0)));
	takes(offsets()->worker_item, item(future, &own));
	in("handler");
	in_syscall(WW_SYS_FUTEX);
	ww_executor_tells(&pool.thread);
	assert_false(doubts());
	assert_int_equal(ww_uvpool_looks(&pool.thread, true), 0);
	assert_true(doubts());
	assert_int_equal(pool.request->lent, 0);
	assert_null(done());
}

/* Memory of any kind: nothing is trusted. */
static void garbage(void **state)
{
	(void)state;
	for (u32 turn = 0; turn < 1000; turn++) {
		for (u64 i = 0; i < 4096; i += 8)
			plant_word(HOST_USER + i, HOST_USER + 8 * host_draw(512));
		pool.thread.base = 0;
		pool.thread.uvpool = 1 + host_draw(3);
		ww_uvpool_looks(&pool.thread, host_draw(2));
		ww_uvpool_meets(PROCESS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_an_item, begin, end),
		cmocka_unit_test_setup_teardown(of_the_next, begin, end),
		cmocka_unit_test_setup_teardown(of_anyio, begin, end),
		cmocka_unit_test_setup_teardown(of_anyio_alike, begin, end),
		cmocka_unit_test_setup_teardown(of_anyio_at_once, begin, end),
		cmocka_unit_test_setup_teardown(of_anyio_stopped, begin, end),
		cmocka_unit_test_setup_teardown(of_a_thread_that_ends, begin, end),
		cmocka_unit_test_setup_teardown(of_nobody, begin, end),
		cmocka_unit_test_setup_teardown(garbage, begin, end),
	};
	version = WW_UVLOOP_VERSION;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
