/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The layout of a Go runtime whose version is not in the table, as the program's debug information has it. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stddef.h>
#include <string.h>

#include "kernel/golang_file.h"
#include "symbols/elf_tables.h"

#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define NEEDED (FIELDS - 2) /* the others are of some versions */

static const struct field {
	const char *structure, *member;
	size_t at; /* in struct ww_golang_layout */
} fields[] = {
	{"runtime.g", "atomicstatus", offsetof(struct ww_golang_layout, status)},
	{"runtime.g", "goid", offsetof(struct ww_golang_layout, goid)},
	{"runtime.g", "waitreason", offsetof(struct ww_golang_layout, waitreason)},
	{"runtime.g", "timer", offsetof(struct ww_golang_layout, timer)},
	{"runtime.g", "startpc", offsetof(struct ww_golang_layout, startpc)},
	{"runtime.g", "sched", offsetof(struct ww_golang_layout, sched)},
	{"runtime.stack", "hi", offsetof(struct ww_golang_layout, stack_hi)},
	{"runtime.timer", "when", offsetof(struct ww_golang_layout, when)},
	{"runtime.hchan", "recvq", offsetof(struct ww_golang_layout, recvq)},
	{"runtime.sudog", "elem", offsetof(struct ww_golang_layout, elem)},
	{"runtime.sudog", "c", offsetof(struct ww_golang_layout, channel)},
	/* Until when one is about to sleep: before Go 1.23, and since. */
	{"runtime.timer", "nextwhen", offsetof(struct ww_golang_layout, nextwhen)},
	{"runtime.g", "sleepWhen", offsetof(struct ww_golang_layout, sleepwhen)},
};

static const struct reason {
	const char *name;
	enum ww_golang_wait wait;
} reasons[] = {
	{"runtime.waitReasonSelect", WW_GOLANG_WAIT_CHANNEL},
	{"runtime.waitReasonChanReceive", WW_GOLANG_WAIT_CHANNEL},
	{"runtime.waitReasonChanSend", WW_GOLANG_WAIT_CHANNEL},
	{"runtime.waitReasonSemacquire", WW_GOLANG_WAIT_LOCK},
	{"runtime.waitReasonSyncCondWait", WW_GOLANG_WAIT_LOCK},
	{"runtime.waitReasonSyncMutexLock", WW_GOLANG_WAIT_LOCK},
	{"runtime.waitReasonSyncRWMutexRLock", WW_GOLANG_WAIT_LOCK},
	{"runtime.waitReasonSyncRWMutexLock", WW_GOLANG_WAIT_LOCK},
	{"runtime.waitReasonSyncWaitGroupWait", WW_GOLANG_WAIT_LOCK},
	{"runtime.waitReasonSleep", WW_GOLANG_WAIT_SLEEP},
	{"runtime.waitReasonGCAssistWait", WW_GOLANG_WAIT_ASSIST},
};

struct search {
	struct ww_golang_layout layout;
	unsigned found; /* a bit for each of `fields` */
	bool sleeps;	/* the reasons are there: the one for time.Sleep() is */
};

static bool number(Dwarf_Die *die, unsigned attribute, Dwarf_Word *value)
{
	Dwarf_Attribute found;
	return dwarf_attr(die, attribute, &found) && !dwarf_formudata(&found, value);
}

static void structure_read(struct search *search, Dwarf_Die *die, const char *name)
{
	Dwarf_Die member;
	if (dwarf_child(die, &member))
		return;
	do {
		const char *named = dwarf_tag(&member) == DW_TAG_member ? dwarf_diename(&member) : NULL;
		Dwarf_Word offset;
		for (size_t i = 0; named && i < FIELDS; i++) {
			if (strcmp(fields[i].structure, name) != 0 || strcmp(fields[i].member, named) != 0 ||
			    !number(&member, DW_AT_data_member_location, &offset) || offset > UINT16_MAX)
				continue;
			uint32_t at = (uint32_t)offset;
			memcpy((char *)&search->layout + fields[i].at, &at, sizeof(at));
			search->found |= 1u << i;
		}
	} while (!dwarf_siblingof(&member, &member));
}

static void constant_read(struct search *search, Dwarf_Die *die, const char *name)
{
	Dwarf_Word value;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reasons[i].name, name) != 0 || !number(die, DW_AT_const_value, &value) ||
		    value >= WW_GOLANG_REASONS)
			continue;
		search->layout.reasons[value] = (uint8_t)reasons[i].wait;
		search->sleeps |= reasons[i].wait == WW_GOLANG_WAIT_SLEEP;
	}
}

static void unit_read(struct search *search, Dwarf_Die *unit)
{
	Dwarf_Die die;
	if (dwarf_child(unit, &die))
		return;
	do {
		int tag = dwarf_tag(&die);
		if (tag != DW_TAG_structure_type && tag != DW_TAG_constant)
			continue;
		const char *name = dwarf_diename(&die);
		if (!name || strncmp(name, "runtime.", strlen("runtime.")) != 0)
			continue;
		if (tag == DW_TAG_structure_type)
			structure_read(search, &die, name);
		else
			constant_read(search, &die, name);
	} while (!dwarf_siblingof(&die, &die));
}

#define DEBUG_MOST (256u << 20) /* bytes of debug information, unpacked, that are read of a program */

/* Whether it has debug information of a size that may be read: what a section unpacks to, its file says. */
static bool is_bounded(Elf *elf)
{
	uint64_t sum = 0;
	size_t names;
	if (ww_elf__section_names(elf, &names))
		return false;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		GElf_Chdr packed;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (!name || !strstr(name, "debug_"))
			continue;
		/* The older way to pack, .zdebug, says its size in the section only. */
		if (!strncmp(name, ".zdebug", strlen(".zdebug")))
			return false;
		uint64_t size = header.sh_size;
		if (header.sh_flags & SHF_COMPRESSED)
			size = gelf_getchdr(section, &packed) ? packed.ch_size : UINT64_MAX;
		if (size > DEBUG_MOST || (sum += size) > DEBUG_MOST)
			return false;
	}
	return true;
}

Dwarf *ww_golang_file__open_debug(Elf *elf)
{
	return is_bounded(elf) ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
}

bool ww_golang_file__debug(Elf *elf, struct ww_golang_layout *layout)
{
	const unsigned all = (1u << NEEDED) - 1;
	struct search search = {0};
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	Dwarf *debug = ww_golang_file__open_debug(elf);
	if (!debug)
		return false;
	while (((search.found & all) != all || !search.sleeps) &&
	       !dwarf_get_units(debug, unit, &unit, NULL, NULL, &die, NULL)) {
		const char *name = dwarf_diename(&die);
		if (name && !strcmp(name, "runtime"))
			unit_read(&search, &die);
	}
	dwarf_end(debug);
	if ((search.found & all) != all || !search.sleeps)
		return false;
	*layout = search.layout;
	return true;
}
