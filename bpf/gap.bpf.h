/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Work of an event loop's thread for requests that are not known yet, and the gaps that it may fill: a part of
 * maps.bpf.h, which includes it. carrier.bpf.h and subtask.bpf.h keep it.
 */
#ifndef WHYWAIT_GAP_H
#define WHYWAIT_GAP_H

#define WW_SERVING 4 /* functions by which Tasks run that answer requests */

struct ww_answered {
	ww_ref ref;
	u64 at;
};

/* A time in which a request shows no sign, and the account found so far that fits it best: subtask.bpf.h. */
struct ww_gap {
	u64 from;
	u64 to;
	u64 slept;  /* when the loop had begun to sleep last before `to` */
	u64 newest; /* Task that there was before `from` */
	u32 from_batch;
	u32 to_batch;
	ww_ref parent; /* the account that has the gap */
	ww_ref best;
	u64 start; /* of the best */
	u64 end;
	u64 distance;
	u32 rank;
	u8 unsure; /* another one that would fit was at work at the same time */
	u8 begins; /* the best began as soon as the loop had come round, */
	u8 ends;   /* and nothing but the loop kept the request from going on when it had ended */
	u8 pad;
};

/* How far a gap is filled: up to an account of the request's own Context, or to where it shows a sign. */
struct ww_end {
	u64 at;
	u64 slept;
	u32 batch;
	u32 pad;
};

/* A gap that is being filled: subtask.bpf.h. */
struct ww_filling {
	ww_ref best; /* was found, and whether one fits in front of it is looked for */
	ww_ref past; /* what its Context did next; linked on */
	u8 begins;   /* as the best was found */
	u8 ends;
	u8 pad[6];
	struct ww_end end;
};

/* Work of an event loop's thread for requests that are not known yet: carrier.bpf.h. */
struct ww_loop {
	ww_ref carriers[WW_CARRIERS]; /* its accounts, in a ring */
	struct ww_answered answered[WW_ANSWERED];
	u32 carriers_next;
	u32 answered_next;
	u64 serving[WW_SERVING]; /* code of Tasks that have answered requests */
	struct ww_gap gap; /* these are here since the verifier follows every value that a loop keeps on its stack */
	struct ww_filling filling;
};
/* Kernels that take task storage by kmalloc_nolock() (7.2 does) give 8 KiB at the most, some of it for themselves. */
_Static_assert(sizeof(struct ww_loop) <= 8000, "task storage");

#endif
