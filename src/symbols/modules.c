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
#include <sys/stat.h>
#include <unistd.h>

#include "util/hash.h"
#include "util/mappings.h"

/* Every file is open already: there is nothing to find. */
static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
	(void)module, (void)name, (void)base, (void)file;
	*elf = *data ? ww_image__elf(*data) : NULL;
	return -1;
}

/* Names are the image's to find, and what there is no .eh_frame for in the file is not looked for elsewhere. */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
			  const char *link, GElf_Word sum, char **found)
{
	(void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)sum, (void)found;
	return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_debuginfo};

/* The file's name, without what the kernel says of it. */
static void name_of_file(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *begin = slash ? slash + 1 : path + (*path == '[');

	snprintf(name, size, "%.*s", (int)strcspn(begin, slash ? " " : "]"), begin);
}

/* Notes a mapping of code; `first` is the first one of its file. */
static void note(struct ww_modules *modules, const struct ww_mappings *mapping, const struct ww_mappings *first)
{
	/* Some (.NET) make it in a file without a name, so as to have it twice. */
	bool is_file = *mapping->path == '/' && strncmp(mapping->path, "/memfd:", 7) != 0;

	if (modules->codes_len == WW_CODES)
		return;
	struct ww_code *code = &modules->codes[modules->codes_len++];
	*code = (struct ww_code){
		.start = mapping->start,
		.end = mapping->end,
		.offset = mapping->offset,
		.file = is_file ? ww_hash(0, mapping->path, strlen(mapping->path)) : 0,
		.again = first->offset != 0,
	};
	if (is_file)
		name_of_file(mapping->path, code->name, sizeof(code->name));
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

/* The file at that path if it is the one that is mapped, which may have been deleted, or replaced by another. */
static int open_same(const char *path, uint64_t inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat what;

	if (fd >= 0 && (fstat(fd, &what) || !S_ISREG(what.st_mode) || what.st_ino != inode)) {
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
	/* For this one more must be allowed than for those below. */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, (unsigned long long)mapping->start,
		 (unsigned long long)mapping->end);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open_same(path, mapping->inode);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, mapping->path);
	return open_same(path, mapping->inode);
}

struct reporting {
	struct ww_modules *modules;
	bool fixed; /* one is linked to its addresses */
};

/* Whether libdwfl has it. */
static bool report_to_unwinder(Dwfl *dwfl, const struct ww_module *module)
{
	char name[32];
	void **data;

	/* Its modules are told from each other by their names. */
	snprintf(name, sizeof(name), "%llx", (unsigned long long)module->start);
	Dwfl_Module *its = dwfl_report_module(dwfl, name, module->start, module->end);
	if (!its || !dwfl_module_info(its, &data, NULL, NULL, NULL, NULL, NULL, NULL))
		return false;
	*data = module->image;
	return true;
}

static void report(void *ctx, const struct ww_mappings *first)
{
	struct reporting *r = ctx;
	struct ww_modules *modules = r->modules;
	struct ww_module module = {.start = first->start};
	uint64_t taken = modules->len ? modules->modules[modules->len - 1].end : 0;
	char name[64];

	/*
	 * One module may have several mappings of code. And what a program has mapped once more of a file, as Node does
	 * of itself, is none.
	 */
	if (modules->len == WW_MODULES_MOST || first->start < taken || first->offset)
		return;
	int fd = open_mapped(modules->pid, first);
	if (fd < 0)
		return;
	name_of_file(first->path, name, sizeof(name));
	int err = ww_images__get(modules->images, fd, name, &module.image, &module.serial);
	modules->crowded |= err == -ENOSPC;
	if (err)
		return;
	bool fixed = ww_image__fixed(module.image);
	module.end = first->start + (ww_image__end(module.image) - ww_image__start(module.image));
	module.bias = first->start - ww_image__start(module.image);
	/* Nor is what it has mapped of itself from the first byte on: only one can be where it is linked to. */
	if ((fixed && r->fixed) || module.end < module.start || !report_to_unwinder(modules->dwfl, &module)) {
		ww_images__put(modules->images, module.image);
		return;
	}
	r->fixed |= fixed;
	modules->modules[modules->len++] = module;
}

int ww_modules__open(struct ww_modules *modules, struct ww_images *images, pid_t pid)
{
	struct ww_modules new = {.pid = pid, .images = images, .dwfl = dwfl_begin(&callbacks)};
	struct reporting reporting = {.modules = &new};

	new.modules = calloc(WW_MODULES_MOST, sizeof(*new.modules));
	if (!new.dwfl || !new.modules) {
		ww_modules__close(&new);
		return -ENOMEM;
	}
	dwfl_report_begin(new.dwfl);
	int err = each_code(&new, &new.maps_hash, report, &reporting);
	if (dwfl_report_end(new.dwfl, NULL, NULL) && !err)
		err = -EIO;
	if (err) {
		ww_modules__close(&new);
		return err;
	}
	struct ww_module *fit = reallocarray(new.modules, new.len ?: 1, sizeof(*fit));
	new.modules = fit ?: new.modules;
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

const struct ww_module *ww_modules__find(const struct ww_modules *modules, uint64_t address)
{
	unsigned low = 0, high = modules->len;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (modules->modules[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < modules->modules[low - 1].end ? &modules->modules[low - 1] : NULL;
}

enum ww_code_is ww_modules__at(const struct ww_modules *modules, uint64_t address, uint64_t *original,
			       const struct ww_code **code)
{
	const struct ww_code *found = find_code(modules, address);

	*code = found;
	*original = address;
	if (!found)
		return WW_CODE_NONE;
	if (!found->file)
		return WW_CODE_MADE;
	uint64_t offset = address - found->start + found->offset;
	for (unsigned i = 0; found->again && i < modules->codes_len; i++) {
		const struct ww_code *its = &modules->codes[i];

		if (its->file == found->file && !its->again && offset >= its->offset &&
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
	for (unsigned i = 0; i < modules->len; i++)
		ww_images__put(modules->images, modules->modules[i].image);
	free(modules->modules);
	modules->dwfl = NULL;
	modules->modules = NULL;
	modules->len = 0;
}
