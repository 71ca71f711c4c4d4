/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the first bytes of a connection look like.
 */
#ifndef WHYWAIT_BEGINS_H
#define WHYWAIT_BEGINS_H

#include "message.bpf.h"
#include "walk.bpf.h"

/* Methods of RFC 9110, 5789 and 4918, and what proxies use, with the space behind them. */
static const char ww_methods[][16] = {"GET ",	  "POST ",  "HEAD ",   "PUT ",	     "DELETE ", "PATCH ",    "OPTIONS ",
				      "PURGE ",	  "COPY ",  "MOVE ",   "LOCK ",	     "UNLOCK ", "PROPFIND ", "MKCOL ",
				      "CONNECT ", "TRACE ", "REPORT ", "PROPPATCH ", "SEARCH "};

/*
 * Whether `n` bytes begin like a request, as far as they go. Global, as are the others that look at first bytes: the
 * verifier then does not follow what comes after them once for every way through them.
 */
WW_GLOBAL2(int, ww_begins_request, F, first, N, n)
{
	if (!first)
		return false;
	u64 word = first->words[0];
	u32 at = 0;
	if (first->b[0] == '\r')
		at = first->b[1] == '\n' ? 2 : 1;
	if (at)
		word = word >> (8 * at) | first->words[1] << (64 - 8 * at);
	u32 len = n > at ? n - at : 0;
	for (u32 m = 0; m < sizeof(ww_methods) / sizeof(ww_methods[0]); m++) {
		u64 method = *(const u64 *)ww_methods[m];
		u64 end = ww_match(method, 0);
		u32 most = end ? ww_lowest(end) : 8;
		if (most > len)
			most = len;
		u64 mask = most >= 8 ? ~0ull : (1ull << (8 * most)) - 1;
		if (((word ^ method) & mask) == 0)
			return true;
	}
	return false;
}

/* Whether the bytes can be the beginning of any method in use: letters in upper case and the like, up to a space. */
WW_GLOBAL2(int, ww_begins_token, F, first, N, n)
{
	if (!first)
		return false;
	const u8 *b = first->b;
	for (u32 i = 0; i < 16; i++) {
		if (i >= n || (b[i] == ' ' && i > 0))
			break;
		bool upper = b[i] >= 'A' && b[i] <= 'Z', digit = b[i] >= '0' && b[i] <= '9';
		if (!upper && !(digit && i) && b[i] != '-' && b[i] != '_' && b[i] != '\r' && b[i] != '\n')
			return false;
	}
	return true;
}

#endif
