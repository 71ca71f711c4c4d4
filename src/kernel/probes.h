/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where an ELF file has probes of a runtime's garbage collector: static ones (USDT, section .note.stapsdt) and
 * functions (symbols).
 */
#ifndef WHYWAIT_PROBES_H
#define WHYWAIT_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is attached: the programs of bpf/runtime.bpf.c. */
enum ww_probe_program {
	WW_PROBE_GC_BEGIN,
	WW_PROBE_GC_END,
	WW_PROBE_GC_PART_BEGIN,
	WW_PROBE_GC_PART_END,
	WW_PROBE_GC_CLOCK,
	WW_PROBE_GC_ENTER,
	WW_PROBE_GC_LEAVE,
	WW_PROBE_GC_STEP_LEAVE,
	WW_PROBE_STOP_BEGIN,
	WW_PROBE_STOP_END,
	WW_PROBE_PAUSE_BEGIN,
	WW_PROBE_PAUSE_END,
	WW_PROBE_PART_FIRST,
	WW_PROBE_PART_LAST,
	WW_PROBE_STOP_LEFT,
	WW_PROBE_ASSIST_BEGIN,
	WW_PROBE_ASSIST_END,
	WW_PROBE_PROMISE_MOVES,
	WW_PROBE_PROMISE_STEP,
	WW_PROBE_GO_RUNS, /* these of goroutines, on request only */
	WW_PROBE_GO_PARKS,
	WW_PROBE_GO_YIELDS,
	WW_PROBE_GO_READIES,
	WW_PROBE_PROGRAMS
};

struct ww_probe_site {
	enum ww_probe_program program;
	bool at_return;	    /* of the function that begins there */
	uint64_t offset;    /* in the file */
	uint64_t semaphore; /* the counter that switches the probe on: its offset in the file; 0: none */
};

#define WW_PROBE_SITES 64 /* of one file: libjvm.so has one for each place where the compiler put a probe */

/*
 * Finds the probes of those runtimes that the file has all needed ones of; returns how many it wrote to `sites`, in the
 * order in which they are to be attached. 0: it has none, or is no ELF file of this machine's width and byte order.
 * -E2BIG: it has more than fit. The file may hold anything.
 */
int ww_probes__find(int fd, struct ww_probe_site sites[WW_PROBE_SITES]);

#endif
