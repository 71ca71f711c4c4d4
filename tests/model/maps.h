/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* BPF maps of the small kernel, as its helpers use them. */
#ifndef WHYWAIT_MODEL_MAPS_H
#define WHYWAIT_MODEL_MAPS_H

#include "kernel.h"

/* Makes the map that a variable declares. */
void map_add(void *declared, u32 type, u32 key_size, u32 value_size, u32 most);

bool maps_there(void);

/* Frees all maps and what they hold. */
void maps_free(void);

/* As the helpers of these names: 0 or a negative errno. */
void *map_lookup(void *declared, const void *key, u32 cpu);
long map_update(void *declared, const void *key, const void *value, u64 flags);
long map_delete(void *declared, const void *key);
long map_push(void *declared, const void *value);
long map_pop(void *declared, void *value);

/* The length of a stack, and its element number `at` in *value, when it has it. */
u32 map_stacked(void *declared, u32 at, void *value);

/* What a task or socket keeps in the map; *owner is its own pointer to all that it keeps. */
void *storage_get(void *declared, void **owner, bool create);
void storage_free(void **owner);

/* Frees what it keeps in all maps. */
void storage_free(void **owner);

#endif
