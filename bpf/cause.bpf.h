/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a task blocks, read at switch-out from the syscall that it is in. Only sockets stay open there: whose socket
 * ended the wait is known when the thread touches one (WW_OFF_SOCKET).
 */
#ifndef WHYWAIT_CAUSE_H
#define WHYWAIT_CAUSE_H

#include "interpreter.bpf.h"
#include "maps.bpf.h"
#include "registers.bpf.h"
#include "syscalls.bpf.h"

#define WW_TASK_STOPPED 0x4
#define WW_TASK_TRACED	0x8

#define S_IFMT	 00170000
#define S_IFSOCK 0140000
#define S_IFREG	 0100000
#define S_IFBLK	 0060000
#define S_IFIFO	 0010000

struct ww_blocked {
	struct ww_cause cause;
	bool may_idle; /* a futex on which a pool's thread waits for work, if it has none */
	bool waits;    /* for a futex on which conditions and semaphores are built */
	bool told;     /* whether it is for an interpreter's lock is certain */
	u8 timed;      /* enum ww_timed, but for what `told` adds */
	u64 futex;
	u64 sp;		/* of a wait for a futex */
	u64 timeout_ns; /* of a wait for sockets; 0: none */
	u8 off;		/* enum ww_off */
};

static __always_inline struct ww_cause ww_named(u8 kind, u32 name)
{
	struct ww_cause cause = {.kind = kind, .type = WW_DETAIL_NAME, .value = name};
	return cause;
}

/* What a file descriptor of the task is open on; NULL: nothing. */
static __always_inline struct inode *ww_fd_inode(struct task_struct *p, u64 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(p, files, fdt);
	if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	struct file **fds = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;
	if (bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]) || !file)
		return NULL;
	return BPF_CORE_READ(file, f_inode);
}

/* The type bits of what a file descriptor of the task is; 0 for anonymous inodes (eventfd, epoll) and failures. */
static __always_inline u32 ww_fd_type(struct task_struct *p, u64 fd)
{
	struct inode *inode = ww_fd_inode(p, fd);
	return inode ? BPF_CORE_READ(inode, i_mode) & S_IFMT : 0;
}

/* What waiting for a file descriptor is, when it is read from or written to. */
static __always_inline void ww_cause_of_fd(struct ww_blocked *b, struct task_struct *p, u64 fd, u32 disk_name)
{
	switch (ww_fd_type(p, fd)) {
	case S_IFSOCK:
		b->off = WW_OFF_SOCKET;
		break;
	case S_IFIFO:
		b->cause = ww_named(WW_KIND_IPC, WW_NAME_PIPE);
		break;
	case S_IFREG:
	case S_IFBLK:
		b->cause = ww_named(WW_KIND_DISK, disk_name);
		break;
	case 0:
		b->cause = ww_named(WW_KIND_IPC, WW_NAME_EVENTFD);
		break;
	}
}

#define WW_FUTEX_CMD	     0x7f /* FUTEX_CMD_MASK, without the flags */
#define WW_FUTEX_WAIT_BITSET 9

#define WW_FUTEX_REALTIME 0x100
#define WW_FUTEX_LONG_NS  100000000

/* Where a futex is: a condition of glibc's has two words side by side, and uses them in turn. */
#define WW_FUTEX_PLACE(address) ((u64)(address) >> 3)

/* Whether a wait for a futex, of a task with the memory of the current one, has no timeout, or one that is far off. */
static __always_inline bool ww_futex_long(const struct pt_regs *regs)
{
	u64 timeout[2], address = WW_REGS_ARG4(regs);
	u32 operation = WW_REGS_ARG2(regs);
	if (!address)
		return true;
	if ((operation & WW_FUTEX_CMD) != WW_FUTEX_WAIT_BITSET || operation & WW_FUTEX_REALTIME ||
	    bpf_probe_read_user(timeout, sizeof(timeout), (void *)address))
		return false;
	return timeout[0] * 1000000000 + timeout[1] >= bpf_ktime_get_ns() + WW_FUTEX_LONG_NS;
}

/*
 * A wait for work is on a semaphore or a condition (glibc: FUTEX_WAIT_BITSET), or at least not on a contended mutex
 * (glibc's low-level lock waits for the value 2). CPython's interpreter lock is waited for with a short timeout.
 */
static __always_inline bool ww_futex_may_idle(const struct pt_regs *regs)
{
	u32 command = WW_REGS_ARG2(regs) & WW_FUTEX_CMD, value = WW_REGS_ARG3(regs);
	return (command == WW_FUTEX_WAIT_BITSET || value != 2) && ww_futex_long(regs);
}

/* `nr` as in struct ww_cause. */
static __always_inline bool ww_is_epoll(u32 nr)
{
	return nr == WW_SYS_EPOLL_WAIT + 1 || nr == WW_SYS_EPOLL_PWAIT + 1 || nr == WW_SYS_EPOLL_PWAIT2 + 1;
}

static __always_inline u64 ww_timeout_ms(u64 ms)
{
	s32 signed_ms = (s32)ms;
	return signed_ms > 0 ? (u64)signed_ms * 1000000 : 0;
}

/* A struct timespec or timeval in the task's memory, as nanoseconds; the task is the current one at switch-out. */
static __always_inline u64 ww_timeout_user(u64 address, u64 unit_ns)
{
	u64 time[2];
	if (!address || bpf_probe_read_user(time, sizeof(time), (void *)address))
		return 0;
	return time[0] * 1000000000 + time[1] * unit_ns;
}

/* Whether the task, the current one at switch-out, waits in connect() for a TCP connection of its own. */
static __always_inline bool ww_connects(struct task_struct *p)
{
	struct pt_regs *regs = ww_task_regs(p);
	u16 family = 0;
	return !bpf_probe_read_user(&family, sizeof(family), (void *)WW_REGS_ARG2(regs)) &&
	       (family == AF_INET || family == AF_INET6);
}

/* Nothing but the timer ends it, a signal excepted. */
static __always_inline void ww_cause_of_sleep(struct ww_blocked *b)
{
	b->cause.kind = WW_KIND_SLEEP;
	b->cause.type = WW_DETAIL_NONE;
}

/* The hint for a poll of `n` descriptors: the first one tells, unless it is a socket. */
static __always_inline void ww_cause_of_poll(struct ww_blocked *b, struct task_struct *p, u64 fds, u64 n)
{
	s32 fd = -1;
	if (!n) {
		ww_cause_of_sleep(b);
		return;
	}
	b->off = WW_OFF_SOCKET;
	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)fds) || fd < 0)
		return;
	u32 type = ww_fd_type(p, fd);
	if (type == S_IFIFO)
		b->cause = ww_named(WW_KIND_IPC, WW_NAME_PIPE);
	else if (type == 0)
		b->cause = ww_named(WW_KIND_IPC, WW_NAME_EVENTFD);
}

#define WW_PLACE_KNOWN 2 /* having waited there so often, less how often elsewhere */
#define WW_PLACE_SURE  4

#define WW_IDLE_FRAMES 640 /* by so much its stack's depth may vary then, as its code is compiled */

/*
 * The thread waits for work: learns where it does, and how deep its stack is then at the most. On its way there it may
 * wait elsewhere, now and then.
 */
static __always_inline void ww_idles(struct ww_thread *t)
{
	if (t->place == t->futex) {
		if (t->futex_sp < t->idle_sp && t->idle_sp - t->futex_sp <= WW_IDLE_FRAMES)
			t->idle_sp = t->futex_sp;
		if (t->place_seen < WW_PLACE_SURE)
			t->place_seen++;
	} else if (t->place_seen) {
		t->place_seen--;
	} else {
		t->place = t->futex;
		t->idle_sp = t->futex_sp;
		t->place_seen = 1;
	}
}

#define WW_FRAME_CS_SS	0x002b000000000033 /* of code in user space, in what the kernel saves of it for a handler */
#define WW_FRAME_TURNS	16		   /* of a cell's words: what a handler has on its stack is less */
#define WW_FLAGS_ALWAYS 2		   /* of EFLAGS: the bit that is always set, and those that never are */
#define WW_FLAGS_NEVER	0xffffffff00000000

/* Whether such a frame may lie in the words that lie there; -1: they can't be read. */
WW_GLOBAL1(int, ww_in_handler_some, N, sp)
{
	struct ww_cell *cell = ww_cell_of(WW_CELL_LOCK);
	if (!cell || bpf_probe_read_user(cell->words, sizeof(cell->words), (void *)sp))
		return -1;
#pragma unroll
	for (u32 i = 1; i < sizeof(cell->words) / sizeof(cell->words[0]); i += 2) {
		if (cell->words[i] == WW_FRAME_CS_SS &&
		    (cell->words[i - 1] & (WW_FLAGS_NEVER | WW_FLAGS_ALWAYS)) == WW_FLAGS_ALWAYS)
			return 1;
	}
	return 0;
}

/*
 * Whether the task, the current one at switch-out, is in a signal's handler: above its stack's end lies the frame that
 * it will return through (arch/x86/include/uapi/asm/sigcontext.h), at an address that is 8 modulo 16.
 */
WW_GLOBAL1(int, ww_in_handler, N, sp)
{
#if defined(__TARGET_ARCH_x86)
	sp &= ~15ull;
	for (u32 turn = 0; turn < WW_FRAME_TURNS; turn++) {
		int found = ww_in_handler_some(sp);
		if (found)
			return found > 0;
		sp += sizeof(((struct ww_cell *)0)->words);
	}
#endif
	return 0;
}

static __noinline void ww_cause_of_block(struct ww_blocked *b, struct task_struct *task, u32 state)
{
	struct pt_regs *regs = ww_task_regs(task);
	s64 nr = (s64)WW_REGS_NR(regs);

	b->off = WW_OFF_BLOCKED;
	b->timeout_ns = 0;
	b->may_idle = false;
	b->timed = WW_TIMED_NOT;
	b->told = false;
	b->futex = 0;
	b->sp = 0;
	b->waits = false;
	b->cause.kind = WW_KIND_OTHER;
	b->cause.type = nr >= 0 ? WW_DETAIL_SYSCALL : WW_DETAIL_NONE;
	b->cause.value = nr >= 0 ? nr : 0;
	b->cause.nr = nr >= 0 ? nr + 1 : 0;

	if (state & (WW_TASK_STOPPED | WW_TASK_TRACED)) {
		b->cause = ww_named(WW_KIND_OTHER, WW_NAME_STOPPED);
		return;
	}
	bool io = BPF_CORE_READ_BITFIELD(task, in_iowait);
	switch (nr) {
	case WW_SYS_FUTEX:
		b->may_idle = ww_futex_may_idle(regs);
		b->timed = WW_REGS_ARG4(regs) ? WW_TIMED : WW_TIMED_NOT;
		b->waits = (WW_REGS_ARG2(regs) & WW_FUTEX_CMD) == WW_FUTEX_WAIT_BITSET;
		b->sp = WW_REGS_SP(regs);
		b->futex = WW_FUTEX_PLACE(WW_REGS_ARG1(regs));
		b->cause = ww_named(WW_KIND_LOCK, WW_NAME_FUTEX);
		if (ww_interpreters_known &&
		    ww_interpreter_waits(task->tgid, WW_REGS_ARG1(regs), b->sp, &b->cause, &b->told))
			b->may_idle = false;
		break;
	case WW_SYS_FUTEX_WAIT:
	case WW_SYS_FUTEX_WAITV:
		b->cause = ww_named(WW_KIND_LOCK, WW_NAME_FUTEX);
		break;
	case WW_SYS_EPOLL_WAIT:
	case WW_SYS_EPOLL_PWAIT:
		b->off = WW_OFF_SOCKET;
		b->timeout_ns = ww_timeout_ms(WW_REGS_ARG4(regs));
		break;
	case WW_SYS_EPOLL_PWAIT2:
		b->off = WW_OFF_SOCKET;
		b->timeout_ns = ww_timeout_user(WW_REGS_ARG4(regs), 1);
		break;
	case WW_SYS_POLL:
		ww_cause_of_poll(b, task, WW_REGS_ARG1(regs), WW_REGS_ARG2(regs));
		b->timeout_ns = ww_timeout_ms(WW_REGS_ARG3(regs));
		break;
	case WW_SYS_PPOLL:
		ww_cause_of_poll(b, task, WW_REGS_ARG1(regs), WW_REGS_ARG2(regs));
		b->timeout_ns = ww_timeout_user(WW_REGS_ARG3(regs), 1);
		break;
	case WW_SYS_SELECT:
	case WW_SYS_PSELECT6:
		/* CPython's time.sleep() until 3.10 is such a wait for no descriptor. */
		if (!WW_REGS_ARG1(regs)) {
			ww_cause_of_sleep(b);
			break;
		}
		b->off = WW_OFF_SOCKET;
		b->timeout_ns = ww_timeout_user(WW_REGS_ARG5(regs), nr == WW_SYS_SELECT ? 1000 : 1);
		break;
	case WW_SYS_RECVFROM:
	case WW_SYS_RECVMSG:
	case WW_SYS_RECVMMSG:
	case WW_SYS_SENDTO:
	case WW_SYS_SENDMSG:
	case WW_SYS_SENDMMSG:
	case WW_SYS_CONNECT:
	case WW_SYS_ACCEPT:
	case WW_SYS_ACCEPT4:
		b->off = WW_OFF_SOCKET;
		break;
	case WW_SYS_READ:
	case WW_SYS_READV:
	case WW_SYS_PREAD64:
		if (io)
			b->cause = ww_named(WW_KIND_DISK, WW_NAME_READ);
		else
			ww_cause_of_fd(b, task, WW_REGS_ARG1(regs), WW_NAME_READ);
		break;
	case WW_SYS_WRITE:
	case WW_SYS_WRITEV:
	case WW_SYS_PWRITE64:
		if (io)
			b->cause = ww_named(WW_KIND_DISK, WW_NAME_WRITE);
		else
			ww_cause_of_fd(b, task, WW_REGS_ARG1(regs), WW_NAME_WRITE);
		break;
	case WW_SYS_SENDFILE:
	case WW_SYS_SPLICE:
		if (io)
			b->cause = ww_named(WW_KIND_DISK, WW_NAME_READ);
		else
			b->off = WW_OFF_SOCKET;
		break;
	case WW_SYS_RT_SIGSUSPEND:
		if (ww_in_handler(WW_REGS_SP(regs)))
			b->timed = WW_TIMED_HALTED;
		break;
	case WW_SYS_NANOSLEEP:
	case WW_SYS_CLOCK_NANOSLEEP:
		ww_cause_of_sleep(b);
		break;
	case WW_SYS_FSYNC:
	case WW_SYS_FDATASYNC:
	case WW_SYS_SYNC:
	case WW_SYS_SYNCFS:
	case WW_SYS_MSYNC:
	case WW_SYS_SYNC_FILE_RANGE:
		b->cause = ww_named(WW_KIND_DISK, WW_NAME_FSYNC);
		break;
	case WW_SYS_FLOCK:
	case WW_SYS_FCNTL:
		b->cause = ww_named(WW_KIND_LOCK, WW_NAME_FILE_LOCK);
		break;
	case WW_SYS_WAIT4:
	case WW_SYS_WAITID:
		b->cause = ww_named(WW_KIND_IPC, WW_NAME_CHILD);
		break;
	default:
		if (io)
			b->cause = ww_named(WW_KIND_DISK, nr < 0 ? WW_NAME_PAGE_FAULT : WW_NAME_READ);
	}
}

#endif
