/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who awaits what uvloop's loop sends, in objects as uvloop, libuv and CPython 3.11 have them in memory. */
#include "plant.h"

#include "uvserver.bpf.h"

#define FD	  7
#define LOOP_SIZE 256
#define PROTOCOL  64 /* where a stream has it */
#define METHOD	  72 /* and a method of it */

static struct ww_thread loop_thread;
static u64 uv_loop, loop_object, watchers, future_type;

static u64 type_of(const char *name, u64 size)
{
	u64 type = plant(256), letters = plant(32);
	plant_bytes(letters, name, strlen(name));
	plant_word(type + WW_PYTHON_TYPE_NAME, letters);
	plant_word(type + WW_TYPE_BASICSIZE, size);
	return type;
}

static u64 object_of(u64 type)
{
	u64 at = plant(256);
	plant_word(at + WW_PYTHON_TYPE, type);
	return at;
}

static struct ww_uvloop *uvloop(void)
{
	u32 tgid = 100;
	return bpf_map_lookup_elem(&ww_uvloops, &tgid);
}

static int begin(void **state)
{
	u32 tgid = 100;
	struct ww_python python = {.current_frame = 32, .minor = 11, .uvloop = WW_UVLOOP_FOLLOWED};
	struct ww_uvloop uv = {};
	(void)state;
	script_begin(8);
	plant_begin();
	host.current[0] = &script.threads[0];
	uv_loop = plant(LOOP_SIZE);
	loop_object = plant(64);
	watchers = plant(8 * 16);
	future_type = type_of("_asyncio.Future", 128);
	plant_word(uv_loop + WW_UV_WATCHERS, watchers);
	plant_word(uv_loop + WW_UV_WATCHERS + 8, 16);
	memset(&loop_thread, 0, sizeof(loop_thread));
	loop_thread.python = plant(256);
	loop_thread.loop = 1;
	uv.loop = uv_loop;
	uv.object = loop_object;
	uv.thread = loop_thread.python;
	uv.future = future_type;
	bpf_map_update_elem(&ww_pythons, &tgid, &python, BPF_ANY);
	bpf_map_update_elem(&ww_uvloops, &tgid, &uv, BPF_ANY);
	return 0;
}

static int end(void **state)
{
	(void)state;
	host.current[0] = NULL;
	script_end();
	return 0;
}

/* A Task of that function. */
static u64 task(u64 code)
{
	u64 at = object_of(type_of("_asyncio.Task", 160)), coro = plant(256);
	plant_word(coro + ww_python_offsets(WW_UVLOOP_VERSION)->coro_code, code);
	plant_word(at + ww_python_offsets(WW_UVLOOP_VERSION)->task_waits + WW_TASK_CORO, coro);
	return at;
}

/* A protocol of that type for what is read from a descriptor. Returns the uv__io_t. */
static u64 stream(u32 fd, u64 protocol)
{
	u64 at = plant(512), handle = plant(512), method = object_of(type_of("method", 40)),
	    io = handle + WW_UV_STREAM_IO;
	plant_word(method + WW_METHOD_SELF, protocol);
	plant_word(at + WW_UVLOOP_HANDLE, handle);
	plant_word(at + WW_UVLOOP_LOOP, loop_object);
	plant_word(at + PROTOCOL, protocol);
	plant_word(at + METHOD, method);
	plant_word(handle, at);
	plant_word(handle + 8, uv_loop);
	plant_word(io + WW_UV_WATCH_FD, fd);
	plant_word(watchers + 8 * fd, io);
	return io;
}

/* The Task awaits what is read for the protocol. */
static void awaits(u64 of, u64 protocol)
{
	u64 future = object_of(future_type), wakeup = object_of(type_of("builtin_function_or_method", 64));
	plant_word(wakeup + WW_BUILTIN_SELF, of);
	plant_word(future + WW_FUTURE_CALLBACK, wakeup);
	plant_word(protocol + WW_OBJECT_HEAD, future);
}

static void sends_on(u32 fd)
{
	struct pt_regs *regs = &host.current[0]->regs;
	memset(regs, 0, sizeof(*regs));
	regs->WW_REG_NR = WW_SYS_WRITE;
	regs->WW_REG_ARG1 = fd;
}

/* Whether that the Task awaits the answer leaves a doubt. */
static bool doubts(u64 of, struct ww_conn *conn)
{
	pass(1000);
	loop_thread.task = of;
	assert_int_equal(ww_uvloop_task(), of);
	assert_int_equal(ww_uvloop_whose(&loop_thread, conn), 0);
	return uvloop()->unsure_at == host.now;
}

/* The answer is there, and nobody awaits another one, when the loop sleeps. */
static void answered(u64 protocol)
{
	u64 future = ww_user_word(protocol + WW_OBJECT_HEAD);
	ww_uvloop_sleeps(&loop_thread);
	plant_word(protocol + WW_OBJECT_HEAD, 0);
	ww_uvloop_sleeps(&loop_thread);
	plant_word(protocol + WW_OBJECT_HEAD, future);
}

/* The loop's thread reads, and goes to sleep afterwards. */
static void reads_on(u32 fd)
{
	sends_on(fd);
	host.current[0]->regs.WW_REG_NR = WW_SYS_READ;
	ww_uvloop_reads();
	ww_uvloop_sleeps(&loop_thread);
	sends_on(fd);
}

/* One that reads for all others is never sure: it awaits the next answer each time. */
static void reads_for_others(void **state)
{
	u64 protocol = object_of(type_of("Protocol", 64)), reader = task(plant(64));
	struct ww_conn conn = {.peer = 3};
	(void)state;
	stream(FD, protocol);
	awaits(reader, protocol);
	sends_on(FD);
	for (u32 i = 0; i < 300; i++) {
		assert_true(doubts(reader, i & 1 ? &conn : NULL));
		reads_on(FD);
		assert_int_equal(loop_thread.uvloop, WW_UVLOOP_DOUBTED);
	}
	/* When it is busy elsewhere now and then, too. */
	for (u32 i = 0; i < 300; i++) {
		assert_true(doubts(reader, &conn));
		reads_on(FD);
		if (i % 3)
			answered(protocol);
	}
	/* A connection that is closed says nothing. */
	assert_true(doubts(reader, &conn));
	reads_on(FD);
	for (u32 i = 0; i < 10; i++) {
		assert_true(doubts(reader, &conn));
		plant_word(watchers + 8 * FD, 0);
		ww_uvloop_sleeps(&loop_thread);
		assert_int_equal(loop_thread.uvloop, 1);
		stream(FD, protocol);
	}
}

/* One that asks for itself is sure when that was seen, but for what it asks where answers are to come yet. */
static void asks_for_itself(void **state)
{
	u64 type = type_of("Protocol", 64), protocol = object_of(type), other = object_of(type), code = plant(64);
	struct ww_conn conn = {.peer = 3};
	(void)state;
	stream(FD, protocol);
	stream(FD + 1, other);
	for (u32 i = 0; i < WW_UVLOOP_SEEN; i++) {
		u64 of = task(code);
		sends_on(FD);
		awaits(of, protocol);
		assert_true(doubts(of, &conn));
		/* It asks once more when the first answer was there, and the next one's answer comes in parts. */
		assert_true(doubts(of, &conn));
		if (i) {
			reads_on(FD);
			answered(protocol);
			assert_int_equal(loop_thread.uvloop, 1);
		}
	}
	u64 of = task(code), stranger = task(plant(64));
	awaits(of, protocol);
	assert_false(doubts(of, &conn));
	conn.awaited = 1;
	conn.first = 5;
	assert_true(doubts(of, &conn));
	conn.awaited = 0;
	/* So is the next one, elsewhere; one of another function is not. */
	sends_on(FD + 1);
	awaits(of, other);
	assert_false(doubts(of, NULL));
	awaits(stranger, other);
	assert_true(doubts(stranger, NULL));
}

/* A Task of that function with a Context of its own. */
static u64 another(u64 code, u64 protocol)
{
	u64 of = task(code);
	plant_word(of + ww_python_offsets(WW_UVLOOP_VERSION)->task_waits + WW_TASK_CONTEXT, of + 8);
	awaits(of, protocol);
	return of;
}

/* Where Tasks await answers in turn none reads for all; the second one may have been made by the first, for that. */
static void asks_in_turn(void **state)
{
	u64 type = type_of("Protocol", 64), protocol = object_of(type), other = object_of(type), code = plant(64);
	struct ww_conn conn = {.peer = 3}, fresh = {.peer = 3};
	(void)state;
	stream(FD, protocol);
	stream(FD + 1, other);
	sends_on(FD);
	another(plant(64), protocol);
	assert_true(doubts(ww_uvloop_task(), &conn));
	u64 reader = another(code, protocol);
	for (u32 i = 0; i < 10; i++)
		assert_true(doubts(reader, &conn));
	/* That the second one has left it counts as well. */
	for (u32 i = 0; i < WW_UVLOOP_SEEN - 1; i++) {
		sends_on(FD + 1);
		awaits(reader, other);
		assert_true(doubts(reader, &fresh));
		sends_on(FD);
		assert_false(doubts(another(code, protocol), &conn));
	}
	/* Then that function's ask for themselves elsewhere, too. */
	sends_on(FD + 1);
	awaits(reader, other);
	assert_false(doubts(reader, &fresh));
	/* A socket that is connected again is another connection. */
	conn.asker = 0;
	conn.askers = 0;
	conn.asked_before = 0;
	sends_on(FD);
	assert_true(doubts(another(plant(64), protocol), &conn));
}

/* More connections than are looked at: those that are not stay in doubt. */
static void many(void **state)
{
	u64 type = type_of("Protocol", 64);
	(void)state;
	for (u32 i = 0; i < 2 * WW_UVLOOP_SUSPECTS; i++) {
		u64 protocol = object_of(type), of = task(plant(64));
		stream(FD + i, protocol);
		sends_on(FD + i);
		awaits(of, protocol);
		assert_true(doubts(of, NULL));
	}
	assert_int_equal(uvloop()->suspected, WW_UVLOOP_SUSPECTS);
}

/* What libuv has waited to send is the rest of what was sent before. */
static void rest(void **state)
{
	u64 io = stream(FD, object_of(type_of("Protocol", 64)));
	(void)state;
	sends_on(FD);
	plant_word(io + WW_UV_WATCH_FOR, 1 | WW_POLLOUT);
	assert_int_equal(ww_uvloop_rest(1), 1);
	assert_int_equal(uvloop()->unsure_at, 0);
	plant_word(io + WW_UV_WATCH_FOR, 1);
	assert_int_equal(ww_uvloop_rest(1), 0);
	assert_int_equal(uvloop()->unsure_at, host.now);
	plant_word(io + WW_UV_WATCH_FOR, 1 | WW_POLLOUT);
	assert_int_equal(ww_uvloop_rest(0), 0);
}

/* Where nothing was found for long, one in so many is looked at. */
static void misses(void **state)
{
	u64 protocol = object_of(type_of("Protocol", 64)), awaiting = task(plant(64));
	u32 looks = 0;
	(void)state;
	stream(FD, protocol);
	sends_on(FD);
	for (u32 i = 0; i < WW_UVLOOP_MISSES; i++)
		assert_int_equal(ww_uvloop_task(), 0);
	awaits(awaiting, protocol);
	while (!ww_uvloop_task())
		looks++;
	assert_int_equal(looks, WW_UVLOOP_SKIPS - 1);
	assert_int_equal(ww_uvloop_task(), awaiting);
}

/* Another thread's loop is not the one that is followed. */
static void threads(void **state)
{
	u32 tgid = 100;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	struct ww_thread other = {.python = plant(256), .loop = 1};
	(void)state;
	ww_uvloop_joins(&other, python);
	assert_int_equal(other.uvloop, 0);
	assert_int_equal(uvloop()->unsure_at, 0);
	ww_uvloop_beside(python->uvloop);
	assert_int_equal(uvloop()->unsure_at, host.now);
	pass(1000);
	ww_uvloop_joins(&loop_thread, python);
	assert_int_equal(loop_thread.uvloop, 1);
	assert_int_equal(uvloop()->unsure_at, host.now);
	pass(1000);
	ww_uvloop_beside(WW_UVLOOP_MAPPED);
	assert_int_not_equal(uvloop()->unsure_at, host.now);
}

/* Memory of any kind: nothing is trusted. */
static void garbage(void **state)
{
	(void)state;
	sends_on(FD);
	for (u32 turn = 0; turn < 1000; turn++) {
		for (u64 i = 0; i < 4096; i += 8)
			plant_word(HOST_USER + i, HOST_USER + 8 * host_draw(512));
		loop_thread.task = ww_uvloop_task() & ~WW_AWAITER_BITS;
		ww_uvloop_whose(&loop_thread, NULL);
		ww_uvloop_sleeps(&loop_thread);
		ww_uvloop_rest(1);
		ww_uvloop_answers();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_for_others, begin, end),
		cmocka_unit_test_setup_teardown(asks_for_itself, begin, end),
		cmocka_unit_test_setup_teardown(asks_in_turn, begin, end),
		cmocka_unit_test_setup_teardown(many, begin, end),
		cmocka_unit_test_setup_teardown(rest, begin, end),
		cmocka_unit_test_setup_teardown(misses, begin, end),
		cmocka_unit_test_setup_teardown(threads, begin, end),
		cmocka_unit_test_setup_teardown(garbage, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
