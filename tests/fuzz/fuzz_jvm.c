/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The memory of a JVM, of any bytes: what it says of its own structures, by which its virtual threads are found. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/dynsym.h"
#include "kernel/heaps_parts.h"

/* What talks to BPF is in no library. */
#include "../../src/kernel/jvm_table.c"
#undef NAME_SIZE
#undef OFFSET_MOST
#include "../../src/kernel/virtual.c"

#define BASE 0x10000

static const uint8_t *memory;
static size_t memory_len;

bool ww_heaps__read(pid_t pid, uint64_t address, void *to, size_t len)
{
	(void)pid;
	if (address < BASE || address - BASE > memory_len || len > memory_len - (address - BASE))
		return false;
	if (len)
		memcpy(to, memory + (address - BASE), len);
	return true;
}

/* The symbols' words are the first ones. */
int ww_dynsym__find(pid_t pid, const char *const *files, struct ww_dynsym *symbols, size_t len)
{
	static const char *const names[] = {
		"gHotSpotVMStructs",
		"gHotSpotVMStructEntryArrayStride",
		"gHotSpotVMStructEntryTypeNameOffset",
		"gHotSpotVMStructEntryFieldNameOffset",
		"gHotSpotVMStructEntryIsStaticOffset",
		"gHotSpotVMStructEntryOffsetOffset",
		"gHotSpotVMStructEntryAddressOffset",
	};

	(void)pid;
	(void)files;
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			if (!strcmp(symbols[i].name, names[j]))
				symbols[i].address = BASE + 8 * j;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ww_virtual_layout layout, before;

	memset(&layout, 0xa5, sizeof(layout));
	before = layout;
	memory = data;
	memory_len = size;
	int err = ww_virtual__find(1, &layout);

	if (err && (err > 0 || memcmp(&layout, &before, sizeof(layout)) != 0))
		abort();
	if (!err && (layout.form > WW_VIRTUAL_OPAQUE || layout.eetop > OFFSET_MOST || layout.tid > OFFSET_MOST ||
		     layout.blocker > OFFSET_MOST || layout.state > OFFSET_MOST || layout.osthread > UINT16_MAX ||
		     layout.thread_id > UINT16_MAX || layout.vthread > UINT16_MAX))
		abort();
	return 0;
}
