/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A V8's heap, of any words, in this process's own memory: pointers in it lead to somewhere in it. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/v8_node_20.h"
#include "symbols/v8_code.h"
#include "util/utf8.h"

/* "function (file)", in UTF-8. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len;) {
		size_t character = ww_utf8__len((const unsigned char *)name + i, len - i);

		if (!character)
			return false;
		i += character;
	}
	return strchr(name, '(') && len && name[len - 1] == ')';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t words = size / sizeof(uint64_t);
	uint64_t *heap = calloc(words + 1, sizeof(*heap));
	struct ww_v8_function function;
	char name[512];

	if (!heap)
		return 0;
	memcpy(heap, data, words * sizeof(*heap));
	for (size_t i = 0; i < words; i++)
		if ((heap[i] & 3) == 1)
			heap[i] = (uint64_t)(uintptr_t)&heap[(heap[i] >> 3) % words] | 1;
	struct ww_v8_heap of = {.layout = layout_20, .pid = getpid()};
	const struct ww_v8_frame frame = {words > 4 ? heap[4] : 0, (uint64_t)(uintptr_t)heap | 1};
	/* As Node 24 has it, and 16. */
	if (words & 1)
		of.layout.scope_rest = 5;
	if (words & 2)
		of.layout.script_source = WW_V8_NOT_TOLD;
	if (!ww_v8_code__find(&of, &frame, &function)) {
		int err = ww_v8_code__name(&of, &function, name, sizeof(name));

		if ((!err || err == -EAGAIN) && !is_name(name))
			abort();
	}
	free(heap);
	return 0;
}
