/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of the syscalls that block or that move a message's bytes, per architecture (the kernel's
 * arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h).
 */
#ifndef WHYWAIT_SYSCALLS_H
#define WHYWAIT_SYSCALLS_H

#include "storage.bpf.h"

#if defined(__TARGET_ARCH_x86)
enum {
	WW_SYS_READ = 0,
	WW_SYS_WRITE = 1,
	WW_SYS_POLL = 7,
	WW_SYS_PREAD64 = 17,
	WW_SYS_PWRITE64 = 18,
	WW_SYS_READV = 19,
	WW_SYS_WRITEV = 20,
	WW_SYS_SELECT = 23,
	WW_SYS_MSYNC = 26,
	WW_SYS_NANOSLEEP = 35,
	WW_SYS_SENDFILE = 40,
	WW_SYS_CONNECT = 42,
	WW_SYS_ACCEPT = 43,
	WW_SYS_SENDTO = 44,
	WW_SYS_RECVFROM = 45,
	WW_SYS_SENDMSG = 46,
	WW_SYS_RECVMSG = 47,
	WW_SYS_WAIT4 = 61,
	WW_SYS_FCNTL = 72,
	WW_SYS_FLOCK = 73,
	WW_SYS_FSYNC = 74,
	WW_SYS_FDATASYNC = 75,
	WW_SYS_SYNC = 162,
	WW_SYS_FUTEX = 202,
	WW_SYS_CLOCK_NANOSLEEP = 230,
	WW_SYS_EPOLL_WAIT = 232,
	WW_SYS_WAITID = 247,
	WW_SYS_PSELECT6 = 270,
	WW_SYS_PPOLL = 271,
	WW_SYS_SPLICE = 275,
	WW_SYS_SYNC_FILE_RANGE = 277,
	WW_SYS_EPOLL_PWAIT = 281,
	WW_SYS_ACCEPT4 = 288,
	WW_SYS_RECVMMSG = 299,
	WW_SYS_SYNCFS = 306,
	WW_SYS_SENDMMSG = 307,
	WW_SYS_EPOLL_PWAIT2 = 441,
	WW_SYS_FUTEX_WAITV = 449,
	WW_SYS_FUTEX_WAIT = 455,
};
#define WW_REGS_NR(regs)   ww_field(regs, orig_ax)
#define WW_REGS_ARG1(regs) ww_field(regs, di)
#define WW_REGS_ARG2(regs) ww_field(regs, si)
#define WW_REGS_ARG3(regs) ww_field(regs, dx)
#define WW_REGS_ARG4(regs) ww_field(regs, r10)
#define WW_REGS_ARG5(regs) ww_field(regs, r8)
#endif

#endif
