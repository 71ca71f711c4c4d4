/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What CPython keeps of the thread that runs: user space has told where (ww_pythons). */
#ifndef WHYWAIT_PYTHON_H
#define WHYWAIT_PYTHON_H

#include "global.bpf.h"
#include "programs.bpf.h"

#define WW_PYTHON_THREADS 64 /* thread states looked at to find the own one */
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

/* The running thread's PyThreadState; 0 when none is found. */
static __always_inline u64 ww_python_state(const struct ww_python *python)
{
	u64 tid = python->minor < WW_PYTHON_NATIVE ? ww_pthread_self(ww_current()) : ww_own_tid(ww_current());
	u64 state = ww_user_word(ww_user_word(python->runtime + python->interpreters) + python->threads);
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	for (u32 i = 0; i < WW_PYTHON_THREADS / WW_PYTHON_SOME && state; i++) {
		state = ww_python_state_some(state & ~WW_PYTHON_FOUND, tid, tgid);
		if (state & WW_PYTHON_FOUND)
			return state & ~WW_PYTHON_FOUND;
	}
	return 0;
}

#define WW_FRAMES_TRIES 16 /* user space may learn of a process a little late */

/* Whether the running thread's PyThreadState is known, as t->frames_of. */
static __always_inline bool ww_python_frames_of(struct ww_thread *t, const struct ww_python *python)
{
	if (!t->frames_of && t->frames_tries < WW_FRAMES_TRIES) {
		t->frames_tries++;
		t->frames_of = ww_python_state(python);
	}
	return t->frames_of != 0;
}

#endif
