/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/prepared.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 256
#define BYTES_MAX   65536

struct ww_prepared_entry {
	uint64_t key;
	uint64_t unit;
	struct ww_statement *statement;
};

/* Those behind it move up: the first one stays the one that was set longest ago. */
static void drop(struct ww_prepared *prepared, uint32_t index)
{
	struct ww_prepared_entry *entry = &prepared->entries[index];

	prepared->bytes -= entry->statement->len;
	ww_statement__put(entry->statement);
	prepared->len--;
	memmove(entry, entry + 1, (prepared->len - index) * sizeof(*entry));
}

void ww_prepared__set(struct ww_prepared *prepared, uint64_t key, uint64_t unit, struct ww_statement *statement)
{
	for (uint32_t i = 0; i < prepared->len; i++) {
		if (prepared->entries[i].key == key) {
			drop(prepared, i);
			break;
		}
	}
	if (!statement)
		return;
	while (prepared->len && (prepared->len == ENTRIES_MAX || prepared->bytes + statement->len > BYTES_MAX))
		drop(prepared, 0);
	if (prepared->len == prepared->cap) {
		uint32_t cap = prepared->cap ? 2 * prepared->cap : 4;
		struct ww_prepared_entry *entries = realloc(prepared->entries, cap * sizeof(*entries));

		if (!entries)
			return;
		prepared->entries = entries;
		prepared->cap = cap;
	}
	prepared->entries[prepared->len++] =
		(struct ww_prepared_entry){.key = key, .unit = unit, .statement = ww_statement__hold(statement)};
	prepared->bytes += statement->len;
}

struct ww_statement *ww_prepared__get(const struct ww_prepared *prepared, uint64_t key)
{
	/* What was prepared last is used most. */
	for (uint32_t i = prepared->len; i-- > 0;) {
		if (prepared->entries[i].key == key)
			return prepared->entries[i].statement;
	}
	return NULL;
}

void ww_prepared__forget_since(struct ww_prepared *prepared, uint64_t unit)
{
	for (uint32_t i = prepared->len; i-- > 0;) {
		if (prepared->entries[i].unit >= unit)
			drop(prepared, i);
	}
}

void ww_prepared__free(struct ww_prepared *prepared)
{
	while (prepared->len)
		drop(prepared, prepared->len - 1);
	free(prepared->entries);
	*prepared = (struct ww_prepared){0};
}
