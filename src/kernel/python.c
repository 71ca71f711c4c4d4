/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/python.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define VERSION_MINOR(hex) ((hex) >> 16 & 0xff) /* of PY_VERSION_HEX: 0xMMmmpp.. */
#define VERSION_MAJOR(hex) ((hex) >> 24)

/* Offsets by minor version of CPython 3, on 64-bit machines; read off a build's debug information. */
static const struct {
	unsigned minor;
	struct ww_python_layout layout;
} layouts[] = {
	{11, {.interpreters = 40, .threads = 16, .next = 8, .native_id = 160, .context = 224}},
};

struct symbols {
	uint64_t runtime; /* addresses in the file; 0: not there */
	uint64_t version;
	uint64_t base; /* lowest address that is loaded */
};

/* Reads the two dynamic symbols of an ELF file that tell. */
static int symbols_read(int fd, struct symbols *out)
{
	struct symbols found = {.base = UINT64_MAX};
	int err = -ENOENT;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return -ENOENT;
	size_t headers = 0;
	if (elf_getphdrnum(elf, &headers))
		goto out;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;
		if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD && header.p_vaddr < found.base)
			found.base = header.p_vaddr;
	}
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM || !header.sh_entsize)
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		size_t count = data ? data->d_size / header.sh_entsize : 0;
		for (size_t i = 0; i < count; i++) {
			GElf_Sym symbol;
			if (!gelf_getsym(data, (int)i, &symbol) || !symbol.st_value)
				continue;
			const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
			if (name && !strcmp(name, "_PyRuntime"))
				found.runtime = symbol.st_value;
			else if (name && !strcmp(name, "Py_Version"))
				found.version = symbol.st_value;
		}
	}
	if (found.runtime && found.version && found.base != UINT64_MAX) {
		*out = found;
		err = 0;
	}
out:
	elf_end(elf);
	return err;
}

static int layout_choose(pid_t pid, uint64_t bias, const struct symbols *symbols, struct ww_python_layout *layout)
{
	uint32_t version = 0;
	struct iovec here = {&version, sizeof(version)};
	struct iovec there = {(void *)(uintptr_t)(bias + symbols->version), sizeof(version)};
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(version))
		return -errno;
	if (VERSION_MAJOR(version) != 3)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].minor == VERSION_MINOR(version)) {
			*layout = layouts[i].layout;
			layout->runtime = bias + symbols->runtime;
			return 0;
		}
	}
	return -ENOENT;
}

int ww_python__find(pid_t pid, struct ww_python_layout *layout)
{
	char path[64], line[4608], last[4096] = "";
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		return -errno;
	int err = -ENOENT;
	while (err && fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, offset;
		int at = 0;
		if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &start, &end, &offset, &at) != 3 || !at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		const char *file = line + at;
		/* The interpreter or its library; the first mapping of a file is its lowest. */
		if (!strstr(file, "python3") || offset || !strcmp(file, last))
			continue;
		snprintf(last, sizeof(last), "%s", file);
		/* By way of the mapping: the process may be in another mount namespace, or its file replaced. */
		snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, start, end);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		struct symbols symbols;
		if (!symbols_read(fd, &symbols))
			err = layout_choose(pid, start - symbols.base, &symbols, layout);
		close(fd);
	}
	fclose(maps);
	return err;
}
