/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings about kinds of time, and who held up those that waited in a queue. */
#include "cases.h"

/* One kind for half of the time; the report gets the detail that it is told of. */
static const struct ww_endpoint_report *of_kind(struct scene *scene, enum ww_kind kind, uint64_t ns, const char *detail)
{
	scene_begin(scene);
	uint32_t endpoint = scene_endpoint(scene, "/"), name = 0;

	if (detail)
		name = ww_intern__add(scene->catalog.names, detail, strlen(detail));
	for (int number = 0; number < 20; number++) {
		struct made *made = make();
		struct ww_detail_sum sum = {.kind = (uint8_t)kind, .name = name, .ns = ns, .count = 1};

		spend(made, WW_KIND_COMPUTE, 10 * MS);
		spend(made, WW_KIND_OTHER, 10 * MS);
		spend(made, kind, ns);

		const struct ww_sample sample = {.kinds_ns = made->request.kinds_ns,
						 .status = 200,
						 .details = detail ? &sum : NULL,
						 .details_len = detail ? 1 : 0};

		assert_int_equal(ww_slice__add(&scene->slice, endpoint, &sample), 0);
		free(made);
	}
	return scene_report(scene, "/");
}

static void finds_kinds_without_a_kept_request(void **state)
{
	static const struct {
		enum ww_kind kind;
		const char *detail, *id, *text;
	} wanted[] = {
		{WW_KIND_LOCK, "file_lock", "lock-contention",
		 "waits 20.0 ms (50 %) for a file lock that others hold: hold it for less, or lock less"},
		{WW_KIND_LOCK, "gil", "lock-contention",
		 "waits 20.0 ms (50 %) for the interpreter lock: use processes instead of threads"},
		{WW_KIND_LOCK, "futex", "lock-contention",
		 "waits 20.0 ms (50 %) for locks between threads: hold them for less, or share less"},
		{WW_KIND_LOCK, "gvl", "lock-contention",
		 "waits 20.0 ms (50 %) for the interpreter lock: use processes instead of threads"},
		{WW_KIND_LOCK, "held by GET /report", "lock-contention",
		 "waits 20.0 ms (50 %) for locks between threads, held by GET /report (100 %): have GET /report hold "
		 "them for "
		 "less, or share less with it"},
		{WW_KIND_LOCK, "held by GET /", "lock-contention",
		 "waits 20.0 ms (50 %) for locks between threads, held by GET / (100 %): hold them for less, or share "
		 "less"},
		{WW_KIND_GC, NULL, "gc-pressure",
		 "waits 20.0 ms (50 %) for the garbage collector: make less garbage, or have it collect less often"},
		{WW_KIND_RUNQ, "throttled", "cpu-starved",
		 "waits 20.0 ms (50 %) for a CPU, as the cgroup's CPU quota is used up: raise it"},
		{WW_KIND_RUNQ, NULL, "cpu-starved",
		 "waits 20.0 ms (50 %) for a CPU: more CPUs, or fewer threads that compete for them"},
		{WW_KIND_DISK, "fsync", "slow-disk",
		 "waits 20.0 ms (50 %) until data is on disk (fsync): sync once for several, or later"},
		{WW_KIND_CLIENT, NULL, "slow-client",
		 "waits 20.0 ms (50 %) for its clients' network: put a buffering proxy in front"},
		{WW_KIND_SLEEP, NULL, "sleeping",
		 "is 20.0 ms (50 %) asleep by its own timers: don't wait for time to pass"},
		{WW_KIND_QUEUE, NULL, "pool-starved",
		 "waits 20.0 ms (50 %) for a worker: more workers, or shorter requests"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct scene scene;
		const struct ww_endpoint_report *endpoint = of_kind(&scene, wanted[i].kind, 20 * MS, wanted[i].detail);

		assert_int_equal(endpoint->findings_len, 1);
		assert_string_equal(endpoint->findings[0].id, wanted[i].id);
		must_say(&endpoint->findings[0], wanted[i].text);
		assert_int_equal(endpoint->findings[0].saves_mean_ns, 20 * MS);
		assert_int_equal(endpoint->findings[0].saves_p95_ns, 20 * MS);
		assert_true(endpoint->outlook.from_buckets);
		scene_end(&scene);
	}
}

static void a_small_share_is_no_finding(void **state)
{
	(void)state;
	for (enum ww_kind kind = WW_KIND_GC; kind < WW_KIND_OTHER; kind++) {
		struct scene scene;

		assert_int_equal(of_kind(&scene, kind, 3 * MS / 2, NULL)->findings_len, 0);
		scene_end(&scene);
	}
}

static void finds_what_is_large_at_the_tail_only(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int number = 0; number < 100; number++) {
		struct made *made = make();

		spend(made, WW_KIND_OTHER, 10 * MS);
		if (number < 6)
			spend(made, WW_KIND_GC, 12 * MS);
		scene_add(&scene, endpoint, made, true);
	}

	const struct ww_finding *found = must_find(scene_report(&scene, "/"), "gc-pressure");

	assert_non_null(strstr(found->text, "(7 %)"));
	assert_non_null(strstr(found->text, "; of the slowest requests it is 55 %"));
	/* 72 ms of 100 requests; at p95 all of it. */
	assert_int_equal(found->saves_mean_ns, 72 * MS / 100);
	assert_int_equal(found->saves_p95_ns, 12 * MS);
	scene_end(&scene);
}

static void finds_compute(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int number = 0; number < 20; number++) {
		struct made *made = make();

		spend(made, WW_KIND_COMPUTE, 18 * MS);
		spend(made, WW_KIND_DB, 2 * MS);
		scene_add(&scene, endpoint, made, true);
	}

	const struct ww_endpoint_report *report = scene_report(&scene, "/");

	assert_int_equal(report->findings_len, 1);
	must_say(must_find(report, "compute-hotspot"),
		 "computes 18.0 ms (90 %): here a language 10 times as fast, or a better algorithm, pays");
	scene_end(&scene);
}

/* It hardly computes, for want of a CPU, but wants nothing else. */
static void finds_compute_that_gets_no_cpu(void **state)
{
	(void)state;
	for (int waits = 0; waits < 2; waits++) {
		struct scene scene;

		scene_begin(&scene);
		uint32_t endpoint = scene_endpoint(&scene, "/");

		for (int number = 0; number < 20; number++) {
			struct made *made = make();

			spend(made, WW_KIND_COMPUTE, 10 * MS);
			spend(made, WW_KIND_RUNQ, 60 * MS);
			spend(made, WW_KIND_DB, (waits ? 6 : 4) * MS);
			scene_add(&scene, endpoint, made, true);
		}
		if (waits)
			must_not_find(scene_report(&scene, "/"), "compute-hotspot");
		else
			assert_int_equal(must_find(scene_report(&scene, "/"), "compute-hotspot")->saves_mean_ns,
					 9 * MS);
		scene_end(&scene);
	}
}

/* A loop: /slow computes on it, and so does /quick for a moment; /quick waits for a database, too. */
static void a_blocked_loop_names_who_blocks_it(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t quick = scene_endpoint(&scene, "/quick"), slow = scene_endpoint(&scene, "/slow"),
		 awaits = scene_endpoint(&scene, "/awaits");

	scene.rate = 20;
	for (int64_t number = 0; number < 20; number++) {
		int64_t start = START + number * 100 * (int64_t)MS;
		struct made *made = make();

		made->request.start_unix_ns = start;
		spend(made, WW_KIND_COMPUTE, 50 * MS);
		scene_add(&scene, slow, made, true);

		/* Its answer comes at 20 ms; the loop is there for it at 50. */
		made = make();
		made->request.start_unix_ns = start - (int64_t)MS;
		spend(made, WW_KIND_COMPUTE, MS);
		spend(made, WW_KIND_DB, 20 * MS);
		spend(made, WW_KIND_QUEUE, 30 * MS);
		spend(made, WW_KIND_COMPUTE, MS);
		scene_add(&scene, quick, made, true);

		/* Waits all the time, and holds nobody up. */
		made = make();
		made->request.start_unix_ns = start - 10 * (int64_t)MS;
		spend(made, WW_KIND_COMPUTE, MS);
		spend(made, WW_KIND_NET, 88 * MS);
		spend(made, WW_KIND_COMPUTE, MS);
		scene_add(&scene, awaits, made, true);
	}

	const struct ww_finding *found = must_find(scene_report(&scene, "/quick"), "pool-starved");

	must_say(found, "waits 30.0 ms (58 %) for its event loop, which is blocked by GET /slow (100 % of it): move "
			"what blocks there to threads or processes");
	assert_string_equal(evidence(found, "cause")->text, "blocked event loop");
	assert_string_equal(evidence(found, "held_by")->text, "GET /slow");
	assert_true(evidence(found, "held_busy_share")->number == 1);
	must_not_find(scene_report(&scene, "/awaits"), "pool-starved");
	must_not_find(scene_report(&scene, "/slow"), "pool-starved");
	scene_end(&scene);
}

/* A loop that a task of nobody's holds as long as two endpoints do together: which is known where all was kept. */
static void what_blocks_a_loop_for_nobody_is_said(void **state)
{
	(void)state;
	for (uint64_t others = 0; others < 2; others++) {
		struct scene scene;

		scene_begin(&scene);
		scene.others = others;
		uint32_t quick = scene_endpoint(&scene, "/quick"), slow = scene_endpoint(&scene, "/slow"),
			 less = scene_endpoint(&scene, "/less");

		scene.rate = 10;
		for (int64_t number = 0; number < 20; number++) {
			int64_t start = START + number * 100 * (int64_t)MS;
			struct made *made = make();

			made->request.start_unix_ns = start;
			spend(made, WW_KIND_COMPUTE, 25 * MS);
			scene_add(&scene, slow, made, true);

			made = make();
			made->request.start_unix_ns = start + 25 * (int64_t)MS;
			spend(made, WW_KIND_COMPUTE, 5 * MS);
			scene_add(&scene, less, made, true);

			made = make();
			made->request.start_unix_ns = start - 2 * (int64_t)MS;
			spend(made, WW_KIND_COMPUTE, MS);
			spend(made, WW_KIND_DB, MS);
			spend(made, WW_KIND_QUEUE, 60 * MS);
			spend(made, WW_KIND_COMPUTE, MS);
			scene_add(&scene, quick, made, true);
		}

		const struct ww_finding *found = must_find(scene_report(&scene, "/quick"), "pool-starved");

		must_say(
			found,
			others ? "waits 60.0 ms (95 %) for its event loop, which is blocked by GET /slow (83 % of it), "
				 "GET /less (17 %): move what blocks there to threads or processes"
			       : "waits 60.0 ms (95 %) for its event loop, which is blocked by GET /slow (42 % of it), "
				 "GET /less (8 %), work for no request (50 %): move what blocks there to threads or "
				 "processes");
		scene_end(&scene);
	}
}

/* A call that blocks the loop is a wait, not compute; nothing else happens on its thread meanwhile. */
static void a_loop_is_blocked_by_a_wait_as_well(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t quick = scene_endpoint(&scene, "/quick"), blocks = scene_endpoint(&scene, "/blocks"),
		 awaits = scene_endpoint(&scene, "/awaits");

	scene.rate = 10;
	for (int64_t number = 0; number < 20; number++) {
		int64_t start = START + number * 100 * (int64_t)MS;
		struct made *made = make();

		made->request.start_unix_ns = start;
		spend(made, WW_KIND_COMPUTE, MS);
		spend(made, WW_KIND_SLEEP, 40 * MS);
		scene_add(&scene, blocks, made, true);

		made = make();
		made->request.start_unix_ns = start + 20 * (int64_t)MS;
		spend(made, WW_KIND_QUEUE, 21 * MS);
		spend(made, WW_KIND_COMPUTE, MS);
		scene_add(&scene, quick, made, true);

		made = make();
		made->request.start_unix_ns = start - 20 * (int64_t)MS;
		spend(made, WW_KIND_COMPUTE, MS);
		spend(made, WW_KIND_NET, 79 * MS);
		scene_add(&scene, awaits, made, true);
	}

	const struct ww_finding *found = must_find(scene_report(&scene, "/quick"), "pool-starved");

	assert_string_equal(evidence(found, "cause")->text, "blocked event loop");
	assert_string_equal(evidence(found, "held_by")->text, "GET /blocks");
	scene_end(&scene);
}

/* Two workers, all of them waiting for a database. */
static void busy_workers_are_told_from_a_blocked_loop(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t slow = scene_endpoint(&scene, "/slow"), quick = scene_endpoint(&scene, "/quick");

	scene.rate = 20;
	for (int64_t number = 0; number < 40; number++) {
		int64_t start = START + number / 2 * 100 * (int64_t)MS;
		struct made *made = make();

		made->request.pid = made->request.tid = 10 + number % 2;
		made->request.start_unix_ns = start;
		spend(made, WW_KIND_COMPUTE, MS);
		spend(made, WW_KIND_DB, 79 * MS);
		spend(made, WW_KIND_COMPUTE, MS);
		scene_add(&scene, slow, made, true);

		made = make();
		made->request.pid = made->request.tid = 10 + number % 2;
		made->request.start_unix_ns = start + 10 * (int64_t)MS;
		spend(made, WW_KIND_QUEUE, 71 * MS);
		spend(made, WW_KIND_COMPUTE, 2 * MS);
		scene_add(&scene, quick, made, true);
	}

	const struct ww_finding *found = must_find(scene_report(&scene, "/quick"), "pool-starved");

	must_say(found, "waits 71.0 ms (97 %) for one of 2 workers, all of them busy, busy with GET /slow (100 % of "
			"it): more workers, or shorter requests");
	assert_string_equal(evidence(found, "cause")->text, "too few workers");
	assert_true(evidence(found, "threads")->number == 2);
	scene_end(&scene);
}

/* It takes a moment until an idle thread runs; nobody else was there. */
static void waking_a_thread_is_no_queue(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	scene.rate = 2;
	for (int64_t number = 0; number < 20; number++) {
		struct made *made = make();

		made->request.start_unix_ns = START + number * 500 * (int64_t)MS;
		spend(made, WW_KIND_QUEUE, MS / 2);
		spend(made, WW_KIND_COMPUTE, MS);
		spend(made, WW_KIND_DB, MS);
		spend(made, WW_KIND_QUEUE, 2000);
		spend(made, WW_KIND_COMPUTE, MS);
		scene_add(&scene, endpoint, made, true);
	}
	must_not_find(scene_report(&scene, "/"), "pool-starved");
	scene_end(&scene);
}

/* A proxy with more to do than it can: while a request waits, ten others hold the loop for a moment each. */
static void a_busy_loop_is_not_called_blocked(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	scene.rate = 1000;
	scene.others = 1;
	for (int64_t number = 0; number < 100; number++) {
		struct made *made = make();

		made->request.start_unix_ns = START + number * (int64_t)MS;
		spend(made, WW_KIND_QUEUE, 10 * MS);
		spend(made, WW_KIND_COMPUTE, MS / 2);
		spend(made, WW_KIND_NET, 4 * MS);
		spend(made, WW_KIND_QUEUE, 10 * MS);
		spend(made, WW_KIND_COMPUTE, MS / 2);
		scene_add(&scene, endpoint, made, true);
	}

	const struct ww_finding *found = must_find(scene_report(&scene, "/"), "pool-starved");

	must_say(found, "waits 20.0 ms (80 %) for its event loop, which is busy with GET / (100 % of it): more "
			"processes or CPUs, or move what computes or blocks there to threads");
	scene_end(&scene);
}

/* Nor is it a loop when its answers wait for a moment until it is awake. */
static void a_worker_that_is_woken_often_is_no_loop(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int64_t number = 0; number < 20; number++) {
		struct made *made = make();

		made->request.start_unix_ns = START + number * 500 * (int64_t)MS;
		spend(made, WW_KIND_QUEUE, MS / 10);
		for (int i = 0; i < 9; i++) {
			spend(made, WW_KIND_COMPUTE, MS / 100);
			spend(made, WW_KIND_DB, MS / 100);
			spend(made, WW_KIND_QUEUE, MS / 25);
		}
		scene_add(&scene, endpoint, made, true);
	}
	assert_string_equal(evidence(must_find(scene_report(&scene, "/"), "pool-starved"), "cause")->text,
			    "one thread");
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_kinds_without_a_kept_request),
		cmocka_unit_test(a_small_share_is_no_finding),
		cmocka_unit_test(finds_what_is_large_at_the_tail_only),
		cmocka_unit_test(finds_compute),
		cmocka_unit_test(finds_compute_that_gets_no_cpu),
		cmocka_unit_test(a_blocked_loop_names_who_blocks_it),
		cmocka_unit_test(what_blocks_a_loop_for_nobody_is_said),
		cmocka_unit_test(a_loop_is_blocked_by_a_wait_as_well),
		cmocka_unit_test(a_busy_loop_is_not_called_blocked),
		cmocka_unit_test(a_worker_that_is_woken_often_is_no_loop),
		cmocka_unit_test(waking_a_thread_is_no_queue),
		cmocka_unit_test(busy_workers_are_told_from_a_blocked_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
