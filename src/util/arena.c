/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN	   _Alignof(max_align_t)
#define BLOCK_SIZE 16384

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct ww_arena {
	struct block *blocks; /* the newest first */
};

struct ww_arena *ww_arena__new(void)
{
	return calloc(1, sizeof(struct ww_arena));
}

void ww_arena__free(struct ww_arena *arena)
{
	if (!arena)
		return;
	while (arena->blocks) {
		struct block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	free(arena);
}

void *ww_arena__alloc(struct ww_arena *arena, size_t size)
{
	struct block *block = arena->blocks;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = calloc(1, sizeof(*block) + room);
		if (!block)
			return NULL;
		block->size = room;
		block->next = arena->blocks;
		arena->blocks = block;
	}

	void *memory = block->bytes + block->used;

	block->used += size;
	return memory;
}

void *ww_arena__array(struct ww_arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return ww_arena__alloc(arena, bytes);
}

char *ww_arena__strdup(struct ww_arena *arena, const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = ww_arena__alloc(arena, size);

	return copy ? memcpy(copy, string, size) : NULL;
}
