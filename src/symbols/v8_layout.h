/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where V8 has what in its objects, as it tells debuggers: constants named v8dbg_.. among the dynamic symbols of its
 * file (deps/v8/tools/gen-postmortem-metadata.py of Node). Node has them in all its builds.
 */
#ifndef WHYWAIT_V8_LAYOUT_H
#define WHYWAIT_V8_LAYOUT_H

#include <libelf.h>
#include <stdint.h>
#include <sys/types.h>

/* WW_V8(member, beginning of the symbol's name behind v8dbg_) */
#define WW_V8_LAYOUT(WW_V8)                                                                                            \
	WW_V8(frame_context, "off_fp_context_or_frame_type")                                                           \
	WW_V8(frame_function, "off_fp_function")                                                                       \
	WW_V8(smi_shift, "SmiShiftSize")                                                                               \
	WW_V8(map, "class_HeapObject__map__")                                                                          \
	WW_V8(type, "class_Map__instance_type__")                                                                      \
	WW_V8(function_shared, "class_JSFunction__shared__")                                                           \
	WW_V8(shared_name, "class_SharedFunctionInfo__name_or_scope_info__")                                           \
	WW_V8(shared_script, "class_SharedFunctionInfo__script")                                                       \
	WW_V8(script_name, "class_Script__name__")                                                                     \
	WW_V8(script_source, "class_Script__source__")                                                                 \
	WW_V8(string_length, "class_String__length__")                                                                 \
	WW_V8(string_narrow, "class_SeqOneByteString__chars__")                                                        \
	WW_V8(string_wide, "class_SeqTwoByteString__chars__")                                                          \
	WW_V8(string_first, "class_ConsString__first__")                                                               \
	WW_V8(string_second, "class_ConsString__second__")                                                             \
	WW_V8(string_parent, "class_SlicedString__parent__")                                                           \
	WW_V8(string_offset, "class_SlicedString__offset__")                                                           \
	WW_V8(string_actual, "class_ThinString__actual__")                                                             \
	WW_V8(string_resource, "class_ExternalString__resource__")                                                     \
	WW_V8(strings_end, "FirstNonstringType")                                                                       \
	WW_V8(is_how, "StringRepresentationMask")                                                                      \
	WW_V8(is_encoded, "StringEncodingMask")                                                                        \
	WW_V8(is_narrow, "OneByteStringTag")                                                                           \
	WW_V8(is_sequential, "SeqStringTag")                                                                           \
	WW_V8(is_cons, "ConsStringTag")                                                                                \
	WW_V8(is_external, "ExternalStringTag")                                                                        \
	WW_V8(is_sliced, "SlicedStringTag")                                                                            \
	WW_V8(is_thin, "ThinStringTag")                                                                                \
	WW_V8(shared_type, "type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE")                                       \
	WW_V8(script_type, "type_Script__SCRIPT_TYPE")                                                                 \
	WW_V8(scope_type, "type_ScopeInfo__SCOPE_INFO_TYPE")                                                           \
	WW_V8(scope_locals, "scopeinfo_idx_ncontextlocals")                                                            \
	WW_V8(scope_rest, "scopeinfo_idx_first_vars")

struct ww_v8_layout {
#define WW_V8(member, symbol) int32_t member;
	WW_V8_LAYOUT(WW_V8)
#undef WW_V8
};

#define WW_V8_NOT_TOLD (-1) /* of script_source: Node 16 does not say where it is */

/*
 * Reads it from a process that has the file mapped, `bias` behind its own addresses. -ENOENT: there is no V8 in it, or
 * one that does not tell all of it; -ENOTSUP: its pointers are compressed; else it can't be read.
 */
int ww_v8_layout__read(struct ww_v8_layout *layout, pid_t pid, Elf *elf, uint64_t bias);

#endif
