/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where runtime.semtable is, in which goroutines are found that wait for a mutex or a WaitGroup. */
#include <string.h>

#include "kernel/golang_file.h"
#include "symbols/gopclntab.h"
#include "symbols/elf_tables.h"

#define TARGETS	     16
#define FUNCTION_MAX 0x4000

static Elf_Scn *section_named(Elf *elf, const char *wanted, GElf_Shdr *header)
{
	size_t names = 0;
	if (ww_elf__section_names(elf, &names))
		return NULL;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		const char *name = gelf_getshdr(section, header) ? elf_strptr(elf, names, header->sh_name) : NULL;
		if (name && !strcmp(name, wanted))
			return section;
	}
	return NULL;
}

/* As the symbols say; 0: there is none of that name. */
static uint64_t by_symbol(Elf *elf)
{
	GElf_Shdr header;
	Elf_Scn *section = section_named(elf, ".symtab", &header);
	size_t count = 0;
	Elf_Data *data = section ? ww_elf__symbols(elf, section, &header, &count) : NULL;
	for (size_t i = 0; i < count; i++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)i, &symbol) || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT)
			continue;
		const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
		if (name && !strcmp(name, "runtime.semtable"))
			return symbol.st_value;
	}
	return 0;
}

/* Variables that a function takes the address of. */
struct targets {
	uint64_t at[TARGETS];
	size_t len;
};

static bool targets_has(const struct targets *targets, uint64_t address)
{
	for (size_t i = 0; i < targets->len; i++)
		if (targets->at[i] == address)
			return true;
	return false;
}

/* Of x86-64: `lea` with an address relative to the next instruction. Those that lie in `bss` count. */
static void targets_find(struct targets *targets, const unsigned char *code, size_t len, uint64_t address,
			 const GElf_Shdr *bss)
{
	for (size_t i = 0; i + 7 <= len && targets->len < TARGETS; i++) {
		int32_t distance;
		if ((code[i] & 0xfb) != 0x48 || code[i + 1] != 0x8d || (code[i + 2] & 0xc7) != 0x05)
			continue;
		memcpy(&distance, code + i + 3, sizeof(distance));
		uint64_t target = address + i + 7 + (uint64_t)(int64_t)distance;
		if (target >= bss->sh_addr && target - bss->sh_addr < bss->sh_size && !targets_has(targets, target))
			targets->at[targets->len++] = target;
	}
}

/* What both of the functions that use it take the address of. */
static uint64_t by_code(Elf *elf)
{
	GElf_Ehdr file;
	GElf_Shdr text, bss, table_header;
	Elf_Scn *code = section_named(elf, ".text", &text), *section = section_named(elf, ".gopclntab", &table_header);
	if (!section)
		section = section_named(elf, ".data.rel.ro.gopclntab", &table_header);
	Elf_Data *bytes = code ? ww_elf__bytes(code) : NULL, *data = section ? ww_elf__bytes(section) : NULL;
	struct ww_gopclntab table;
	struct ww_gofunction function;
	if (!gelf_getehdr(elf, &file) || file.e_machine != EM_X86_64 || !bytes || !data ||
	    !section_named(elf, ".bss", &bss) || ww_gopclntab__open(&table, data->d_buf, data->d_size, text.sh_addr))
		return 0;
	struct targets of[2] = {0};
	while (ww_gopclntab__next(&table, &function)) {
		bool releases = !strcmp(function.name, "runtime.semrelease1");
		uint64_t at = function.start - text.sh_addr, len = function.end - function.start;
		if ((!releases && strcmp(function.name, "runtime.semacquire1") != 0) || at > bytes->d_size ||
		    len > bytes->d_size - at || len > FUNCTION_MAX)
			continue;
		targets_find(&of[releases], (const unsigned char *)bytes->d_buf + at, len, function.start, &bss);
	}
	for (size_t i = 0; i < of[0].len; i++)
		if (targets_has(&of[1], of[0].at[i]))
			return of[0].at[i];
	return 0;
}

uint64_t ww_golang_file__semtable(Elf *elf)
{
	uint64_t address = by_symbol(elf);
	return address ? address : by_code(elf);
}
