/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks all messages of a call: step by step, as far as its bytes go.
 */
#ifndef WHYWAIT_WALK_H
#define WHYWAIT_WALK_H

#include "fastcgi.bpf.h"

#define WW_WALK_TURNS 64 /* steps in one turn of a plain loop, and turns */
_Static_assert(WW_WALK_TURNS *WW_WALK_TURNS == WW_STEPS, "as many as there are by bpf_loop()");

/* One step; its call is in the cell. */
WW_GLOBAL2(int, ww_receive_one, C, conn, T, t)
{
	struct ww_call c = {.conn = conn, .thread = t, .moved = (struct ww_moved *)ww_cell_of(WW_CELL_CALL)};
	if (!conn || !t || !c.moved)
		return 1;
	return conn->protocol == WW_PROTOCOL_FASTCGI ? ww_fastcgi_receive_more(&c) : ww_receive_more(&c);
}

WW_GLOBAL2(int, ww_send_one, C, conn, T, t)
{
	struct ww_call c = {.conn = conn, .thread = t, .moved = (struct ww_moved *)ww_cell_of(WW_CELL_CALL_SENDS)};
	if (!conn || !t || !c.moved)
		return 1;
	return conn->protocol == WW_PROTOCOL_FASTCGI ? ww_fastcgi_send_more(&c) : ww_send_more(&c);
}

#define WW_WALK(direction)                                                                                             \
	static long ww_##direction##_step(u32 index, void *context)                                                    \
	{                                                                                                              \
		struct ww_call *c = context;                                                                           \
		return ww_##direction##_one(c->conn, c->thread) != 0;                                                  \
	}                                                                                                              \
	WW_GLOBAL2(int, ww_##direction##_plain, C, conn, T, t)                                                         \
	{                                                                                                              \
		for (u32 i = 0; i < WW_WALK_TURNS; i++) {                                                              \
			if (ww_##direction##_one(conn, t))                                                             \
				return 1;                                                                              \
		}                                                                                                      \
		return 0;                                                                                              \
	}                                                                                                              \
	/* False when the call has more steps than are taken. */                                                       \
	static __always_inline bool ww_##direction##_all(struct ww_call *c)                                            \
	{                                                                                                              \
		if (!ww_without_loop)                                                                                  \
			return bpf_loop(WW_STEPS, ww_##direction##_step, c, 0) < WW_STEPS;                             \
		for (u32 i = 0; i < WW_WALK_TURNS; i++) {                                                              \
			if (ww_##direction##_plain(c->conn, c->thread))                                                \
				return true;                                                                           \
		}                                                                                                      \
		return false;                                                                                          \
	}

WW_WALK(receive)
WW_WALK(send)

#endif
