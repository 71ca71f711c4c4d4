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
	{.minor = 12, .interpreters = 40, .threads = 72, .next = 8, .id = 144, .cframe = 56, .current_frame = 0},
	{.minor = 13, .interpreters = 632, .threads = 7344, .next = 8, .id = 160, .context = 208, .current_frame = 72},
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

/* From 3.13 on it says where some of that is (_Py_DebugOffsets): a build with another layout is known by it. */
static int check_offsets(pid_t pid, struct ww_python_layout *layout)
{
	uint64_t interpreter;
	struct {
		char cookie[8];
		uint64_t version, free_threaded;
		uint64_t runtime[3];	  /* size, finalizing, interpreters_head */
		uint64_t interpreter[13]; /* size, id, next, threads_head, .., _gil.last_holder */
		uint64_t thread[9];	  /* size, prev, next, interp, current_frame, thread_id, native_thread_id, .. */
		uint64_t frame[6];	  /* size, previous, executable, instr_ptr, localsplus, owner */
	} said;
	int err = ww_python_read(pid, layout->runtime, &said, sizeof(said));

	if (err)
		return err;
	bool same = !memcmp(said.cookie, "xdebugpy", sizeof(said.cookie)) && !said.free_threaded &&
		    said.runtime[2] == layout->interpreters && said.interpreter[3] == layout->threads &&
		    said.thread[2] == layout->next && said.thread[4] == layout->current_frame &&
		    said.thread[6] == layout->id && said.frame[1] == 8 && said.frame[2] == 0 && said.frame[3] == 56 &&
		    said.frame[5] == 70;
	if (!same)
		return -ENOENT;
	err = ww_python_read(pid, layout->runtime + layout->interpreters, &interpreter, sizeof(interpreter));
	if (!err)
		layout->holder = interpreter + said.interpreter[12];
	return err;
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
		if (minor == 11)
			found.holder = found.runtime + HOLDER_11;
		err = minor < 13 ? 0 : check_offsets(pid, &found);
		if (err == -ENOENT)
			found = (struct ww_python_layout){.minor = minor};
		else if (err)
			return err;
	}
	found.uvloop = has_uvloop(pid) ? WW_UVLOOP_MAPPED : WW_UVLOOP_NONE;
	*layout = found;
	return 0;
}
