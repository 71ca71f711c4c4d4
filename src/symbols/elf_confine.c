/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/elf_confine.h"

#include <errno.h>
#include <string.h>

#include "symbols/elf_tables.h"

#define SMALL_MOST (1u << 20) /* bytes of notes and the like */

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

static const char *const unwinding[] = {".eh_frame", ".eh_frame_hdr", ".debug_frame", NULL};
static const char *const packed[] = {".gnu_debugdata", NULL};
static const char *const go[] = {".gopclntab", ".data.rel.ro.gopclntab", NULL};
/* Where they lead to is not gone to. */
static const char *const links[] = {".gnu_debuglink", ".gnu_debugaltlink", NULL};

static bool is_symbols(const GElf_Shdr *header)
{
	return header->sh_type == SHT_SYMTAB || header->sh_type == SHT_DYNSYM;
}

bool ww_elf__is_used(const char *name, const GElf_Shdr *header)
{
	return header->sh_type != SHT_NOBITS &&
	       (is_symbols(header) || header->sh_type == SHT_SYMTAB_SHNDX || header->sh_type == SHT_STRTAB ||
		is_one_of(name, unwinding) || is_one_of(name, packed) || is_one_of(name, go));
}

void ww_elf__hide(Elf_Scn *section)
{
	GElf_Shdr none = {.sh_type = SHT_NULL};

	gelf_update_shdr(section, &none);
}

/* Go's linker compresses what debuggers read; libdw unpacks it. */
static uint64_t unpacked_size(Elf_Scn *section, const GElf_Shdr *header)
{
	GElf_Chdr compressed;

	if (!(header->sh_flags & SHF_COMPRESSED))
		return header->sh_size;
	return gelf_getchdr(section, &compressed) ? compressed.ch_size : UINT64_MAX;
}

/* What is read of it; UINT64_MAX: it is to be hidden. */
static uint64_t size_of(Elf *elf, Elf_Scn *section, const char *name, const GElf_Shdr *header)
{
	uint64_t size = header->sh_type == SHT_NOBITS ? 0 : header->sh_size;

	if (is_symbols(header))
		return ww_elf__symbols_size(elf, header) ?: UINT64_MAX;
	if (is_one_of(name, unwinding))
		size = header->sh_type == SHT_NOBITS ? 0 : unpacked_size(section, header);
	else if (is_one_of(name, links) || begins(name, ".debug_") || begins(name, ".zdebug_"))
		return UINT64_MAX;
	else if (header->sh_type == SHT_NOTE || begins(name, ".gnu.prelink"))
		return size > SMALL_MOST || header->sh_flags & SHF_COMPRESSED ? UINT64_MAX : size;
	else if (header->sh_type == SHT_SYMTAB_SHNDX && header->sh_flags & SHF_COMPRESSED)
		return UINT64_MAX;
	else if (header->sh_type != SHT_SYMTAB_SHNDX && !is_one_of(name, packed) && !is_one_of(name, go))
		return 0;
	return size > WW_ELF_TABLE_MOST ? UINT64_MAX : size;
}

struct walk {
	Elf *elf;
	size_t names; /* 0: sections have none */
	uint64_t bytes;
	bool unwinds, symbols; /* by sections */
};

static const char *name_of(const struct walk *walk, const GElf_Shdr *header)
{
	const char *name = walk->names ? elf_strptr(walk->elf, walk->names, header->sh_name) : NULL;

	return name ?: "";
}

/* Looks at all sections; those of symbols of the type that is `too_much` are hidden. */
static int walk_sections(struct walk *walk, GElf_Word too_much)
{
	walk->bytes = 0;
	walk->unwinds = walk->symbols = false;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(walk->elf, section));) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			return -ENOEXEC;
		const char *name = name_of(walk, &header);
		uint64_t size = size_of(walk->elf, section, name, &header);
		if (size == UINT64_MAX && !strcmp(name, ".eh_frame"))
			return -EFBIG;
		if (size == UINT64_MAX || (is_symbols(&header) && header.sh_type == too_much)) {
			ww_elf__hide(section);
			continue;
		}
		walk->bytes += size;
		walk->unwinds |= !strcmp(name, ".eh_frame");
		walk->symbols |= is_symbols(&header);
	}
	return 0;
}

/* What is found by segments, where sections don't tell: libelf reads the whole file for that. */
static int walk_segments(struct walk *walk, uint64_t file_size, bool *sections)
{
	uint64_t small = 0;
	size_t count;

	*sections = true;
	if (elf_getphdrnum(walk->elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		bool hide = false;

		if (!gelf_getphdr(walk->elf, (int)i, &header))
			return -ENOEXEC;
		if (header.p_type == PT_NOTE || header.p_type == PT_DYNAMIC) {
			if (header.p_filesz > SMALL_MOST || (small += header.p_filesz) > SMALL_MOST)
				return -EFBIG;
			/* Symbols are counted there by a search from word to word. */
			hide = header.p_type == PT_DYNAMIC && !walk->symbols && file_size > SMALL_MOST;
			*sections &= header.p_type != PT_DYNAMIC || walk->symbols;
		} else if (header.p_type == PT_GNU_EH_FRAME && !walk->unwinds) {
			hide = file_size > WW_ELF_TABLE_MOST / 2;
			*sections = false;
			walk->bytes += hide ? 0 : 2 * file_size;
		}
		if (hide) {
			header.p_type = PT_NULL;
			gelf_update_phdr(walk->elf, (int)i, &header);
		}
	}
	walk->bytes += small;
	return 0;
}

int ww_elf__confine(Elf *elf, uint64_t file_size, struct ww_elf_confined *confined)
{
	static const GElf_Word too_much[] = {SHT_NULL, SHT_SYMTAB, SHT_DYNSYM};
	struct walk walk = {.elf = elf};
	int err = ww_elf__section_names(elf, &walk.names);

	if (err && err != -ENOENT)
		return err;
	/* What is hidden has the first name, which has to be none. */
	const char *first = walk.names ? elf_strptr(elf, walk.names, 0) : "";
	if (!first || *first)
		return -ENOEXEC;
	walk.bytes = UINT64_MAX;
	for (size_t i = 0; i < sizeof(too_much) / sizeof(*too_much) && walk.bytes > WW_ELF_TABLE_MOST; i++) {
		err = walk_sections(&walk, too_much[i]);
		if (err)
			return err;
	}
	if (walk.bytes > WW_ELF_TABLE_MOST)
		return -EFBIG;
	err = walk_segments(&walk, file_size, &confined->sections);
	if (err)
		return err;
	confined->bytes = walk.bytes;
	return 0;
}
