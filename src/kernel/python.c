/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/python.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/dynsym.h"
#include "kernel/python_dicts.h"
#include "util/mappings.h"

#define VERSION_MINOR(hex) ((hex) >> 16 & 0xff) /* of PY_VERSION_HEX: 0xMMmmpp.. */
#define VERSION_MAJOR(hex) ((hex) >> 24)
#define HOLDER_11	   0x170 /* 3.11's _PyRuntimeState.ceval.gil.last_holder */
#define LOCK_12		   384	 /* 3.12's PyInterpreterState.ceval.gil */
#define HOLDER_12	   8	 /* and struct _gil_runtime_state.last_holder */

/*
 * Offsets by minor version of CPython 3, on 64-bit machines; read off their headers. Which Task of asyncio runs is
 * followed where it was tried.
 */
static const struct ww_python_layout layouts[] = {
	{.minor = 8, .interpreters = 32, .threads = 8, .next = 8, .id = 176, .current_frame = 24},
	{.minor = 9, .interpreters = 32, .threads = 8, .next = 8, .id = 176, .current_frame = 24},
	{.minor = 10, .interpreters = 32, .threads = 8, .next = 8, .id = 176, .current_frame = 24},
	{.minor = 11,
	 .interpreters = 40,
	 .threads = 16,
	 .next = 8,
	 .id = 160,
	 .context = 224,
	 .cframe = 56,
	 .current_frame = 8},
	{.minor = 12,
	 .interpreters = 40,
	 .threads = 72,
	 .next = 8,
	 .id = 144,
	 .context = 208,
	 .cframe = 56,
	 .current_frame = 0},
	{.minor = 13, .interpreters = 632, .threads = 7344, .next = 8, .id = 160, .context = 208, .current_frame = 72},
	{.minor = 14, .interpreters = 808, .threads = 7344, .next = 8, .id = 160, .context = 208, .current_frame = 72},
};

/* Before 3.11 it does not say its version: the newest function that it has tells. */
static int find_older(pid_t pid, const char *const *files, struct ww_dynsym *runtime, uint32_t *minor)
{
	static const struct {
		const char *function;
		uint32_t minor;
	} news[] = {{"PyIter_Send", 10}, {"PyFrame_GetCode", 9}, {"PyVectorcall_Call", 8}};

	for (size_t i = 0; i < sizeof(news) / sizeof(news[0]); i++) {
		struct ww_dynsym symbols[] = {*runtime, {.name = news[i].function}};
		int err = ww_dynsym__find(pid, files, symbols, 2);

		if (err == -ENOENT)
			continue;
		*runtime = symbols[0];
		*minor = news[i].minor;
		return err;
	}
	return -ENOENT;
}

/* Words of _Py_DebugOffsets, which _PyRuntime begins with from 3.13 on: what of its interpreter_state, thread_state and
 * interpreter_frame is looked at. */
struct said_at {
	uint32_t minor;
	size_t threads_head, holder;		   /* interpreters' */
	size_t next, current_frame, native_id;	   /* threads' */
	size_t previous, executable, instr, owner; /* frames' */
	uint64_t owner_is;
};

#define SAID_FREE_THREADED 2 /* behind the cookie and the version */
#define SAID_INTERPRETERS  5
#define SAID_WORDS	   37

static const struct said_at says[] = {
	{.minor = 13,
	 .threads_head = 9,
	 .holder = 18,
	 .next = 21,
	 .current_frame = 23,
	 .native_id = 25,
	 .previous = 29,
	 .executable = 30,
	 .instr = 31,
	 .owner = 33,
	 .owner_is = 70},
	{.minor = 14,
	 .threads_head = 9,
	 .holder = 19,
	 .next = 24,
	 .current_frame = 26,
	 .native_id = 28,
	 .previous = 32,
	 .executable = 33,
	 .instr = 34,
	 .owner = 36,
	 .owner_is = 74},
};

/* By what it says itself a build with another layout is known. */
static int check_offsets(pid_t pid, const struct said_at *at, struct ww_python_layout *layout)
{
	uint64_t interpreter, said[SAID_WORDS];
	int err = ww_python_read(pid, layout->runtime, said, sizeof(said));

	if (err)
		return err;
	bool same = !memcmp(said, "xdebugpy", sizeof(said[0])) && !said[SAID_FREE_THREADED] &&
		    said[SAID_INTERPRETERS] == layout->interpreters && said[at->threads_head] == layout->threads &&
		    said[at->next] == layout->next && said[at->current_frame] == layout->current_frame &&
		    said[at->native_id] == layout->id && said[at->previous] == 8 && said[at->executable] == 0 &&
		    said[at->instr] == 56 && said[at->owner] == at->owner_is;
	if (!same)
		return -ENOENT;
	err = ww_python_read(pid, layout->runtime + layout->interpreters, &interpreter, sizeof(interpreter));
	if (!err)
		layout->holder = interpreter + said[at->holder];
	return err;
}

/* 3.12 has its lock's state in a structure of its own, and says nothing of its layout. */
static int find_holder(pid_t pid, struct ww_python_layout *layout)
{
	uint64_t interpreter, lock;
	int err = ww_python_read(pid, layout->runtime + layout->interpreters, &interpreter, sizeof(interpreter));

	if (!err)
		err = ww_python_read(pid, interpreter + LOCK_12, &lock, sizeof(lock));
	if (!err)
		layout->holder = lock + HOLDER_12;
	return err;
}

/* Who has the interpreter's lock; and, from 3.13 on, that the layout is the one in the table. */
static int complete(pid_t pid, struct ww_python_layout *layout)
{
	if (layout->minor == 11)
		layout->holder = layout->runtime + HOLDER_11;
	if (layout->minor == 12)
		return find_holder(pid, layout);
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		if (says[i].minor == layout->minor)
			return check_offsets(pid, &says[i], layout);
	}
	return 0;
}

/* A module that is imported before the process serves: by its directory, as its file is named for the interpreter. */
static bool has_uvloop(pid_t pid)
{
	struct ww_mappings mappings;
	bool found = false;

	if (ww_mappings__open(&mappings, pid))
		return false;
	while (!found && ww_mappings__next(&mappings))
		found = strstr(mappings.path, "/uvloop/loop.");
	ww_mappings__close(&mappings);
	return found;
}

int ww_python__find(pid_t pid, struct ww_python_layout *layout)
{
	/* The interpreter or its library. */
	static const char *const files[] = {"python3", NULL};
	struct ww_dynsym symbols[] = {{.name = "_PyRuntime"}, {.name = "Py_Version"}};
	uint32_t version = 0, minor;
	int err = ww_dynsym__find(pid, files, symbols, 2);

	if (err == -ENOENT) {
		err = find_older(pid, files, &symbols[0], &minor);
	} else if (!err) {
		err = ww_python_read(pid, symbols[1].address, &version, sizeof(version));
		minor = VERSION_MINOR(version);
		if (!err && VERSION_MAJOR(version) != 3)
			err = -ENOENT;
	}
	if (err)
		return err;
	/* Of another version, or build, it is known at least that nothing is. */
	struct ww_python_layout found = {.minor = minor};
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].minor != minor)
			continue;
		found = layouts[i];
		found.runtime = symbols[0].address;
		err = complete(pid, &found);
		if (err == -ENOENT)
			found = (struct ww_python_layout){.minor = minor};
		else if (err)
			return err;
	}
	found.uvloop = has_uvloop(pid) ? WW_UVLOOP_MAPPED : WW_UVLOOP_NONE;
	*layout = found;
	return 0;
}
