/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The runtimes that heaps.c knows. Internal to src/kernel. */
#ifndef WHYWAIT_HEAPS_PARTS_H
#define WHYWAIT_HEAPS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "requests/services.h"

/* Reads of the process's memory; false unless all of it could be read. */
bool ww_heaps__read(pid_t pid, uint64_t address, void *data, size_t len);

#define WW_GO_CLASSES 68 /* sizes of small objects: so since Go 1.16 */

/* Where a Go program counts its allocations: runtime.memstats.heapStats, by its debug information. */
struct ww_go_heap {
	uint64_t address;			  /* of the three counts that are summed, */
	uint32_t size;				  /* each of which is so large, */
	uint32_t small, tiny, large, large_count; /* and has these in it */
};

/* -ENOENT: no Go program, or one without debug information. */
int ww_go_heap__find(pid_t pid, struct ww_go_heap *heap);
int ww_go_heap__read(pid_t pid, const struct ww_go_heap *heap, struct ww_heap_counts *counts);

#define WW_JVM_THREADS 4096

/* Where HotSpot has its threads, and what each has allocated: by the tables that it has for its debugger. */
struct ww_jvm_heap {
	uint64_t list; /* address of the pointer to the list of threads */
	uint32_t list_len, list_threads, allocated, tlab_start, tlab_top;
	uint64_t ended; /* bytes of threads that have ended */
	struct ww_jvm_thread {
		uint64_t address, bytes;
		uint64_t counted; /* of them, by the thread itself: only grows */
	} * threads;		  /* of the last time, by address */
	uint32_t threads_len;
};

/* -ENOENT: no JVM, or one that is not known. */
int ww_jvm_heap__find(pid_t pid, struct ww_jvm_heap *heap);
int ww_jvm_heap__read(pid_t pid, struct ww_jvm_heap *heap, struct ww_heap_counts *counts);
void ww_jvm_heap__free(struct ww_jvm_heap *heap);

#endif
