/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/python_dicts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define ENTRIES_MAX 16384 /* looked at */
#define TEXT_MAX    63

/* Offsets in CPython 3.11's objects (Include/internal/pycore_dict.h, cpython/dictobject.h, cpython/unicodeobject.h). */
#define DICT_KEYS   32
#define MODULE_DICT 16

struct keys {
	int64_t references;
	uint8_t log2_size, log2_index_bytes, kind, unused;
	uint32_t version;
	int64_t usable, entries;
};

struct text {
	int64_t references;
	uint64_t type;
	int64_t length, hash;
	uint64_t state, wide;
	char text[TEXT_MAX + 1];
};

int ww_python_read(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
	ssize_t len = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return len < 0 ? -errno : (size_t)len < size ? -EFAULT : 0;
}

/* Whether the object is that text. What is behind a short one may not be readable. */
static bool is_text(pid_t pid, uint64_t object, const char *name, size_t len)
{
	struct text text;

	return object && !ww_python_read(pid, object, &text, offsetof(struct text, text) + len) &&
	       text.length == (int64_t)len && !memcmp(text.text, name, len);
}

int ww_python_keys__find(pid_t pid, uint64_t keys, const char *name, uint32_t *index, uint64_t *value)
{
	struct keys head;
	size_t len = strlen(name);
	int err = ww_python_read(pid, keys, &head, sizeof(head));

	if (err)
		return err;
	if (len > TEXT_MAX || head.entries <= 0 || head.entries > ENTRIES_MAX || head.log2_index_bytes > 20)
		return -ENOENT;
	/* Where not all keys are texts, their hashes are in front of them. */
	size_t words = head.kind ? 2 : 3, count = (size_t)head.entries;
	uint64_t *entries = calloc(count, words * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	err = ww_python_read(pid, keys + sizeof(head) + (1ull << head.log2_index_bytes), entries,
			     count * words * sizeof(*entries));
	size_t i = 0;
	while (!err && i < count && !is_text(pid, entries[i * words + words - 2], name, len))
		i++;
	if (!err && i == count)
		err = -ENOENT;
	if (!err && index)
		*index = (uint32_t)i;
	if (!err && value)
		*value = entries[i * words + words - 1];
	free(entries);
	return err;
}

int ww_python_dict__find(pid_t pid, uint64_t dict, const char *name, uint64_t *value)
{
	uint64_t at[2]; /* keys; values, where those are apart */
	uint64_t found;
	int err = dict ? ww_python_read(pid, dict + DICT_KEYS, at, sizeof(at)) : -ENOENT;

	if (!err && at[1])
		err = -ENOENT;
	if (!err)
		err = ww_python_keys__find(pid, at[0], name, NULL, &found);
	if (!err && !found)
		err = -ENOENT;
	if (!err)
		*value = found;
	return err;
}

int ww_python_module__find(pid_t pid, uint64_t modules, const char *module, const char *name, uint64_t *value)
{
	uint64_t object, dict;
	int err = ww_python_dict__find(pid, modules, module, &object);

	if (!err)
		err = ww_python_read(pid, object + MODULE_DICT, &dict, sizeof(dict));
	return err ? err : ww_python_dict__find(pid, dict, name, value);
}
