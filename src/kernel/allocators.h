/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a process's allocators are: malloc() and its kin in its C library, in a library that takes their place, or in
 * the program itself. None are of processes whose runtime has a heap of its own for nearly all: Go, HotSpot, V8.
 */
#ifndef WHYWAIT_ALLOCATORS_H
#define WHYWAIT_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WW_ALLOCATOR_SITES 16

struct ww_allocator_site {
	int fd;		 /* of the file; several sites may have the same */
	bool renews;	 /* realloc(): of nothing it calls malloc() */
	uint64_t offset; /* in the file */
};

/* Finds them; how many it wrote. Their files are the caller's, to be closed with ww_allocators__close(). */
size_t ww_allocators__find(uint32_t pid, struct ww_allocator_site sites[WW_ALLOCATOR_SITES]);

void ww_allocators__close(struct ww_allocator_site *sites, size_t len);

#endif
