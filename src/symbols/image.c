/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/image.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/elf_confine.h"
#include "symbols/elf_same.h"
#include "symbols/elf_tables.h"
#include "symbols/go_table.h"
#include "symbols/packed_symbols.h"

#define SYMBOLS_MOST (1u << 20)
#define NESTED_MOST  32 /* functions in another one's range that are looked past */
#define MANGLED_MOST 2048

/* Symbols are numbered as libdwfl has them, which keeps their names. */
struct symbol {
	uint64_t start;
	uint32_t size, number;
	uint8_t rank; /* of several at one address the lowest names it */
	bool guessed; /* its size is: it has none of its own */
};

struct ww_image {
	int fd;
	Elf *elf;
	Dwfl *dwfl;
	Dwfl_Module *module;
	uint64_t start, end;
	bool fixed, read;
	struct symbol *symbols; /* by their addresses, each of them once */
	size_t symbols_len;
	const Elf_Data *go; /* Go's table of functions; NULL: none */
	uint64_t go_text;
	Elf_Scn *packed; /* symbols; NULL: none */
	bool by_sections;
	size_t tables; /* bytes that libelf reads of it */
	char name[64];
};

static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
	(void)module, (void)name, (void)base, (void)file;
	*elf = ww_image__elf(*data);
	return -1;
}

#define DEBUGINFO_DIRECTORY "/usr/lib/debug"
#define BUILD_ID_MOST	    64 /* bytes; libdwfl takes no longer one */

static char debuginfo_directory[] = DEBUGINFO_DIRECTORY;
static char *debuginfo_path = debuginfo_directory;

/* What libelf reads of a file of debug information is its symbols; 0: libdw must not have it, as it would unpack it. */
static uint64_t size_of_debuginfo(int fd)
{
	Elf *elf = ww_elf__open(fd);
	uint64_t size = 0;
	bool sound = elf != NULL;

	for (Elf_Scn *section = NULL; sound && (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB) {
			uint64_t its = ww_elf__symbols_size(elf, &header);

			sound = its != 0;
			size += its;
		}
	}
	elf_end(elf);
	return sound && size <= 2ull * WW_ELF_TABLE_MOST ? size : 0;
}

/* Opens the debug information of an image where libdwfl finds it by build-id. */
static int open_debuginfo(const struct ww_image *image)
{
	char path[sizeof(DEBUGINFO_DIRECTORY "/.build-id//.debug") + 2 * BUILD_ID_MOST];
	const void *found;
	size_t len = ww_image__build_id(image, &found);
	const uint8_t *id = found;

	if (len < 2 || len > BUILD_ID_MOST)
		return -1;
	int at = snprintf(path, sizeof(path), "%s/.build-id/%02x/", DEBUGINFO_DIRECTORY, id[0]);
	for (size_t i = 1; i < len; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", id[i]);
	snprintf(path + at, sizeof(path) - (size_t)at, ".debug");
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/*
 * By build-id only: by .gnu_debuglink, a file of whoever's container would tell what of the host's is opened. Looked at
 * first: what libdwfl has found once it goes on with, also when that is not returned to it.
 */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *file,
			  const char *link, GElf_Word sum, char **found)
{
	struct ww_image *image = *data;
	int fd = open_debuginfo(image);

	if (fd < 0)
		return -1;
	uint64_t size = size_of_debuginfo(fd);
	close(fd);
	if (!size)
		return -1;
	fd = dwfl_build_id_find_debuginfo(module, data, name, base, file, link, sum, found);
	image->tables += fd < 0 ? 0 : size;
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
	.debuginfo_path = &debuginfo_path,
};

/* Which addresses it asks for; false when it has no code to load. */
static bool read_range(struct ww_image *image)
{
	size_t count;
	bool any = false;

	if (elf_getphdrnum(image->elf, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(image->elf, (int)i, &header) || header.p_type != PT_LOAD)
			continue;
		uint64_t end = header.p_vaddr + header.p_memsz;
		if (end < header.p_vaddr)
			return false;
		if (!any)
			image->start = header.p_align > 1 ? header.p_vaddr & -header.p_align : header.p_vaddr;
		if (!any || end > image->end)
			image->end = end;
		any = true;
	}
	return any && image->end > image->start;
}

/* Notes Go's table, and where code begins. */
static void look_at_sections(struct ww_image *image)
{
	size_t names;

	if (ww_elf__section_names(image->elf, &names))
		return; /* it has none */
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		GElf_Shdr header;
		const char *name =
			gelf_getshdr(section, &header) ? elf_strptr(image->elf, names, header.sh_name) : NULL;

		if (name && !strcmp(name, ".text"))
			image->go_text = header.sh_addr;
		if (name && (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab")))
			image->go = ww_elf__bytes(section);
		if (name && !strcmp(name, ".gnu_debugdata"))
			image->packed = section;
	}
}

int ww_image__open(struct ww_image **image, int fd, const char *name)
{
	struct ww_image *new = calloc(1, sizeof(*new));
	struct ww_elf_confined confined;
	struct stat file;
	GElf_Ehdr header;

	if (!new) {
		close(fd);
		return -ENOMEM;
	}
	new->fd = fd;
	new->elf = ww_elf__open(fd);
	snprintf(new->name, sizeof(new->name), "%s", name);
	if (!new->elf || fstat(fd, &file) || !gelf_getehdr(new->elf, &header) || !read_range(new) ||
	    ww_elf__confine(new->elf, (uint64_t)file.st_size, &confined)) {
		ww_image__free(new);
		return -ENOEXEC;
	}
	new->tables = confined.bytes;
	new->by_sections = confined.sections;
	look_at_sections(new);
	new->fixed = header.e_type == ET_EXEC;
	*image = new;
	return 0;
}

void ww_image__free(struct ww_image *image)
{
	if (!image)
		return;
	if (image->dwfl)
		dwfl_end(image->dwfl);
	elf_end(image->elf);
	close(image->fd);
	free(image->symbols);
	free(image);
}

Elf *ww_image__elf(struct ww_image *image)
{
	return elf_begin(-1, ELF_C_READ, image->elf);
}

uint64_t ww_image__start(const struct ww_image *image)
{
	return image->start;
}

uint64_t ww_image__end(const struct ww_image *image)
{
	return image->end;
}

bool ww_image__fixed(const struct ww_image *image)
{
	return image->fixed;
}

size_t ww_image__build_id(const struct ww_image *image, const void **id)
{
	ssize_t len = dwelf_elf_gnu_build_id(image->elf, id);

	return len > 0 ? (size_t)len : 0;
}

bool ww_image__same(const struct ww_image *a, const struct ww_image *b)
{
	const struct ww_elf_file of_a = {a->fd, a->elf}, of_b = {b->fd, b->elf};

	return a->by_sections && b->by_sections && a->fixed == b->fixed && !strcmp(a->name, b->name) &&
	       ww_elf__same(&of_a, &of_b);
}

size_t ww_image__bytes(const struct ww_image *image)
{
	return sizeof(*image) + image->tables + image->symbols_len * sizeof(*image->symbols);
}

/* ---- names */

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->guessed != y->guessed)
		return x->guessed ? 1 : -1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Where the section ends that the symbol is in; 0: that is none of code. */
static uint64_t end_of_code(Elf *elf, GElf_Word index)
{
	GElf_Shdr header;
	Elf_Scn *section = elf ? elf_getscn(elf, index) : NULL;

	if (!section || !gelf_getshdr(section, &header) || !(header.sh_flags & SHF_EXECINSTR))
		return 0;
	return header.sh_addr + header.sh_size;
}

static bool read_symbol(struct ww_image *image, int number, struct symbol *symbol)
{
	static const uint8_t ranks[] = {[STB_LOCAL] = 2, [STB_GLOBAL] = 0, [STB_WEAK] = 1};
	GElf_Sym sym;
	GElf_Addr address, bias;
	GElf_Word section;
	Elf *elf;
	const char *name = dwfl_module_getsym_info(image->module, number, &sym, &address, &section, &elf, &bias);

	/* Those with a dollar say what follows, code or data. */
	if (!name || !*name || *name == '$' || section == SHN_UNDEF || section >= SHN_LORESERVE)
		return false;
	unsigned type = GELF_ST_TYPE(sym.st_info), binding = GELF_ST_BIND(sym.st_info);
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return false;
	uint64_t end = end_of_code(elf, section) + bias;
	if (end <= address)
		return false;
	uint64_t size = sym.st_size ?: end - address;
	*symbol = (struct symbol){
		.start = address,
		.size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
		.number = (uint32_t)number,
		.rank = binding < sizeof(ranks) ? ranks[binding] : 2,
		.guessed = !sym.st_size,
	};
	return true;
}

/* Of those at one address the first, as long as the longest; of those without a size no more than is nobody else's. */
static size_t tidy(struct symbol *symbols, size_t len)
{
	size_t kept = 0;
	uint64_t reached = 0; /* by those with a size */

	for (size_t i = 0; i < len; i++) {
		struct symbol *last = kept ? &symbols[kept - 1] : NULL;

		if (last && last->start == symbols[i].start) {
			if (!symbols[i].guessed && symbols[i].size > last->size)
				last->size = symbols[i].size;
		} else if (!symbols[i].guessed || symbols[i].start >= reached) {
			if (last && last->guessed && symbols[i].start - last->start < last->size)
				last->size = (uint32_t)(symbols[i].start - last->start);
			symbols[kept++] = symbols[i];
		}
		last = &symbols[kept ? kept - 1 : 0];
		if (kept && !last->guessed && last->start + last->size > reached)
			reached = last->start + last->size;
	}
	return kept;
}

/* libdw would unpack whatever is there. */
static void look_at_packed(struct ww_image *image)
{
	Elf_Data *data = image->packed ? ww_elf__bytes(image->packed) : NULL;
	size_t size = data ? ww_packed_symbols__size(data->d_buf, data->d_size) : 0;

	image->tables += size;
	if (image->packed && !size)
		ww_elf__hide(image->packed);
}

static void read_symbols(struct ww_image *image)
{
	size_t len = 0;

	image->read = true;
	look_at_packed(image);
	image->dwfl = dwfl_begin(&callbacks);
	if (!image->dwfl)
		return;
	dwfl_report_begin(image->dwfl);
	image->module = dwfl_report_module(image->dwfl, image->name, image->start, image->end);
	void **data;
	if (image->module && dwfl_module_info(image->module, &data, NULL, NULL, NULL, NULL, NULL, NULL))
		*data = image;
	if (dwfl_report_end(image->dwfl, NULL, NULL) || !image->module)
		return;
	int count = dwfl_module_getsymtab(image->module);
	if (count <= 0)
		return;
	size_t most = count < (int)SYMBOLS_MOST ? (size_t)count : SYMBOLS_MOST;
	struct symbol *symbols = reallocarray(NULL, most, sizeof(*symbols));
	for (int i = 0; symbols && i < count && len < most; i++)
		len += read_symbol(image, i, &symbols[len]);
	if (!len) {
		free(symbols);
		return;
	}
	qsort(symbols, len, sizeof(*symbols), by_address);
	len = tidy(symbols, len);
	struct symbol *fit = reallocarray(symbols, len, sizeof(*symbols));
	image->symbols = fit ?: symbols;
	image->symbols_len = len;
}

static const struct symbol *find_symbol(const struct ww_image *image, uint64_t address)
{
	size_t low = 0, high = image->symbols_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low, looked = 0; i > 0 && looked < NESTED_MOST; i--, looked++)
		if (address - image->symbols[i - 1].start < image->symbols[i - 1].size)
			return &image->symbols[i - 1];
	return NULL;
}

void ww_image__name(struct ww_image *image, uint64_t address, char name[WW_IMAGE_NAME])
{
	const char *found = NULL;
	GElf_Sym unused;

	if (!image->read)
		read_symbols(image);
	const struct symbol *symbol = find_symbol(image, address);
	if (symbol)
		found = dwfl_module_getsym(image->module, (int)symbol->number, &unused, NULL);
	if (!found && image->go && image->go->d_buf)
		found = ww_go_table__find(image->go->d_buf, image->go->d_size, image->go_text, address);
	if (!found) {
		snprintf(name, WW_IMAGE_NAME, "[%s+0x%llx]", image->name, (unsigned long long)address);
		return;
	}
	bool mangled = (found[0] == '_' && (found[1] == 'Z' || found[1] == 'R')) && strlen(found) < MANGLED_MOST;
	char *plain = mangled ? cplus_demangle(found, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO) : NULL;

	/* name@@VERSION */
	snprintf(name, WW_IMAGE_NAME, "%.*s", plain ? WW_IMAGE_NAME : (int)strcspn(found, "@"), plain ? plain : found);
	free(plain);
}
