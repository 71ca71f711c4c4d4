/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ELF files that are made for a test: code at 0x1000, and whatever sections. */
#ifndef WHYWAIT_ELF_FILES_H
#define WHYWAIT_ELF_FILES_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MADE_PARTS 8
#define MADE_CODE  0x1000
#define MADE_LEN   0x100

struct made_part {
	const char *name;
	uint32_t type;
	uint64_t flags, size; /* `size` as the header says; what is there is `len` bytes */
	const void *bytes;
	size_t len;
	uint64_t entry;
	uint32_t link;
};

/* Into a file of its own: sections are 0, .text as 1, the parts from 2 on, and their names. */
static inline int make_elf(const struct made_part *parts, unsigned count)
{
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_type = ET_DYN,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_phoff = sizeof(header),
			     .e_ehsize = sizeof(header),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 1,
			     .e_shentsize = sizeof(Elf64_Shdr),
			     .e_shnum = (uint16_t)(count + 3),
			     .e_shstrndx = (uint16_t)(count + 2)};
	const Elf64_Phdr load = {.p_type = PT_LOAD,
				 .p_flags = PF_R | PF_X,
				 .p_memsz = MADE_CODE + MADE_LEN,
				 .p_filesz = MADE_CODE + MADE_LEN,
				 .p_align = 4096};
	Elf64_Shdr sections[MADE_PARTS + 3] = {0};
	char names[256] = "\0.text";
	size_t names_len = 7;
	uint64_t at = 0x2000;
	int fd = memfd_create("made", MFD_CLOEXEC);

	sections[1] = (Elf64_Shdr){.sh_name = 1,
				   .sh_type = SHT_PROGBITS,
				   .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				   .sh_addr = MADE_CODE,
				   .sh_offset = MADE_CODE,
				   .sh_size = MADE_LEN};
	for (unsigned i = 0; i < count; i++) {
		sections[i + 2] = (Elf64_Shdr){.sh_name = (uint32_t)names_len,
					       .sh_type = parts[i].type,
					       .sh_flags = parts[i].flags,
					       .sh_offset = at,
					       .sh_size = parts[i].size ?: parts[i].len,
					       .sh_link = parts[i].link,
					       .sh_entsize = parts[i].entry,
					       .sh_addralign = 8};
		if (pwrite(fd, parts[i].bytes ?: "", parts[i].len, (off_t)at) != (ssize_t)parts[i].len)
			return -1;
		at += (sections[i + 2].sh_size + 15) & ~15ull;
		strcpy(names + names_len, parts[i].name);
		names_len += strlen(parts[i].name) + 1;
	}
	sections[count + 2] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = sizeof(names)};
	header.e_shoff = at + sizeof(names);
	if (pwrite(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    pwrite(fd, &load, sizeof(load), sizeof(header)) != sizeof(load) ||
	    pwrite(fd, names, sizeof(names), (off_t)at) != sizeof(names) ||
	    pwrite(fd, sections, (count + 3) * sizeof(*sections), (off_t)header.e_shoff) < 0)
		return -1;
	return fd;
}

/* A symbol of the code, and its name; a part each. */
static const char made_names[] = "\0made_function";
static const Elf64_Sym made_symbols[] = {
	{0}, {.st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = MADE_CODE, .st_size = MADE_LEN}};

#define MADE_SYMTAB                                                                                                    \
	{                                                                                                              \
		.name = ".symtab", .type = SHT_SYMTAB, .bytes = made_symbols, .len = sizeof(made_symbols),             \
		.entry = sizeof(Elf64_Sym), .link = 3                                                                  \
	}
#define MADE_STRTAB                                                                                                    \
	{                                                                                                              \
		.name = ".strtab", .type = SHT_STRTAB, .bytes = made_names, .len = sizeof(made_names)                  \
	}

#endif
