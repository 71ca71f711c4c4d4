/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks all messages of a call: step by step, as far as its bytes go.
 */
#ifndef WHYWAIT_WALK_H
#define WHYWAIT_WALK_H

#include "fastcgi.bpf.h"

#define WW_WALK_TURNS 64 /* steps in one turn of a plain loop, and turns */
_Static_assert(WW_WALK_TURNS *WW_WALK_TURNS == WW_STEPS, "as many as there are by bpf_loop()");

static __always_inline long ww_receive_any(struct ww_call *c)
{
	return c->conn->protocol == WW_PROTOCOL_FASTCGI ? ww_fastcgi_receive_more(c) : ww_receive_more(c);
}

static __always_inline long ww_send_any(struct ww_call *c)
{
	return c->conn->protocol == WW_PROTOCOL_FASTCGI ? ww_fastcgi_send_more(c) : ww_send_more(c);
}

static long ww_receive_step(u32 index, void *context)
{
	return ww_receive_any(context);
}

static long ww_send_step(u32 index, void *context)
{
	return ww_send_any(context);
}

#define WW_WALK(direction)                                                                                             \
	WW_GLOBAL2(int, ww_##direction##_plain, C, conn, T, t)                                                         \
	{                                                                                                              \
		struct ww_cell *cell = ww_cell_of(WW_CELL_CALL);                                                       \
		struct ww_call c;                                                                                      \
		if (!conn || !t || !cell)                                                                              \
			return 1;                                                                                      \
		ww_cell_take(cell, c);                                                                                 \
		c.conn = conn;                                                                                         \
		c.thread = t;                                                                                          \
		long last = ww_##direction##_any(&c);                                                                  \
		ww_cell_put(cell, c);                                                                                  \
		return last;                                                                                           \
	}                                                                                                              \
	WW_GLOBAL2(int, ww_##direction##_plains, C, conn, T, t)                                                        \
	{                                                                                                              \
		for (u32 i = 0; i < WW_WALK_TURNS; i++) {                                                              \
			if (ww_##direction##_plain(conn, t))                                                           \
				return 1;                                                                              \
		}                                                                                                      \
		return 0;                                                                                              \
	}                                                                                                              \
	/* False when the call has more steps than are taken. */                                                       \
	static __always_inline bool ww_##direction##_all(struct ww_call *c)                                            \
	{                                                                                                              \
		struct ww_conn *conn = c->conn;                                                                        \
		struct ww_thread *t = c->thread;                                                                       \
		u32 ended = 0;                                                                                         \
		if (!ww_without_loop)                                                                                  \
			return bpf_loop(WW_STEPS, ww_##direction##_step, c, 0) < WW_STEPS;                             \
		WW_TURNS(WW_CELL_CALL, *c, WW_WALK_TURNS, (ended = ww_##direction##_plains(conn, t)));                 \
		c->conn = conn;                                                                                        \
		c->thread = t;                                                                                         \
		return ended;                                                                                          \
	}

WW_WALK(receive)
WW_WALK(send)

#endif
