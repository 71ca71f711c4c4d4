/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/probes.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/call_sites.h"
#include "kernel/static_probes.h"
#include "symbols/gopclntab.h"
#include "symbols/elf_tables.h"

enum runtime {
	RUNTIME_PYTHON,
	RUNTIME_RUBY,
	RUNTIME_HOTSPOT,
	RUNTIME_V8,
	RUNTIME_V8_PROMISES,
	RUNTIME_PHP,
	RUNTIME_GO,
	RUNTIME_GO_ASSIST,
	RUNTIME_GO_ROUTINE,
};

enum how { NOTE, SYMBOL, RETURN, LEAVES, CHECKED, CLOCK };

#define RETURNS_MAX 16	/* of a function of Go's */
#define PLACES	    256 /* at which it is seen whether functions are where they are told to be */

static const struct probe {
	enum ww_probe_program program;
	enum runtime runtime;
	enum { OPTIONAL, NEEDED, UNCLOCKED } need;
	enum how how;
	const char *provider;
	const char *name;
} probes[] = {
#define WW_PROBE(program, runtime, need, how, provider, name)                                                          \
	{WW_PROBE_##program, RUNTIME_##runtime, need, how, provider, name},
#include "kernel/probes.def"
#undef WW_PROBE
};

#define PROBES (sizeof(probes) / sizeof(probes[0]))

/* Sites as they are found: of which probe each is. */
struct search {
	Elf *elf;
	uint64_t text; /* where the code begins */
	unsigned machine;
	int fd;
	struct {
		size_t probe;
		struct ww_static_probe site;
	} found[WW_PROBE_SITES];
	size_t found_len;
	bool too_many;
};

static void site_add(struct search *search, size_t probe, struct ww_static_probe site)
{
	for (size_t i = 0; i < search->found_len; i++)
		if (search->found[i].probe == probe && search->found[i].site.offset == site.offset)
			return;
	if (search->found_len == WW_PROBE_SITES) {
		search->too_many = true;
		return;
	}
	search->found[search->found_len].probe = probe;
	search->found[search->found_len++].site = site;
}

static void function_add(struct search *search, size_t probe, uint64_t address)
{
	const struct ww_static_probe site = {.offset = ww_static_probes__offset(search->elf, address)};

	if (site.offset)
		site_add(search, probe, site);
}

static void note_add(void *ctx, const char *provider, const char *name, struct ww_static_probe site)
{
	for (size_t i = 0; i < PROBES; i++)
		if (probes[i].how == NOTE && !strcmp(provider, probes[i].provider) && !strcmp(name, probes[i].name))
			site_add(ctx, i, site);
}

static bool name_is(const char *name, const char *wanted)
{
	size_t len = strlen(wanted);

	if (wanted[len - 1] == '*')
		return !strncmp(name, wanted, len - 1);
	return !strcmp(name, wanted);
}

static void symbols_read(struct search *search, Elf_Scn *section, const GElf_Shdr *header)
{
	size_t count = 0;
	Elf_Data *data = ww_elf__symbols(search->elf, section, header, &count);

	for (size_t at = 0; at < count; at++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)at, &symbol) || !symbol.st_value ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		const char *name = elf_strptr(search->elf, header->sh_link, symbol.st_name);
		for (size_t i = 0; name && i < PROBES; i++)
			if ((probes[i].how == SYMBOL || probes[i].how == RETURN) && name_is(name, probes[i].name))
				function_add(search, i, symbol.st_value);
	}
}

/* Whether the instruction there is one that goes back to the caller. */
static bool is_return(const struct search *search, uint64_t address)
{
	static const unsigned char x86[] = {0xc3}, arm64[] = {0xc0, 0x03, 0x5f, 0xd6};
	bool arm = search->machine == EM_AARCH64;
	size_t len = arm ? sizeof(arm64) : sizeof(x86);
	uint64_t at = ww_static_probes__offset(search->elf, address);
	unsigned char read[sizeof(arm64)];

	if ((!arm && search->machine != EM_X86_64) || !at || at > INT64_MAX)
		return false;
	return pread(search->fd, read, len, (off_t)at) == (ssize_t)len && !memcmp(read, arm ? arm64 : x86, len);
}

/* Without a frame, a function also asks for a larger stack, at its end: that goes back nowhere. */
static void returns_add(struct search *search, size_t probe, const struct ww_gopclntab *table,
			const struct ww_gofunction *function)
{
	uint64_t addresses[RETURNS_MAX];
	int len = ww_gopclntab__returns(table, function, addresses, RETURNS_MAX);

	for (int i = 0; i < len; i++)
		if (is_return(search, addresses[i]))
			function_add(search, probe, addresses[i]);
}

/*
 * On x86-64 a function begins with a comparison of the stack pointer, and a branch that is not taken on a thread's own
 * stack. To go on behind a probe at the comparison takes the kernel a second trap; a branch it does itself, which makes
 * a hit half as dear. Registers have the arguments at both.
 */
static uint64_t checked(const struct search *search, uint64_t address)
{
	static const unsigned char compares[] = {0x49, 0x3b, 0x66}; /* cmp 16(%r14), %rsp */
	uint64_t at = ww_static_probes__offset(search->elf, address);
	unsigned char read[6];

	if (search->machine != EM_X86_64 || !at || at > INT64_MAX ||
	    pread(search->fd, read, sizeof(read), (off_t)at) != (ssize_t)sizeof(read) ||
	    memcmp(read, compares, sizeof(compares)) != 0)
		return address;
	bool branches = read[4] == 0x76 || (read[4] == 0x0f && read[5] == 0x86);
	return branches ? address + 4 : address;
}

/*
 * Whether functions are where the table says. From Go 1.26 on it does not say from where it counts: where another
 * linker has put other code first, that is not where the code begins, and probes would land in the middle of
 * instructions.
 */
static bool is_in_place(const struct search *search, struct ww_gopclntab table)
{
	struct ww_gofunction function;
	uint64_t addresses[RETURNS_MAX];
	int returns = 0, others = 0;

	while (returns + others < PLACES && ww_gopclntab__next(&table, &function)) {
		int len = ww_gopclntab__returns(&table, &function, addresses, RETURNS_MAX);
		if (len < 1)
			continue;
		if (is_return(search, addresses[0]))
			returns++;
		else
			others++;
	}
	/* Three quarters where it is so, one in a hundred where it is not: some have none, or ask for a larger stack.
	 */
	return returns * 4 > returns + others;
}

static bool is_gos(const struct probe *probe)
{
	return probe->runtime == RUNTIME_GO || probe->runtime == RUNTIME_GO_ASSIST ||
	       probe->runtime == RUNTIME_GO_ROUTINE;
}

/* Go's functions, also of a stripped program. */
static void gopclntab_read(struct search *search, Elf_Scn *section)
{
	Elf_Data *data = ww_elf__bytes(section);
	struct ww_gopclntab table;
	struct ww_gofunction function;

	if (!data || ww_gopclntab__open(&table, data->d_buf, data->d_size, search->text) || !is_in_place(search, table))
		return;
	while (ww_gopclntab__next(&table, &function))
		for (size_t i = 0; i < PROBES; i++) {
			if (!is_gos(&probes[i]) || strcmp(function.name, probes[i].name) != 0)
				continue;
			if (probes[i].how == LEAVES)
				returns_add(search, i, &table, &function);
			else
				function_add(search, i,
					     probes[i].how == CHECKED ? checked(search, function.start)
								      : function.start);
		}
}

static void sections_read(struct search *search)
{
	size_t names = 0;
	GElf_Ehdr file;

	search->machine = gelf_getehdr(search->elf, &file) ? file.e_machine : EM_NONE;
	ww_static_probes__each(search->elf, note_add, search);
	if (ww_elf__section_names(search->elf, &names))
		return;
	for (int pass = 0; pass < 2; pass++) {
		for (Elf_Scn *section = elf_nextscn(search->elf, NULL); section;
		     section = elf_nextscn(search->elf, section)) {
			GElf_Shdr header;
			const char *name =
				gelf_getshdr(section, &header) ? elf_strptr(search->elf, names, header.sh_name) : NULL;
			if (!name)
				continue;
			if (pass == 0 && !strcmp(name, ".text"))
				search->text = header.sh_addr;
			else if (pass == 1 && (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab")))
				gopclntab_read(search, section);
			else if (pass == 1 && (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
				symbols_read(search, section, &header);
		}
	}
}

/* Whether there is one of that probe. */
static bool has(const struct search *search, size_t probe)
{
	for (size_t i = 0; i < search->found_len; i++)
		if (search->found[i].probe == probe)
			return true;
	return false;
}

/* Whether a file with what was found so far has all that the runtime needs. */
static bool is_whole(const struct search *search, enum runtime runtime)
{
	for (size_t i = 0; i < PROBES; i++)
		if (probes[i].runtime == runtime && probes[i].need != OPTIONAL && !has(search, i))
			return false;
	return true;
}

struct clock {
	struct search *search;
	size_t probe;
};

static void clock_add(void *ctx, uint64_t address)
{
	const struct clock *clock = ctx;

	function_add(clock->search, clock->probe, address);
}

/* All code is looked through for these: of runtimes only that the file has. Returns for which it has some, as bits. */
static unsigned clocks_read(struct search *search)
{
	unsigned clocked = 0;

	for (size_t i = 0; i < PROBES; i++) {
		struct clock clock = {.search = search, .probe = i};

		if (probes[i].how != CLOCK || !is_whole(search, probes[i].runtime))
			continue;
		ww_call_sites__each(search->elf, search->fd, probes[i].name, CLOCK_PROCESS_CPUTIME_ID, clock_add,
				    &clock);
		clocked |= has(search, i) ? 1u << probes[i].runtime : 0;
	}
	return clocked;
}

int ww_probes__find(int fd, struct ww_probe_site sites[WW_PROBE_SITES])
{
	struct search search = {.fd = fd};
	unsigned clocked = 0;
	int len = 0;

	search.elf = ww_elf__open(fd);
	const char *identity = search.elf ? elf_getident(search.elf, NULL) : NULL;
	if (identity && identity[EI_CLASS] == ELFCLASS64) {
		sections_read(&search);
		clocked = clocks_read(&search);
	}
	elf_end(search.elf);
	if (search.too_many)
		return -E2BIG;
	for (size_t i = 0; i < PROBES; i++) {
		bool spared = probes[i].need == UNCLOCKED && clocked & 1u << probes[i].runtime;

		for (size_t k = 0; k < search.found_len; k++) {
			if (search.found[k].probe != i || spared || !is_whole(&search, probes[i].runtime))
				continue;
			sites[len++] = (struct ww_probe_site){.program = probes[i].program,
							      .at_return = probes[i].how == RETURN,
							      .offset = search.found[k].site.offset,
							      .semaphore = search.found[k].site.semaphore};
		}
	}
	return len;
}
