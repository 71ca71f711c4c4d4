/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UTF-8, without a look at the locale. */
#ifndef WHYWAIT_UTF8_H
#define WHYWAIT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes one character of a NUL-terminated string. Returns its length in bytes, or 0 when the bytes are not
 * well-formed (RFC 3629: overlong forms, surrogates and values above U+10FFFF are not).
 */
static inline int ww_utf8__decode(const char *text, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	int len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (!len)
		return 0;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (int i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*code = c;
	return len;
}

/* Bytes of the well-formed character at the start of `bytes`; 0 when there is none. */
size_t ww_utf8__len(const unsigned char *bytes, size_t len);

/*
 * Copies at most `len` bytes up to a NUL, as much as fits `size` with a NUL behind it; whatever is no UTF-8 or a
 * control character becomes '?'.
 */
void ww_utf8__copy(char *out, size_t size, const char *text, size_t len);

/* Writes a character, of up to 4 bytes, without a NUL; returns how many. What is no character becomes U+FFFD. */
size_t ww_utf8__put(char *out, uint32_t code);

#endif
