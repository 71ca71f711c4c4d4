/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/golang.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/golang_file.h"
#include "symbols/elf_tables.h"
#include "util/mappings.h"

/* What `go build` writes into every program: 14 bytes, the size of a pointer, flags, and at 32 the version's length and
 * text. */
#define BUILDINFO	 ".go.buildinfo"
#define BUILDINFO_MAGIC	 "\xff Go buildinf:"
#define BUILDINFO_FLAGS	 15
#define BUILDINFO_INLINE 2 /* flag: since Go 1.18 */
#define BUILDINFO_TEXT	 32

#define SEMTABLE_LEN 251 /* runtime.semTabSize: so since Go 1.18 */

/* What a goroutine waits for, by runtime.waitReason. */
#define REASONS_19                                                                                                     \
	{                                                                                                              \
		[11] = WW_GOLANG_WAIT_ASSIST, [9] = WW_GOLANG_WAIT_CHANNEL, [14] = WW_GOLANG_WAIT_CHANNEL,             \
		[15] = WW_GOLANG_WAIT_CHANNEL, [18] = WW_GOLANG_WAIT_LOCK, [19] = WW_GOLANG_WAIT_SLEEP,                \
		[20] = WW_GOLANG_WAIT_LOCK                                                                             \
	}
#define REASONS_21                                                                                                     \
	{                                                                                                              \
		[11] = WW_GOLANG_WAIT_ASSIST, [9] = WW_GOLANG_WAIT_CHANNEL, [14] = WW_GOLANG_WAIT_CHANNEL,             \
		[15] = WW_GOLANG_WAIT_CHANNEL, [18] = WW_GOLANG_WAIT_LOCK, [19] = WW_GOLANG_WAIT_SLEEP,                \
		[20] = WW_GOLANG_WAIT_LOCK, [21] = WW_GOLANG_WAIT_LOCK, [22] = WW_GOLANG_WAIT_LOCK,                    \
		[23] = WW_GOLANG_WAIT_LOCK                                                                             \
	}
#define REASONS_24                                                                                                     \
	{                                                                                                              \
		[11] = WW_GOLANG_WAIT_ASSIST, [9] = WW_GOLANG_WAIT_CHANNEL, [14] = WW_GOLANG_WAIT_CHANNEL,             \
		[15] = WW_GOLANG_WAIT_CHANNEL, [18] = WW_GOLANG_WAIT_LOCK, [19] = WW_GOLANG_WAIT_SLEEP,                \
		[20] = WW_GOLANG_WAIT_LOCK, [21] = WW_GOLANG_WAIT_LOCK, [22] = WW_GOLANG_WAIT_LOCK,                    \
		[23] = WW_GOLANG_WAIT_LOCK, [24] = WW_GOLANG_WAIT_LOCK                                                 \
	}
#define REASONS_26                                                                                                     \
	{                                                                                                              \
		[7] = WW_GOLANG_WAIT_ASSIST, [13] = WW_GOLANG_WAIT_LOCK, [14] = WW_GOLANG_WAIT_SLEEP,                  \
		[18] = WW_GOLANG_WAIT_CHANNEL, [19] = WW_GOLANG_WAIT_CHANNEL, [20] = WW_GOLANG_WAIT_CHANNEL,           \
		[21] = WW_GOLANG_WAIT_LOCK, [22] = WW_GOLANG_WAIT_LOCK, [23] = WW_GOLANG_WAIT_LOCK,                    \
		[24] = WW_GOLANG_WAIT_LOCK, [25] = WW_GOLANG_WAIT_LOCK                                                 \
	}

/*
 * By minor version of Go 1, on 64-bit machines; read off programs' debug information. What has not changed is in
 * layout_of().
 */
static const struct {
	unsigned from, to; /* minor versions */
	struct ww_golang_layout layout;
} layouts[] = {
	{19,
	 19,
	 {.status = 144,
	  .goid = 152,
	  .waitreason = 176,
	  .timer = 368,
	  .nextwhen = 56,
	  .when = 8,
	  .recvq = 56,
	  .channel = 80,
	  .startpc = 312,
	  .reasons = REASONS_19}},
	{21,
	 22,
	 {.status = 144,
	  .goid = 152,
	  .waitreason = 176,
	  .timer = 352,
	  .nextwhen = 56,
	  .when = 8,
	  .recvq = 56,
	  .channel = 80,
	  .startpc = 296,
	  .reasons = REASONS_21}},
	{23,
	 23,
	 {.status = 152,
	  .goid = 160,
	  .waitreason = 184,
	  .timer = 360,
	  .sleepwhen = 368,
	  .when = 16,
	  .recvq = 64,
	  .channel = 80,
	  .startpc = 304,
	  .reasons = REASONS_21}},
	{24,
	 24,
	 {.status = 152,
	  .goid = 160,
	  .waitreason = 184,
	  .timer = 360,
	  .sleepwhen = 368,
	  .when = 16,
	  .recvq = 64,
	  .channel = 80,
	  .startpc = 304,
	  .reasons = REASONS_24}},
	{26,
	 27,
	 {.status = 144,
	  .goid = 152,
	  .waitreason = 176,
	  .timer = 360,
	  .sleepwhen = 368,
	  .when = 24,
	  .recvq = 64,
	  .channel = 88,
	  .startpc = 304,
	  .reasons = REASONS_26}},
};

/* The layout of that version; false: it is not known. */
static bool layout_of(unsigned minor, struct ww_golang_layout *layout)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (minor < layouts[i].from || minor > layouts[i].to)
			continue;
		*layout = layouts[i].layout;
		layout->stack_hi = 8;
		layout->elem = 24;
		layout->sched = 56;
		return true;
	}
	return false;
}

/* The minor version of Go 1 that built the program; 0: none. */
static unsigned buildinfo_minor(Elf_Scn *section)
{
	unsigned minor = 0;
	char text[16] = "";
	Elf_Data *data = ww_elf__bytes(section);
	if (!data || data->d_size <= BUILDINFO_TEXT + sizeof(text))
		return 0;
	const unsigned char *bytes = data->d_buf;
	if (memcmp(bytes, BUILDINFO_MAGIC, strlen(BUILDINFO_MAGIC)) || !(bytes[BUILDINFO_FLAGS] & BUILDINFO_INLINE))
		return 0;
	memcpy(text, bytes + BUILDINFO_TEXT + 1, sizeof(text) - 1);
	return sscanf(text, "go1.%u", &minor) == 1 ? minor : 0;
}

/* The lowest address that the file asks for. */
uint64_t ww_golang_file__base(Elf *elf)
{
	size_t headers = 0;
	uint64_t base = UINT64_MAX;
	if (elf_getphdrnum(elf, &headers))
		return 0;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;
		if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD && header.p_vaddr < base)
			base = header.p_vaddr;
	}
	return base;
}

/* The minor version of Go 1 that built it; 0: it is none. */
static unsigned file_minor(Elf *elf)
{
	unsigned minor = 0;
	size_t names = 0;
	if (ww_elf__section_names(elf, &names))
		return 0;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section && !minor; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (name && !strcmp(name, BUILDINFO))
			minor = buildinfo_minor(section);
	}
	return minor;
}

bool ww_golang_file__is_go(Elf *elf)
{
	return file_minor(elf) != 0;
}

static int file_search(int fd, uint64_t start, struct ww_golang_layout *layout, struct ww_golang_about *about)
{
	const char *without = getenv("WHYWAIT_WITHOUT");
	struct ww_golang_layout found = {0};
	int err = -ENOENT;
	Elf *elf = ww_elf__open(fd);
	about->minor = elf ? file_minor(elf) : 0;
	if (!about->minor)
		goto out;
	bool tabled = !without || strcmp(without, "golayouts") != 0;
	about->known = (tabled && layout_of(about->minor, &found)) || ww_golang_file__debug(elf, &found);
	if (!about->known)
		goto out;
	uint64_t semtable = ww_golang_file__semtable(elf);
	about->semaphores = semtable != 0;
	found.semtable = semtable ? start - ww_golang_file__base(elf) + semtable : 0;
	found.semtable_len = SEMTABLE_LEN;
	*layout = found;
	err = 0;
out:
	elf_end(elf);
	return err;
}

static int program_search(pid_t pid, struct ww_golang_layout *layout, struct ww_golang_about *about)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	uint64_t start = ww_mappings__program(pid);
	int err = start ? file_search(fd, start, layout, about) : -ENOENT;
	close(fd);
	return err;
}

int ww_golang__find(pid_t pid, struct ww_golang_layout *layout)
{
	struct ww_golang_about about = {0};
	return program_search(pid, layout, &about);
}

int ww_golang__tell(pid_t pid, struct ww_golang_about *about)
{
	struct ww_golang_about told = {0};
	struct ww_golang_layout layout;
	int err = program_search(pid, &layout, &told);
	if (!told.minor)
		return err ? err : -ENOENT;
	*about = told;
	return 0;
}
