/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/v8_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define NAMES	  2048 /* a power of two */
#define WAYS	  4    /* places that a function may have */
#define NAME_MOST WW_IMAGE_NAME
#define CHECK_NS  10000000000ull /* the memory of one that is gone may have become another one's */

struct ww_v8_names {
	struct ww_v8_heap heap;
	struct named {
		struct ww_v8_function function;
		uint64_t read_ns, used_ns;
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
	if (new)
		new->heap = (struct ww_v8_heap){.layout = layout, .pid = modules->pid};
	return new;
}

void ww_v8_names__free(struct ww_v8_names *names)
{
	for (size_t i = 0; names && i < NAMES; i++)
		free(names->named[i].name);
	free(names);
}

int ww_v8_names__context_at(const struct ww_v8_names *names)
{
	return names->heap.layout.frame_context;
}

int ww_v8_names__function_at(const struct ww_v8_names *names)
{
	return names->heap.layout.frame_function;
}

/* The function's place, or the one that it may have: free, or that of what was not seen for longest. */
static struct named *place_of(struct ww_v8_names *names, const struct ww_v8_function *function)
{
	struct named *first = &names->named[ww_hash_mix(function->shared) & (NAMES - 1) & ~(WAYS - 1u)],
		     *oldest = first;

	for (struct named *named = first; named < first + WAYS; named++) {
		if (named->name && !memcmp(&named->function, function, sizeof(*function)))
			return named;
		if (named->used_ns < oldest->used_ns)
			oldest = named;
	}
	return oldest;
}

const char *ww_v8_names__find(struct ww_v8_names *names, const struct ww_v8_frame *frame, uint64_t now)
{
	struct ww_v8_function code;

	/* In place of a context the others have a number, as a Smi of theirs. */
	if (!(frame->context & 1) || ww_v8_code__find(&names->heap, frame, &code))
		return NULL;
	struct named *named = place_of(names, &code);
	named->used_ns = now;
	if (named->name && !memcmp(&named->function, &code, sizeof(code)) && now - named->read_ns < CHECK_NS)
		return named->name;
	int err = ww_v8_code__name(&names->heap, &code, names->name, sizeof(names->name));
	if (err && err != -EAGAIN)
		return NULL;
	free(named->name);
	named->name = err ? NULL : strdup(names->name);
	named->function = code;
	named->read_ns = now;
	return names->name;
}
