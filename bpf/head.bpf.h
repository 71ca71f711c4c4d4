/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 framing (RFC 9112), as far as it decides where messages begin and end: the first line, Content-Length,
 * Transfer-Encoding, chunk sizes. Works line by line on a window of the bytes that were just moved; what is left of a
 * line is carried to the next call, so a head may be split anywhere. Nothing of a body is ever read.
 */
#ifndef WHYWAIT_HEAD_H
#define WHYWAIT_HEAD_H

#include "message.bpf.h"

#define WW_WINDOW      1024 /* bytes read at once */
#define WW_LINES       128  /* lines of a head looked at in one call of ww_head_scan */
#define WW_SKIP_STEPS  40 /* steps of 16 bytes, or to a line's end, taken in one go for the next header that matters */
#define WW_LINE_WORDS  34 /* a line is searched for its end in so many words of 8 bytes: more than WW_CARRY */
#define WW_WINDOW_SIZE 2048 /* a power of two beyond WW_CARRY + WW_WINDOW: an index is masked, not compared */

/* What a scan of a head met; several at once. */
enum ww_scan {
	WW_SCAN_LINE = 0,	/* a line was taken, there may be more */
	WW_SCAN_MORE = 1 << 0,	/* the head goes on beyond the bytes at hand */
	WW_SCAN_BEGUN = 1 << 1, /* its first line is whole: target and method, or status, are at hand */
	WW_SCAN_END = 1 << 2,	/* the head, chunk line or trailer is whole */
	WW_SCAN_BAD = 1 << 3,	/* this is not HTTP/1 */
};

/* Working memory of a direction, one a CPU. */
struct ww_window {
	/* The stream's state, copied in and out (struct ww_stream). */
	u64 left;
	u8 state;
	u8 first_line;
	u8 chunked;
	u8 skip_line;
	u8 has_length;
	u8 pad;
	u16 status;
	/* The window. */
	u32 pos;
	u32 end;
	u32 from; /* of a scan: bytes up to here have no line's end */
	/* What the first line says. */
	u32 method_at;
	u32 method_len;
	u32 target_at;
	u32 target_len;
	u8 target_truncated;
	u8 minor;
	u16 pad2;
	u32 traceparent_at; /* 0: none */
	u32 pad3;
	struct ww_message message; /* the call's */
	char bytes[WW_WINDOW_SIZE + 8];
	char kept[WW_CARRY]; /* the rest of a line on its way to the window's beginning */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct ww_window);
} ww_windows SEC(".maps") __weak;

#define WW_ONES	 0x0101010101010101ull
#define WW_HIGHS 0x8080808080808080ull
#define WW_LOWER 0x2020202020202020ull
#define WW_CRLF	 0x0a0d /* little-endian */

/* A word whose high bits mark the bytes of `word` that equal `c` (exact for the lowest such byte). */
static __always_inline u64 ww_match(u64 word, u8 c)
{
	u64 x = word ^ (WW_ONES * c);
	return (x - WW_ONES) & ~x & WW_HIGHS;
}

/* Index of the lowest marked byte; without branches, as where a line ends can't be predicted. */
static __always_inline u32 ww_lowest(u64 mark)
{
	u64 below = (mark & -mark) - 1; /* all bits of the bytes in front of it, and all but one of its own */
	return ((below & WW_ONES) * WW_ONES >> 56) - 1;
}

static __always_inline u64 ww_word(const struct ww_window *w, u32 at)
{
	at &= WW_WINDOW_SIZE - 1;
	barrier_var(at);
	return *(const u64 *)(w->bytes + at);
}

static __always_inline u8 ww_byte(const struct ww_window *w, u32 at)
{
	at &= WW_WINDOW_SIZE - 1;
	barrier_var(at);
	return w->bytes[at];
}

static __always_inline struct ww_window *ww_window_of(u32 direction)
{
	return bpf_map_lookup_elem(&ww_windows, &direction);
}

static __always_inline struct ww_message *ww_message_of(u64 place)
{
	if (place == WW_MESSAGE_SPARE)
		return ww_message_spare();
	struct ww_window *w = ww_window_of(place);
	if (!w)
		return NULL;
	barrier_var(w); /* or the compiler adds to it before it is known to be there */
	return &w->message;
}

/*
 * The functions from here on are global and take numbers only: the verifier looks at each once, and not once for every
 * way to get there.
 */

/* First position in [from, end) with the byte `c`, or `end`; looks at WW_LINE_WORDS * 8 bytes at the most. */
__weak int ww_find(u32 direction, u32 from, u32 end, u32 c)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return end;
	for (u32 i = 0; i < WW_LINE_WORDS; i++) {
		if (from >= end)
			break;
		u64 mark = ww_match(ww_word(w, from), c);
		if (mark) {
			from += ww_lowest(mark);
			break;
		}
		from += 8;
	}
	return from < end ? from : end;
}

/* The first line of a request: method SP target SP HTTP/1.x; of one that is not whole, as much as there is. */
__weak int ww_request_line(u32 direction, u32 at, u32 end, u32 whole)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	u32 space = ww_find(direction, at, end, ' ');
	if (space == at || space >= end)
		return false;
	w->method_at = at;
	w->method_len = space - at < WW_METHOD_MAX ? space - at : WW_METHOD_MAX - 1;
	u32 target = space + 1, stop = end;
	if (whole) {
		/* " HTTP/1.x" ends the line */
		if (end - at < 12 || (ww_word(w, end - 8) & 0x00ffffffffffffffull) != 0x002e312f50545448ull)
			return false;
		w->minor = ww_byte(w, end - 1) - '0';
		if (w->minor > 9 || ww_byte(w, end - 9) != ' ')
			return false;
		stop = end - 9;
		if (stop < target)
			return false; /* one space: no target between method and version */
	}
	u32 len = ww_find(direction, target, stop, '?') - target;
	w->target_truncated = len > WW_TARGET_MAX;
	w->target_at = target;
	w->target_len = len > WW_TARGET_MAX ? WW_TARGET_MAX : len;
	return true;
}

/* The first line of a response: HTTP/1.x SP status */
__weak int ww_status_line(u32 direction, u32 at, u32 end)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	if (end - at < 12 || (ww_word(w, at) & 0x00ffffffffffffffull) != 0x002e312f50545448ull)
		return false;
	u32 a = ww_byte(w, at + 9) - '0', b = ww_byte(w, at + 10) - '0', c = ww_byte(w, at + 11) - '0';
	if (a > 9 || b > 9 || c > 9)
		return false;
	w->status = a * 100 + b * 10 + c;
	return true;
}

__weak int ww_decimal(u32 direction, u32 at, u32 end)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	u64 value = 0;
	bool any = false, over = false;
	for (u32 i = 0; i < 24 && at < end; i++, at++) {
		u8 c = ww_byte(w, at);
		if (c == ' ' || c == '\t') {
			over = any;
			continue;
		}
		u8 digit = c - '0';
		if (digit > 9 || over)
			return false;
		if (value > 0x0ccccccccccccccull)
			return false;
		value = value * 10 + digit;
		any = true;
	}
	w->left = value;
	w->has_length = 1;
	return any && at >= end;
}

/* A chunk's size in hexadecimal digits, up to an extension or the line's end. */
__weak int ww_hexadecimal(u32 direction, u32 at, u32 end)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	u64 value = 0;
	bool any = false;
	u32 digits = 0;
	for (; digits < 18 && at < end; digits++, at++) {
		u8 c = ww_byte(w, at), digit = c - '0';
		if (digit > 9) {
			digit = (c | 0x20) - 'a';
			if (digit > 5)
				break;
			digit += 10;
		}
		if (value >> 58)
			return false;
		value = value << 4 | digit;
		any = true;
	}
	w->left = value;
	return any && digits < 18;
}

/* A header line; names are compared in lower case, 8 bytes at a time. */
__weak int ww_header_line(u32 direction, u32 at, u32 end)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	u64 name = ww_word(w, at) | WW_LOWER;
	if (name == 0x2d746e65746e6f63ull) {								/* "content-" */
		if (((ww_word(w, at + 8) | WW_LOWER) & 0x00ffffffffffffffull) == 0x003a6874676e656cull) /* "length:" */
			return ww_decimal(direction, at + 15, end);
	} else if (name == 0x726566736e617274ull) {				  /* "transfer" */
		if ((ww_word(w, at + 8) | WW_LOWER) == 0x6e69646f636e652dull &&	  /* "-encodin" */
		    ((u32)(ww_word(w, at + 16) | WW_LOWER) & 0xffff) == 0x3a67 && /* "g:" */
		    ((ww_word(w, end - 7) | WW_LOWER) & 0x00ffffffffffffffull) == 0x0064656b6e756863ull) /* "chunked" */
			w->chunked = 1;
	} else if (direction == WW_RX && name == 0x7261706563617274ull) {		  /* "tracepar" */
		if (((ww_word(w, at + 8) | WW_LOWER) & 0xffffffffull) == 0x3a746e65ull) { /* "ent:" */
			u32 value = at + 12;
			if (ww_byte(w, value) == ' ')
				value++;
			if (end - value == WW_TRACEPARENT)
				w->traceparent_at = value;
		}
	}
	return true;
}

/* Whether a line that begins so, in lower case, may decide something: the head's end, and the names of ww_header_line.
 */
static __always_inline bool ww_line_matters(u64 word, u64 next)
{
	u8 first = word;
	if (first < 'a')
		return first == ('\r' | 0x20) || first == ('\n' | 0x20);
	return (word == 0x2d746e65746e6f63ull && (u8)next == 'l') || word == 0x726566736e617274ull ||
	       word == 0x7261706563617274ull; /* content-l*, transfer*, tracepar* */
}

/*
 * Leaves header lines that decide nothing: most of a head. Stops at a line that begins like one that may, at the empty
 * line, and at a line whose end is not in the window.
 */
__weak int ww_lines_skip(u32 direction)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return 0;
	w->from = w->pos;
	for (u32 i = 0; i < WW_SKIP_STEPS; i++) {
		/* Where it stands is kept in the window: of that the verifier knows nothing, so one turn is like
		 * another. */
		u32 from = w->from;
		u64 word = ww_word(w, from), next = ww_word(w, from + 8);
		if (from == w->pos && ww_line_matters(word | WW_LOWER, next | WW_LOWER))
			break;
		u64 mark = ww_match(word, '\n'), later = ww_match(next, '\n');
		if (mark | later) {
			from += (mark ? ww_lowest(mark) : 8 + ww_lowest(later)) + 1;
			if (from > w->end)
				break;
			w->pos = from;
		} else {
			from += 16;
		}
		w->from = from;
		if (from >= w->end)
			break;
	}
	return 0;
}

/* Takes one line off the window; WW_SCAN_LINE when there may be another. */
__weak int ww_line_scan(u32 direction)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return WW_SCAN_BAD;
	u32 pos = w->pos, end = w->end;
	if (pos >= end)
		return WW_SCAN_MORE;
	if (w->state == WW_STREAM_HEAD && !w->first_line && !w->skip_line && end - pos >= 2 &&
	    (u16)ww_word(w, pos) == WW_CRLF) {
		w->pos = pos + 2;
		return WW_SCAN_END;
	}
	u32 newline = ww_find(direction, pos, end, '\n');
	u32 whole = newline < end && ww_byte(w, newline) == '\n';
	if (!whole && newline - pos < WW_CARRY)
		return WW_SCAN_MORE; /* to be carried */
	u32 stop = newline;
	if (whole && stop > pos && ww_byte(w, stop - 1) == '\r')
		stop--;
	w->pos = whole ? newline + 1 : newline;
	u32 skip = w->skip_line;
	w->skip_line = !whole;
	if (skip)
		return WW_SCAN_LINE;
	if (w->state == WW_STREAM_CHUNK)
		return whole && ww_hexadecimal(direction, pos, stop) ? WW_SCAN_END : WW_SCAN_BAD;
	if (w->first_line) {
		if (stop == pos)
			return WW_SCAN_LINE; /* empty lines in front of a message */
		w->first_line = 0;
		int good = direction == WW_RX ? ww_request_line(direction, pos, stop, whole)
					      : ww_status_line(direction, pos, stop);
		return good ? WW_SCAN_BEGUN : WW_SCAN_BAD;
	}
	if (stop == pos)
		return WW_SCAN_END;
	/* Blanks behind a value are no part of it (RFC 9112, 5.1). */
	for (u32 i = 0; i < 8 && (ww_byte(w, stop - 1) == ' ' || ww_byte(w, stop - 1) == '\t'); i++)
		stop--;
	if (w->state == WW_STREAM_HEAD && whole && !ww_header_line(direction, pos, stop))
		return WW_SCAN_BAD;
	return WW_SCAN_LINE;
}

/* Reads lines from the window until a head is whole, or as far as they go. */
__weak int ww_head_scan(u32 direction)
{
	int found = 0;
	for (u32 n = 0; n < WW_LINES; n++) {
		struct ww_window *w = ww_window_of(direction);
		if (w && w->state == WW_STREAM_HEAD && !w->first_line && !w->skip_line)
			ww_lines_skip(direction);
		int scanned = ww_line_scan(direction);
		found |= scanned;
		if (scanned & ~WW_SCAN_BEGUN)
			break;
	}
	return found;
}

#endif
