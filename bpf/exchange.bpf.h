/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From bytes to requests: walks the messages in what a server connection received or sent, opens a request at its first
 * byte and closes it at its response's last. Requests of a connection are served in order (RFC 9112, 9.3.2), so they
 * form a queue: conn->first is being served, the others wait behind it.
 */
#ifndef WHYWAIT_EXCHANGE_H
#define WHYWAIT_EXCHANGE_H

#include "cork.bpf.h"
#include "job.bpf.h"
#include "peer.bpf.h"
#include "unix.bpf.h"
#include "untold.bpf.h"
#include "window.bpf.h"

/* Messages and parts of messages that one call may move; more is counted and gives the connection up. */
#define WW_STEPS 4096

/*
 * Requests of one connection that are ended in one go: some at a time, each time by a global function, so that the
 * verifier does not look at a turn of the loop once for each of them.
 */
#define WW_PIPELINED_SOME 16
#define WW_PIPELINED_MAX  (WW_PIPELINED_SOME * 32)

#define WW_METHOD_HEAD 0x44414548ull /* the letters, little-endian */

/* What a call moves: in a cell, of which the verifier knows nothing, so that one step is like another for it. */
struct ww_moved {
	u64 arrival; /* of the bytes read */
	u64 now;
	u32 tgid;
	u8 lost;
	u8 not_http;
	u8 arrival_unknown;
	u8 untouched; /* the request that is answered is its thread's, and not charged up to `now` yet */
	u64 corked;   /* what is sent is held back: by which struct tcp_sock */
};

struct ww_call {
	struct ww_conn *conn;
	struct ww_thread *thread;
	struct ww_moved *moved;
};

/* Begins a call; false when there is no cell. */
static __always_inline bool ww_call_begin(struct ww_call *c, struct ww_conn *conn, u32 direction, u32 tgid, u64 now)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_CALL + direction);
	_Static_assert(sizeof(*c->moved) <= sizeof(*cell), "fits the cell");
	*c = (struct ww_call){.conn = conn, .moved = (struct ww_moved *)cell};
	if (cell)
		*c->moved = (struct ww_moved){.tgid = tgid, .now = now};
	return cell != NULL;
}

/* Skips up to `most` bytes, in the window and beyond it; returns how many. */
static __always_inline u64 ww_skip(struct ww_window *w, u64 most)
{
	u64 here = w->end - w->pos, beyond = w->message.total - w->message.next;
	if (most <= here) {
		w->pos += most;
		return most;
	}
	w->pos = w->end;
	most -= here;
	if (most > beyond)
		most = beyond;
	w->message.next += most;
	return here + most;
}

/* ---- requests ---- */

/* Names the worker. The names come from the thread's storage: asking the kernel each time would cost more than parsing.
 */
static __always_inline void ww_request_worker(struct ww_request *r, struct ww_call *c)
{
	struct ww_thread *t = c->thread;
	if (t->named++ == 0) {
		t->cgroup_id = bpf_get_current_cgroup_id();
		bpf_get_current_comm(t->comm, sizeof(t->comm));
	}
	r->account.tgid = c->moved->tgid;
	r->account.tid = t->tid;
	r->account.cgroup_id = t->cgroup_id;
	__builtin_memcpy(r->account.comm, t->comm, sizeof(t->comm));
}

/* A request that there is no room for is counted, and its messages are followed all the same. */
static __always_inline int ww_exchange_unaccounted(struct ww_conn *conn)
{
	ww_count(WW_COUNT_REQUEST_TABLE_FULL);
	conn->http.unaccounted++;
	conn->http.reading = 0;
	return 0;
}

/* `who` is the process's id, and in the lowest bit whether the arrival is known. */
WW_GLOBAL5(int, ww_exchange_open, C, conn, T, t, N, arrival, N, now, N, who)
{
	if (!conn || !t)
		return 0;
	if (conn->http.unaccounted || conn->http.open >= WW_PIPELINED_MAX)
		return ww_exchange_unaccounted(conn);
	struct ww_request *r = ww_request_open(arrival);
	if (!r)
		return ww_exchange_unaccounted(conn);
	if (t->job)
		ww_job_answers();
	ww_ref ref = r->account.id;
	r->account.tgid = who >> 1; /* or the sweep could not tell that its process is gone */
	r->account.local = conn->peer;
	r->account.port = conn->port;
	r->opened = now;
	r->client = WW_CLIENT_SENDS;
	r->connection = (u64)conn;
	if (!conn->port)
		ww_unix_note(r, conn);
	t->opened_batch = t->batch;
	t->opened_at = now;
	t->executor = WW_EXECUTOR_NOT;
	ww_takes_no_more(t);
	if (!(who & 1))
		r->account.flags |= WW_FLAG_ARRIVAL_UNKNOWN;
	struct ww_request *last = ww_request_get(conn->last);
	if (last && ww_request_get(conn->first)) {
		conn->http.open++;
		last->next = ref;
		r->account.flags |= WW_FLAG_PIPELINED;
	} else {
		/* Also when the sweep has ended what was open on it. */
		conn->http.open = 1;
		conn->first = ref;
	}
	conn->last = ref;
	conn->http.reading = ref;
	ww_loop_serves(t, ref);
	return 1;
}

/* It is conn->http.reading then, if there is room for it. */
static __always_inline void ww_exchange_begin(struct ww_call *c)
{
	ww_exchange_open(c->conn, c->thread, c->moved->arrival, c->moved->now,
			 (u64)c->moved->tgid << 1 | !c->moved->arrival_unknown);
}

/* Copies the target that is in the window. */
static __always_inline void ww_exchange_target(struct ww_request *r, struct ww_window *w)
{
	struct ww_account *a = &r->account;
	u32 at = w->target_at, len = w->target_len;
	if (at > WW_WINDOW_SIZE - WW_TARGET_MAX || len > WW_TARGET_MAX)
		return;
	u64 *target = (u64 *)a->target;
	for (u32 i = 0; i < WW_TARGET_MAX / 8 && i * 8 < len; i++)
		target[i] = ww_word(w, at + 8 * i);
	a->target_len = len;
	if (w->target_truncated)
		a->flags |= WW_FLAG_TARGET_TRUNCATED;
	else
		a->flags &= ~WW_FLAG_TARGET_TRUNCATED;
}

/* And the method. */
static __always_inline void ww_exchange_method(struct ww_request *r, struct ww_window *w)
{
	u64 *method = (u64 *)r->account.method;
	u32 at = w->method_at, left = w->method_len;
	for (u32 i = 0; i < WW_METHOD_MAX / 8; i++) {
		u64 word = ww_word(w, at + 8 * i);
		method[i] = left >= 8 ? word : word & ((1ull << (8 * left)) - 1);
		left = left >= 8 ? left - 8 : 0;
	}
	r->head_request = method[0] == WW_METHOD_HEAD;
}

static __always_inline void ww_exchange_traceparent(struct ww_request *r, struct ww_window *w)
{
	u32 at = w->traceparent_at;
	if (at <= WW_WINDOW_SIZE - WW_TRACEPARENT) {
		bpf_probe_read_kernel(r->account.traceparent, WW_TRACEPARENT, w->bytes + at);
		r->account.flags |= WW_FLAG_TRACEPARENT;
	}
	w->traceparent_at = 0;
}

static __always_inline bool ww_is_connect(const struct ww_request *r)
{
	return *(u64 *)r->account.method == 0x005443454e4e4f43ull; /* CONNECT */
}

/* The next request of a connection is served from `now` on, by the thread that answered the one before. */
static __noinline void ww_exchange_serve(ww_ref next, struct ww_thread *t, u32 tid, u64 now)
{
	struct ww_request *n = ww_request_get(next);
	if (!n || !t || n->state != WW_STATE_READY)
		return;
	ww_charge(n, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, now);
	t->ref = next;
	n->owner = tid;
	n->state = WW_STATE_ATTACHED;
}

/* Takes the first request off the connection's queue. */
static __always_inline void ww_exchange_next(struct ww_conn *conn, struct ww_request *r, struct ww_thread *t, u32 tid,
					     u64 now)
{
	ww_ref next = r->next;
	conn->first = next;
	conn->http.open--;
	if (t) {
		t->ended_at = now;
		if (t->ref == r->account.id)
			t->ref = 0;
	}
	if (next)
		ww_exchange_serve(next, t, tid, now);
	else
		conn->last = 0;
}

/* Charges the request that is answered up to `now`. */
WW_GLOBAL3(int, ww_exchange_charges, T, t, R, r, N, now)
{
	if (!t || !r)
		return 0;
	ww_interval_ran(t, now);
	if (!ww_hold(t, r, r->account.id))
		return 0;
	/* Another thread of the same request's may have come between. */
	if (r->mark == t->start)
		ww_give(r, t);
	ww_attach(t, r, t->tid, now);
	ww_let_go(t, r);
	return 0;
}

/* The same where that was left for later. */
static __always_inline void ww_exchange_charge(struct ww_call *c, struct ww_request *r)
{
	if (c->moved->untouched)
		ww_exchange_charges(c->thread, r, c->moved->now);
	c->moved->untouched = 0;
}

/* The request, which is charged up to `now`, ends; or is held back by a struct tcp_sock. */
WW_GLOBAL5(int, ww_exchange_ends, C, conn, T, t, R, r, N, now, N, corked)
{
	if (!conn || !t || !r)
		return 0;
	if (t->phase_at && r->outstanding)
		ww_untold_guess(t, r);
	if (r->next || conn->http.reading == r->account.id)
		corked = 0;
	ww_exchange_next(conn, r, t, t->tid, now);
	if (conn->http.reading == r->account.id) {
		conn->http.reading = 0;
		struct ww_stream *rx = &conn->http.streams[WW_RX];
		if (rx->state == WW_STREAM_BODY)
			r->account.bytes_in += conn->taken < rx->left ? conn->taken : rx->left;
	}
	if (corked && ww_cork_holds(t, r, corked, now))
		return 0;
	/* What another goroutine does at this moment is the last that is charged. */
	if (t->go && !ww_hold_to_end(r, now))
		return 0;
	if (r->goroutine)
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, now);
	ww_request_close(r);
	return 0;
}

/* The response is whole, or the account ends here for another reason. */
static __always_inline void ww_exchange_end(struct ww_call *c, struct ww_request *r)
{
	ww_exchange_charge(c, r);
	ww_exchange_ends(c->conn, c->thread, r, c->moved->now, c->moved->corked);
}

/* A head is over: what follows it? */
static __always_inline void ww_body_begins(struct ww_window *w)
{
	if (w->chunked) {
		w->state = WW_STREAM_CHUNK;
	} else if (w->has_length && w->left) {
		w->state = WW_STREAM_BODY;
	} else {
		w->state = WW_STREAM_START;
	}
}

/* A body, a chunk or a trailer went on; true when the message is whole. */
static __always_inline bool ww_body_step(struct ww_window *w)
{
	w->left -= ww_skip(w, w->left);
	if (w->left)
		return false;
	w->state = w->chunked ? WW_STREAM_CHUNK : WW_STREAM_START;
	return !w->chunked;
}

/* The end of a chunk's size line, or of the trailer; true when the message is whole. */
static __always_inline bool ww_chunk_line(struct ww_window *w)
{
	if (w->state == WW_STREAM_TRAILER) {
		w->state = WW_STREAM_START;
		return true;
	}
	if (w->left) {
		w->left += 2; /* its CRLF */
		w->state = WW_STREAM_BODY;
	} else {
		w->state = WW_STREAM_TRAILER;
	}
	return false;
}

static __always_inline u64 ww_unread(const struct ww_window *w)
{
	return (w->message.total - w->message.next) + (w->end - w->pos);
}

/* Whether a message seems to begin with a line's end. */
static __always_inline bool ww_line_end(const struct ww_window *w)
{
	u8 byte = ww_byte(w, w->pos);
	return byte == '\r' || byte == '\n';
}

/* Leaves the line ends in front of a message; 0 when nothing is behind them. */
__weak int ww_message_starts(u32 direction)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return 0;
	u32 pos = w->pos, found = 0;
	for (u32 i = 0; i < 8 && pos < w->end; i++, pos++) {
		u8 byte = ww_byte(w, pos);
		if (byte != '\r' && byte != '\n') {
			found = 1;
			break;
		}
	}
	w->pos = pos;
	return found;
}

static __always_inline void ww_head_begins(struct ww_window *w)
{
	w->state = WW_STREAM_HEAD;
	w->first_line = 1;
	w->skip_line = 0;
	w->chunked = 0;
	w->has_length = 0;
	w->left = 0;
	w->status = 0;
	w->traceparent_at = 0;
}

/* What the request line in the window says. */
WW_GLOBAL1(int, ww_exchange_line, R, r)
{
	u32 direction = WW_RX;
	struct ww_window *w = ww_window_of(direction);
	if (!w || !r)
		return 0;
	ww_exchange_target(r, w);
	ww_exchange_method(r, w);
	r->account.minor = w->minor;
	return 0;
}

/* ---- one step in either direction: 1 ends the walk (walk.bpf.h) ---- */

static __always_inline long ww_receive_more(struct ww_call *c)
{
	u32 direction = WW_RX;
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return 1;
	u64 before = ww_unread(w);
	if (!before)
		return 1;
	if (w->pos >= w->end && w->state != WW_STREAM_BODY && !ww_window_fill(direction)) {
		c->moved->lost = 1;
		return 1;
	}
	if (w->state == WW_STREAM_START) {
		if (ww_line_end(w) && !ww_message_starts(direction))
			return 0;
		ww_head_begins(w);
		if (before <= c->conn->newest_read)
			c->moved->arrival = c->conn->newest;
		ww_exchange_begin(c);
		before = ww_unread(w);
	}
	struct ww_request *r = ww_request_get(c->conn->http.reading);
	bool whole = false;

	if (w->state == WW_STREAM_BODY) {
		whole = ww_body_step(w);
	} else {
		u32 met = ww_head_scan(WW_RX);
		if (met & WW_SCAN_BAD) {
			c->moved->lost = 1;
			c->moved->not_http = c->conn->protocol == WW_PROTOCOL_MAYBE;
			return 1;
		}
		if (w->traceparent_at && r)
			ww_exchange_traceparent(r, w);
		if (met & WW_SCAN_BEGUN) {
			u32 n = c->conn->http.unaccounted - 1;
			if (r) {
				ww_exchange_line(r);
			} else if (n < 32 && w->method_len == 4 &&
				   (u32)ww_word(w, w->method_at) == (u32)WW_METHOD_HEAD) {
				c->conn->http.unaccounted_heads |= 1u << n;
			}
			c->conn->protocol = WW_PROTOCOL_HTTP;
		}
		if (met & WW_SCAN_END) {
			if (w->state == WW_STREAM_HEAD) {
				ww_body_begins(w);
				whole = w->state == WW_STREAM_START;
			} else {
				whole = ww_chunk_line(w);
			}
		} else if (met & WW_SCAN_MORE && w->pos < w->end) {
			/* A line that is not whole: the rest of it is in the next window or in the next call. */
			if (w->message.next < w->message.total) {
				if (!ww_window_fill(direction)) {
					c->moved->lost = 1;
					return 1;
				}
			} else {
				if (r)
					r->account.bytes_in += before - ww_unread(w);
				ww_window_carry(w, &c->conn->http, direction);
				return 1;
			}
		}
	}
	if (r)
		r->account.bytes_in += before - ww_unread(w);
	if (whole) {
		c->conn->http.reading = 0;
		if (r)
			r->client = 0;
	}
	return !ww_unread(w);
}

static __always_inline long ww_send_more(struct ww_call *c)
{
	u32 direction = WW_TX;
	struct ww_window *w = ww_window_of(direction);
	if (!w)
		return 1;
	u64 before = ww_unread(w);
	struct ww_request *r = ww_request_get(c->conn->first);
	if (!before || (!r && !c->conn->http.unaccounted))
		return 1;
	if (w->pos >= w->end && w->state != WW_STREAM_BODY && w->state != WW_STREAM_CLOSE &&
	    !ww_window_fill(direction)) {
		c->moved->lost = 1;
		return 1;
	}
	if (w->state == WW_STREAM_START) {
		if (ww_line_end(w) && !ww_message_starts(direction))
			return 0;
		ww_head_begins(w);
		before = ww_unread(w);
	}
	bool whole = false;

	if (w->state == WW_STREAM_BODY) {
		whole = ww_body_step(w);
	} else if (w->state == WW_STREAM_CLOSE) {
		ww_skip(w, before);
	} else {
		u32 met = ww_head_scan(WW_TX);
		if (met & WW_SCAN_BAD) {
			c->moved->lost = 1;
			return 1;
		}
		if (met & WW_SCAN_BEGUN) {
			if (r && (w->status >= 200 || w->status == 101)) {
				r->account.status = w->status;
				r->account.first_byte_ns = c->moved->now;
				ww_request_worker(r, c);
			}
		}
		if (met & WW_SCAN_END) {
			u16 status = w->status;
			if (w->state != WW_STREAM_HEAD) {
				whole = ww_chunk_line(w);
			} else if (status == 101 || (status / 100 == 2 && r && ww_is_connect(r))) {
				if (r) {
					r->account.flags |= WW_FLAG_UPGRADED;
					r->account.bytes_out += before - ww_unread(w);
					ww_exchange_end(c, r);
				}
				c->conn->protocol = WW_PROTOCOL_OTHER;
				return 1;
			} else if (status < 200) {
				w->state = WW_STREAM_START; /* an interim response: the real one follows */
			} else if (status == 204 || status == 304 ||
				   (r ? r->head_request : c->conn->http.unaccounted_heads & 1)) {
				w->state = WW_STREAM_START;
				whole = true;
			} else if (!w->chunked && !w->has_length) {
				w->state = WW_STREAM_CLOSE;
				if (r)
					r->account.flags |= WW_FLAG_UNTIL_CLOSE;
			} else {
				ww_body_begins(w);
				whole = w->state == WW_STREAM_START;
			}
		} else if (met & WW_SCAN_MORE && w->pos < w->end) {
			if (w->message.next < w->message.total) {
				if (!ww_window_fill(direction)) {
					c->moved->lost = 1;
					return 1;
				}
			} else {
				if (r)
					r->account.bytes_out += before - ww_unread(w);
				ww_window_carry(w, &c->conn->http, direction);
				return 1;
			}
		}
	}
	if (r) {
		r->account.bytes_out += before - ww_unread(w);
		if (whole)
			ww_exchange_end(c, r);
	} else if (whole) {
		c->conn->http.unaccounted--;
		c->conn->http.unaccounted_heads >>= 1;
	}
	return !ww_unread(w);
}

#endif
