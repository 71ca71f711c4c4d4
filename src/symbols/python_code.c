/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/python_code.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/path.h"
#include "util/process_memory.h"
#include "util/utf8.h"

#define NAME_MOST  200	 /* characters */
#define TABLE_MOST 16384 /* bytes of a table of locations that are looked at */

/* PyCodeObject (Include/cpython/code.h) and strings (cpython/unicodeobject.h) by minor version of CPython 3. */
static const struct layout {
	unsigned minor;
	unsigned first_line, file, name, table;
	unsigned instructions;	 /* before 3.11 they are elsewhere, and a frame has a number */
	unsigned ascii, compact; /* where the characters are: of a compact string in ASCII, and of another one */
} layouts[] = {
	{8, 40, 104, 112, 120, 0, 48, 72},    {9, 40, 104, 112, 120, 0, 48, 72},
	{10, 40, 104, 112, 120, 0, 48, 72},   {11, 72, 112, 128, 136, 184, 48, 72},
	{12, 68, 112, 128, 136, 192, 40, 56}, {13, 68, 112, 128, 136, 200, 40, 56},
};

#define CODE_MOST      144
#define UNICODE_LENGTH 16
#define UNICODE_STATE  32
#define BYTES_LENGTH   16
#define BYTES_DATA     32

/* The string as UTF-8; of a long one the end. */
static int read_text(pid_t pid, const struct layout *layout, uint64_t address, char out[4 * NAME_MOST + 1])
{
	uint8_t head[UNICODE_STATE + 4], characters[4 * NAME_MOST];
	uint64_t length;
	uint32_t state;
	size_t len = 0;
	int err = ww_process_memory__read(pid, address, head, sizeof(head));

	if (err)
		return err;
	memcpy(&length, head + UNICODE_LENGTH, sizeof(length));
	memcpy(&state, head + UNICODE_STATE, sizeof(state));
	uint32_t width = state >> 2 & 7;
	bool compact = state >> 5 & 1, ascii = state >> 6 & 1;
	if (!compact || (width != 1 && width != 2 && width != 4) || length > UINT32_MAX)
		return -EFAULT;
	uint64_t most = length < NAME_MOST ? length : NAME_MOST;
	uint64_t from = address + (ascii ? layout->ascii : layout->compact) + (length - most) * width;
	err = ww_process_memory__read(pid, from, characters, most * width);
	for (size_t i = 0; i < most && !err; i++) {
		uint32_t c = 0;

		memcpy(&c, characters + i * width, width); /* the lowest byte comes first here */
		len += ww_utf8__put(out + len, c);
	}
	out[len] = '\0';
	return err;
}

/* A number of 6 bits a byte, the lowest first. */
static uint32_t varint(const uint8_t **at, const uint8_t *end)
{
	uint32_t value = 0;

	for (unsigned shift = 0; *at < end && shift < 30; shift += 6) {
		uint8_t byte = *(*at)++;

		value |= (uint32_t)(byte & 63) << shift;
		if (!(byte & 64))
			break;
	}
	return value;
}

static int signed_varint(const uint8_t **at, const uint8_t *end)
{
	uint32_t value = varint(at, end);

	return value & 1 ? -(int)(value >> 1) : (int)(value >> 1);
}

static int line_of_locations(const uint8_t *table, size_t len, int first, uint64_t offset)
{
	const uint8_t *at = table, *end = table + len;
	uint64_t line = (uint64_t)first, reached = 0;

	while (at < end) {
		uint8_t byte = *at++;
		unsigned form = byte >> 3 & 15;
		bool known = true;

		if (form < 10) {
			at += at < end;
		} else if (form < 13) {
			line += form - 10;
			at += end - at < 2 ? end - at : 2;
		} else if (form == 15) {
			known = false;
		} else {
			line += (uint64_t)(int64_t)signed_varint(&at, end);
			if (form == 14) {
				varint(&at, end);
				varint(&at, end);
				varint(&at, end);
			}
		}
		reached += 2u * ((byte & 7) + 1);
		if (offset < reached)
			return known ? (int)line : first;
	}
	return first;
}

/* Before 3.10: how many bytes of code on, and how many lines; each pair adds up. */
static int line_of_pairs(const uint8_t *table, size_t len, int first, uint64_t offset)
{
	int64_t line = first;
	uint64_t reached = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		reached += table[i];
		if (reached > offset)
			break;
		line += (int8_t)table[i + 1];
	}
	return line > 0 && line <= INT32_MAX ? (int)line : first;
}

/* 3.10: the pairs are of ranges; -128 lines: it has none. */
static int line_of_ranges(const uint8_t *table, size_t len, int first, uint64_t offset)
{
	int64_t line = first;
	uint64_t reached = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		int8_t by = (int8_t)table[i + 1];

		if (by != -128)
			line += by;
		reached += table[i];
		if (reached > offset)
			return by != -128 && line > 0 && line <= INT32_MAX ? (int)line : first;
	}
	return first;
}

int ww_python_code__line(unsigned minor, const uint8_t *table, size_t len, int first, uint64_t offset)
{
	if (minor < 10)
		return line_of_pairs(table, len, first, offset);
	return minor == 10 ? line_of_ranges(table, len, first, offset) : line_of_locations(table, len, first, offset);
}

static int read_line(pid_t pid, unsigned minor, uint64_t table, int first, uint64_t offset)
{
	uint8_t bytes[TABLE_MOST];
	uint64_t length;

	if (ww_process_memory__read(pid, table + BYTES_LENGTH, &length, sizeof(length)))
		return first;
	if (length > sizeof(bytes))
		length = sizeof(bytes);
	if (ww_process_memory__read(pid, table + BYTES_DATA, bytes, length))
		return first;
	return ww_python_code__line(minor, bytes, length, first, offset);
}

/* How many bytes into the code the instruction is. */
static uint64_t offset_of(const struct layout *layout, uint64_t code, uint64_t at)
{
	int32_t last = (int32_t)(at >> 1);

	if (layout->instructions)
		return at - (code + layout->instructions);
	/* -1: it has not begun. From 3.10 on it counts instructions. */
	return last < 0 ? 0 : (uint64_t)last * (layout->minor == 10 ? 2 : 1);
}

int ww_python_code__name(pid_t pid, unsigned minor, uint64_t code, uint64_t at, char *name, size_t size)
{
	char function[4 * NAME_MOST + 1], file[4 * NAME_MOST + 1];
	const struct layout *layout = layouts, *end = layouts + sizeof(layouts) / sizeof(layouts[0]);
	uint8_t object[CODE_MOST];
	uint64_t text, path, table;
	int first;

	while (layout < end && layout->minor != minor)
		layout++;
	if (layout == end)
		return -ENOTSUP;
	int err = ww_process_memory__read(pid, code, object, layout->table + sizeof(table));
	if (err)
		return err;
	memcpy(&text, object + layout->name, sizeof(text));
	memcpy(&path, object + layout->file, sizeof(path));
	memcpy(&table, object + layout->table, sizeof(table));
	memcpy(&first, object + layout->first_line, sizeof(first));
	err = read_text(pid, layout, text, function);
	err = err ?: read_text(pid, layout, path, file);
	if (err)
		return err;
	int line = read_line(pid, minor, table, first, offset_of(layout, code, at));
	snprintf(name, size, "%s (%s:%d)", function, ww_path__end(file), line);
	return 0;
}
