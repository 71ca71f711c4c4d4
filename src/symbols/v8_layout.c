/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/v8_layout.h"

#include <errno.h>
#include <gelf.h>
#include <stddef.h>
#include <string.h>

#include "symbols/elf_tables.h"
#include "util/process_memory.h"

#define PREFIX "v8dbg_"

static const struct constant {
	const char *name;
	size_t len, offset;
} constants[] = {
#define WW_V8(member, symbol) {symbol, sizeof(symbol) - 1, offsetof(struct ww_v8_layout, member)},
	WW_V8_LAYOUT(WW_V8)
#undef WW_V8
};

#define CONSTANTS (sizeof(constants) / sizeof(constants[0]))

#define SMI_SHIFT 31 /* beside the tag's bit: pointers are whole words */

static void find_in(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, uint64_t found[CONSTANTS])
{
	size_t count = 0;
	Elf_Data *data = ww_elf__symbols(elf, section, header, &count);

	for (size_t i = 0; data && i < count; i++) {
		GElf_Sym symbol;
		const char *name =
			gelf_getsym(data, (int)i, &symbol) ? elf_strptr(elf, header->sh_link, symbol.st_name) : NULL;

		if (!name || strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		for (size_t k = 0; k < CONSTANTS; k++)
			if (!found[k] && !strncmp(name + sizeof(PREFIX) - 1, constants[k].name, constants[k].len))
				found[k] = symbol.st_value;
	}
}

int ww_v8_layout__read(struct ww_v8_layout *layout, pid_t pid, Elf *elf, uint64_t bias)
{
	uint64_t found[CONSTANTS] = {0};
	struct ww_v8_layout new;

	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM)
			find_in(elf, section, &header, found);
	}
	for (size_t k = 0; k < CONSTANTS; k++) {
		int32_t *to = (int32_t *)((char *)&new + constants[k].offset);
		int err = found[k] ? ww_process_memory__read(pid, bias + found[k], to, sizeof(*to)) : -ENOENT;

		if (to == &new.script_source && !found[k])
			new.script_source = WW_V8_NOT_TOLD;
		else if (err)
			return err;
	}
	if (new.smi_shift != SMI_SHIFT)
		return -ENOTSUP;
	*layout = new;
	return 0;
}
