/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of JavaScript's functions, from a heap like V8's in this process's own memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/v8_code.h"

enum { SHARED = 262, SCRIPT = 167, SCOPE = 261, FUNCTION = 1059, ODDBALL = 131 };
enum { NARROW = 8, SEQUENTIAL = 0, CONS = 1, EXTERNAL = 2, SLICED = 3, THIN = 5 };

/* As Node 20 has it. */
static const struct ww_v8_layout layout_20 = {
	.frame_context = -8,
	.frame_function = -16,
	.smi_shift = 31,
	.map = 0,
	.type = 12,
	.function_shared = 24,
	.shared_name = 16,
	.shared_script = 32,
	.script_name = 16,
	.script_source = 8,
	.string_length = 12,
	.string_narrow = 16,
	.string_wide = 16,
	.string_first = 16,
	.string_second = 24,
	.string_parent = 16,
	.string_offset = 24,
	.string_actual = 16,
	.string_resource = 16,
	.strings_end = 128,
	.is_how = 7,
	.is_encoded = 8,
	.is_narrow = NARROW,
	.is_sequential = SEQUENTIAL,
	.is_cons = CONS,
	.is_external = EXTERNAL,
	.is_sliced = SLICED,
	.is_thin = THIN,
	.shared_type = SHARED,
	.script_type = SCRIPT,
	.scope_type = SCOPE,
	.scope_locals = 2,
	.scope_rest = 3,
};

static uint64_t heap[4096];
static size_t used;

static uint64_t smi(int64_t value)
{
	return (uint64_t)value << 32;
}

static uint64_t tagged(const uint64_t *object)
{
	return (uint64_t)(uintptr_t)object | 1;
}

/* An object of so many words behind its map, whose type is given. */
static uint64_t *make(uint16_t type, size_t words)
{
	uint64_t *map = &heap[used], *object = map + 2;

	assert_true(used + words + 3 <= sizeof(heap) / sizeof(heap[0]));
	memcpy((char *)map + 12, &type, sizeof(type));
	map[0] = tagged(map);
	object[0] = tagged(map);
	used += words + 3;
	return object;
}

static uint64_t *make_text(uint16_t type, const void *units, uint32_t len, size_t bytes)
{
	uint64_t *object = make(type, 1 + (bytes + 7) / 8);

	memcpy((char *)object + 12, &len, sizeof(len));
	memcpy((char *)object + 16, units, bytes);
	return object;
}

static uint64_t text(const char *from)
{
	return tagged(make_text(NARROW | SEQUENTIAL, from, (uint32_t)strlen(from), strlen(from)));
}

/* A string that refers to others. */
static uint64_t *link_text(uint16_t type, uint32_t len, uint64_t first, uint64_t second)
{
	uint64_t *object = make(type, 3);

	memcpy((char *)object + 12, &len, sizeof(len));
	object[2] = first;
	object[3] = second;
	return object;
}

static const char source[] = "// shop\n\nfunction burn(ms) {\n}\n\nexports.hot = () => 1;\n";

static uint64_t *make_script(uint64_t name, uint64_t content)
{
	uint64_t *script = make(SCRIPT, 4);

	script[1] = content;
	script[2] = name;
	return script;
}

/* A ScopeInfo with `locals` variables and what is behind them. */
static uint64_t make_scope(unsigned locals, const uint64_t *behind, size_t len)
{
	uint64_t *scope = make(SCOPE, 3 + 2 * locals + len);

	scope[3] = smi(locals);
	for (unsigned i = 0; i < locals; i++) {
		scope[4 + i] = text("variable");
		scope[4 + locals + i] = smi(1);
	}
	memcpy(&scope[4 + 2 * locals], behind, len * sizeof(*behind));
	return tagged(scope);
}

static uint64_t make_function(uint64_t name, uint64_t script)
{
	uint64_t *shared = make(SHARED, 4), *function = make(FUNCTION, 3);

	shared[2] = name;
	shared[4] = script;
	function[3] = tagged(shared);
	return tagged(function);
}

/* What a function is called whose SharedFunctionInfo has this as its name or ScopeInfo. */
static const char *called(const struct ww_v8_layout *layout, uint64_t name, uint64_t content)
{
	static char got[512];
	uint64_t script = tagged(make_script(text("/srv/shop/lib/app.js"), content));
	struct ww_v8_function function;

	assert_int_equal(ww_v8_code__find(layout, getpid(), make_function(name, script), &function), 0);
	assert_int_equal(ww_v8_code__name(layout, getpid(), &function, got, sizeof(got)), 0);
	return got;
}

static uint32_t place_of(const char *words)
{
	return (uint32_t)(strstr(source, words) - source);
}

static int clear(void **state)
{
	(void)state;
	memset(heap, 0, sizeof(heap));
	used = 0;
	return 0;
}

static void test_names_and_lines(void **state)
{
	(void)state;
	uint32_t burn = place_of("(ms)"), hot = place_of("() =>");
	uint64_t none[] = {0, smi(-1), smi(burn), smi(burn + 9)};
	uint64_t named[] = {text("burn"), smi(-1), smi(burn), smi(burn + 9), make_scope(0, NULL, 0)};
	uint64_t guessed[] = {0, smi(-1), text("exports.hot"), smi(hot), smi(hot + 7), make_scope(0, NULL, 0)};
	uint64_t on_stack[] = {text("burn"), smi(2), smi(burn), smi(burn + 9), 7};
	uint64_t inner[] = {smi(3), text("burn"), smi(2), tagged(make(ODDBALL, 1)), smi(burn), smi(burn + 9)};

	assert_string_equal(called(&layout_20, make_scope(0, named, 5), text(source)), "burn (lib/app.js:3)");
	assert_string_equal(called(&layout_20, make_scope(3, named, 5), text(source)), "burn (lib/app.js:3)");
	assert_string_equal(called(&layout_20, make_scope(2, guessed, 6), text(source)), "exports.hot (lib/app.js:6)");
	assert_string_equal(called(&layout_20, make_scope(0, on_stack, 5), text(source)), "burn (lib/app.js:3)");
	assert_string_equal(called(&layout_20, make_scope(0, inner, 6), text(source)), "burn (lib/app.js:3)");
	assert_string_equal(called(&layout_20, make_scope(0, none, 4), text(source)), "(anonymous) (lib/app.js:3)");
	/* Of one whose code was thrown away the name is left. */
	assert_string_equal(called(&layout_20, text("burn"), text(source)), "burn (lib/app.js)");
	assert_string_equal(called(&layout_20, 0, text(source)), "(anonymous) (lib/app.js)");
}

static void test_place_before_variables(void **state)
{
	(void)state;
	struct ww_v8_layout layout = layout_20;
	uint32_t burn = place_of("(ms)");
	uint64_t *scope = make(SCOPE, 10);

	layout.scope_rest = 5;
	scope[3] = smi(1);
	scope[4] = smi(burn);
	scope[5] = smi(burn + 9);
	scope[6] = text("variable");
	scope[7] = smi(1);
	scope[8] = text("burn");
	scope[9] = smi(1);
	scope[10] = smi(2);
	assert_string_equal(called(&layout, tagged(scope), text(source)), "burn (lib/app.js:3)");
}

static void test_strings_of_all_kinds(void **state)
{
	(void)state;
	static const uint16_t wide[] = {0x48, 0xe9, 0x2603, 0xd83d, 0xde00, 0xd800};
	uint64_t narrow = text("a burner"), empty = text("");
	uint64_t *outside = link_text(NARROW | EXTERNAL, 4, 0, (uint64_t)(uintptr_t) "burn");

	outside[2] = 0xdead0000; /* its resource is not looked at */
	assert_string_equal(called(&layout_20, tagged(make_text(SEQUENTIAL, wide, 6, sizeof(wide))), 0),
			    "H\303\251\342\230\203\360\237\230\200\357\277\275 (lib/app.js)");
	assert_string_equal(called(&layout_20, tagged(link_text(NARROW | SLICED, 4, narrow, smi(2))), 0),
			    "burn (lib/app.js)");
	assert_string_equal(called(&layout_20, tagged(link_text(NARROW | CONS, 8, narrow, empty)), 0),
			    "a burner (lib/app.js)");
	assert_string_equal(called(&layout_20, tagged(link_text(NARROW | THIN, 8, narrow, 0)), 0),
			    "a burner (lib/app.js)");
	assert_string_equal(called(&layout_20, tagged(outside), 0), "burn (lib/app.js)");
	char long_one[301] = {0};
	memset(long_one, 'x', 300);
	long_one[290] = 'a';
	long_one[291] = '\n';
	long_one[292] = ';';
	const char *cut = called(&layout_20, text(long_one), 0);
	assert_non_null(strstr(cut, "a?;xxxxxxx (lib/app.js)"));
	uint64_t both = tagged(link_text(NARROW | CONS, 16, narrow, narrow));
	assert_string_equal(called(&layout_20, both, 0), "a burnera burner (lib/app.js)");
	/* A script's text is looked through as one only. */
	uint64_t named[] = {text("burn"), smi(-1), smi(3), smi(9)};
	assert_string_equal(called(&layout_20, make_scope(0, named, 4), both), "burn (lib/app.js)");
}

static void test_what_is_none(void **state)
{
	(void)state;
	struct ww_v8_function function;
	uint64_t script = tagged(make_script(text("app.js"), 0)), *stranger = make(FUNCTION, 3);
	uint64_t loop = tagged(link_text(NARROW | THIN, 8, 0, 0)),
		 *beyond = link_text(NARROW | SLICED, 4, text("burn"), smi(3));

	stranger[3] = script;
	assert_int_equal(ww_v8_code__find(&layout_20, getpid(), tagged(stranger), &function), -EFAULT);
	assert_int_equal(ww_v8_code__find(&layout_20, getpid(), smi(5), &function), -EFAULT);
	assert_int_equal(ww_v8_code__find(&layout_20, getpid(), 1, &function), -EFAULT);
	assert_int_equal(ww_v8_code__find(&layout_20, getpid(), make_function(text("burn"), tagged(make(ODDBALL, 1))),
					  &function),
			 -ENOENT);
	((uint64_t *)(uintptr_t)(loop & ~1ull))[2] = loop;
	assert_string_equal(called(&layout_20, loop, 0), "(anonymous) (lib/app.js)");
	assert_string_equal(called(&layout_20, tagged(beyond), 0), "(anonymous) (lib/app.js)");
	/* A place behind the script's end, and more variables than any function has. */
	uint64_t far[] = {text("burn"), smi(-1), smi(4000), smi(4001)}, *many = make(SCOPE, 8);
	assert_string_equal(called(&layout_20, make_scope(0, far, 4), text(source)), "burn (lib/app.js)");
	many[3] = smi(1 << 30);
	char name[64];
	assert_int_equal(ww_v8_code__find(&layout_20, getpid(), make_function(tagged(many), script), &function), 0);
	assert_int_equal(ww_v8_code__name(&layout_20, getpid(), &function, name, sizeof(name)), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_names_and_lines, clear),
		cmocka_unit_test_setup(test_place_before_variables, clear),
		cmocka_unit_test_setup(test_strings_of_all_kinds, clear),
		cmocka_unit_test_setup(test_what_is_none, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
