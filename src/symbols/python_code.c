/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/python_code.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define NAME_MOST  200	 /* characters */
#define TABLE_MOST 16384 /* bytes of a table of locations that are looked at */

/* PyCodeObject of CPython 3.11 (Include/cpython/code.h), PyUnicodeObject, PyBytesObject. */
#define CODE_FIRST_LINE	  72
#define CODE_FILE	  112
#define CODE_QUALNAME	  128
#define CODE_LOCATIONS	  136
#define CODE_INSTRUCTIONS 184
#define UNICODE_LENGTH	  16
#define UNICODE_STATE	  32
#define UNICODE_ASCII	  48 /* where the characters are: of a compact string in ASCII, */
#define UNICODE_COMPACT	  72 /* and of another compact one */
#define BYTES_LENGTH	  16
#define BYTES_DATA	  32

static int copy(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
	ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return n < 0 ? -errno : (size_t)n < size ? -EFAULT : 0;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18 & 7));
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The string as UTF-8; of a long one the end. */
static int read_text(pid_t pid, uint64_t address, char out[4 * NAME_MOST + 1])
{
	uint8_t head[UNICODE_STATE + 4], characters[4 * NAME_MOST];
	uint64_t length;
	uint32_t state;
	size_t len = 0;
	int err = copy(pid, address, head, sizeof(head));

	if (err)
		return err;
	memcpy(&length, head + UNICODE_LENGTH, sizeof(length));
	memcpy(&state, head + UNICODE_STATE, sizeof(state));
	uint32_t width = state >> 2 & 7;
	bool compact = state >> 5 & 1, ascii = state >> 6 & 1;
	if (!compact || (width != 1 && width != 2 && width != 4) || length > UINT32_MAX)
		return -EFAULT;
	uint64_t most = length < NAME_MOST ? length : NAME_MOST;
	uint64_t from = address + (ascii ? UNICODE_ASCII : UNICODE_COMPACT) + (length - most) * width;
	err = copy(pid, from, characters, most * width);
	for (size_t i = 0; i < most && !err; i++) {
		uint32_t c = 0;

		memcpy(&c, characters + i * width, width); /* the lowest byte comes first here */
		len += put_utf8(out + len, c);
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

int ww_python_code__line(const uint8_t *table, size_t len, int first, uint64_t offset)
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

static int read_line(pid_t pid, uint64_t table, int first, uint64_t offset)
{
	uint8_t bytes[TABLE_MOST];
	uint64_t length;

	if (copy(pid, table + BYTES_LENGTH, &length, sizeof(length)))
		return first;
	if (length > sizeof(bytes))
		length = sizeof(bytes);
	if (copy(pid, table + BYTES_DATA, bytes, length))
		return first;
	return ww_python_code__line(bytes, length, first, offset);
}

/* "directory/file.py": a file's name alone is often that of many. */
static const char *end_of(const char *path)
{
	const char *at = path + strlen(path);

	for (int slashes = 0; at > path; at--)
		if (at[-1] == '/' && ++slashes == 2)
			break;
	return at;
}

int ww_python_code__name(pid_t pid, unsigned minor, uint64_t code, uint64_t at, char *name, size_t size)
{
	char qualname[4 * NAME_MOST + 1], file[4 * NAME_MOST + 1];
	uint8_t object[CODE_LOCATIONS + 8];
	uint64_t text, path, table;
	int first;

	if (minor != 11)
		return -ENOTSUP;
	int err = copy(pid, code, object, sizeof(object));
	if (err)
		return err;
	memcpy(&text, object + CODE_QUALNAME, sizeof(text));
	memcpy(&path, object + CODE_FILE, sizeof(path));
	memcpy(&table, object + CODE_LOCATIONS, sizeof(table));
	memcpy(&first, object + CODE_FIRST_LINE, sizeof(first));
	err = read_text(pid, text, qualname);
	err = err ?: read_text(pid, path, file);
	if (err)
		return err;
	uint64_t offset = at - (code + CODE_INSTRUCTIONS);
	snprintf(name, size, "%s (%s:%d)", qualname, end_of(file), read_line(pid, table, first, offset));
	return 0;
}
