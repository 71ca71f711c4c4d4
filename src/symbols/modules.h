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

#include "symbols/images.h"

#define WW_CODES	256 /* mappings of code that are known of a process */
#define WW_MODULES_MOST 512 /* its files */

struct ww_modules {
	pid_t pid;
	Dwfl *dwfl; /* to unwind by */
	struct ww_images *images;
	uint64_t maps_hash; /* of what was mapped when they were read */
	/* Files of code, by their addresses. */
	struct ww_module {
		uint64_t start, end; /* where they are, */
		uint64_t bias;	     /* and how far that is from where the file would be */
		struct ww_image *image;
		uint64_t serial; /* of the image */
	} * modules;
	unsigned len;
	bool crowded; /* there was no room for all of its files */
	/* Mappings of code, as of the last look at them: a module's; made by the program; of its own file once more. */
	struct ww_code {
		uint64_t start, end, offset;
		uint64_t file; /* a hash of its path; 0: made */
		bool again;
		char name[40]; /* of the file */
	} codes[WW_CODES];
	unsigned codes_len;
};

enum ww_code_is {
	WW_CODE_NONE, /* no code is known to be there, */
	WW_CODE_FILE, /* or it is a file's, */
	WW_CODE_MADE, /* or was made by the program (JIT) */
};

/*
 * Reads them; a negative errno when the process can't be read. The content is freed with ww_modules__close(), and
 * `images` has to outlive it.
 */
int ww_modules__open(struct ww_modules *modules, struct ww_images *images, pid_t pid);

/* Whether the process has mapped other files of code since, or is gone: -ESRCH. Looks at what it has made, too. */
int ww_modules__changed(struct ww_modules *modules);

/* The file that is mapped there; NULL: none that could be read. */
const struct ww_module *ww_modules__find(const struct ww_modules *modules, uint64_t address);

/*
 * What is at an address where no module is. *original: the address of the same code in the file's module; what a
 * program maps of its own file once more (Node its built-ins) is no module. *code: the mapping, NULL where there is
 * none.
 */
enum ww_code_is ww_modules__at(const struct ww_modules *modules, uint64_t address, uint64_t *original,
			       const struct ww_code **code);

/* NULL-safe; frees the content. */
void ww_modules__close(struct ww_modules *modules);

#endif
