/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/object_forms.h"

#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "whywait.skel.h"

#define SUFFIX 2 /* characters of "_p" and "_n" */

struct object {
	uint8_t *bytes;
	size_t size;
	const Elf64_Shdr *sections;
	size_t sections_len;
	const Elf64_Sym *symbols;
	size_t symbols_len;
	const char *names; /* ends with a zero byte */
	size_t names_len;
};

struct form {
	const char *name;
	size_t len; /* without the suffix */
	uint32_t symbol;
};

/* The bytes of a section, of elements of that size; NULL: they are not within the object. */
static void *section_at(const struct object *object, const Elf64_Shdr *section, size_t element, size_t *len)
{
	if (section->sh_offset > object->size || section->sh_size > object->size - section->sh_offset ||
	    section->sh_offset % (element > 1 ? 8 : 1))
		return NULL;
	*len = section->sh_size / element;
	return object->bytes + section->sh_offset;
}

static int read_tables(struct object *object)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)object->bytes;
	const Elf64_Shdr *symbols = NULL;

	if (object->size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_shentsize != sizeof(*object->sections) ||
	    head->e_shoff % 8 || head->e_shoff > object->size ||
	    head->e_shnum > (object->size - head->e_shoff) / sizeof(*object->sections))
		return -EINVAL;
	object->sections = (const Elf64_Shdr *)(object->bytes + head->e_shoff);
	object->sections_len = head->e_shnum;
	for (size_t i = 0; i < object->sections_len && !symbols; i++)
		if (object->sections[i].sh_type == SHT_SYMTAB)
			symbols = &object->sections[i];
	if (!symbols || symbols->sh_link >= object->sections_len)
		return -EINVAL;
	object->symbols = section_at(object, symbols, sizeof(*object->symbols), &object->symbols_len);
	object->names = section_at(object, &object->sections[symbols->sh_link], 1, &object->names_len);
	if (!object->symbols || !object->names || !object->names_len || object->names[object->names_len - 1])
		return -EINVAL;
	return 0;
}

/* Whether a symbol is a function of the form with that suffix. */
static bool form_of(const struct object *object, uint32_t symbol, const char *suffix, struct form *form)
{
	const Elf64_Sym *s = &object->symbols[symbol];

	if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || ELF64_ST_BIND(s->st_info) == STB_LOCAL ||
	    s->st_name >= object->names_len)
		return false;
	const char *name = object->names + s->st_name;
	size_t len = strlen(name);
	if (len <= SUFFIX || strcmp(name + len - SUFFIX, suffix))
		return false;
	*form = (struct form){name, len - SUFFIX, symbol};
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct form *one = a, *other = b;
	size_t len = one->len < other->len ? one->len : other->len;
	int order = memcmp(one->name, other->name, len);

	return order ? order : (one->len > other->len) - (one->len < other->len);
}

static void name_others(const struct object *object, const struct form *used, size_t used_len, const char *unused)
{
	for (size_t i = 0; i < object->sections_len; i++) {
		size_t len = 0;
		Elf64_Rel *relocations = object->sections[i].sh_type == SHT_REL
						 ? section_at(object, &object->sections[i], sizeof(*relocations), &len)
						 : NULL;

		for (size_t j = 0; relocations && j < len; j++) {
			struct form form, *other = NULL;
			uint32_t symbol = ELF64_R_SYM(relocations[j].r_info);

			if (symbol < object->symbols_len && form_of(object, symbol, unused, &form))
				other = bsearch(&form, used, used_len, sizeof(*used), compare);
			if (other)
				relocations[j].r_info =
					ELF64_R_INFO((Elf64_Xword)other->symbol, ELF64_R_TYPE(relocations[j].r_info));
		}
	}
}

int ww_object_forms__choose(void *object, size_t size, bool numbers)
{
	struct object parts = {.bytes = object, .size = size};
	int err = read_tables(&parts);

	if (err)
		return err;
	struct form *used = calloc(parts.symbols_len, sizeof(*used));
	size_t used_len = 0;
	if (!used)
		return -ENOMEM;
	for (uint32_t i = 0; i < parts.symbols_len; i++)
		used_len += form_of(&parts, i, numbers ? "_n" : "_p", &used[used_len]);
	qsort(used, used_len, sizeof(*used), compare);
	name_others(&parts, used, used_len, numbers ? "_p" : "_n");
	free(used);
	return 0;
}

/*
 * The BPF programs are 7 MiB of this program's file. They have been copied: their pages need not stay, and come from
 * the file again when they are read again.
 */
static void forget(const void *object, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)object, end = (start + size) / page * page;

	start = (start + page - 1) / page * page;
	if (start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}

struct whywait_bpf *ww_object_forms__open(bool numbers)
{
	struct whywait_bpf *bpf = calloc(1, sizeof(*bpf));
	int err = bpf ? whywait_bpf__create_skeleton(bpf) : -ENOMEM;
	void *copy = NULL;

	if (!err) {
		copy = malloc(bpf->skeleton->data_sz);
		err = copy ? 0 : -ENOMEM;
	}
	if (!err) {
		memcpy(copy, bpf->skeleton->data, bpf->skeleton->data_sz);
		forget(bpf->skeleton->data, bpf->skeleton->data_sz);
		bpf->skeleton->data = copy;
		err = ww_object_forms__choose(copy, bpf->skeleton->data_sz, numbers);
	}
	/* What libbpf needs of it, it has copied afterwards. */
	if (!err)
		err = bpf_object__open_skeleton(bpf->skeleton, NULL);
	free(copy);
	if (!err)
		return bpf;
	whywait_bpf__destroy(bpf);
	errno = -err;
	return NULL;
}
