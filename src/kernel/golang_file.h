/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a Go program's file tells of its runtime, for golang.c. */
#ifndef WHYWAIT_GOLANG_FILE_H
#define WHYWAIT_GOLANG_FILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/golang.h"

/*
 * Where runtime.semtable is, by the file's own addresses: as its symbols say, or, of a stripped program on x86-64, the
 * code of the two functions that use it. 0: that can't be told.
 */
uint64_t ww_golang_file__semtable(Elf *elf);

/* Fills in the offsets and reasons that the debug information tells; false, and nothing is written, unless all are
 * there. */
bool ww_golang_file__debug(Elf *elf, struct ww_golang_layout *layout);

/* Whether `go build` made it; and the lowest address that the file asks for. */
bool ww_golang_file__is_go(Elf *elf);
uint64_t ww_golang_file__base(Elf *elf);

/* Its debug information, to be closed with dwarf_end(); NULL: there is none, or more of it than may be read. */
struct Dwarf;
struct Dwarf *ww_golang_file__open_debug(Elf *elf);

#endif
