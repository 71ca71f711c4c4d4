/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a process has mapped of code, for libdwfl: opened through /proc, so that it is found in its own root, and also
 * when it was deleted or replaced since. Nothing is asked of the process itself.
 */
#ifndef WHYWAIT_MODULES_H
#define WHYWAIT_MODULES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ww_modules {
	pid_t pid;
	Dwfl *dwfl;
	uint64_t maps_hash; /* of what was mapped when they were read */
	bool empty;	    /* none of them is an ELF file */
};

/* Reads them; a negative errno when the process can't be read. The content is freed with ww_modules__close(). */
int ww_modules__open(struct ww_modules *modules, pid_t pid);

/* Whether the process has mapped other code since, or is gone: -ESRCH. */
int ww_modules__changed(const struct ww_modules *modules);

/* NULL-safe; frees the content. */
void ww_modules__close(struct ww_modules *modules);

#endif
