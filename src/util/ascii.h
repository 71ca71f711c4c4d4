/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Characters of ASCII, whatever the locale. */
#ifndef WHYWAIT_ASCII_H
#define WHYWAIT_ASCII_H

#include <stdbool.h>

static inline bool ww_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ww_is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool ww_is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool ww_is_letter(char c)
{
	return ww_is_lower(c) || ww_is_upper(c);
}

#endif
