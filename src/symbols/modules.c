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

/* Files that are mapped, in the order of their addresses. Only code matters: data is mapped and unmapped all the time.
 */
static int each_code(pid_t pid, uint64_t *hash, void (*each)(void *ctx, const struct ww_mappings *first), void *ctx)
{
	struct ww_mappings *mappings = malloc(2 * sizeof(*mappings)), *first = mappings + 1;
	uint64_t h = 0;
	int err = mappings ? ww_mappings__open(mappings, pid) : -ENOMEM;

	if (err) {
		free(mappings);
		return err;
	}
	first->path = "";
	while (ww_mappings__next(mappings)) {
		const char *flags = strchr(mappings->line, ' ');

		/* What is loaded begins with the file's first bytes. */
		if (strcmp(first->path, mappings->path) || !mappings->offset) {
			memcpy(first, mappings, sizeof(*first));
			first->path = first->line + (mappings->path - mappings->line);
		}
		if (!flags || flags[3] != 'x' || !*mappings->path)
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
};

static void report(void *ctx, const struct ww_mappings *first)
{
	struct reporting *r = ctx;
	const char *slash = strrchr(first->path, '/');
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
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(slash ? slash + 1 : first->path, " "),
		 slash ? slash + 1 : first->path);
	if (!dwfl_report_elf(r->modules->dwfl, name, name, fd, first->start, false)) {
		close(fd);
		return;
	}
	r->last = first->start;
	r->len++;
}

int ww_modules__open(struct ww_modules *modules, pid_t pid)
{
	struct ww_modules new = {.pid = pid, .dwfl = dwfl_begin(&callbacks)};
	struct reporting reporting = {.modules = &new};

	if (!new.dwfl)
		return -ENOMEM;
	dwfl_report_begin(new.dwfl);
	int err = each_code(pid, &new.maps_hash, report, &reporting);
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

int ww_modules__changed(const struct ww_modules *modules)
{
	uint64_t hash;
	int err = each_code(modules->pid, &hash, NULL, NULL);

	return err ? -ESRCH : hash != modules->maps_hash;
}

void ww_modules__close(struct ww_modules *modules)
{
	if (!modules)
		return;
	if (modules->dwfl)
		dwfl_end(modules->dwfl);
	modules->dwfl = NULL;
}
