/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables of an ELF file, where whoever made the file may have meant harm. */
#ifndef WHYWAIT_ELF_TABLES_H
#define WHYWAIT_ELF_TABLES_H

#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WW_ELF_TABLE_MOST (128u << 20) /* bytes of a table that are read */

/*
 * The file, for elf_end(); the descriptor stays the caller's, and open. It is read, not mapped: one that is cut short
 * under a mapping would end this process. NULL: it is no ELF file of this host's byte order, or has more sections or
 * segments than any linker's output, for which libelf would take memory at once.
 */
Elf *ww_elf__open(int fd);

/* The same of a file that is in memory, which has to stay there. */
Elf *ww_elf__open_memory(void *bytes, size_t len);

/*
 * As elf_getshdrstrndx(). 0, or -ENOENT: there are none; -EFBIG: libelf, which reads the whole table for the first
 * name, would take more memory for it than any linker's output has.
 */
int ww_elf__section_names(Elf *elf, size_t *index);

/*
 * What a section of symbols and the names that it links to are long together, in bytes; 0: libelf must not read them,
 * as they contradict themselves, are compressed, or larger than any linker's output.
 */
uint64_t ww_elf__symbols_size(Elf *elf, const GElf_Shdr *header);

/*
 * A section's symbols, for gelf_getsym(), and how many; they are libelf's. NULL: there are none, or
 * ww_elf__symbols_size() is against it.
 */
Elf_Data *ww_elf__symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, size_t *count);

/* What is in a section, as it is in the file; it is libelf's. NULL: nothing, or more than WW_ELF_TABLE_MOST. */
Elf_Data *ww_elf__bytes(Elf_Scn *section);

#endif
