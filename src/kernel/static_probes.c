/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/static_probes.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>

struct search {
	Elf *elf;
	const char *provider, *name;
	uint64_t base; /* address of the section that the probes' addresses were made for; 0: none */
	struct ww_static_probe *sites;
	int len, most;
};

/* Where in the file the byte is that is at that address in memory; 0 where none is. */
static uint64_t offset_of(Elf *elf, uint64_t address)
{
	size_t headers = 0;

	if (elf_getphdrnum(elf, &headers))
		return 0;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;

		if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD && address >= header.p_vaddr &&
		    address - header.p_vaddr < header.p_memsz)
			return address - header.p_vaddr + header.p_offset;
	}
	return 0;
}

/* Three addresses (of the probe, of what `base` was then, of the semaphore), and strings: provider, name, arguments. */
static void read_note(struct search *search, const char *bytes, size_t len)
{
	uint64_t addresses[3];
	size_t provider_size = strlen(search->provider) + 1, name_size = strlen(search->name) + 1;
	struct ww_static_probe site;

	if (len < sizeof(addresses) + provider_size + name_size ||
	    memcmp(bytes + sizeof(addresses), search->provider, provider_size) != 0 ||
	    memcmp(bytes + sizeof(addresses) + provider_size, search->name, name_size) != 0)
		return;
	memcpy(addresses, bytes, sizeof(addresses));
	/* Prelinking moves the file's addresses, but not those in notes. */
	uint64_t moved = search->base ? search->base - addresses[1] : 0;
	site.offset = offset_of(search->elf, addresses[0] + moved);
	site.semaphore = addresses[2] ? offset_of(search->elf, addresses[2] + moved) : 0;
	if (!site.offset || (addresses[2] && !site.semaphore))
		return;
	if (search->len < search->most)
		search->sites[search->len] = site;
	search->len++;
}

static void read_notes(struct search *search, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t at = 0, next, name, descriptor;
	GElf_Nhdr note;

	while (data && at < data->d_size && (next = gelf_getnote(data, at, &note, &name, &descriptor)) > at) {
		const char *bytes = data->d_buf;

		if (note.n_type == 3 && note.n_namesz == sizeof("stapsdt") && name <= data->d_size &&
		    data->d_size - name >= sizeof("stapsdt") && !memcmp(bytes + name, "stapsdt", sizeof("stapsdt")) &&
		    descriptor <= data->d_size && data->d_size - descriptor >= note.n_descsz)
			read_note(search, bytes + descriptor, note.n_descsz);
		at = next;
	}
}

/* The section of that name; NULL: none. */
static Elf_Scn *section_of(Elf *elf, const char *wanted, GElf_Shdr *header)
{
	size_t names = 0;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		const char *name = gelf_getshdr(section, header) ? elf_strptr(elf, names, header->sh_name) : NULL;

		if (name && !strcmp(name, wanted))
			return section;
	}
	return NULL;
}

/* Not mapped: a file that is cut off meanwhile would end this process. */
static Elf *open_elf(int fd)
{
	elf_version(EV_CURRENT);
	return elf_begin(fd, ELF_C_READ, NULL);
}

int ww_static_probes__find(int fd, const char *provider, const char *name, struct ww_static_probe *sites, int most)
{
	struct search search = {.elf = open_elf(fd), .provider = provider, .name = name, .sites = sites, .most = most};
	const char *identity = search.elf ? elf_getident(search.elf, NULL) : NULL;
	GElf_Shdr header;

	if (identity && elf_kind(search.elf) == ELF_K_ELF && identity[EI_CLASS] == ELFCLASS64) {
		Elf_Scn *notes;

		if (section_of(search.elf, ".stapsdt.base", &header))
			search.base = header.sh_addr;
		notes = section_of(search.elf, ".note.stapsdt", &header);
		if (notes && header.sh_type == SHT_NOTE)
			read_notes(&search, notes);
	}
	elf_end(search.elf);
	return search.len > most ? -E2BIG : search.len;
}

bool ww_static_probes__has_section(int fd, const char *section)
{
	Elf *elf = open_elf(fd);
	GElf_Shdr header;
	bool has = elf && elf_kind(elf) == ELF_K_ELF && section_of(elf, section, &header);

	elf_end(elf);
	return has;
}
