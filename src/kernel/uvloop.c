/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/uvloop.h"

#include <errno.h>
#include <string.h>

#include "kernel/python_dicts.h"

#define THREADS_MAX 1024 /* looked at */

/* Offsets in CPython 3.11's structures. */
#define MINOR	    11
#define MODULES	    888 /* PyInterpreterState.modules */
#define THREAD_DICT 128 /* PyThreadState.dict */
#define HOLDER_LOOP 16	/* PyRunningLoopHolder.rl_loop, of _asyncio */
#define CACHED_KEYS 872 /* PyHeapTypeObject.ht_cached_keys */

/* Words of uvloop's Loop among which the address of its uv_loop_t is, whose first one is the Loop's address in turn. */
#define LOOP_FIRST 2
#define LOOP_WORDS 8

/* The loop that a thread runs; 0: none. */
static uint64_t running_loop(pid_t pid, uint64_t thread)
{
	uint64_t dict, holder, loop;

	if (ww_python_read(pid, thread + THREAD_DICT, &dict, sizeof(dict)) ||
	    ww_python_dict__find(pid, dict, "__asyncio_running_event_loop__", &holder) ||
	    ww_python_read(pid, holder + HOLDER_LOOP, &loop, sizeof(loop)))
		return 0;
	return loop;
}

/* The uv_loop_t of a Loop; 0: it is another kind of loop. */
static uint64_t uv_of(pid_t pid, uint64_t loop)
{
	uint64_t words[LOOP_WORDS], back;

	if (ww_python_read(pid, loop, words, sizeof(words)))
		return 0;
	for (size_t i = LOOP_FIRST; i < LOOP_WORDS; i++)
		if (words[i] && !(words[i] & 7) && !ww_python_read(pid, words[i], &back, sizeof(back)) && back == loop)
			return words[i];
	return 0;
}

/* The only one that a thread of the interpreter runs. */
static int find_loop(pid_t pid, const struct ww_python_layout *python, uint64_t interpreter,
		     struct ww_uvloop_layout *layout)
{
	uint64_t thread;
	int err = ww_python_read(pid, interpreter + python->threads, &thread, sizeof(thread));

	for (size_t i = 0; !err && thread && i < THREADS_MAX; i++) {
		uint64_t loop = running_loop(pid, thread), uv = loop ? uv_of(pid, loop) : 0;

		if (uv && layout->loop)
			return -ENOENT;
		if (uv) {
			layout->object = loop;
			layout->loop = uv;
			layout->thread = thread;
		}
		err = ww_python_read(pid, thread + python->next, &thread, sizeof(thread));
	}
	return err ? err : layout->loop ? 0 : -ENOENT;
}

/* What answers a request under uvicorn says when it has: by one of its attributes. */
static void find_cycles(pid_t pid, uint64_t modules, struct ww_uvloop_layout *layout)
{
	static const char *const names[WW_UVLOOP_CYCLES] = {"uvicorn.protocols.http.httptools_impl",
							    "uvicorn.protocols.http.h11_impl"};

	for (size_t i = 0; i < WW_UVLOOP_CYCLES; i++) {
		uint64_t type, keys;
		uint32_t index;

		if (ww_python_module__find(pid, modules, names[i], "RequestResponseCycle", &type) ||
		    ww_python_read(pid, type + CACHED_KEYS, &keys, sizeof(keys)) ||
		    ww_python_keys__find(pid, keys, "response_complete", &index, NULL))
			continue;
		layout->cycles[i] = type;
		layout->complete[i] = index;
	}
}

static int find(pid_t pid, const struct ww_python_layout *python, struct ww_uvloop_layout *layout)
{
	struct ww_uvloop_layout found = {0};
	const struct {
		const char *module, *name;
		uint64_t *to;
	} objects[] = {
		{"_asyncio", "_current_tasks", &found.tasks},
		{"_asyncio", "Future", &found.future},
		{"asyncio.streams", "StreamReader", &found.reader},
		{"asyncio.locks", "Event", &found.event},
		{"_collections", "deque", &found.deque},
		{"_weakref", "ref", &found.reference},
	};
	uint64_t interpreter, modules;

	int err = ww_python_read(pid, python->runtime + python->interpreters, &interpreter, sizeof(interpreter));
	if (!err)
		err = ww_python_read(pid, interpreter + MODULES, &modules, sizeof(modules));
	for (size_t i = 0; !err && i < sizeof(objects) / sizeof(objects[0]); i++)
		err = ww_python_module__find(pid, modules, objects[i].module, objects[i].name, objects[i].to);
	if (!err)
		err = find_loop(pid, python, interpreter, &found);
	if (err)
		return err;
	find_cycles(pid, modules, &found);
	*layout = found;
	return 0;
}

int ww_uvloop__find(pid_t pid, const struct ww_python_layout *python, struct ww_uvloop_layout *layout)
{
	if (python->minor != MINOR)
		return -ENOENT;
	/* The process goes on meanwhile: what moves just now is not found. */
	return find(pid, python, layout) ? find(pid, python, layout) : 0;
}
