/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What messages of PostgreSQL look like. */
#include <string.h>

#include "protocols/postgres_parts.h"

/* More than a field may have, with its names: a message that says more is none. */
#define LONGEST 0x40010000

bool ww_postgres__may_send(uint8_t type, uint64_t len)
{
	switch (type) {
	case 'H':
	case 'S':
	case 'X':
	case 'c':
		return len == 4;
	case 'C':
	case 'D':
		return len >= 6 && len < 1024;
	case 'E':
		return len >= 9 && len < 1024;
	case 'B':
		return len >= 12 && len < LONGEST;
	case 'P':
		return len >= 8 && len < LONGEST;
	case 'Q':
		return len >= 5 && len < LONGEST;
	case 'F':
		return len >= 12 && len < LONGEST;
	case 'd':
		return len >= 4 && len < LONGEST;
	case 'f':
		return len >= 5 && len < 65536;
	case 'p':
		return len >= 4 && len < 65536;
	default:
		return false;
	}
}

bool ww_postgres__may_receive(uint8_t type, uint64_t len)
{
	switch (type) {
	case '1':
	case '2':
	case '3':
	case 'I':
	case 'c':
	case 'n':
	case 's':
		return len == 4;
	case 'Z':
		return len == 5;
	case 'K':
		return len >= 12 && len <= 264;
	case 'R':
		return len >= 8 && len < 65536;
	case 'C':
		return len >= 5 && len < 256;
	case 'A':
	case 'S':
	case 'v':
		return len >= 6 && len < 65536;
	case 'E':
	case 'N':
		return len >= 5 && len < 1 << 24;
	case 'G':
	case 'H':
	case 'W':
		return len >= 7 && len < 1 << 20;
	case 'T':
	case 't':
		return len >= 6 && len < 1 << 24;
	case 'D':
		return len >= 6 && len < LONGEST;
	case 'V':
		return len >= 8 && len < LONGEST;
	case 'd':
		return len >= 4 && len < LONGEST;
	default:
		return false;
	}
}

static bool ends_with(const uint8_t *tail, size_t len, const char *text, size_t text_len)
{
	return len >= text_len && !memcmp(tail + len - text_len, text, text_len);
}

/* The tag of a CommandComplete at the end, with its NUL: "SELECT 5"; how long it is, 0: there is none. */
static size_t complete_len(const uint8_t *tail, size_t len)
{
	if (len < 7 || tail[len - 1])
		return 0;
	for (size_t text = 2; text + 5 <= len; text++) {
		const uint8_t *at = tail + len - text, *header = at - 5;

		if (at[0] < ' ' || at[0] > 'z')
			return 0;
		if (header[0] == 'C' && !header[1] && !header[2] && !header[3] && header[4] == text + 4)
			return text;
	}
	return 0;
}

static bool ends_with_ready(const uint8_t *tail, size_t len)
{
	return len >= 6 && ends_with(tail, len - 1, "Z\0\0\0\5", 5) && tail[len - 1] && strchr("ITE", tail[len - 1]);
}

size_t ww_postgres__last_tag(const uint8_t *tail, size_t len, const char **tag)
{
	size_t end = ends_with_ready(tail, len) ? len - 6 : len, text = complete_len(tail, end);

	*tag = (const char *)tail + end - text;
	return text;
}

bool ww_postgres__ends_answer(const uint8_t *tail, size_t len, enum ww_postgres_end end)
{
	if (end == WW_POSTGRES_FLUSHED)
		return complete_len(tail, len) || ends_with(tail, len, "s\0\0\0\4", 5) ||
		       ends_with(tail, len, "I\0\0\0\4", 5);
	return ends_with_ready(tail, len);
}

void ww_postgres__keep_tail(struct ww_postgres *postgres, const uint8_t *at, size_t len)
{
	const size_t room = sizeof(postgres->tail);
	size_t kept;

	if (len > room) {
		at += len - room;
		len = room;
	}
	kept = postgres->tail_len < room - len ? postgres->tail_len : room - len;
	memmove(postgres->tail, postgres->tail + postgres->tail_len - kept, kept);
	memcpy(postgres->tail + kept, at, len);
	postgres->tail_len = (uint8_t)(kept + len);
}
