/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where HotSpot, from JDK 17 on, keeps what its threads have allocated last, and what is told of an object's class: so
 * that the BPF side can tell whose thread has made the task that a pool's thread works at.
 */
#ifndef WHYWAIT_TASKS_JVM_H
#define WHYWAIT_TASKS_JVM_H

#include <stdint.h>
#include <sys/types.h>

#define WW_TASKS_SLOTS 256 /* threads that read requests: a power of two */

/* Addresses, and offsets within HotSpot's structures; the same layout as the BPF map's value. */
struct ww_tasks_layout {
	uint64_t heap; /* where objects are */
	uint64_t heap_len;
	uint64_t collections; /* where it counts its collections */
	uint64_t classes;     /* what a class's number in its objects counts from, */
	uint32_t shift;	      /* shifted by that */
	uint32_t osthread;    /* JavaThread._osthread */
	uint64_t runnable;    /* java.lang.Runnable */
	uint32_t thread_id;   /* OSThread._thread_id */
	uint32_t object;      /* JavaThread._threadObj: address of where the object's is */
	uint32_t stack;	      /* JavaThread._stack_base */
	uint32_t tlab;	      /* Thread._tlab: its first words are _start and _top, */
	uint32_t tlab_end;    /* and ThreadLocalAllocBuffer._end */
	uint32_t name;	      /* Klass._name */
	uint32_t name_len;    /* Symbol._length */
	uint32_t name_body;   /* Symbol._body */
	uint32_t supers;      /* Klass._secondary_supers: an array that has its length first, */
	uint32_t supers_data; /* and there its elements */
	uint32_t slots_len;   /* the BPF side's: */
	uint32_t pad;
	uint64_t worker;
	uint64_t slots[WW_TASKS_SLOTS][6];
};

/*
 * -ENOENT: no JVM, or one of whose objects that is not known; others: it can't be read. `layout` is written on success
 * only, but for what is the BPF side's.
 */
int ww_tasks_jvm__find(pid_t pid, struct ww_tasks_layout *layout);

#endif
