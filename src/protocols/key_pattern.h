/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys of a cache are data, but what they have in common is what the program asks for. */
#ifndef WHYWAIT_KEY_PATTERN_H
#define WHYWAIT_KEY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes to `pattern` what of a key does not change: "user:123:profile" is "user:?:profile". Numbers, hex, UUIDs,
 * dates, e-mail addresses, random strings and whatever is no printable ASCII are '?'. Of a key that is not there as a
 * whole
 * (`cut`) the end is '?', too. ASCII without blanks or quotes; what does not fit `size` is left out.
 */
void ww_key_pattern(const char *key, size_t len, bool cut, char *pattern, size_t size);

#endif
