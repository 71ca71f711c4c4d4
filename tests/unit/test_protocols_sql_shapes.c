/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Statements that were read before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "protocols/sql_shapes.h"

/* Whether the text was found; what comes of it is what is read of it. */
static bool finds(struct ww_sql_shapes *shapes, enum ww_sql_dialect dialect, const char *text)
{
	uint64_t before = ww_sql_shapes__found(shapes), arguments;
	struct ww_statement *statement, *wanted;
	struct ww_sql sql;

	ww_sql__read(&sql, dialect, text, strlen(text), false);
	wanted = ww_statement__new(&sql);
	statement = ww_sql_shapes__read(shapes, dialect, text, strlen(text), false, &arguments);
	assert_non_null(statement);
	assert_non_null(wanted);
	assert_string_equal(statement->text, wanted->text);
	assert_string_equal(statement->summary, wanted->summary);
	assert_int_equal(statement->len, wanted->len);
	assert_int_equal(statement->flags, wanted->flags);
	assert_true(arguments == sql.arguments);
	ww_statement__put(statement);
	ww_statement__put(wanted);
	return ww_sql_shapes__found(shapes) > before;
}

/* The first text of two comes twice, and so is kept. */
static bool found_by(enum ww_sql_dialect dialect, const char *kept, const char *text)
{
	struct ww_sql_shapes *shapes = ww_sql_shapes__new();
	bool found;

	assert_non_null(shapes);
	assert_false(finds(shapes, dialect, kept));
	assert_false(finds(shapes, dialect, kept));
	found = finds(shapes, dialect, text);
	ww_sql_shapes__free(shapes);
	return found;
}

static void other_literals(void **state)
{
	static const char *const pairs[][2] = {
		{"SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 4711"},
		{"SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 1.5e-7"},
		{"SELECT a FROM t WHERE id=-1 AND b", "SELECT a FROM t WHERE id=-20 AND b"},
		{"SELECT a FROM t WHERE b = 'x' AND c = 'y'", "SELECT a FROM t WHERE b = 'it''s' AND c = ''"},
		{"SELECT a FROM t WHERE b = $1 AND c > $2", "SELECT a FROM t WHERE b = $1 AND c > $2"},
		{"SELECT a FROM t WHERE b IN (1, 2, 3)", "SELECT a FROM t WHERE b IN (4, 55, 666)"},
		{"INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "INSERT INTO t (a, b) VALUES (3, 'z'), (4, '')"},
		{"SELECT t0.a FROM t1 AS t0 LIMIT 10;", "SELECT t0.a FROM t1 AS t0 LIMIT 99;"},
		{"SELECT \"a\".\"b\" FROM \"a\" WHERE \"a\".\"id\" = 1",
		 "SELECT \"a\".\"b\" FROM \"a\" WHERE \"a\".\"id\" = 2"},
		{"BEGIN", "BEGIN"},
		{"SET a = 1; SELECT 2", "SET a = 5; SELECT 6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		assert_true(found_by(WW_SQL_POSTGRES, pairs[i][0], pairs[i][1]));
	assert_true(found_by(WW_SQL_MYSQL, "SELECT a FROM `t` WHERE b = \"x\"", "SELECT a FROM `t` WHERE b = \"yy\""));
	assert_true(found_by(WW_SQL_MYSQL, "SELECT a FROM t WHERE b = ?", "SELECT a FROM t WHERE b = ?"));
}

/* What differs in more, or may mean something else. */
static void not_alike(void **state)
{
	static const char *const pairs[][2] = {
		{"SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 'x'"},
		{"SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 1 "},
		{"SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = "},
		{"SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 1; DROP TABLE t"},
		{"SELECT a FROM t WHERE id = 1", "SELECT b FROM t WHERE id = 1"},
		{"SELECT a FROM t WHERE id IN (1, 2)", "SELECT a FROM t WHERE id IN (1, 2, 3)"},
		{"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'x\\'"},
		{"SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'x"},
		{"SELECT a FROM t WHERE b = 'x' AND c", "SELECT a FROM t WHERE b = 'x'' AND c"},
		{"SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = $q$x$q$"},
		{"SELECT a FROM t WHERE b = -1", "SELECT a FROM t WHERE b = -x"},
		{"SELECT a FROM t WHERE b = 1-2", "SELECT a FROM t WHERE b = 1e-2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		assert_false(found_by(WW_SQL_POSTGRES, pairs[i][0], pairs[i][1]));
	assert_false(found_by(WW_SQL_MYSQL, "SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'x\\'"));
}

/* Of these something is left out that is no literal of which it is known where it ends. */
static void never_kept(void **state)
{
	static const char *const texts[] = {
		"SELECT a /* user 1 */ FROM t",	  "SELECT a -- user 1\nFROM t",
		"SELECT a FROM t WHERE b = E'x'", "SELECT $q$x$q$",
		"SET search_path = secret",	  "SAVEPOINT secret",
		"SELECT a FROM t\x01 secret",	  "secret SELECT a",
		"SELECT \"\x02secret\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(found_by(WW_SQL_POSTGRES, texts[i], texts[i]));
}

static void by_dialect(void **state)
{
	struct ww_sql_shapes *shapes = ww_sql_shapes__new();
	const char *text = "SELECT a FROM t WHERE b = 'x'";

	(void)state;
	assert_non_null(shapes);
	for (int i = 0; i < 2; i++) {
		assert_false(finds(shapes, WW_SQL_POSTGRES, text));
	}
	assert_true(finds(shapes, WW_SQL_POSTGRES, text));
	assert_false(finds(shapes, WW_SQL_MYSQL, text));
	ww_sql_shapes__free(shapes);
}

static void bounded(void **state)
{
	struct ww_sql_shapes *shapes = ww_sql_shapes__new();
	char text[4096];

	(void)state;
	assert_non_null(shapes);
	for (int i = 0; i < 10000; i++) {
		/* Those that use the most memory, and those of which there are the most. */
		snprintf(text, sizeof(text), "SELECT c%d%*s FROM t", i, i % 2 ? 1 : 3000, "");
		for (int again = 0; again < 2; again++)
			finds(shapes, WW_SQL_POSTGRES, text);
		if (i % 3 == 0)
			assert_true(finds(shapes, WW_SQL_POSTGRES, text));
		assert_in_range(ww_sql_shapes__len(shapes), 1, 1024);
	}
	ww_sql_shapes__free(shapes);
}

/* The heap's bytes as they are. */
static bool is_on_heap(const char *secret, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	bool found = false;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "[heap]") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			found |= memmem((const void *)from, to - from, secret, len) != NULL;
	}
	fclose(maps);
	return found;
}

/* Nothing of a literal stays in memory. */
static void forgets_literals(void **state)
{
	struct ww_sql_shapes *shapes = ww_sql_shapes__new();
	char text[128], secret[16];

	(void)state;
	assert_non_null(shapes);
	for (size_t i = 0; i < 12; i++)
		secret[i] = (char)('a' + (i * 7 + 3) % 26);
	for (int i = 0; i < 4; i++) {
		int len = snprintf(text, sizeof(text), "SELECT a FROM t WHERE b = '%.12s' AND c = 1", secret);
		uint64_t arguments;
		struct ww_statement *statement =
			ww_sql_shapes__read(shapes, WW_SQL_POSTGRES, text, (size_t)len, false, &arguments);

		assert_non_null(statement);
		ww_statement__put(statement);
	}
	assert_true(ww_sql_shapes__found(shapes) == 2);
	assert_false(is_on_heap(secret, 12));
	ww_sql_shapes__free(shapes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_literals), cmocka_unit_test(not_alike), cmocka_unit_test(never_kept),
		cmocka_unit_test(by_dialect),	  cmocka_unit_test(bounded),   cmocka_unit_test(forgets_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
