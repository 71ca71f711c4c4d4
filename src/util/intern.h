/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Byte strings, each stored once and numbered from 0 in the order of their first appearance. */
#ifndef WHYWAIT_INTERN_H
#define WHYWAIT_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WW_INTERN_NONE UINT32_MAX

struct ww_intern;

/* The table is the caller's, to be freed with ww_intern__free(); NULL when out of memory. */
struct ww_intern *ww_intern__new(void);

/* NULL-safe. */
void ww_intern__free(struct ww_intern *table);

/* The number of a string; WW_INTERN_NONE when it is not in the table. */
uint32_t ww_intern__find(const struct ww_intern *table, const void *bytes, size_t len);

/* The same, adding the string when it is new; WW_INTERN_NONE when out of memory. */
uint32_t ww_intern__add(struct ww_intern *table, const void *bytes, size_t len);

/*
 * Adds a number that no string has: 0 bytes stand in its place. Once ww_intern__reuse() was called, strings that are
 * new get such numbers first. WW_INTERN_NONE when out of memory.
 */
uint32_t ww_intern__add_vacant(struct ww_intern *table);
void ww_intern__reuse(struct ww_intern *table);
bool ww_intern__is_vacant(const struct ww_intern *table, uint32_t id);

/* How many numbers there are. */
uint32_t ww_intern__len(const struct ww_intern *table);

/* The string, with a NUL behind it; valid until the table is freed. */
const char *ww_intern__get(const struct ww_intern *table, uint32_t id);

#endif
