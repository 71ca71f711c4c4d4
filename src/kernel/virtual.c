/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/virtual.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/heaps_parts.h"
#include "kernel/jvm_table.h"

#define STREAM_MOST   4096 /* bytes of what tells of a class's fields; java.lang.Thread's are some 200 */
#define FIELDS_MOST   256
#define CLASSES_MOST  256 /* that are looked through for one */
#define NAME_SIZE     40
#define OFFSET_MOST   4096
#define THREADS_LOOKS 8

enum {
	FIELD_OSTHREAD_ID,
	FIELD_VTHREAD,
	FIELD_THREAD_OBJECT,
	FIELD_LIST,
	FIELD_LIST_LEN,
	FIELD_LIST_THREADS,
	FIELD_CLASS,
	FIELD_CLASS_NAME,
	FIELD_SUBCLASS,
	FIELD_SIBLING,
	FIELD_FIELDS,
	FIELD_CONSTANTS,
	FIELD_SYMBOL_LEN,
	FIELD_OSTHREAD,
	FIELD_OSTHREAD_OLD,
	FIELD_SYMBOL,
	FIELD_SYMBOL_OLD,
	FIELD_COUNT
};

static const struct ww_jvm_field fields[] = {
	[FIELD_OSTHREAD_ID] = {"OSThread", "_thread_id", false},
	[FIELD_VTHREAD] = {"JavaThread", "_vthread", false},
	[FIELD_THREAD_OBJECT] = {"JavaThread", "_threadObj", false},
	[FIELD_LIST] = {"ThreadsSMRSupport", "_java_thread_list", true},
	[FIELD_LIST_LEN] = {"ThreadsList", "_length", false},
	[FIELD_LIST_THREADS] = {"ThreadsList", "_threads", false},
	[FIELD_CLASS] = {"vmClasses", "_klasses[static_cast<int>(vmClassID::Thread_klass_knum)]", true},
	[FIELD_CLASS_NAME] = {"Klass", "_name", false},
	[FIELD_SUBCLASS] = {"Klass", "_subklass", false},
	[FIELD_SIBLING] = {"Klass", "_next_sibling", false},
	[FIELD_FIELDS] = {"InstanceKlass", "_fieldinfo_stream", false},
	[FIELD_CONSTANTS] = {"InstanceKlass", "_constants", false},
	[FIELD_SYMBOL_LEN] = {"Symbol", "_length", false},
	/* One of each two: */
	[FIELD_OSTHREAD] = {"Thread", "_osthread", false},
	[FIELD_OSTHREAD_OLD] = {"JavaThread", "_osthread", false},
	[FIELD_SYMBOL] = {"Symbol", "_body[0]", false},
	[FIELD_SYMBOL_OLD] = {"Symbol", "_body", false},
};

struct machine {
	pid_t pid;
	uint64_t at[FIELD_COUNT];
	uint64_t constants; /* where a class's constants begin in their ConstantPool */
};

static bool read_word(const struct machine *m, uint64_t address, uint64_t *word)
{
	return ww_heaps__read(m->pid, address, word, sizeof(*word));
}

/* Whether that Symbol is `name`. */
static bool symbol_is(const struct machine *m, uint64_t symbol, const char *name)
{
	char text[NAME_SIZE];
	uint16_t len;

	return ww_heaps__read(m->pid, symbol + m->at[FIELD_SYMBOL_LEN], &len, sizeof(len)) && len == strlen(name) &&
	       len <= sizeof(text) && ww_heaps__read(m->pid, symbol + m->at[FIELD_SYMBOL], text, len) &&
	       !memcmp(text, name, len);
}

/* Numbers in one to five bytes, none of which is 0 (HotSpot's UNSIGNED5). */
struct stream {
	uint8_t bytes[STREAM_MOST];
	uint32_t len, at;
};

static bool stream_number(struct stream *stream, uint64_t *number)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 5; i++) {
		if (stream->at >= stream->len || !stream->bytes[stream->at])
			return false;
		uint8_t byte = stream->bytes[stream->at++];
		sum += (uint64_t)(byte - 1) << 6 * i;
		if (byte < 192)
			break;
	}
	*number = sum;
	return true;
}

struct member {
	const char *name;
	bool is_static;
	uint32_t offset;
	bool found;
};

#define ACCESS_STATIC 8

/* Looks in a class, not in those that it extends, for its fields; false: what tells of them is not as it is known. */
static bool find_members(const struct machine *m, uint64_t class, struct member *members, size_t len)
{
	static const unsigned optional[] = {0, 2, 4}; /* bits of the flags: a value, a signature, a group follow */
	struct stream stream = {.at = 0};
	uint64_t address, constants, count, injected, number[5], symbol;

	if (!read_word(m, class + m->at[FIELD_FIELDS], &address) ||
	    !read_word(m, class + m->at[FIELD_CONSTANTS], &constants) || !address ||
	    !ww_heaps__read(m->pid, address, &stream.len, sizeof(stream.len)) || stream.len > STREAM_MOST ||
	    !ww_heaps__read(m->pid, address + sizeof(stream.len), stream.bytes, stream.len) ||
	    !stream_number(&stream, &count) || !stream_number(&stream, &injected) || count > FIELDS_MOST)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		/* Name, signature, offset, access, flags. */
		for (unsigned j = 0; j < 5; j++)
			if (!stream_number(&stream, &number[j]))
				return false;
		for (unsigned j = 0; j < sizeof(optional) / sizeof(optional[0]); j++)
			if (number[4] >> optional[j] & 1 && !stream_number(&stream, &symbol))
				return false;
		if (number[0] > UINT16_MAX || number[2] > OFFSET_MOST ||
		    !read_word(m, constants + m->constants + 8 * number[0], &symbol))
			return false;
		for (size_t j = 0; j < len; j++) {
			if (!(number[3] & ACCESS_STATIC) != !members[j].is_static ||
			    !symbol_is(m, symbol, members[j].name))
				continue;
			members[j].offset = (uint32_t)number[2];
			members[j].found = true;
		}
	}
	return true;
}

/* A class that extends that one directly; 0: there is none. */
static uint64_t subclass(const struct machine *m, uint64_t class, const char *name)
{
	uint64_t found = 0, symbol;

	if (!read_word(m, class + m->at[FIELD_SUBCLASS], &found))
		return 0;
	for (unsigned i = 0; found && i < CLASSES_MOST; i++) {
		if (read_word(m, found + m->at[FIELD_CLASS_NAME], &symbol) && symbol_is(m, symbol, name))
			return found;
		if (!read_word(m, found + m->at[FIELD_SIBLING], &found))
			return 0;
	}
	return 0;
}

/* java.lang.Thread's. Where its constants begin is not said: what follows on a ConstantPool. */
static int find_thread(struct machine *m, uint64_t class, struct ww_virtual_layout *layout)
{
	for (m->constants = 64; m->constants <= 96; m->constants += 8) {
		struct member members[] = {{.name = "eetop"}, {.name = "tid"}, {.name = "parkBlocker"}};

		if (!find_members(m, class, members, 3) || !members[0].found || !members[1].found || !members[2].found)
			continue;
		layout->eetop = members[0].offset;
		layout->tid = members[1].offset;
		layout->blocker = members[2].offset;
		return 0;
	}
	return -ENOENT;
}

/* Its states have been renumbered once; from then on they have a name more. */
static void find_state(const struct machine *m, uint64_t class, struct ww_virtual_layout *layout)
{
	struct member members[] = {{.name = "state"}, {.name = "TIMED_PARKED", .is_static = true}};

	class = subclass(m, class, "java/lang/BaseVirtualThread");
	class = class ? subclass(m, class, "java/lang/VirtualThread") : 0;
	if (class && find_members(m, class, members, 2) && members[1].found)
		layout->state = members[0].offset;
}

/* As the BPF side has it. ZGC's: behind the bits that tell of it, of which one of four ends them. */
static uint64_t address_of(uint64_t word, enum ww_virtual_form form)
{
	if (form == WW_VIRTUAL_PLAIN)
		return word;
	return word >> (word >> 12 & 1 ? 13 : word >> 13 & 1 ? 14 : word >> 14 & 1 ? 15 : 16);
}

/* By which the objects of some threads are read: they have their JavaThread. */
static enum ww_virtual_form find_form(const struct machine *m, const struct ww_virtual_layout *layout)
{
	uint64_t list, threads, thread, object, back;
	uint32_t len;

	if (!read_word(m, m->at[FIELD_LIST], &list) ||
	    !ww_heaps__read(m->pid, list + m->at[FIELD_LIST_LEN], &len, sizeof(len)) ||
	    !read_word(m, list + m->at[FIELD_LIST_THREADS], &threads))
		return WW_VIRTUAL_OPAQUE;
	for (uint32_t i = 0; i < len && i < THREADS_LOOKS; i++) {
		if (!read_word(m, threads + 8ull * i, &thread) ||
		    !read_word(m, thread + m->at[FIELD_THREAD_OBJECT], &object) || !read_word(m, object, &object))
			continue;
		for (enum ww_virtual_form form = WW_VIRTUAL_PLAIN; form < WW_VIRTUAL_OPAQUE; form++)
			if (read_word(m, address_of(object, form) + layout->eetop, &back) && back == thread)
				return form;
	}
	return WW_VIRTUAL_OPAQUE;
}

int ww_virtual__find(pid_t pid, struct ww_virtual_layout *layout)
{
	const uint64_t needed = (1u << FIELD_OSTHREAD) - 1;
	struct ww_virtual_layout is = {0};
	struct machine m = {.pid = pid};
	uint64_t found = 0, class;
	int err = ww_jvm_table__find(pid, fields, FIELD_COUNT, m.at, &found);

	if (err)
		return err;
	if (!(found & 1u << FIELD_OSTHREAD))
		m.at[FIELD_OSTHREAD] = m.at[FIELD_OSTHREAD_OLD];
	if (!(found & 1u << FIELD_SYMBOL))
		m.at[FIELD_SYMBOL] = m.at[FIELD_SYMBOL_OLD];
	if ((found & needed) != needed || !(found & 3u << FIELD_OSTHREAD) || !(found & 3u << FIELD_SYMBOL))
		return -ENOENT;
	if (!read_word(&m, m.at[FIELD_CLASS], &class))
		return -ESRCH;
	err = find_thread(&m, class, &is);
	if (err)
		return err;
	find_state(&m, class, &is);
	is.osthread = (uint32_t)m.at[FIELD_OSTHREAD];
	is.thread_id = (uint32_t)m.at[FIELD_OSTHREAD_ID];
	is.vthread = (uint32_t)m.at[FIELD_VTHREAD];
	is.form = find_form(&m, &is);
	*layout = is;
	return 0;
}
