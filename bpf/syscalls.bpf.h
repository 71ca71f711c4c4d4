/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of the syscalls that block or that move a message's bytes, per architecture (the kernel's
 * arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h), and where the saved registers have
 * the call's number, which is negative outside of a call, and its arguments.
 */
#ifndef WHYWAIT_SYSCALLS_BPF_H
#define WHYWAIT_SYSCALLS_BPF_H

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
#define WW_REGS_NR(r)	((r)->orig_ax)
#define WW_REGS_ARG1(r) ((r)->di)
#define WW_REGS_ARG2(r) ((r)->si)
#define WW_REGS_ARG3(r) ((r)->dx)
#define WW_REGS_ARG4(r) ((r)->r10)
#define WW_REGS_ARG5(r) ((r)->r8)
#elif defined(__TARGET_ARCH_arm64)
enum {
	WW_SYS_EPOLL_PWAIT = 22,
	WW_SYS_FCNTL = 25,
	WW_SYS_FLOCK = 32,
	WW_SYS_READ = 63,
	WW_SYS_WRITE = 64,
	WW_SYS_READV = 65,
	WW_SYS_WRITEV = 66,
	WW_SYS_PREAD64 = 67,
	WW_SYS_PWRITE64 = 68,
	WW_SYS_SENDFILE = 71,
	WW_SYS_PSELECT6 = 72,
	WW_SYS_PPOLL = 73,
	WW_SYS_SPLICE = 76,
	WW_SYS_SYNC = 81,
	WW_SYS_FSYNC = 82,
	WW_SYS_FDATASYNC = 83,
	WW_SYS_SYNC_FILE_RANGE = 84,
	WW_SYS_WAITID = 95,
	WW_SYS_FUTEX = 98,
	WW_SYS_NANOSLEEP = 101,
	WW_SYS_CLOCK_NANOSLEEP = 115,
	WW_SYS_ACCEPT = 202,
	WW_SYS_CONNECT = 203,
	WW_SYS_SENDTO = 206,
	WW_SYS_RECVFROM = 207,
	WW_SYS_SENDMSG = 211,
	WW_SYS_RECVMSG = 212,
	WW_SYS_MSYNC = 227,
	WW_SYS_ACCEPT4 = 242,
	WW_SYS_RECVMMSG = 243,
	WW_SYS_WAIT4 = 260,
	WW_SYS_SYNCFS = 267,
	WW_SYS_SENDMMSG = 269,
	WW_SYS_EPOLL_PWAIT2 = 441,
	WW_SYS_FUTEX_WAITV = 449,
	WW_SYS_FUTEX_WAIT = 455,
	/* Calls that it does not have; no call has these numbers. */
	WW_SYS_POLL = 100000,
	WW_SYS_SELECT = 100001,
	WW_SYS_EPOLL_WAIT = 100002,
};
/* regs[0] holds the result at the end of the call. */
#define WW_REGS_NR(r)	((r)->syscallno)
#define WW_REGS_ARG1(r) ((r)->orig_x0)
#define WW_REGS_ARG2(r) ((r)->regs[1])
#define WW_REGS_ARG3(r) ((r)->regs[2])
#define WW_REGS_ARG4(r) ((r)->regs[3])
#define WW_REGS_ARG5(r) ((r)->regs[4])
#else
#error "the system calls of this architecture have no numbers yet"
#endif

#endif
