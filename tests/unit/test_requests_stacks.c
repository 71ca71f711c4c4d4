/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What stacks weigh: of a sample of the requests as of all, and named by what was asked for meanwhile. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accounts.h"
#include "requests/stacks.h"

#define US 1000ull
#define MS 1000000ull

struct fixture {
	struct ww_catalog catalog;
	struct ww_detail_names names;
	struct ww_stacks *stacks;
	struct draw draw;
};

static int find_peer(void *ctx, uint32_t index, struct ww_peer *peer)
{
	static const uint8_t systems[] = {WW_SYSTEM_POSTGRES, WW_SYSTEM_REDIS, WW_SYSTEM_HTTP, 0};

	(void)ctx;
	if (index >= sizeof(systems))
		return -ENOENT;
	*peer = (struct ww_peer){
		.family = 2 /* AF_INET */, .port = (uint16_t)(5000 + index), .addr = {10, 1}, .system = systems[index]};
	return 0;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(ww_catalog__init(&f->catalog), 0);
	f->names.intern = f->catalog.names;
	f->names.peer = find_peer;
	f->stacks = ww_stacks__new();
	assert_non_null(f->stacks);
	f->draw = draw_start();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ww_stacks__free(f->stacks);
	ww_detail_names__free(&f->names);
	ww_catalog__free(&f->catalog);
	free(f);
	return 0;
}

static void weigh(struct fixture *f, struct ww_stack_weight weight)
{
	weight.size = sizeof(weight);
	weight.type = WW_STACK_WEIGHT;
	assert_int_equal(ww_stacks__take(f->stacks, &weight, sizeof(weight)), 0);
}

static uint32_t operation(struct fixture *f, uint8_t kind, const char *system, const char *peer, const char *summary)
{
	return ww_catalog__operation(
		&f->catalog,
		&(struct ww_operation){
			.kind = kind, .system = system, .peer = peer, .summary = summary, .statement = ""});
}

/* What waits of a request are called, with the operations that ran meanwhile. */
static void waits_are_named_by_operations(void **state)
{
	struct fixture *f = *state;
	const struct ww_done done[] = {
		{operation(f, WW_KIND_DB, "postgresql", "10.1.0.0:5000", "SELECT items"), .start_ns = 100,
		 .end_ns = 200},
		{operation(f, WW_KIND_DB, "redis", "10.1.0.0:5001", "GET"), .start_ns = 150, .end_ns = 400},
		{operation(f, WW_KIND_DB, "postgresql", "10.1.0.0:5000", "SELECT b"), .start_ns = 210, .end_ns = 900},
		{operation(f, WW_KIND_DB, "postgresql", "10.1.0.0:5000", "SELECT a"), .start_ns = 300, .end_ns = 500},
		{operation(f, WW_KIND_NET, "http", "10.1.0.0:5002", "GET 10.1.0.0:5002 /x"), .start_ns = 600,
		 .end_ns = 700},
		{operation(f, WW_KIND_NET, "", "10.1.0.0:5003", ""), .start_ns = 700, .end_ns = 800},
		{operation(f, WW_KIND_NET, "", "10.1.0.0:5003", "round trip"), .start_ns = 800, .end_ns = 900},
	};
	const struct ww_waiting waiting = {&f->catalog, &f->names, {done, sizeof(done) / sizeof(*done), true}};
	const struct {
		struct ww_wait wait;
		const char *name;
	} cases[] = {
		/* It is for its own peer, and what it lies in. */
		{{110, 190, 0, WW_KIND_DB, WW_DETAIL_PEER}, "postgres SELECT items"},
		{{160, 190, 1, WW_KIND_DB, WW_DETAIL_PEER}, "redis GET"},
		{{190, 300, 0, WW_KIND_DB, WW_DETAIL_PEER}, "postgres SELECT b"},
		/* Of several that are under way it is the one that ends. */
		{{310, 500, 0, WW_KIND_DB, WW_DETAIL_PEER}, "postgres SELECT a"},
		{{0, 90, 0, WW_KIND_DB, WW_DETAIL_PEER}, "postgres"},
		{{150, 190, 0, WW_KIND_SLEEP, WW_DETAIL_NONE}, NULL},
		{{610, 690, 2, WW_KIND_NET, WW_DETAIL_PEER}, "GET 10.1.0.0:5002 /x"},
		{{710, 790, 3, WW_KIND_NET, WW_DETAIL_PEER}, "10.1.0.0:5003"},
		{{810, 890, 3, WW_KIND_NET, WW_DETAIL_PEER}, "10.1.0.0:5003 round trip"},
		/* Whom it is for is not known, but what was asked for meanwhile. */
		{{110, 140, 0, WW_KIND_DB, WW_DETAIL_NONE}, "postgresql SELECT items"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t name = ww_wait_names__find(&waiting, &cases[i].wait);

		if (cases[i].name)
			assert_string_equal(ww_intern__get(f->catalog.names, name), cases[i].name);
		else
			assert_int_equal(name, WW_INTERN_NONE);
	}
}

/*
 * Requests of many lengths, of which one in n is taken, while n changes: what those that are taken weigh is what all
 * took, within the error that so many have.
 */
static void a_sample_weighs_what_all_took(void **state)
{
	struct fixture *f = *state;
	double off = 0;

	for (int round = 0; round < 200; round++) {
		double all = 0, variance = 0;
		uint64_t told = 0;

		for (uint64_t i = 1; i <= 2000; i++) {
			struct ww_account account = {.id = i, .start_ns = MS};
			uint64_t ns = MS + draw_number(&f->draw, 20 * MS), one_in = 1u << (i / 300);

			all += (double)ns;
			variance += (double)ns * (double)ns * (double)(one_in - 1);
			if (draw_number(&f->draw, one_in))
				continue;
			account.end_ns = account.start_ns + ns;
			account.stacks_one_in = (uint16_t)one_in;
			for (uint64_t part = 0; part < 4; part++)
				weigh(f, (struct ww_stack_weight){.kind = WW_KIND_DB,
								  .request = i,
								  .at_ns = account.start_ns + (part + 1) * (ns / 4),
								  .ns = part ? ns / 4 : ns - 3 * (ns / 4)});
			ww_stacks__end(f->stacks, &account, 0, &(struct ww_waiting){&f->catalog, &f->names, {0}});
		}
		const struct ww_stack_table *table = ww_stacks__table(f->stacks);
		for (uint32_t i = 0; i < table->rows_len; i++)
			told += table->rows[i].ns;
		ww_stack_table__clear(ww_stacks__table(f->stacks));
		off += ((double)told - all) / sqrt(variance);
	}
	/* The mean of 200 errors, each in units of its standard deviation: within four of its own. */
	assert_true(fabs(off / 200) < 4 / sqrt(200));
	assert_int_equal(ww_stacks__lost(f->stacks).forgotten, 0);
}

/* What hangs once weighs what it took, however many others there are. */
static void a_hang_weighs_what_it_took(void **state)
{
	struct fixture *f = *state;
	uint64_t hang = 0, total = 0;

	for (uint64_t i = 1; i <= 1000; i++) {
		uint64_t ns = i == 500 ? 3000 * MS : 100 * US;
		struct ww_account account = {.id = i, .start_ns = MS, .end_ns = MS + ns, .stacks_one_in = 1};

		weigh(f, (struct ww_stack_weight){.kind = WW_KIND_LOCK, .request = i, .at_ns = MS + ns, .ns = ns});
		ww_stacks__end(f->stacks, &account, 0, &(struct ww_waiting){&f->catalog, &f->names, {0}});
	}
	const struct ww_stack_table *table = ww_stacks__table(f->stacks);
	for (uint32_t i = 0; i < table->rows_len; i++) {
		total += table->rows[i].ns;
		if (table->rows[i].count == 1)
			hang += table->rows[i].ns;
	}
	assert_int_equal(hang, 3000 * MS);
	assert_int_equal(total, 3000 * MS + 999 * 100 * US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_are_named_by_operations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sample_weighs_what_all_took, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_hang_weighs_what_it_took, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
