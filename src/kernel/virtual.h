/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where HotSpot, from JDK 21 on, keeps which virtual thread each of its threads runs, so that the BPF side can tell
 * which one touches a socket, and what one waits for that none runs.
 */
#ifndef WHYWAIT_VIRTUAL_H
#define WHYWAIT_VIRTUAL_H

#include <stdint.h>
#include <sys/types.h>

/* How the addresses of objects are kept. */
enum ww_virtual_form {
	WW_VIRTUAL_PLAIN,
	WW_VIRTUAL_COLOURED, /* by ZGC's generations */
	WW_VIRTUAL_OPAQUE,   /* that is not known, so nothing of them can be read */
};

/* Offsets within HotSpot's structures and Java's objects; the same layout as the BPF map's value. */
struct ww_virtual_layout {
	uint32_t osthread;  /* JavaThread._osthread */
	uint32_t thread_id; /* OSThread._thread_id */
	uint32_t vthread;   /* JavaThread._vthread: address of where the object's is */
	uint32_t eetop;	    /* Thread.eetop: the JavaThread; of a virtual one 0 */
	uint32_t tid;	    /* Thread.tid */
	uint32_t blocker;   /* Thread.parkBlocker */
	uint32_t state;	    /* VirtualThread.state; 0: no such class has been loaded yet */
	uint32_t form;	    /* enum ww_virtual_form */
	uint64_t stray;	    /* the BPF side's: */
	uint64_t carried;
};

/*
 * -ENOENT: no JVM, or one without virtual threads, or whose objects are not known; others: it can't be read. `layout`
 * is written on success only.
 */
int ww_virtual__find(pid_t pid, struct ww_virtual_layout *layout);

#endif
