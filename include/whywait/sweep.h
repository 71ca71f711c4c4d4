/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments of the programs that user space runs to end orphaned accounts.
 */
#ifndef WHYWAIT_SWEEP_H
#define WHYWAIT_SWEEP_H

#include "abi.h"

#define WW_SWEEP_MAX 256 /* accounts listed in one go */

struct ww_sweep_orphan {
	__u64 id;
	__u32 tgid;
	__u32 slot;
	__u8 closed;  /* its unix socket is gone */
	__u8 nobodys; /* work that an event loop did for nobody, or a message that nobody has taken */
	__u8 pad[6];
};

struct ww_sweep_list {
	__u32 len;
	__u32 next; /* slot to go on from */
	struct ww_sweep_orphan found[WW_SWEEP_MAX];
};

/* Times are CLOCK_MONOTONIC ns: nothing was charged since. */
struct ww_sweep_find {
	__u64 older_than;
	__u64 anonymous_older_than;
	__u64 untaken_older_than; /* of messages that were handed on */
	__u32 from;		  /* slot to begin at */
	__u32 pad;
};

struct ww_sweep_end {
	__u64 id;
	__u32 slot;
	__u32 closed; /* it is over for that only: another request may have its slot meanwhile */
};

#endif
