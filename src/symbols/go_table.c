/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/go_table.h"

#include <stdbool.h>
#include <string.h>

/* The header (internal/abi, runtime/symtab.go): magic, two zeros, the smallest instruction, a pointer's size, words. */
#define MAGIC_1_16 0xfffffffa
#define MAGIC_1_18 0xfffffff0
#define MAGIC_1_20 0xfffffff1
#define WORDS	   8 /* where the words begin */

struct table {
	const uint8_t *bytes;
	size_t len;
	uint64_t functions, text, names, index; /* how many; and where: in memory, and in the table */
	bool relative;				/* the index has 32-bit offsets, and no addresses */
};

static bool read_at(const struct table *table, uint64_t at, void *to, size_t size)
{
	if (at > table->len || table->len - at < size)
		return false;
	memcpy(to, table->bytes + at, size);
	return true;
}

static bool open_table(struct table *table)
{
	uint32_t magic;
	uint64_t words[8];

	if (!read_at(table, 0, &magic, sizeof(magic)) || !read_at(table, WORDS, words, sizeof(words)) ||
	    table->bytes[7] != sizeof(uint64_t))
		return false;
	table->functions = words[0];
	if (magic == MAGIC_1_16) {
		table->names = words[2];
		table->index = words[6];
		return true;
	}
	if (magic != MAGIC_1_18 && magic != MAGIC_1_20)
		return false;
	table->relative = true;
	/* Of a program whose place is chosen when it starts that is not known in the file. */
	table->text = words[2] ?: table->text;
	table->names = words[3];
	table->index = words[7];
	return true;
}

/* The function of that number: where it begins, and where in the table what is known of it is. */
static bool entry_of(const struct table *table, uint64_t number, uint64_t *start, uint64_t *about)
{
	uint32_t narrow[2];
	uint64_t wide[2];

	if (number > table->len / sizeof(narrow))
		return false;
	if (!table->relative) {
		if (!read_at(table, table->index + number * sizeof(wide), wide, sizeof(wide)))
			return false;
		*start = wide[0];
		*about = table->index + wide[1];
		return true;
	}
	if (!read_at(table, table->index + number * sizeof(narrow), narrow, sizeof(narrow)))
		return false;
	*start = table->text + narrow[0];
	*about = table->index + narrow[1];
	return true;
}

const char *ww_go_table__find(const uint8_t *bytes, size_t len, uint64_t text, uint64_t address)
{
	struct table table = {.bytes = bytes, .len = len, .text = text};
	uint64_t start, about, low = 0;
	int32_t name;

	if (!open_table(&table) || table.functions > len)
		return NULL;
	uint64_t high = table.functions;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!entry_of(&table, middle, &start, &about))
			return NULL;
		if (start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Behind the last one is where that ends. */
	if (!low || !entry_of(&table, table.functions, &start, &about) || address >= start ||
	    !entry_of(&table, low - 1, &start, &about))
		return NULL;
	if (!read_at(&table, about + (table.relative ? sizeof(uint32_t) : sizeof(uint64_t)), &name, sizeof(name)) ||
	    name < 0 || table.names > len || (uint64_t)name >= len - table.names)
		return NULL;
	const char *found = (const char *)bytes + table.names + name;
	return *found && memchr(found, '\0', len - table.names - (uint64_t)name) ? found : NULL;
}
