/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Collectors like Ruby's, which work on in many small parts: by static probes, and by the runtime's own clock. */
#include "collecting.h"

/* Sweeping goes on in parts long after the collection was counted, and some of it within that. */
static void small_parts(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	ww_gc_begin(&regs);
	pass(10);
	ww_gc_part_begin(&regs);
	pass(10);
	ww_gc_part_end(&regs);
	pass(10);
	ww_gc_end(&regs);
	counted(1, 30);
	pass(5);
	for (u32 i = 0; i < 100; i++) {
		ww_gc_part_begin(&regs);
		ww_gc_part_begin(&regs);
		pass(3);
		ww_gc_part_end(&regs);
		ww_gc_part_end(&regs);
		pass(1);
	}
	counted(1, 330);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 330);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 105);
	script_end();
}

static void clock_asked(u64 at)
{
	struct pt_regs asks = {.sp = 0x7000, .si = at};
	ww_gc_clock(&asks);
}

/* Ruby's own clock has all of it: what no probe tells of, and marking, which makes it one more collection. */
static void by_its_own_clock(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	clock_asked(0x7100); /* observation began within the one before */
	clock_asked(0x100);
	pass(10);
	ww_gc_begin(&regs);
	pass(10);
	ww_gc_end(&regs);
	pass(10);
	clock_asked(0x7100);
	counted(1, 30);
	pass(5);
	for (u32 i = 0; i < 100; i++) {
		clock_asked(0x100);
		pass(3);
		clock_asked(0x7100);
		pass(1);
	}
	counted(1, 330);
	/* It is told not to measure. */
	ww_gc_begin(&regs);
	pass(20);
	ww_gc_end(&regs);
	counted(2, 350);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 350);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 105);
	script_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_parts),
		cmocka_unit_test(by_its_own_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
