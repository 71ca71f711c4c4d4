/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For which Task a thread that works for an event loop of CPython's has worked, in memory as CPython 3.11 to 3.13 have
 * it. */
#include "objects.h"

#include "executor.bpf.h"

#define PROCESS 100
#define FRAME	32

static struct {
	u64 at;	    /* where the thread's frame is said */
	u64 future; /* that its Task awaits */
	u64 task;
	struct ww_thread thread;
} pool;

static u64 frame(const char *name, u64 below)
{
	u64 at = plant(128), code = plant(128);
	plant_word(code + WW_PYTHON_CODE_NAME, text(name));
	plant_word(at + offsets()->frame_code, code);
	plant_word(at + offsets()->frame_previous, below);
	return at;
}

/* A thread of the pool has worked for what a Task awaits. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_python python = {
		.context = 8, .minor = version + WW_PYTHON_FIRST, .current_frame = FRAME, .loops = 1};
	(void)state;
	script_begin(8);
	plant_begin();
	memset(&pool, 0, sizeof(pool));
	host.current[0] = &script.threads[0];
	runs(0);
	bpf_map_update_elem(&ww_pythons, &tgid, &python, BPF_ANY);
	ww_python_loops = 1;
	pool.thread.tid = 101;
	pool.thread.executor = WW_EXECUTOR_BUSY;
	pool.thread.start = pool.thread.mark = host.now;
	pool.thread.frames_of = plant(64);
	pool.at = pool.thread.frames_of + FRAME;
	pool.task = task("Task-7", 0x700);
	pool.future = object(FUTURE);
	plant_word(pool.future + WW_FUTURE_CALLBACK, wakeup(pool.task));
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

/* It is to have the loop call something for its Future, and is in that function, or in one which that calls. */
static void tells(const char *calls)
{
	u64 self = frame("call_soon_threadsafe", frame("run", 0));
	plant_word(ww_frame_local_at(self, 3, version), tuple(&pool.future, 1));
	plant_word(pool.at, calls ? frame(calls, self) : self);
}

/* The account of what was done last, which the loop is to see to. */
static struct ww_request *done(void)
{
	struct ww_executor *e = ww_executor_of();
	return e ? ww_request_get(e->done) : NULL;
}

/* The loop may have the interpreter's lock, and answer, before the byte is sent by which it is told. */
static void before_it_tells(void **state)
{
	(void)state;
	plant_word(pool.at, frame("_worker", 0));
	ww_executor_tells(&pool.thread);
	assert_null(done());
	tells("_write_to_self");
	ww_executor_tells(&pool.thread);
	struct ww_request *a = done();
	assert_non_null(a);
	assert_int_equal(a->context, ww_task_key(pool.task, version));
	/* The Task has gone on: nothing tells of it any more, and nothing is new. */
	plant_word(pool.future + WW_FUTURE_CALLBACK, 0);
	ww_executor_tells(&pool.thread);
	ww_executor_ends(&pool.thread, 0);
	assert_ptr_equal(done(), a);
}

/* It waits for the interpreter's lock when it has sent the byte: that is no end of another piece of work. */
static void after_it_told(void **state)
{
	(void)state;
	tells("_write_to_self");
	ww_executor_ends(&pool.thread, 0);
	struct ww_request *a = done();
	assert_non_null(a);
	ww_executor_tells(&pool.thread);
	assert_ptr_equal(done(), a);
	/* The next piece, which it has had without a wait, is one, by a Future in the same place, too. */
	pool.task = task("Task-8", 0x800);
	plant_word(pool.future + WW_FUTURE_CALLBACK, wakeup(pool.task));
	ww_executor_ends(&pool.thread, 0);
	assert_ptr_not_equal(done(), a);
	assert_int_equal(done()->context, ww_task_key(pool.task, version));
	/* And so is one of the same Task's when it has sent something meanwhile. */
	a = done();
	ww_carrier_of_send(&pool.thread, NULL);
	ww_executor_ends(&pool.thread, 0);
	assert_ptr_not_equal(done(), a);
}

static void within(void **state)
{
	(void)state;
	tells(NULL);
	ww_executor_tells(&pool.thread);
	assert_non_null(done());
}

/* Who has woken the thread may have done so for other work than that which it took, and which had waited for long. */
static void taken_for_another(void **state)
{
	(void)state;
	tells("_write_to_self");
	pool.thread.submitter = ww_task_key(pool.task, version);
	ww_executor_ends(&pool.thread, 0);
	assert_false(done()->early);
	pool.thread.told = 0;
	pool.thread.submitter = ww_task_key(task("Task-6", 0x600), version);
	ww_executor_ends(&pool.thread, 0);
	assert_true(done()->early);
}

/* The same, for work of a Task that had answered: that is nobody's, what another one awaits is. */
static void taken_for_nobody(void **state)
{
	(void)state;
	tells("_write_to_self");
	pool.thread.submitter = ww_task_key(pool.task, version) | WW_EXECUTOR_OVER;
	ww_executor_ends(&pool.thread, 0);
	assert_null(done());
	pool.thread.told = 0;
	pool.thread.submitter = ww_task_key(task("Task-6", 0x600), version) | WW_EXECUTOR_OVER;
	ww_executor_ends(&pool.thread, 0);
	assert_non_null(done());
	assert_int_equal(done()->context, ww_task_key(pool.task, version));
}

/* It begins when the CPU has been another process's until now: it is one of its own process's threads at work. */
static void after_another(void **state)
{
	struct host_task other;
	struct ww_executor *own = ww_executor_make(PROCESS), *others = ww_executor_make(PROCESS + 1);
	(void)state;
	pool.thread.executor = WW_EXECUTOR_NOT;
	ww_executor_expects(&pool.thread);
	host_task_init(&other, PROCESS + 1, PROCESS + 1);
	host.current[0] = &other;
	ww_executor_begins(&pool.thread);
	assert_int_equal(own->busy, 1);
	assert_int_equal(others->busy, 0);
	host.current[0] = &script.threads[0];
	ww_executor_rests(&pool.thread);
	assert_int_equal(own->busy, 0);
	host_task_end(&other);
}

/* One that is met when it tells its loop is at work from then on, as others are. */
static void met(void **state)
{
	(void)state;
	pool.thread.executor = WW_EXECUTOR_NOT;
	tells("_write_to_self");
	ww_executor_ends(&pool.thread, 0);
	assert_non_null(done());
	assert_int_equal(done()->account.attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_int_equal(pool.thread.executor, WW_EXECUTOR_BUSY);
	assert_int_equal(ww_executor_of()->busy, 1);
}

/* No pool of its process is known any more: what it has done is told all the same. */
static void forgotten(void **state)
{
	(void)state;
	pool.thread.executor = WW_EXECUTOR_IDLE;
	pool.thread.submitter = ww_task_key(pool.task, version);
	ww_executor_begins(&pool.thread);
	tells("_write_to_self");
	ww_executor_tells(&pool.thread);
	assert_non_null(done());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(before_it_tells, begin, end),
		cmocka_unit_test_setup_teardown(after_it_told, begin, end),
		cmocka_unit_test_setup_teardown(within, begin, end),
		cmocka_unit_test_setup_teardown(taken_for_another, begin, end),
		cmocka_unit_test_setup_teardown(taken_for_nobody, begin, end),
		cmocka_unit_test_setup_teardown(after_another, begin, end),
		cmocka_unit_test_setup_teardown(met, begin, end),
		cmocka_unit_test_setup_teardown(forgotten, begin, end),
	};
	int failed = 0;
	for (version = 11 - WW_PYTHON_FIRST; version <= WW_PYTHON_3_14; version++)
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	return failed;
}
