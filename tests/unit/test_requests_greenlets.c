/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "requests/greenlets.h"

#define LIBRARY "/usr/lib/python3/dist-packages"
#define MAPPED	"7f0000000000-7f0000001000 r-xp 00000000 08:01 12 "

/* Arguments as a string literal with NULs in it. */
#define ARGUMENTS(text) text, sizeof(text) - 1

static void put(const char *directory, const char *name, const void *data, size_t len)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/7/%s", directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static void drop(const char *directory, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/7%s%s", directory, *name ? "/" : "", name);
	assert_int_equal(remove(path), 0);
}

static void what_has_them_is_told_by_what_it_has_mapped(void **state)
{
	static const struct {
		const char *maps, *arguments;
		size_t len;
		bool has;
	} cases[] = {
		{MAPPED "/usr/bin/python3.11\n", ARGUMENTS("python3\0-m\0celery\0-P\0eventlet"), false},
		{MAPPED LIBRARY "/greenlet/_greenlet.so\n" MAPPED LIBRARY "/gevent/_gevent_cqueue.so\n",
		 ARGUMENTS("python3\0-m\0celery\0worker"), true},
		{MAPPED LIBRARY "/greenlet/_greenlet.so\n", ARGUMENTS("python3\0-m\0celery\0worker\0-P\0eventlet"),
		 true},
		{MAPPED LIBRARY "/greenlet/_greenlet.so\n", ARGUMENTS("python3\0-m\0celery\0worker"), false},
		{"", ARGUMENTS(""), false},
	};
	char directory[] = "/tmp/whywait-greenlets-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_false(ww_greenlets__has(directory, 7));
	snprintf(path, sizeof(path), "%s/7", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put(directory, "maps", cases[i].maps, strlen(cases[i].maps));
		put(directory, "cmdline", cases[i].arguments, cases[i].len);
		assert_int_equal(ww_greenlets__has(directory, 7), cases[i].has);
	}
	drop(directory, "cmdline");
	drop(directory, "maps");
	drop(directory, "");
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_them_is_told_by_what_it_has_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
