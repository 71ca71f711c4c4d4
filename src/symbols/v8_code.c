/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/v8_code.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/path.h"
#include "util/process_memory.h"
#include "util/utf8.h"

#define NAME_MOST  200 /* characters */
#define TEXT_MOST  (4 * NAME_MOST + 1)
#define PARTS_DEEP 6 /* what a name is guessed to be is put together of its parts */
#define PART_OF_NAME                                                                                                   \
	240 /* bytes of a function's, and of its file's: whoever writes the program may call it anything               \
	     */
#define SOURCE_MOST  (4u << 20)	 /* characters of a script that are looked through for the line */
#define PART	     (16u << 10) /* bytes of it at a time */
#define LINKS_MOST   8		 /* from a string to the one that has its characters */
#define LOCALS_MOST  4096	 /* variables of a function; their names are kept apart from INLINED_MOST on */
#define INLINED_MOST 75
#define SLOTS	     9 /* of a ScopeInfo behind its variables that are looked at */

#define TAG	  1u
#define SMI_SHIFT 32

struct heap {
	const struct ww_v8_layout *layout;
	pid_t pid;
};

static bool is_smi(uint64_t word)
{
	return !(word & UINT32_MAX);
}

static bool is_pointer(uint64_t word)
{
	return (word & 3) == TAG;
}

static int read_at(const struct heap *heap, uint64_t object, int32_t offset, void *to, size_t size)
{
	return is_pointer(object)
		       ? ww_process_memory__read(heap->pid, object - TAG + (uint64_t)(int64_t)offset, to, size)
		       : -EFAULT;
}

static int read_word(const struct heap *heap, uint64_t object, int32_t offset, uint64_t *word)
{
	return read_at(heap, object, offset, word, sizeof(*word));
}

static int read_type(const struct heap *heap, uint64_t object, uint16_t *type)
{
	uint64_t map = 0;
	int err = read_word(heap, object, heap->layout->map, &map);

	return err ?: read_at(heap, map, heap->layout->type, type, sizeof(*type));
}

/* -EFAULT unless the object is of that type. */
static int expect(const struct heap *heap, uint64_t object, int32_t expected)
{
	uint16_t type = 0;
	int err = read_type(heap, object, &type);

	return err ? err : type == expected ? 0 : -EFAULT;
}

/* ---- strings */

/* A string's characters, all of one width. */
struct text {
	uint64_t at;
	uint32_t len;
	bool wide;
};

/* Where the characters of a flat string begin, by its type. */
static int text_at(const struct heap *heap, uint64_t string, int32_t how, bool wide, uint64_t *at)
{
	const struct ww_v8_layout *layout = heap->layout;

	if (how == layout->is_external) /* behind its resource there is where that has them */
		return read_word(heap, string, layout->string_resource + (int32_t)sizeof(uint64_t), at);
	if (how != layout->is_sequential)
		return -EFAULT;
	*at = string - TAG + (uint64_t)(wide ? layout->string_wide : layout->string_narrow);
	return 0;
}

/* Goes from a string to the one that has all of its characters; what is put together of two has none. */
static int find_text(const struct heap *heap, uint64_t string, struct text *text)
{
	const struct ww_v8_layout *layout = heap->layout;
	uint64_t skipped = 0, offset = 0, second = 0;
	uint32_t len = 0, rest = 0;
	uint16_t type = 0;

	for (int i = 0; i < LINKS_MOST; i++) {
		int err = read_type(heap, string, &type);

		err = err ?: type < layout->strings_end ? 0 : -EFAULT;
		err = err ?: read_at(heap, string, layout->string_length, &rest, sizeof(rest));
		if (err)
			return err;
		len = i ? len : rest;
		int32_t how = type & layout->is_how;
		if (how == layout->is_thin) {
			err = read_word(heap, string, layout->string_actual, &string);
		} else if (how == layout->is_sliced) {
			err = read_word(heap, string, layout->string_offset, &offset);
			skipped += offset >> SMI_SHIFT;
			err = err ?: read_word(heap, string, layout->string_parent, &string);
		} else if (how == layout->is_cons) {
			err = read_word(heap, string, layout->string_second, &second);
			err = err ?: read_at(heap, second, layout->string_length, &rest, sizeof(rest));
			err = err ?: rest ? -EFAULT : read_word(heap, string, layout->string_first, &string);
		} else {
			text->wide = (type & layout->is_encoded) != layout->is_narrow;
			err = text_at(heap, string, how, text->wide, &text->at);
			if (!err && (skipped > rest || rest - skipped < len))
				err = -EFAULT;
			text->at += skipped << text->wide;
			text->len = len;
			return err;
		}
		if (err)
			return err;
	}
	return -EFAULT;
}

static uint32_t unit(const struct text *text, const uint8_t *from, size_t i)
{
	return text->wide ? (uint32_t)from[2 * i] | (uint32_t)from[2 * i + 1] << 8 : from[i];
}

/* The two strings that one is put together of; -EFAULT: it is not. */
static int read_parts(const struct heap *heap, uint64_t string, uint64_t parts[2])
{
	const struct ww_v8_layout *layout = heap->layout;
	uint16_t type = 0;
	int err = read_type(heap, string, &type);

	if (!err && (type >= layout->strings_end || (type & layout->is_how) != layout->is_cons))
		err = -EFAULT;
	err = err ?: read_word(heap, string, layout->string_first, &parts[0]);
	return err ?: read_word(heap, string, layout->string_second, &parts[1]);
}

/* Puts the string behind the `*len` bytes that are there, as UTF-8; of a long one the end. */
static int append_text(const struct heap *heap, uint64_t string, unsigned depth, char out[TEXT_MOST], size_t *len)
{
	uint8_t units[2 * NAME_MOST];
	uint64_t parts[2];
	struct text text;

	if (depth < PARTS_DEEP && !read_parts(heap, string, parts)) {
		int err = append_text(heap, parts[0], depth + 1, out, len);

		return err ?: append_text(heap, parts[1], depth + 1, out, len);
	}
	int err = find_text(heap, string, &text);
	if (err)
		return err;
	uint32_t most = text.len < NAME_MOST ? text.len : NAME_MOST;
	uint64_t from = text.at + ((uint64_t)(text.len - most) << text.wide);
	err = ww_process_memory__read(heap->pid, from, units, (size_t)most << text.wide);
	for (size_t i = 0; i < most && !err && *len + 4 < TEXT_MOST; i++) {
		uint32_t c = unit(&text, units, i), low = i + 1 < most ? unit(&text, units, i + 1) : 0;

		if ((c & 0xfffffc00) == 0xd800 && (low & 0xfffffc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
			i++;
		}
		*len += ww_utf8__put(out + *len, c);
	}
	return err;
}

static int read_text(const struct heap *heap, uint64_t string, char out[TEXT_MOST])
{
	size_t len = 0;
	int err = append_text(heap, string, 0, out, &len);

	out[len] = '\0';
	return err;
}

/* The line of a place in a script; 0: that is not known. */
static unsigned line_of(const struct heap *heap, uint64_t script, uint32_t position)
{
	uint8_t part[PART];
	uint64_t source = 0;
	struct text text;
	unsigned line = 1;

	if (heap->layout->script_source == WW_V8_NOT_TOLD || position > SOURCE_MOST ||
	    read_word(heap, script, heap->layout->script_source, &source) || find_text(heap, source, &text) ||
	    position > text.len)
		return 0;
	for (uint32_t done = 0; done < position;) {
		uint32_t most = (uint32_t)(PART >> text.wide), left = position - done;
		uint32_t units = left < most ? left : most;

		if (ww_process_memory__read(heap->pid, text.at + ((uint64_t)done << text.wide), part,
					    (size_t)units << text.wide))
			return 0;
		for (uint32_t i = 0; i < units; i++)
			line += unit(&text, part, i) == '\n';
		done += units;
	}
	return line;
}

/* ---- functions */

/* What a ScopeInfo says of its function. */
struct scope {
	uint64_t name; /* a string; 0: it has none */
	uint32_t start;
	bool placed; /* `start` is known */
};

/*
 * Behind the variables come, where the function has them: its class's, its name (0: none) and where that is kept, what
 * the name is guessed to be, and, unless that came before the variables, where the function is in its script. Which of
 * these there are flags tell whose bits are others in each version; but only the place is two numbers one behind the
 * other that rise, right before the end or the scope around it.
 */
static void look_behind(const struct heap *heap, const uint64_t slots[SLOTS], size_t len, struct scope *scope)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t word = slots[i];
		uint16_t type = 0;

		if (is_smi(word)) {
			uint64_t before = i && is_smi(slots[i - 1]) ? slots[i - 1] : UINT64_MAX;

			/* Of three that rise the last two are it. */
			if (!scope->placed && before < word && word >> SMI_SHIFT < SOURCE_MOST &&
			    (i + 1 == len || !is_smi(slots[i + 1]) || slots[i + 1] <= word)) {
				scope->placed = true;
				scope->start = (uint32_t)(before >> SMI_SHIFT);
			}
			continue;
		}
		if (scope->placed || read_type(heap, word, &type) || type == heap->layout->scope_type)
			break;
		uint32_t letters = 0;
		if (!scope->name && type < heap->layout->strings_end &&
		    !read_at(heap, word, heap->layout->string_length, &letters, sizeof(letters)) && letters)
			scope->name = word;
	}
}

static int read_scope(const struct heap *heap, uint64_t info, struct scope *scope)
{
	const struct ww_v8_layout *layout = heap->layout;
	const int32_t word = (int32_t)sizeof(uint64_t), first = layout->map + word;
	uint64_t locals = 0, place[2], slots[SLOTS];
	size_t len = SLOTS;
	int err = read_word(heap, info, first + layout->scope_locals * word, &locals);

	locals >>= SMI_SHIFT;
	if (err || locals > LOCALS_MOST)
		return err ?: -EFAULT;
	int32_t names = locals < INLINED_MOST ? (int32_t)locals : 1;
	int32_t rest = first + (layout->scope_rest + names + (int32_t)locals) * word;
	/* It may end with its page. */
	while (len && read_at(heap, info, rest, slots, len * sizeof(slots[0])))
		len--;
	*scope = (struct scope){0};
	look_behind(heap, slots, len, scope);
	/* Since V8 12.5 or so the place comes before the variables. */
	if (layout->scope_rest > layout->scope_locals + 2 &&
	    !read_at(heap, info, first + (layout->scope_locals + 1) * word, place, sizeof(place))) {
		scope->placed = is_smi(place[0]);
		scope->start = (uint32_t)(place[0] >> SMI_SHIFT);
	}
	return 0;
}

int ww_v8_code__find(const struct ww_v8_layout *layout, pid_t pid, uint64_t function, struct ww_v8_function *found)
{
	const struct heap heap = {layout, pid};
	struct ww_v8_function new = {0};
	int err = read_word(&heap, function, layout->function_shared, &new.shared);

	err = err ?: expect(&heap, new.shared, layout->shared_type);
	err = err ?: read_word(&heap, new.shared, layout->shared_name, &new.name);
	err = err ?: read_word(&heap, new.shared, layout->shared_script, &new.script);
	err = err ?: !is_pointer(new.script) || expect(&heap, new.script, layout->script_type) ? -ENOENT : 0;
	if (!err)
		*found = new;
	return err;
}

int ww_v8_code__name(const struct ww_v8_layout *layout, pid_t pid, const struct ww_v8_function *function, char *name,
		     size_t size)
{
	const struct heap heap = {layout, pid};
	char text[TEXT_MOST] = "", called[PART_OF_NAME], file[PART_OF_NAME];
	struct scope scope = {0};
	uint64_t path = 0;
	uint16_t type = 0;
	int err = read_word(&heap, function->script, layout->script_name, &path);

	if (err)
		return err;
	if (!is_smi(function->name) && !read_type(&heap, function->name, &type) && type == layout->scope_type)
		err = read_scope(&heap, function->name, &scope);
	else
		scope.name = function->name; /* it is not compiled any more, or its only name is that of its text */
	if (err)
		return err;
	if (!scope.name || read_text(&heap, scope.name, text) || !*text)
		snprintf(text, sizeof(text), "(anonymous)");
	ww_utf8__copy(called, sizeof(called), text, strlen(text));
	if (read_text(&heap, path, text))
		snprintf(text, sizeof(text), "[eval]");
	const char *end = ww_path__end(text);
	ww_utf8__copy(file, sizeof(file), end, strlen(end));
	unsigned line = scope.placed ? line_of(&heap, function->script, scope.start) : 0;
	if (line)
		snprintf(name, size, "%s (%s:%u)", called, file, line);
	else
		snprintf(name, size, "%s (%s)", called, file);
	return 0;
}
