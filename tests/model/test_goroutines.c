/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A request that several threads of a Go program work for: what the probes of Go's scheduler tell of it, and what
 * becomes of it when a CPU is stopped in the middle of charging it.
 */
#include "plant.h"

#include "goroutine.bpf.h"

#define PROCESS 100
#define NUMBER	7
#define GET	"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LONG_NS (2 * WW_GO_MOVES_NS)

enum { GOID = 8, STATUS = 16, REASON = 24, LOCK = 1 };

int ww_go_runs(struct pt_regs *ctx);
int ww_go_parks(struct pt_regs *ctx);
int ww_go_readies(struct pt_regs *ctx);

static u64 g, start;
static struct ww_thread *t;
static struct ww_request *r;

/* Thread 0 runs a goroutine that has read a request. */
static int begin(void **state)
{
	u32 tgid = PROCESS;
	struct ww_go go = {.goid = GOID, .status = STATUS, .waitreason = REASON, .reasons = {[LOCK] = WW_GO_WAIT_LOCK}};
	(void)state;
	script_begin(4);
	plant_begin();
	g = plant(64);
	plant_word(g + GOID, NUMBER);
	plant_word(g + STATUS, WW_GO_RUNNING);
	plant_word(g + REASON, LOCK);
	bpf_map_update_elem(&ww_gos, &tgid, &go, BPF_ANY);
	runs(0);
	start = host.now;
	arrives(&script.server, strlen(GET));
	receives(&script.server, GET);
	t = host_thread(&script.threads[0]);
	assert_non_null(t);
	t->go = WW_GO;
	r = host_request(t->ref);
	assert_non_null(r);
	r->goroutine = g;
	r->goid = NUMBER;
	struct ww_carrier_key key = {.context = NUMBER, .program = ww_program()};
	ww_carrier_know(NULL, &key, t->ref);
	return 0;
}

static int end(void **state)
{
	(void)state;
	host.current[0] = NULL;
	host.current[1] = NULL;
	script_end();
	return 0;
}

static void probe(int (*program)(struct pt_regs *ctx))
{
	struct pt_regs regs = {.WW_REG_GO_1 = g};
	program(&regs);
}

/* The only record that there is. */
static const struct ww_account *record(void)
{
	u64 sum = 0;
	assert_int_equal(script.records_len, 1);
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += script.records[0].kinds_ns[kind];
	assert_int_equal(sum, script.records[0].end_ns - script.records[0].start_ns);
	return &script.records[0];
}

/* Another thread of the process, which works for the request, too, touches a socket. */
static void touches_elsewhere(void)
{
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	struct ww_thread *other = ww_thread_make(&script.threads[1].task, host.now);
	assert_non_null(other);
	other->go = WW_GO;
	other->exact = WW_EXACT;
	ww_touched(other, r, &step, host.now);
}

/* Another CPU runs that thread of the process. */
static void runs_on(u32 thread)
{
	host.current[1] = &script.threads[thread];
	assert_non_null(ww_thread_make(&script.threads[thread].task, host.now));
	host_thread(&script.threads[thread])->go = WW_GO;
	ww_sched_switch(false, &host.idle.task, &script.threads[thread].task, 0);
}

static void all_is_told(void **state)
{
	(void)state;
	pass(1000);
	probe(ww_go_parks);
	pass(5000);
	probe(ww_go_readies);
	pass(300);
	probe(ww_go_runs);
	pass(700);
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1700);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 5000);
	assert_int_equal(a->kinds_ns[WW_KIND_QUEUE], 300);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_EXACT);
}

/* A CPU is stopped while it charges the request, which is answered: nobody else has its place before that lets go. */
static void answered_while_it_is_charged(void **state)
{
	(void)state;
	pass(1000);
	r->held = 1;
	sends(&script.server, OK);
	assert_int_equal(script.records_len, 0);
	assert_true(r->live);
	pass(400);
	ww_let_go(t, r);
	const struct ww_account *a = record();
	assert_int_equal(a->end_ns, start + 1000);
	assert_int_equal(a->kinds_ns[WW_KIND_OTHER], 1000);
	assert_int_equal(a->status, 200);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
	assert_false(r->live);
}

static void closed_while_it_is_charged(void **state)
{
	(void)state;
	pass(1000);
	r->held = 1;
	ww_tcp_destroy_sock(&script.server.unix_sock.sk);
	assert_int_equal(script.records_len, 0);
	pass(400);
	ww_let_go(t, r);
	const struct ww_account *a = record();
	assert_int_equal(a->end_ns, start + 1000);
	assert_true(a->flags & WW_FLAG_ABORTED);
}

/* A turn's end that could not be charged, as another CPU was at it: what followed is not known. */
static void parks_while_it_is_charged(void **state)
{
	(void)state;
	probe(ww_go_runs);
	pass(1000);
	r->held = 1;
	probe(ww_go_parks);
	r->held = 0;
	pass(LONG_NS);
	probe(ww_go_runs);
	pass(500);
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_OTHER], 1000 + LONG_NS);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 500);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* What the first thread did for so long before another one came nobody can tell there. */
static void long_gap(void **state)
{
	(void)state;
	probe(ww_go_runs);
	pass(LONG_NS);
	touches_elsewhere();
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_OTHER], LONG_NS);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_AMBIGUOUS);
}

/* But the thread itself knows that it ran all along, when another one came between. */
static void ran_all_along(void **state)
{
	(void)state;
	probe(ww_go_runs);
	pass(1000);
	touches_elsewhere();
	pass(LONG_NS);
	probe(ww_go_parks);
	pass(5000);
	probe(ww_go_readies);
	probe(ww_go_runs);
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1000 + LONG_NS);
	assert_int_equal(a->kinds_ns[WW_KIND_LOCK], 5000);
	assert_int_equal(a->attribution, WW_ATTRIBUTION_INFERRED);
}

/* It is made to collect, and has gone on with another thread when it is charged next: that is not lost. */
static void collects_and_moves(void **state)
{
	(void)state;
	pass(1000);
	probe(ww_assist_begin);
	pass(400);
	probe(ww_assist_end);
	pass(600);
	host.cpu = 1;
	runs_on(1);
	pass(100);
	sends(&script.server, OK);
	host.cpu = 0;
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 400);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1700);
}

/* It stays there: that is told once. */
static void collects_and_stays(void **state)
{
	(void)state;
	pass(1000);
	for (u32 i = 0; i < 2; i++) {
		probe(ww_assist_begin);
		pass(400);
		if (i) {
			is_preempted();
			pass(70);
			runs(0);
		}
		probe(ww_assist_end);
	}
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 800);
	assert_int_equal(a->kinds_ns[WW_KIND_RUNQ], 70);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1000);
	assert_int_equal(a->details_len, 1);
	assert_int_equal(a->details[0].value, WW_NAME_ASSIST);
	assert_int_equal(a->details[0].ns, 800);
}

/* The function has on its stack from when to when it was so: the probes' own time is none of a collector's. */
static void collects_as_told(void **state)
{
	u64 frame = plant(256), sp = frame + 192;
	struct pt_regs regs = {.WW_REG_GO_1 = g, .sp = sp};
	(void)state;
	pass(1000);
	ww_assist_begin(&regs);
	pass(30);
	plant_word(sp - 64, host.now);
	plant_word(sp - 56, start); /* of something else */
	pass(400);
	plant_word(sp - 32, host.now);
	plant_word(sp - 96, host.now);
	pass(20);
	ww_assist_end(&regs);
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 400);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1050);
	assert_int_equal(a->details[0].ns, 400);
}

/* It has stopped all others for the collection before: that is not made of it, and has no name. */
static void collects_after_a_stop(void **state)
{
	(void)state;
	probe(ww_stop_begin);
	probe(ww_part_first);
	pass(50);
	probe(ww_stop_end);
	probe(ww_assist_begin);
	pass(400);
	probe(ww_assist_end);
	sends(&script.server, OK);
	const struct ww_account *a = record();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 450);
	assert_int_equal(a->details_len, 1);
	assert_int_equal(a->details[0].value, WW_NAME_ASSIST);
	assert_int_equal(a->details[0].ns, 400);
}

/* It collects where it is known to run; then two goroutines have changed their threads. */
static void collects_and_changes(void **state)
{
	struct host_sock other;
	(void)state;
	script_accept(&other, 40001);
	host.cpu = 1;
	runs_on(1);
	plant_word(g + GOID, NUMBER + 1);
	arrives(&other, strlen(GET));
	receives(&other, GET);
	plant_word(g + GOID, NUMBER);
	host.cpu = 0;
	pass(1000);
	probe(ww_assist_begin);
	pass(400);
	probe(ww_assist_end);
	sends(&other, OK);
	assert_int_equal(record()->kinds_ns[WW_KIND_GC], 0);
	script.records_len = 0;
	host.cpu = 1;
	sends(&script.server, OK);
	host.cpu = 0;
	assert_int_equal(record()->kinds_ns[WW_KIND_GC], 400);
	host_sock_end(&other);
}

/* It collects on a thread that works for another request, as far as is known: that one does not. */
static void collects_elsewhere(void **state)
{
	struct host_sock other;
	(void)state;
	script_accept(&other, 40001);
	host.cpu = 1;
	runs_on(1);
	plant_word(g + GOID, NUMBER + 1);
	arrives(&other, strlen(GET));
	receives(&other, GET);
	plant_word(g + GOID, NUMBER);
	pass(1000);
	probe(ww_assist_begin);
	pass(400);
	probe(ww_assist_end);
	sends(&other, OK);
	assert_int_equal(record()->kinds_ns[WW_KIND_GC], 0);
	script.records_len = 0;
	host.cpu = 0;
	sends(&script.server, OK);
	assert_int_equal(record()->kinds_ns[WW_KIND_GC], 400);
	host_sock_end(&other);
}

/* It was looked for, and its place is another one's by now. */
static void another_by_now(void **state)
{
	(void)state;
	assert_false(ww_hold(t, r, t->ref + (1 << 16)));
	assert_int_equal(r->held, 0);
	assert_true(ww_hold(t, r, t->ref));
	ww_let_go(t, r);
	assert_int_equal(r->account.attribution, WW_ATTRIBUTION_EXACT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_told, begin, end),
		cmocka_unit_test_setup_teardown(answered_while_it_is_charged, begin, end),
		cmocka_unit_test_setup_teardown(closed_while_it_is_charged, begin, end),
		cmocka_unit_test_setup_teardown(parks_while_it_is_charged, begin, end),
		cmocka_unit_test_setup_teardown(long_gap, begin, end),
		cmocka_unit_test_setup_teardown(ran_all_along, begin, end),
		cmocka_unit_test_setup_teardown(collects_and_moves, begin, end),
		cmocka_unit_test_setup_teardown(collects_and_stays, begin, end),
		cmocka_unit_test_setup_teardown(collects_as_told, begin, end),
		cmocka_unit_test_setup_teardown(collects_after_a_stop, begin, end),
		cmocka_unit_test_setup_teardown(collects_elsewhere, begin, end),
		cmocka_unit_test_setup_teardown(collects_and_changes, begin, end),
		cmocka_unit_test_setup_teardown(another_by_now, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
