/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Go: the counts that runtime.ReadMemStats() sums. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/golang_file.h"
#include "kernel/heaps_parts.h"
#include "symbols/elf_tables.h"
#include "util/mappings.h"

#define COUNTS	  3    /* that are summed */
#define SIZE_MOST 4096 /* of one of them */

/* Bytes of each class of small objects: runtime/sizeclasses.go. */
static const uint16_t class_bytes[WW_GO_CLASSES] = {
	0,     8,     16,    24,    32,	   48,	  64,	 80,	96,    112,   128,   144,   160,   176,
	192,   208,   224,   240,   256,   288,	  320,	 352,	384,   416,   448,   480,   512,   576,
	640,   704,   768,   896,   1024,  1152,  1280,	 1408,	1536,  1792,  2048,  2304,  2688,  3072,
	3200,  3456,  4096,  4864,  5376,  6144,  6528,	 6784,	6912,  8192,  9472,  9728,  10240, 10880,
	12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

enum {
	FIELD_SMALL,
	FIELD_TINY,
	FIELD_LARGE,
	FIELD_LARGE_COUNT,
	FIELD_LARGE_FREE,
	FIELD_SIZE,
	FIELD_STATS,
	FIELD_COUNT
};

static const struct field {
	const char *structure, *member;
} fields[] = {
	[FIELD_SMALL] = {"runtime.heapStatsDelta", "smallAllocCount"},
	[FIELD_TINY] = {"runtime.heapStatsDelta", "tinyAllocCount"},
	[FIELD_LARGE] = {"runtime.heapStatsDelta", "largeAlloc"},
	[FIELD_LARGE_COUNT] = {"runtime.heapStatsDelta", "largeAllocCount"},
	[FIELD_LARGE_FREE] = {"runtime.heapStatsDelta", "largeFree"},
	[FIELD_SIZE] = {"runtime.heapStatsDelta", NULL},
	[FIELD_STATS] = {"runtime.mstats", "heapStats"},
};

struct search {
	uint64_t offsets[FIELD_COUNT];
	unsigned found;	   /* a bit for each of `fields` */
	uint64_t memstats; /* by the file's own addresses; 0: not found */
};

#define ALL ((1u << FIELD_COUNT) - 1)

static void note(struct search *search, size_t field, Dwarf_Word value)
{
	if (value > SIZE_MOST)
		return;
	search->offsets[field] = value;
	search->found |= 1u << field;
}

static void structure_read(struct search *search, Dwarf_Die *die, const char *name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Die member;

	if (!strcmp(name, fields[FIELD_SIZE].structure) && dwarf_attr(die, DW_AT_byte_size, &attribute) &&
	    !dwarf_formudata(&attribute, &value))
		note(search, FIELD_SIZE, value);
	if (dwarf_child(die, &member))
		return;
	do {
		const char *named = dwarf_tag(&member) == DW_TAG_member ? dwarf_diename(&member) : NULL;

		for (size_t i = 0; named && i < FIELD_COUNT; i++)
			if (fields[i].member && !strcmp(fields[i].structure, name) &&
			    !strcmp(fields[i].member, named) &&
			    dwarf_attr(&member, DW_AT_data_member_location, &attribute) &&
			    !dwarf_formudata(&attribute, &value))
				note(search, i, value);
	} while (!dwarf_siblingof(&member, &member));
}

/* Its location is the one word that it lies at an address. */
static void variable_read(struct search *search, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Block block;

	if (!dwarf_attr(die, DW_AT_location, &attribute) || dwarf_formblock(&attribute, &block) ||
	    block.length != 1 + sizeof(search->memstats) || block.data[0] != DW_OP_addr)
		return;
	memcpy(&search->memstats, block.data + 1, sizeof(search->memstats));
}

static void unit_read(struct search *search, Dwarf_Die *unit)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die))
		return;
	do {
		int tag = dwarf_tag(&die);
		const char *name = tag == DW_TAG_structure_type || tag == DW_TAG_variable ? dwarf_diename(&die) : NULL;

		if (!name || strncmp(name, "runtime.", strlen("runtime.")) != 0)
			continue;
		if (tag == DW_TAG_structure_type)
			structure_read(search, &die, name);
		else if (!strcmp(name, "runtime.memstats"))
			variable_read(search, &die);
	} while ((search->found != ALL || !search->memstats) && !dwarf_siblingof(&die, &die));
}

static void file_search(Elf *elf, struct search *search)
{
	Dwarf *debug = ww_golang_file__open_debug(elf);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	while (debug && (search->found != ALL || !search->memstats) &&
	       !dwarf_get_units(debug, unit, &unit, NULL, NULL, &die, NULL)) {
		const char *name = dwarf_diename(&die);

		if (name && !strcmp(name, "runtime"))
			unit_read(search, &die);
	}
	dwarf_end(debug);
}

/* Whether what was found can be the structure of which these are parts. */
static bool is_sound(const uint64_t offsets[FIELD_COUNT])
{
	uint64_t size = offsets[FIELD_SIZE];

	return offsets[FIELD_SMALL] + 8 * WW_GO_CLASSES == offsets[FIELD_LARGE_FREE] &&
	       offsets[FIELD_LARGE_FREE] < size && offsets[FIELD_TINY] + 8 <= size &&
	       offsets[FIELD_LARGE] + 8 <= size && offsets[FIELD_LARGE_COUNT] + 8 <= size;
}

int ww_go_heap__find(pid_t pid, struct ww_go_heap *heap)
{
	struct search search = {0};
	uint64_t start = ww_mappings__program(pid), base = 0;
	bool is_go = false;
	char path[32];
	int file;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	Elf *elf = ww_elf__open(file);
	if (elf) {
		is_go = ww_golang_file__is_go(elf);
		base = ww_golang_file__base(elf);
		if (is_go)
			file_search(elf, &search);
	}
	elf_end(elf);
	close(file);
	if (!is_go || !start || !search.memstats || search.found != ALL || !is_sound(search.offsets))
		return -ENOENT;
	*heap = (struct ww_go_heap){
		.address = start - base + search.memstats + search.offsets[FIELD_STATS],
		.size = (uint32_t)search.offsets[FIELD_SIZE],
		.small = (uint32_t)search.offsets[FIELD_SMALL],
		.tiny = (uint32_t)search.offsets[FIELD_TINY],
		.large = (uint32_t)search.offsets[FIELD_LARGE],
		.large_count = (uint32_t)search.offsets[FIELD_LARGE_COUNT],
	};
	return 0;
}

static uint64_t number_at(const uint8_t *data, uint32_t at)
{
	uint64_t number;

	memcpy(&number, data + at, sizeof(number));
	return number;
}

/* The three are sums of different stretches of time: who reads them within the process shifts them. */
int ww_go_heap__read(pid_t pid, const struct ww_go_heap *heap, struct ww_heap_counts *counts)
{
	uint8_t data[COUNTS * SIZE_MOST];
	struct ww_heap_counts sum = {.allocations_known = true};

	if (!ww_heaps__read(pid, heap->address, data, (size_t)COUNTS * heap->size))
		return -ESRCH;
	for (uint32_t i = 0; i < COUNTS; i++) {
		const uint8_t *count = data + (size_t)i * heap->size;

		sum.bytes += number_at(count, heap->large);
		sum.allocations += number_at(count, heap->large_count) + number_at(count, heap->tiny);
		for (uint32_t size = 0; size < WW_GO_CLASSES; size++) {
			uint64_t objects = number_at(count, heap->small + 8 * size);

			sum.allocations += objects;
			sum.bytes += objects * class_bytes[size];
		}
	}
	*counts = sum;
	return 0;
}
