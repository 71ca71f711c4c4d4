/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages of queues as units of work (`--unit queue`): an account from the delivery of a message to a worker's thread
 * to that thread's next fetch. What a worker waits for while it has none is nobody's.
 *
 * Redis: a command that takes messages from a list or a stream is a fetch, its answer a delivery, unless that says that
 * there was none.
 *
 * AMQP 0-9-1: basic.deliver is a delivery. The broker sends messages ahead, so the next fetch is when the thread reads
 * on, behind the message; or when it waits where it waits without one (unit.bpf.h).
 */
#ifndef WHYWAIT_QUEUE_H
#define WHYWAIT_QUEUE_H

#include "amqp.bpf.h"
#include "pipe.bpf.h"
#include "unit.bpf.h"
#include "upstream.bpf.h"

enum ww_queue {
	WW_QUEUE_NONE,
	WW_QUEUE_FETCHES, /* Redis: a fetch was sent, and not answered yet */
	WW_QUEUE_READS,	  /* Redis: nothing was sent since a delivery; more of it may come */
	WW_QUEUE_FRAMES,  /* AMQP: between frames, or within one, of which `left` bytes are to come */
};

#define WW_LOWER5(a, b, c, d, e) ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32)

/* By shifts: an index that clang knows two values of becomes arithmetic on pointers that 5.10 refuses. */
static __always_inline u8 ww_queue_byte(const struct ww_first *first, u32 at)
{
	return (at < 8 ? first->words[0] : first->words[1]) >> 8 * (at & 7);
}

/* Whether it begins like a Redis command that takes messages: an array of bulk strings, in whatever case. */
WW_GLOBAL2(int, ww_queue_redis_fetches, F, first, N, n)
{
	if (!first || n < 15 || first->b[0] != '*')
		return false;
	/* "*3\r\n$5\r\n": of either number one digit or two */
	u32 at = 8;
	at += first->b[2] != '\r';
	at += ww_queue_byte(first, at - 2) != '\r';
	if (ww_queue_byte(first, at - 1) != '\n')
		return false;
	u64 word = first->words[1] >> 8 * (at - 8) | 0x2020202020ull;
	switch (word & 0xffffffffffull) {
	case WW_LOWER5('b', 'r', 'p', 'o', 'p'): /* and BRPOPLPUSH */
	case WW_LOWER5('b', 'l', 'p', 'o', 'p'):
	case WW_LOWER5('b', 'l', 'm', 'o', 'v'):
	case WW_LOWER5('b', 'l', 'm', 'p', 'o'):
	case WW_LOWER5('b', 'z', 'p', 'o', 'p'):
	case WW_LOWER5('b', 'z', 'm', 'p', 'o'):
		return true;
	case WW_LOWER5('x', 'r', 'e', 'a', 'd'): /* XREADGROUP, and not XREAD */
		return ((word >> 40 & 0xff) | 0x20) == 'g';
	}
	return false;
}

static __always_inline bool ww_queue_requests(ww_ref ref)
{
	struct ww_request *r = ww_request_get(ref);
	return r && !r->anonymous;
}

/*
 * The thread's unit ends, or it has none; false when it works for something else, or answers requests. What goes from
 * thread to thread (Go, tokio) is not followed.
 */
static __always_inline bool ww_queue_ends(struct ww_thread *t, u64 now)
{
	if (ww_go_is(t))
		return false;
	struct ww_request *r = ww_request_get(t->unit);
	if ((r && !r->message) || t->opened_at)
		return false;
	if (r) {
		ww_elsewhere_ends(t, r);
		ww_unit_close(t, r, now);
	}
	if (!t->takes) {
		if (ww_queue_requests(t->ref) || ww_queue_requests(t->home))
			return false;
		ww_elsewhere_begins(t);
	}
	t->takes = 1;
	t->ref = 0;
	t->home = 0;
	return true;
}

/* The running thread has sent something: is that nobody's, of a process that takes messages? */
static __noinline void ww_queue_strays(struct sock *sk, struct ww_conn *conn)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u64 *strays = bpf_map_lookup_elem(&ww_takers, &tgid);
	if (!strays || ww_elsewhere_known(ww_thread_get(ww_current())) || ww_field(sk, sk_type) != SOCK_STREAM)
		return;
	if (conn ? conn->role == WW_ROLE_CLIENT : !ww_conn_of_server(sk) && ww_upstream_has_peer(sk))
		__sync_fetch_and_add(strays, 1);
}

/* The running thread sends something: whether that was a fetch. */
static __always_inline bool ww_queue_sends(struct sock *sk, struct ww_conn *conn, int len)
{
	if (!ww_queues_on)
		return false;
	if (ww_takers_known)
		ww_queue_strays(sk, conn);
	if ((conn && conn->classified && conn->system != WW_SYSTEM_REDIS && conn->system != WW_SYSTEM_AMQP))
		return false;
	struct task_struct *task = ww_current();
	struct ww_message *m = ww_message_spare();
	struct ww_first first;
	if (!m)
		return false;
	ww_message_find(m, task, WW_MESSAGE_SPARE);
	u32 n = ww_message_peek(m, len, &first);
	if (ww_amqp_sends(&first, n) && (!conn || conn->role == WW_ROLE_CLIENT)) {
		if (!conn && (ww_conn_of_server(sk) || !ww_upstream_has_peer(sk)))
			return false;
		conn = conn ?: ww_conn_create(sk, WW_ROLE_CLIENT);
		if (!conn)
			return false;
		if (!conn->peer)
			ww_upstream_classify(conn, sk, NULL, 0);
		conn->system = WW_SYSTEM_AMQP;
		conn->classified = 1;
		/* Nobody answers an acknowledgement or a heartbeat. */
		if (first.b[0] == WW_AMQP_HEARTBEAT || (first.b[10] >= 80 && first.b[10] != 100))
			return true;
		if (conn->queue != WW_QUEUE_FRAMES)
			return false;
		/* What else is sent to where messages come from may be, or not. */
		struct ww_thread *t = ww_thread_get(task);
		struct ww_request *r = t && t->unit == conn->first ? ww_request_get(t->unit) : NULL;
		if (r && !conn->unanswered)
			r->asked = 1;
		return true;
	}
	/* The rest of what is published, in frames or pieces of its own. */
	u64 left;
	if (conn && conn->queue == WW_QUEUE_FRAMES &&
	    (n < 7 || first.b[0] != WW_AMQP_METHOD || !ww_amqp_frame(first.b, &left)))
		return true;
	if (conn)
		conn->queue = WW_QUEUE_NONE;
	if (!ww_queue_redis_fetches(&first, n) || !ww_selected_process())
		return false;
	if (!conn && (ww_conn_of_server(sk) || !ww_upstream_has_peer(sk)))
		return false;
	u64 now = bpf_ktime_get_ns();
	struct ww_thread *t = ww_thread_make(task, now);
	if (!t || !ww_queue_ends(t, now))
		return false;
	if (!conn)
		conn = ww_conn_create(sk, WW_ROLE_CLIENT);
	if (!conn || (!conn->classified && !ww_upstream_classify_sent(conn, sk, task, len)))
		return false;
	ww_upstream_unowned(conn, 0, WW_TRAFFIC_CALL(WW_TRAFFIC_SENT, len));
	ww_conn_unawaited(conn);
	conn->connecting = 0;
	conn->first = 0;
	conn->queue = WW_QUEUE_FETCHES;
	conn->sent = now;
	t->fresh = 1; /* what comes next is what it has waited for, also when it was there at once */
	/* The answer may be there before this hook is. */
	conn->ready = ww_waiting(sk) ? bpf_ktime_get_ns() : 0;
	return true;
}

/* Tells user space what came with the message, which is the unit's: its name is in there. */
WW_GLOBAL3(int, ww_queue_tells, C, conn, N, request, N, total)
{
	struct ww_traffic_room *room = ww_traffic_room();
	if (!conn || !room)
		return 0;
	struct ww_traffic_part part = {.total = total};
	u64 now = bpf_ktime_get_ns();
	bool cut = total > 2 * WW_TRAFFIC_MESSAGE_PART;
	part.head = cut ? WW_TRAFFIC_MESSAGE_PART : total;
	part.tail = cut ? WW_TRAFFIC_MESSAGE_PART : 0;
	ww_traffic_fill(&room->record, WW_TRAFFIC_MESSAGE, conn, request, 0, now);
	room->record.total = total;
	ww_traffic_pieces(&room->record, &part);
	return 0;
}

/* Whether an answer to a fetch begins like one with a message. */
static __always_inline bool ww_queue_redis_delivers(const struct ww_first *first)
{
	u8 type = first->b[0], digit = first->b[1];
	return (type == '*' || type == '$' || type == '%') && digit >= '1' && digit <= '9';
}

#define WW_PF_FORKNOEXEC 0x40 /* it goes on with the program of who made it */
#define WW_CHILDREN	 4    /* that are looked at */

/* Whether the task has made processes that go on with its program. */
static __noinline bool ww_queue_has_children(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct list_head *child = BPF_CORE_READ(leader, children.next);
	for (u32 i = 0; i < WW_CHILDREN; i++) {
		if (!child || (u64)child == (u64)leader + bpf_core_field_offset(struct task_struct, children))
			return false;
		struct task_struct *made = (void *)child - bpf_core_field_offset(struct task_struct, sibling);
		if (BPF_CORE_READ(made, flags) & WW_PF_FORKNOEXEC)
			return true;
		child = BPF_CORE_READ(child, next);
	}
	return false;
}

/* The running process takes a message: whether it may be for others; that is remembered then. */
static __noinline bool ww_queue_hands_on(u8 system)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	ww_elsewhere_takes(tgid);
	if (!ww_queue_has_children(ww_current()))
		return false;
	bpf_map_update_elem(&ww_queue_parents, &tgid, &system, BPF_ANY);
	ww_queue_parents_known = 1;
	return true;
}

/* A message has come to the running thread. */
static __always_inline void ww_queue_delivered(struct ww_conn *conn, struct ww_thread *t, u64 now)
{
	u64 arrival = conn->ready && conn->ready < now ? conn->ready : now;
	u16 flags = ww_queue_hands_on(conn->system) ? WW_FLAG_MESSAGE | WW_FLAG_HANDS_ON : WW_FLAG_MESSAGE;
	struct ww_request *r = ww_unit_new(arrival, flags, conn->system);
	struct ww_touch touch = {.kind = WW_KIND_OTHER, .receive = true, .ready = arrival};
	if (!r)
		return;
	r->message = 1;
	r->broker = conn->peer;
	ww_touched(t, r, &touch, now);
	t->unit = r->account.id;
	conn->first = r->account.id;
	conn->queue = WW_QUEUE_READS;
}

/* ---- AMQP ---- */

/* It ends as it stood when its thread began to wait for more, or now. */
static __always_inline void ww_amqp_ends(struct ww_thread *t, u64 now)
{
	struct ww_request *r = ww_request_get(t->unit);
	if (!r || !r->message)
		return;
	ww_elsewhere_ends(t, r);
	if (r->state == WW_STATE_WAIT && r->mark > r->account.start_ns) {
		t->unit = 0;
		t->home = 0;
		ww_request_close(r);
		return;
	}
	ww_unit_close(t, r, now);
}

static __always_inline void ww_amqp_received(struct sock *sk, struct ww_conn *conn, struct ww_message *m, int len)
{
	u64 now = bpf_ktime_get_ns();
	m->total = len;
	m->next = 0;
	u32 met = ww_amqp_read(conn, m);
	if (met & WW_AMQP_MET_LOST) {
		/* In the middle of something, or it is none after all: the next read may be a frame's beginning. */
		struct ww_stream *s = &conn->http.streams[WW_RX];
		__builtin_memset(s, 0, sizeof(*s));
		if (conn->classified)
			ww_count(WW_COUNT_MESSAGE_STREAM_LOST);
		else
			conn->system = WW_SYSTEM_UNKNOWN;
	}
	struct ww_thread *t = ww_thread_get(ww_current());
	struct ww_request *r = t && t->unit == conn->first ? ww_request_get(t->unit) : NULL;
	if (met & WW_AMQP_MET_ANSWER)
		conn->unanswered = 0;
	else if (r && r->asked && met & (WW_AMQP_MET_MESSAGE | WW_AMQP_MET_NEXT))
		conn->unanswered = 1;
	if (r && r->message && r->asked && met & WW_AMQP_MET_ANSWER) {
		struct ww_touch touch = {.kind = WW_KIND_OTHER, .receive = true, .ready = conn->ready};
		r->asked = 0;
		ww_touched(t, r, &touch, now);
	}
	/* What it reads on another connection is an answer to what it asks for there. */
	if (t && t->takes && (met & WW_AMQP_MET_MESSAGE || (met & WW_AMQP_MET_NEXT && conn->first == t->unit)))
		ww_amqp_ends(t, now);
	if (met & WW_AMQP_MET_MESSAGE && ww_selected_process()) {
		conn->classified = 1;
		t = t ?: ww_thread_make(ww_current(), now);
		if (t && ww_queue_ends(t, now)) {
			ww_queue_delivered(conn, t, now);
			conn->queue = WW_QUEUE_FRAMES;
		}
		if (met >> 8 > 1)
			ww_count_by(WW_COUNT_MESSAGE_TOGETHER, (met >> 8) - 1);
	}
	if (t && met & (WW_AMQP_MET_MESSAGE | WW_AMQP_MET_PART) && t->unit == conn->first &&
	    ww_request_get(conn->first))
		ww_queue_tells(conn, conn->first, len);
}

/*
 * Whether AMQP is spoken on the connection. One that was there before observation shows it by a delivery, or by the
 * beginning of a frame that is read by itself.
 */
static __always_inline bool ww_amqp_may_be(struct sock *sk, const struct ww_conn *conn, struct ww_message *m, int len)
{
	struct ww_first first;
	u64 left;
	if (conn)
		return conn->system == WW_SYSTEM_AMQP;
	u16 family = sk->__sk_common.skc_family;
	if ((family != AF_INET && family != AF_INET6) || len < 7 || ww_port_listens(sk->__sk_common.skc_num))
		return false;
	ww_message_find(m, ww_current(), WW_MESSAGE_SPARE);
	u32 n = ww_message_peek(m, len, &first);
	return n >= 7 && first.b[0] == WW_AMQP_METHOD && ww_amqp_frame(first.b, &left) &&
	       (n >= 11 ? ww_be32(first.b + 7) == WW_AMQP_DELIVER : n == 7 && left < WW_AMQP_DELIVER_MAX);
}

/* The running thread has received something: whether that was the answer to a fetch. */
static __always_inline bool ww_queue_receives(struct sock *sk, struct ww_conn *conn, int len)
{
	if (!ww_queues_on)
		return false;
	struct ww_message *m = ww_message_spare();
	struct ww_first first;
	if (m && ww_amqp_may_be(sk, conn, m, len)) {
		if (!conn)
			conn = ww_conn_create(sk, WW_ROLE_CLIENT);
		if (!conn)
			return false;
		if (!conn->peer)
			ww_upstream_classify(conn, sk, NULL, 0);
		conn->system = WW_SYSTEM_AMQP;
		ww_message_find(m, ww_current(), WW_MESSAGE_SPARE);
		ww_amqp_received(sk, conn, m, len);
		/* What else it says is an answer to what was asked there. */
		if (conn->awaited)
			return false;
		conn->ready = ww_waiting(sk) ? bpf_ktime_get_ns() : 0;
		return true;
	}
	if (!m || !conn || conn->queue == WW_QUEUE_NONE)
		return false;
	u64 now = bpf_ktime_get_ns();
	ww_upstream_unowned(conn, conn->ready, WW_TRAFFIC_CALL(WW_TRAFFIC_RECEIVED, len));
	ww_message_find(m, ww_current(), WW_MESSAGE_SPARE);
	ww_message_peek(m, len, &first);
	/* Answers to what was sent before the fetch. */
	if (conn->queue == WW_QUEUE_FETCHES && first.b[0] != '+' && first.b[0] != ':') {
		struct ww_thread *t = ww_thread_make(ww_current(), now);
		conn->queue = WW_QUEUE_NONE;
		if (t && ww_queue_redis_delivers(&first) && ww_queue_ends(t, now))
			ww_queue_delivered(conn, t, now);
	}
	if (conn->queue == WW_QUEUE_READS && ww_request_get(conn->first))
		ww_queue_tells(conn, conn->first, len);
	conn->ready = ww_waiting(sk) ? now : 0;
	return true;
}

#endif
