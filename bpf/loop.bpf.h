/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loops of many turns. bpf_loop() has the verifier look at a turn once. Without it, a turn is a global function, at
 * which it looks once as well, called by a plain loop; what the turns share then lies in a cell of the CPU meanwhile.
 */
#ifndef WHYWAIT_LOOP_H
#define WHYWAIT_LOOP_H

#include "global.bpf.h"

/* Set before loading: before e6f2dd0f8067 ("bpf: Add bpf_loop helper", 5.17). */
const volatile bool ww_without_loop __weak = false;

/* Whose loop it is, or other work that the stack has no room for: one may run within another. */
enum ww_cell_of {
	WW_CELL_SLEEPERS,
	WW_CELL_CONTINUED,
	WW_CELL_FILLING,
	WW_CELL_CALL,	    /* that reads, */
	WW_CELL_CALL_SENDS, /* and that writes, perhaps within: programs of fexit may be preempted */
	WW_CELL_SWEEP,
	WW_CELL_JOIN,
	WW_CELL_LOCK,
	WW_CELLS
};

struct ww_cell {
	u64 words[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WW_CELLS);
	__type(key, u32);
	__type(value, struct ww_cell);
} ww_cells SEC(".maps") __weak;

static __always_inline struct ww_cell *ww_cell_of(u32 of)
{
	return bpf_map_lookup_elem(&ww_cells, &of);
}

#define ww_cell_put(cell, context)                                                                                     \
	({                                                                                                             \
		_Static_assert(sizeof(context) <= sizeof(struct ww_cell), "fits the cell");                            \
		*(__typeof__(context) *)(cell)->words = (context);                                                     \
	})

#define ww_cell_take(cell, context) ((context) = *(__typeof__(context) *)(cell)->words)

/* Puts the context into its cell, makes turns until one returns other than 0, or `most`, and takes it back. */
#define WW_TURNS(of, context, most, turn)                                                                              \
	do {                                                                                                           \
		struct ww_cell *cell_ = ww_cell_of(of);                                                                \
		if (!cell_)                                                                                            \
			break;                                                                                         \
		ww_cell_put(cell_, context);                                                                           \
		for (u32 turn_ = 0; turn_ < (most); turn_++) {                                                         \
			if (turn)                                                                                      \
				break;                                                                                 \
		}                                                                                                      \
		ww_cell_take(cell_, context);                                                                          \
	} while (0)

#endif
