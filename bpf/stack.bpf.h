/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking the stack of the task that runs: its registers, the kernel's addresses, and the bytes of the user's stack,
 * which user space unwinds. Most programs are built without frame pointers, so there is nothing to follow here.
 */
#ifndef WHYWAIT_STACK_H
#define WHYWAIT_STACK_H

#include "python.bpf.h"
#include "registers.bpf.h"

#define WW_STACK_PAGE 4096

#define WW_PYTHON_WORDS	    14 /* that are read of a frame of CPython's, */
#define WW_PYTHON_WORDS_NEW 9  /* from 3.11 on */

struct ww_stack_room {
	u64 taken;
	u64 took_ns;		    /* the last one */
	u64 at;			    /* the next frame of CPython's */
	u64 words[WW_PYTHON_WORDS]; /* of one */
	struct ww_stack record;
	u8 user[WW_STACK_BYTES];
};

/* What runs may be sampled, and be switched from, in the middle of taking another stack. */
enum ww_stack_room_of { WW_STACK_SWITCHED, WW_STACK_RUNNING, WW_STACK_SENDING, WW_STACK_ROOMS };

/* By CPU and enum ww_stack_room_of: more than a map for each CPU takes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* sized before loading */
	__type(key, u32);
	__type(value, struct ww_stack_room);
} ww_stack_rooms SEC(".maps") __weak;

#if defined(__TARGET_ARCH_x86)
static __always_inline void ww_stack_registers(struct ww_stack *s, struct pt_regs *regs)
{
	s->registers[0] = ww_field(regs, ax);
	s->registers[1] = ww_field(regs, dx);
	s->registers[2] = ww_field(regs, cx);
	s->registers[3] = ww_field(regs, bx);
	s->registers[4] = ww_field(regs, si);
	s->registers[5] = ww_field(regs, di);
	s->registers[6] = ww_field(regs, bp);
	s->registers[7] = ww_field(regs, sp);
	s->registers[8] = ww_field(regs, r8);
	s->registers[9] = ww_field(regs, r9);
	s->registers[10] = ww_field(regs, r10);
	s->registers[11] = ww_field(regs, r11);
	s->registers[12] = ww_field(regs, r12);
	s->registers[13] = ww_field(regs, r13);
	s->registers[14] = ww_field(regs, r14);
	s->registers[15] = ww_field(regs, r15);
	s->registers[16] = ww_field(regs, ip);
	s->sp = s->registers[7];
	s->pc = s->registers[16];
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline void ww_stack_registers(struct ww_stack *s, struct pt_regs *regs)
{
	for (u32 i = 0; i < 31; i++)
		s->registers[i] = ww_field(regs, regs[i]);
	s->registers[31] = ww_field(regs, sp);
	s->registers[32] = ww_field(regs, pc);
	s->sp = s->registers[31];
	s->pc = s->registers[32];
}
#endif

/* Page by page: a part of it may not be in memory, or not be there at all. */
static __always_inline u32 ww_stack_read(struct ww_stack_room *room, u64 at)
{
	u32 len = 0;
	for (u32 i = 0; i <= WW_STACK_BYTES / WW_STACK_PAGE; i++) {
		u32 part = WW_STACK_PAGE - (at & (WW_STACK_PAGE - 1));
		barrier_var(len);
		if (len > WW_STACK_BYTES - WW_STACK_PAGE)
			break;
		if (bpf_probe_read_user(room->user + len, part, (void *)at))
			break;
		len += part;
		at += part;
	}
	return len;
}

#define WW_STACK_PYTHON_STEPS 192 /* frames, and between them beginnings of calls of the interpreter */

/*
 * Reads the frame at room->at, and says whether there is one more, at the new room->at. By words: PyFrameObject
 * (Include/frameobject.h) before 3.11, _PyInterpreterFrame (Include/internal/pycore_frame.h).
 */
WW_GLOBAL1(int, ww_stack_python_frame, N, number)
{
	u32 slot = number;
	struct ww_stack_room *room = bpf_map_lookup_elem(&ww_stack_rooms, &slot);
	if (!room || room->record.python_len >= WW_STACK_PYTHON)
		return 0;
	u64 *w = room->words;
	u32 minor = room->record.python_minor, n = room->record.python_len;
	struct ww_stack_python *of = &room->record.python[n & (WW_STACK_PYTHON - 1)];
	struct ww_stack_python *last = &room->record.python[(n - 1) & (WW_STACK_PYTHON - 1)];
	u32 words = minor < WW_PYTHON_NATIVE ? WW_PYTHON_WORDS : WW_PYTHON_WORDS_NEW;
	if (bpf_probe_read_user(w, words * sizeof(u64), (void *)room->at))
		return 0;
	if (minor < WW_PYTHON_NATIVE) {
		of->code = w[4];
		/* f_lasti, a number; each call has one of the interpreter's. */
		of->at = (w[minor < 10 ? 13 : 12] & 0xffffffff) << 1 | WW_STACK_ENTRY;
		room->at = w[3];
	} else if (minor == WW_PYTHON_NATIVE) {
		of->code = w[4];
		of->at = (w[7] & ~(u64)WW_STACK_ENTRY) | (w[8] >> 32 & 0xff ? WW_STACK_ENTRY : 0);
		room->at = w[6];
	} else {
		room->at = w[1];
		if ((w[8] >> 48 & 0xff) == WW_PYTHON_SHIM) {
			/* None of a program's: it says that the one before begins a call of the interpreter. */
			if (n)
				last->at |= WW_STACK_ENTRY;
			return room->at != 0;
		}
		of->code = w[0];
		of->at = w[7] & ~(u64)WW_STACK_ENTRY;
	}
	room->record.python_len = n + 1;
	return room->at != 0;
}

/*
 * CPython's frames are not on the thread's stack, and gone as soon as it goes on, so they are followed here; what they
 * are called is read by user space.
 */
static __always_inline void ww_stack_python_read(struct ww_stack_room *room, u32 slot, struct ww_thread *t, u32 tgid)
{
	struct ww_stack *s = &room->record;
	s->python_len = 0;
	s->python_minor = 0;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	if (!python)
		return;
	if (!ww_python_frames_of(t, python))
		return;
	room->at = ww_python_frame(python, t->frames_of);
	s->python_minor = python->minor;
	for (u32 i = 0; i < WW_STACK_PYTHON_STEPS; i++) {
		if (!ww_stack_python_frame(slot))
			break;
	}
}

/* Takes the stack of the task that runs and sends it; its number, or 0. `ctx` is of the clock's program. */
static __always_inline u64 ww_stack_take(void *ctx, struct task_struct *task, struct ww_thread *t, u32 of)
{
	u32 cpu = bpf_get_smp_processor_id(), slot = cpu * WW_STACK_ROOMS + of;
	struct ww_stack_room *room = bpf_map_lookup_elem(&ww_stack_rooms, &slot);
	if (!room)
		return 0;
	struct ww_stack *s = &room->record;
	u64 id = bpf_get_current_pid_tgid();
	room->taken++;
	s->type = WW_STACK_TAKEN;
	s->on_cpu = of == WW_STACK_RUNNING;
	s->id = room->taken << 24 | slot;
	s->at_ns = bpf_ktime_get_ns();
	s->took_ns = room->took_ns;
	s->tgid = id >> 32;
	s->tid = id;
	ww_stack_registers(s, ww_task_regs(task));
	ww_stack_python_read(room, slot, t, s->tgid);
	long kernel = 0;
	if (of == WW_STACK_RUNNING)
		kernel = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0);
	else if (of == WW_STACK_SWITCHED)
		kernel = bpf_get_task_stack(task, s->kernel, sizeof(s->kernel), 0);
	s->kernel_len = kernel > 0 ? kernel / sizeof(u64) : 0;
	u32 len = ww_stack_read(room, s->sp);
	s->user_len = len;
	if (!len)
		ww_count(WW_COUNT_STACK_UNREAD);
	u64 size = sizeof(*s) + len;
	barrier_var(size);
	if (size > sizeof(*s) + WW_STACK_BYTES)
		return 0;
	s->size = size;
	long full = bpf_ringbuf_output(&ww_stacks, s, size, BPF_RB_NO_WAKEUP);
	room->took_ns = bpf_ktime_get_ns() - s->at_ns;
	if (full) {
		ww_count(WW_COUNT_STACK_RING_FULL);
		return 0;
	}
	return s->id;
}

/* Of one that is about to sleep, or to make room for another. */
static __noinline u64 ww_stack_of_switch(struct task_struct *task, struct ww_thread *t)
{
	return t ? ww_stack_take(NULL, task, t, WW_STACK_SWITCHED) : 0;
}

/*
 * An event loop, or a goroutine, sends for the request: where its code is now is where it gives up control, and where
 * it is said to be until it goes on. When it has done so the thread's stack is the loop's own.
 */
WW_GLOBAL2(int, ww_stack_of_send, R, r, T, t)
{
	if (r && t)
		r->stack = ww_stack_take(NULL, ww_current(), t, WW_STACK_SENDING);
	return 0;
}

#endif
