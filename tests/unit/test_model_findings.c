/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings about operations: each where it was planted, and not where it was not. */
#include "cases.h"

#define ITEMS "SELECT sum(quantity * cents) FROM items WHERE order_id = $1"

static void plant_rounds(struct made *made, int number)
{
	(void)number;
	spend(made, WW_KIND_COMPUTE, 2 * MS);
	query(made, "SELECT id FROM orders WHERE customer = $1", 1, 2 * MS);
	for (uint64_t i = 0; i < 50; i++)
		query(made, ITEMS, 100 + i, 3 * MS / 10);
}

static void finds_n_plus_one(void **state)
{
	struct scene scene;
	const struct ww_endpoint_report *endpoint = scene_of(&scene, plant_rounds);
	const struct ww_finding *found = must_find(endpoint, "n-plus-one");

	(void)state;
	assert_ptr_equal(found, &endpoint->findings[0]);
	assert_string_equal(found->text, ITEMS " ran 50 times a request, one after the other");
	assert_string_equal(found->advice, "fetch all with one query");
	/* All but one of them. */
	assert_int_equal(found->saves_mean_ns, 49 * 3 * MS / 10);
	assert_int_equal(found->saves_p95_ns, 49 * 3 * MS / 10);
	assert_string_equal(evidence(found, "statement")->text, ITEMS);
	assert_true(evidence(found, "per_request")->number == 50);
	must_not_find(endpoint, "repeated-query");
	must_not_find(endpoint, "slow-query");
	must_not_find(endpoint, "serial-calls");
	scene_end(&scene);
}

/* Statements whose text was not seen look alike: many of one are a habit, one of each is none. */
static void plant_unseen(struct made *made, int number)
{
	(void)number;
	for (uint64_t i = 0; i < 20; i++) {
		struct ww_operation *operation = query(made, "SELECT 2 columns (text not seen)", 100 + i, MS);

		operation->flags |= WW_OPERATION_UNSEEN;
		operation->prepared = i < 13 ? 1 : i;
	}
}

static void plant_unseen_once(struct made *made, int number)
{
	plant_unseen(made, number);
	for (size_t i = 0; i < made->request.operations_len; i++)
		made->operations[i].prepared = 1 + i;
}

static void unseen_statements_are_told_apart(void **state)
{
	struct scene scene;
	const struct ww_finding *found = must_find(scene_of(&scene, plant_unseen), "n-plus-one");

	(void)state;
	assert_int_equal(found->saves_mean_ns, 12 * MS);
	scene_end(&scene);
	must_not_find(scene_of(&scene, plant_unseen_once), "n-plus-one");
	scene_end(&scene);
}

/* Others between them, their number goes with the size of the answer, and each wait is followed by a busy loop. */
static void plant_interleaved(struct made *made, int number)
{
	uint64_t rows = 5 + (uint64_t)(number % 10) * 10;

	for (uint64_t i = 0; i < rows; i++) {
		query(made, ITEMS, 100 + i, MS / 10);
		spend(made, WW_KIND_QUEUE, MS / 10);
		struct ww_operation *log = query(made, "INSERT INTO log VALUES ($1)", i, MS / 10);

		log->flags = WW_OPERATION_WRITE;
	}
	made->request.bytes_out = 100 + 200 * rows;
}

static void finds_n_plus_one_among_others(void **state)
{
	struct scene scene;
	const struct ww_endpoint_report *endpoint = scene_of(&scene, plant_interleaved);
	const struct ww_finding *found = must_find(endpoint, "n-plus-one");

	(void)state;
	assert_non_null(strstr(found->text, "5 to 95 times a request, 50 on the mean, the more the larger the answer"));
	assert_true(evidence(found, "correlation_with_bytes_out")->number > 0.99);
	/* A third is its waiting; the queue is divided among all answers. */
	assert_in_range(found->saves_mean_ns, 49 * MS / 10 * 14 / 10, 50 * MS / 10 * 16 / 10);
	assert_int_equal(endpoint->findings_len > 0 ? evidence(found, "per_request_max")->number : 0, 95);
	scene_end(&scene);
}

/* After each answer it waits for a CPU; that it computes long, and is preempted meanwhile, has nothing to do with it.
 */
static void plant_crowded(struct made *made, int number)
{
	(void)number;
	spend(made, WW_KIND_COMPUTE, 5 * MS);
	spend(made, WW_KIND_RUNQ, 20 * MS);
	spend(made, WW_KIND_COMPUTE, 5 * MS);
	for (uint64_t i = 0; i < 9; i++) {
		query(made, ITEMS, 100 + i, MS);
		spend(made, WW_KIND_QUEUE, 1000);
		spend(made, WW_KIND_RUNQ, MS);
	}
}

static void waking_up_belongs_to_what_was_waited_for(void **state)
{
	struct scene scene;
	const struct ww_finding *found = must_find(scene_of(&scene, plant_crowded), "n-plus-one");

	(void)state;
	/* Eight waits, and eight times a CPU to wait for. */
	assert_in_range(found->saves_mean_ns, 16 * MS, 16 * MS + 20000);
	scene_end(&scene);
}

static void plant_nothing(struct made *made, int number)
{
	uint64_t from, each = MS / 2;

	(void)number;
	spend(made, WW_KIND_COMPUTE, MS);
	/* A cursor. */
	for (uint64_t i = 0; i < 20; i++)
		query(made, "FETCH 100 FROM c", 0, each)->flags = WW_OPERATION_READ | WW_OPERATION_FETCH;
	/* Inserts in a batch, and one by one. */
	query(made, "INSERT INTO t VALUES ($1)", 7, each)->flags = WW_OPERATION_WRITE | WW_OPERATION_BATCH;
	for (uint64_t i = 0; i < 10; i++)
		query(made, "INSERT INTO t VALUES ($1)", i + 1, each)->flags = WW_OPERATION_WRITE;
	/* Sent together. */
	from = made->request.wall_ns;
	for (uint64_t i = 0; i < 20; i++) {
		struct ww_operation *sent = operate(made, WW_KIND_DB, "10.0.0.1:5432", "SELECT t",
						    "SELECT v FROM t WHERE k = $1", from, each);

		sent->arguments = 1000 + i;
		sent->flags |= i ? WW_OPERATION_PIPELINED : 0;
	}
	/* On twenty connections at the same time, on different peers. */
	for (uint64_t i = 0; i < 20; i++)
		operate(made, WW_KIND_DB, i % 2 ? "10.0.0.2:5432" : "10.0.0.3:5432", "SELECT u",
			"SELECT v FROM u WHERE k = $1", from, each)
			->arguments = i + 1;
	spend(made, WW_KIND_DB, each);
	/* Fewer than many. */
	for (uint64_t i = 0; i < 3; i++)
		query(made, ITEMS, i + 1, each);
	/* What a pool cleans up with. */
	for (uint64_t i = 0; i < 10; i++)
		query(made, "SELECT pg_advisory_unlock_all(); CLOSE ALL", 1, each);
	/* BEGIN, the same again and again. */
	for (uint64_t i = 0; i < 10; i++)
		query(made, "BEGIN", 5, each)->flags = WW_OPERATION_CONTROL;
}

static void finds_no_operation_where_none_was_planted(void **state)
{
	struct scene scene;
	const struct ww_endpoint_report *endpoint = scene_of(&scene, plant_nothing);

	(void)state;
	must_not_find(endpoint, "n-plus-one");
	must_not_find(endpoint, "repeated-query");
	must_not_find(endpoint, "slow-query");
	must_not_find(endpoint, "serial-calls");
	scene_end(&scene);
}

static void plant_repeats(struct made *made, int number)
{
	spend(made, WW_KIND_COMPUTE, 4 * MS);
	for (int i = 0; i < 3; i++) {
		query(made, "SELECT * FROM users WHERE id = $1", 40 + (uint64_t)number, MS);
		query(made, "SELECT now()", 0, MS / 100);
	}
}

/* Work that is no request is called what it is. */
static void messages_are_called_so(void **state)
{
	struct scene scene;

	(void)state;
	scene_protocol = "queue";
	assert_string_equal(must_find(scene_of(&scene, plant_rounds), "n-plus-one")->text,
			    ITEMS " ran 50 times a message, one after the other");
	scene_end(&scene);
	assert_non_null(
		strstr(must_find(scene_of(&scene, plant_repeats), "repeated-query")->text, " 2 times a message"));
	scene_end(&scene);
	scene_protocol = "http/1.1";
}

static void finds_repeats(void **state)
{
	struct scene scene;
	const struct ww_endpoint_report *endpoint = scene_of(&scene, plant_repeats);
	const struct ww_finding *found = must_find(endpoint, "repeated-query");

	(void)state;
	assert_string_equal(found->text, "SELECT * FROM users WHERE id = $1 was asked again with the same arguments 2 "
					 "times a request");
	assert_string_equal(found->advice, "keep its first answer");
	assert_int_equal(found->saves_mean_ns, 2 * MS);
	assert_true(evidence(found, "repeats_per_request")->number == 2);
	must_not_find(endpoint, "n-plus-one");
	scene_end(&scene);
}

/* The second answer is there before the thread sleeps for it, in every second request: a repeat all the same. */
static void plant_quick_repeats(struct made *made, int number)
{
	query(made, "SELECT * FROM users WHERE id = $1", 40, MS);
	query(made, "SELECT * FROM users WHERE id = $1", 40, number % 2 ? MS : 0);
}

static void repeats_without_a_wait_count(void **state)
{
	struct scene scene;
	const struct ww_finding *found = must_find(scene_of(&scene, plant_quick_repeats), "repeated-query");

	(void)state;
	assert_true(evidence(found, "repeats_per_request")->number == 1);
	assert_true(evidence(found, "requests_share")->number == 1);
	assert_int_equal(found->saves_mean_ns, MS / 2);
	scene_end(&scene);
}

/* On a loop that several requests share, and their operations with them. */
static void plant_others_repeats(struct made *made, int number)
{
	plant_repeats(made, number);
	made->request.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	made->request.operations_missing = true;
}

static void what_may_be_of_another_request_is_no_finding(void **state)
{
	struct scene scene;

	(void)state;
	must_not_find(scene_of(&scene, plant_others_repeats), "repeated-query");
	scene_end(&scene);
}

/* What was written in between may have changed the answer. */
static void plant_rereads(struct made *made, int number)
{
	(void)number;
	for (int i = 0; i < 4; i++) {
		query(made, "SELECT n FROM counters WHERE id = $1", 1, MS);
		query(made, "UPDATE counters SET n = n + $1", 2, MS)->flags = WW_OPERATION_WRITE;
	}
}

static void a_read_after_a_write_is_no_repeat(void **state)
{
	struct scene scene;

	(void)state;
	must_not_find(scene_of(&scene, plant_rereads), "repeated-query");
	scene_end(&scene);
}

static void one_repeat_in_a_thousand_is_none(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int number = 0; number < 1000; number++) {
		struct made *made = make();

		query(made, "SELECT * FROM users WHERE id = $1", 1, MS);
		if (number == 500)
			query(made, "SELECT * FROM users WHERE id = $1", 1, MS);
		/* The slow one is kept, as it would be, with some others. */
		scene_add(&scene, endpoint, made, number % 10 == 0);
	}
	must_not_find(scene_report(&scene, "/"), "repeated-query");
	scene_end(&scene);
}

static void plant_slow(struct made *made, int number)
{
	(void)number;
	spend(made, WW_KIND_COMPUTE, MS);
	query(made, "SELECT 1", 1, MS / 5);
	query(made, "SELECT avg(stars), count(*) FROM reviews WHERE product = $1", 1, 20 * MS);
}

static void finds_a_slow_query(void **state)
{
	struct scene scene;
	const struct ww_endpoint_report *endpoint = scene_of(&scene, plant_slow);
	const struct ww_finding *found = must_find(endpoint, "slow-query");

	(void)state;
	assert_string_equal(found->text,
			    "SELECT avg(stars), count(*) FROM reviews WHERE product = $1 takes 20.0 ms, 99 % of "
			    "the db time");
	assert_string_equal(found->advice, "index it");
	assert_int_equal(found->saves_mean_ns, 20 * MS);
	scene_end(&scene);
}

/* Everything takes long there: it is the way, not the query. */
static void plant_far_away(struct made *made, int number)
{
	(void)number;
	query(made, "BEGIN", 0, 9 * MS)->flags = WW_OPERATION_CONTROL;
	query(made, "SELECT v FROM t WHERE k = $2", 1, 9 * MS);
	query(made, "SELECT v FROM t WHERE k = $1", 1, 20 * MS);
}

static void a_distant_server_is_no_slow_query(void **state)
{
	struct scene scene;

	(void)state;
	must_not_find(scene_of(&scene, plant_far_away), "slow-query");
	scene_end(&scene);
}

static void plant_serial(struct made *made, int number)
{
	(void)number;
	spend(made, WW_KIND_COMPUTE, MS);
	operate(made, WW_KIND_NET, "10.0.0.9:53", "stock", "", made->request.wall_ns, MS)->system = "dns";
	spend(made, WW_KIND_NET, MS);
	operate(made, WW_KIND_NET, "10.0.0.1:80", "connect", "", made->request.wall_ns, MS)->flags =
		WW_OPERATION_CONNECT;
	spend(made, WW_KIND_NET, MS);
	call(made, "10.0.0.1:80", "GET stock:80 /s", 12 * MS);
	spend(made, WW_KIND_COMPUTE, MS);
	call(made, "10.0.0.2:80", "GET prices:80 /p", 18 * MS);
	call(made, "10.0.0.3:80", "GET shipping:80 /d", 30 * MS);
}

static void finds_serial_calls(void **state)
{
	struct scene scene;
	const struct ww_endpoint_report *endpoint = scene_of(&scene, plant_serial);
	const struct ww_finding *found = must_find(endpoint, "serial-calls");

	(void)state;
	assert_string_equal(found->text, "GET stock:80 /s, GET prices:80 /p and GET shipping:80 /d run one after the "
					 "other");
	assert_string_equal(found->advice, "run together what needs no other's answer");
	assert_in_range(found->saves_mean_ns, 30 * MS - 10, 30 * MS);
	assert_in_range(found->saves_p95_ns, 30 * MS - 10, 30 * MS);
	scene_end(&scene);
}

/* The loop is busy when the answers come: but for the last one, the others are outstanding anyway. */
static void plant_serial_on_a_busy_loop(struct made *made, int number)
{
	(void)number;
	for (int i = 0; i < 3; i++) {
		call(made, i == 0 ? "a:1" : i == 1 ? "b:1" : "c:1", "GET", 10 * MS);
		spend(made, WW_KIND_QUEUE, 6 * MS);
		spend(made, WW_KIND_RUNQ, 3 * MS);
		spend(made, WW_KIND_COMPUTE, MS);
	}
}

static void serial_calls_are_woken_for_one_after_the_other(void **state)
{
	struct scene scene;
	const struct ww_finding *found = must_find(scene_of(&scene, plant_serial_on_a_busy_loop), "serial-calls");

	(void)state;
	assert_in_range(found->saves_mean_ns, 2 * 19 * MS - 10, 2 * 19 * MS);
	scene_end(&scene);
}

static void plant_together(struct made *made, int number)
{
	uint64_t from = made->request.wall_ns;

	(void)number;
	operate(made, WW_KIND_NET, "10.0.0.1:80", "GET stock:80 /s", "", from, 12 * MS);
	operate(made, WW_KIND_NET, "10.0.0.2:80", "GET prices:80 /p", "", from, 18 * MS);
	operate(made, WW_KIND_NET, "10.0.0.3:80", "GET shipping:80 /d", "", from + 10, 30 * MS);
	spend(made, WW_KIND_NET, 30 * MS + 10);
	/* The same peer, and a write that may need what was read. */
	call(made, "10.0.0.3:80", "GET shipping:80 /e", 10 * MS);
	call(made, "10.0.0.4:80", "POST ship:80 /", 10 * MS)->flags = WW_OPERATION_WRITE;
}

/* The loop starts them one after the other, which takes it a while. */
static void plant_started_in_turn(struct made *made, int number)
{
	uint64_t from = made->request.wall_ns;

	(void)number;
	operate(made, WW_KIND_NET, "10.0.0.1:80", "GET stock:80 /s", "", from, 12 * MS);
	operate(made, WW_KIND_NET, "10.0.0.2:80", "GET prices:80 /p", "", from + 2 * MS, 18 * MS);
	operate(made, WW_KIND_NET, "10.0.0.3:80", "GET shipping:80 /d", "", from + 4 * MS, 30 * MS);
	spend(made, WW_KIND_NET, 34 * MS);
}

static void calls_that_run_together_are_not_serial(void **state)
{
	struct scene scene;

	(void)state;
	must_not_find(scene_of(&scene, plant_together), "serial-calls");
	scene_end(&scene);
	must_not_find(scene_of(&scene, plant_started_in_turn), "serial-calls");
	scene_end(&scene);
}

static void plant_cache(struct made *made, int number)
{
	(void)number;
	operate(made, WW_KIND_DB, "10.0.0.7:6379", "GET", "", made->request.wall_ns, MS);
	spend(made, WW_KIND_DB, MS);
	query(made, "SELECT v FROM t WHERE k = $1", 1, MS);
	operate(made, WW_KIND_DB, "10.0.0.7:6379", "SET", "", made->request.wall_ns, MS)->flags = WW_OPERATION_WRITE;
	spend(made, WW_KIND_DB, MS);
}

static void filling_a_cache_is_not_serial(void **state)
{
	struct scene scene;

	(void)state;
	must_not_find(scene_of(&scene, plant_cache), "serial-calls");
	scene_end(&scene);
}

/* Its query took 20 ms, of which it computed 15. */
static void plant_overlapped(struct made *made, int number)
{
	(void)number;
	query(made, "SELECT * FROM reviews", 1, 5 * MS)->duration_ns = 20 * MS;
	spend(made, WW_KIND_COMPUTE, 15 * MS);
}

static void only_what_was_charged_is_saved(void **state)
{
	struct scene scene;

	(void)state;
	assert_int_equal(must_find(scene_of(&scene, plant_overlapped), "slow-query")->saves_mean_ns, 5 * MS);
	scene_end(&scene);
}

/* Sums of what is due to operations never exceed what was charged, whatever they say. */
static void savings_stay_within_what_was_charged(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	srand(1);
	for (int number = 0; number < 200; number++) {
		struct made *made = make();

		spend(made, WW_KIND_QUEUE, (uint64_t)rand() % (2 * MS));
		spend(made, WW_KIND_DB, (uint64_t)rand() % (20 * MS));
		spend(made, WW_KIND_NET, (uint64_t)rand() % (20 * MS));
		for (int i = 0; i < 100; i++) {
			struct ww_operation *operation = operate(
				made, rand() % 2 ? WW_KIND_DB : WW_KIND_NET, rand() % 2 ? "a" : "b", "q",
				rand() % 2 ? "x" : "y", (uint64_t)rand() % (60 * MS), (uint64_t)rand() % (5 * MS));

			operation->arguments = (uint64_t)rand() % 5;
			operation->flags = (uint16_t)(rand() % 2048);
			operation->duration_ns = rand() % 50 ? operation->duration_ns : UINT64_MAX;
		}
		scene_add(&scene, endpoint, made, true);
	}

	const struct ww_endpoint_report *report = scene_report(&scene, "/");
	const struct ww_study *study = scene.studies[endpoint];

	for (size_t i = 0; i < study->cases_len; i++) {
		uint64_t waits[2] = {0},
			 kinds[2] = {study->cases[i].kinds_ns[WW_KIND_DB], study->cases[i].kinds_ns[WW_KIND_NET]};

		for (size_t j = 0; j < study->notes_len; j++) {
			const struct ww_subject *subject = &study->subjects[study->notes[j].subject];

			if (study->notes[j].of == i && !subject->serial)
				waits[subject->kind == WW_KIND_NET] += study->notes[j].wait_ns;
		}
		assert_in_range(waits[0], 0, kinds[0]);
		assert_in_range(waits[1], 0, kinds[1]);
		assert_in_range(study->cases[i].parallel_ns[WW_KIND_DB], 0, kinds[0]);
		assert_in_range(study->cases[i].parallel_ns[WW_KIND_NET], 0, kinds[1]);
	}
	for (size_t i = 0; i < report->findings_len; i++) {
		assert_in_range(report->findings[i].saves_mean_ns, 0, report->wall.mean);
		assert_in_range(report->findings[i].saves_p95_ns, 0, report->wall.p95);
		assert_true(!i || report->findings[i].saves_mean_ns <= report->findings[i - 1].saves_mean_ns);
	}
	scene_end(&scene);
}

/* More different statements and requests than are looked at. */
static void a_study_is_bounded(void **state)
{
	struct scene scene;
	char statements[WW_STUDY_CASES + 100][24];

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int number = 0; number < WW_STUDY_CASES + 100; number++) {
		struct made *made = make();

		snprintf(statements[number], sizeof(statements[number]), "SELECT %d", number);
		query(made, statements[number], 1, MS);
		scene_add(&scene, endpoint, made, true);
	}
	assert_int_equal(scene.studies[endpoint]->cases_len, WW_STUDY_CASES);
	assert_in_range(scene.studies[endpoint]->subjects_len, 1, WW_STUDY_SUBJECTS);
	assert_int_equal(scene_report(&scene, "/")->requests, WW_STUDY_CASES + 100);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_n_plus_one),
		cmocka_unit_test(unseen_statements_are_told_apart),
		cmocka_unit_test(finds_n_plus_one_among_others),
		cmocka_unit_test(waking_up_belongs_to_what_was_waited_for),
		cmocka_unit_test(finds_no_operation_where_none_was_planted),
		cmocka_unit_test(finds_repeats),
		cmocka_unit_test(messages_are_called_so),
		cmocka_unit_test(repeats_without_a_wait_count),
		cmocka_unit_test(what_may_be_of_another_request_is_no_finding),
		cmocka_unit_test(a_read_after_a_write_is_no_repeat),
		cmocka_unit_test(one_repeat_in_a_thousand_is_none),
		cmocka_unit_test(finds_a_slow_query),
		cmocka_unit_test(a_distant_server_is_no_slow_query),
		cmocka_unit_test(finds_serial_calls),
		cmocka_unit_test(serial_calls_are_woken_for_one_after_the_other),
		cmocka_unit_test(calls_that_run_together_are_not_serial),
		cmocka_unit_test(filling_a_cache_is_not_serial),
		cmocka_unit_test(only_what_was_charged_is_saved),
		cmocka_unit_test(savings_stay_within_what_was_charged),
		cmocka_unit_test(a_study_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
