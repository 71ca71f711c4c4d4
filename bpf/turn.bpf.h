/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns: threads on several CPUs that read, write and close one connection at the same time.
 */
#ifndef WHYWAIT_TURN_H
#define WHYWAIT_TURN_H

#include "abandon.bpf.h"

#define WW_SPINS 50000 /* a tenth of a millisecond or two */
#define WW_TRIES 1000  /* the same by hand */

struct ww_turn {
	struct ww_conn *conn;
	u64 taken;
};

static __always_inline bool ww_turn_take(struct ww_conn *conn)
{
	return ww_by_hand ? ww_claim_add(conn->sock) : !__sync_val_compare_and_swap(&conn->busy, 0, 1);
}

static long ww_turn_spin(u32 index, void *context)
{
	struct ww_turn *turn = context;
	turn->taken = !*(volatile u32 *)&turn->conn->busy && ww_turn_take(turn->conn);
	return turn->taken;
}

/*
 * Waits until the CPU that works on the connection is done; 0 when it takes too long, as an interrupt or a hypervisor
 * stopped it: it will give the connection up then.
 */
WW_GLOBAL1(int, ww_turn_wait, C, conn)
{
	struct ww_turn turn = {.conn = conn};
	if (!conn)
		return 0;
	if (ww_by_hand) {
		for (u32 i = 0; i < WW_TRIES; i++) {
			if (ww_turn_take(conn))
				return 1;
		}
		conn->busy = 2;
		return 0;
	}
	bpf_loop(WW_SPINS, ww_turn_spin, &turn, 0);
	return turn.taken || (!__sync_val_compare_and_swap(&conn->busy, 1, 2) && ww_turn_take(conn));
}

/*
 * A connection may be read, written and shut down by several threads at the same time: each takes it in turn. False
 * when that can't be waited for.
 */
static __always_inline bool ww_turn_begin(struct ww_conn *conn)
{
	return ww_turn_take(conn) || ww_turn_wait(conn);
}

static __always_inline void ww_turn_end(struct ww_conn *conn)
{
	if (!ww_by_hand && __sync_val_compare_and_swap(&conn->busy, 1, 0) == 1)
		return;
	if (!ww_by_hand || conn->busy == 2)
		ww_exchange_drop(conn, WW_COUNT_STREAM_LOST);
	conn->busy = 0;
	if (ww_by_hand)
		ww_claim_take(conn->sock);
}

#endif
