/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * AMQP 0-9-1 as its clients hear it: where frames begin and end, in whatever pieces they are read, and which of them
 * are deliveries. Nothing else of a frame is looked at.
 */
#ifndef WHYWAIT_AMQP_H
#define WHYWAIT_AMQP_H

#include "message.bpf.h"
#include "system.bpf.h"

enum ww_amqp {
	WW_AMQP_METHOD = 1,
	WW_AMQP_HEADER,
	WW_AMQP_BODY,
	WW_AMQP_HEARTBEAT = 8,

	WW_AMQP_FRAME_MAX = 1 << 20, /* bytes: brokers agree to 128 KiB by default */
	WW_AMQP_DELIVER_MAX = 1024,  /* bytes of a delivery's frame: four names and a number */
	WW_AMQP_STEPS = 48,	     /* by as many: frames of one read that are looked at */
	WW_AMQP_BASIC = 60 << 16,
	WW_AMQP_DELIVER = WW_AMQP_BASIC | 60,
};

/* A frame's beginning: type, channel, size; false when it can't be one. `*left`: bytes behind it, with its end's. */
static __always_inline bool ww_amqp_frame(const u8 *b, u64 *left)
{
	u32 size = ww_be32(b + 3);
	*left = (u64)size + 1;
	return ((b[0] >= WW_AMQP_METHOD && b[0] <= WW_AMQP_BODY) || b[0] == WW_AMQP_HEARTBEAT) &&
	       size <= WW_AMQP_FRAME_MAX && (b[0] != WW_AMQP_HEARTBEAT || !size);
}

/* Whether what is sent begins with a frame that consumers send: of the class basic (an acknowledgement), a heartbeat.
 */
WW_GLOBAL2(int, ww_amqp_sends, F, first, N, n)
{
	u64 left;
	if (!first || n < 8 || !ww_amqp_frame(first->b, &left))
		return false;
	if (first->b[0] == WW_AMQP_HEARTBEAT)
		return first->b[7] == 0xce;
	return n >= 11 && first->b[0] == WW_AMQP_METHOD && left <= WW_AMQP_FRAME_MAX &&
	       (ww_be32(first->b + 7) & 0xffff0000) == WW_AMQP_BASIC;
}

/* What a read has of frames. */
enum ww_amqp_met {
	WW_AMQP_MET_NEXT = 1 << 0,    /* a heartbeat: the thread reads on, behind what it had */
	WW_AMQP_MET_MESSAGE = 1 << 1, /* a delivery */
	WW_AMQP_MET_PART = 1 << 2,    /* more of a message */
	WW_AMQP_MET_LOST = 1 << 3,    /* no frames */
	WW_AMQP_MET_END = 1 << 4,     /* that was all */
	WW_AMQP_MET_ANSWER = 1 << 5,  /* the broker says something else: that it has what was published, say */
	WW_AMQP_MET_ONE = 1 << 8,     /* in the higher bits is how many deliveries */
};

/* So many bytes are read, which are all of a frame or as much as there is of it. */
static __always_inline void ww_amqp_passes(struct ww_stream *s, struct ww_message *m, u64 at, u64 rest)
{
	u64 now = s->left < rest ? s->left : rest;
	s->state = WW_STREAM_BODY;
	s->have = 0;
	s->left -= now;
	m->next = at + now;
}

/*
 * What is at byte `at` of what was read, where the connection's stream has `left` bytes of a frame to come. Of a frame
 * seven bytes are its beginning, of that of a method four more tell which; both may come in several pieces.
 */
static __always_inline u32 ww_amqp_at(struct ww_conn *conn, struct ww_message *m, u64 at)
{
	struct ww_stream *s = &conn->http.streams[WW_RX];
	u64 rest = m->total - at, left, len = rest;
	u32 have = s->have & 7;
	if (ww_message_look(m, at) != WW_FOUND)
		return WW_AMQP_MET_LOST;
	if (s->left && s->state != WW_STREAM_HEAD) {
		ww_amqp_passes(s, m, at, rest);
		return WW_AMQP_MET_PART;
	}
	if (len > m->contiguous)
		len = m->contiguous;
	if (len > 12)
		len = 12;
	barrier_var(len);
	*(u64 *)m->frame = s->begins;
	barrier_var(have);
	if (len > 12 || have > 7 || bpf_probe_read_user(m->frame + have, len, (void *)m->at))
		return WW_AMQP_MET_LOST;
	const u8 *b = m->frame;
	if (s->left) {
		/* Behind the beginning of a method. */
		if (have + len < 4 && len < s->left) {
			s->begins = *(u64 *)m->frame;
			s->have = have + len;
			s->left -= len;
			m->next = at + len;
			return 0;
		}
		ww_amqp_passes(s, m, at, rest);
		return have + len >= 4 && ww_be32(b) == WW_AMQP_DELIVER ? WW_AMQP_MET_MESSAGE : WW_AMQP_MET_ANSWER;
	}
	if (have + len < 7) {
		s->begins = *(u64 *)m->frame;
		s->have = have + len;
		m->next = at + len;
		return 0;
	}
	if (!ww_amqp_frame(b, &left))
		return WW_AMQP_MET_LOST;
	s->status = b[0];
	s->left = left;
	s->have = 0;
	at += 7 - have;
	rest -= 7 - have;
	if (b[0] == WW_AMQP_METHOD && have + len < 11) {
		s->state = WW_STREAM_HEAD;
		m->next = at;
		return 0;
	}
	ww_amqp_passes(s, m, at, rest);
	if (b[0] == WW_AMQP_HEARTBEAT)
		return WW_AMQP_MET_NEXT;
	if (b[0] != WW_AMQP_METHOD)
		return WW_AMQP_MET_PART;
	return ww_be32(b + 7) == WW_AMQP_DELIVER ? WW_AMQP_MET_MESSAGE : WW_AMQP_MET_ANSWER;
}

/* One step over what was read; adds to what was `met`, of which the verifier then knows nothing. */
WW_GLOBAL3(int, ww_amqp_step, C, conn, M, m, N, met)
{
	if (!conn || !m)
		return WW_AMQP_MET_LOST | WW_AMQP_MET_END;
	u64 at = m->next;
	if (at >= m->total)
		return met | WW_AMQP_MET_END;
	u32 step = ww_amqp_at(conn, m, at);
	met |= step;
	if (step == WW_AMQP_MET_MESSAGE)
		met += WW_AMQP_MET_ONE;
	if (step == WW_AMQP_MET_LOST || m->next <= at)
		met |= WW_AMQP_MET_END;
	return met;
}

/* Some steps: a loop in a loop would be looked at as a whole. */
WW_GLOBAL3(int, ww_amqp_steps, C, conn, M, m, N, met)
{
	if (!conn || !m)
		return WW_AMQP_MET_LOST | WW_AMQP_MET_END;
	for (u32 i = 0; i < WW_AMQP_STEPS; i++) {
		met = ww_amqp_step(conn, m, met);
		if (met & WW_AMQP_MET_END)
			break;
	}
	return met;
}

/* All of a read: what it met. */
WW_GLOBAL2(int, ww_amqp_read, C, conn, M, m)
{
	u32 met = 0;
	if (!conn || !m)
		return WW_AMQP_MET_LOST;
	for (u32 i = 0; i < WW_AMQP_STEPS; i++) {
		met = ww_amqp_steps(conn, m, met);
		if (met & WW_AMQP_MET_END)
			break;
	}
	if (m->next < m->total)
		met |= WW_AMQP_MET_LOST;
	return met;
}

#endif
