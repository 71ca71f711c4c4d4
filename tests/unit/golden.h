/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Comparing text with a file that a human has looked at: tests/unit/golden/NAME. With WHYWAIT_GOLDEN=write in the
 * environment the files are written instead, to be looked at in the diff.
 */
#ifndef WHYWAIT_GOLDEN_H
#define WHYWAIT_GOLDEN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void assert_golden(const char *name, const char *text)
{
	const char *mode = getenv("WHYWAIT_GOLDEN");
	bool write = mode && !strcmp(mode, "write");
	char path[128], wanted[32768];

	snprintf(path, sizeof(path), "tests/unit/golden/%s", name);
	FILE *file = fopen(path, write ? "w" : "r");
	if (!file)
		fail_msg("%s can't be opened", path);
	if (write) {
		fputs(text, file);
		fclose(file);
		return;
	}
	size_t len = fread(wanted, 1, sizeof(wanted) - 1, file);
	fclose(file);
	wanted[len] = '\0';
	assert_string_equal(text, wanted);
}

#endif
