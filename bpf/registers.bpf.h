/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the saved registers of a task have the number of the syscall that it is in, negative when it is in none, and
 * the arguments, per architecture.
 */
#ifndef WHYWAIT_REGISTERS_H
#define WHYWAIT_REGISTERS_H

#include "storage.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define WW_REG_NR   orig_ax
#define WW_REG_ARG1 di
#define WW_REG_ARG2 si
#define WW_REG_ARG3 dx
#define WW_REG_ARG4 r10
#define WW_REG_ARG5 r8
#define WW_REG_GO   r14 /* in Go's code: the goroutine; */
#define WW_REG_JAVA r15 /* in HotSpot's: its JavaThread */
#define WW_REG_GO_1 ax	/* a function's first argument, and its result, */
#define WW_REG_GO_2 bx	/* and the next */
#define WW_REG_GO_3 cx
#define WW_REG_GO_4 di
#define WW_REG_V8   si /* in V8's code: the context of the function that is called */
#elif defined(__TARGET_ARCH_arm64)
#define WW_REG_NR   syscallno
#define WW_REG_ARG1 orig_x0 /* regs[0] is where the result goes */
#define WW_REG_ARG2 regs[1]
#define WW_REG_ARG3 regs[2]
#define WW_REG_ARG4 regs[3]
#define WW_REG_ARG5 regs[4]
#define WW_REG_GO   regs[28]
#define WW_REG_JAVA regs[28]
#define WW_REG_GO_1 regs[0]
#define WW_REG_GO_2 regs[1]
#define WW_REG_GO_3 regs[2]
#define WW_REG_GO_4 regs[3]
#define WW_REG_V8   regs[27]
#endif

#define WW_REGS_SP(of)	 ww_field(of, sp) /* of its stack in user space */
#define WW_REGS_NR(of)	 ww_field(of, WW_REG_NR)
#define WW_REGS_ARG1(of) ww_field(of, WW_REG_ARG1)
#define WW_REGS_ARG2(of) ww_field(of, WW_REG_ARG2)
#define WW_REGS_ARG3(of) ww_field(of, WW_REG_ARG3)
#define WW_REGS_ARG4(of) ww_field(of, WW_REG_ARG4)
#define WW_REGS_ARG5(of) ww_field(of, WW_REG_ARG5)
#define WW_REGS_GO(of)	 ww_field(of, WW_REG_GO)
#define WW_REGS_JAVA(of) ww_field(of, WW_REG_JAVA)

#endif
