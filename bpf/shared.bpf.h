/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that all requests of an event loop share, as Node's clients of Redis do: commands of several are under
 * way, and answers come in the order of the commands. So commands and answers are counted, and whose each command was
 * is kept until its answer is there: the step that follows on the answer is that one's.
 *
 * Some clients (ioredis) write a command in the step that asks for it. Others (node-redis) write all commands of a turn
 * of the loop together at its end, when it is in another phase. Then they are, in order, of those that had a step in
 * this turn and have nothing else that they wait for, if there are as many of these as commands. Where that does not
 * tell, all that had a step in the turn are doubted; where it is known in whose step the first one was asked for
 * (immediate.bpf.h), only those that had one since.
 */
#ifndef WHYWAIT_SHARED_H
#define WHYWAIT_SHARED_H

#include "account.bpf.h"
#include "asked.bpf.h"
#include "conn.bpf.h"
#include "values.bpf.h"

static __always_inline void ww_shared_push(struct ww_shared *s, ww_ref ref)
{
	u32 at = (s->first + s->len) & (WW_SHARED_RING - 1);
	s->ring[at] = ref;
	if (s->len < WW_SHARED_RING)
		s->len++;
}

WW_GLOBAL2(int, ww_shared_loses, C, conn, N, at)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	struct ww_request *r = s ? ww_request_get(s->ring[at & (WW_SHARED_RING - 1)]) : NULL;
	if (!r)
		return 0;
	ww_doubt(r);
	if (r->outstanding)
		ww_outstanding(r, -1);
	return 0;
}

/* The count is lost: whose what is under way is can't be told. */
WW_GLOBAL1(int, ww_shared_lose, C, conn)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	if (!s)
		return 0;
	for (u32 i = 0; i < WW_SHARED_RING && i < s->len; i++)
		ww_shared_loses(conn, s->first + i);
	if (!s->lost)
		ww_count(WW_COUNT_SHARED_LOST);
	s->len = 0;
	s->lost = 1;
	s->least = 0;
	s->heard = 0;
	s->quiet = 0;
	return 0;
}

/*
 * The count was lost, or was never known. Answers come in the order of the commands, so what is sent from now on is a
 * least number of what is under way; and it is all, once an answer would have come that was due. One slow command may
 * hold up all that come after it, but not three in a row, with others answered in between.
 */
static __always_inline bool ww_shared_finds(struct ww_shared *s, const struct ww_conn *conn, bool sent, u64 now)
{
	u64 enough = s->round_trips > WW_SHARED_QUIET_NS ? s->round_trips : WW_SHARED_QUIET_NS;
	if (sent && s->heard && !s->least && !s->kept[WW_RX].values && !conn->ready && now - s->moved > enough) {
		s->heard = 0;
		s->quiet++;
	}
	s->moved = now;
	if (sent && s->quiet >= WW_SHARED_QUIETS) {
		s->lost = 0;
		s->len = 0;
		return true;
	}
	if (sent) {
		s->least += s->begun;
		return false;
	}
	if (s->ended > s->least)
		s->quiet = 0;
	s->least -= s->ended < s->least ? s->ended : s->least;
	s->heard |= s->ended != 0;
	return false;
}

/*
 * The call has moved something: how many commands, or answers, begin in it, and end (<< 32). ~0: that says nothing, as
 * whose they are is lost.
 */
WW_GLOBAL3(u64, ww_shared_moves, C, conn, N, call, N, now)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	if (!s)
		return ~0ull;
	bool sent = call >> 32 == WW_TRAFFIC_SENT;
	u64 count = ww_shared_count(conn, call);
	bool beyond = sent ? s->len + (u32)count > WW_SHARED_RING : count >> 32 > s->len;
	if (count == ~0ull) {
		ww_shared_lose(conn);
		__builtin_memset(s->kept, 0, sizeof(s->kept));
	} else if (s->lost) {
		return ww_shared_finds(s, conn, sent, now) ? count : ~0ull;
	} else if (beyond) {
		ww_shared_lose(conn);
	}
	s->moved = now;
	return s->lost ? ~0ull : count;
}

/* It is sent to: `first` says that it never was before, so that nothing is under way. */
WW_GLOBAL3(int, ww_shared_meets, C, conn, N, first, N, round_trips)
{
	bool known = conn && ww_shared_get(conn);
	struct ww_shared *s = conn ? ww_shared_make(conn) : NULL;
	if (!s)
		return 0;
	if (!known && !first) {
		ww_count(WW_COUNT_SHARED_LOST);
		s->lost = 1;
	}
	s->round_trips = round_trips;
	return 0;
}

/* It is closed. */
static __always_inline void ww_shared_closed(const struct ww_conn *conn)
{
	u64 key = conn->sock;
	if (conn->system != WW_SYSTEM_REDIS || !key || !bpf_map_lookup_elem(&ww_shareds, &key))
		return;
	ww_shared_lose((struct ww_conn *)conn);
	bpf_map_delete_elem(&ww_shareds, &key);
}

/* Whether requests of the loop's have waited lately for what no socket tells, as for a timer. */
static __always_inline bool ww_shared_others(const struct ww_thread *t, u64 now)
{
	return t->others_seen >= WW_OTHERS_MANY && now - t->others < WW_OTHERS_NS;
}

/* The request goes on to wait for what it has sent: a wait for nothing that is known was that. */
static __always_inline void ww_shared_awaits(struct ww_request *r, u64 now)
{
	if (r->state != WW_STATE_WAIT)
		return;
	/* Up to here it has waited for something else: the answer to what is sent now may come before that one's. */
	if (r->outstanding) {
		ww_charge(r, r->awaited.kind, r->awaited.type, r->awaited.value, now);
		return;
	}
	r->waited -= r->waited > 0;
	/* Up to here, for the end of the loop's turn. */
	ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, now);
}

/*
 * Commands are sent at the end of a turn: whose they are, if all are one's. Else notes that they are several's, and
 * returns one of these, or 0. ~0: that is not so, they are sent in the step that asks for them.
 */
WW_GLOBAL2(u64, ww_shared_whose, T, t, C, conn)
{
	if (!t || !ww_shared_is(t, conn) || !ww_phase_left(t))
		return ~0ull;
	ww_turn_now(t);
	u64 now = bpf_ktime_get_ns();
	ww_shared_turn_ends(t, now);
	ww_ref one = t->turn_one;
	u32 alive = t->turn_alive;
	bool ended = alive != t->turn_in;
	struct ww_request *r = ww_request_get(one);
	bool others = ww_shared_others(t, now);
	if (!alive) {
		/* Of a timer's continuation, or nobody's. */
		r = ww_request_get(ww_carrier_sleeper(t, false));
		if (!ended || r)
			ww_others_seen(t, now);
		if (!r)
			return 0;
		r->guessed = 1;
		r->waited -= r->waited > 0;
		ww_doubt(r);
		return r->account.id;
	}
	t->defers = 1;
	if (alive > 1 || ended || t->turn_unknown || t->turn_unsure || !r) {
		t->deferred = 1;
		return one;
	}
	if (others) {
		ww_ref sleeper = ww_carrier_sleeper(t, false);
		if (sleeper && (sleeper != one || !ww_carrier_sleeper(t, true)))
			ww_doubt(r);
	}
	ww_shared_awaits(r, now);
	return one;
}

/* Tells user space whose the commands are that are sent now. */
static __always_inline bool ww_shared_told(struct ww_conn *conn, const struct ww_shared *s, u64 now)
{
	struct ww_traffic_room *room = ww_traffic_room();
	if (!room || !ww_traffic_thin)
		return false;
	ww_traffic_number(conn, now);
	ww_traffic_fill(&room->record, WW_TRAFFIC_OWNERS, conn, 0, 0, now);
	__builtin_memcpy(room->data, s->owners, sizeof(s->owners));
	u64 size = 8 * (u64)s->owners_len;
	if (size > sizeof(s->owners))
		return false;
	room->record.number = conn->calls[WW_TX];
	room->record.total = size;
	room->record.head = size;
	return !ww_traffic_thinned(0, 1) && ww_traffic_put(&room->record, size);
}

/* A command that is sent now is of that account, or of nobody's. */
WW_GLOBAL2(int, ww_shared_owns, C, conn, R, r)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	if (!s)
		return 0;
	u32 at = s->owners_len;
	ww_ref ref = ww_carrier_ref(r);
	barrier_var(at);
	if (at >= WW_TRAFFIC_OWNERS_MAX)
		return 0;
	s->owners[at] = ref;
	s->owners_len = at + 1;
	if (r) {
		r->awaited = (struct ww_cause){.kind = ww_system_kind(conn->system), .type = WW_DETAIL_PEER};
		r->awaited.value = conn->peer;
		ww_outstanding(r, 1);
	}
	ww_shared_push(s, ref);
	return 0;
}

enum ww_shared_how {
	WW_SHARED_CERTAIN = 1 << 8, /* above a place in the turn */
	WW_SHARED_FIRST = 1 << 9,   /* one command is each one's that waits for nothing else; */
	WW_SHARED_EACH = 1 << 10,   /* is each one's */
	WW_SHARED_WHOLE = 1 << 11,  /* not of those who may wait for the rest of an answer, or of themselves */
};

/* Commands are sent at the end of a turn: which are of the request that had a step in it at that place. */
WW_GLOBAL4(int, ww_shared_take, T, t, C, conn, N, how, N, now)
{
	u32 at = how & 0xff;
	barrier_var(at);
	struct ww_request *r = t && conn && at < WW_TURN ? ww_request_get(t->turn[at]) : NULL;
	if (!r || !ww_shared_may(t, at))
		return 0;
	if (!(how & WW_SHARED_CERTAIN))
		ww_doubt(r);
	bool asker = ww_shared_asker(t, r->account.id);
	bool first = how & WW_SHARED_FIRST && (asker || !r->outstanding);
	if (first && how & WW_SHARED_WHOLE && !asker && ww_shared_maybe(r))
		return 0;
	if (!first && !(how & WW_SHARED_EACH))
		return 0;
	ww_shared_awaits(r, now);
	ww_shared_owns(conn, r);
	return 0;
}

/* The same for each that had one. */
WW_GLOBAL4(int, ww_shared_takes, T, t, C, conn, N, how, N, now)
{
	for (u32 i = 0; t && i < WW_TURN && i < t->turn_len; i++)
		ww_shared_take(t, conn, how | i, now);
	return 0;
}

/* Nothing tells whose a command is but what follows on its answer. */
WW_GLOBAL3(int, ww_shared_nobodys, T, t, C, conn, N, now)
{
	struct ww_request *a = t ? ww_carrier_begin(t) : NULL;
	if (a)
		a->popped = now;
	ww_shared_owns(conn, a);
	return 0;
}

/* So many of them. */
WW_GLOBAL4(int, ww_shared_all_nobodys, T, t, C, conn, N, many, N, now)
{
	for (u32 i = 0; i < WW_TRAFFIC_OWNERS_MAX && i < many; i++)
		ww_shared_nobodys(t, conn, now);
	return 0;
}

/* That was told, or not, to user space. */
WW_GLOBAL3(int, ww_shared_noted, C, conn, N, at, N, sent)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	struct ww_request *r = s ? ww_request_get(s->owners[at & (WW_TRAFFIC_OWNERS_MAX - 1)]) : NULL;
	if (r)
		ww_traffic_note(r, sent);
	return 0;
}

WW_GLOBAL3(int, ww_shared_all_noted, C, conn, N, many, N, sent)
{
	for (u32 i = 0; i < WW_TRAFFIC_OWNERS_MAX && i < many; i++)
		ww_shared_noted(conn, i, sent);
	return 0;
}

/* So many commands of one are sent. */
WW_GLOBAL3(int, ww_shared_pushes, C, conn, N, many, N, ref)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	if (!s)
		return 0;
	u32 at = s->first + s->len, len = s->len + many;
	for (u32 i = 0; i < WW_SHARED_RING && i < many; i++)
		s->ring[(at + i) & (WW_SHARED_RING - 1)] = ref;
	s->len = many < WW_SHARED_RING && len < WW_SHARED_RING ? len : WW_SHARED_RING;
	return 0;
}

/* So many commands of several requests are sent. */
WW_GLOBAL4(int, ww_shared_divide, T, t, C, conn, N, many, N, now)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	if (!t || !s)
		return 0;
	ww_shared_turn(t);
	u32 first = t->turn_first, maybe = t->turn_maybe;
	bool plain = !t->turn_unknown && !t->turn_unsure && !t->turn_chains && !ww_shared_others(t, now);
	u64 how = many == first ? WW_SHARED_FIRST : many == t->turn_alive ? WW_SHARED_EACH : 0;
	if (how == WW_SHARED_FIRST && plain && !maybe)
		how |= WW_SHARED_CERTAIN;
	else if (maybe && many == first - maybe && plain)
		how = WW_SHARED_FIRST | WW_SHARED_CERTAIN | WW_SHARED_WHOLE;
	s->owners_len = 0;
	ww_shared_takes(t, conn, how, now);
	if (!how)
		ww_shared_all_nobodys(t, conn, many, now);
	if (many != s->owners_len) {
		ww_shared_lose(conn);
		return 0;
	}
	if (many == 1 && how == (WW_SHARED_FIRST | WW_SHARED_CERTAIN) && !t->turn_by)
		ww_immediate_agrees(t, s->owners[0]);
	if (!ww_traffic_thin)
		return 0;
	ww_shared_all_noted(conn, many, ww_shared_told(conn, s, now));
	return 0;
}

/*
 * So many bytes are sent on it, by what ww_shared_whose() has told. Returns for whom the call is to be recorded; 0: it
 * is not one's alone.
 */
WW_GLOBAL4(u64, ww_shared_sent, T, t, C, conn, R, r, N, len)
{
	if (!t || !conn)
		return 0;
	ww_ref ref = ww_carrier_ref(r);
	conn->shared = ww_shared_is(t, conn);
	if (!conn->shared)
		return ref;
	/* Waiting for the connection is over: it waits for what it sends, which is counted, or for nothing here. */
	if (conn->connecting)
		ww_conn_unawaited(conn);
	u64 now = bpf_ktime_get_ns();
	bool deferred = t->deferred;
	t->deferred = 0;
	struct ww_shared *s = ww_shared_get(conn);
	if (!s)
		ww_count(WW_COUNT_SHARED_FULL);
	u64 count = s ? ww_shared_moves(conn, WW_TRAFFIC_CALL(WW_TRAFFIC_SENT, len), now) : ~0ull;
	if (!s || count == ~0ull) {
		if (deferred)
			ww_shared_takes(t, conn, 0, now);
		if (r && !deferred)
			ww_doubt(r);
		return deferred ? 0 : ref;
	}
	u32 many = (u32)count;
	if (deferred) {
		ww_shared_divide(t, conn, many, now);
		return 0;
	}
	ww_shared_pushes(conn, many, ref);
	if (r && many)
		ww_outstanding(r, many);
	return ref;
}

static __always_inline void ww_touch_upstream(struct ww_touch *touch, const struct ww_conn *conn)
{
	touch->kind = ww_system_kind(conn->system);
	touch->type = WW_DETAIL_PEER;
	touch->value = conn->peer;
	touch->ready = conn->ready;
	touch->receive = false;
	touch->blocked = false;
}

/* The request's answer is there, with those of others: its step follows, and is told by nothing yet. */
WW_GLOBAL4(int, ww_shared_settle, T, t, C, conn, N, at, N, now)
{
	struct ww_shared *s = t && conn ? ww_shared_get(conn) : NULL;
	struct ww_touch touch;
	if (!s)
		return 0;
	ww_ref ref = s->ring[at & (WW_SHARED_RING - 1)];
	struct ww_request *r = ww_request_get(ref);
	t->turn_unknown |= !ref;
	t->orphan |= ref && !r;
	if (!r)
		return 0;
	if (r->outstanding)
		ww_outstanding(r, -1);
	if (r->state == WW_STATE_ATTACHED)
		return 0;
	if (r->popped == now) {
		if (!r->outstanding)
			ww_pend(t, r);
		return 0;
	}
	ww_touch_upstream(&touch, conn);
	touch.receive = true;
	ww_charge_gap(r, t, &touch, now);
	r->state = WW_STATE_WAIT;
	r->hint = (struct ww_cause){.kind = WW_KIND_OTHER};
	r->answered = conn->ready ? conn->ready : now;
	r->answer = (struct ww_cause){.kind = touch.kind, .type = touch.type, .value = touch.value};
	r->popped = now;
	r->unread = 1;
	ww_turn_has(t, r->account.id);
	if (!r->outstanding)
		ww_pend(t, r);
	return 0;
}

/* The thread lets go of what it works for: what it does next is for others. */
WW_GLOBAL2(int, ww_shared_leaves, T, t, N, now)
{
	if (!t)
		return 0;
	struct ww_request *before = ww_request_get(t->ref);
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};
	ww_interval_ran(t, now);
	if (before && ww_owns(before, t->tid)) {
		if (before->mark == t->start)
			ww_give(before, t);
		ww_interval_reset(t, now);
		ww_detach(t, before, nothing);
	}
	ww_interval_reset(t, now);
	t->ref = 0;
	return 0;
}

/* Whether the oldest in the ring are all one's, so many. */
WW_GLOBAL2(int, ww_shared_same, C, conn, N, many)
{
	struct ww_shared *s = conn ? ww_shared_get(conn) : NULL;
	if (!s)
		return 0;
	ww_ref one = s->ring[s->first & (WW_SHARED_RING - 1)];
	for (u32 i = 1; i < WW_SHARED_RING && i < many; i++) {
		if (s->ring[(s->first + i) & (WW_SHARED_RING - 1)] != one)
			return 0;
	}
	return 1;
}

/* So many bytes are read from it. Returns whose answer that is; 0: nobody's, not one's alone, or it is not whole. */
WW_GLOBAL4(u64, ww_shared_received, T, t, C, conn, N, len, N, now)
{
	struct ww_shared *s = t && conn ? ww_shared_get(conn) : NULL;
	if (!s)
		return conn ? conn->first : 0;
	u64 count = ww_shared_moves(conn, WW_TRAFFIC_CALL(WW_TRAFFIC_RECEIVED, len), now);
	u32 many = count >> 32, first = s->first;
	if (count == ~0ull) {
		t->turn_unknown = 1;
		ww_shared_leaves(t, now);
		return 0;
	}
	ww_ref one = s->ring[first & (WW_SHARED_RING - 1)];
	bool same = ww_shared_same(conn, many);
	s->first = (first + many) & (WW_SHARED_RING - 1);
	s->len -= many;
	if (!many)
		return 0;
	struct ww_request *r = ww_request_get(one);
	if (same && r) {
		ww_outstanding(r, r->outstanding < many ? 0 : -(int)many);
		return one;
	}
	ww_shared_leaves(t, now);
	if (same) {
		t->turn_unknown = 1;
		t->orphan = one != 0;
		return 0;
	}
	t->several = now;
	for (u32 i = 0; i < WW_SHARED_RING && i < many; i++)
		ww_shared_settle(t, conn, first + i, now);
	return 0;
}

/*
 * So many bytes are read from an upstream: whose answer that is. All that there is to do for loops of Node's kind is
 * done here: where it is read, the verifier would follow it together with all else.
 */
WW_GLOBAL4(u64, ww_shared_answers, T, t, C, conn, N, len, N, now)
{
	if (!t || !conn)
		return 0;
	conn->shared = ww_shared_is(t, conn);
	if (conn->shared) {
		ww_ref whose = ww_shared_received(t, conn, len, now);
		struct ww_shared *s = ww_shared_get(conn);
		conn->shared += s && s->len;
		conn->guessed = 0;
		return whose;
	}
	struct ww_request *r = t->phase_at ? ww_request_get(conn->first) : NULL;
	if (r && !conn->awaited && r->waited && !r->outstanding && r->state == WW_STATE_WAIT) {
		/* More of an answer: it has waited for that. */
		r->waited--;
	} else if (!r && t->phase_at && t->loop && !conn->guessed) {
		/* What follows is for nobody that is known, and not for whom it has read before. */
		ww_shared_leaves(t, now);
		t->turn_unknown = 1;
		t->orphan = conn->awaited && conn->first;
	}
	return conn->first;
}

#endif
