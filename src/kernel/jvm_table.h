/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where HotSpot has what is in its structures: by the tables that libjvm.so has for its debugger (gHotSpotVMStructs).
 */
#ifndef WHYWAIT_JVM_TABLE_H
#define WHYWAIT_JVM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ww_jvm_field {
	const char *structure, *member;
	bool is_static;
};

/*
 * Looks for fields, 64 at the most, of a running process: an offset in the structure for each, or an address. Those
 * that are there are set in `values`, and their bits in *found. -ENOENT: no JVM, or one without such tables.
 */
int ww_jvm_table__find(pid_t pid, const struct ww_jvm_field *fields, size_t len, uint64_t *values, uint64_t *found);

#endif
