/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A V8's heap, of any words, in this process's own memory: pointers in it lead to somewhere in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/v8_code.h"

/* As Node 20 has it. */
static const struct ww_v8_layout layout = {
	.smi_shift = 31,
	.type = 12,
	.function_shared = 24,
	.shared_name = 16,
	.shared_script = 32,
	.script_name = 16,
	.script_source = 8,
	.string_length = 12,
	.string_narrow = 16,
	.string_wide = 16,
	.string_first = 16,
	.string_second = 24,
	.string_parent = 16,
	.string_offset = 24,
	.string_actual = 16,
	.string_resource = 16,
	.strings_end = 128,
	.is_how = 7,
	.is_encoded = 8,
	.is_narrow = 8,
	.is_cons = 1,
	.is_external = 2,
	.is_sliced = 3,
	.is_thin = 5,
	.shared_type = 262,
	.script_type = 167,
	.scope_type = 261,
	.scope_locals = 2,
	.scope_rest = 3,
};

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
	if (!ww_v8_code__find(&layout, getpid(), (uint64_t)(uintptr_t)heap | 1, &function) &&
	    !ww_v8_code__name(&layout, getpid(), &function, name, sizeof(name)) && !strchr(name, '('))
		abort();
	free(heap);
	return 0;
}
