/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes that grow, and numbers of variable length in them: LEB128, unsigned, 7 bits a byte, the lowest first. Reading
 * never goes beyond the end, whatever the bytes say.
 */
#ifndef WHYWAIT_BYTES_H
#define WHYWAIT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of a fixed length. */
static inline uint32_t ww_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint32_t ww_le32(const uint8_t *at)
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* All zeros is an empty one. `failed` sticks when memory ran out: check it once, at the end. */
struct ww_bytes {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

/* NULL-safe. Frees the content, not `bytes` itself, which is empty then. */
void ww_bytes__free(struct ww_bytes *bytes);

/* Makes room for `more` bytes behind `len`; false when out of memory, which sets `failed`. */
bool ww_bytes__reserve(struct ww_bytes *bytes, size_t more);

void ww_bytes__put(struct ww_bytes *bytes, const void *data, size_t len);

#define WW_NUMBER_MAX 10 /* bytes of the longest number */

static inline void ww_bytes__put_number(struct ww_bytes *bytes, uint64_t number)
{
	uint8_t *at;

	if (bytes->cap - bytes->len < WW_NUMBER_MAX && !ww_bytes__reserve(bytes, WW_NUMBER_MAX))
		return;
	for (at = bytes->data + bytes->len; number > 127; number >>= 7)
		*at++ = (uint8_t)(number | 128);
	*at++ = (uint8_t)number;
	bytes->len = (size_t)(at - bytes->data);
}

/* A part of memory that is being read; `failed` sticks when it was too short or a number too long. */
struct ww_reader {
	const uint8_t *at, *end;
	bool failed;
};

/* The next number; 0 when failed. */
uint64_t ww_reader__number(struct ww_reader *reader);

#endif
