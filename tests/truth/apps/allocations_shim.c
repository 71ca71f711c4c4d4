// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts what CPython asks of the C library: an allocator of its raw domain, which is what its small objects' arenas do
 * not hold. */
#include <stddef.h>

typedef struct {
	void *ctx;
	void *(*malloc)(void *ctx, size_t size);
	void *(*calloc)(void *ctx, size_t count, size_t size);
	void *(*realloc)(void *ctx, void *old, size_t size);
	void (*free)(void *ctx, void *old);
} allocator;

/* CPython's own, of Include/cpython/pymem.h; 0 is its raw domain. */
void PyMem_GetAllocator(int domain, allocator *found);
void PyMem_SetAllocator(int domain, allocator *wanted);

static allocator real;
static unsigned long calls;

static void *count_malloc(void *ctx, size_t size)
{
	__sync_fetch_and_add(&calls, 1);
	return real.malloc(ctx, size);
}

static void *count_calloc(void *ctx, size_t count, size_t size)
{
	__sync_fetch_and_add(&calls, 1);
	return real.calloc(ctx, count, size);
}

static void *count_realloc(void *ctx, void *old, size_t size)
{
	__sync_fetch_and_add(&calls, 1);
	return real.realloc(ctx, old, size);
}

void count_begin(void);
void count_begin(void)
{
	PyMem_GetAllocator(0, &real);

	allocator counting = {real.ctx, count_malloc, count_calloc, count_realloc, real.free};
	PyMem_SetAllocator(0, &counting);
}

unsigned long count_calls(void);
unsigned long count_calls(void)
{
	return calls;
}
