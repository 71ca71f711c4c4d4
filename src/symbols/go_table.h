/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of Go's functions: the table that its runtime prints them from (.gopclntab) is there also when a program's
 * symbols are stripped. What it says is not trusted.
 */
#ifndef WHYWAIT_GO_TABLE_H
#define WHYWAIT_GO_TABLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The name of the function that holds the address, of a table from Go 1.16 on; NULL: none does, or the table is none.
 * `text` is the address of the code where the table does not say it. Valid as long as the bytes.
 */
const char *ww_go_table__find(const uint8_t *bytes, size_t len, uint64_t text, uint64_t address);

#endif
