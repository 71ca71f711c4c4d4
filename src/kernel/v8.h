/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a process with V8 (Node) has what in the objects that make a chain of promises, so that the BPF side can tell
 * for whom an async function goes on: what V8 tells debuggers, constants named v8dbg_.. among its dynamic symbols.
 */
#ifndef WHYWAIT_V8_H
#define WHYWAIT_V8_H

#include <stdint.h>
#include <sys/types.h>

/* The same layout as the BPF map's value (bpf/programs.bpf.h). */
struct ww_v8_objects {
	uint32_t map_type;	   /* offsets: Map.instance_type */
	uint32_t function_context; /* JSFunction.context */
	uint32_t generator;	   /* types: JSAsyncFunctionObject, */
	uint32_t promise;
	uint32_t reaction;
	uint32_t capability;
	/* From here on the BPF side's: 0. */
	uint32_t reaction_is;
	uint32_t unused;
	uint64_t generator_map;
	uint64_t promise_map;
	uint64_t reaction_map;
	uint64_t capability_map;
	uint64_t scope;
};

struct ww_v8_version {
	uint32_t major, minor;
};

/*
 * Which V8 the process has. -EOPNOTSUPP: `version` is written, but what V8 does not tell of its objects is not known to
 * be there where Node 18 to 26 have it; -ENOENT: there is none in it, or one without symbols; others: the process can't
 * be read.
 */
int ww_v8__version(pid_t pid, struct ww_v8_version *version);

/* The same for its objects, or it does not tell all of them. `objects` is written on success only. */
int ww_v8__find(pid_t pid, struct ww_v8_objects *objects);

#endif
