/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/call_sites.h"

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "kernel/static_probes.h"
#include "symbols/elf_tables.h"

#define SLOTS_MAX 4 /* words in which the linker puts where the function is */

/* mov %rdi,%rsi; mov $NUMBER,%edi: as every compiler has it that hands an argument on. */
#define NUMBER_AT   4
#define SET_UP_SIZE 8

struct calls {
	Elf *elf;
	int fd;
	const char *function;
	uint64_t slots[SLOTS_MAX];
	size_t slots_len;
	uint8_t set_up[SET_UP_SIZE];
	ww_call_site_fn *each;
	void *ctx;
};

static void slot_add(struct calls *calls, const Elf64_Rela *place, Elf_Data *symbols, size_t symbols_len, size_t names)
{
	uint64_t type = ELF64_R_TYPE(place->r_info), at = ELF64_R_SYM(place->r_info);
	GElf_Sym symbol;

	if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || at >= symbols_len ||
	    calls->slots_len == SLOTS_MAX || !gelf_getsym(symbols, (int)at, &symbol))
		return;
	const char *name = elf_strptr(calls->elf, names, symbol.st_name);
	if (name && !strcmp(name, calls->function))
		calls->slots[calls->slots_len++] = place->r_offset;
}

/* What the dynamic linker has to fill in. */
static void slots_read(struct calls *calls, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Scn *linked = elf_getscn(calls->elf, header->sh_link);
	GElf_Shdr of_symbols;
	size_t symbols_len = 0;

	if (header->sh_entsize != sizeof(Elf64_Rela) || !gelf_getshdr(linked, &of_symbols) ||
	    of_symbols.sh_type != SHT_DYNSYM)
		return;
	Elf_Data *symbols = ww_elf__symbols(calls->elf, linked, &of_symbols, &symbols_len);
	Elf_Data *places = ww_elf__bytes(section);
	for (size_t at = 0; symbols && places && at + sizeof(Elf64_Rela) <= places->d_size; at += sizeof(Elf64_Rela)) {
		Elf64_Rela place;

		memcpy(&place, (const uint8_t *)places->d_buf + at, sizeof(place));
		slot_add(calls, &place, symbols, symbols_len, of_symbols.sh_link);
	}
}

static bool is_slot(const struct calls *calls, uint64_t address)
{
	for (size_t i = 0; i < calls->slots_len; i++)
		if (calls->slots[i] == address)
			return true;
	return false;
}

/* Where an instruction leads whose last four bytes, at `distance`, say how far that is from its end. */
static uint64_t leads(uint64_t end, const uint8_t *distance)
{
	int32_t far;

	memcpy(&far, distance, sizeof(far));
	return end + (uint64_t)far;
}

/* Whether the code there does nothing but jump on to the function: `endbr64`, where it is, and `jmp *SLOT(%rip)`. */
static bool is_jump(const struct calls *calls, uint64_t address)
{
	static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint64_t offset = ww_static_probes__offset(calls->elf, address);
	uint8_t code[sizeof(endbr) + 7];

	if (!offset || offset > INT64_MAX || pread(calls->fd, code, sizeof(code), (off_t)offset) != sizeof(code))
		return false;
	size_t at = memcmp(code, endbr, sizeof(endbr)) ? 0 : sizeof(endbr);
	at += code[at] == 0xf2; /* bnd */
	return code[at] == 0xff && code[at + 1] == 0x25 && is_slot(calls, leads(address + at + 6, code + at + 2));
}

/* Whether the instruction calls it: by way of such a jump, or of where the linker has put its address. */
static bool is_call(const struct calls *calls, const uint8_t *code, size_t len, uint64_t address)
{
	if (len >= 5 && code[0] == 0xe8)
		return is_jump(calls, leads(address + 5, code + 1));
	return len >= 6 && code[0] == 0xff && code[1] == 0x15 && is_slot(calls, leads(address + 6, code + 2));
}

static void code_read(struct calls *calls, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = ww_elf__bytes(section);

	if (!data)
		return;
	const uint8_t *begin = data->d_buf, *end = begin + data->d_size, *at = begin;
	while ((at = memmem(at, (size_t)(end - at), calls->set_up, SET_UP_SIZE))) {
		at += SET_UP_SIZE;
		uint64_t address = header->sh_addr + (uint64_t)(at - begin);
		if (is_call(calls, at, (size_t)(end - at), address))
			calls->each(calls->ctx, address);
	}
}

void ww_call_sites__each(Elf *elf, int fd, const char *function, uint32_t number, ww_call_site_fn *each, void *ctx)
{
	struct calls calls = {
		.elf = elf,
		.fd = fd,
		.function = function,
		.set_up = {0x48, 0x89, 0xfe, 0xbf},
		.each = each,
		.ctx = ctx,
	};
	GElf_Ehdr file;
	GElf_Shdr header;

	if (!gelf_getehdr(elf, &file) || file.e_machine != EM_X86_64)
		return;
	memcpy(calls.set_up + NUMBER_AT, &number, sizeof(number));
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA)
			slots_read(&calls, section, &header);
	if (!calls.slots_len)
		return;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_PROGBITS && header.sh_flags & SHF_EXECINSTR)
			code_read(&calls, section, &header);
}
