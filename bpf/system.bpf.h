/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What runs at the other end of an upstream connection, told from the first bytes sent to it, else from its port. Only
 * the answer matters here (database or other peer, and its name); nothing is parsed.
 */
#ifndef WHYWAIT_SYSTEM_H
#define WHYWAIT_SYSTEM_H

#include "message.bpf.h"

static __always_inline u8 ww_system_kind(u8 system)
{
	switch (system) {
#define WW_SYSTEM(id, detail, otel, kind, port)                                                                        \
	case WW_SYSTEM_##id:                                                                                           \
		return WW_KIND_##kind;
#include "whywait/systems.def"
#undef WW_SYSTEM
	}
	return WW_KIND_NET;
}

static __always_inline u8 ww_system_of_port(u16 port)
{
#define WW_SYSTEM(id, detail, otel, kind, wellknown)                                                                   \
	if (wellknown && port == wellknown)                                                                            \
		return WW_SYSTEM_##id;
#include "whywait/systems.def"
#undef WW_SYSTEM
	return WW_SYSTEM_UNKNOWN;
}

static __always_inline u32 ww_be32(const u8 *b)
{
	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

#define WW_FOUR(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

/* FastCGI: version 1, a request that begins, 8 bytes of content: the role of whom it is for */
static __always_inline bool ww_begins_fastcgi(const struct ww_first *first, u64 len)
{
	const u8 *b = first->b;
	return len >= 8 && b[0] == 1 && b[1] == 1 && (b[2] || b[3]) && b[4] == 0 && b[5] == 8 && b[7] == 0 &&
	       (len < 10 || (b[8] == 0 && b[9] >= 1 && b[9] <= 3));
}

/* memcached's text and meta commands (doc/protocol.txt), in lower case, and its binary protocol. */
static __always_inline bool ww_is_memcached(const u8 *b, u64 len)
{
	/* Magic 0x80 of a request, an opcode, and data type 0. */
	if (len >= 24 && b[0] == 0x80 && b[1] <= 0x2a && b[5] == 0)
		return true;
	if (len < 4)
		return false;
	if (b[0] == 'm' && (b[1] == 'g' || b[1] == 's' || b[1] == 'd' || b[1] == 'a' || b[1] == 'n') &&
	    (b[2] == ' ' || b[2] == '\r'))
		return true;
	switch (WW_FOUR(b[0], b[1], b[2], b[3])) {
	case WW_FOUR('g', 'e', 't', ' '):
	case WW_FOUR('g', 'e', 't', 's'):
	case WW_FOUR('g', 'a', 't', ' '):
	case WW_FOUR('g', 'a', 't', 's'):
	case WW_FOUR('s', 'e', 't', ' '):
	case WW_FOUR('a', 'd', 'd', ' '):
	case WW_FOUR('r', 'e', 'p', 'l'):
	case WW_FOUR('a', 'p', 'p', 'e'):
	case WW_FOUR('p', 'r', 'e', 'p'):
	case WW_FOUR('c', 'a', 's', ' '):
	case WW_FOUR('i', 'n', 'c', 'r'):
	case WW_FOUR('d', 'e', 'c', 'r'):
	case WW_FOUR('d', 'e', 'l', 'e'):
	case WW_FOUR('t', 'o', 'u', 'c'):
	case WW_FOUR('v', 'e', 'r', 's'):
		return true;
	}
	return false;
}

/* `len` is the whole message's length. Global: a connection's first message is not worth the verifier's time. */
WW_GLOBAL2(int, ww_system_of_bytes, F, first, N, len)
{
	if (!first)
		return WW_SYSTEM_UNKNOWN;
	const u8 *b = first->b;
	/* PostgreSQL start-up, SSLRequest, GSSENCRequest, CancelRequest: length, then a version-like code (v3 protocol)
	 */
	if (len >= 8 && ww_be32(b) >= 8 && ww_be32(b) <= 10000) {
		u32 code = ww_be32(b + 4);
		if (code == 0x00030000 || code == 0x00030002 || (code >= 80877102 && code <= 80877104))
			return WW_SYSTEM_POSTGRES;
	}
	/* PostgreSQL in mid-stream: a frontend message type and a length that the message can hold */
	if (len >= 5 && ww_be32(b + 1) >= 4 && ww_be32(b + 1) < 0x40000000 && ww_be32(b + 1) + 1 <= len) {
		switch (b[0]) {
		case 'Q':
		case 'P':
		case 'B':
		case 'E':
		case 'D':
		case 'C':
		case 'S':
		case 'X':
		case 'F':
		case 'p':
			return WW_SYSTEM_POSTGRES;
		}
	}
	if (ww_begins_fastcgi(first, len))
		return WW_SYSTEM_FASTCGI;
	/* AMQP's protocol header, with which a client begins */
	if (len >= 8 && WW_FOUR(b[0], b[1], b[2], b[3]) == WW_FOUR('A', 'M', 'Q', 'P'))
		return WW_SYSTEM_AMQP;
	/* Redis: an array of bulk strings */
	if (len >= 4 && b[0] == '*' && b[1] >= '1' && b[1] <= '9' && (b[2] == '\r' || (b[2] >= '0' && b[2] <= '9')))
		return WW_SYSTEM_REDIS;
	/* MySQL: a command packet has sequence number 0, a 3-byte length, and a command byte */
	if (len >= 5 && b[3] == 0 && (u64)(b[0] | (u32)b[1] << 8 | (u32)b[2] << 16) + 4 == len &&
	    (b[4] == 0x01 || b[4] == 0x02 || b[4] == 0x03 || b[4] == 0x0e || b[4] == 0x16 || b[4] == 0x17 ||
	     b[4] == 0x19))
		return WW_SYSTEM_MYSQL;
	/* MySQL's handshake response: sequence number 1 */
	if (len >= 36 && b[3] == 1 && (u64)(b[0] | (u32)b[1] << 8 | (u32)b[2] << 16) + 4 == len)
		return WW_SYSTEM_MYSQL;
	/* MySQL's greeting, by which a server speaks first: sequence number 0, protocol version 10 */
	if (len >= 45 && b[3] == 0 && b[4] == 10 && (u64)(b[0] | (u32)b[1] << 8 | (u32)b[2] << 16) + 4 == len)
		return WW_SYSTEM_MYSQL;
	/* MongoDB: OP_MSG (2013) or OP_QUERY (2004) in a little-endian header */
	if (len >= 16 && b[12] == 0xdd && b[13] == 0x07 && b[14] == 0 && b[15] == 0)
		return WW_SYSTEM_MONGODB;
	if (len >= 16 && b[12] == 0xd4 && b[13] == 0x07 && b[14] == 0 && b[15] == 0)
		return WW_SYSTEM_MONGODB;
	if (ww_is_memcached(b, len))
		return WW_SYSTEM_MEMCACHED;
	if (b[0] == 0x16 && b[1] == 0x03)
		return WW_SYSTEM_TLS;
	/* HTTP/1: a method in upper case, then a space */
	if (b[0] >= 'A' && b[0] <= 'Z' && b[1] >= 'A' && b[1] <= 'Z') {
		for (u32 i = 2; i < 8; i++) {
			if (b[i] == ' ')
				return WW_SYSTEM_HTTP;
			if (b[i] < 'A' || b[i] > 'Z')
				break;
		}
	}
	return WW_SYSTEM_UNKNOWN;
}

#endif
