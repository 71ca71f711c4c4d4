/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tasks of Java's pools at whose end nobody is woken: whose what a pool's thread asks for is, by who has made them. */
#include "futexes.h"
#include "plant.h"

#include "goroutine.bpf.h"
#include "tasks.bpf.h"

#define PROCESS 100
#define GET	"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PING	"*1\r\n$4\r\nPING\r\n"
#define PONG	"+OK\r\n"

#define QUEUE  0x1000 /* where the pool's thread waits for work */
#define RESULT 0x2000

enum { OSTHREAD = 8, THREAD_ID = 16, OBJECT = 24, STACK = 32, TLAB = 40, TLAB_END = 64, NAME = 8, SUPERS = 16 };
enum {
	CLASS_THREAD = 64,
	CLASS_WORKER = 128,
	CLASS_TASK = 192,
	CLASS_OTHER = 256
}; /* where a class is, of their memory */
enum { POOL = 2, WORDS = 1200, BUFFER = 1024 };

static u64 classes, runnable, heap, stack, java[3], task_at, counter;
static struct host_sock second, other;

static u64 object(u64 at, u32 class)
{
	plant_bytes(at + 8, &class, sizeof(class));
	return at;
}

static void class(u32 number, const char *name, u64 interface)
{
	u64 symbol = plant(80), supers = plant(8 + 8 * WW_TASKS_SUPERS);
	u16 len = (u16)strlen(name);
	plant_word(symbol, len);
	plant_bytes(symbol + 8, name, len);
	plant_word(supers, 1);
	plant_word(supers + 8, interface);
	plant_word(classes + number + NAME, symbol);
	plant_word(classes + number + SUPERS, supers);
}

/* Where a request's thread has its buffer, and how much of that it has used. */
static u64 buffer(u32 thread)
{
	return heap + (thread + 1) * BUFFER;
}

static void uses(u32 thread, u64 bytes)
{
	plant_word(java[thread] + TLAB + 8, buffer(thread) + bytes);
}

/* The thread makes a task. */
static u64 makes(u32 thread, u64 at)
{
	uses(thread, at + 32);
	return object(buffer(thread) + at, CLASS_TASK);
}

/* A Java process with two threads that serve and one of a pool, whose frames a compiler has made or not. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	(void)state;
	script_begin(16);
	script_accept(&second, 40001);
	host_tcp_init(&other, 50001, 6379);
	other.unix_sock.sk.__sk_common.skc_state = 1;
	plant_begin();
	plant_next = HOST_USER + HOST_USER_SIZE;
	classes = plant(512);
	runnable = plant(16);
	heap = plant(5 * BUFFER);
	counter = plant(16);
	stack = plant(8 * WORDS + WW_TASKS_BASE) + 8 * WORDS + WW_TASKS_BASE;
	class(CLASS_THREAD, "java/lang/Thread", runnable);
	class(CLASS_WORKER, "java/util/concurrent/ThreadPoolExecutor$Worker", runnable);
	class(CLASS_TASK, "java/util/concurrent/FutureTask", runnable);
	class(CLASS_OTHER, "java/lang/Object", 0);
	struct ww_tasks tasks = {.heap = heap,
				 .heap_len = 5 * BUFFER,
				 .collections = counter,
				 .classes = classes,
				 .osthread = OSTHREAD,
				 .runnable = runnable,
				 .thread_id = THREAD_ID,
				 .object = OBJECT,
				 .stack = STACK,
				 .tlab = TLAB,
				 .tlab_end = TLAB_END,
				 .name = NAME,
				 .name_body = 8,
				 .supers = SUPERS,
				 .supers_data = 8};
	bpf_map_update_elem(&ww_tasks, &tgid, &tasks, BPF_ANY);
	ww_tasks_known = 1;
	for (u32 i = 0; i < 3; i++) {
		u64 os = plant(32), handle = plant(8);
		java[i] = plant(96);
		plant_word(os + THREAD_ID, script.threads[i].task.pid);
		plant_word(java[i] + OSTHREAD, os);
		plant_word(java[i] + OBJECT, handle);
		plant_word(handle, object(heap + 64 * i, CLASS_THREAD));
		plant_word(java[i] + STACK, stack);
		plant_word(java[i] + TLAB, buffer(i));
		plant_word(java[i] + TLAB_END, buffer(i) + BUFFER);
		uses(i, 64);
		script.threads[i].task.group_leader = &script.threads[0].task;
		strcpy(script.threads[i].task.comm, "java");
		struct ww_thread *t = ww_thread_make(&script.threads[i].task, host.now);
		t->java_thread = java[i];
	}
	/* The frames: the thread's own object, its Worker, what the pool is, the Worker again, the thread, the task. */
	u64 at = stack - WW_TASKS_BASE - 800, worker = object(heap + 512, CLASS_WORKER);
	plant_word(at, heap + 64 * POOL);
	plant_word(at - 16, worker);
	plant_word(at - 64, object(heap + 576, CLASS_OTHER));
	plant_word(at - 72, worker);
	plant_word(at - 80, heap + 64 * POOL);
	task_at = at - 88;
	return 0;
}

static int end(void **state)
{
	(void)state;
	ww_tasks_known = 0;
	ww_tcp_destroy_sock(&second.unix_sock.sk);
	host_sock_end(&second);
	host_sock_end(&other);
	script_end();
	return 0;
}

/* The thread reads a request on that connection. */
static struct ww_request *reads(u32 thread, struct host_sock *on)
{
	arrives(on, strlen(GET));
	runs(thread);
	receives(on, GET);
	struct ww_request *r = host_request(ww_thread_get(&script.threads[thread].task)->ref);
	assert_non_null(r);
	return r;
}

/* The pool's thread, which runs, asks there, and has an answer. */
static void asks(struct host_sock *sock)
{
	sends(sock, PING);
	blocks(WW_SYS_RECVFROM, 0, 0, 0, 0);
	pass(100);
	arrives(sock, strlen(PONG));
	is_woken(POOL);
	runs(POOL);
	receives(sock, PONG);
}

static struct ww_thread *pool(void)
{
	return ww_thread_get(&script.threads[POOL].task);
}

/* Two requests, whose threads wait; the pool's thread is woken for a task of the first one, and works at it. */
static void first(struct ww_request **a, struct ww_request **b)
{
	runs(POOL);
	waits(QUEUE);
	*b = reads(1, &second);
	waits(RESULT + 64);
	*a = reads(0, &script.server);
	plant_word(task_at, makes(0, 64));
	pass(10);
	wakes(POOL, QUEUE);
	waits(RESULT);
	runs(POOL);
	pass(10);
	asks(&script.upstream);
	assert_int_equal(host_request(pool()->ref)->root, (*a)->account.id);
}

/* What it takes next, without a pause, is for whose thread has made it. */
static void next_is_its_makers(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	plant_word(task_at, makes(1, 64));
	asks(&other);
	assert_int_equal(host_request(pool()->ref)->root, b->account.id);
	waits(QUEUE);
	assert_int_equal(a->account.traffic, 2 + 1);
	assert_int_equal(b->account.traffic, 2 + 1);
	assert_int_equal(a->account.attribution, WW_ATTRIBUTION_INFERRED);
	assert_int_equal(b->account.attribution, WW_ATTRIBUTION_INFERRED);
}

/* The same on the connection that it has used already. */
static void next_on_the_same_connection(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	plant_word(task_at, makes(1, 64));
	asks(&script.upstream);
	waits(QUEUE);
	assert_int_equal(a->account.traffic, 2 + 1);
	assert_int_equal(b->account.traffic, 2 + 1);
}

/* Two of its tasks in turn, on two connections, are one account's: what that had asked for does not wait for its end.
 */
static void two_of_one_request(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	ww_ref account = pool()->ref;
	plant_word(task_at, makes(0, 96));
	asks(&other);
	assert_int_equal(pool()->ref, account);
	plant_word(task_at, makes(1, 64));
	asks(&script.upstream);
	assert_int_equal(a->account.traffic, 4 + 1);
}

/* Another thread has woken it than the one whose task it takes. */
static void woken_by_another(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	runs(POOL);
	waits(QUEUE);
	b = reads(1, &second);
	u64 task = makes(1, 64);
	waits(RESULT + 64);
	a = reads(0, &script.server);
	plant_word(task_at, task);
	pass(10);
	wakes(POOL, QUEUE);
	waits(RESULT);
	runs(POOL);
	asks(&script.upstream);
	waits(QUEUE);
	assert_int_equal(a->account.traffic, 0);
	assert_int_equal(b->account.traffic, 2 + 1);
}

/* Who wakes the thread of another request than the one that its task is for has not done that one's work. */
static void wakes_another(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	wakes(1, RESULT + 64);
	waits(QUEUE);
	assert_int_equal(a->account.traffic, 2 + 1);
	assert_int_equal(b->account.traffic, 0);
}

/* What was made before the request was read, or for one that has been answered, is nobody's. */
static void of_an_ended_one(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	u64 task = makes(1, 64);
	plant_word(task_at, object(buffer(0) + 32, CLASS_TASK));
	asks(&other);
	assert_int_equal(host_request(pool()->ref)->root, a->account.id); /* not known: as before */
	is_preempted();
	runs(1);
	sends(&second, OK);
	assert_int_equal(script.records_len, 1);
	is_preempted();
	runs(POOL);
	plant_word(task_at, task);
	asks(&script.upstream);
	struct ww_request *r = host_request(pool()->ref);
	assert_int_equal(r->root, 0);
	assert_true(r->owned);
	waits(QUEUE);
	assert_int_equal(a->account.traffic, 2 + 1 + 2 + 1);
}

/* A buffer that was full, and what the next one has. */
static void in_the_next_buffer(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	assert_int_equal(ww_tasks_whose(buffer(1) + 32), 0);
	u64 task = makes(1, 64), later = object(heap + 4 * BUFFER + 128, CLASS_TASK);
	assert_int_equal(ww_tasks_whose(buffer(1) + 96), 0);
	plant_word(java[1] + TLAB, heap + 4 * BUFFER);
	plant_word(java[1] + TLAB + 8, heap + 4 * BUFFER + 160);
	assert_int_equal(ww_tasks_whose(task), b->account.id);
	assert_int_equal(ww_tasks_whose(later), b->account.id);
	assert_int_equal(ww_tasks_whose(later + 32), 0);
	/* A collection has moved what was there, and others may have that now. */
	plant_word(counter, 1);
	assert_int_equal(ww_tasks_whose(task), 0);
	assert_int_equal(ww_tasks_whose(later), b->account.id);
}

/* Compiled code has other words there, such as those of a queue, and some that stand for nothing any more. */
static void in_compiled_code(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	u64 task = makes(1, 64);
	plant_word(task_at, 0);
	plant_word(task_at - 40, object(heap + 640, CLASS_OTHER));
	plant_word(task_at - 48, heap + 4 * BUFFER + 8);
	plant_word(task_at - 72, task);
	plant_word(task_at - 96, makes(0, 128));
	assert_int_equal(ww_tasks_now(), task);
	/* Too far from there. */
	plant_word(task_at - 72, 0);
	plant_word(task_at - 96, 0);
	plant_word(task_at - 600, task);
	assert_int_equal(ww_tasks_now(), 0);
}

/* A loop makes objects for all of its requests. */
static void of_a_loop(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	u64 task = makes(1, 64);
	assert_int_equal(ww_tasks_whose(task), b->account.id);
	runs(1);
	host_thread(&script.threads[1])->loop = 1;
	ww_tasks_serves(b->account.id);
	assert_int_equal(ww_tasks_whose(task), 0);
}

/* A thread on whose stack there is none is not looked through for ever; one that was found has its tries back. */
static void nowhere(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	u64 task = makes(1, 64);
	for (u32 i = 0; i < WW_TASKS_TRIES - 1; i++) {
		plant_word(task_at, 0);
		assert_int_equal(ww_tasks_now(), 0);
	}
	plant_word(task_at, task);
	assert_int_equal(ww_tasks_now(), task);
	plant_word(task_at, 0);
	for (u32 i = 0; i < WW_TASKS_TRIES; i++)
		assert_int_equal(ww_tasks_now(), 0);
	plant_word(task_at, task);
	assert_int_equal(ww_tasks_now(), 0);
}

/* What no task is known for is not one's that was known before. */
static void lost(void **state)
{
	struct ww_request *a, *b;
	(void)state;
	first(&a, &b);
	plant_word(task_at, makes(1, 64));
	asks(&other);
	assert_int_equal(host_request(pool()->ref)->root, b->account.id);
	plant_word(task_at, 0);
	asks(&script.upstream);
	assert_false(host_request(pool()->ref)->owned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(next_is_its_makers, begin, end),
		cmocka_unit_test_setup_teardown(next_on_the_same_connection, begin, end),
		cmocka_unit_test_setup_teardown(two_of_one_request, begin, end),
		cmocka_unit_test_setup_teardown(woken_by_another, begin, end),
		cmocka_unit_test_setup_teardown(wakes_another, begin, end),
		cmocka_unit_test_setup_teardown(of_an_ended_one, begin, end),
		cmocka_unit_test_setup_teardown(in_the_next_buffer, begin, end),
		cmocka_unit_test_setup_teardown(in_compiled_code, begin, end),
		cmocka_unit_test_setup_teardown(of_a_loop, begin, end),
		cmocka_unit_test_setup_teardown(nowhere, begin, end),
		cmocka_unit_test_setup_teardown(lost, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
