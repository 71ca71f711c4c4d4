/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/dynsym.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols/elf_tables.h"
#include "util/mappings.h"

#define MOST 8 /* symbols looked for at once */

static void section_search(Elf *elf, Elf_Scn *section, const struct ww_dynsym *wanted, GElf_Sym *found, size_t len)
{
	GElf_Shdr header;
	size_t count = 0;
	if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM)
		return;
	Elf_Data *data = ww_elf__symbols(elf, section, &header, &count);
	for (size_t i = 0; i < count; i++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)i, &symbol) || !symbol.st_value)
			continue;
		const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
		for (size_t k = 0; name && k < len; k++)
			if (!strcmp(name, wanted[k].name))
				found[k] = symbol;
	}
}

/* Reads the symbols of an ELF file; their addresses are those in memory when its lowest page is at `start`. */
static int file_search(int fd, uint64_t start, struct ww_dynsym *symbols, size_t len)
{
	GElf_Sym found[MOST] = {0};
	uint64_t base = UINT64_MAX;
	size_t headers = 0;
	int err = -ENOENT;
	Elf *elf = ww_elf__open(fd);
	if (!elf || elf_getphdrnum(elf, &headers))
		goto out;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;
		if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD && header.p_vaddr < base)
			base = header.p_vaddr;
	}
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section))
		section_search(elf, section, symbols, found, len);
	for (size_t k = 0; k < len; k++)
		if (!found[k].st_value)
			goto out;
	for (size_t k = 0; k < len; k++) {
		symbols[k].address = start - base + found[k].st_value;
		symbols[k].size = found[k].st_size;
	}
	err = 0;
out:
	elf_end(elf);
	return err;
}

/* Whether the path has one of the names in it. */
static bool path_matches(const char *path, const char *const *files)
{
	for (size_t i = 0; files[i]; i++)
		if (strstr(path, files[i]))
			return true;
	return false;
}

int ww_dynsym__find(pid_t pid, const char *const *files, struct ww_dynsym *symbols, size_t len)
{
	struct ww_mappings mappings;
	char path[64], last[sizeof(mappings.line)] = "";
	if (len > MOST)
		return -EINVAL;
	int err = ww_mappings__open(&mappings, pid);
	if (err)
		return err;
	err = -ENOENT;
	while (err && ww_mappings__next(&mappings)) {
		/* The first mapping of a file is its lowest. */
		if (mappings.offset || !path_matches(mappings.path, files) || !strcmp(mappings.path, last))
			continue;
		snprintf(last, sizeof(last), "%s", mappings.path);
		snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, (unsigned long long)mappings.start,
			 (unsigned long long)mappings.end);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		err = file_search(fd, mappings.start, symbols, len);
		close(fd);
	}
	ww_mappings__close(&mappings);
	return err;
}
