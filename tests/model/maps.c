/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * BPF maps. A map's declaration is a variable full of pointers that nobody looks at: the first one leads to what is
 * kept here. Every value is allocated on its own, so that the address sanitizer sees an access beyond it, and one to
 * what was deleted.
 */
#include "kernel.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"

struct map {
	const void *declared;
	u32 type, key_size, value_size, most;
	u32 len;
	u8 **keys;
	u8 **values; /* NULL: not used yet */
	u32 *used;   /* of an LRU map: when each was */
	u32 clock;
};

#define MAPS 64
static struct map maps[MAPS];
static u32 maps_len;

void map_add(void *declared, u32 type, u32 key_size, u32 value_size, u32 most)
{
	struct map *map = &maps[maps_len++];
	*map = (struct map){.declared = declared, .type = type, .key_size = key_size, .value_size = value_size};
	map->most = type == BPF_MAP_TYPE_PERCPU_ARRAY ? most * HOST_CPUS : most;
	map->keys = calloc(map->most, sizeof(*map->keys));
	map->values = calloc(map->most, sizeof(*map->values));
	map->used = calloc(map->most, sizeof(*map->used));
	*(struct map **)declared = map;
}

static void element_free(struct map *map, u32 at)
{
	free(map->keys[at]);
	free(map->values[at]);
	map->keys[at] = NULL;
	map->values[at] = NULL;
}

bool maps_there(void)
{
	return maps_len;
}

void maps_free(void)
{
	for (u32 i = 0; i < maps_len; i++) {
		for (u32 at = 0; at < maps[i].most; at++)
			element_free(&maps[i], at);
		free(maps[i].keys);
		free(maps[i].values);
		free(maps[i].used);
		*(struct map **)maps[i].declared = NULL;
	}
	maps_len = 0;
}

static bool is_array(const struct map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Where a hash map has the key; `most` when it has not. */
static u32 find(const struct map *map, const void *key)
{
	for (u32 at = 0; at < map->most; at++) {
		if (map->keys[at] && !memcmp(map->keys[at], key, map->key_size))
			return at;
	}
	return map->most;
}

void *map_lookup(void *declared, const void *key, u32 cpu)
{
	struct map *map = *(struct map **)declared;
	if (!is_array(map)) {
		u32 at = find(map, key);
		if (at == map->most)
			return NULL;
		map->used[at] = ++map->clock;
		return map->values[at];
	}
	u32 index = *(const u32 *)key, entries = map->most;
	if (map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		entries /= HOST_CPUS;
	if (index >= entries)
		return NULL;
	if (map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		index += cpu * entries;
	if (!map->values[index])
		map->values[index] = calloc(1, map->value_size);
	return map->values[index];
}

/* A place for a new key; of an LRU map that of the one longest not used. */
static u32 place(struct map *map)
{
	u32 oldest = 0;
	for (u32 at = 0; at < map->most; at++) {
		if (!map->keys[at])
			return at;
		if (map->used[at] < map->used[oldest])
			oldest = at;
	}
	if (map->type != BPF_MAP_TYPE_LRU_HASH)
		return map->most;
	element_free(map, oldest);
	return oldest;
}

long map_update(void *declared, const void *key, const void *value, u64 flags)
{
	struct map *map = *(struct map **)declared;
	if (is_array(map)) {
		memcpy(map_lookup(declared, key, host.cpu), value, map->value_size);
		return 0;
	}
	u32 at = find(map, key);
	if (at < map->most && flags == BPF_NOEXIST)
		return -EEXIST;
	if (at == map->most) {
		at = place(map);
		if (at == map->most)
			return -E2BIG;
		map->keys[at] = malloc(map->key_size);
		memcpy(map->keys[at], key, map->key_size);
	} else {
		free(map->values[at]); /* the kernel too makes a new element of it */
	}
	map->values[at] = malloc(map->value_size);
	memcpy(map->values[at], value, map->value_size);
	map->used[at] = ++map->clock;
	return 0;
}

long map_delete(void *declared, const void *key)
{
	struct map *map = *(struct map **)declared;
	u32 at = find(map, key);
	if (at == map->most)
		return -ENOENT;
	element_free(map, at);
	return 0;
}

long map_push(void *declared, const void *value)
{
	struct map *map = *(struct map **)declared;
	if (map->len == map->most)
		return -E2BIG;
	map->values[map->len] = malloc(map->value_size);
	memcpy(map->values[map->len++], value, map->value_size);
	return 0;
}

long map_pop(void *declared, void *value)
{
	struct map *map = *(struct map **)declared;
	if (!map->len) {
		memset(value, 0, map->value_size);
		return -ENOENT;
	}
	memcpy(value, map->values[--map->len], map->value_size);
	free(map->values[map->len]);
	map->values[map->len] = NULL;
	return 0;
}

u32 map_stacked(void *declared, u32 at, void *value)
{
	struct map *map = *(struct map **)declared;
	if (at < map->len)
		memcpy(value, map->values[at], map->value_size);
	return map->len;
}

/* What an owner keeps in one map; its pointer leads to the value of the first. */
struct stored {
	const struct map *map;
	struct stored *next;
	u64 value[];
};

static struct stored *stored_of(void *value)
{
	return value ? (struct stored *)((u8 *)value - offsetof(struct stored, value)) : NULL;
}

/* What a task or socket keeps in one map, and in the next. */
struct storage {
	struct storage *next;
	const void *declared;
	void *value;
};

void *storage_get(void *declared, void **owner, bool create)
{
	struct map *map = *(struct map **)declared;
	struct storage *storage;
	for (storage = *owner; storage; storage = storage->next) {
		if (storage->declared == declared)
			return storage->value;
	}
	if (!create)
		return NULL;
	storage = calloc(1, sizeof(*storage));
	storage->next = *owner;
	storage->declared = declared;
	storage->value = calloc(1, map->value_size);
	*owner = storage;
	return storage->value;
}

void storage_free(void **owner)
{
	for (struct storage *storage = *owner, *next; storage; storage = next) {
		next = storage->next;
		free(storage->value);
		free(storage);
	}
	*owner = NULL;
}
