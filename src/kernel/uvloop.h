/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a process with uvloop's event loop keeps its connections and Tasks, so that the BPF side can tell who awaits
 * the answer to what the loop sends.
 */
#ifndef WHYWAIT_UVLOOP_H
#define WHYWAIT_UVLOOP_H

#include <stdint.h>
#include <sys/types.h>

#include "kernel/python.h"

#define WW_UVLOOP_CYCLES   2
#define WW_UVLOOP_PLACES   16
#define WW_UVLOOP_ASKERS   32
#define WW_UVLOOP_SUSPECTS 4

/* Addresses in the process; the same layout as the BPF map's value. */
struct ww_uvloop_layout {
	uint64_t loop;			     /* its uv_loop_t, */
	uint64_t object;		     /* and the Loop that it belongs to, */
	uint64_t thread;		     /* which that thread runs: its PyThreadState */
	uint64_t tasks;			     /* _asyncio._current_tasks */
	uint64_t future;		     /* types: asyncio.Future as written in C, */
	uint64_t reader;		     /* asyncio.StreamReader, */
	uint64_t event;			     /* asyncio.Event, */
	uint64_t deque;			     /* collections.deque, */
	uint64_t reference;		     /* weakref.ref, */
	uint64_t cycles[WW_UVLOOP_CYCLES];   /* uvicorn's RequestResponseCycle; 0: it has none */
	uint32_t complete[WW_UVLOOP_CYCLES]; /* which attribute of that is response_complete */
	uint32_t protocol;		     /* the BPF side's, from here on, as the rest */
	uint32_t tries;
	uint32_t stepped;
	uint32_t looks;
	uint32_t suspected;
	uint64_t looks_at;
	uint64_t works_at;
	uint64_t unsure_at; /* user space sets it, too: what was sent by then was not followed */
	uint64_t futures[WW_UVLOOP_PLACES];
	uint64_t behind[WW_UVLOOP_PLACES];
	uint64_t streams[WW_UVLOOP_PLACES];
	uint64_t holders[WW_UVLOOP_PLACES];
	uint64_t servers[WW_UVLOOP_PLACES];
	uint64_t unawaited[WW_UVLOOP_PLACES];
	uint64_t streamless[WW_UVLOOP_PLACES];
	uint64_t askers[WW_UVLOOP_ASKERS];
	struct {
		uint64_t protocol, task, kind;
		uint32_t fd;
		uint8_t answered, stays;
		uint16_t unused;
	} suspects[WW_UVLOOP_SUSPECTS];
};

/*
 * Finds it for a process whose CPython is known. -ENOENT: it is not one that is followed: another version, no loop that
 * runs, several, or not laid out as expected. `layout` is written on success only.
 */
int ww_uvloop__find(pid_t pid, const struct ww_python_layout *python, struct ww_uvloop_layout *layout);

#endif
