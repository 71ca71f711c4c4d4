/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/interpreter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/uio.h>

#include "kernel/dynsym.h"
#include "whywait/abi.h"

#define RACTOR_BYTES 1024 /* of struct rb_ractor_struct; its threads' scheduling is in the first half */

static bool user_read(pid_t pid, uint64_t address, void *to, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)(uintptr_t)address, len};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

static int find_python(pid_t pid, struct ww_interpreter_layout *layout)
{
	static const char *const files[] = {"python3", NULL};
	struct ww_dynsym runtime = {.name = "_PyRuntime"};
	int err = ww_dynsym__find(pid, files, &runtime, 1);

	if (err)
		return err;
	*layout = (struct ww_interpreter_layout){
		.from = runtime.address, .to = runtime.address + runtime.size, .name = WW_NAME_GIL};
	return 0;
}

static int find_ruby(pid_t pid, struct ww_interpreter_layout *layout)
{
	static const char *const files[] = {"ruby", NULL};
	struct ww_dynsym symbols[] = {{.name = "ruby_single_main_ractor"}, {.name = "ruby_version"}};
	unsigned major, minor;
	char version[8] = "";
	uint64_t ractor;
	int err = ww_dynsym__find(pid, files, symbols, 2);

	if (err)
		return err;
	if (!user_read(pid, symbols[0].address, &ractor, sizeof(ractor)) ||
	    !user_read(pid, symbols[1].address, version, sizeof(version) - 1))
		return -EACCES;
	if (!ractor || sscanf(version, "%u.%u", &major, &minor) != 2 || major != 3 || minor > 2)
		return -ENOENT;
	*layout = (struct ww_interpreter_layout){
		.from = ractor, .to = ractor + RACTOR_BYTES, .name = WW_NAME_GVL, .by_mutex = 1};
	return 0;
}

int ww_interpreter__find(pid_t pid, struct ww_interpreter_layout *layout)
{
	return find_python(pid, layout) ? find_ruby(pid, layout) : 0;
}
