/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/static_probes.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "symbols/elf_tables.h"

#define NOTE_OWNER "stapsdt"
#define NOTE_TYPE  3

struct notes {
	Elf *elf;
	uint64_t base; /* address of the section that the probes' addresses were made for; 0: none */
	ww_static_probe_fn *each;
	void *ctx;
};

uint64_t ww_static_probes__offset(Elf *elf, uint64_t address)
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
static void read_note(const struct notes *notes, const char *bytes, size_t len)
{
	uint64_t addresses[3];
	const char *provider = bytes + sizeof(addresses), *end = bytes + len, *name;
	struct ww_static_probe site;

	if (len < sizeof(addresses))
		return;
	memcpy(addresses, bytes, sizeof(addresses));
	name = memchr(provider, '\0', (size_t)(end - provider));
	if (!name)
		return;
	name++;
	if (!memchr(name, '\0', (size_t)(end - name)))
		return;
	/* Prelinking moves the file's addresses, but not those in notes. */
	uint64_t moved = notes->base ? notes->base - addresses[1] : 0;
	site.offset = ww_static_probes__offset(notes->elf, addresses[0] + moved);
	/* A counter's page may be one that the file has no bytes of: it is still told by its place in the file. */
	site.semaphore = addresses[2] ? ww_static_probes__offset(notes->elf, addresses[2] + moved) : 0;
	if (site.offset && (!addresses[2] || site.semaphore))
		notes->each(notes->ctx, provider, name, site);
}

static void read_notes(const struct notes *notes, Elf_Scn *section)
{
	Elf_Data *data = ww_elf__bytes(section);
	size_t at = 0, next, name, descriptor;
	GElf_Nhdr note;

	while (data && at < data->d_size && (next = gelf_getnote(data, at, &note, &name, &descriptor)) > at) {
		const char *bytes = data->d_buf;

		if (note.n_type == NOTE_TYPE && note.n_namesz == sizeof(NOTE_OWNER) && name <= data->d_size &&
		    data->d_size - name >= sizeof(NOTE_OWNER) &&
		    !memcmp(bytes + name, NOTE_OWNER, sizeof(NOTE_OWNER)) && descriptor <= data->d_size &&
		    data->d_size - descriptor >= note.n_descsz)
			read_note(notes, bytes + descriptor, note.n_descsz);
		at = next;
	}
}

/* The section of that name; NULL: none. */
static Elf_Scn *section_of(Elf *elf, const char *wanted, GElf_Shdr *header)
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

void ww_static_probes__each(Elf *elf, ww_static_probe_fn *each, void *ctx)
{
	struct notes notes = {.elf = elf, .each = each, .ctx = ctx};
	GElf_Shdr header;
	Elf_Scn *section;

	if (section_of(elf, ".stapsdt.base", &header))
		notes.base = header.sh_addr;
	section = section_of(elf, ".note.stapsdt", &header);
	if (section && header.sh_type == SHT_NOTE)
		read_notes(&notes, section);
}

struct wanted {
	const char *provider, *name;
	struct ww_static_probe *sites;
	int len, most;
};

static void take_wanted(void *ctx, const char *provider, const char *name, struct ww_static_probe site)
{
	struct wanted *wanted = ctx;

	if (strcmp(provider, wanted->provider) != 0 || strcmp(name, wanted->name) != 0)
		return;
	if (wanted->len < wanted->most)
		wanted->sites[wanted->len] = site;
	wanted->len++;
}

int ww_static_probes__find(int fd, const char *provider, const char *name, struct ww_static_probe *sites, int most)
{
	struct wanted wanted = {.provider = provider, .name = name, .sites = sites, .most = most};
	Elf *elf = ww_elf__open(fd);
	const char *identity = elf ? elf_getident(elf, NULL) : NULL;

	if (identity && identity[EI_CLASS] == ELFCLASS64)
		ww_static_probes__each(elf, take_wanted, &wanted);
	elf_end(elf);
	return wanted.len > most ? -E2BIG : wanted.len;
}

bool ww_static_probes__has_section(int fd, const char *section)
{
	Elf *elf = ww_elf__open(fd);
	GElf_Shdr header;
	bool has = elf && section_of(elf, section, &header);

	elf_end(elf);
	return has;
}
