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
/* Steps of 16 bytes, or to a line's end, of one call of ww_head_scan, and of one of ww_head_steps. */
#define WW_SCAN_TURNS  8
#define WW_SCAN_STEPS  6
#define WW_LINE_WORDS  34   /* a line is searched for its end in so many words of 8 bytes: more than WW_CARRY */
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
	union {
		u8 first_line;
		u8 record;
	};
	union {
		u8 chunked;
		u8 padding;
	};
	u8 skip_line;
	union {
		u8 has_length;
		u8 head_over;
	};
	u8 pad;
	u16 status;
	u32 skip;
	u32 body;
	/* The window. */
	u32 pos;
	u32 end;
	u32 noted; /* see ww_noted() */
	/* Of a scan. */
	u32 from;  /* bytes up to here have no line's end */
	u32 found; /* enum ww_scan */
	u8 line;   /* enum ww_line */
	u8 plain;  /* it is in the lines of a head */
	u8 pad3[6];
	/* What the first line says. */
	u32 method_at;
	u32 method_len;
	u32 target_at;
	u32 target_len;
	u8 target_truncated;
	u8 minor;
	u16 pad2;
	u32 traceparent_at;	   /* 0: none */
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

/* What comes from here is unknown to the verifier: one way that led here is then like another. */
static __always_inline u32 ww_noted(struct ww_window *w, u32 value)
{
	w->noted = value;
	barrier();
	return *(volatile u32 *)&w->noted;
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

/* First position in [from, end) with the byte `c`, or `end`; looks at WW_LINE_WORDS * 8 bytes at the most. */
__weak u32 ww_find(u32 direction, u32 from, u32 end, u32 c)
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
static __always_inline bool ww_request_line(struct ww_window *w, u32 at, u32 end, bool whole)
{
	u32 space = ww_find(WW_RX, at, end, ' ');
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
	u32 len = ww_find(WW_RX, target, stop, '?') - target;
	w->target_truncated = len > WW_TARGET_MAX;
	w->target_at = target;
	w->target_len = len > WW_TARGET_MAX ? WW_TARGET_MAX : len;
	return true;
}

/* The first line of a response: HTTP/1.x SP status */
static __always_inline bool ww_status_line(struct ww_window *w, u32 at, u32 end)
{
	if (end - at < 12 || (ww_word(w, at) & 0x00ffffffffffffffull) != 0x002e312f50545448ull)
		return false;
	u32 a = ww_byte(w, at + 9) - '0', b = ww_byte(w, at + 10) - '0', c = ww_byte(w, at + 11) - '0';
	if (a > 9 || b > 9 || c > 9)
		return false;
	w->status = a * 100 + b * 10 + c;
	return true;
}

#define WW_DECIMAL_MOST 24 /* blanks, and digits */

/* Where the blanks end that begin there. */
__weak u32 ww_past_blanks(u32 direction, u32 at, u32 end)
{
	struct ww_window *w = ww_window_of(direction);
	for (u32 i = 0; w && i < WW_DECIMAL_MOST && at < end; i++, at++) {
		u8 c = ww_byte(w, at);
		if (c != ' ' && c != '\t')
			break;
	}
	return at;
}

__weak int ww_decimal(u32 direction, u32 at, u32 end)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	u32 first = ww_past_blanks(direction, at, end);
	at = first;
	w->left = 0;
	for (u32 i = 0; i < WW_DECIMAL_MOST && at < end; i++, at++) {
		u8 digit = ww_byte(w, at) - '0';
		/* The sum is in memory: to the verifier, each digit's turn is the same whatever came before it. */
		barrier();
		if (digit > 9)
			break;
		if (w->left > 0x0ccccccccccccccull)
			return false;
		w->left = w->left * 10 + digit;
	}
	w->has_length = 1;
	return at > first && ww_past_blanks(direction, at, end) >= end;
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
static __always_inline bool ww_header_line(struct ww_window *w, u32 direction, u32 at, u32 end)
{
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

/* What a line of a head is, from how it begins. */
enum ww_line {
	WW_LINE_IDLE,	/* a header that decides nothing */
	WW_LINE_STATUS, /* the first one of a response */
	WW_LINE_LENGTH, /* Content-L.. */
	WW_LINE_OTHER,	/* anything that ww_line_scan() should look at */
};

/* Of a header line; its first bytes in lower case. */
static __always_inline u32 ww_line_of(u64 word, u64 next)
{
	u8 first = word;
	if (first < 'a')
		return first == ('\r' | 0x20) || first == ('\n' | 0x20) ? WW_LINE_OTHER : WW_LINE_IDLE;
	if (word == 0x2d746e65746e6f63ull) /* "content-" */
		return (u8)next == 'l' ? WW_LINE_LENGTH : WW_LINE_IDLE;
	return word == 0x726566736e617274ull || word == 0x7261706563617274ull ? /* transfer*, tracepar* */
		       WW_LINE_OTHER
									      : WW_LINE_IDLE;
}

#define WW_ZEROS 0x3030303030303030ull /* digits */
#define WW_TENS	 0xf0f0f0f0f0f0f0f0ull

/* "Content-Length: " and up to seven digits; false where it is written in another way. */
static __always_inline bool ww_length_line(struct ww_window *w, u32 at, u32 end)
{
	u32 digits = end - at - 16;
	if (digits - 1 > 6 || ((ww_word(w, at + 8) | WW_LOWER) & 0x00ffffffffffffffull) != 0x003a6874676e656cull ||
	    ww_byte(w, at + 15) != ' ') /* "length:" */
		return false;
	/* As if zeros were in front of them, eight digits; then pairs, pairs of pairs and all of them are added up. */
	u64 value = ww_word(w, at + 16) << (64 - 8 * digits) | WW_ZEROS >> (8 * digits);
	if ((value & WW_TENS) != WW_ZEROS || ((value + 0x0606060606060606ull) & WW_TENS) != WW_ZEROS)
		return false;
	value = (value & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;
	value = (value & 0x00ff00ff00ff00ffull) * 6553601 >> 16;
	w->left = (value & 0x0000ffff0000ffffull) * 42949672960001ull >> 32;
	w->has_length = 1;
	return true;
}

/* Takes a whole line that decides something, if it is written in the usual way; else 0, and nothing is changed. */
__weak int ww_line_usual(u32 direction, u32 at, u32 newline)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return false;
	u32 line = w->line;
	if (ww_byte(w, newline - 1) != '\r')
		return false;
	if (line == WW_LINE_LENGTH)
		return ww_length_line(w, at, newline - 1);
	if (!ww_status_line(w, at, newline - 1))
		return false;
	w->first_line = 0;
	w->found |= WW_SCAN_BEGUN;
	return true;
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
		bool good = direction == WW_RX ? ww_request_line(w, pos, stop, whole) : ww_status_line(w, pos, stop);
		return good ? WW_SCAN_BEGUN : WW_SCAN_BAD;
	}
	if (stop == pos)
		return WW_SCAN_END;
	/* Blanks behind a value are no part of it (RFC 9112, 5.1). */
	for (u32 i = 0; i < 8 && (ww_byte(w, stop - 1) == ' ' || ww_byte(w, stop - 1) == '\t'); i++)
		stop--;
	if (w->state == WW_STREAM_HEAD && whole && !ww_header_line(w, direction, pos, stop))
		return WW_SCAN_BAD;
	return WW_SCAN_LINE;
}

/*
 * Goes on by 16 bytes, or to the next line; false when the head is over (then that is found), and where ww_line_scan()
 * has to look at the line.
 */
static __always_inline bool ww_head_step(struct ww_window *w, u32 direction)
{
	u32 from = w->from, pos = w->pos, end = w->end;
	if (!w->plain || from >= end)
		return false;
	u64 word = ww_word(w, from), next = ww_word(w, from + 8);
	if (from == pos) {
		if (w->first_line) {
			w->line = direction == WW_TX ? WW_LINE_STATUS : WW_LINE_OTHER;
		} else if ((u16)word == WW_CRLF && end - pos >= 2) {
			w->pos = pos + 2;
			w->found |= WW_SCAN_END;
			return false;
		} else {
			w->line = ww_line_of(word | WW_LOWER, next | WW_LOWER);
		}
	}
	barrier();
	if (w->line == WW_LINE_OTHER)
		return false;
	u64 mark = ww_match(word, '\n'), later = ww_match(next, '\n');
	if (!(mark | later)) {
		w->from = from + 16;
		return true;
	}
	from = ww_noted(w, from + (mark ? ww_lowest(mark) : 8 + ww_lowest(later)));
	if (from >= end || (w->line != WW_LINE_IDLE && !ww_line_usual(direction, pos, from)))
		return false;
	w->pos = from + 1;
	w->from = from + 1;
	return true;
}

/*
 * Some steps of ww_head_scan(), apart from the others for the verifier, which looks at each step of a loop. 0: there is
 * more to do. In the last ones, at last a line is looked at, or a long one would be begun again in each call.
 */
__weak int ww_head_steps(u32 direction, u32 last)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return WW_SCAN_BAD;
	for (u32 i = 0; i < WW_SCAN_STEPS; i++) {
		if (!(last && i == WW_SCAN_STEPS - 1) && ww_head_step(w, direction))
			continue;
		if (w->found & WW_SCAN_END)
			return w->found;
		int scanned = ww_line_scan(direction);
		w->found |= scanned;
		if (scanned & ~WW_SCAN_BEGUN)
			return w->found;
		w->from = w->pos;
		w->plain = w->state == WW_STREAM_HEAD && !w->skip_line;
	}
	return 0;
}

/*
 * Reads lines from the window until a head is whole, or as far as they go. Most of a head are header lines that decide
 * nothing; those, and the usual ones of a response that do, are dealt with here.
 */
__weak int ww_head_scan(u32 direction)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return WW_SCAN_BAD;
	/* In memory, of which the verifier knows nothing: one turn is like another for it. */
	w->from = w->pos;
	w->line = WW_LINE_OTHER;
	w->found = 0;
	w->plain = w->state == WW_STREAM_HEAD && !w->skip_line;
	for (u32 i = 0; i < WW_SCAN_TURNS; i++) {
		int met = ww_head_steps(direction, i == WW_SCAN_TURNS - 1);
		if (met)
			return met;
	}
	return w->found;
}

#endif
