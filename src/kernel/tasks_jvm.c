/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/tasks_jvm.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "kernel/heaps_parts.h"
#include "kernel/jvm_table.h"

enum {
	FIELD_HEAP,
	FIELD_RESERVED,
	FIELD_COLLECTIONS,
	FIELD_THREAD_CLASS,
	FIELD_OSTHREAD_ID,
	FIELD_THREAD_OBJECT,
	FIELD_STACK,
	FIELD_TLAB,
	FIELD_TLAB_START,
	FIELD_TLAB_TOP,
	FIELD_TLAB_END,
	FIELD_NAME,
	FIELD_SYMBOL_LEN,
	FIELD_SUPERS,
	FIELD_ARRAY_LEN,
	/* One of each two: */
	FIELD_OSTHREAD,
	FIELD_OSTHREAD_OLD,
	FIELD_SYMBOL,
	FIELD_SYMBOL_OLD,
	FIELD_CLASSES,
	FIELD_CLASSES_OLD,
	FIELD_SHIFT,
	FIELD_SHIFT_OLD,
	FIELD_ARRAY,
	FIELD_ARRAY_OLD,
	FIELD_COUNT
};

static const struct ww_jvm_field fields[] = {
	[FIELD_HEAP] = {"Universe", "_collectedHeap", true},
	[FIELD_RESERVED] = {"CollectedHeap", "_reserved", false},
	[FIELD_COLLECTIONS] = {"CollectedHeap", "_total_collections", false},
	[FIELD_THREAD_CLASS] = {"vmClasses", "_klasses[static_cast<int>(vmClassID::Thread_klass_knum)]", true},
	[FIELD_OSTHREAD_ID] = {"OSThread", "_thread_id", false},
	[FIELD_THREAD_OBJECT] = {"JavaThread", "_threadObj", false},
	[FIELD_STACK] = {"JavaThread", "_stack_base", false},
	[FIELD_TLAB] = {"Thread", "_tlab", false},
	[FIELD_TLAB_START] = {"ThreadLocalAllocBuffer", "_start", false},
	[FIELD_TLAB_TOP] = {"ThreadLocalAllocBuffer", "_top", false},
	[FIELD_TLAB_END] = {"ThreadLocalAllocBuffer", "_end", false},
	[FIELD_NAME] = {"Klass", "_name", false},
	[FIELD_SYMBOL_LEN] = {"Symbol", "_length", false},
	[FIELD_SUPERS] = {"Klass", "_secondary_supers", false},
	[FIELD_ARRAY_LEN] = {"Array<Klass*>", "_length", false},
	[FIELD_OSTHREAD] = {"Thread", "_osthread", false},
	[FIELD_OSTHREAD_OLD] = {"JavaThread", "_osthread", false},
	[FIELD_SYMBOL] = {"Symbol", "_body[0]", false},
	[FIELD_SYMBOL_OLD] = {"Symbol", "_body", false},
	[FIELD_CLASSES] = {"CompressedKlassPointers", "_base", true},
	[FIELD_CLASSES_OLD] = {"CompressedKlassPointers", "_narrow_klass._base", true},
	[FIELD_SHIFT] = {"CompressedKlassPointers", "_shift", true},
	[FIELD_SHIFT_OLD] = {"CompressedKlassPointers", "_narrow_klass._shift", true},
	[FIELD_ARRAY] = {"Array<Klass*>", "_data[0]", false},
	[FIELD_ARRAY_OLD] = {"Array<Klass*>", "_data", false},
};

static bool read_word(pid_t pid, uint64_t address, uint64_t *word)
{
	return ww_heaps__read(pid, address, word, sizeof(*word));
}

/* The only interface that java.lang.Thread has, directly or not. */
static int find_runnable(pid_t pid, const uint64_t *at, struct ww_tasks_layout *layout)
{
	uint64_t class, supers;
	uint32_t len;

	if (!read_word(pid, at[FIELD_THREAD_CLASS], &class) || !read_word(pid, class + at[FIELD_SUPERS], &supers) ||
	    !ww_heaps__read(pid, supers + at[FIELD_ARRAY_LEN], &len, sizeof(len)))
		return -ESRCH;
	if (len != 1)
		return -ENOENT;
	return read_word(pid, supers + layout->supers_data, &layout->runnable) ? 0 : -ESRCH;
}

int ww_tasks_jvm__find(pid_t pid, struct ww_tasks_layout *layout)
{
	const uint64_t needed = (1u << FIELD_OSTHREAD) - 1;
	struct ww_tasks_layout is = {0};
	uint64_t at[FIELD_COUNT], found = 0, heap, reserved[2];
	int err = ww_jvm_table__find(pid, fields, FIELD_COUNT, at, &found);

	if (err)
		return err;
	if ((found & needed) != needed)
		return -ENOENT;
	for (unsigned i = FIELD_OSTHREAD; i < FIELD_COUNT; i += 2) {
		if (!(found & 3u << i))
			return -ENOENT;
		if (!(found & 1u << i))
			at[i] = at[i + 1];
	}
	if (at[FIELD_ARRAY_LEN] || at[FIELD_TLAB_TOP] != at[FIELD_TLAB_START] + sizeof(uint64_t))
		return -ENOENT;
	if (!read_word(pid, at[FIELD_HEAP], &heap) ||
	    !ww_heaps__read(pid, heap + at[FIELD_RESERVED], reserved, sizeof(reserved)) ||
	    !read_word(pid, at[FIELD_CLASSES], &is.classes) ||
	    !ww_heaps__read(pid, at[FIELD_SHIFT], &is.shift, sizeof(is.shift)))
		return -ESRCH;
	is.heap = reserved[0];
	is.heap_len = reserved[1] * sizeof(uint64_t);
	is.collections = heap + at[FIELD_COLLECTIONS];
	is.osthread = (uint32_t)at[FIELD_OSTHREAD];
	is.thread_id = (uint32_t)at[FIELD_OSTHREAD_ID];
	is.object = (uint32_t)at[FIELD_THREAD_OBJECT];
	is.stack = (uint32_t)at[FIELD_STACK];
	is.tlab = (uint32_t)(at[FIELD_TLAB] + at[FIELD_TLAB_START]);
	is.tlab_end = (uint32_t)(at[FIELD_TLAB] + at[FIELD_TLAB_END]);
	is.name = (uint32_t)at[FIELD_NAME];
	is.name_len = (uint32_t)at[FIELD_SYMBOL_LEN];
	is.name_body = (uint32_t)at[FIELD_SYMBOL];
	is.supers = (uint32_t)at[FIELD_SUPERS];
	is.supers_data = (uint32_t)at[FIELD_ARRAY];
	/* ZGC's objects are seen at several addresses; it tells of no heap. */
	if (!is.heap_len || is.shift > 16)
		return -ENOENT;
	err = find_runnable(pid, at, &is);
	if (!err)
		memcpy(layout, &is, offsetof(struct ww_tasks_layout, slots_len));
	return err;
}
