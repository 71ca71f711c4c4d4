/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What CPython keeps of the thread that runs: user space has told where (ww_pythons). */
#ifndef WHYWAIT_PYTHON_H
#define WHYWAIT_PYTHON_H

#include "global.bpf.h"
#include "programs.bpf.h"

#define WW_PYTHON_FIRST	   8 /* minor version of CPython 3 in the table, */
#define WW_PYTHON_VERSIONS 8 /* and how many there is room for */

/* In the table, by minor version. */
enum {
	WW_PYTHON_3_11 = 11 - WW_PYTHON_FIRST,
	WW_PYTHON_3_12,
	WW_PYTHON_3_13,
	WW_PYTHON_3_14,
};

/* Offsets in its objects that differ by version; user space has those in the state of its threads. */
struct ww_python_offsets {
	u16 text;	    /* of a PyUnicodeObject of ASCII characters */
	u16 frame_code;	    /* _PyInterpreterFrame.f_code, f_executable */
	u16 frame_previous; /* .previous */
	u16 frame_function; /* .f_func, f_funcobj */
	u16 frame_locals;   /* .localsplus */
	u8 frame_owner;	    /* .owner, a char; 0: frames between those of functions there are none */
	u8 worker_queue;    /* variables of concurrent.futures.thread._worker(), */
	u8 worker_item;
	u16 code_args;	  /* PyCodeObject.co_argcount */
	u16 tuple;	  /* PyTupleObject.ob_item */
	u16 coro_code;	  /* PyCoroObject.cr_code, cr_iframe.f_executable */
	u16 coro_state;	  /* PyCoroObject.cr_frame_state, a char */
	u16 future_state; /* FutureObj.fut_state: 0, it is pending */
	u16 task_waits;	  /* TaskObj.task_fut_waiter; task_coro, task_name, task_context come behind it */
	u16 task_print;	  /* what of a Task's name tells it from another one's */
	u8 numbers;	  /* a Task's name is a number until somebody asks for it */
	u8 values;	  /* enum ww_python_values */
	u8 rings;	  /* a SimpleQueue is no list any more */
};

/* Where the attributes of an object without a dict are. */
enum ww_python_values {
	WW_VALUES_APART,  /* by a pointer in front of it, */
	WW_VALUES_TAGGED, /* by one whose lowest bit says that it is not to a dict, */
	WW_VALUES_INLINE, /* or behind it */
};

static const struct ww_python_offsets ww_python_versions[WW_PYTHON_VERSIONS] = {
	[WW_PYTHON_3_11] =
		{
			.text = 48,
			.frame_code = 32,
			.frame_previous = 48,
			.frame_function = 0,
			.frame_locals = 72,
			.worker_queue = 1,
			.worker_item = 5,
			.code_args = 56,
			.tuple = 24,
			.coro_code = 16,
			.coro_state = 75,
			.future_state = 88,
			.task_waits = 128,
			.task_print = 48 + 5,
			.values = WW_VALUES_APART,
		},
	[WW_PYTHON_3_12] =
		{
			.text = 40,
			.frame_code = 0,
			.frame_previous = 8,
			.frame_function = 16,
			.frame_locals = 72,
			.frame_owner = 70,
			.worker_queue = 1,
			.worker_item = 5,
			.code_args = 52,
			.tuple = 24,
			.coro_code = 72,
			.coro_state = 67,
			.future_state = 88,
			.task_waits = 128,
			.task_print = 24,
			.numbers = 1,
			.values = WW_VALUES_TAGGED,
		},
	[WW_PYTHON_3_13] =
		{
			.text = 40,
			.frame_code = 0,
			.frame_previous = 8,
			.frame_function = 16,
			.frame_locals = 72,
			.frame_owner = 70,
			.worker_queue = 1,
			.worker_item = 5,
			.code_args = 52,
			.tuple = 24,
			.coro_code = 72,
			.coro_state = 67,
			.future_state = 96,
			.task_waits = 112,
			.task_print = 24,
			.numbers = 1,
			.values = WW_VALUES_INLINE,
			.rings = 1,
		},
	[WW_PYTHON_3_14] =
		{
			.text = 40,
			.frame_code = 0,
			.frame_previous = 8,
			.frame_function = 16,
			.frame_locals = 80,
			.frame_owner = 74,
			.worker_queue = 2,
			.worker_item = 4,
			.code_args = 52,
			.tuple = 32,
			.coro_code = 72,
			.coro_state = 67,
			.future_state = 104,
			.task_waits = 120,
			.task_print = 24,
			.numbers = 1,
			.values = WW_VALUES_INLINE,
			.rings = 1,
		},
};

#define WW_PYTHON_THREADS 256 /* thread states looked at to find one */
#define WW_PYTHON_SOME	  8
#define WW_PYTHON_FOUND	  1ull /* a bit that no address of one has */

/* The thread's id in its own pid namespace, which is what CPython knows. */
static __always_inline u32 ww_own_tid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	int nr = 0;
	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (const char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr));
	return nr;
}

#define WW_PYTHON_NATIVE 11 /* from 3.11 on threads are known by the kernel's number */

/* What glibc and musl have as pthread_self(). On arm64 it is some bytes before that, how many they don't say. */
static __always_inline u64 ww_pthread_self(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread.fsbase);
#else
	return 0;
#endif
}

/* The frame that a thread is in; 0: none yet. */
static __always_inline u64 ww_python_frame(const struct ww_python *python, u64 state)
{
	u64 at = python->cframe ? ww_user_word(state + python->cframe) : state;
	return ww_user_word(at + python->current_frame);
}

static __always_inline struct ww_python *ww_python_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_pythons, &tgid);
}

/*
 * Looks for a thread's PyThreadState from `state` on, at some of them: apart from the others for the verifier, which
 * looks at each turn of a loop. Returns it with WW_PYTHON_FOUND, or the one to go on with, or 0.
 */
__weak u64 ww_python_state_some(u64 state, u64 tid, u32 tgid)
{
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	if (!python)
		return 0;
	for (u32 i = 0; i < WW_PYTHON_SOME && state; i++) {
		/* One of a thread that has not begun to run has its maker's id. */
		if (ww_user_word(state + python->id) == tid && ww_python_frame(python, state))
			return state | WW_PYTHON_FOUND;
		state = ww_user_word(state + python->next) & ~WW_PYTHON_FOUND;
	}
	return state;
}

/* The PyThreadState of a thread of the running process; 0 when none is found. */
WW_GLOBAL1(u64, ww_python_state_of, N, tid)
{
	struct ww_python *python = ww_python_of();
	if (!python)
		return 0;
	u64 state = ww_user_word(ww_user_word(python->runtime + python->interpreters) + python->threads);
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	for (u32 i = 0; i < WW_PYTHON_THREADS / WW_PYTHON_SOME && state; i++) {
		state = ww_python_state_some(state & ~WW_PYTHON_FOUND, tid, tgid);
		if (state & WW_PYTHON_FOUND)
			return state & ~WW_PYTHON_FOUND;
	}
	return 0;
}

/* The running thread's. */
static __always_inline u64 ww_python_state(const struct ww_python *python)
{
	return ww_python_state_of(python->minor < WW_PYTHON_NATIVE ? ww_pthread_self(ww_current())
								   : ww_own_tid(ww_current()));
}

#define WW_PYTHON_TRIES 100 /* what is no CPython by then is none */

__u32 ww_python_loops __weak = 0; /* there are event loops of CPython's */

/* Finds the thread's PyThreadState, once. */
WW_GLOBAL1(int, ww_python_find, T, t)
{
	if (!t)
		return 0;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	t->python_tries++;
	if (!python)
		return 0; /* not known yet: asked again */
	t->python_tries = WW_PYTHON_TRIES;
	if (python->context)
		t->python = ww_python_state(python);
	t->version = python->minor - WW_PYTHON_FIRST;
	t->untold = !t->python;
	/* Before it has read a request; else that is begun when one is answered (carrier.bpf.h). */
	struct ww_uvloop *uv = python->uvloop == WW_UVLOOP_FOLLOWED ? bpf_map_lookup_elem(&ww_uvloops, &tgid) : NULL;
	t->uvloop = uv && t->python && !t->served_len && uv->thread == t->python;
	return 0;
}

/* A thread of the process that is followed runs an event loop. */
static __always_inline void ww_python_is_loop(struct ww_python *python)
{
	if (!python->loops) {
		python->loops = 1;
		ww_python_loops = 1;
	}
}

/* User space may learn of a process a little late, and a new thread has no frame before it has the interpreter's lock.
 */
#define WW_FRAMES_TRIES 200

/* Whether the running thread's PyThreadState is known, as t->frames_of. */
static __always_inline bool ww_python_frames_of(struct ww_thread *t, const struct ww_python *python)
{
	if (!t->frames_of && t->frames_tries < WW_FRAMES_TRIES) {
		t->frames_tries++;
		t->frames_of = ww_python_state(python);
	}
	return t->frames_of != 0;
}

/* ---- frames ---- */

#define WW_WORD8(a, b, c, d, e, f, g, h) (WW_WORD4(a, b, c, d) | WW_WORD4(e, f, g, h) << 32)
#define WW_WORD7_MASK			 0xffffffffffffffull
#define WW_WORD6_MASK			 0xffffffffffffull
#define WW_WORD5_MASK			 0xffffffffffull
#define WW_WORD4_MASK			 0xffffffffull

/* Offsets in CPython's objects, from 3.11 on. */
#define WW_PYTHON_TYPE	    8 /* PyObject.ob_type */
#define WW_PYTHON_TYPE_NAME 24
#define WW_PYTHON_CODE_NAME 120	 /* PyCodeObject.co_name */
#define WW_PYTHON_FLAGS	    48	 /* PyCodeObject.co_flags, an int as those behind it */
#define WW_PYTHON_SIZE	    16	 /* PyVarObject.ob_size */
#define WW_PYTHON_DIGIT	    24	 /* of a PyLongObject, which a bool is: the first one */
#define WW_PYTHON_LIST	    24	 /* PyListObject.ob_item, a pointer */
#define WW_PYTHON_TAGS	    3ull /* of a _PyStackRef; no object's address has them */
#define WW_PYTHON_SHIM	    3	 /* FRAME_OWNED_BY_CSTACK, _INTERPRETER: where one of its calls begins, no function's */

static __always_inline const struct ww_python_offsets *ww_python_offsets(u32 version)
{
	return &ww_python_versions[version & (WW_PYTHON_VERSIONS - 1)];
}

/* The frame that a thread of the running process is in; 0: not known. The first time the thread is the running one. */
static __always_inline u64 ww_frame_of(struct ww_thread *t)
{
	struct ww_python *python = ww_python_of();
	if (!python || !python->context || !ww_python_frames_of(t, python))
		return 0;
	t->version = python->minor - WW_PYTHON_FIRST;
	return ww_python_frame(python, t->frames_of);
}

/* An object that a word of a frame refers to: from 3.14 on its lowest bits say who counts it. */
static __always_inline u64 ww_frame_object(u64 at)
{
	return ww_user_word(at) & ~WW_PYTHON_TAGS;
}

/* How the name of the frame's function begins. */
static __always_inline u64 ww_frame_name(u64 frame, u32 version)
{
	const struct ww_python_offsets *of = ww_python_offsets(version);
	return ww_user_word(ww_user_word(ww_frame_object(frame + of->frame_code) + WW_PYTHON_CODE_NAME) + of->text);
}

/* Where a variable of a frame's function is; what is read there has tags. */
static __always_inline u64 ww_frame_local_at(u64 frame, u32 n, u32 version)
{
	return frame + ww_python_offsets(version)->frame_locals + 8 * n;
}

static __always_inline u64 ww_frame_local(u64 frame, u32 n, u32 version)
{
	return ww_frame_object(ww_frame_local_at(frame, n, version));
}

/* The frame of who has called the function; 0: nobody has. */
__weak u64 ww_frame_below(u64 frame, u32 version)
{
	const struct ww_python_offsets *of = ww_python_offsets(version);
	u64 below = ww_user_word(frame + of->frame_previous);
	u32 owner = of->frame_owner;
	if (owner && below && (ww_user_word(below + (owner & ~7u)) >> 8 * (owner & 7) & 0xff) == WW_PYTHON_SHIM)
		below = ww_user_word(below + of->frame_previous);
	return below;
}

/* The first `n` variables, a constant, of a frame's function. */
static __always_inline bool ww_frame_locals(u64 *to, u32 n, u64 frame, u32 version)
{
	if (bpf_probe_read_user(to, 8 * n, (void *)ww_frame_local_at(frame, 0, version)))
		return false;
#pragma unroll
	for (u32 i = 0; i < n; i++)
		to[i] &= ~WW_PYTHON_TAGS;
	return true;
}

#define WW_WAIT_GOT_IT 4 /* a variable of threading.Condition.wait() */

/* Whether a frame in Condition.wait() has been notified, and waits for the condition's lock only. */
static __always_inline bool ww_frame_notified(u64 frame, u32 version)
{
	u64 got_it = ww_frame_local(frame, WW_WAIT_GOT_IT, version);
	return got_it && (u32)ww_user_word(got_it + WW_PYTHON_DIGIT) == 1;
}

#endif
