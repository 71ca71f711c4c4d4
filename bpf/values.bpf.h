/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections to Redis that a whole loop shares: what is kept of one, and counting its commands and its answers. */
#ifndef WHYWAIT_VALUES_H
#define WHYWAIT_VALUES_H

#include "carrier.bpf.h"
#include "loop.bpf.h"
#include "system.bpf.h"

#define WW_SHARED_MOST	   256 /* connections */
#define WW_SHARED_RING	   64  /* commands that are not answered, as user space has it */
#define WW_SHARED_STEPS	   512
#define WW_SHARED_LOOK	   16
#define WW_SHARED_QUIET_NS 2000000ull /* an answer that is due comes sooner, or else within four round trips */
#define WW_SHARED_QUIETS   3	      /* what is known to be under way is all, when it was quiet so often */

/* Where a direction's stream is: in the midst of values, of a string, of a line. */
struct ww_values {
	u64 values; /* of the command, or answer, that are still to come; 0: the next one begins */
	u64 skip;   /* bytes of a string that are still to come */
	u64 line;
};

struct ww_shared {
	struct ww_values kept[2]; /* by enum ww_direction */
	struct ww_values now;	  /* the one that is looked at, */
	u64 at;			  /* up to here */
	u64 total;
	u32 begun;
	u32 ended;
	u32 first; /* the oldest in the ring */
	u32 len;
	u64 moved; /* when something was sent, or read, last */
	u32 bad;   /* what is looked at can't be read */
	u32 lost;  /* commands may be under way of which nothing is known: whose what comes is is not known, */
	u32 least; /* and so many are for certain; */
	u32 heard; /* some were answered since it was quiet last, */
	u32 quiet; /* which it was so often */
	u32 owners_len;
	u64 round_trips; /* how long four of them take, ns */
	ww_ref owners[WW_TRAFFIC_OWNERS_MAX];
	ww_ref ring[WW_SHARED_RING]; /* whose commands are; 0: nobody's that is known */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_SHARED_MOST);
	__type(key, u64); /* ww_conn.sock */
	__type(value, struct ww_shared);
} ww_shareds SEC(".maps") __weak;

/* What a new one is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_shared);
} ww_shared_blank SEC(".maps") __weak;

/* Whether the connection is one that is looked at here. */
static __always_inline bool ww_shared_is(const struct ww_thread *t, const struct ww_conn *conn)
{
	return t->phase_at && conn && conn->counts && conn->role == WW_ROLE_CLIENT;
}

static __always_inline struct ww_shared *ww_shared_get(const struct ww_conn *conn)
{
	u64 key = conn->sock;
	return key ? bpf_map_lookup_elem(&ww_shareds, &key) : NULL;
}

static __noinline struct ww_shared *ww_shared_make(const struct ww_conn *conn)
{
	u32 zero = 0;
	u64 key = conn->sock;
	struct ww_shared *s = ww_shared_get(conn), *blank = s ? NULL : bpf_map_lookup_elem(&ww_shared_blank, &zero);
	if (blank)
		bpf_map_update_elem(&ww_shareds, &key, blank, BPF_NOEXIST);
	return s ? s : ww_shared_get(conn);
}

static __always_inline void ww_shared_value_ends(struct ww_shared *s)
{
	s->now.skip = 0;
	s->now.line = 0;
	if (!--s->now.values)
		s->ended++;
}

#define WW_SHARED_SIGN(sign) (1ull << ((sign)-32))
#define WW_SHARED_LINES                                                                                                \
	(WW_SHARED_SIGN('+') | WW_SHARED_SIGN('-') | WW_SHARED_SIGN(':') | WW_SHARED_SIGN('_') | WW_SHARED_SIGN('#') | \
	 WW_SHARED_SIGN(',') | WW_SHARED_SIGN('('))

static __always_inline bool ww_shared_one_of(u8 sign, u64 signs)
{
	return sign >= 32 && sign < 96 && signs >> (sign - 32) & 1;
}

/* So many digits, as they lie in memory: without branches, which the verifier would follow all. */
static __always_inline u64 ww_shared_number(u64 text, u32 digits)
{
	text <<= (64 - 8 * digits) & 63;
	text = (text & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;
	text = (text & 0x00ff00ff00ff00ffull) * 6553601 >> 16;
	return (text & 0x0000ffff0000ffffull) * 42949672960001ull >> 32;
}

/* One value's head, and what of the value is there. Returns 1 at the end, or when it can't be read. */
static __always_inline long ww_shared_step(struct ww_shared *s, struct ww_message *m)
{
	u64 at = s->at, left = s->total - at;
	if (at >= s->total || s->bad)
		return 1;
	if (!s->now.skip) {
		union {
			u8 b[WW_SHARED_LOOK];
			u64 words[2];
		} look = {};
		u64 len = left < WW_SHARED_LOOK ? left : WW_SHARED_LOOK;
		s->bad = 1;
		if (ww_message_look(m, at) != WW_FOUND)
			return 1;
		if (len > m->contiguous)
			len = m->contiguous;
		barrier_var(len);
		if (len > WW_SHARED_LOOK || bpf_probe_read_user(&look, len, (void *)m->at))
			return 1;
		u64 mark = ww_match(look.words[0], '\n'), later = ww_match(look.words[1], '\n');
		u32 end = mark ? ww_lowest(mark) : later ? 8 + ww_lowest(later) : WW_SHARED_LOOK;
		u8 type = look.b[0];
		bool whole = end < len;
		s->at = at + (whole ? end + 1 : len);
		if (!s->now.values) {
			s->now.values = 1;
			s->begun++;
		}
		if (s->now.line) {
			s->bad = 0;
			if (whole)
				ww_shared_value_ends(s);
			return 0;
		}
		if (ww_shared_one_of(type, WW_SHARED_LINES)) {
			s->bad = 0;
			s->now.line = 1;
			if (whole)
				ww_shared_value_ends(s);
			return 0;
		}
		bool null = look.b[1] == '-';
		u64 number = ww_shared_number(look.words[0] >> 8 | look.words[1] << 56, end - 2);
		if (!whole || end < 3 || end > 10)
			return 1;
		if (type == '*' || type == '~' || type == '%') {
			s->bad = 0;
			s->now.values += null ? 0 : type == '%' ? 2 * number : number;
			ww_shared_value_ends(s);
			return 0;
		}
		if (type != '$' && type != '=' && type != '!')
			return 1;
		s->bad = 0;
		if (null) {
			ww_shared_value_ends(s);
			return 0;
		}
		s->now.skip = number + 2;
		at = s->at;
		left = s->total - at;
	}
	if (s->now.skip > left) {
		s->now.skip -= left;
		s->at = s->total;
		return 1;
	}
	s->at = at + s->now.skip;
	ww_shared_value_ends(s);
	return 0;
}

struct ww_shared_walk {
	struct ww_shared *shared;
	struct ww_message *message;
};

static long ww_shared_step_back(u32 i, void *ctx)
{
	struct ww_shared_walk *walk = ctx;
	(void)i;
	return ww_shared_step(walk->shared, walk->message);
}

WW_GLOBAL1(int, ww_shared_step_plain, C, conn)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	struct ww_message *m = ww_message_spare();
	return !s || !m || ww_shared_step(s, m);
}

/* What the call has moved: how many commands, or answers, begin in it, and end (<< 32). ~0: it can't be told. */
WW_GLOBAL2(u64, ww_shared_count, C, conn, N, call)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	struct ww_message *m = ww_message_spare();
	bool sent = call >> 32 == WW_TRAFFIC_SENT;
	if (!s || !m)
		return ~0ull;
	ww_message_find(m, ww_current(), WW_MESSAGE_SPARE);
	s->now = sent ? s->kept[WW_TX] : s->kept[WW_RX];
	s->at = 0;
	s->total = (u32)call;
	s->begun = 0;
	s->ended = 0;
	s->bad = 0;
	if (ww_without_loop) {
		for (u32 i = 0; i < WW_SHARED_STEPS; i++) {
			if (ww_shared_step_plain(conn))
				break;
		}
	} else {
		struct ww_shared_walk walk = {.shared = s, .message = m};
		bpf_loop(WW_SHARED_STEPS, ww_shared_step_back, &walk, 0);
	}
	if (s->bad || s->at < s->total)
		return ~0ull;
	if (sent)
		s->kept[WW_TX] = s->now;
	else
		s->kept[WW_RX] = s->now;
	return (u64)s->ended << 32 | s->begun;
}

#endif
