/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The system calls that the BPF side tells apart, and their names, are those of the architecture that this is built
 * for: its kernel headers say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <asm/unistd.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "syscalls.bpf.h"
#include "util/syscalls.h"

#define NEWEST 471    /* that had a name when this was written: headers may be newer */
#define NONE   100000 /* from here on: numbers of what this architecture does not have */

struct call {
	const char *name;
	uint32_t number;
};

#define NUMBER(name) {#name, __NR_##name},
#define KNOWN(name)
static const struct call headers[] = {
#include "tests/unit/unistd.def"
};
#undef NUMBER
#undef KNOWN
#define NUMBER(name)
#define KNOWN(name) {#name, WW_SYS_##name},
static const struct call known[] = {
#include "tests/unit/unistd.def"
};

#define HEADERS (sizeof(headers) / sizeof(headers[0]))

static const struct call *header_find(const char *name)
{
	for (size_t i = 0; i < HEADERS; i++)
		if (!strcmp(headers[i].name, name))
			return &headers[i];
	return NULL;
}

static void every_call_has_its_name(void **state)
{
	(void)state;
	assert_true(HEADERS > 250);
	for (size_t i = 0; i < HEADERS; i++) {
		const char *name = ww_syscall_name(headers[i].number);
		if (!name && headers[i].number > NEWEST)
			continue;
		if (!name || strcmp(name, headers[i].name))
			fail_msg("%u is %s, not %s", headers[i].number, headers[i].name, name);
	}
	assert_null(ww_syscall_name(NONE));
	assert_null(ww_syscall_name(UINT32_MAX));
}

/* Headers may be older than a call; a number that this architecture lacks is no other's. */
static void the_kernel_side_has_the_same(void **state)
{
	size_t compared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char name[64];
		size_t len = 0;
		for (; known[i].name[len] && len < sizeof(name) - 1; len++)
			name[len] = (char)tolower(known[i].name[len]);
		name[len] = '\0';
		const struct call *call = header_find(name);
		if (known[i].number >= NONE) {
			assert_null(call);
		} else if (call && call->number != known[i].number) {
			fail_msg("%s is %u, not %u", name, call->number, known[i].number);
		} else {
			assert_string_equal(ww_syscall_name(known[i].number), name);
			compared += call != NULL;
		}
	}
	assert_true(compared > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_has_its_name),
		cmocka_unit_test(the_kernel_side_has_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
