/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/modules.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/hash.h"
#include "util/mappings.h"

#define MOST_MODULES 1024

/* Every module is opened by us: there is nothing to find. */
static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
	(void)module, (void)data, (void)name, (void)base, (void)file, (void)elf;
	return -1;
}

static char *debuginfo_path;

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debuginfo_path,
};

/* Notes a mapping of code; `first` is the first one of its file. */
static void note(struct ww_modules *modules, const struct ww_mappings *mapping, const struct ww_mappings *first)
{
	/* Some (.NET) make it in a file without a name, so as to have it twice. */
	bool is_file = *mapping->path == '/' && strncmp(mapping->path, "/memfd:", 7) != 0;

	if (modules->codes_len == WW_CODES)
		return;
	modules->codes[modules->codes_len++] = (struct ww_code){
		.start = mapping->start,
		.end = mapping->end,
		.offset = mapping->offset,
		.file = is_file ? ww_hash(0, mapping->path, strlen(mapping->path)) : 0,
		.again = first->offset != 0,
	};
}

/*
 * Files that are mapped, in the order of their addresses. Only code matters: data is mapped and unmapped all the time,
 * and what programs make of code, too.
 */
static int each_code(struct ww_modules *modules, uint64_t *hash,
		     void (*each)(void *ctx, const struct ww_mappings *first), void *ctx)
{
	struct ww_mappings *mappings = malloc(2 * sizeof(*mappings)), *first = mappings + 1;
	uint64_t h = 0;
	int err = mappings ? ww_mappings__open(mappings, modules->pid) : -ENOMEM;

	if (err) {
		free(mappings);
		return err;
	}
	modules->codes_len = 0;
	first->path = "";
	while (ww_mappings__next(mappings)) {
		const char *flags = strchr(mappings->line, ' ');

		/* What is loaded begins with the file's first bytes. */
		if (strcmp(first->path, mappings->path) || !mappings->offset) {
			memcpy(first, mappings, sizeof(*first));
			first->path = first->line + (mappings->path - mappings->line);
		}
		if (!flags || flags[3] != 'x')
			continue;
		if (*mappings->path != '[')
			note(modules, mappings, first);
		if (!*mappings->path)
			continue;
		h = ww_hash(h, &mappings->start, sizeof(mappings->start));
		h = ww_hash(h, mappings->path, strlen(mappings->path));
		if (each)
			each(ctx, first);
	}
	ww_mappings__close(mappings);
	free(mappings);
	*hash = h;
	return 0;
}

/* The code that the kernel maps into every process is the same as in this one. */
static int open_vdso(void)
{
	const Elf64_Ehdr *image = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	int fd = image ? memfd_create("vdso", MFD_CLOEXEC) : -1;
	size_t size = image ? image->e_shoff + (size_t)image->e_shnum * image->e_shentsize : 0;

	if (fd >= 0 && write(fd, image, size) != (ssize_t)size) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_mapped(pid_t pid, const struct ww_mappings *mapping)
{
	char path[4700];

	if (!strcmp(mapping->path, "[vdso]"))
		return open_vdso();
	if (mapping->path[0] != '/')
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, (unsigned long long)mapping->start,
		 (unsigned long long)mapping->end);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, mapping->path);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

struct reporting {
	struct ww_modules *modules;
	unsigned len;
	uint64_t last; /* where the newest begins */
	bool fixed;    /* one is linked to its addresses */
};

static void report(void *ctx, const struct ww_mappings *first)
{
	struct reporting *r = ctx;
	const char *slash = strrchr(first->path, '/');
	Elf64_Ehdr header;
	char name[256];
	int fd;

	/*
	 * One module may have several mappings of code. And what a program has mapped once more of a file, as Node does
	 * of itself, is none: libdwfl would drop the first.
	 */
	if (r->len == MOST_MODULES || (r->len && r->last == first->start) || first->offset)
		return;
	fd = open_mapped(r->modules->pid, first);
	if (fd < 0)
		return;
	/* Nor is what it has mapped of itself from the first byte on: only one can be where it is linked to. */
	bool fixed = pread(fd, &header, sizeof(header), 0) == sizeof(header) && header.e_type == ET_EXEC;
	if (fixed && r->fixed) {
		close(fd);
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(slash ? slash + 1 : first->path, " "),
		 slash ? slash + 1 : first->path);
	if (!dwfl_report_elf(r->modules->dwfl, name, name, fd, first->start, false)) {
		close(fd);
		return;
	}
	r->last = first->start;
	r->fixed |= fixed;
	r->len++;
}

int ww_modules__open(struct ww_modules *modules, pid_t pid)
{
	struct ww_modules new = {.pid = pid, .dwfl = dwfl_begin(&callbacks)};
	struct reporting reporting = {.modules = &new};

	if (!new.dwfl)
		return -ENOMEM;
	dwfl_report_begin(new.dwfl);
	int err = each_code(&new, &new.maps_hash, report, &reporting);
	if (dwfl_report_end(new.dwfl, NULL, NULL) && !err)
		err = -EIO;
	if (err) {
		dwfl_end(new.dwfl);
		return err;
	}
	new.empty = !reporting.len;
	*modules = new;
	return 0;
}

int ww_modules__changed(struct ww_modules *modules)
{
	uint64_t hash;
	int err = each_code(modules, &hash, NULL, NULL);

	return err ? -ESRCH : hash != modules->maps_hash;
}

static const struct ww_code *find_code(const struct ww_modules *modules, uint64_t address)
{
	for (unsigned i = 0; i < modules->codes_len; i++)
		if (address >= modules->codes[i].start && address < modules->codes[i].end)
			return &modules->codes[i];
	return NULL;
}

enum ww_code_is ww_modules__at(const struct ww_modules *modules, uint64_t address, uint64_t *original)
{
	const struct ww_code *code = find_code(modules, address);

	*original = address;
	if (!code)
		return WW_CODE_NONE;
	if (!code->file)
		return WW_CODE_MADE;
	uint64_t offset = address - code->start + code->offset;
	for (unsigned i = 0; code->again && i < modules->codes_len; i++) {
		const struct ww_code *its = &modules->codes[i];

		if (its->file == code->file && !its->again && offset >= its->offset &&
		    offset - its->offset < its->end - its->start) {
			*original = its->start + (offset - its->offset);
			break;
		}
	}
	return WW_CODE_FILE;
}

void ww_modules__close(struct ww_modules *modules)
{
	if (!modules)
		return;
	if (modules->dwfl)
		dwfl_end(modules->dwfl);
	modules->dwfl = NULL;
}
