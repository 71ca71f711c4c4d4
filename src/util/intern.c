/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/intern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/arena.h"
#include "util/hash.h"

struct entry {
	uint64_t hash;
	size_t len;
	char *bytes;
};

struct ww_intern {
	struct ww_arena *arena;
	uint64_t seed; /* strings come over the network: nobody shall choose which ones collide */
	struct entry *entries;
	uint32_t len, cap;
	uint32_t *slots; /* entry + 1; 0: free */
	uint32_t mask;
	bool reuses;
	uint32_t reused; /* below it no number is vacant, when it reuses */
};

/* As good as any name that is read of it: a few empty strings. */
static char vacant[8];

#define FIRST_SLOTS 64

struct ww_intern *ww_intern__new(void)
{
	struct ww_intern *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->arena = ww_arena__new();
	table->slots = calloc(FIRST_SLOTS, sizeof(*table->slots));
	if (!table->arena || !table->slots) {
		ww_intern__free(table);
		return NULL;
	}
	table->mask = FIRST_SLOTS - 1;
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) != sizeof(table->seed))
		table->seed = (uintptr_t)table;
	return table;
}

void ww_intern__free(struct ww_intern *table)
{
	if (!table)
		return;
	ww_arena__free(table->arena);
	free(table->entries);
	free(table->slots);
	free(table);
}

/* The slot that holds the string or, when it is not there, would. */
static uint32_t slot_of(const struct ww_intern *table, uint64_t hash, const void *bytes, size_t len)
{
	uint32_t slot = (uint32_t)hash & table->mask;

	for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
		const struct entry *entry = &table->entries[table->slots[slot] - 1];

		if (entry->hash == hash && entry->len == len && !memcmp(entry->bytes, bytes, len))
			break;
	}
	return slot;
}

static int grow_slots(struct ww_intern *table)
{
	uint32_t mask = table->mask * 2 + 1;
	uint32_t *slots = calloc((size_t)mask + 1, sizeof(*slots));

	if (!slots)
		return -1;
	for (uint32_t i = 0; i < table->len; i++) {
		if (table->entries[i].bytes == vacant)
			continue;
		uint32_t slot = (uint32_t)table->entries[i].hash & mask;

		while (slots[slot])
			slot = (slot + 1) & mask;
		slots[slot] = i + 1;
	}
	free(table->slots);
	table->slots = slots;
	table->mask = mask;
	return 0;
}

uint32_t ww_intern__find(const struct ww_intern *table, const void *bytes, size_t len)
{
	uint32_t slot = slot_of(table, ww_hash(table->seed, bytes, len), bytes, len);

	return table->slots[slot] ? table->slots[slot] - 1 : WW_INTERN_NONE;
}

static int reserve(struct ww_intern *table)
{
	uint32_t cap = table->cap ? table->cap * 2 : FIRST_SLOTS / 2;
	struct entry *entries;

	if (table->len < table->cap)
		return 0;
	entries = reallocarray(table->entries, cap, sizeof(*entries));
	if (!entries)
		return -1;
	table->entries = entries;
	table->cap = cap;
	return 0;
}

/* The number of the next new string. */
static uint32_t next_of(struct ww_intern *table)
{
	if (!table->reuses)
		return table->len;
	while (table->reused < table->len && table->entries[table->reused].bytes != vacant)
		table->reused++;
	return table->reused;
}

uint32_t ww_intern__add(struct ww_intern *table, const void *bytes, size_t len)
{
	uint64_t hash = ww_hash(table->seed, bytes, len);
	uint32_t slot = slot_of(table, hash, bytes, len);

	if (table->slots[slot])
		return table->slots[slot] - 1;
	if (table->len >= table->mask / 2) {
		if (grow_slots(table))
			return WW_INTERN_NONE;
		slot = slot_of(table, hash, bytes, len);
	}
	uint32_t id = next_of(table);
	char *copy = reserve(table) ? NULL : ww_arena__alloc(table->arena, len + 1);

	if (!copy)
		return WW_INTERN_NONE;
	memcpy(copy, bytes, len);
	table->entries[id] = (struct entry){.hash = hash, .len = len, .bytes = copy};
	table->slots[slot] = id + 1;
	table->len += id == table->len;
	return id;
}

uint32_t ww_intern__add_vacant(struct ww_intern *table)
{
	if (reserve(table))
		return WW_INTERN_NONE;
	table->entries[table->len] = (struct entry){.bytes = vacant};
	return table->len++;
}

void ww_intern__reuse(struct ww_intern *table)
{
	table->reuses = true;
}

bool ww_intern__is_vacant(const struct ww_intern *table, uint32_t id)
{
	return table->entries[id].bytes == vacant;
}

uint32_t ww_intern__len(const struct ww_intern *table)
{
	return table->len;
}

const char *ww_intern__get(const struct ww_intern *table, uint32_t id)
{
	return table->entries[id].bytes;
}
