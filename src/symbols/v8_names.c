/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/v8_names.h"

#include <stdlib.h>
#include <string.h>

#include "symbols/v8_code.h"
#include "util/hash.h"

#define NAMES	  2048 /* a power of two */
#define NAME_MOST WW_IMAGE_NAME

struct ww_v8_names {
	struct ww_v8_layout layout;
	pid_t pid;
	struct named {
		struct ww_v8_function function;
		char *name; /* NULL: nothing here */
	} named[NAMES];
	char name[NAME_MOST];
};

struct ww_v8_names *ww_v8_names__new(const struct ww_modules *modules)
{
	struct ww_v8_layout layout;
	bool found = false;

	for (unsigned i = 0; i < modules->len && !found; i++) {
		Elf *elf = ww_image__elf(modules->modules[i].image);

		found = elf && !ww_v8_layout__read(&layout, modules->pid, elf, modules->modules[i].bias);
		elf_end(elf);
	}
	struct ww_v8_names *new = found ? calloc(1, sizeof(*new)) : NULL;
	if (new) {
		new->layout = layout;
		new->pid = modules->pid;
	}
	return new;
}

void ww_v8_names__free(struct ww_v8_names *names)
{
	for (size_t i = 0; names && i < NAMES; i++)
		free(names->named[i].name);
	free(names);
}

int ww_v8_names__kind_at(const struct ww_v8_names *names)
{
	return names->layout.frame_context;
}

int ww_v8_names__function_at(const struct ww_v8_names *names)
{
	return names->layout.frame_function;
}

const char *ww_v8_names__find(struct ww_v8_names *names, uint64_t kind, uint64_t function)
{
	struct ww_v8_function code;

	/* In place of a context the others have a number, as a Smi of theirs. */
	if (!(kind & 1) || ww_v8_code__find(&names->layout, names->pid, function, &code))
		return NULL;
	struct named *named = &names->named[ww_hash_mix(code.shared) & (NAMES - 1)];
	if (named->name && !memcmp(&named->function, &code, sizeof(code)))
		return named->name;
	if (ww_v8_code__name(&names->layout, names->pid, &code, names->name, sizeof(names->name)))
		return NULL;
	free(named->name);
	named->name = strdup(names->name);
	named->function = code;
	return names->name;
}
