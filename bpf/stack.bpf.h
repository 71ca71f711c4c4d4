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

struct ww_stack_room {
	u64 taken;
	struct ww_stack record;
	u8 user[WW_STACK_BYTES];
};

/* What runs may be sampled in the middle of taking the stack of what is switched from. */
enum ww_stack_room_of { WW_STACK_SWITCHED, WW_STACK_RUNNING, WW_STACK_ROOMS };

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

/* The beginning of CPython 3.11's _PyInterpreterFrame (Include/internal/pycore_frame.h). */
struct ww_python_frame {
	u64 function;
	u64 globals;
	u64 builtins;
	u64 locals;
	u64 code;
	u64 object;
	u64 previous;
	u64 at;
	u32 stacktop;
	u8 entry;
	u8 pad[3];
};

/*
 * CPython's frames are not on the thread's stack, and gone as soon as it goes on, so they are followed here; what they
 * are called is read by user space.
 */
static __always_inline void ww_stack_python_read(struct ww_stack *s, struct ww_thread *t, u32 tgid)
{
	s->python_len = 0;
	s->python_minor = 0;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	if (!python || !python->cframe)
		return;
	if (!ww_python_frames_of(t, python))
		return;
	s->python_minor = python->minor;
	u64 at = ww_python_frame(python, t->frames_of);
	for (u32 i = 0; i < WW_STACK_PYTHON && at; i++) {
		struct ww_python_frame frame;
		if (bpf_probe_read_user(&frame, sizeof(frame), (void *)at))
			break;
		s->python[i].code = frame.code;
		s->python[i].at = (frame.at & ~(u64)WW_STACK_ENTRY) | (frame.entry ? WW_STACK_ENTRY : 0);
		s->python_len = i + 1;
		at = frame.previous;
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
	s->tgid = id >> 32;
	s->tid = id;
	ww_stack_registers(s, ww_task_regs(task));
	ww_stack_python_read(s, t, s->tgid);
	long kernel = of == WW_STACK_RUNNING ? bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0)
					     : bpf_get_task_stack(task, s->kernel, sizeof(s->kernel), 0);
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
	if (bpf_ringbuf_output(&ww_stacks, s, size, BPF_RB_NO_WAKEUP)) {
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

#endif
