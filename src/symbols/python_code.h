/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What CPython's code is called: read from a running process, which may change it meanwhile. */
#ifndef WHYWAIT_PYTHON_CODE_H
#define WHYWAIT_PYTHON_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes "Class.function (directory/file.py:12)" to `name`, of the code object at `code` and the instruction at `at`;
 * before 3.11 a function's name has no class, and `at` is twice what frames have as f_lasti. -ENOTSUP: the layout of
 * 3.`minor` is not known; -EFAULT and others: it can't be read, or is no code object.
 */
int ww_python_code__name(pid_t pid, unsigned minor, uint64_t code, uint64_t at, char *name, size_t size);

/*
 * The line of the instruction `offset` bytes into the code, by the table of 3.`minor` (Objects/lnotab_notes.txt, from
 * 3.11 on locations.md); the first line where the table does not tell.
 */
int ww_python_code__line(unsigned minor, const uint8_t *table, size_t len, int first, uint64_t offset);

#endif
