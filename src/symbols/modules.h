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

#define WW_CODES 256 /* mappings of code that are known of a process */

struct ww_modules {
	pid_t pid;
	Dwfl *dwfl;
	uint64_t maps_hash; /* of what was mapped when they were read */
	bool empty;	    /* none of them is an ELF file */
	/* Mappings of code, as of the last look at them: a module's; made by the program; of its own file once more. */
	struct ww_code {
		uint64_t start, end, offset;
		uint64_t file; /* a hash of its path; 0: made */
		bool again;
	} codes[WW_CODES];
	unsigned codes_len;
};

enum ww_code_is {
	WW_CODE_NONE, /* no code is known to be there, */
	WW_CODE_FILE, /* or it is a file's, */
	WW_CODE_MADE, /* or was made by the program (JIT) */
};

/* Reads them; a negative errno when the process can't be read. The content is freed with ww_modules__close(). */
int ww_modules__open(struct ww_modules *modules, pid_t pid);

/* Whether the process has mapped other files of code since, or is gone: -ESRCH. Looks at what it has made, too. */
int ww_modules__changed(struct ww_modules *modules);

/*
 * What is at an address. *original: the address of the same code in the file's module; what a program maps of its own
 * file once more (Node its built-ins) is no module.
 */
enum ww_code_is ww_modules__at(const struct ww_modules *modules, uint64_t address, uint64_t *original);

/* NULL-safe; frees the content. */
void ww_modules__close(struct ww_modules *modules);

#endif
