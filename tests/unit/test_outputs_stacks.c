/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stacks as folded lines, as a flame graph, for speedscope; and the table that they are summed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/hotspots.h"
#include "model/stack_table.h"
#include "outputs/flame_svg.h"
#include "outputs/folded.h"
#include "outputs/speedscope.h"
#include "symbols/go_table.h"
#include "symbols/kernel_symbols.h"
#include "symbols/perf_map.h"
#include "symbols/python_code.h"

static const char *frames[] = {"_start", "main", "work<int>(char&)", "a;b \x1b"};
static const uint32_t whole[] = {0, 1, 2}, cut[] = {1, 3};
static const struct ww_profile_stack stacks[] = {{whole, 3, true}, {cut, 2, false}};
static struct ww_profile_sample samples[] = {
	{"shop", "GET", "/a", "", &stacks[0], WW_KIND_COMPUTE, 3000000, 3, 2},
	{"shop", "GET", "/a", "postgres", &stacks[1], WW_KIND_DB, 1500000, 1, 2},
	{"shop", "GET", "/a", "", NULL, WW_KIND_QUEUE, 250000, 1, 2},
	{"shop", "GET", "/a", "", &stacks[0], WW_KIND_COMPUTE, 1000000, 1, 2},
	{"shop", "GET", "/b", "", NULL, WW_KIND_QUEUE, 100, 1, 2},
};
/* The other version: its service has another name, its code other lines; one function more, and one that is gone. */
static const char *const old_frames[] = {"main", "f (a/b.py:12)", "[libx.so+0x12]", "gone"};
static const char *const new_frames[] = {"main", "f (a/b.py:34)", "[libx.so+0x56]", "came"};
static const uint32_t f_frames[] = {0, 1, 2}, only_frames[] = {0, 3};
static const struct ww_profile_stack f_stack = {f_frames, 3, true}, only_stack = {only_frames, 2, true};
static struct ww_profile_sample old_samples[] = {
	{"shop:1", "GET", "/a", "", &f_stack, WW_KIND_COMPUTE, 40000, 4, 4},
	{"shop:1", "GET", "/a", "", &only_stack, WW_KIND_COMPUTE, 8000, 4, 4},
	{"shop:1", "GET", "/b", "", NULL, WW_KIND_QUEUE, 5000, 1, 1},
};
static struct ww_profile_sample new_samples[] = {
	{"shop:2", "GET", "/a", "", &f_stack, WW_KIND_COMPUTE, 10000, 4, 2},
	{"shop:2", "GET", "/a", "", &f_stack, WW_KIND_COMPUTE, 20000, 4, 2},
	{"shop:2", "GET", "/a", "", &only_stack, WW_KIND_COMPUTE, 1000, 4, 2},
	{"shop:2", "GET", "/b", "", NULL, WW_KIND_QUEUE, 5000, 1, 1},
	{"other", "GET", "/b", "", NULL, WW_KIND_QUEUE, 5000, 1, 1},
};
static const struct ww_profile before = {
	.frames = (const char **)old_frames, .frames_len = 4, .samples = old_samples, .samples_len = 3};
static const struct ww_profile after = {
	.frames = (const char **)new_frames, .frames_len = 4, .samples = new_samples, .samples_len = 5};
static const struct ww_profile profile = {
	.frames = frames, .frames_len = 4, .samples = samples, .samples_len = 5, .requests = 2, .sampled = 2};

static char *write_by(int (*write)(FILE *, const struct ww_profile *))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(write(out, &profile), 0);
	fclose(out);
	return text;
}

static void folded_lines(void **state)
{
	char *text = write_by(ww_folded__write);

	(void)state;
	assert_string_equal(text, "shop;GET /a;[queue] 250\n"
				  "shop;GET /a;[truncated];main;a:b \\x1b;[db postgres] 1500\n"
				  "shop;GET /a;_start;main;work<int>(char&) 4000\n");
	free(text);
}

/* Readers take the number at a line's end, and another one in front of that for a difference's. */
static void names_end_in_no_number(void **state)
{
	const char *names[] = {"main", "f 12", "f 1.5", "g 12x", "h "};
	const uint32_t all[] = {0, 1, 2, 3, 4}, one[] = {1};
	const struct ww_profile_stack deep = {all, 5, true}, shallow = {one, 1, true};
	struct ww_profile_sample of[] = {{"shop", "GET", "/a 7", "", &deep, WW_KIND_COMPUTE, 1000, 1, 1},
					 {"shop", "GET", "/a 7", "", &shallow, WW_KIND_COMPUTE, 2000, 1, 1}};
	const struct ww_profile numbered = {
		.frames = names, .frames_len = 5, .samples = of, .samples_len = 2, .requests = 2, .sampled = 2};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(ww_folded__write(out, &numbered), 0);
	fclose(out);
	assert_string_equal(text, "shop;GET /a_7;f_12 2\nshop;GET /a_7;main;f_12;f_1.5;g 12x;h  1\n");
	free(text);
}

/* Of a request, in ns, before and after; `/b` may be of either service, so it is of neither. */
static void differences_are_per_request(void **state)
{
	FILE *out;
	size_t size;
	char *text = NULL;

	(void)state;
	out = open_memstream(&text, &size);
	assert_int_equal(ww_folded__write_difference(out, &before, &after), 0);
	fclose(out);
	assert_string_equal(text, "other;GET /b;[queue] 0 5000\n"
				  "shop:1;GET /b;[queue] 5000 0\n"
				  "shop:2;GET /a;main;came 0 500\n"
				  "shop:2;GET /a;main;f (a/b.py);[libx.so] 10000 15000\n"
				  "shop:2;GET /a;main;gone 2000 0\n"
				  "shop:2;GET /b;[queue] 0 5000\n");
	free(text);
	out = open_memstream(&text, &size);
	assert_int_equal(ww_flame_svg__write_difference(out, &before, &after, "now"), 0);
	fclose(out);
	assert_non_null(strstr(text, "<title>f (a/b.py) (0.015 ms a request, +0.005 ms; was 0.010 ms)</title>"));
	assert_non_null(strstr(text, "fill=\"#ff6464\""));
	assert_null(strstr(text, "gone"));
	free(text);
}

static int write_svg(FILE *out, const struct ww_profile *of)
{
	return ww_flame_svg__write(out, of, "<shop>'s & \"co\"");
}

static void a_flame_graph_is_escaped(void **state)
{
	char *text = write_by(write_svg);

	(void)state;
	assert_non_null(strstr(text, "&lt;shop&gt;&#39;s &amp; &quot;co&quot;"));
	assert_non_null(strstr(text, "data-n=\"work&lt;int&gt;(char&amp;)\""));
	assert_null(strstr(text, "work<int>"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

static void speedscope_sums(void **state)
{
	char *text = write_by(ww_speedscope__write);
	json_t *file = json_loads(text, 0, NULL), *one, *weight;
	size_t i, j;

	(void)state;
	assert_non_null(file);
	assert_int_equal(json_array_size(json_object_get(file, "profiles")), 2);
	json_array_foreach(json_object_get(file, "profiles"), i, one)
	{
		json_int_t sum = 0;

		json_array_foreach(json_object_get(one, "weights"), j, weight) sum += json_integer_value(weight);
		assert_int_equal(sum, json_integer_value(json_object_get(one, "endValue")));
		assert_int_equal(sum, i ? 100 : 5750000);
	}
	json_decref(file);
	free(text);
}

static void a_table_sums_and_is_bounded(void **state)
{
	struct ww_stack_key key = {.endpoint = 1, .bucket = 2, .name = 3, .stack = 4, .kind = 0};
	struct ww_stack_table table;

	(void)state;
	assert_int_equal(ww_stack_table__init(&table), 0);
	ww_stack_table__add(&table, &key, 10, 1);
	ww_stack_table__add(&table, &key, 5, 2);
	assert_int_equal(table.rows_len, 1);
	assert_int_equal(table.rows[0].ns, 15);
	assert_int_equal(table.rows[0].count, 3);
	for (key.stack = 0; key.stack < WW_STACK_ROWS + 10; key.stack++)
		ww_stack_table__add(&table, &key, 1, 1);
	assert_int_equal(table.rows_len, WW_STACK_ROWS);
	assert_int_equal(table.over_cap, 10);
	ww_stack_table__request(&table, 1, 2, 64);
	ww_stack_table__request(&table, 1, 2, 32);
	assert_int_equal(table.requests_len, 1);
	assert_int_equal(table.requests[0].requests, 96);
	assert_int_equal(table.requests[0].sampled, 2);
	ww_stack_table__clear(&table);
	ww_stack_table__add(&table, &key, 7, 1);
	assert_int_equal(table.rows_len, 1);
	assert_int_equal(table.rows[0].ns, 7);
	/* A recording does not grow without end. */
	while (table.cleared + table.rows_len < WW_STACK_ROWS_MOST) {
		if (table.rows_len == WW_STACK_ROWS)
			ww_stack_table__clear(&table);
		key.stack++;
		ww_stack_table__add(&table, &key, 1, 1);
	}
	ww_stack_table__clear(&table);
	table.over_cap = 0;
	ww_stack_table__add(&table, &key, 1, 1);
	assert_int_equal(table.rows_len, 0);
	assert_int_equal(table.over_cap, 1);
	/* One that goes on does not: what is old is deleted. */
	table.goes_on = true;
	ww_stack_table__add(&table, &key, 1, 1);
	assert_int_equal(table.rows_len, 1);
	assert_int_equal(table.over_cap, 1);
	ww_stack_table__free(&table);
}

static void functions_that_burn(void **state)
{
	static const char *names[] = {"main",	"loop (app/x.py:12)", "loop (app/x.py:14)",
				      "sum_of", "read_[k]",	      "[libc.so+0x1]"};
	static const uint32_t one[] = {0, 1, 3}, two[] = {0, 2, 3, 4}, three[] = {0, 3, 5, 4};
	const struct ww_profile_stack at[] = {{one, 3, true}, {two, 4, true}, {three, 4, true}};
	struct ww_profile_sample of[] = {
		{"s", "GET", "/", "", &at[0], WW_KIND_COMPUTE, 40, 1, 1},
		{"s", "GET", "/", "", &at[1], WW_KIND_COMPUTE, 30, 1, 1},
		{"s", "GET", "/", "", &at[2], WW_KIND_COMPUTE, 26, 1, 1},
		{"s", "GET", "/", "", NULL, WW_KIND_COMPUTE, 4, 1, 1},
		{"s", "GET", "/b", "", &at[0], WW_KIND_COMPUTE, 99, 1, 1},
		{"s", "GET", "/", "", &at[0], WW_KIND_DB, 99, 1, 1},
	};
	const struct ww_profile computing = {.frames = names, .frames_len = 6, .samples = of, .samples_len = 6};
	struct ww_hotspots hot;

	(void)state;
	assert_int_equal(ww_hotspots__of(&computing, "s", "GET", "/", &hot), 0);
	assert_int_equal(hot.len, 2);
	assert_string_equal(hot.functions[0].name, "loop (app/x.py)");
	assert_true(hot.functions[0].share > 0.699 && hot.functions[0].share < 0.701);
	assert_string_equal(hot.functions[1].name, "sum_of");
	assert_int_equal(ww_hotspots__of(&computing, "s", "GET", "/none", &hot), 0);
	assert_int_equal(hot.len, 0);
	/* What V8 has compiled twice is one function. */
	const char *compiled[] = {"JS:~burn app.js:1:2", "JS:*burn app.js:1:2"};
	const struct ww_profile_stack first = {(const uint32_t[]){0}, 1, true},
				      second = {(const uint32_t[]){1}, 1, true};
	struct ww_profile_sample both[] = {{"s", "GET", "/", "", &first, WW_KIND_COMPUTE, 40, 1, 1},
					   {"s", "GET", "/", "", &second, WW_KIND_COMPUTE, 60, 1, 1}};
	const struct ww_profile js = {.frames = compiled, .frames_len = 2, .samples = both, .samples_len = 2};
	assert_int_equal(ww_hotspots__of(&js, "s", "GET", "/", &hot), 0);
	assert_int_equal(hot.len, 1);
	assert_string_equal(hot.functions[0].name, "JS:burn app.js:1:2");
}

/* That of `def f(a,b):\n return a+b` in CPython 3.11, at line 2, and all kinds of damage. */
static void lines_of_python(void **state)
{
	static const uint8_t table[] = {0x80, 0x00, 0xd8, 0x0b, 0x0c, 0x88, 0x51, 0x89, 0x33, 0x80, 0x4a};
	const size_t most = 64;

	(void)state;
	assert_int_equal(ww_python_code__line(11, table, sizeof(table), 2, 0), 2);
	assert_int_equal(ww_python_code__line(11, table, sizeof(table), 2, 2), 3);
	assert_int_equal(ww_python_code__line(11, table, sizeof(table), 2, 6), 3);
	assert_int_equal(ww_python_code__line(11, table, sizeof(table), 2, 1 << 20), 2);
	assert_int_equal(ww_python_code__line(11, table, 0, 7, 0), 7);
	/* Those of CPython 3.9 and 3.10 of the same code: an addition over two lines, 200 lines down, then a loop. */
	static const uint8_t pairs[] = {0, 127, 0, 74, 2, 1, 2, 255, 4, 2, 8, 1, 6, 1};
	static const uint8_t ranges[] = {0, 127, 2, 74, 2, 1, 4, 255, 8, 2, 6, 1, 4, 1};
	static const struct {
		uint64_t offset;
		int line;
	} lines[] = {{0, 202}, {2, 203}, {4, 202}, {6, 202}, {8, 204}, {14, 204}, {16, 205}, {22, 206}, {24, 206}};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(ww_python_code__line(9, pairs, sizeof(pairs), 1, lines[i].offset), lines[i].line);
		assert_int_equal(ww_python_code__line(10, ranges, sizeof(ranges), 1, lines[i].offset), lines[i].line);
	}
	assert_int_equal(ww_python_code__line(10, (const uint8_t[]){4, 128}, 2, 7, 0), 7);
	srandom(1);
	for (int i = 0; i < 100000; i++) {
		size_t len = (size_t)random() % most;
		uint8_t *exact = malloc(len + 1);

		for (size_t j = 0; j < len; j++)
			exact[j] = (uint8_t)random();
		exact = realloc(exact, len ? len : 1);
		ww_python_code__line(8 + (unsigned)i % 6, exact, len, 1, (uint64_t)random() % 300);
		free(exact);
	}
}

static void names_of_made_code(void **state)
{
	static const char text[] = "1000 10 old\n1000 10 LazyCompile:*work app.js:3\nzz\n1020 0 empty\n1030 10\n"
				   "ffffffffffffffff ffff beyond\n2000 20 last";
	FILE *file = fmemopen((void *)text, sizeof(text) - 1, "r");
	struct ww_perf_map *map = ww_perf_map__parse(file);
	char noise[2000];

	(void)state;
	fclose(file);
	assert_string_equal(ww_perf_map__find(map, 0x100f), "LazyCompile:*work app.js:3");
	assert_null(ww_perf_map__find(map, 0x1010));
	assert_null(ww_perf_map__find(map, 0x1035));
	assert_null(ww_perf_map__find(map, 0xfff));
	assert_string_equal(ww_perf_map__find(map, 0x2000), "last");
	assert_null(ww_perf_map__find(map, UINT64_MAX));
	ww_perf_map__free(map);
	srandom(2);
	for (int i = 0; i < 2000; i++) {
		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = "0123456789abcdef  \nxyz"[(size_t)random() % 22];
		file = fmemopen(noise, sizeof(noise), "r");
		map = ww_perf_map__parse(file);
		fclose(file);
		ww_perf_map__find(map, (uint64_t)random());
		ww_perf_map__free(map);
	}
}

static void names_of_the_kernel(void **state)
{
	char path[] = "/tmp/whywait-kallsyms-XXXXXX";
	struct ww_kernel_symbols *symbols = NULL;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	(void)state;
	fputs("ffff0010 T second\nffff0000 t first\nffff0008 d data\nffff0020 t third\t[module]\nrubbish\n", file);
	fclose(file);
	assert_int_equal(ww_kernel_symbols__read(&symbols, path), 0);
	assert_null(ww_kernel_symbols__find(symbols, 0xfffeffff));
	assert_string_equal(ww_kernel_symbols__find(symbols, 0xffff0009), "first");
	assert_string_equal(ww_kernel_symbols__find(symbols, 0xffff0010), "second");
	assert_string_equal(ww_kernel_symbols__find(symbols, 0xffff9999), "third");
	ww_kernel_symbols__free(symbols);
	remove(path);
}

/* Tables of two functions, as Go 1.16 and Go 1.20 lay them out; of the latter the code's place is not in it. */
static void names_of_go(void **state)
{
	static const uint8_t old[] = {
		0xfa, 0xff, 0xff, 0xff, 0,    0,    0x1,  0x8,	0x2,  0,    0,	  0,	0,    0, 0,    0,    0,
		0,    0,    0,	  0,	0,    0,    0,	  0x40, 0,    0,    0,	  0,	0,    0, 0,    0,    0,
		0,    0,    0,	  0,	0,    0,    0,	  0,	0,    0,    0,	  0,	0,    0, 0,    0,    0,
		0,    0,    0,	  0,	0,    0x50, 0,	  0,	0,    0,    0,	  0,	0,    0, 0x6d, 0x61, 0x69,
		0x6e, 0x2e, 0x66, 0,	0x6d, 0x61, 0x69, 0x6e, 0x2e, 0x67, 0,	  0,	0x80, 0, 0,    0,    0,
		0,    0,    0,	  0x28, 0,    0,    0,	  0,	0,    0,    0,	  0x90, 0,    0, 0,    0,    0,
		0,    0,    0x38, 0,	0,    0,    0,	  0,	0,    0,    0xa0, 0,	0,    0, 0,    0,    0,
		0,    0x80, 0,	  0,	0,    0,    0,	  0,	0,    0x1,  0,	  0,	0,    0, 0,    0,    0,
		0x90, 0,    0,	  0,	0,    0,    0,	  0,	0x8,  0,    0,	  0,	0,    0, 0,    0};
	static const uint8_t new[] = {
		0xf1, 0xff, 0xff, 0xff, 0,    0,    0x1,  0x8, 0x2,  0,	   0,	 0,    0,    0,	   0,	 0, 0, 0,
		0,    0,    0,	  0,	0,    0,    0,	  0,   0,    0,	   0,	 0,    0,    0,	   0x48, 0, 0, 0,
		0,    0,    0,	  0,	0,    0,    0,	  0,   0,    0,	   0,	 0,    0,    0,	   0,	 0, 0, 0,
		0,    0,    0,	  0,	0,    0,    0,	  0,   0,    0,	   0x58, 0,    0,    0,	   0,	 0, 0, 0,
		0,    0x6d, 0x61, 0x69, 0x6e, 0x2e, 0x66, 0,   0x6d, 0x61, 0x69, 0x6e, 0x2e, 0x67, 0,	 0, 0, 0,
		0,    0,    0x14, 0,	0,    0,    0x10, 0,   0,    0,	   0x1c, 0,    0,    0,	   0x20, 0, 0, 0,
		0,    0,    0,	  0,	0x1,  0,    0,	  0,   0x10, 0,	   0,	 0,    0x8,  0,	   0,	 0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const uint8_t *table = i ? new : old;
		size_t len = i ? sizeof(new) : sizeof(old);

		assert_null(ww_go_table__find(table, len, 0x80, 0x7f));
		assert_string_equal(ww_go_table__find(table, len, 0x80, 0x80), "main.f");
		assert_string_equal(ww_go_table__find(table, len, 0x80, 0x8f), "main.f");
		assert_string_equal(ww_go_table__find(table, len, 0x80, 0x90), "main.g");
		assert_null(ww_go_table__find(table, len, 0x80, 0xa0));
		for (size_t most = 0; most < len; most++)
			ww_go_table__find(table, most, 0x80, 0x90);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folded_lines),
		cmocka_unit_test(names_end_in_no_number),
		cmocka_unit_test(differences_are_per_request),
		cmocka_unit_test(a_flame_graph_is_escaped),
		cmocka_unit_test(speedscope_sums),
		cmocka_unit_test(a_table_sums_and_is_bounded),
		cmocka_unit_test(functions_that_burn),
		cmocka_unit_test(lines_of_python),
		cmocka_unit_test(names_of_go),
		cmocka_unit_test(names_of_made_code),
		cmocka_unit_test(names_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
