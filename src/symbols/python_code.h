/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What CPython's code is called: read from a running process, which may change it meanwhile. */
#ifndef WHYWAIT_PYTHON_CODE_H
#define WHYWAIT_PYTHON_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes "Class.function (directory/file.py:12)" to `name`, of the code object at `code` and the instruction at `at`.
 * -ENOTSUP: the layout of 3.`minor` is not known; -EFAULT and others: it can't be read, or is no code object.
 */
int ww_python_code__name(pid_t pid, unsigned minor, uint64_t code, uint64_t at, char *name, size_t size);

/*
 * The line of the instruction `offset` bytes into the code, by its table of locations (Objects/locations.md of CPython
 * 3.11); the first line where the table does not tell.
 */
int ww_python_code__line(const uint8_t *table, size_t len, int first, uint64_t offset);

#endif
