/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/allocators.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols/elf_tables.h"
#include "util/mappings.h"

#define RENEWS "realloc"

static const char *const names[] = {"malloc", "calloc", RENEWS, "memalign", "aligned_alloc", "posix_memalign"};

struct search {
	Elf *elf;
	int fd;
	struct ww_allocator_site *sites;
	size_t len;
	bool own_heap; /* the process is one of a runtime that seldom asks the C library for what its programs allocate
			*/
};

/* Several names may be of one function. */
static void site_add(struct search *search, uint64_t address, bool renews)
{
	size_t headers = 0;

	if (elf_getphdrnum(search->elf, &headers))
		return;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;
		uint64_t offset;

		if (!gelf_getphdr(search->elf, (int)i, &header) || header.p_type != PT_LOAD ||
		    !(header.p_flags & PF_X) || address < header.p_vaddr || address - header.p_vaddr >= header.p_filesz)
			continue;
		offset = address - header.p_vaddr + header.p_offset;
		for (size_t k = 0; k < search->len; k++)
			if (search->sites[k].fd == search->fd && search->sites[k].offset == offset)
				return;
		if (search->len < WW_ALLOCATOR_SITES)
			search->sites[search->len++] = (struct ww_allocator_site){search->fd, renews, offset};
		return;
	}
}

static void symbols_read(struct search *search, Elf_Scn *section, const GElf_Shdr *header)
{
	size_t count = 0;
	Elf_Data *data = ww_elf__symbols(search->elf, section, header, &count);

	for (size_t at = 0; at < count; at++) {
		GElf_Sym symbol;

		if (!gelf_getsym(data, (int)at, &symbol) || !symbol.st_value ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		const char *name = elf_strptr(search->elf, header->sh_link, symbol.st_name);
		for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
			if (!strcmp(name, names[i]))
				site_add(search, symbol.st_value, !strcmp(name, RENEWS));
	}
}

static void file_search(struct search *search)
{
	size_t strings = 0;

	search->elf = ww_elf__open(search->fd);
	if (search->elf && !ww_elf__section_names(search->elf, &strings)) {
		for (Elf_Scn *section = NULL; (section = elf_nextscn(search->elf, section));) {
			GElf_Shdr header;
			const char *name = gelf_getshdr(section, &header)
						   ? elf_strptr(search->elf, strings, header.sh_name)
						   : NULL;

			if (name && (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab")))
				search->own_heap = true;
			if (name && (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
				symbols_read(search, section, &header);
		}
	}
	elf_end(search->elf);
	search->elf = NULL;
}

/* HotSpot and V8 are told by their files' names, Go by a section. */
static bool has_own_heap(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strcmp(name, "/libjvm.so") || !strcmp(name, "/node"));
}

/* What loads libraries has an allocator of its own, until the C library's is there. */
static bool is_loader(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/ld-", 4) || !strncmp(name, "/ld.so", 6));
}

size_t ww_allocators__find(uint32_t pid, struct ww_allocator_site sites[WW_ALLOCATOR_SITES])
{
	struct ww_mappings mappings;
	struct search search = {.sites = sites};
	char path[64], last[sizeof(mappings.line)] = "";

	if (ww_mappings__open(&mappings, (pid_t)pid))
		return 0;
	while (ww_mappings__next(&mappings)) {
		size_t before = search.len;

		/* The first mapping of a file is its lowest. */
		if (mappings.offset || mappings.path[0] != '/' || !strcmp(mappings.path, last) ||
		    is_loader(mappings.path))
			continue;
		snprintf(last, sizeof(last), "%s", mappings.path);
		search.own_heap |= has_own_heap(last);
		snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)mappings.start,
			 (unsigned long long)mappings.end);
		search.fd = open(path, O_RDONLY | O_CLOEXEC);
		if (search.fd < 0)
			continue;
		file_search(&search);
		if (search.len == before)
			close(search.fd);
	}
	ww_mappings__close(&mappings);
	if (search.own_heap) {
		ww_allocators__close(sites, search.len);
		return 0;
	}
	return search.len;
}

void ww_allocators__close(struct ww_allocator_site *sites, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!i || sites[i].fd != sites[i - 1].fd)
			close(sites[i].fd);
}
