/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A hash of bytes for in-memory tables: fast and well spread, not for untrusted input without a seed. */
#ifndef WHYWAIT_HASH_H
#define WHYWAIT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t ww_hash_mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9;
	return h ^ h >> 32;
}

static inline uint64_t ww_hash(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t h = seed ^ len * 0x9e3779b97f4a7c15, word;

	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		h = ww_hash_mix(h ^ word);
	}
	word = 0;
	memcpy(&word, at, len);
	return ww_hash_mix(h ^ word);
}

#endif
