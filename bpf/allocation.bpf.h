/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allocations of requests: how often their threads call allocators, which probes tell that are there for short windows
 * of time only. What a thread calls is its interval's, as its time is; a request that begins and ends within one window
 * has all of its own.
 */
#ifndef WHYWAIT_ALLOCATION_H
#define WHYWAIT_ALLOCATION_H

#include "maps.bpf.h"

const volatile bool ww_allocations_on __weak = false;

/* The number of the window that is open; 0: none is. User space writes it: after attaching, and before detaching. */
__u64 ww_allocations_window __weak = 0;

static __always_inline void ww_allocations_begin(struct ww_request *r)
{
	r->window = ww_allocations_window;
}

static __always_inline void ww_allocations_end(struct ww_request *r)
{
	if (r->window && r->window == ww_allocations_window)
		r->account.flags |= WW_FLAG_ALLOCATIONS;
}

#endif
