/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether two files of code are the same as far as unwinding and names go. */
#ifndef WHYWAIT_ELF_SAME_H
#define WHYWAIT_ELF_SAME_H

#include <libelf.h>
#include <stdbool.h>

struct ww_elf_file {
	int fd;
	Elf *elf; /* confined (elf_confine.h) */
};

/*
 * Compares headers, segments, sections and all tables that are used, byte by byte: what a file says that it is, anyone
 * may have written there. Files without sections are never the same, nor is what can't be read.
 */
bool ww_elf__same(const struct ww_elf_file *a, const struct ww_elf_file *b);

#endif
