/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an HTTP/1 message ends (RFC 9112), told from its bytes in any pieces. */
#ifndef WHYWAIT_HTTP1_MESSAGE_H
#define WHYWAIT_HTTP1_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WW_HTTP1_LINE_KEPT 128 /* bytes of a line that are looked at */

enum ww_http1_at {
	WW_HTTP1_START,	     /* the first line, and line ends in front of it */
	WW_HTTP1_HEADERS,    /* lines, up to an empty one */
	WW_HTTP1_BODY,	     /* `left` bytes */
	WW_HTTP1_CHUNK_SIZE, /* a line that begins with a chunk's size */
	WW_HTTP1_CHUNK,	     /* `left` bytes, the line end behind it included */
	WW_HTTP1_TRAILERS,   /* lines, up to an empty one */
	WW_HTTP1_NOWHERE,
};

enum ww_http1_verdict {
	WW_HTTP1_GOES_ON,
	WW_HTTP1_LINE_OVER,
	WW_HTTP1_MESSAGE_OVER,
	WW_HTTP1_WRONG,
};

struct ww_http1_message {
	uint8_t at; /* enum ww_http1_at */
	bool has_length, chunked;
	uint16_t kept; /* bytes in `line` */
	uint32_t head_len, line_len;
	uint64_t left;
	char line[WW_HTTP1_LINE_KEPT];
};

void ww_http1_message__begin(struct ww_http1_message *message);
void ww_http1_message__begin_line(struct ww_http1_message *message);

/*
 * Takes bytes up to a line's end, or all; returns how many. When they end the line, WW_HTTP1_LINE_OVER, it is in `line`
 * without its end, until ww_http1_message__begin_line().
 */
size_t ww_http1_message__take_text(struct ww_http1_message *message, const uint8_t *bytes, size_t len,
				   enum ww_http1_verdict *verdict);

/* The value of a header's line, without blanks around it, if it is `name`'s; NULL when it is not. */
const char *ww_http1_message__value(const struct ww_http1_message *message, const char *name, size_t *len);

/* Takes a header's line for what it says of the body; false when it says what can't be. */
bool ww_http1_message__take_framing(struct ww_http1_message *message);

/* Behind the head: whether a body follows that has an end of its own. */
bool ww_http1_message__begin_body(struct ww_http1_message *message);

/* Takes up to `len` bytes of WW_HTTP1_BODY or WW_HTTP1_CHUNK, whatever they are; returns how many. */
uint64_t ww_http1_message__take_counted(struct ww_http1_message *message, uint64_t len, enum ww_http1_verdict *verdict);

/* Takes a whole line of WW_HTTP1_CHUNK_SIZE or WW_HTTP1_TRAILERS. */
enum ww_http1_verdict ww_http1_message__take_body_line(struct ww_http1_message *message);

#endif
