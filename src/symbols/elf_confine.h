/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What libdw may see of an ELF file that whoever observed has made: it reads, and unpacks, all that it finds. */
#ifndef WHYWAIT_ELF_CONFINE_H
#define WHYWAIT_ELF_CONFINE_H

#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ww_elf_confined {
	uint64_t bytes; /* that are read of it at most, as large as they become */
	bool sections;	/* all of it is read by sections */
};

/*
 * Hides from libelf's callers, in memory, what is not needed to unwind stacks by and to name functions (all debug
 * information but .debug_frame), and what is larger than any linker's output; of what is more than WW_ELF_TABLE_MOST
 * together the names. -EFBIG when what is needed to unwind is more than that by itself; -ENOEXEC: it contradicts
 * itself.
 */
int ww_elf__confine(Elf *elf, uint64_t file_size, struct ww_elf_confined *confined);

/* As if the section were not there. */
void ww_elf__hide(Elf_Scn *section);

/* Whether unwinding or names take what is in a section of that name and type. */
bool ww_elf__is_used(const char *name, const GElf_Shdr *header);

#endif
