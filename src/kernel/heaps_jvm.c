/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HotSpot: what each thread has allocated, as java.lang.management's ThreadMXBean tells it. Where that is, libjvm.so
 * says by the tables that its debugger reads (gHotSpotVMStructs).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "kernel/dynsym.h"
#include "kernel/heaps_parts.h"

#define ENTRIES_MOST 20000 /* of the table; it has some thousands */
#define NAME_SIZE    40
#define STRIDE_MOST  128
#define OFFSET_MOST  65536
#define TLAB_MOST    (1ull << 30)
#define AT_ONCE	     256 /* threads that are read by one call */

enum { FIELD_LIST, FIELD_LEN, FIELD_THREADS, FIELD_ALLOCATED, FIELD_TLAB, FIELD_START, FIELD_TOP, FIELD_COUNT };

static const struct field {
	const char *structure, *member;
	bool is_static;
} fields[] = {
	[FIELD_LIST] = {"ThreadsSMRSupport", "_java_thread_list", true},
	[FIELD_LEN] = {"ThreadsList", "_length", false},
	[FIELD_THREADS] = {"ThreadsList", "_threads", false},
	[FIELD_ALLOCATED] = {"Thread", "_allocated_bytes", false},
	[FIELD_TLAB] = {"Thread", "_tlab", false},
	[FIELD_START] = {"ThreadLocalAllocBuffer", "_start", false},
	[FIELD_TOP] = {"ThreadLocalAllocBuffer", "_top", false},
};

/* How an entry of the table is laid out; it says itself. */
struct table {
	uint64_t at, stride, type, field, is_static, offset, address;
};

static bool read_number(pid_t pid, uint64_t address, uint64_t *number)
{
	return ww_heaps__read(pid, address, number, sizeof(*number));
}

static int find_table(pid_t pid, struct table *table)
{
	static const char *const files[] = {"/libjvm.so", NULL};
	struct ww_dynsym where[] = {{.name = "gHotSpotVMStructs"},
				    {.name = "gHotSpotVMStructEntryArrayStride"},
				    {.name = "gHotSpotVMStructEntryTypeNameOffset"},
				    {.name = "gHotSpotVMStructEntryFieldNameOffset"}};
	struct ww_dynsym rest[] = {{.name = "gHotSpotVMStructEntryIsStaticOffset"},
				   {.name = "gHotSpotVMStructEntryOffsetOffset"},
				   {.name = "gHotSpotVMStructEntryAddressOffset"}};
	uint64_t *const numbers[] = {&table->at,	&table->stride, &table->type,	&table->field,
				     &table->is_static, &table->offset, &table->address};
	int err = ww_dynsym__find(pid, files, where, sizeof(where) / sizeof(where[0]));

	if (!err)
		err = ww_dynsym__find(pid, files, rest, sizeof(rest) / sizeof(rest[0]));
	for (size_t i = 0; !err && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!read_number(pid, i < 4 ? where[i].address : rest[i - 4].address, numbers[i]))
			err = -ESRCH;
	if (!err && (table->stride < 8 || table->stride > STRIDE_MOST || table->type > table->stride - 8 ||
		     table->field > table->stride - 8 || table->is_static > table->stride - 4 ||
		     table->offset > table->stride - 8 || table->address > table->stride - 8))
		err = -ENOENT;
	return err;
}

static uint64_t number_at(const uint8_t *data, uint64_t at)
{
	uint64_t number;

	memcpy(&number, data + at, sizeof(number));
	return number;
}

/* A name of the table; false: there is none, it is longer than those that are looked for, or can't be read. */
static bool read_name(pid_t pid, uint64_t address, char name[NAME_SIZE])
{
	return address && ww_heaps__read(pid, address, name, NAME_SIZE) && memchr(name, 0, NAME_SIZE);
}

static void note_entry(pid_t pid, const struct table *table, const uint8_t *entry, uint64_t values[FIELD_COUNT],
		       unsigned *found)
{
	char type[NAME_SIZE], name[NAME_SIZE];
	uint32_t is_static;

	if (!read_name(pid, number_at(entry, table->type), type))
		return;
	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		if (strcmp(type, fields[i].structure) != 0 || !read_name(pid, number_at(entry, table->field), name) ||
		    strcmp(name, fields[i].member) != 0)
			continue;
		memcpy(&is_static, entry + table->is_static, sizeof(is_static));
		if ((is_static != 0) != fields[i].is_static)
			continue;
		values[i] = number_at(entry, is_static ? table->address : table->offset);
		if (is_static || values[i] < OFFSET_MOST)
			*found |= 1u << i;
	}
}

int ww_jvm_heap__find(pid_t pid, struct ww_jvm_heap *heap)
{
	const unsigned all = (1u << FIELD_COUNT) - 1;
	uint64_t values[FIELD_COUNT];
	uint8_t entry[STRIDE_MOST];
	struct table table = {0};
	unsigned found = 0;
	int err = find_table(pid, &table);

	if (err)
		return err;
	for (uint64_t i = 0; found != all && i < ENTRIES_MOST; i++) {
		/* The last one has no names. */
		if (!ww_heaps__read(pid, table.at + i * table.stride, entry, table.stride) ||
		    !number_at(entry, table.type))
			break;
		note_entry(pid, &table, entry, values, &found);
	}
	if (found != all)
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
