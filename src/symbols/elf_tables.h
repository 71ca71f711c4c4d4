/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables of an ELF file, where whoever made the file may have meant harm. */
#ifndef WHYWAIT_ELF_TABLES_H
#define WHYWAIT_ELF_TABLES_H

#include <gelf.h>
#include <libelf.h>
#include <stddef.h>

/*
 * As elf_getshdrstrndx(). 0, or -ENOENT: there are none; -EFBIG: libelf, which reads the whole table for the first
 * name, would take more memory for it than any linker's output has.
 */
int ww_elf__section_names(Elf *elf, size_t *index);

/*
 * A section's symbols, for gelf_getsym(), and how many; they are libelf's. NULL: there are none, or more than any
 * linker's output has, or they are compressed.
 */
Elf_Data *ww_elf__symbols(Elf_Scn *section, const GElf_Shdr *header, size_t *count);

#endif
