/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a program with Rust's tokio keeps what its tasks are at, so that the BPF side can tell which one touches a
 * socket, and who waits for it.
 */
#ifndef WHYWAIT_TOKIO_H
#define WHYWAIT_TOKIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WW_TOKIO_VTABLE 16 /* where a task has the address of the table of its functions */

/* The same layout as in the BPF map's value. */
struct ww_tokio_layout {
	uint64_t vtables; /* where the tables are that tasks name their functions by */
	uint64_t vtables_len;
	uint64_t waker; /* and the one that wakers of tasks do */
	uint64_t image; /* where the program is mapped */
	uint64_t image_len;
	uint32_t tls;	     /* size of its thread-local storage, in front of the thread's pointer */
	uint32_t data_first; /* a waker's task comes before its table */
	uint64_t expired;    /* from here on, what the BPF side finds out */
	uint64_t voted;
	uint32_t current;
	uint32_t at;
	uint32_t votes;
	uint32_t untagged;
	uint32_t looks;
	uint32_t unused;
	uint64_t stray;
};

/*
 * Finds it for a running process. -ENOENT: no program with tokio, or one whose tasks have another layout (before 1.22);
 * -ESRCH, -EACCES and others: the process can't be read. `layout` is written on success only.
 */
int ww_tokio__find(pid_t pid, struct ww_tokio_layout *layout);

#endif
