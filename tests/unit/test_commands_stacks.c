/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `stacks` on a recording that is made here: where there is nothing to print it says why, and what there is. */
#include "commands_recordings.h"

#include "model/stack_table.h"

static char file[64];

/* Two endpoints; stacks, where they were taken, are of the first: it computed, and what was slow waited for a lock. */
static void make(const char *settings, bool sampled, bool last)
{
	struct ww_recorder_options options = {.path = file, .replace = true, .keep = 1, .settings = settings};
	struct ww_stack_key fast = {.bucket = 10, .name = WW_INTERN_NONE, .stack = WW_INTERN_NONE},
			    slow = {.bucket = 200,
				    .name = WW_INTERN_NONE,
				    .stack = WW_INTERN_NONE,
				    .kind = WW_KIND_LOCK};
	struct ww_recorder *recorder = NULL;
	struct ww_stack_table table;
	struct ww_slice slice = {0};
	struct ww_catalog catalog;
	char message[256] = "";

	strcpy(file, "/tmp/whywait-test-XXXXXX");
	close(mkstemp(file));
	unlink(file);
	assert_int_equal(ww_catalog__init(&catalog), 0);
	assert_int_equal(ww_stack_table__init(&table), 0);
	ww_catalog__add_service(&catalog, &(struct ww_catalog_service){"shop", "", "/"});
	for (uint32_t i = 0; i < 2; i++) {
		ww_catalog__add_endpoint(&catalog, &(struct ww_catalog_endpoint){0, "http", "GET", i ? "/b" : "/a"});
		add_second(
			NULL,
			&(struct load){.service = "shop", .method = "GET", .route = "/", .db_ms = 1, .compute_ms = 1},
			i, 0, &slice);
	}
	for (int i = 0; sampled && i < 99; i++) {
		ww_stack_table__request(&table, 0, fast.bucket, 1);
		ww_stack_table__add(&table, &fast, MS, 1);
	}
	if (sampled) {
		ww_stack_table__request(&table, 0, slow.bucket, 1);
		ww_stack_table__add(&table, &slow, MS, 1);
	}
	if (ww_recorder__create(&recorder, &options, message, sizeof(message)))
		fail_msg("%s", message);
	assert_int_equal(ww_recorder__commit(recorder, &(struct ww_commit){.catalog = &catalog,
									   .slice = &slice,
									   .interval = START,
									   .start_unix_ns = START,
									   .end_unix_ns = START + SECOND,
									   .stacks = &table,
									   .last = last}),
			 0);
	assert_int_equal(ww_recorder__close(recorder), 0);
	ww_slice__free(&slice);
	ww_catalog__free(&catalog);
	ww_stack_table__free(&table);
}

static void a_choice_without_any_says_what_there_is(void **state)
{
	(void)state;
	make("keep 1; stacks", true, true);
	assert_int_equal(RUN("stacks", file), 0);
	assert_string_equal(text, "shop;GET /a;[compute] 99000\nshop;GET /a;[lock] 1000\n");
	FAILS("has no stacks of gc, db: of what was chosen it has compute, lock\n", "stacks", file, "--kinds",
	      (char[]){"db,gc"});
	FAILS("has no stacks of compute: of what was chosen it has lock\n", "stacks", file, "--kinds",
	      (char[]){"compute"}, "--slower-than", "p99.5");
	FAILS("of the requests chosen none was sampled: choose more", "stacks", file, "--endpoint", "/b");
	FAILS("has no endpoint '/c': it has GET /a, GET /b\n", "stacks", file, "--endpoint", "/c");
	unlink(file);
}

static void a_graph_says_what_was_chosen(void **state)
{
	(void)state;
	make("keep 1; stacks", true, true);
	assert_int_equal(RUN("stacks", file, "--format", "svg", "--kinds", (char[]){"lock,compute"}, "--slower-than",
			     "p95", "--endpoint", "GET /?", "--until", "2026-11-20T22:51:00Z"),
			 0);
	assert_int_equal(count(": GET /?; slower than p95; until 2026-11-20T22:51:00Z; only compute, lock</text>"), 1);
	assert_int_equal(RUN("stacks", file, "--format", "svg"), 0);
	assert_int_equal(count(file), 1);
	assert_non_null(strstr(strstr(text, file) + strlen(file), "</text>"));
	assert_int_equal(strncmp(strstr(text, file) + strlen(file), "</text>", 7), 0);
	unlink(file);
}

/* Against itself nothing differs; only a format that can say so is taken. */
static void differences_of_two_recordings(void **state)
{
	(void)state;
	make("keep 1; stacks", true, true);
	assert_int_equal(RUN("stacks", file, "--diff", file), 0);
	assert_string_equal(text, "shop;GET /a;[compute] 990000 990000\nshop;GET /a;[lock] 10000 10000\n");
	assert_int_equal(RUN("stacks", file, "--diff", file, "--slower-than", "p99.5"), 0);
	assert_string_equal(text, "shop;GET /a;[lock] 1000000 1000000\n");
	assert_int_equal(RUN("stacks", file, "--diff", file, "--format", "svg"), 0);
	assert_int_equal(count("; against "), 1);
	FAILS("--diff can't be told to speedscope", "stacks", file, "--diff", file, "--format", "speedscope");
	FAILS("none.db: No such file", "stacks", file, "--diff", "/tmp/whywait-test-none.db");
	unlink(file);
}

static void without_stacks_it_says_why(void **state)
{
	(void)state;
	make("keep 1", false, true);
	FAILS("holds no stacks: record with --stacks\n", "stacks", file);
	FAILS("holds no stacks: record with --stacks\n", "stacks", file, "--endpoint", "/a");
	unlink(file);
	make("keep 1; stacks", false, false);
	FAILS("holds no stacks: no requests were sampled yet\n", "stacks", file);
	unlink(file);
	make("keep 1; stacks", false, true);
	FAILS("holds no stacks: no requests were sampled; record for longer", "stacks", file);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_choice_without_any_says_what_there_is),
		cmocka_unit_test(a_graph_says_what_was_chosen),
		cmocka_unit_test(differences_of_two_recordings),
		cmocka_unit_test(without_stacks_it_says_why),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
