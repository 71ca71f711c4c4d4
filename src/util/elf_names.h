/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of an ELF file's sections, where whoever made the file may have meant harm. */
#ifndef WHYWAIT_ELF_NAMES_H
#define WHYWAIT_ELF_NAMES_H

#include <libelf.h>
#include <stddef.h>

/*
 * As elf_getshdrstrndx(). 0, or -ENOENT: there are none; -EFBIG: libelf, which reads the whole table for the first
 * name, would take more memory for it than any linker's output has.
 */
int ww_elf__section_names(Elf *elf, size_t *index);

#endif
