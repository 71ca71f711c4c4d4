/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "protocols/sql.h"
#include "protocols/sql_parts.h"

#define R WW_OPERATION_READ
#define W WW_OPERATION_WRITE
#define C WW_OPERATION_CONTROL
#define F WW_OPERATION_FETCH
#define B WW_OPERATION_BATCH
#define X WW_OPERATION_CUT

struct example {
	const char *sql, *summary, *text;
	uint16_t flags;
};

static void check(const struct example *examples, size_t count, enum ww_sql_dialect dialect)
{
	for (size_t i = 0; i < count; i++) {
		const struct example *e = &examples[i];
		struct ww_sql sql;

		ww_sql__read(&sql, dialect, e->sql, strlen(e->sql), false);
		assert_string_equal(sql.text, e->text);
		assert_string_equal(sql.summary, e->summary);
		if (sql.flags != e->flags)
			print_error("%s: flags 0x%x\n", e->sql, sql.flags);
		assert_int_equal(sql.flags, e->flags);
		assert_int_equal(sql.len, strlen(e->text));
		/* A fingerprint's fingerprint is itself. */
		if (!sql.len || sql.flags & X)
			continue;
		struct ww_sql again;

		ww_sql__read(&again, dialect, sql.text, sql.len, false);
		assert_string_equal(again.text, sql.text);
		assert_string_equal(again.summary, sql.summary);
	}
}

#define CHECK(examples, dialect) check(examples, sizeof(examples) / sizeof(*(examples)), dialect)

static void literals(void **state)
{
	static const struct example examples[] = {
		{"select * from orders where id=$1 -- hi", "SELECT orders", "SELECT * FROM orders WHERE id = ?", R},
		{"SELECT a FROM t WHERE b = 'it''s' AND c<>-1.5e-10 and d > .5", "SELECT t",
		 "SELECT a FROM t WHERE b = ? AND c <> ? AND d > ?", R},
		{"SELECT e'a\\'secret', E'a\\\\', U&'\\0441', n'x', B'01', x'ff' FROM t", "SELECT t",
		 "SELECT ?, ?, ?, ?, ?, ? FROM t", R},
		{"SELECT $$it's secret$$, $q$a $$ secret$q$, $1 FROM t", "SELECT t", "SELECT ?, ?, ? FROM t", R},
		{"SELECT 0x1F, 1_000, 1abc, 3.e5, t1, t.c1 FROM t", "SELECT t", "SELECT ?, ?, ?, ?, t1, t.c1 FROM t",
		 R},
		{"SELECT a->>'b', a::int[], b::varchar(10), ARRAY[1,2,3], x[1:2], n-1, n - -1 FROM t", "SELECT t",
		 "SELECT a->>?, a::int[], b::varchar(?), ARRAY[?], x[?:?], n-?, n - ? FROM t", R},
		{"SELECT true, NULL, DATE '2026-11-29' FROM t", "SELECT t", "SELECT TRUE, NULL, DATE ? FROM t", R},
		{"SELECT * FROM t WHERE a=:name AND b=%s AND c = %(d)s", "SELECT t",
		 "SELECT * FROM t WHERE a = ? AND b = ? AND c = ?", R},
		{"SELECT 5 % s FROM t", "SELECT t", "SELECT ? % s FROM t", R},
		{"SELECT/* a /* nested secret */ secret */a/**/FROM t--secret", "SELECT t", "SELECT a FROM t", R},
		{"SELECT \"a b\".\"C\"\"d\" FROM \"public\".\"Orders\" o", "SELECT public.Orders",
		 "SELECT \"a b\".\"C\"\"d\" FROM \"public\".\"Orders\" o", R},
		{"\n  SELECT\t1 ;\n", "SELECT", "SELECT ?", R},
		{"DO $$ BEGIN secret; END $$", "DO", "DO ?", 0},
	};

	(void)state;
	CHECK(examples, WW_SQL_POSTGRES);
}

static void literals_of_mysql(void **state)
{
	static const struct example examples[] = {
		{"SELECT * FROM `or``ders` WHERE a=\"sec\\\"ret\" AND b='it\\'s secret' # secret", "SELECT or``ders",
		 "SELECT * FROM `or``ders` WHERE a = ? AND b = ?", R},
		{"SELECT a--1, _utf8'x', 0xAB FROM t -- secret", "SELECT t", "SELECT a-?, _utf8?, ? FROM t", R},
		{"/*!40101 SET NAMES utf8 */", "SET", "SET NAMES utf8", C},
		{"SELECT /*+ MAX_EXECUTION_TIME(1) */ a FROM t", "SELECT t", "SELECT a FROM t", R},
		{"SET @a = 5, @b := secret", "SET", "SET @a = ?, @b := ?", C},
		{"SET autocommit=0", "SET", "SET autocommit = ?", C},
		{"INSERT IGNORE INTO t (a) VALUES (1),(2) ON DUPLICATE KEY UPDATE a=values(a), b = b + 1", "INSERT t",
		 "INSERT IGNORE INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES (a), b = b + ?", W},
		{"REPLACE t VALUES (1, 'a')", "REPLACE t", "REPLACE t VALUES (?, ?)", W},
		{"UPDATE LOW_PRIORITY t SET a=1", "UPDATE t", "UPDATE LOW_PRIORITY t SET a = ?", W},
		{"DELETE a FROM a JOIN b ON a.i=b.i", "DELETE a", "DELETE a FROM a JOIN b ON a.i = b.i", W},
		{"LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "LOAD t", "LOAD DATA LOCAL INFILE ? INTO TABLE t", W},
		{"SHOW FULL TABLES", "SHOW", "SHOW FULL TABLES", R},
		{"USE shop", "USE", "USE shop", C},
	};
	static const struct example plain[] = {
		{"SELECT 'a\\', b, 'c' FROM t", "SELECT t", "SELECT ?, b, ? FROM t", R},
	};

	(void)state;
	CHECK(examples, WW_SQL_MYSQL);
	CHECK(plain, WW_SQL_MYSQL_PLAIN);
}

static void lists(void **state)
{
	static const struct example examples[] = {
		{"SELECT a FROM t WHERE b IN (1)", "SELECT t", "SELECT a FROM t WHERE b IN (?)", R},
		{"SELECT a FROM t WHERE b IN(1, -2,'3' , NULL) AND c", "SELECT t",
		 "SELECT a FROM t WHERE b IN (?) AND c", R},
		{"SELECT a FROM t WHERE b IN ($1::INTEGER, $2::INTEGER, $3::INTEGER)", "SELECT t",
		 "SELECT a FROM t WHERE b IN (?::INTEGER)", R},
		{"SELECT a FROM t WHERE (b, c) IN ((1, 2), (3, 4), (5, 6))", "SELECT t",
		 "SELECT a FROM t WHERE (b, c) IN ((?, ?))", R},
		{"SELECT a FROM t WHERE b IN (1, f(2), c)", "SELECT t", "SELECT a FROM t WHERE b IN (?, f(?), c)", R},
		{"SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d IN (1,2))", "SELECT t",
		 "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d IN (?))", R},
		{"INSERT INTO t VALUES (1,'a'),(2,'b'), (3,f(4)) RETURNING id", "INSERT t",
		 "INSERT INTO t VALUES (?, ?) RETURNING id", W},
		{"SELECT * FROM (VALUES (1), (2)) v, t", "SELECT", "SELECT * FROM (VALUES (?)) v, t", R},
		{"UPDATE t SET a=1; UPDATE t SET a=2; UPDATE t SET a=3;", "UPDATE t", "UPDATE t SET a = ?", W | B},
		{"UPDATE t SET a=1; SELECT 1; SELECT 2", "UPDATE t", "UPDATE t SET a = ?; SELECT ?", W | B},
		{"BEGIN; UPDATE t SET a=1; COMMIT", "UPDATE t", "BEGIN; UPDATE t SET a = ?; COMMIT", W},
		{";;", "", "", 0},
	};

	(void)state;
	CHECK(examples, WW_SQL_POSTGRES);
}

static void summaries(void **state)
{
	static const struct example examples[] = {
		{"(select a from b) union all (select c from d)", "SELECT b",
		 "(SELECT a FROM b) UNION ALL (SELECT c FROM d)", R},
		{"SELECT extract(epoch FROM now())", "SELECT", "SELECT extract(epoch FROM now())", R},
		{"SELECT (SELECT 1 FROM b), substring(a from 1) FROM a FOR UPDATE", "SELECT b",
		 "SELECT (SELECT ? FROM b), substring(a FROM ?) FROM a FOR UPDATE", R},
		{"SELECT * FROM (SELECT * FROM orders) s", "SELECT orders", "SELECT * FROM (SELECT * FROM orders) s",
		 R},
		{"WITH a AS (SELECT 1 FROM b) SELECT * FROM c", "SELECT c",
		 "WITH a AS (SELECT ? FROM b) SELECT * FROM c", R},
		{"WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a", "SELECT a",
		 "WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a", W},
		{"WITH a AS (SELECT 1) INSERT INTO c SELECT * FROM a", "INSERT c",
		 "WITH a AS (SELECT ?) INSERT INTO c SELECT * FROM a", W},
		{"UPDATE ONLY a.b SET c=1", "UPDATE a.b", "UPDATE ONLY a.b SET c = ?", W},
		{"delete from t where a=1", "DELETE t", "DELETE FROM t WHERE a = ?", W},
		{"MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", "MERGE t",
		 "MERGE INTO t USING s ON TRUE WHEN MATCHED THEN DELETE", W},
		{"TABLE t", "TABLE t", "TABLE t", R},
		{"VALUES (1)", "VALUES", "VALUES (?)", R},
		{"CALL f(1)", "CALL f", "CALL f(?)", 0},
		{"COPY t (a) FROM STDIN", "COPY t", "COPY t (a) FROM STDIN", W},
		{"COPY (SELECT a FROM t) TO STDOUT", "COPY t", "COPY (SELECT a FROM t) TO STDOUT", R},
		{"EXPLAIN (ANALYZE, BUFFERS) DELETE FROM t", "EXPLAIN DELETE t",
		 "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM t", R},
		{"PREPARE p (int) AS SELECT a FROM t", "PREPARE SELECT t", "PREPARE p (int) AS SELECT a FROM t", C},
		{"EXECUTE p(1)", "EXECUTE p", "EXECUTE p(?)", 0},
		{"CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX", "CREATE UNIQUE INDEX i ON t (a)", W},
		{"create temp table if not exists t as select 1", "CREATE TABLE",
		 "CREATE temp TABLE IF NOT EXISTS t AS SELECT ?", W},
		{"TRUNCATE TABLE t", "TRUNCATE t", "TRUNCATE TABLE t", W},
		{"START TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION",
		 "START TRANSACTION ISOLATION LEVEL READ COMMITTED", C},
		{"set search_path to secret, public", "SET", "SET search_path TO ?", C},
		{"SET LOCAL statement_timeout = 5000", "SET", "SET LOCAL statement_timeout = ?", C},
		{"SAVEPOINT \"s1_x5\"", "SAVEPOINT", "SAVEPOINT ?", C},
		{"ROLLBACK TO SAVEPOINT sa_savepoint_1", "ROLLBACK TO", "ROLLBACK TO SAVEPOINT ?", C},
		{"RELEASE SAVEPOINT sa_savepoint_1", "RELEASE", "RELEASE SAVEPOINT ?", C},
		{"DECLARE \"c_1\" NO SCROLL CURSOR FOR SELECT a FROM t", "DECLARE SELECT t",
		 "DECLARE ? NO SCROLL CURSOR FOR SELECT a FROM t", R},
		{"FETCH FORWARD 100 FROM \"c_1\"", "FETCH", "FETCH FORWARD ? FROM ?", R | F},
		{"CLOSE c_1", "CLOSE", "CLOSE ?", C},
		{"LISTEN news", "LISTEN news", "LISTEN news", C},
		{"VACUUM t", "VACUUM", "VACUUM t", 0},
	};

	(void)state;
	CHECK(examples, WW_SQL_POSTGRES);
}

static void arguments(void **state)
{
	static const char *const same[] = {"SELECT a FROM t WHERE b=1 AND c='x'",
					   "select a  from t where b = 1 and c = 'x'"};
	static const char *const others[] = {"SELECT a FROM t WHERE b=1 AND c='y'",
					     "SELECT a FROM t WHERE b=2 AND c='x'",
					     "SELECT a FROM t WHERE b=1 AND c='x '"};
	static const char *const rows[] = {"INSERT INTO t VALUES (1), (2)", "INSERT INTO t VALUES (1), (3)"};
	static const char *const items[] = {"SELECT 1 WHERE a IN (1, 2)", "SELECT 1 WHERE a IN (1, 3)"};
	static const char *const pieces[] = {"SELECT f('a', 'bc')", "SELECT f('ab', 'c')"};
	struct ww_sql a, b;

	(void)state;
#define READ(sql, text) ww_sql__read(sql, WW_SQL_POSTGRES, text, strlen(text), false)
	READ(&a, same[0]);
	READ(&b, same[1]);
	assert_true(a.arguments != 0);
	assert_true(a.arguments == b.arguments);
	for (size_t i = 0; i < 3; i++) {
		READ(&b, others[i]);
		assert_string_equal(a.text, b.text);
		assert_true(a.arguments != b.arguments);
	}
	READ(&a, rows[0]);
	READ(&b, rows[1]);
	assert_string_equal(a.text, b.text);
	assert_true(a.arguments != b.arguments);
	READ(&a, items[0]);
	READ(&b, items[1]);
	assert_true(a.arguments != b.arguments);
	READ(&a, pieces[0]);
	READ(&b, pieces[1]);
	assert_true(a.arguments != b.arguments);
	READ(&a, "SELECT now()");
	assert_true(a.arguments != 0);
	ww_sql__read(&a, WW_SQL_POSTGRES, "SELECT 1", 8, true);
	assert_true(a.arguments == 0);
}

/* What can't be read is left out, and the fingerprint says so. */
static void doubtful(void **state)
{
	static const struct example examples[] = {
		/* Where it ends is a setting of the server. */
		{"SELECT 'C:\\' , secret, 'x\\'", "SELECT", "SELECT ?\xe2\x80\xa6", R | X},
		{"SELECT 'secret", "SELECT", "SELECT ?", R},
		{"SELECT \"secret", "SELECT", "SELECT ?", R},
		{"SELECT $q$secret", "SELECT", "SELECT ?", R},
		{"SELECT a /* secret", "SELECT", "SELECT a", R},
		{"SELECT a FROM t\x01secret", "SELECT t", "SELECT a FROM t\xe2\x80\xa6", R | X},
		{"SELECT a FROM t \\ secret", "SELECT t", "SELECT a FROM t\xe2\x80\xa6", R | X},
		{"SELECT a FROM t; secret", "SELECT t", "SELECT a FROM t\xe2\x80\xa6", R | X},
		{"secret SELECT a", "", "", 0},
		{"'secret' SELECT a", "", "", 0},
		{"\"secret\"", "", "", 0},
		{"", "", "", 0},
		{"-- secret", "", "", 0},
		{"\x80\xff secret", "", "", 0},
	};

	(void)state;
	CHECK(examples, WW_SQL_POSTGRES);
}

/* Wherever a statement is cut, its literals stay out, and nothing is taken for a whole word that may not be one. */
static void cut_anywhere(void **state)
{
	static const char *const texts[] = {
		("SELECT 'secret', \"name\", E'\\'secret', $q$secret$q$, 12345 FROM t WHERE a IN ('secret', 'secret') "
		 "-- secret"),
		"INSERT INTO t VALUES ('secret', 'secret'), ('secret', U&'secret') /* secret */ RETURNING a",
		"SET search_path = 'secret', secret",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t len = 0; len <= strlen(texts[i]); len++) {
			struct ww_sql sql;

			ww_sql__read(&sql, WW_SQL_POSTGRES, texts[i], len, true);
			assert_null(strstr(sql.text, "sec"));
			assert_null(strstr(sql.text, "1"));
			assert_null(strstr(sql.text, "na\xe2\x80\xa6"));
			assert_true(!sql.len || sql.flags & X);
			assert_true(!sql.len || !strcmp(sql.text + sql.len - 3, "\xe2\x80\xa6"));
			assert_int_equal(sql.len, strlen(sql.text));
		}
	}
}

/* More than there is room for. */
static void long_ones(void **state)
{
	static char text[20000];
	struct ww_sql sql;
	size_t len;

	(void)state;
	strcpy(text, "SELECT a FROM t WHERE b IN (");
	for (int i = 0; i < 3000; i++)
		strcat(text + 20, "'x', ");
	strcat(text, "'y')");
	ww_sql__read(&sql, WW_SQL_POSTGRES, text, strlen(text), false);
	assert_string_equal(sql.text, "SELECT a FROM t WHERE b IN (?)");
	len = (size_t)sprintf(text, "SELECT a");
	while (len < sizeof(text) - 10)
		len += (size_t)sprintf(text + len, ", caf\xc3\xa9");
	ww_sql__read(&sql, WW_SQL_POSTGRES, text, len, false);
	assert_true(sql.flags & X);
	assert_true(sql.len < WW_STATEMENT_SIZE && sql.len > WW_STATEMENT_SIZE - 20);
	assert_string_equal(sql.text + sql.len - 3, "\xe2\x80\xa6");
	assert_true(sql.arguments != 0);
	uint64_t arguments_of_all = sql.arguments;

	text[len - 1] = 'x'; /* differs only in what was left out */
	ww_sql__read(&sql, WW_SQL_POSTGRES, text, len, false);
	assert_true(sql.arguments != arguments_of_all);
}

static void words(void **state)
{
	char lower[32];

	(void)state;
	for (enum ww_sql_word word = WW_SQL_NONE + 1; word < WW_SQL_WORDS; word++) {
		const char *text = ww_sql__word_text(word);
		size_t len = strlen(text);

		for (size_t i = 0; i <= len; i++)
			lower[i] = (char)(text[i] >= 'A' ? text[i] == '_' ? '_' : text[i] | 0x20 : text[i]);
		assert_int_equal(ww_sql__word(text, len, true), word);
		assert_int_equal(ww_sql__word(lower, len, true), word);
		assert_int_equal(ww_sql__word(lower, len - 1, true) == word, false);
	}
	assert_int_equal(ww_sql__word("comment", 7, false), WW_SQL_NONE);
	assert_int_equal(ww_sql__word("straight_joined", 15, true), WW_SQL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals),	cmocka_unit_test(literals_of_mysql), cmocka_unit_test(lists),
		cmocka_unit_test(summaries),	cmocka_unit_test(arguments),	     cmocka_unit_test(doubtful),
		cmocka_unit_test(cut_anywhere), cmocka_unit_test(long_ones),	     cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
