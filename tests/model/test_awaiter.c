/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whom Tasks of asyncio lead to, in objects as CPython 3.11 to 3.13 have them in memory. */
#include "objects.h"

#define CALLBACKS 5

static u64 function(const char *name, const u64 *contents, u64 cells)
{
	u64 at = object("function"), code = plant(256), closure[CALLBACKS];
	plant_word(code + WW_PYTHON_CODE_NAME, text(name));
	plant_word(at + WW_FUNCTION_CODE, code);
	for (u64 i = 0; i < cells; i++) {
		closure[i] = object("cell");
		plant_word(closure[i] + WW_CELL_CONTENTS, contents[i]);
	}
	if (cells)
		plant_word(at + WW_FUNCTION_CLOSURE, tuple(closure, cells));
	return at;
}

static u64 method(const char *name, u64 self)
{
	u64 at = object("method");
	plant_word(at + WW_METHOD_FUNCTION, function(name, NULL, 0));
	plant_word(at + WW_METHOD_SELF, self);
	return at;
}

static u64 partial(const char *name, u64 first)
{
	u64 at = object("functools.partial");
	plant_word(at + WW_PARTIAL_FUNCTION, function(name, NULL, 0));
	plant_word(at + WW_PARTIAL_ARGS, tuple(&first, 1));
	return at;
}

/* The future has that callback, and others behind it. */
static void calls(u64 future, u64 callback)
{
	plant_word(future + WW_FUTURE_CALLBACK, callback);
}

static void calls_too(u64 future, const u64 *callbacks, u64 len)
{
	u64 list = object("list"), items = plant(8 * CALLBACKS);
	for (u64 i = 0; i < len; i++)
		plant_word(items + 8 * i, tuple(&callbacks[i], 1));
	plant_word(list + WW_PYTHON_SIZE, len);
	plant_word(list + WW_PYTHON_LIST, items);
	plant_word(future + WW_FUTURE_CALLBACKS, list);
}

static int begin(void **state)
{
	(void)state;
	script_begin(8);
	plant_begin();
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

/* ---- who awaits ---- */

static void nobody(void **state)
{
	u64 own = task("Task-1", 0x500);
	(void)state;
	assert_int_equal(ww_awaiter_root(own, version), own);
	assert_int_equal(ww_awaiter_root(object(FUTURE), version), 0);
	/* What others call at its end says nothing. */
	calls(own, wakeup(object("set")));
	assert_int_equal(ww_awaiter_root(own, version), own);
	calls(own, function("_done_callback", (u64[]){object("list"), object("dict")}, 2));
	assert_int_equal(ww_awaiter_root(own, version), own);
	calls(own, method("_on_task_done", object("Server")));
	assert_int_equal(ww_awaiter_root(own, version), own);
}

static void names(void **state)
{
	static const char *const told[] = {"_done_callback", "_inner_done_callback", "_outer_done_callback",
					   "_on_completion", "_release_waiter",	     "_on_task_done",
					   "task_done",	     "_call_set_state"};
	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		assert_int_equal(ww_awaiter_by(function(told[i], NULL, 0), version), WW_AWAITER_TOLD);
	assert_int_equal(ww_awaiter_by(function("_done_callbac", NULL, 0), version), WW_AWAITER_GUESS);
}

/* `await task`, and a Future that a Task awaits. */
static void wakeups(void **state)
{
	u64 own = task("Task-3", 0x500), outer = task("Task-2", 0x600), outermost = task("Task-1", 0x700);
	u64 future = object(FUTURE);
	(void)state;
	calls(own, wakeup(outer));
	assert_int_equal(ww_awaiter_root(own, version), outer);
	calls(outer, wakeup(outermost));
	assert_int_equal(ww_awaiter_root(own, version), outermost);
	calls(future, wakeup(own));
	assert_int_equal(ww_awaiter_root(future, version), outermost);
}

/* One of several callbacks, behind others. */
static void behind(void **state)
{
	u64 own = task("Task-3", 0x500), outer = task("Task-2", 0x600), others = wakeup(object("set"));
	(void)state;
	calls(own, others);
	calls_too(own, (u64[]){others, wakeup(outer)}, 2);
	assert_int_equal(ww_awaiter_root(own, version), outer);
	/* No more than so many are looked at. */
	calls_too(own, (u64[]){others, others, wakeup(outer)}, 3);
	assert_int_equal(ww_awaiter_root(own, version), own);
}

/* gather(): its callbacks have the Future that the Task awaits. What led there is told. */
static void gather(void **state)
{
	u64 all = object("_GatheringFuture"), outer = task("Task-1", 0x500);
	(void)state;
	calls(all, wakeup(outer));
	for (u64 i = 0; i < 3; i++) {
		u64 one = task("Task-2", 0x600 + i);
		calls(one, function("_done_callback", (u64[]){object("list"), object("int"), all}, 3));
		assert_int_equal(ww_awaiter_root(one, version), outer | WW_AWAITER_TOLD);
	}
}

/* shield(), of which either one names the other, and wait_for(). */
static void shielded(void **state)
{
	u64 inner = task("Task-2", 0x500), outer = object(FUTURE), waits = task("Task-1", 0x600),
	    waiter = object(FUTURE);
	(void)state;
	calls(inner, function("_inner_done_callback", &outer, 1));
	calls(outer, function("_outer_done_callback", &inner, 1));
	assert_int_equal(ww_awaiter_root(inner, version), inner);
	calls_too(outer, (u64[]){wakeup(waits)}, 1);
	assert_int_equal(ww_awaiter_root(inner, version), waits | WW_AWAITER_TOLD);
	calls(inner, partial("_release_waiter", waiter));
	calls(waiter, wakeup(waits));
	assert_int_equal(ww_awaiter_root(inner, version), waits | WW_AWAITER_TOLD);
}

/* A task group, asyncio's own and anyio's, whose scope has the Task. */
static void groups(void **state)
{
	u64 own = task("Task-2", 0x500), host_task = task("Task-1", 0x600), group = object("TaskGroup");
	u64 values = attributes(group), scope = object("CancelScope"), its = attributes(scope);
	(void)state;
	plant_word(values + 16, host_task);
	calls(own, method("_on_task_done", group));
	assert_int_equal(ww_awaiter_root(own, version), host_task | WW_AWAITER_TOLD);
	if (offsets()->values == WW_VALUES_INLINE) {
		/* They are in a dict now; what is left behind the object may be another one's. */
		plant_word(values - 8, 0);
		assert_int_equal(ww_awaiter_root(own, version), own);
		plant_word(values - 8, WW_VALUES_VALID);
	}
	plant_word(values + 16, 0);
	plant_word(values + 32, scope);
	plant_word(its + 24, host_task);
	calls(own, function("task_done", &group, 1));
	assert_int_equal(ww_awaiter_root(own, version), host_task | WW_AWAITER_TOLD);
	/* A scope of another anyio, which has __slots__. */
	u64 slots = object("CancelScope");
	plant_word(values + 32, slots);
	plant_word(slots + WW_PYTHON_SLOTS + 56, host_task);
	assert_int_equal(ww_awaiter_root(own, version), host_task | WW_AWAITER_TOLD);
}

/*
 * bg.add_done_callback(lambda f: notify(parent)): that the Task at hand waits for it is a guess. It stays one, whatever
 * comes behind.
 */
static void closures(void **state)
{
	u64 own = task("Task-3", 0x500), parent = task("Task-2", 0x600), outer = task("Task-1", 0x700);
	(void)state;
	calls(own, function("<lambda>", &parent, 1));
	assert_int_equal(ww_awaiter_root(own, version), parent | WW_AWAITER_GUESS);
	calls(parent, wakeup(outer));
	assert_int_equal(ww_awaiter_root(own, version), outer | WW_AWAITER_GUESS);
	calls(own, partial("notify", object(FUTURE)));
	assert_int_equal(ww_awaiter_root(own, version), own);
	/* Names that begin like one of asyncio's are others. */
	calls(own, function("_done_callbacks", &parent, 1));
	assert_int_equal(ww_awaiter_root(own, version), outer | WW_AWAITER_GUESS);
	calls(own, function("task_done_too", &parent, 1));
	assert_int_equal(ww_awaiter_root(own, version), outer | WW_AWAITER_GUESS);
	calls(own, function("_inner_done_by_mine", &parent, 1));
	assert_int_equal(ww_awaiter_root(own, version), outer | WW_AWAITER_GUESS);
	calls(own, function("<lambda>", (u64[]){object("_GatheringFork"), object("CancelScopes")}, 2));
	assert_int_equal(ww_awaiter_root(own, version), own);
	u64 functional = function("_done_callback", &parent, 1);
	plant_word(functional + WW_PYTHON_TYPE, ww_user_word(object("functional") + WW_PYTHON_TYPE));
	calls(own, functional);
	assert_int_equal(ww_awaiter_root(own, version), own);
	/* Behind the first cells none is looked at. */
	u64 other = object("int");
	calls(own, function("<lambda>", (u64[]){other, other, other, other, parent}, 5));
	assert_int_equal(ww_awaiter_root(own, version), own);
}

/* Those who await each other in a circle, or in a long row, come to an end. */
static void bounded(void **state)
{
	u64 a = task("Task-1", 0x500), b = task("Task-2", 0x600), c = task("Task-3", 0x700), row[2 * WW_AWAITERS];
	(void)state;
	calls(a, wakeup(b));
	calls(b, wakeup(c));
	calls(c, wakeup(a));
	assert_true(ww_awaiter_root(a, version) != 0);
	for (u32 i = 0; i < 2 * WW_AWAITERS; i++) {
		row[i] = task("Task-9", 0x800);
		if (i)
			calls(row[i - 1], wakeup(row[i]));
	}
	assert_int_equal(ww_awaiter_root(row[0], version), row[WW_AWAITERS]);
}

/* One that awaits those of several requests is none's; of the program that the process ran before, that says nothing.
 */
static void several(void **state)
{
	u64 own = task("Task-7", 0x500), common = task("Task-2", 0x600);
	struct ww_carrier_key key = {.context = ww_task_key(common, version), .program = ww_program()};
	struct ww_carrier carrier = {.several = 1};
	(void)state;
	calls(own, wakeup(common));
	assert_int_equal(ww_awaiter_root(own, version), common);
	bpf_map_update_elem(&ww_carriers, &key, &carrier, BPF_ANY);
	assert_int_equal(ww_awaiter_root(own, version), own);
	script.threads[0].task.self_exec_id++;
	assert_int_equal(ww_awaiter_root(own, version), common);
	script.threads[0].task.self_exec_id--;
	assert_int_equal(ww_awaiter_root(own, version), own);
	script.threads[0].task.group_leader->start_time += 1000000;
	assert_int_equal(ww_awaiter_root(own, version), common);
}

/* ---- keys ---- */

static void keys(void **state)
{
	u64 two = ww_task_key(task("Task-2", 0x500), version), ten = ww_task_key(task("Task-10", 0x500), version);
	u64 most = ww_task_key(task("Task-99999999", 0x500), version);
	(void)state;
	assert_true(two & WW_TASK_KEY && ten & WW_TASK_KEY && most & WW_TASK_KEY);
	assert_true(two < ten && ten < most);
	assert_int_equal(ww_task_key(task("Task-100000000", 0x500), version), 0x500);
	assert_int_equal(ww_task_key(task("Task-", 0x510), version), 0x510);
	assert_int_equal(ww_task_key(task("Task-fetch", 0x520), version), 0x520);
	assert_int_equal(ww_task_key(task("Task-1:2", 0x530), version), 0x530);
	assert_int_equal(ww_task_key(task("poller", 0x540), version), 0x540);
	assert_int_equal(ww_task_key(task("", 0x550), version), 0x550);
	assert_int_equal(ww_task_key(task("Task-81234567", 0x500), version), 81234567 | WW_TASK_KEY);
}

/* The name is made of a number when somebody asks for it: it is the same Task. */
static void numbers(void **state)
{
	u64 own = task("Task-57", 0x500), key = ww_task_key(own, version), name = object("int");
	(void)state;
	if (!offsets()->numbers)
		return;
	plant_word(own + offsets()->task_waits + WW_TASK_NAME, name);
	plant_word(name + WW_NUMBER_TAG, WW_NUMBER_SMALL);
	plant_word(name + WW_NUMBER_TAG + 8, 0x0a0b0c0d00000000ull | 57);
	assert_int_equal(ww_task_key(own, version), key);
	u64 print = ww_task_print(own, version);
	plant_word(name + WW_NUMBER_TAG + 8, 0x0a0b0c0d00000000ull | 58);
	assert_int_not_equal(ww_task_print(own, version), print);
	/* One that has more digits than a text's are looked at, or two of its own. */
	plant_word(name + WW_NUMBER_TAG + 8, WW_DIGITS_MOST + 1);
	assert_int_equal(ww_task_key(own, version), 0x500);
	plant_word(name + WW_NUMBER_TAG + 8, 57);
	plant_word(name + WW_NUMBER_TAG, 2 * WW_NUMBER_SMALL);
	assert_int_equal(ww_task_key(own, version), 0x500);
}

/* ---- which one runs ---- */

static struct ww_thread runs_in;

/* What a frame says beside an object's address. */
static u64 tag(void)
{
	return version == WW_PYTHON_3_14 ? 1 : 0;
}

/* A frame of that function on top of another one, with what it has as its first variable. */
static u64 frame(const char *name, u64 below, u64 first)
{
	u64 at = plant(256), code = plant(256);
	plant_word(code + WW_PYTHON_CODE_NAME, text(name));
	plant_word(at + offsets()->frame_code, code | tag());
	plant_word(at + offsets()->frame_previous, below);
	plant_word(ww_frame_local_at(at, 0, version), first | tag());
	return at;
}

/* A call of the interpreter's own, on top of a frame. */
static u64 entered(u64 below)
{
	if (!offsets()->frame_owner)
		return below;
	u64 at = frame("_run", below, 0);
	plant_bytes(at + offsets()->frame_owner, &(u8){WW_PYTHON_SHIM}, 1);
	return at;
}

/* The thread's loop runs a Handle of that callback, in that Context; above it the program is at something. */
static u64 handles(u64 callback, u64 context)
{
	u32 tgid = 100;
	struct ww_python python = {.current_frame = 32, .context = 8, .minor = version + WW_PYTHON_FIRST};
	u64 handle = object("Handle"), thread = plant(256);
	plant_word(handle + WW_HANDLE_CALLBACK, callback);
	plant_word(handle + WW_HANDLE_CONTEXT, context);
	u64 loop = frame("run_forever", frame("<module>", 0, 0), 0);
	u64 at = frame("send", frame("handler", entered(frame("_run", frame("_run_once", loop, 0), handle)), 0), 0);
	plant_word(thread + python.current_frame, at);
	bpf_map_update_elem(&ww_pythons, &tgid, &python, BPF_ANY);
	memset(&runs_in, 0, sizeof(runs_in));
	runs_in.python = thread;
	runs_in.version = version;
	return handle;
}

static void steps(void **state)
{
	u64 own = task("Task-1", 0x500);
	u64 step = object(offsets()->numbers ? "_asyncio.TaskStepMethWrapper" : "TaskStepMethWrapper");
	(void)state;
	plant_word(step + WW_STEP_TASK, own);
	handles(step, 0x500);
	assert_int_equal(ww_awaiter_running(&runs_in, 0x500), own);
	assert_true(runs_in.handle_frame != 0);
	assert_int_equal(runs_in.handle_tries, 0);
	/* It goes on by a wake-up. */
	handles(wakeup(own), 0x500);
	assert_int_equal(ww_awaiter_running(&runs_in, 0x500), own);
	/* What else the loop calls is no step. */
	handles(method("_read_ready", object("_SelectorSocketTransport")), 0x500);
	assert_int_equal(ww_awaiter_running(&runs_in, 0x500), 0);
	assert_int_equal(ww_handle_writes(&runs_in), 0);
	/* Of a Context that no Handle has, none is found, and it is not looked for without end. */
	handles(step, 0x500);
	for (u32 i = 0; i < 2 * WW_HANDLE_TRIES; i++)
		assert_int_equal(ww_awaiter_running(&runs_in, 0x600), 0);
	assert_int_equal(runs_in.handle_tries, WW_HANDLE_TRIES);
}

/* In its step a Task begins another one at once, or calls something in a Context of its own: that is its step, too. */
static void eager(void **state)
{
	u64 own = task("Task-1", 0x500), coro = object("coroutine");
	(void)state;
	plant_word(own + offsets()->task_waits + WW_TASK_CORO, coro);
	handles(wakeup(own), 0x500);
	assert_int_equal(ww_awaiter_running(&runs_in, 0x500), own);
	assert_int_equal(ww_awaiter_running(&runs_in, 0x600), own | WW_AWAITER_TOLD);
	/* Not when that step is over. */
	plant_bytes(coro + offsets()->coro_state, &(signed char){-1}, 1);
	assert_int_equal(ww_awaiter_running(&runs_in, 0x600), 0);
}

/* What sends the rest of what did not fit is told from all else that sends outside of a step. */
static void writes(void **state)
{
	static const char *const names[] = {"_write_ready", "_sock_sendall", "_write_sendmsg", "_write_send"};
	static const char *const others[] = {"_write", "flush", "_read_ready"};
	u64 transport = object("_SelectorSocketTransport");
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		handles(method(names[i], transport), 0x500);
		ww_awaiter_running(&runs_in, 0x500);
		assert_int_equal(ww_handle_writes(&runs_in), 1);
	}
	for (u32 i = 0; i < 3; i++) {
		handles(method(others[i], transport), 0x500);
		ww_awaiter_running(&runs_in, 0x500);
		assert_int_equal(ww_handle_writes(&runs_in), 0);
	}
	handles(function("_write_ready", &transport, 1), 0x500);
	ww_awaiter_running(&runs_in, 0x500);
	assert_int_equal(ww_handle_writes(&runs_in), 0);
	memset(&runs_in, 0, sizeof(runs_in));
	assert_int_equal(ww_handle_writes(&runs_in), 0);
}

/* Memory of any kind: nothing is trusted. */
static void garbage(void **state)
{
	(void)state;
	for (u32 turn = 0; turn < 2000; turn++) {
		for (u64 i = 0; i < 4096; i += 8)
			plant_word(HOST_USER + i, HOST_USER + 8 * host_draw(512));
		ww_awaiter_root(HOST_USER + 8 * host_draw(512), version);
		ww_task_key(HOST_USER + 8 * host_draw(512), version);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody, begin, end),
		cmocka_unit_test_setup_teardown(names, begin, end),
		cmocka_unit_test_setup_teardown(wakeups, begin, end),
		cmocka_unit_test_setup_teardown(behind, begin, end),
		cmocka_unit_test_setup_teardown(gather, begin, end),
		cmocka_unit_test_setup_teardown(shielded, begin, end),
		cmocka_unit_test_setup_teardown(groups, begin, end),
		cmocka_unit_test_setup_teardown(closures, begin, end),
		cmocka_unit_test_setup_teardown(bounded, begin, end),
		cmocka_unit_test_setup_teardown(several, begin, end),
		cmocka_unit_test_setup_teardown(keys, begin, end),
		cmocka_unit_test_setup_teardown(numbers, begin, end),
		cmocka_unit_test_setup_teardown(steps, begin, end),
		cmocka_unit_test_setup_teardown(eager, begin, end),
		cmocka_unit_test_setup_teardown(writes, begin, end),
		cmocka_unit_test_setup_teardown(garbage, begin, end),
	};
	int failed = 0;
	for (version = 11 - WW_PYTHON_FIRST; version <= WW_PYTHON_3_14; version++)
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	return failed;
}
