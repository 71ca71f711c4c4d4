/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/jvm_table.h"

#include <errno.h>
#include <string.h>

#include "kernel/dynsym.h"
#include "kernel/heaps_parts.h"

#define ENTRIES_MOST 20000 /* of the table; it has some thousands */
#define NAME_SIZE    64
#define STRIDE_MOST  128
#define OFFSET_MOST  65536

struct search {
	pid_t pid;
	const struct ww_jvm_field *fields;
	size_t len;
	uint64_t *values, *found;
};

/* How an entry of the table is laid out; it says itself. */
struct table {
	uint64_t at, stride, type, field, is_static, offset, address;
};

static bool read_number(pid_t pid, uint64_t address, uint64_t *number)
{
	return ww_heaps__read(pid, address, number, sizeof(*number));
}

static int find_table(pid_t pid, struct table *table)
{
	static const char *const files[] = {"/libjvm.so", NULL};
	struct ww_dynsym where[] = {{.name = "gHotSpotVMStructs"},
				    {.name = "gHotSpotVMStructEntryArrayStride"},
				    {.name = "gHotSpotVMStructEntryTypeNameOffset"},
				    {.name = "gHotSpotVMStructEntryFieldNameOffset"}};
	struct ww_dynsym rest[] = {{.name = "gHotSpotVMStructEntryIsStaticOffset"},
				   {.name = "gHotSpotVMStructEntryOffsetOffset"},
				   {.name = "gHotSpotVMStructEntryAddressOffset"}};
	uint64_t *const numbers[] = {&table->at,	&table->stride, &table->type,	&table->field,
				     &table->is_static, &table->offset, &table->address};
	int err = ww_dynsym__find(pid, files, where, sizeof(where) / sizeof(where[0]));

	if (!err)
		err = ww_dynsym__find(pid, files, rest, sizeof(rest) / sizeof(rest[0]));
	for (size_t i = 0; !err && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!read_number(pid, i < 4 ? where[i].address : rest[i - 4].address, numbers[i]))
			err = -ESRCH;
	if (!err && (table->stride < 8 || table->stride > STRIDE_MOST || table->type > table->stride - 8 ||
		     table->field > table->stride - 8 || table->is_static > table->stride - 4 ||
		     table->offset > table->stride - 8 || table->address > table->stride - 8))
		err = -ENOENT;
	return err;
}

static uint64_t number_at(const uint8_t *data, uint64_t at)
{
	uint64_t number;

	memcpy(&number, data + at, sizeof(number));
	return number;
}

/* A name of the table; false: there is none, it is longer than those that are looked for, or can't be read. */
static bool read_name(pid_t pid, uint64_t address, char name[NAME_SIZE])
{
	return address && ww_heaps__read(pid, address, name, NAME_SIZE) && memchr(name, 0, NAME_SIZE);
}

static void note_entry(const struct search *search, const struct table *table, const uint8_t *entry)
{
	char type[NAME_SIZE], name[NAME_SIZE];
	uint32_t is_static;

	if (!read_name(search->pid, number_at(entry, table->type), type))
		return;
	for (size_t i = 0; i < search->len; i++) {
		const struct ww_jvm_field *field = &search->fields[i];

		if (strcmp(type, field->structure) != 0 ||
		    !read_name(search->pid, number_at(entry, table->field), name) || strcmp(name, field->member) != 0)
			continue;
		memcpy(&is_static, entry + table->is_static, sizeof(is_static));
		if ((is_static != 0) != field->is_static)
			continue;
		uint64_t value = number_at(entry, is_static ? table->address : table->offset);
		if (!is_static && value >= OFFSET_MOST)
			continue;
		search->values[i] = value;
		*search->found |= 1ull << i;
	}
}

int ww_jvm_table__find(pid_t pid, const struct ww_jvm_field *fields, size_t len, uint64_t *values, uint64_t *found)
{
	const struct search search = {pid, fields, len, values, found};
	const uint64_t all = len < 64 ? (1ull << len) - 1 : UINT64_MAX;
	uint8_t entry[STRIDE_MOST];
	struct table table = {0};
	int err = len > 64 ? -EINVAL : find_table(pid, &table);

	if (err)
		return err;
	*found = 0;
	for (uint64_t i = 0; *found != all && i < ENTRIES_MOST; i++) {
		/* The last one has no names. */
		if (!ww_heaps__read(pid, table.at + i * table.stride, entry, table.stride) ||
		    !number_at(entry, table.type))
			break;
		note_entry(&search, &table, entry);
	}
	return 0;
}
