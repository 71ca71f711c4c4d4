/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t ww_utf8__len(const unsigned char *bytes, size_t len)
{
	unsigned char low = 0x80, high = 0xbf; /* range of the second byte */
	size_t need;

	if (!len)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf) {
		need = 2;
	} else if (bytes[0] >= 0xe0 && bytes[0] <= 0xef) {
		need = 3;
		if (bytes[0] == 0xe0)
			low = 0xa0; /* shorter forms exist */
		else if (bytes[0] == 0xed)
			high = 0x9f; /* surrogates */
	} else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4) {
		need = 4;
		if (bytes[0] == 0xf0)
			low = 0x90;
		else if (bytes[0] == 0xf4)
			high = 0x8f; /* beyond U+10FFFF */
	} else {
		return 0;
	}
	if (len < need || bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++) {
		if (bytes[i] < 0x80 || bytes[i] > 0xbf)
			return 0;
	}
	return need;
}

void ww_utf8__copy(char *out, size_t size, const char *text, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len && text[i];) {
		const unsigned char *bytes = (const unsigned char *)text + i;

		/* Most characters are these. */
		if (bytes[0] >= 0x20 && bytes[0] < 0x7f) {
			if (at + 1 >= size)
				break;
			out[at++] = text[i++];
			continue;
		}

		size_t character = ww_utf8__len(bytes, len - i);
		bool plain = character > 1 || (character == 1 && bytes[0] >= 0x20 && bytes[0] != 0x7f);

		/* U+0080 to U+009F are controls, too. */
		if (character == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0)
			plain = false;
		if (!character)
			character = 1;
		if (at + (plain ? character : 1) >= size)
			break;
		if (plain)
			memcpy(out + at, bytes, character);
		else
			out[at] = '?';
		at += plain ? character : 1;
		i += character;
	}
	out[at] = '\0';
}

size_t ww_utf8__put(char *out, uint32_t code)
{
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		code = 0xfffd;
	if (code < 0x80) {
		*out = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}
