/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where V8 has what, for heaps that tests make up. */
#ifndef WHYWAIT_V8_NODE_20_H
#define WHYWAIT_V8_NODE_20_H

#include "symbols/v8_layout.h"

/* As Node 20 has it. */
static const struct ww_v8_layout layout_20 = {
	.frame_context = -8,
	.frame_function = -16,
	.smi_shift = 31,
	.map = 0,
	.type = 12,
	.function_shared = 24,
	.function_context = 32,
	.elements = 16,
	.context_outer = 1,
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
	.is_sequential = 0,
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

#endif
