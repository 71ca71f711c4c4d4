/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is said about a statement fits it. */
#include "cases.h"

static const char *planted;
static const char *planted_summary;
static uint16_t planted_flags;

static void plant_planted(struct made *made, int number)
{
	(void)number;
	query(made, "SELECT 1", 1, MS / 5);
	struct ww_operation *operation = query(made, planted, 1, 20 * MS);

	operation->summary = planted_summary;
	operation->flags = planted_flags;
}

static void advice_fits_the_statement(void **state)
{
	static const struct {
		const char *summary, *statement;
		uint16_t flags;
		const char *advice;
	} cases[] = {
		{"SELECT t", "SELECT a FROM t WHERE b = ?", WW_OPERATION_READ, "index it"},
		{"SELECT", "SELECT pg_sleep(?)", WW_OPERATION_READ, "it asks to sleep: leave that out"},
		{"SELECT t", "SELECT sleep FROM t WHERE b = ?", WW_OPERATION_READ, "index it"},
		{"SELECT", "SELECT report(?)", WW_OPERATION_READ,
		 "it reads no table, so no index helps: look into what it calls"},
		{"SELECT t", "SELECT a FROM t", WW_OPERATION_READ,
		 "it has no condition, so no index helps: ask for less, or keep its answer"},
		{"SELECT t", "SELECT a FROM t ORDER BY b LIMIT ?", WW_OPERATION_READ, "index what it is sorted by"},
		{"INSERT t", "INSERT INTO t VALUES (?)", WW_OPERATION_WRITE,
		 "no index makes it faster: write several at once, and look at triggers, constraints and commits"},
		{"UPDATE t", "UPDATE t SET a = ? WHERE b = ?", WW_OPERATION_WRITE,
		 "index what it looks for, if it is not; else it waits for locks that others hold, triggers or the "
		 "disk"},
		{"UPDATE t", "UPDATE t SET a = ?", WW_OPERATION_WRITE,
		 "it changes all there is: do so in parts, or less often"},
		{"SELECT", "SELECT 2 columns (text not seen)", WW_OPERATION_READ | WW_OPERATION_UNSEEN,
		 "find out what it is and how it is planned; to see its text let the program make its connections anew "
		 "meanwhile"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene scene;

		planted = cases[i].statement;
		planted_summary = cases[i].summary;
		planted_flags = cases[i].flags;
		assert_string_equal(must_find(scene_of(&scene, plant_planted), "slow-query")->advice, cases[i].advice);
		scene_end(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(advice_fits_the_statement)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
