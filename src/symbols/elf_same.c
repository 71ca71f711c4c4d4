/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/elf_same.h"

#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "symbols/elf_confine.h"
#include "symbols/elf_tables.h"

#define PART 16384

static bool same_bytes(int a, int b, uint64_t offset, uint64_t len)
{
	char of_a[PART], of_b[PART];

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return false;
	while (len) {
		size_t part = len < PART ? (size_t)len : PART;

		if (pread(a, of_a, part, (off_t)offset) != (ssize_t)part ||
		    pread(b, of_b, part, (off_t)offset) != (ssize_t)part || memcmp(of_a, of_b, part) != 0)
			return false;
		offset += part;
		len -= part;
	}
	return true;
}

static bool same_headers(const struct ww_elf_file *a, const struct ww_elf_file *b, size_t *names)
{
	GElf_Ehdr of_a, of_b;

	return gelf_getehdr(a->elf, &of_a) && gelf_getehdr(b->elf, &of_b) && !memcmp(&of_a, &of_b, sizeof(of_a)) &&
	       !ww_elf__section_names(a->elf, names) &&
	       same_bytes(a->fd, b->fd, of_a.e_phoff, (uint64_t)of_a.e_phnum * of_a.e_phentsize);
}

bool ww_elf__same(const struct ww_elf_file *a, const struct ww_elf_file *b)
{
	Elf_Scn *of_b = NULL;
	size_t names;

	if (!same_headers(a, b, &names))
		return false;
	for (Elf_Scn *of_a = NULL; (of_a = elf_nextscn(a->elf, of_a));) {
		GElf_Shdr its, other;

		of_b = elf_nextscn(b->elf, of_b);
		if (!of_b || !gelf_getshdr(of_a, &its) || !gelf_getshdr(of_b, &other) ||
		    memcmp(&its, &other, sizeof(its)) != 0)
			return false;
		const char *name = elf_strptr(a->elf, names, its.sh_name);
		if (ww_elf__is_used(name ?: "", &its) && !same_bytes(a->fd, b->fd, its.sh_offset, its.sh_size))
			return false;
	}
	return !elf_nextscn(b->elf, of_b);
}
