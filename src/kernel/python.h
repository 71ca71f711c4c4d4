/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a CPython process keeps the state of its threads, so that the BPF side can tell which asyncio Task is running,
 * and where in its code each is.
 */
#ifndef WHYWAIT_PYTHON_H
#define WHYWAIT_PYTHON_H

#include <stdint.h>
#include <sys/types.h>

/* Whether a process has uvloop's event loop, whose steps no frame tells. */
enum ww_uvloop_is {
	WW_UVLOOP_NONE,
	WW_UVLOOP_MAPPED,
	WW_UVLOOP_FOLLOWED, /* and where it keeps what is known (kernel/uvloop.h) */
};

/* An address and offsets within CPython's structures; the same layout as the BPF map's value. */
struct ww_python_layout {
	uint64_t runtime; /* address of _PyRuntime in the process; 0: its layout is not known */
	uint64_t holder;  /* and of gil.last_holder; 0: not known, and threads that work for others are not followed */
	uint32_t interpreters;	/* offset of _PyRuntimeState.interpreters.head */
	uint32_t threads;	/* of PyInterpreterState.threads.head */
	uint32_t next;		/* of PyThreadState.next */
	uint32_t id;		/* of PyThreadState.native_thread_id; before 3.11, thread_id */
	uint32_t context;	/* of PyThreadState.context; 0: its Tasks and threads are not followed */
	uint32_t cframe;	/* of PyThreadState.cframe; 0: it has none */
	uint32_t current_frame; /* of _PyCFrame.current_frame, or of PyThreadState without one */
	uint32_t minor;		/* its version is 3.minor */
	uint32_t loops;		/* 0: the BPF side sets it */
	uint32_t uvloop;	/* enum ww_uvloop_is */
};

/*
 * Finds it for a running process; of a version, or a build, whose layout is not known it has only `minor`. -ENOENT: no
 * CPython; -ESRCH, -EACCES and others: the process can't be read. `layout` is written on success only.
 */
int ww_python__find(pid_t pid, struct ww_python_layout *layout);

#endif
