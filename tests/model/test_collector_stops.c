/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Collectors that stop all threads twice, as Go's: how long, as probes tell, and as its runtime reckons itself. */
#include "collecting.h"
#include "plant.h"

/* Two stops of one collection, the thread that makes them included; the work between is nobody's wait. */
static void parts(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	ww_stop_begin(&regs);
	pass(10);
	ww_part_first(&regs);
	pass(20);
	ww_stop_end(&regs);
	pass(1000);
	ww_stop_begin(&regs);
	pass(100);
	ww_stop_end(&regs); /* for something else */
	ww_stop_begin(&regs);
	pass(30);
	ww_part_last(&regs);
	pass(40);
	ww_stop_end(&regs);
	counted(1, 100);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 100);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1100);
	script_end();
}

/* What Go's runtime itself says of when its stops end: of the second before the threads are woken, of the first after.
 */
static void parts_as_told(void **state)
{
	(void)state;
	script_begin(4);
	request_taken();
	struct pt_regs told = {.sp = 4096};
	ww_stop_begin(&regs);
	ww_part_first(&regs);
	pass(20);
	ww_stop_end(&told);
	pass(30);
	told.ax = host.now;
	pass(4);
	ww_stop_left(&told);
	pass(1000);
	ww_stop_begin(&regs);
	ww_part_last(&regs);
	pass(40);
	told.ax = host.now;
	pass(5);
	ww_stop_end(&told);
	counted(1, 90);
	const struct ww_account *a = done();
	assert_int_equal(a->kinds_ns[WW_KIND_GC], 95);
	assert_int_equal(a->kinds_ns[WW_KIND_COMPUTE], 1004);
	script_end();
}

#if defined(__TARGET_ARCH_x86)
/* A collection, and what its runtime has added up after each of three stops. */
static void added_up(u64 sum, struct pt_regs *told, const u64 *sums)
{
	plant_word(sum, 0);
	pass(2); /* it looked at its clock before */
	ww_stop_begin(&regs);
	ww_part_first(&regs);
	pass(20);
	ww_stop_end(&regs);
	pass(30);
	told->ax = host.now;
	pass(4);
	ww_stop_left(told);
	plant_word(sum, sums[0]);
	pass(1000);
	/* Too early: it goes on to mark. */
	ww_stop_begin(&regs);
	pass(10);
	ww_stop_end(&regs);
	plant_word(sum, sums[1]);
	pass(100);
	ww_stop_begin(&regs);
	ww_part_last(&regs);
	pass(40);
	plant_word(sum, sums[2]);
	pass(5);
	ww_stop_end(&regs);
	pass(10);
}

/*
 * Before Go 1.22 it hands nothing on, but adds up how long each collection has it stopped: the code to which the
 * function that starts the threads goes back after the first stop says where.
 */
static void parts_as_added_up(void **state)
{
	(void)state;
	static const u8 adds[] = {
		0x48, 0x8b, 0x4c, 0x24, 0x10,		  /* mov 16(%rsp), %rcx */
		0x48, 0x89, 0x01,			  /* mov %rax, (%rcx) */
		0x48, 0x8b, 0x15, 0x00, 0x01, 0x00, 0x00, /* mov 256(%rip), %rdx */
		0x48, 0x29, 0xd0,			  /* sub %rdx, %rax */
		0x48, 0x01, 0x05, 0xee, 0xff, 0xff, 0xff, /* add %rax, -18(%rip) */
	};
	script_begin(4);
	plant_begin();
	request_taken();
	u64 sum = plant(16), code = plant(64), stack = plant(8);
	plant_bytes(code, adds, sizeof(adds));
	u32 far = (u32)(sum - (code + sizeof(adds)));
	plant_bytes(code + sizeof(adds) - 4, &far, sizeof(far));
	plant_word(stack, code);
	struct pt_regs told = {.sp = stack};
	added_up(sum, &told, (const u64[]){52, 63, 104});
	counted(1, 104);
	added_up(sum, &told, (const u64[]){52, 63, 104});
	counted(2, 208);
	/* 1.22 begins when it has the lock that it waits for in a stop. */
	added_up(sum, &told, (const u64[]){7, 10, 13});
	counted(3, 221);
	/* What stands there can't be how long it was. */
	plant_word(sum, 0);
	ww_stop_begin(&regs);
	ww_part_first(&regs);
	pass(20);
	ww_stop_end(&regs);
	told.ax = host.now;
	ww_stop_left(&told);
	plant_word(sum, 1 << 30);
	pass(1000);
	ww_stop_begin(&regs);
	ww_part_last(&regs);
	pass(40);
	ww_stop_end(&regs);
	counted(4, 221 + 60);
	script_end();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(parts_as_told),
#if defined(__TARGET_ARCH_x86)
		cmocka_unit_test(parts_as_added_up),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
