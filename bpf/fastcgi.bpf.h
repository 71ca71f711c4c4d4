/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * FastCGI as servers of it (PHP-FPM) hear it: where requests begin and end, their method and target, the status of
 * their responses. A message is records of a type, so many bytes of content and of padding. One request at a time is
 * served on a connection, as all web servers use it: what mixes several is given up, and counted. Nothing of a body is
 * ever read.
 */
#ifndef WHYWAIT_FASTCGI_H
#define WHYWAIT_FASTCGI_H

#include "exchange.bpf.h"

#define WW_FASTCGI_HEADER 8

enum ww_fastcgi_type {
	WW_FASTCGI_BEGIN = 1,
	WW_FASTCGI_END = 3,
	WW_FASTCGI_PARAMS = 4,
	WW_FASTCGI_STDIN = 5,
	WW_FASTCGI_STDOUT = 6,
};

/* What a step met, beside enum ww_scan: there, BEGUN is a message's first bytes, END that its head is over. */
enum ww_fastcgi_met {
	WW_FASTCGI_METHOD = 1 << 4,
	WW_FASTCGI_TARGET = 1 << 5,
	WW_FASTCGI_NAME = 1 << 6,  /* a target that is good if there is no other */
	WW_FASTCGI_WHOLE = 1 << 7, /* the message */
	WW_FASTCGI_SAYS = WW_FASTCGI_METHOD | WW_FASTCGI_TARGET | WW_FASTCGI_NAME,
};

static __always_inline u32 ww_fastcgi_be32(u32 v)
{
	return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

/* The record's content is over, or nothing more of it is to be looked at. */
static __always_inline void ww_fastcgi_rest(struct ww_window *w)
{
	w->left += w->padding;
	w->padding = 0;
	w->state = w->left ? WW_STREAM_RECORD : WW_STREAM_START;
}

/* Goes over so many bytes at hand, of the record's content. */
static __always_inline void ww_fastcgi_take(struct ww_window *w, u32 bytes)
{
	w->pos += bytes;
	w->left -= bytes;
}

/* How many bytes at hand are the record's. */
static __always_inline u32 ww_fastcgi_here(const struct ww_window *w)
{
	u32 here = w->end - w->pos;
	return here < w->left ? here : w->left;
}

static __always_inline u32 ww_fastcgi_header(struct ww_window *w, u32 direction)
{
	if (w->end - w->pos < WW_FASTCGI_HEADER)
		return WW_SCAN_MORE;
	u64 word = ww_word(w, w->pos);
	u32 content = (word >> 32 & 0xff) << 8 | (word >> 40 & 0xff), type = word >> 8 & 0xff, met = 0;
	if ((u8)word != 1)
		return WW_SCAN_BAD;
	w->pos += WW_FASTCGI_HEADER;
	w->record = type;
	w->padding = word >> 48;
	w->left = content;
	if (direction == WW_RX) {
		if (type == WW_FASTCGI_BEGIN) {
			w->skip = 0;
			w->body = 0;
			w->skip_line = 0;
			met = WW_SCAN_BEGUN;
		} else if (type == WW_FASTCGI_PARAMS && content) {
			w->state = WW_STREAM_PARAMS;
			return 0;
		} else if (type == WW_FASTCGI_PARAMS) {
			met = w->body ? WW_SCAN_END : WW_SCAN_END | WW_FASTCGI_WHOLE;
		} else if (type == WW_FASTCGI_STDIN) {
			w->body -= content < w->body ? content : w->body;
			met = content ? 0 : WW_FASTCGI_WHOLE;
		}
	} else if (type == WW_FASTCGI_STDOUT && content) {
		met = WW_SCAN_BEGUN;
		if (!w->head_over) {
			w->state = WW_STREAM_CGI_HEAD;
			return met;
		}
	} else if (type == WW_FASTCGI_END && !content) {
		return WW_SCAN_BAD;
	}
	ww_fastcgi_rest(w);
	return met;
}

/* The length in front of a parameter's name or value, and in *used the bytes that it has. */
static __always_inline u32 ww_fastcgi_length(struct ww_window *w, u32 at, u32 *used)
{
	u32 word = ww_word(w, at);
	*used = word & 0x80 ? 4 : 1;
	return word & 0x80 ? ww_fastcgi_be32(word) & 0x7fffffff : word & 0x7f;
}

enum ww_fastcgi_param_name {
	WW_PARAM_IDLE,
	WW_PARAM_METHOD,
	WW_PARAM_URI,
	WW_PARAM_SCRIPT,
	WW_PARAM_LENGTH,
	WW_PARAM_TRACEPARENT,
};

static __always_inline u32 ww_fastcgi_name(struct ww_window *w, u32 at, u32 len)
{
	u64 first = ww_word(w, at), last = ww_word(w, at + len - 8);
	if (len == 14 && first == 0x5f54534555514552ull && last == 0x444f4854454d5f54ull) /* REQUEST_ T_METHOD */
		return WW_PARAM_METHOD;
	if (len == 11 && first == 0x5f54534555514552ull && last == 0x4952555f54534555ull) /* REQUEST_ UEST_URI */
		return WW_PARAM_URI;
	if (len == 11 && first == 0x4e5f545049524353ull && last == 0x454d414e5f545049ull) /* SCRIPT_N IPT_NAME */
		return WW_PARAM_SCRIPT;
	if (len == 14 && first == 0x5f544e45544e4f43ull && last == 0x4854474e454c5f54ull) /* CONTENT_ T_LENGTH */
		return WW_PARAM_LENGTH;
	if (len == 16 && first == 0x4152545f50545448ull && last == 0x544e455241504543ull) /* HTTP_TRA CEPARENT */
		return WW_PARAM_TRACEPARENT;
	return WW_PARAM_IDLE;
}

/* A value that matters is at hand. */
static __always_inline u32 ww_fastcgi_value(struct ww_window *w, u32 name, u32 at, u32 len)
{
	u32 kept = len < WW_TARGET_MAX ? len : WW_TARGET_MAX, body = 0;
	switch (name) {
	case WW_PARAM_METHOD:
		w->method_at = at;
		w->method_len = len < WW_METHOD_MAX ? len : WW_METHOD_MAX - 1;
		return WW_FASTCGI_METHOD;
	case WW_PARAM_URI:
	case WW_PARAM_SCRIPT:
		w->target_at = at;
		w->target_len = ww_find(WW_RX, at, at + kept, '?') - at;
		w->target_truncated = w->target_len == kept && kept < len;
		return name == WW_PARAM_URI ? WW_FASTCGI_TARGET : WW_FASTCGI_NAME;
	case WW_PARAM_LENGTH:
		for (u32 i = 0; i < 9 && i < kept; i++) {
			u8 digit = ww_byte(w, at + i) - '0';
			if (digit > 9)
				break;
			body = body * 10 + digit;
		}
		/* Of one that is longer than that, its end tells. */
		w->body = len > 9 ? ~0u : body;
		return 0;
	case WW_PARAM_TRACEPARENT:
		if (len == WW_TRACEPARENT)
			w->traceparent_at = at;
		return 0;
	}
	return 0;
}

/* A parameter: two lengths, name, value. */
static __always_inline u32 ww_fastcgi_param(struct ww_window *w)
{
	u32 here = ww_fastcgi_here(w), first, second;
	if (here < 8 && here < w->left)
		return WW_SCAN_MORE;
	u32 name_len = ww_fastcgi_length(w, w->pos, &first);
	u32 value_len = ww_fastcgi_length(w, w->pos + first, &second);
	u32 head = first + second, kept = value_len < WW_TARGET_MAX ? value_len : WW_TARGET_MAX;
	u32 met = 0, name = WW_PARAM_IDLE, needed = head;
	if (name_len == 11 || name_len == 14 || name_len == 16) {
		needed += name_len;
		if (here >= needed)
			name = ww_fastcgi_name(w, w->pos + head, name_len);
		if (name)
			needed += kept;
	}
	if (here < needed) {
		if (here < w->left)
			return WW_SCAN_MORE;
		/* The pair goes on in another record: what comes behind it is not looked at. */
		w->skip_line = 1;
		return 0;
	}
	if (name)
		met = ww_fastcgi_value(w, name, w->pos + head + name_len, value_len);
	ww_fastcgi_take(w, head);
	w->skip = name_len + value_len;
	return met;
}

static __always_inline u32 ww_fastcgi_params(struct ww_window *w)
{
	if (w->left && !w->skip && !w->skip_line)
		return ww_fastcgi_param(w);
	u64 most = w->skip_line || w->skip > w->left ? w->left : w->skip;
	u64 skipped = ww_skip(w, most);
	w->left -= skipped;
	if (!w->skip_line)
		w->skip -= skipped;
	if (!w->left)
		ww_fastcgi_rest(w);
	return 0;
}

/* A line of the response's head. */
static __always_inline u32 ww_fastcgi_line(struct ww_window *w)
{
	u32 pos = w->pos, here = ww_fastcgi_here(w);
	if (here < (w->skip_line ? 1 : 12) && here < w->left)
		return WW_SCAN_MORE; /* "Status: 200" */
	u32 newline = ww_find(WW_TX, pos, pos + here, '\n'), len = newline - pos;
	u32 ends = newline < pos + here && ww_byte(w, newline) == '\n';
	if (!w->skip_line) {
		if (ends && (!len || (len == 1 && ww_byte(w, pos) == '\r'))) {
			ww_fastcgi_take(w, len + 1);
			w->head_over = 1;
			ww_fastcgi_rest(w);
			return WW_SCAN_END;
		}
		u32 a = ww_byte(w, pos + 8) - '0', b = ww_byte(w, pos + 9) - '0', c = ww_byte(w, pos + 10) - '0';
		if (len >= 11 && (ww_word(w, pos) | WW_LOWER) == 0x203a737574617473ull && a <= 9 && b <= 9 && c <= 9)
			w->status = a * 100 + b * 10 + c;
	}
	w->skip_line = !ends;
	ww_fastcgi_take(w, len + ends);
	if (!w->left)
		ww_fastcgi_rest(w);
	return 0;
}

static __always_inline u32 ww_fastcgi_skip(struct ww_window *w, u32 direction)
{
	w->left -= ww_skip(w, w->left);
	if (w->left)
		return 0;
	w->state = WW_STREAM_START;
	if (direction == WW_RX)
		return w->record == WW_FASTCGI_STDIN && !w->body ? WW_FASTCGI_WHOLE : 0;
	return w->record == WW_FASTCGI_END ? WW_FASTCGI_WHOLE : 0;
}

/* One step over what is in the window: a record's header, a parameter, a line, or what does not matter. */
__weak int ww_fastcgi_scan(u32 direction)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return WW_SCAN_BAD;
	switch (w->state) {
	case WW_STREAM_START:
		return ww_fastcgi_header(w, direction);
	case WW_STREAM_PARAMS:
		return ww_fastcgi_params(w);
	case WW_STREAM_CGI_HEAD:
		return ww_fastcgi_line(w);
	case WW_STREAM_RECORD:
		return ww_fastcgi_skip(w, direction);
	}
	return WW_SCAN_BAD;
}

/* More has to be at hand: false when that is in the next call, or can't be read. */
static __always_inline bool ww_fastcgi_fill(struct ww_call *c, struct ww_window *w, u32 direction)
{
	if (w->message.next < w->message.total) {
		c->moved->lost = !ww_window_fill(direction);
		return !c->moved->lost;
	}
	c->moved->lost = !ww_window_carry(w, &c->conn->http, direction);
	return false;
}

/* Copies what is in the window of the request's parameters. */
WW_GLOBAL2(int, ww_fastcgi_said, R, r, N, met)
{
	u32 direction = WW_RX;
	struct ww_window *w = ww_window_of(direction);
	if (!w || !r)
		return 0;
	if (met & WW_FASTCGI_METHOD)
		ww_exchange_method(r, w);
	if (met & WW_FASTCGI_TARGET || (met & WW_FASTCGI_NAME && !r->account.target_len))
		ww_exchange_target(r, w);
	if (w->traceparent_at)
		ww_exchange_traceparent(r, w);
	return 0;
}

/* ---- one step in either direction: 1 ends the walk (walk.bpf.h) ---- */

static __always_inline long ww_fastcgi_receive_more(struct ww_call *c)
{
	u32 direction = WW_RX;
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return 1;
	struct ww_conn *conn = c->conn;
	u64 before = ww_unread(w);
	if (!before)
		return 1;
	u32 met = ww_fastcgi_scan(direction);
	if (met & WW_SCAN_BEGUN) {
		if (ww_request_get(conn->first) || conn->http.unaccounted)
			met = WW_SCAN_BAD;
		if (before <= conn->newest_read)
			c->moved->arrival = conn->newest;
	}
	struct ww_request *r = ww_request_get(conn->http.reading);
	if (met & WW_SCAN_BAD) {
		c->moved->lost = 1;
		c->moved->not_http = r && !r->account.method[0];
		return 1;
	}
	if (met & WW_SCAN_BEGUN) {
		struct ww_stream *tx = &conn->http.streams[WW_TX];
		__builtin_memset(tx, 0, sizeof(*tx));
		conn->http.carried[WW_TX] = 0;
		ww_exchange_begin(c);
		r = ww_request_get(conn->http.reading);
		if (r)
			r->account.flags |= WW_FLAG_FASTCGI;
	}
	if (r && (met & WW_FASTCGI_SAYS || w->traceparent_at))
		ww_fastcgi_said(r, met);
	/* The end of its body, of which PHP-FPM hears when the response is out, is not counted. */
	if (r)
		r->account.bytes_in += before - ww_unread(w);
	bool more = !(met & WW_SCAN_MORE) || ww_fastcgi_fill(c, w, direction);
	if (met & WW_FASTCGI_WHOLE) {
		conn->http.reading = 0;
		if (r)
			r->client = 0;
	}
	return !more || !ww_unread(w);
}

static __always_inline long ww_fastcgi_send_more(struct ww_call *c)
{
	u32 direction = WW_TX;
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return 1;
	u64 before = ww_unread(w);
	struct ww_request *r = ww_request_get(c->conn->first);
	if (!before || (!r && !c->conn->http.unaccounted))
		return 1;
	u32 met = ww_fastcgi_scan(direction);
	if (met & WW_SCAN_BAD) {
		c->moved->lost = 1;
		return 1;
	}
	if (met & WW_SCAN_BEGUN && r && !r->account.first_byte_ns) {
		r->account.first_byte_ns = c->moved->now;
		ww_request_worker(r, c);
	}
	if (met & WW_SCAN_END && r)
		r->account.status = w->status ? w->status : 200;
	if (r)
		r->account.bytes_out += before - ww_unread(w);
	bool more = !(met & WW_SCAN_MORE) || ww_fastcgi_fill(c, w, direction);
	if (r) {
		if (met & WW_FASTCGI_WHOLE)
			ww_exchange_end(c, r);
	} else if (met & WW_FASTCGI_WHOLE) {
		c->conn->http.unaccounted--;
	}
	return !more || !ww_unread(w);
}

#endif
