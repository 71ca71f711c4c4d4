/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a process that runs libuv's event loop (Node) shows which phase the loop is in: uv_run() calls one function for
 * each phase, and the return address of that call always stands in the same place of the main thread's stack. Since
 * 1.45 the loop counts its turns, too; and it has a handle of Node's among its idle ones while an immediate is asked
 * for (setImmediate()).
 */
#ifndef WHYWAIT_LIBUV_H
#define WHYWAIT_LIBUV_H

#include <stdint.h>
#include <sys/types.h>

/* The same layout as the BPF map's value. */
struct ww_libuv_layout {
	uint64_t slot;	/* address of that word */
	uint64_t turns; /* and of the one that counts; 0: there is none, or it was not found */
	uint64_t idle;	/* and of the ring of that loop's idle handles; 0: as `turns` */
};

/*
 * Finds it for a process whose main thread is in uv_run(). -ENOENT: no libuv, or it does not run now; -ESRCH, -EACCES
 * and others: the process can't be read. `layout` is written on success only.
 */
int ww_libuv__find(pid_t pid, struct ww_libuv_layout *layout);

#endif
