/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/bytes.h"

#include <stdlib.h>
#include <string.h>

void ww_bytes__free(struct ww_bytes *bytes)
{
	if (!bytes)
		return;
	free(bytes->data);
	*bytes = (struct ww_bytes){0};
}

bool ww_bytes__reserve(struct ww_bytes *bytes, size_t more)
{
	if (bytes->failed)
		return false;
	if (bytes->cap - bytes->len >= more)
		return true;

	size_t cap = bytes->cap ? bytes->cap : 256;

	while (cap - bytes->len < more) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap)) {
			bytes->failed = true;
			return false;
		}
	}

	uint8_t *data = realloc(bytes->data, cap);

	if (!data) {
		bytes->failed = true;
		return false;
	}
	bytes->data = data;
	bytes->cap = cap;
	return true;
}

void ww_bytes__put(struct ww_bytes *bytes, const void *data, size_t len)
{
	if (!len || !ww_bytes__reserve(bytes, len))
		return;
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
}

uint64_t ww_reader__number(struct ww_reader *reader)
{
	uint64_t number = 0;

	for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
		uint8_t byte = *reader->at++;

		if (shift == 63 && byte > 1)
			break;
		number |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return number;
	}
	reader->failed = true;
	reader->at = reader->end;
	return 0;
}
