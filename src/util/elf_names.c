// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "util/elf_names.h"

#include <errno.h>
#include <gelf.h>

#define NAMES_MOST (16u << 20) /* bytes */

int ww_elf__section_names(Elf *elf, size_t *index)
{
	GElf_Shdr header;
	size_t at;

	if (elf_getshdrstrndx(elf, &at) || !gelf_getshdr(elf_getscn(elf, at), &header))
		return -ENOENT;
	if (header.sh_size > NAMES_MOST || header.sh_flags & SHF_COMPRESSED)
		return -EFBIG;
	*index = at;
	return 0;
}
