/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HotSpot: what each thread has allocated, as java.lang.management's ThreadMXBean tells it. Where that is, libjvm.so
 * says by the tables that its debugger reads (gHotSpotVMStructs).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kernel/heaps_parts.h"
#include "kernel/jvm_table.h"

#define TLAB_MOST (1ull << 30)
#define AT_ONCE	  256 /* threads that are read by one call */

enum { FIELD_LIST, FIELD_LEN, FIELD_THREADS, FIELD_ALLOCATED, FIELD_TLAB, FIELD_START, FIELD_TOP, FIELD_COUNT };

static const struct ww_jvm_field fields[] = {
	[FIELD_LIST] = {"ThreadsSMRSupport", "_java_thread_list", true},
	[FIELD_LEN] = {"ThreadsList", "_length", false},
	[FIELD_THREADS] = {"ThreadsList", "_threads", false},
	[FIELD_ALLOCATED] = {"Thread", "_allocated_bytes", false},
	[FIELD_TLAB] = {"Thread", "_tlab", false},
	[FIELD_START] = {"ThreadLocalAllocBuffer", "_start", false},
	[FIELD_TOP] = {"ThreadLocalAllocBuffer", "_top", false},
};

static bool read_number(pid_t pid, uint64_t address, uint64_t *number)
{
	return ww_heaps__read(pid, address, number, sizeof(*number));
}

int ww_jvm_heap__find(pid_t pid, struct ww_jvm_heap *heap)
{
	uint64_t values[FIELD_COUNT];
	uint64_t found = 0;
	int err = ww_jvm_table__find(pid, fields, FIELD_COUNT, values, &found);

	if (err)
		return err;
	if (found != (1u << FIELD_COUNT) - 1)
		return -ENOENT;
	*heap = (struct ww_jvm_heap){
		.list = values[FIELD_LIST],
		.list_len = (uint32_t)values[FIELD_LEN],
		.list_threads = (uint32_t)values[FIELD_THREADS],
		.allocated = (uint32_t)values[FIELD_ALLOCATED],
		.tlab_start = (uint32_t)(values[FIELD_TLAB] + values[FIELD_START]),
		.tlab_top = (uint32_t)(values[FIELD_TLAB] + values[FIELD_TOP]),
	};
	return 0;
}

static int compare_threads(const void *left, const void *right)
{
	const struct ww_jvm_thread *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

/* Three numbers of each of up to AT_ONCE threads; false when any can't be read: a thread has ended meanwhile. */
static bool read_threads(pid_t pid, const struct ww_jvm_heap *heap, struct ww_jvm_thread *threads, uint32_t len)
{
	uint64_t numbers[3 * AT_ONCE];
	struct iovec here = {numbers, 3 * sizeof(uint64_t) * len}, there[3 * AT_ONCE];

	for (uint32_t i = 0; i < len; i++) {
		const uint64_t offsets[] = {heap->allocated, heap->tlab_start, heap->tlab_top};

		for (uint32_t k = 0; k < 3; k++)
			there[3 * i + k] =
				(struct iovec){(void *)(uintptr_t)(threads[i].address + offsets[k]), sizeof(uint64_t)};
	}
	if (process_vm_readv(pid, &here, 1, there, 3ul * len, 0) != (ssize_t)here.iov_len)
		return false;
	for (uint32_t i = 0; i < len; i++) {
		uint64_t start = numbers[3 * i + 1], top = numbers[3 * i + 2];

		/* What it has used of its own buffer is not counted yet. */
		threads[i].counted = numbers[3 * i];
		threads[i].bytes = threads[i].counted + (top >= start && top - start <= TLAB_MOST ? top - start : 0);
	}
	return true;
}

/* A thread's count ends with it: what it was the last time is kept. */
static uint64_t sum_threads(struct ww_jvm_heap *heap, struct ww_jvm_thread *threads, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < heap->threads_len; i++) {
		const struct ww_jvm_thread *before = &heap->threads[i];
		struct ww_jvm_thread *now =
			len ? bsearch(before, threads, len, sizeof(*threads), compare_threads) : NULL;

		/*
		 * Another one where it was has begun anew. A thread that gives its buffer up counts that first: what is
		 * read in between has the buffer twice, and the next time it is less, though nothing has ended.
		 */
		if (!now || now->counted < before->counted)
			heap->ended += before->bytes;
		else if (now->bytes < before->bytes)
			now->bytes = before->bytes;
	}
	for (uint32_t i = 0; i < len; i++)
		sum += threads[i].bytes;
	return sum + heap->ended;
}

int ww_jvm_heap__read(pid_t pid, struct ww_jvm_heap *heap, struct ww_heap_counts *counts)
{
	uint64_t list, addresses, *all = NULL;
	struct ww_jvm_thread *threads = NULL;
	uint32_t len = 0;
	int err = -ESRCH;

	if (!read_number(pid, heap->list, &list) || !ww_heaps__read(pid, list + heap->list_len, &len, sizeof(len)) ||
	    !read_number(pid, list + heap->list_threads, &addresses) || !len || len > WW_JVM_THREADS)
		return err;
	all = calloc(len, sizeof(*all));
	threads = calloc(len, sizeof(*threads));
	if (!all || !threads) {
		err = -ENOMEM;
		goto out;
	}
	if (!ww_heaps__read(pid, addresses, all, len * sizeof(*all)))
		goto out;
	for (uint32_t i = 0; i < len; i++)
		threads[i].address = all[i];
	for (uint32_t i = 0; i < len; i += AT_ONCE)
		if (!read_threads(pid, heap, threads + i, len - i < AT_ONCE ? len - i : AT_ONCE))
			goto out;
	qsort(threads, len, sizeof(*threads), compare_threads);
	*counts = (struct ww_heap_counts){.bytes = sum_threads(heap, threads, len)};
	free(heap->threads);
	heap->threads = threads;
	heap->threads_len = len;
	threads = NULL;
	err = 0;
out:
	free(all);
	free(threads);
	return err;
}

void ww_jvm_heap__free(struct ww_jvm_heap *heap)
{
	free(heap->threads);
	*heap = (struct ww_jvm_heap){0};
}
