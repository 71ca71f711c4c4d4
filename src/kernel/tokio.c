/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/tokio.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "symbols/tokio_tables.h"
#include "symbols/elf_tables.h"
#include "util/mappings.h"

#define MOST_RELRO   (16ul << 20)
#define MOST_TEXT    (256ul << 20)
#define MOST_TLS     2048
#define MOST_STRINGS (64ul << 20)

/* What the file's headers tell of it. */
struct program {
	uint64_t base, end; /* lowest and highest address that it asks for */
	uint64_t relro, relro_len;
	uint64_t text, text_len, text_offset;
	uint64_t tls;
};

static int program_read(Elf *elf, struct program *program)
{
	size_t headers = 0;
	if (elf_getphdrnum(elf, &headers))
		return -ENOENT;
	program->base = UINT64_MAX;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(elf, (int)i, &header))
			return -ENOENT;
		uint64_t align = header.p_align ? header.p_align : 1;
		if (header.p_type == PT_GNU_RELRO) {
			program->relro = (header.p_vaddr + 7) & ~7ull;
			program->relro_len = header.p_memsz;
		} else if (header.p_type == PT_TLS && align <= MOST_TLS) {
			program->tls = (header.p_memsz + align - 1) / align * align;
		}
		if (header.p_type != PT_LOAD)
			continue;
		if (header.p_vaddr < program->base)
			program->base = header.p_vaddr;
		if (header.p_vaddr + header.p_memsz > program->end)
			program->end = header.p_vaddr + header.p_memsz;
		if (header.p_flags & PF_X && !program->text_len) {
			program->text = header.p_vaddr;
			program->text_len = header.p_filesz;
			program->text_offset = header.p_offset;
		}
	}
	bool sane = program->relro_len && program->relro_len <= MOST_RELRO && program->text_len &&
		    program->text_len <= MOST_TEXT && program->tls && program->tls % 8 == 0;
	return sane && program->tls <= MOST_TLS ? 0 : -ENOENT;
}

/* Whether it has strings that tokio puts into every program: places in its source, or names of its threads. */
static bool names_tokio(Elf *elf)
{
	static const char *const names[] = {"/tokio-1.", "tokio-runtime-worker", "tokio/src/runtime"};
	size_t strings = 0;
	if (ww_elf__section_names(elf, &strings))
		return false;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, strings, header.sh_name) : NULL;
		if (!name || strcmp(name, ".rodata") != 0 || header.sh_size > MOST_STRINGS)
			continue;
		Elf_Data *data = ww_elf__bytes(section);
		for (size_t i = 0; data && i < sizeof(names) / sizeof(names[0]); i++)
			if (memmem(data->d_buf, data->d_size, names[i], strlen(names[i])))
				return true;
	}
	return false;
}

static int tables_find(pid_t pid, int fd, const struct program *program, uint64_t shift, struct ww_tokio_layout *layout)
{
	int err = -ENOMEM;
	uint64_t *words = malloc(program->relro_len);
	unsigned char *text = malloc(program->text_len);
	struct iovec here = {words, program->relro_len};
	struct iovec there = {(void *)(uintptr_t)(program->relro + shift), program->relro_len};
	if (!words || !text)
		goto out;
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	if (got < 0) {
		err = -errno;
		goto out;
	}
	ssize_t code = pread(fd, text, program->text_len, (off_t)program->text_offset);
	if (code < 0) {
		err = -errno;
		goto out;
	}
	struct ww_tokio_image image = {.words = words,
				       .len = (size_t)got / 8,
				       .address = program->relro + shift,
				       .text = text,
				       .text_address = program->text + shift,
				       .text_len = (uint64_t)code};
	struct ww_tokio_tables tables;
	err = ww_tokio_tables__find(&image, &tables);
	if (err)
		goto out;
	layout->vtables = tables.tasks;
	layout->vtables_len = tables.tasks_len;
	layout->waker = tables.waker;
	layout->data_first = tables.data_first;
out:
	free(text);
	free(words);
	return err;
}

int ww_tokio__find(pid_t pid, struct ww_tokio_layout *layout)
{
	struct program program = {0};
	struct ww_tokio_layout found = {0};
	char path[32];
	int err = -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	Elf *elf = ww_elf__open(fd);
	/* Few programs have storage of their own for threads: the strings of others are not looked through. */
	bool has = elf && !program_read(elf, &program) && names_tokio(elf);
	uint64_t start = has ? ww_mappings__program(pid) : 0;
	if (start)
		err = tables_find(pid, fd, &program, start - program.base, &found);
	if (!err) {
		found.tls = (uint32_t)program.tls;
		found.image = start;
		found.image_len = program.end - program.base;
		*layout = found;
	}
	elf_end(elf);
	close(fd);
	return err;
}
