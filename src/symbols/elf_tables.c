// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "symbols/elf_tables.h"

#include <errno.h>

#define NAMES_MOST   (16u << 20) /* bytes */
#define SYMBOLS_MOST (128u << 20)

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

Elf_Data *ww_elf__symbols(Elf_Scn *section, const GElf_Shdr *header, size_t *count)
{
	Elf_Data *data;

	if (!header->sh_entsize || header->sh_size > SYMBOLS_MOST || header->sh_flags & SHF_COMPRESSED)
		return NULL;
	data = elf_getdata(section, NULL);
	if (data)
		*count = data->d_size / header->sh_entsize;
	return data;
}
