/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tasks of asyncio, of CPython from 3.11 on: which one the loop's thread is in a step of, and which one awaits what
 * that does.
 *
 * The loop runs one Handle after the other, each in a frame at the same place, and a Task's step is a Handle's
 * callback. What awaits a Task, or a Future, stands in its callbacks: a Task's wake-up, or what gather(), wait_for(),
 * shield(), wait() and task groups have put there, which leads to a Future or a Task in turn. So work of a Task that
 * another one awaits is told to be that one's, by reading, and a Task is known by its number, which is never another
 * one's.
 */
#ifndef WHYWAIT_AWAITER_H
#define WHYWAIT_AWAITER_H

#include "python.bpf.h"

/* Offsets in CPython's objects, that did not change (python.bpf.h has the others). */
#define WW_HANDLE_CALLBACK  24 /* asyncio.events.Handle: slots, in the order of their names */
#define WW_HANDLE_CONTEXT   40
#define WW_FUTURE_CALLBACK  24 /* FutureObj.fut_callback0 */
#define WW_FUTURE_CALLBACKS 40 /* FutureObj.fut_callbacks: a list of pairs */
#define WW_TASK_CORO	    8  /* from TaskObj.task_fut_waiter on */
#define WW_TASK_NAME	    16
#define WW_TASK_CONTEXT	    24
#define WW_TEXT_LENGTH	    16 /* PyASCIIObject.length */
#define WW_BUILTIN_SELF	    24 /* PyCFunctionObject.m_self */
#define WW_STEP_TASK	    16 /* TaskStepMethWrapper.sw_task */
#define WW_FUNCTION_CODE    48
#define WW_FUNCTION_CLOSURE 72
#define WW_CELL_CONTENTS    16
#define WW_PARTIAL_FUNCTION 16
#define WW_PARTIAL_ARGS	    24
#define WW_METHOD_FUNCTION  16
#define WW_METHOD_SELF	    24
#define WW_INSTANCE_VALUES  32 /* in front of an object whose attributes are no dict yet */
#define WW_INSTANCE_DICT    24
#define WW_TYPE_BASICSIZE   32
#define WW_TYPE_FLAGS	    168
#define WW_VALUES_VALID	    (0xffull << 24) /* in _dictvalues, of those that are inline: they are not in a dict now */
#define WW_TYPE_INLINE	    (1 << 2)	    /* Py_TPFLAGS_INLINE_VALUES */
#define WW_TYPE_DICT	    (1 << 4)	    /* Py_TPFLAGS_MANAGED_DICT */
#define WW_PYTHON_SLOTS	    16		    /* of an object that has no other room */
#define WW_CORO_RUNS	    0		    /* FRAME_EXECUTING */
#define WW_NUMBER_TAG	    16		    /* PyLongObject.long_value.lv_tag; its digits come behind it */
#define WW_NUMBER_SMALL	    8		    /* that of a number of one digit, of 30 bits */
#define WW_NUMBER_IMMORTAL  4ull	    /* from 3.14 on, of some of those */

#define WW_AWAITERS	  6  /* Futures and Tasks on the way to the one that awaits all of it */
#define WW_AWAITER_CELLS  4  /* of a callback's closure */
#define WW_AWAITER_VALUES 12 /* of a task group */
#define WW_AWAITER_MORE	  2  /* callbacks after the first one */
#define WW_TASK_DIGITS	  5  /* of "Task-1" */
#define WW_HANDLE_FRAMES  64 /* looked at to find the one in which the loop runs a Handle */
#define WW_HANDLE_TRIES	  32

#define WW_TASK_KEY (1ull << 63) /* no address has that bit */

/* How one that awaits was found: bits that no object's address has. None: by Tasks' own wake-ups only. */
#define WW_AWAITER_TOLD	 1ull /* by what libraries have put there: gather(), wait_for(), a task group */
#define WW_AWAITER_GUESS 2ull /* by a function of the program's, which has it at hand, but may not be called for it */
#define WW_AWAITER_BITS	 (WW_AWAITER_TOLD | WW_AWAITER_GUESS)

#define WW_DIGITS_MOST 99999999
#define WW_DIGITS_0    0x3030303030303030ull
#define WW_DIGITS_HIGH 0xf0f0f0f0f0f0f0f0ull
#define WW_DIGITS_OVER 0x0606060606060606ull /* takes what is behind '9' to the next sixteen */

enum ww_future_is {
	WW_FUTURE_NOT,
	WW_FUTURE,
	WW_FUTURE_TASK,
	WW_FUTURE_GROUP, /* of Tasks: asyncio's, or anyio's */
	WW_FUTURE_SCOPE, /* of anyio's: its group's */
};

/* How the name of an object's type begins. */
static __always_inline u64 ww_type_name(u64 object)
{
	return ww_user_word(ww_user_word(ww_user_word(object + WW_PYTHON_TYPE) + WW_PYTHON_TYPE_NAME));
}

/* What an object is: enum ww_future_is. */
__weak u32 ww_future_is(u64 object)
{
	u64 name[2] = {};
	u64 at = object && !(object & 7) ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	if (!at || bpf_probe_read_user(name, sizeof(name), (void *)ww_user_word(at + WW_PYTHON_TYPE_NAME)))
		return WW_FUTURE_NOT;
	if (name[0] == WW_WORD8('_', 'a', 's', 'y', 'n', 'c', 'i', 'o')) {
		if ((name[1] & WW_WORD6_MASK) == WW_WORD8('.', 'T', 'a', 's', 'k', 0, 0, 0))
			return WW_FUTURE_TASK;
		return name[1] == WW_WORD8('.', 'F', 'u', 't', 'u', 'r', 'e', 0) ? WW_FUTURE : WW_FUTURE_NOT;
	}
	if (name[0] == WW_WORD8('_', 'G', 'a', 't', 'h', 'e', 'r', 'i'))
		return name[1] == WW_WORD8('n', 'g', 'F', 'u', 't', 'u', 'r', 'e') ? WW_FUTURE : WW_FUTURE_NOT;
	if (name[0] == WW_WORD8('C', 'a', 'n', 'c', 'e', 'l', 'S', 'c'))
		return (u32)name[1] == WW_WORD4('o', 'p', 'e', 0) ? WW_FUTURE_SCOPE : WW_FUTURE_NOT;
	if (name[0] == WW_WORD8('T', 'a', 's', 'k', 'G', 'r', 'o', 'u'))
		return (u16)name[1] == 'p' ? WW_FUTURE_GROUP : WW_FUTURE_NOT;
	return WW_FUTURE_NOT;
}

/* Where the attributes of an object are, in the order in which it got them first, or of their names (__slots__); 0: in
 * a dict. */
__weak u64 ww_instance_values(u64 object, u32 version)
{
	u32 where = ww_python_offsets(version)->values;
	u64 type = ww_user_word(object + WW_PYTHON_TYPE), flags = ww_user_word(type + WW_TYPE_FLAGS);
	if (!(flags & WW_TYPE_DICT))
		return object + WW_PYTHON_SLOTS;
	if (where == WW_VALUES_APART)
		return ww_user_word(object - WW_INSTANCE_VALUES);
	if (where == WW_VALUES_TAGGED) {
		u64 at = ww_user_word(object - WW_INSTANCE_DICT);
		return at & 1 ? at + 1 : 0;
	}
	if (!(flags & WW_TYPE_INLINE))
		return 0;
	object += ww_user_word(type + WW_TYPE_BASICSIZE);
	return ww_user_word(object) & WW_VALUES_VALID ? object + 8 : 0;
}

/* The first attribute of an object that is of a kind; 0: none is. In which order they are is up to the interpreter. */
static __always_inline u64 ww_instance_first(u64 object, u32 is, u32 version)
{
	u64 values = ww_instance_values(object, version);
	for (u32 i = 0; i < WW_AWAITER_VALUES && values; i++) {
		u64 value = ww_user_word(values + 8 * i);
		if (ww_future_is(value) == is)
			return value;
	}
	return 0;
}

/* The Task that waits for those of a task group, or of its scope; 0: not known. */
__weak u64 ww_awaiter_of_group(u64 group, u32 version)
{
	u64 task = ww_instance_first(group, WW_FUTURE_TASK, version);
	u64 scope = task ? 0 : ww_instance_first(group, WW_FUTURE_SCOPE, version);
	return scope ? ww_instance_first(scope, WW_FUTURE_TASK, version) : task;
}

/* A name, as far as it is looked at: how it begins, and goes on. */
struct ww_name {
	u64 first, second;
};

static __always_inline struct ww_name ww_function_name(u64 function, u32 version)
{
	u64 code = ww_user_word(function + WW_FUNCTION_CODE);
	u64 at = ww_user_word(code + WW_PYTHON_CODE_NAME) + ww_python_offsets(version)->text;
	return (struct ww_name){ww_user_word(at), ww_user_word(at + 8)};
}

/* What a name of 8 letters and more has from there on: the end is in it where it is within. */
#define WW_NAME_LETTER(letters, at)                                                                                    \
	((at) < sizeof(letters) ? (u64)(u8)(letters)[(at) < sizeof(letters) ? (at) : 0] << (8 * ((at)&7)) : 0)
#define WW_NAME_WORD(letters, at)                                                                                      \
	(WW_NAME_LETTER(letters, at) | WW_NAME_LETTER(letters, (at) + 1) | WW_NAME_LETTER(letters, (at) + 2) |         \
	 WW_NAME_LETTER(letters, (at) + 3) | WW_NAME_LETTER(letters, (at) + 4) | WW_NAME_LETTER(letters, (at) + 5) |   \
	 WW_NAME_LETTER(letters, (at) + 6) | WW_NAME_LETTER(letters, (at) + 7))
#define WW_NAME_MASK(letters) (sizeof(letters) >= 16 ? ~0ull : (1ull << (8 * (sizeof(letters) & 7))) - 1)
#define ww_name_is(name, letters)                                                                                      \
	((name).first == WW_NAME_WORD(letters, 0) &&                                                                   \
	 ((name).second & WW_NAME_MASK(letters)) == WW_NAME_WORD(letters, 8))

/* How certain it is that one awaits whom that function leads to, when it is called at the end of something. */
__weak u64 ww_awaiter_by(u64 function, u32 version)
{
	struct ww_name name = ww_function_name(function, version);
	if (ww_name_is(name, "_done_callback") ||	      /* of gather() */
	    ww_name_is(name, "_inner_done_callback") ||	      /* of shield() */
	    ww_name_is(name, "_outer_done_callback") ||	      /* of shield() */
	    ww_name_is(name, "_clear_awaited_by_callback") || /* of shield(), from 3.14 on */
	    ww_name_is(name, "_on_completion") ||	      /* of wait() and as_completed() */
	    ww_name_is(name, "_release_waiter") ||	      /* of wait_for() */
	    ww_name_is(name, "_on_task_done") ||	      /* of asyncio's task groups */
	    ww_name_is(name, "task_done") ||		      /* of anyio's */
	    ww_name_is(name, "_call_set_state"))	      /* of wrap_future() */
		return WW_AWAITER_TOLD;
	return WW_AWAITER_GUESS;
}

/* The Future or Task that a callback of a Future's is for, with WW_AWAITER_BITS; 0: none. */
__weak u64 ww_awaiter_of_callback(u64 callback, u32 version)
{
	u64 type = callback ? ww_user_word(callback + WW_PYTHON_TYPE) : 0, object;
	u64 at = type ? ww_user_word(type + WW_PYTHON_TYPE_NAME) : 0;
	struct ww_name name = {at ? ww_user_word(at) : 0, at ? ww_user_word(at + 8) : 0};
	if (ww_name_is(name, "builtin_function_or_method")) { /* a Task's wake-up */
		object = ww_user_word(callback + WW_BUILTIN_SELF);
		return ww_future_is(object) == WW_FUTURE_TASK ? object : 0;
	}
	if (ww_name_is(name, "functools.partial")) { /* of wait_for() */
		object = ww_user_word(ww_user_word(callback + WW_PARTIAL_ARGS) + ww_python_offsets(version)->tuple);
		if (ww_future_is(object) != WW_FUTURE)
			return 0;
		return object | ww_awaiter_by(ww_user_word(callback + WW_PARTIAL_FUNCTION), version);
	}
	if ((name.first & WW_WORD7_MASK) == WW_WORD8('m', 'e', 't', 'h', 'o', 'd', 0, 0)) {
		object = ww_user_word(callback + WW_METHOD_SELF);
		object = ww_future_is(object) == WW_FUTURE_GROUP ? ww_awaiter_of_group(object, version) : 0;
		return object ? object | ww_awaiter_by(ww_user_word(callback + WW_METHOD_FUNCTION), version) : 0;
	}
	if (!ww_name_is(name, "function"))
		return 0;
	u64 closure = ww_user_word(callback + WW_FUNCTION_CLOSURE);
	u64 cells = closure ? ww_user_word(closure + WW_PYTHON_SIZE) : 0;
	closure += ww_python_offsets(version)->tuple;
	for (u32 i = 0; i < WW_AWAITER_CELLS && i < cells; i++) {
		object = ww_user_word(ww_user_word(closure + 8 * i) + WW_CELL_CONTENTS);
		u32 is = ww_future_is(object);
		if (is == WW_FUTURE_GROUP)
			object = ww_awaiter_of_group(object, version);
		if (is == WW_FUTURE || is == WW_FUTURE_TASK || is == WW_FUTURE_GROUP)
			return object ? object | ww_awaiter_by(callback, version) : 0;
	}
	return 0;
}

static __always_inline bool ww_awaiter_other(u64 found, u64 future, u64 before)
{
	u64 object = found & ~WW_AWAITER_BITS;
	return object && object != future && object != before;
}

/*
 * What awaits a Future or a Task, itself one, with WW_AWAITER_BITS; 0: nothing does. A shielded one names the one that
 * it came from, too.
 */
__weak u64 ww_awaiter_next(u64 future, u64 before, u32 version)
{
	u64 found = ww_awaiter_of_callback(ww_user_word(future + WW_FUTURE_CALLBACK), version);
	if (ww_awaiter_other(found, future, before))
		return found;
	u64 list = ww_user_word(future + WW_FUTURE_CALLBACKS);
	u64 len = list ? ww_user_word(list + WW_PYTHON_SIZE) : 0;
	for (u32 i = 0; i < WW_AWAITER_MORE && i < len; i++) {
		u64 pair = ww_user_word(ww_user_word(list + WW_PYTHON_LIST) + 8 * i);
		found = ww_awaiter_of_callback(ww_user_word(pair + ww_python_offsets(version)->tuple), version);
		if (ww_awaiter_other(found, future, before))
			return found;
	}
	return 0;
}

static __always_inline u64 ww_task_word(u64 task, u32 at, u32 version)
{
	return ww_user_word(task + ww_python_offsets(version)->task_waits + at);
}

/* The number in a name that is a text; 0: there is none. */
static __always_inline u64 ww_task_number(u64 name, u32 version)
{
	u64 text[2] = {}, digits = ww_user_word(name + WW_TEXT_LENGTH) - WW_TASK_DIGITS;
	bpf_probe_read_user(text, sizeof(text), (void *)(name + ww_python_offsets(version)->text));
	if ((text[0] & WW_WORD5_MASK) != WW_WORD8('T', 'a', 's', 'k', '-', 0, 0, 0) || !digits || digits > 8)
		return 0;
	/* The first digit is the lowest byte. */
	u32 unused = 8 * (8 - digits);
	u64 each = (text[0] >> 40 | text[1] << 24) << unused | (WW_DIGITS_0 & ((1ull << unused) - 1));
	/* A program's own name may begin like that, and be many Tasks' at a time. Eight bytes at once are digits. */
	if ((each & WW_DIGITS_HIGH) != WW_DIGITS_0 || ((each + WW_DIGITS_OVER) & WW_DIGITS_HIGH) != WW_DIGITS_0)
		return 0;
	/* Pairs of them at once, then pairs of those. */
	each -= WW_DIGITS_0;
	each = (each * 10 + (each >> 8)) & 0x00ff00ff00ff00ffull;
	each = (each * 100 + (each >> 16)) & 0x0000ffff0000ffffull;
	return (each * 10000 + (each >> 32)) & 0xffffffff;
}

/*
 * A Task's number, with WW_TASK_KEY: of two, the newer one's is the larger one. Of one that has a name instead, its
 * Context, which may be another one's afterwards.
 */
__weak u64 ww_task_key(u64 task, u32 version)
{
	u64 name = ww_task_word(task, WW_TASK_NAME, version), number[2] = {}, found = 0;
	if (ww_python_offsets(version)->numbers && (ww_type_name(name) & WW_WORD4_MASK) == WW_WORD4('i', 'n', 't', 0)) {
		bpf_probe_read_user(number, sizeof(number) - 4, (void *)(name + WW_NUMBER_TAG));
		found = (number[0] & ~WW_NUMBER_IMMORTAL) == WW_NUMBER_SMALL && number[1] <= WW_DIGITS_MOST ? number[1]
													    : 0;
	} else {
		found = ww_task_number(name, version);
	}
	return found ? found | WW_TASK_KEY : ww_task_word(task, WW_TASK_CONTEXT, version);
}

/* A word by which a Task is told from one that has its memory afterwards. */
static __always_inline u64 ww_task_print(u64 task, u32 version)
{
	return ww_user_word(ww_task_word(task, WW_TASK_NAME, version) + ww_python_offsets(version)->task_print);
}

/*
 * The Task that awaits all of what a Future, or a Task, is awaited by, with WW_AWAITER_BITS: that itself if nothing
 * does; 0: there is none.
 */
__weak u64 ww_awaiter_root(u64 future, u32 version)
{
	u64 before = 0, how = 0, root = ww_future_is(future) == WW_FUTURE_TASK ? future : 0;
	for (u32 i = 0; i < WW_AWAITERS; i++) {
		u64 next = ww_awaiter_next(future, before, version);
		if (!next)
			break;
		how |= next & WW_AWAITER_BITS;
		before = future;
		future = next & ~WW_AWAITER_BITS;
		if (ww_future_is(future) != WW_FUTURE_TASK)
			continue;
		struct ww_carrier_key key = {.context = ww_task_key(future, version), .program = ww_program()};
		struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
		if (known && known->several)
			break;
		root = future | how;
	}
	return root;
}

/*
 * Looks for the frame in which the loop of the running thread runs a Handle, from `frame` on, at some of them. Returns
 * it with WW_PYTHON_FOUND, or the one to go on with, or 0.
 */
__weak u64 ww_handle_frame_some(u64 frame, u32 version)
{
	for (u32 i = 0; i < WW_PYTHON_SOME && frame; i++) {
		if ((ww_frame_name(frame, version) & WW_WORD5_MASK) == WW_WORD4('_', 'r', 'u', 'n'))
			return frame | WW_PYTHON_FOUND;
		frame = ww_frame_below(frame, version) & ~WW_PYTHON_FOUND;
	}
	return frame;
}

/* That frame, of a Handle of that Context; 0: none is found. */
__weak u64 ww_handle_frame(u64 frame, u64 context, u32 version)
{
	for (u32 i = 0; i < WW_HANDLE_FRAMES / WW_PYTHON_SOME && frame; i++) {
		u64 found = ww_handle_frame_some(frame, version);
		frame = found & ~WW_PYTHON_FOUND;
		if (!(found & WW_PYTHON_FOUND))
			continue;
		if (ww_user_word(ww_frame_local(frame, 0, version) + WW_HANDLE_CONTEXT) == context)
			return frame;
		frame = ww_frame_below(frame, version);
	}
	return 0;
}

/* The Task whose step a Handle is; 0: it is none's. */
__weak u64 ww_handle_task(u64 handle, u32 version)
{
	u64 callback = ww_user_word(handle + WW_HANDLE_CALLBACK), name = ww_type_name(callback), task = 0;
	/* A TaskStepMethWrapper, from 3.12 on of _asyncio. No other callable is of that module. */
	if (name == WW_WORD8('T', 'a', 's', 'k', 'S', 't', 'e', 'p') ||
	    name == WW_WORD8('_', 'a', 's', 'y', 'n', 'c', 'i', 'o'))
		task = ww_user_word(callback + WW_STEP_TASK);
	else if (name == WW_WORD8('b', 'u', 'i', 'l', 't', 'i', 'n', '_'))
		task = ww_user_word(callback + WW_BUILTIN_SELF);
	if (ww_future_is(task) != WW_FUTURE_TASK ||
	    ww_task_word(task, WW_TASK_CONTEXT, version) != ww_user_word(handle + WW_HANDLE_CONTEXT))
		return 0;
	return task;
}

/* The same, where that step is not over. */
__weak u64 ww_handle_step(u64 handle, u32 version)
{
	u64 task = ww_handle_task(handle, version), coro = task ? ww_task_word(task, WW_TASK_CORO, version) : 0;
	if (!coro || ww_type_name(coro) != WW_WORD8('c', 'o', 'r', 'o', 'u', 't', 'i', 'n') ||
	    (u8)ww_user_word(coro + ww_python_offsets(version)->coro_state) != WW_CORO_RUNS)
		return 0;
	return task;
}

/* The Task that the running thread, which is in that Context, is in a step of, with WW_AWAITER_BITS; 0: in none. */
WW_GLOBAL2(u64, ww_awaiter_running, T, t, N, context)
{
	struct ww_python *python = ww_python_of();
	if (!t || !python || !python->context)
		return 0;
	u64 handle = t->handle_frame ? ww_frame_local(t->handle_frame, 0, t->version) : 0;
	if (!handle || ww_user_word(handle + WW_HANDLE_CONTEXT) != context) {
		/* A Task that begins at once does so in the step of who makes it: up to its first wait it is that. */
		u64 step = handle ? ww_handle_step(handle, t->version) : 0;
		if (step)
			return step | WW_AWAITER_TOLD;
		if (t->handle_tries >= WW_HANDLE_TRIES)
			return 0;
		t->handle_tries++;
		u64 frame = ww_handle_frame(ww_python_frame(python, t->python), context, t->version);
		if (!frame)
			return 0;
		t->handle_frame = frame;
		t->handle_tries = 0; /* there is one: it may move again, in all of the thread's life */
		handle = ww_frame_local(frame, 0, t->version);
	}
	return ww_handle_task(handle, t->version);
}

/*
 * Whether the Handle that the running thread's loop runs is one that sends the rest of what did not fit: a transport's
 * _write_ready(), from 3.12 on by another name, or _sock_sendall() of the loop.
 */
WW_GLOBAL1(int, ww_handle_writes, T, t)
{
	u64 handle = t && t->handle_frame ? ww_frame_local(t->handle_frame, 0, t->version) : 0;
	u64 callback = handle ? ww_user_word(handle + WW_HANDLE_CALLBACK) : 0;
	if (!callback || (ww_type_name(callback) & WW_WORD7_MASK) != WW_WORD8('m', 'e', 't', 'h', 'o', 'd', 0, 0))
		return 0;
	struct ww_name name = ww_function_name(ww_user_word(callback + WW_METHOD_FUNCTION), t->version);
	return ww_name_is(name, "_write_ready") || ww_name_is(name, "_sock_sendall") ||
	       ww_name_is(name, "_write_sendmsg") || ww_name_is(name, "_write_send");
}

#endif
