/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory that is freed all at once: what a report or a catalog points to. */
#ifndef WHYWAIT_ARENA_H
#define WHYWAIT_ARENA_H

#include <stddef.h>

struct ww_arena;

/* The arena is the caller's, to be freed with ww_arena__free(); NULL when out of memory. */
struct ww_arena *ww_arena__new(void);

/* Frees all that was allocated from it; NULL-safe. */
void ww_arena__free(struct ww_arena *arena);

/* Zeroed memory, aligned for any type; NULL when out of memory. `size` may be 0. */
void *ww_arena__alloc(struct ww_arena *arena, size_t size);

/* The same for `count` things of `size` bytes; NULL also when the product overflows. */
void *ww_arena__array(struct ww_arena *arena, size_t count, size_t size);

/* A copy of a string; NULL when out of memory. */
char *ww_arena__strdup(struct ww_arena *arena, const char *string);

#endif
