/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/python.h"

#include <errno.h>
#include <sys/uio.h>

#include "kernel/dynsym.h"

#define VERSION_MINOR(hex) ((hex) >> 16 & 0xff) /* of PY_VERSION_HEX: 0xMMmmpp.. */
#define VERSION_MAJOR(hex) ((hex) >> 24)

/* Offsets by minor version of CPython 3, on 64-bit machines; read off a build's debug information. */
static const struct {
	unsigned minor;
	struct ww_python_layout layout;
} layouts[] = {
	{11,
	 {.interpreters = 40,
	  .threads = 16,
	  .next = 8,
	  .native_id = 160,
	  .context = 224,
	  .cframe = 56,
	  .current_frame = 8,
	  .minor = 11}},
};

int ww_python__find(pid_t pid, struct ww_python_layout *layout)
{
	/* The interpreter or its library. */
	static const char *const files[] = {"python3", NULL};
	struct ww_dynsym symbols[] = {{.name = "_PyRuntime"}, {.name = "Py_Version"}};
	uint32_t version = 0;
	int err = ww_dynsym__find(pid, files, symbols, 2);
	if (err)
		return err;
	struct iovec here = {&version, sizeof(version)};
	struct iovec there = {(void *)(uintptr_t)symbols[1].address, sizeof(version)};
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(version))
		return -errno;
	if (VERSION_MAJOR(version) != 3)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].minor == VERSION_MINOR(version)) {
			*layout = layouts[i].layout;
			layout->runtime = symbols[0].address;
			return 0;
		}
	}
	return -ENOENT;
}
