/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* This process itself is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/mappings.h"

/* The mapping that holds an address. */
static bool find(struct ww_mappings *mappings, const void *address)
{
	uint64_t before = 0;
	assert_int_equal(ww_mappings__open(mappings, getpid()), 0);
	while (ww_mappings__next(mappings)) {
		assert_true(mappings->start >= before && mappings->end > mappings->start);
		before = mappings->end;
		if ((uintptr_t)address >= mappings->start && (uintptr_t)address < mappings->end)
			return true;
	}
	return false;
}

static void addresses_and_names(void **state)
{
	/* What looks like a mapping or another name is still the file's name. */
	char name[] = "/tmp/mapped-XXXXXX [stack]\n00-10 r--p 0 0:0 0 x";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ww_mappings mappings;

	(void)state;
	int file = mkstemps(name, (int)strlen(strchr(name, ' ')));
	assert_true(file >= 0 && !ftruncate(file, (off_t)(4 * page)));
	char *at = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE, file, (off_t)page);
	assert_ptr_not_equal(at, MAP_FAILED);
	bool found = find(&mappings, at);
	close(file);
	unlink(name);
	assert_true(found);
	assert_int_equal(mappings.start, (uintptr_t)at);
	assert_int_equal(mappings.end, (uintptr_t)at + 2 * page);
	assert_int_equal(mappings.offset, page);
	assert_memory_equal(mappings.path, name, strcspn(name, "\n"));
	assert_non_null(strstr(mappings.path, "\\01200-10 r--p"));
	ww_mappings__close(&mappings);

	void *nameless = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(find(&mappings, nameless));
	assert_string_equal(mappings.path, "");
	ww_mappings__close(&mappings);
	assert_true(find(&mappings, &file));
	assert_string_equal(mappings.path, "[stack]");
	ww_mappings__close(&mappings);
	assert_false(find(&mappings, NULL));
	ww_mappings__close(&mappings);
}

static void no_process(void **state)
{
	struct ww_mappings mappings;
	(void)state;
	assert_int_equal(ww_mappings__open(&mappings, -1), -ENOENT);
	ww_mappings__keep(-1);
	assert_int_equal(ww_mappings__open(&mappings, -1), -ENOENT);
	ww_mappings__drop();
}

static bool has(const void *address)
{
	struct ww_mappings mappings;
	bool found = find(&mappings, address);
	ww_mappings__close(&mappings);
	return found;
}

/* What is kept is as it was, until it is dropped, or another process's is. */
static void kept(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ww_mappings__keep(getpid());
	munmap(at, page);
	assert_true(has(at));
	ww_mappings__keep(1);
	assert_false(has(at));
	ww_mappings__keep(getpid());
	void *later = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(has(&page));
	ww_mappings__drop();
	assert_true(has(later));
	munmap(later, page);
	addresses_and_names(state);
}

/* More than are kept are told all the same. */
static void too_many(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 30000;
	uint8_t *at = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(at, MAP_FAILED);
	for (size_t i = 0; i < pages; i += 2)
		assert_int_equal(mprotect(at + i * page, page, PROT_READ), 0);
	ww_mappings__keep(getpid());
	assert_true(has(at + (pages - 2) * page));
	ww_mappings__drop();
	munmap(at, pages * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_names),
		cmocka_unit_test(kept),
		cmocka_unit_test(too_many),
		cmocka_unit_test(no_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
