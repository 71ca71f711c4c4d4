/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Java's virtual threads: which one a thread runs, whose what it sends is, and what one waits for that none runs. */
#include "plant.h"

#include "goroutine.bpf.h"
#include "virtual.bpf.h"

#define PROCESS 100
#define GET	"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define QUERY	"*1\r\n$4\r\nPING\r\n"

enum { OSTHREAD = 8, THREAD_ID = 16, VTHREAD = 24, EETOP = 16, TID = 24, BLOCKER = 32, STATE = 40 };

static u64 java[2], handle[2];
static struct ww_thread *t[2];

static u64 object(u64 eetop, u64 tid)
{
	u64 at = plant(64);
	plant_word(at + EETOP, eetop);
	plant_word(at + TID, tid);
	return at;
}

/* Two carriers, on neither of which a virtual thread is. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_go go = {.is_virtual = 1,
			   .java = {.osthread = OSTHREAD,
				    .thread_id = THREAD_ID,
				    .vthread = VTHREAD,
				    .eetop = EETOP,
				    .tid = TID,
				    .blocker = BLOCKER,
				    .state = STATE}};
	(void)state;
	script_begin(4);
	plant_begin();
	bpf_map_update_elem(&ww_gos, &tgid, &go, BPF_ANY);
	ww_go_any = 1;
	ww_virtual_any = 1;
	for (u32 i = 0; i < 2; i++) {
		u64 os = plant(32);
		java[i] = plant(64);
		handle[i] = plant(8);
		plant_word(os + THREAD_ID, script.threads[i].task.pid);
		plant_word(java[i] + OSTHREAD, os);
		plant_word(java[i] + VTHREAD, handle[i]);
		plant_word(handle[i], object(java[i], 20 + i));
		strcpy(script.threads[i].comm, "ForkJoinPool-1-");
		t[i] = ww_thread_make(&script.threads[i].task, host.now);
		assert_non_null(t[i]);
		t[i]->java_thread = java[i];
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	ww_go_any = 0;
	ww_virtual_any = 0;
	host.current[0] = NULL;
	script_end();
	return 0;
}

static struct ww_request *reads(u32 thread, u64 of)
{
	plant_word(handle[thread], of);
	runs(thread);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	struct ww_request *r = host_request(t[thread]->ref);
	assert_non_null(r);
	assert_int_equal(t[thread]->go, WW_GO_VIRTUAL);
	return r;
}

static const struct ww_account *answers(void)
{
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 1);
	return &script.records[0];
}

/* In the register, or in what native code has saved of it. */
static void is_found(void **state)
{
	(void)state;
	struct host_task *task = &script.threads[0];
	u64 stack = plant(8 * WW_VIRTUAL_WORDS);
	plant_word(stack + 80, java[1]);
	plant_word(stack + 200, java[0]);
	runs(0);
	t[0]->java_thread = 0;
	task->regs.WW_REG_JAVA = java[1];
	ww_virtual_find();
	assert_int_equal(t[0]->java_thread, 0);
	task->regs.sp = stack;
	ww_virtual_find();
	assert_int_equal(t[0]->java_thread, java[0]);
	t[0]->java_thread = 0;
	task->regs.sp = 0;
	task->regs.WW_REG_JAVA = java[0];
	ww_virtual_find();
	assert_int_equal(t[0]->java_thread, java[0]);
}

static void carrier_of_none_is_a_thread(void **state)
{
	(void)state;
	runs(0);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	assert_int_equal(t[0]->go, WW_GO_NOT);
	assert_int_equal(host_request(t[0]->ref)->goroutine, 0);
	assert_int_equal(answers()->attribution, WW_ATTRIBUTION_EXACT);
}

static void goes_on_by_another_carrier(void **state)
{
	(void)state;
	u64 own = object(0, 7), other = object(0, 8);
	struct ww_request *r = reads(0, own);
	pass(1000);
	plant_word(handle[0], object(java[0], 20));
	blocks(WW_SYS_FUTEX, 64, 128, 0, 0);
	pass(1000);
	plant_word(handle[1], own);
	runs(1);
	sends(&script.upstream, QUERY);
	assert_int_equal(t[1]->ref, r->account.id);
	assert_int_equal(r->outstanding, 1);
	/* That carrier goes on with another one, which is nobody's. */
	plant_word(handle[1], other);
	assert_int_equal(ww_goroutine_of_send(t[1]) == r->account.id, 0);
}

static void answered_by_its_own(void **state)
{
	(void)state;
	reads(0, object(0, 7));
	pass(1000);
	const struct ww_account *a = answers();
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1000);
}

static void answered_by_another(void **state)
{
	(void)state;
	reads(0, object(0, 7));
	plant_word(handle[0], object(0, 8));
	assert_int_equal(answers()->attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* A virtual thread of nobody's sends something before the request is answered: how that is attributed. */
static int answers_beside_a_stray(void)
{
	pass(1000);
	plant_word(handle[1], object(0, 8));
	runs(1);
	sends(&script.upstream, QUERY);
	pass(1000);
	runs(0);
	return answers()->attribution;
}

/* Something was sent meanwhile, for which nobody is known: it may have been for this one. */
static void answered_beside_a_stray(void **state)
{
	(void)state;
	reads(0, object(0, 7));
	assert_int_equal(answers_beside_a_stray(), WW_ATTRIBUTION_AMBIGUOUS);
}

/* One that a platform thread reads and answers: virtual threads may have worked for it, which nothing else tells. */
static void platform_thread_beside_a_stray(void **state)
{
	(void)state;
	strcpy(script.threads[0].comm, "http-nio-8080-e");
	t[0]->java_thread = 0;
	runs(0);
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	assert_int_equal(t[0]->go, WW_GO_NOT);
	assert_int_equal(answers_beside_a_stray(), WW_ATTRIBUTION_AMBIGUOUS);
}

static void says_what_it_waits_for(void **state)
{
	(void)state;
	u64 own = object(0, 7);
	struct ww_request *r = reads(0, own);
	struct ww_go *go = ww_go_get();
	const struct {
		u32 state, blocker, kind;
	} all[] = {
		{1, 0, WW_KIND_QUEUE}, {2, 0, WW_KIND_OTHER},  {4, 0, WW_KIND_OTHER},	       {4, 9, WW_KIND_LOCK},
		{7, 0, WW_KIND_SLEEP}, {7, 9, WW_KIND_LOCK},   {9, 0, WW_KIND_QUEUE},	       {9, 9, WW_KIND_QUEUE},
		{13, 0, WW_KIND_LOCK}, {99, 0, WW_KIND_OTHER}, {7 | 1 << 8, 0, WW_KIND_SLEEP},
	};
	for (u32 i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		plant_word(own + STATE, all[i].state);
		plant_word(own + BLOCKER, all[i].blocker);
		assert_int_equal(ww_virtual_kind(r), all[i].kind);
	}
	/* Moved, or another one's by now; or the class was not there when its process was looked at. */
	plant_word(own + STATE, 9);
	plant_word(own, WW_VIRTUAL_MARK);
	assert_int_equal(ww_virtual_kind(r), WW_KIND_OTHER);
	plant_word(own, 1);
	assert_int_equal(ww_virtual_kind(r), WW_KIND_QUEUE);
	plant_word(own + TID, 8);
	assert_int_equal(ww_virtual_kind(r), WW_KIND_OTHER);
	plant_word(own + TID, 7);
	go->java.state = 0;
	assert_int_equal(ww_virtual_kind(r), WW_KIND_OTHER);
}

/* ZGC's: four bits tell by how many an address was moved. */
static void coloured_addresses(void **state)
{
	(void)state;
	const struct ww_virtual plain = {.form = WW_VIRTUAL_PLAIN}, coloured = {.form = WW_VIRTUAL_COLOURED};
	assert_int_equal(ww_virtual_address(&plain, 0x1234567890), 0x1234567890);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(ww_virtual_address(&coloured, 0x40000036858ull << (13 + i) | 1u << (12 + i) | 0x510),
				 0x40000036858ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_found, begin, end),
		cmocka_unit_test_setup_teardown(carrier_of_none_is_a_thread, begin, end),
		cmocka_unit_test_setup_teardown(goes_on_by_another_carrier, begin, end),
		cmocka_unit_test_setup_teardown(answered_by_its_own, begin, end),
		cmocka_unit_test_setup_teardown(answered_by_another, begin, end),
		cmocka_unit_test_setup_teardown(answered_beside_a_stray, begin, end),
		cmocka_unit_test_setup_teardown(platform_thread_beside_a_stray, begin, end),
		cmocka_unit_test_setup_teardown(says_what_it_waits_for, begin, end),
		cmocka_unit_test_setup_teardown(coloured_addresses, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
