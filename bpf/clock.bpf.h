/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A clock that runs while something is under way, in one word: how long it has run, or, while it runs, that less the
 * time at which it was started. Whoever starts and stops it makes one store, so that whoever reads it in the middle, on
 * this CPU or another, finds it as it was before or after.
 */
#ifndef WHYWAIT_CLOCK_H
#define WHYWAIT_CLOCK_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define WW_CLOCK_RUNS (1ull << 63)
#define WW_CLOCK_NS   (WW_CLOCK_RUNS - 1)

/* What it shows at `now`, if it was neither started nor stopped since. */
static __always_inline u64 ww_clock_at(u64 clock, u64 now)
{
	return (clock & WW_CLOCK_RUNS ? clock + now : clock) & WW_CLOCK_NS;
}

/* The clock, running since `at`; one that runs goes on. */
static __always_inline u64 ww_clock_start(u64 clock, u64 at)
{
	return clock & WW_CLOCK_RUNS ? clock : ((clock - at) & WW_CLOCK_NS) | WW_CLOCK_RUNS;
}

/* The clock, stopped at `now`. */
static __always_inline u64 ww_clock_stop(u64 clock, u64 now)
{
	return ww_clock_at(clock, now);
}

/* From what it has shown before to what it shows. */
static __always_inline u64 ww_clock_since(u64 before, u64 at)
{
	return (at - before) & WW_CLOCK_NS;
}

#endif
