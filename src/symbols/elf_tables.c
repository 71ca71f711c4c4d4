// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "symbols/elf_tables.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MOST    (16u << 20) /* bytes */
#define SECTIONS_MOST 65536
#define SEGMENTS_MOST 4096

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_BYTE_ORDER ELFDATA2LSB
#else
#define OWN_BYTE_ORDER ELFDATA2MSB
#endif

/* A file, or what is in memory of one. */
struct source {
	int fd;
	const uint8_t *bytes; /* NULL: in the file */
	size_t len;
};

static bool read_at(const struct source *source, uint64_t offset, void *to, size_t size)
{
	if (!source->bytes)
		return offset <= INT64_MAX && pread(source->fd, to, size, (off_t)offset) == (ssize_t)size;
	if (offset > source->len || source->len - offset < size)
		return false;
	memcpy(to, source->bytes + offset, size);
	return true;
}

/* How many there are stands in the first section where the header has no room for the number. */
#define COUNTS(bits)                                                                                                   \
	static bool counts##bits(const struct source *source)                                                          \
	{                                                                                                              \
		Elf##bits##_Ehdr header;                                                                               \
		Elf##bits##_Shdr first = {0};                                                                          \
                                                                                                                       \
		if (!read_at(source, 0, &header, sizeof(header)))                                                      \
			return false;                                                                                  \
		if (header.e_shoff && !read_at(source, header.e_shoff, &first, sizeof(first)))                         \
			memset(&first, 0, sizeof(first));                                                              \
		uint64_t sections = header.e_shnum ?: first.sh_size;                                                   \
		uint64_t segments = header.e_phnum == PN_XNUM ? first.sh_info : header.e_phnum;                        \
		return sections <= SECTIONS_MOST && segments <= SEGMENTS_MOST;                                         \
	}

COUNTS(32)
COUNTS(64)

static bool opens(const struct source *source)
{
	unsigned char identity[EI_NIDENT];

	if (!read_at(source, 0, identity, sizeof(identity)) || memcmp(identity, ELFMAG, SELFMAG) != 0 ||
	    identity[EI_DATA] != OWN_BYTE_ORDER)
		return false;
	return identity[EI_CLASS] == ELFCLASS64 ? counts64(source) : counts32(source);
}

/* It says that it is one, but libelf may know better. */
static Elf *end_if_none(Elf *elf)
{
	if (elf && elf_kind(elf) == ELF_K_ELF)
		return elf;
	elf_end(elf);
	return NULL;
}

Elf *ww_elf__open(int fd)
{
	const struct source source = {.fd = fd};

	elf_version(EV_CURRENT);
	return opens(&source) ? end_if_none(elf_begin(fd, ELF_C_READ, NULL)) : NULL;
}

Elf *ww_elf__open_memory(void *bytes, size_t len)
{
	const struct source source = {.fd = -1, .bytes = bytes, .len = len};

	elf_version(EV_CURRENT);
	return opens(&source) ? end_if_none(elf_memory(bytes, len)) : NULL;
}

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

uint64_t ww_elf__symbols_size(Elf *elf, const GElf_Shdr *header)
{
	GElf_Shdr names;
	size_t entry = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);

	if (header->sh_entsize != entry || !header->sh_size || header->sh_size > WW_ELF_TABLE_MOST ||
	    header->sh_flags & SHF_COMPRESSED || !gelf_getshdr(elf_getscn(elf, header->sh_link), &names) ||
	    names.sh_type != SHT_STRTAB || names.sh_size > WW_ELF_TABLE_MOST || names.sh_flags & SHF_COMPRESSED)
		return 0;
	return header->sh_size + names.sh_size;
}

Elf_Data *ww_elf__symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, size_t *count)
{
	Elf_Data *data;

	if (!ww_elf__symbols_size(elf, header))
		return NULL;
	data = elf_getdata(section, NULL);
	if (data)
		*count = data->d_size / header->sh_entsize;
	return data;
}

Elf_Data *ww_elf__bytes(Elf_Scn *section)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS || header.sh_size > WW_ELF_TABLE_MOST)
		return NULL;
	data = elf_rawdata(section, NULL);
	return data && data->d_buf ? data : NULL;
}
