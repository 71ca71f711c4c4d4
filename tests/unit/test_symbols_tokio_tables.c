/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables of tokio's tasks and wakers, found in a program's memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "symbols/tokio_tables.h"

#define TEXT  0x10000
#define WORDS 0x40000

static unsigned char text[256];
static uint64_t words[64];
static struct ww_tokio_image image = {
	.words = words, .len = 64, .address = WORDS, .text = text, .text_address = TEXT, .text_len = sizeof(text)};

/* Seven functions and three offsets, as of a task of `size` bytes. */
static void task_table(size_t at, uint64_t size)
{
	for (size_t i = 0; i < 7; i++)
		words[at + i] = TEXT + 8 * i;
	words[at + 7] = size;
	words[at + 8] = 32;
	words[at + 9] = 40;
}

/* Four functions, whose first one counts a user of the task and returns the table's address in rdx (0x15) or rax (5).
 */
static void waker_table(size_t at, size_t code, unsigned char lea)
{
	const unsigned char clone[] = {0x50, 0xb8, 0x40, 0, 0, 0, 0xf0, 0x48, 0x0f, 0xc1, 0x07, 0x48, 0x8d, lea};
	int32_t distance = (int32_t)(WORDS + 8 * at - (TEXT + code + sizeof(clone) + 4));
	memcpy(text + code, clone, sizeof(clone));
	memcpy(text + code + sizeof(clone), &distance, sizeof(distance));
	for (size_t i = 0; i < 4; i++)
		words[at + i] = TEXT + code + i;
}

static int clear(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	memset(text, 0, sizeof(text));
	return 0;
}

static void test_found(void **state)
{
	struct ww_tokio_tables tables = {0};
	(void)state;
	task_table(3, 344);
	task_table(20, 3328);
	waker_table(40, 128, 0x15);
	assert_int_equal(ww_tokio_tables__find(&image, &tables), 0);
	assert_int_equal(tables.tasks, WORDS + 8 * 3);
	assert_int_equal(tables.tasks_len, 8 * 17 + 1);
	assert_int_equal(tables.waker, WORDS + 8 * 40);
	assert_int_equal(tables.data_first, 1);
}

static void test_other_order(void **state)
{
	struct ww_tokio_tables tables = {0};
	(void)state;
	task_table(3, 344);
	waker_table(40, 128, 0x05);
	assert_int_equal(ww_tokio_tables__find(&image, &tables), 0);
	assert_int_equal(tables.data_first, 0);
}

/* Another waker's clone counts by one, or is of another table. */
static void test_other_wakers(void **state)
{
	struct ww_tokio_tables tables = {.waker = 7};
	(void)state;
	task_table(3, 344);
	waker_table(40, 128, 0x15);
	text[128 + 2] = 1;
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	text[128 + 2] = 0x40;
	memmove(words + 44, words + 40, 4 * sizeof(*words));
	memset(words + 40, 0, 4 * sizeof(*words));
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	assert_int_equal(tables.waker, 7);
}

/* Offsets that are none, functions that are none, and a table that is cut short. */
static void test_no_tasks(void **state)
{
	struct ww_tokio_tables tables = {0};
	(void)state;
	waker_table(40, 128, 0x15);
	task_table(3, 1 << 20);
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	task_table(3, 347);
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	task_table(3, 24);
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	task_table(3, 344);
	words[5] = TEXT + sizeof(text);
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	words[5] = TEXT;
	assert_int_equal(ww_tokio_tables__find(&image, &tables), 0);
	image.len = 12;
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	image.len = 64;
}

/* Code that ends with the text. */
static void test_end_of_text(void **state)
{
	struct ww_tokio_tables tables = {0};
	(void)state;
	task_table(3, 344);
	waker_table(40, sizeof(text) - 18, 0x15);
	for (size_t i = 0; i < 4; i++)
		words[40 + i] = TEXT + sizeof(text) - 18 + i;
	assert_int_equal(ww_tokio_tables__find(&image, &tables), 0);
	image.text_len--;
	assert_int_equal(ww_tokio_tables__find(&image, &tables), -ENOENT);
	image.text_len++;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_found, clear),	  cmocka_unit_test_setup(test_other_order, clear),
		cmocka_unit_test_setup(test_other_wakers, clear), cmocka_unit_test_setup(test_no_tasks, clear),
		cmocka_unit_test_setup(test_end_of_text, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
