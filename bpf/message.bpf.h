/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the bytes of a socket call lie: the user buffer of the syscall in progress, found from the saved registers.
 */
#ifndef WHYWAIT_MESSAGE_H
#define WHYWAIT_MESSAGE_H

#include "global.bpf.h"
#include "registers.bpf.h"
#include "syscalls.bpf.h"

#define WW_IOVECS 32 /* pieces looked at in one go; the next goes on from there */

struct ww_iovec {
	u64 base;
	u64 len;
};

/* The user-space layout of struct msghdr on 64-bit architectures. */
struct ww_msghdr {
	u64 name;
	u32 name_len;
	u32 pad;
	u64 iov;
	u64 iov_len;
};

/* The first bytes of a message, zero-padded. */
struct ww_first {
	union {
		u8 b[16];
		u64 words[2];
	};
};

struct ww_message {
	u64 base;   /* the buffer, or the array of struct iovec */
	u64 iovecs; /* 0: `base` is the buffer, of `size` bytes */
	u64 size;
	u64 at; /* what ww_message_at found, and how many bytes follow it in one piece */
	u64 contiguous;
	u64 piece_start; /* offset of piece number `piece` in the message, */
	u64 piece_end;	 /* and where it ends, if it was looked at */
	u32 piece;
	u32 place; /* enum ww_message_place */
	u64 total; /* bytes that it moved */
	u64 next;  /* the first of them that no window has held yet */
	u32 nr;	   /* of the syscall + 1, as in struct ww_cause */
	u32 readable;
	u8 frame[32]; /* the beginning of one of AMQP's, of which some came with the read before */
};

/* Where a message is kept: with the window of its direction, or where one is that is only looked at. */
enum ww_message_place {
	WW_MESSAGE_RX = WW_RX,
	WW_MESSAGE_TX = WW_TX,
	WW_MESSAGE_SPARE,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_message);
} ww_messages SEC(".maps") __weak;

static __always_inline struct ww_message *ww_message_spare(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&ww_messages, &zero);
}

static __always_inline struct ww_message *ww_message_of(u64 place);

/* The task's syscall + 1, as in struct ww_cause. */
static __always_inline u32 ww_syscall_nr(struct task_struct *task)
{
	struct pt_regs *regs = ww_task_regs(task);
	return (u32)WW_REGS_NR(regs) + 1;
}

/* And that of struct mmsghdr: its size, and where the kernel writes the length when it goes on to the next message. */
#define WW_MMSGHDR_SIZE 64
#define WW_MMSGHDR_LEN	56

#define WW_MESSAGES 4 /* of one sendmmsg() that are told apart: glibc's resolver sends two */

/*
 * The message that sendmmsg() has just sent: the first whose length is not written yet, in a vector that its caller had
 * cleared, as the resolver does. In another one it is some message of it.
 */
static __always_inline bool ww_message_of_many(struct ww_msghdr *header, u64 vector)
{
	for (u32 i = 0; i < WW_MESSAGES; i++, vector += WW_MMSGHDR_SIZE) {
		u32 len;
		if (bpf_probe_read_user(&len, sizeof(len), (void *)(vector + WW_MMSGHDR_LEN)))
			return false;
		if (!len)
			return !bpf_probe_read_user(header, sizeof(*header), (void *)vector);
	}
	return false;
}

/* Finds the buffer of the current task's socket call; m->readable is false for sendfile, io_uring and the like. */
static __always_inline void ww_message_find(struct ww_message *m, struct task_struct *task, enum ww_message_place place)
{
	struct pt_regs *regs = ww_task_regs(task);
	struct ww_msghdr header;

	m->place = place;
	m->iovecs = 0;
	m->piece = 0;
	m->piece_start = 0;
	m->piece_end = 0;
	m->next = 0;
	m->readable = true;
	m->nr = (u32)WW_REGS_NR(regs) + 1;
	m->base = WW_REGS_ARG2(regs);
	/* Loaded here, or the compiler merges the load with that of `header`, which the verifier forbids. */
	u64 count = WW_REGS_ARG3(regs);
	barrier_var(count);
	m->size = count;
	switch ((s64)WW_REGS_NR(regs)) {
	case WW_SYS_READ:
	case WW_SYS_WRITE:
	case WW_SYS_RECVFROM:
	case WW_SYS_SENDTO:
		return;
	case WW_SYS_READV:
	case WW_SYS_WRITEV:
		m->iovecs = count;
		return;
	case WW_SYS_RECVMSG:
	case WW_SYS_SENDMSG:
		if (bpf_probe_read_user(&header, sizeof(header), (void *)m->base))
			break;
		m->base = header.iov;
		m->iovecs = header.iov_len;
		return;
	case WW_SYS_SENDMMSG:
		if (!ww_message_of_many(&header, m->base))
			break;
		m->base = header.iov;
		m->iovecs = header.iov_len;
		return;
	}
	m->readable = false;
}

enum ww_found {
	WW_FOUND_NOT,
	WW_FOUND,
	WW_FOUND_LATER, /* ask again: there are more pieces than are looked at in one go */
};

/*
 * Finds byte `offset` of the message: its address in m->at, and in m->contiguous how many bytes follow in one piece.
 * Offsets only go up from call to call.
 */
WW_GLOBAL2(int, ww_message_look, M, m, N, offset)
{
	if (!m || !m->readable)
		return WW_FOUND_NOT;
	if (!m->iovecs) {
		m->at = m->base + offset;
		m->contiguous = ~0ull;
		return WW_FOUND;
	}
	for (u32 i = 0; i < WW_IOVECS; i++) {
		struct ww_iovec v;
		if (m->piece >= m->iovecs ||
		    bpf_probe_read_user(&v, sizeof(v), (void *)(m->base + m->piece * sizeof(v))))
			return WW_FOUND_NOT;
		u64 within = offset - m->piece_start;
		m->piece_end = m->piece_start + v.len;
		if (within < v.len) {
			m->at = v.base + within;
			m->contiguous = v.len - within;
			return WW_FOUND;
		}
		m->piece_start += v.len;
		m->piece++;
	}
	return WW_FOUND_LATER;
}

/* The same without a call, where there is one piece only: not in a loop, or the verifier follows both ways in each
 * turn. */
static __always_inline int ww_message_at(struct ww_message *m, u64 offset)
{
	if (!m->readable)
		return WW_FOUND_NOT;
	if (m->iovecs)
		return ww_message_look(m, offset);
	m->at = m->base + offset;
	m->contiguous = ~0ull;
	return WW_FOUND;
}

/* Whether the caller gave more than the `len` bytes that were moved. */
static __always_inline bool ww_message_cut(struct ww_message *m, u64 len)
{
	if (!m->readable)
		return false;
	if (!m->iovecs)
		return m->size > len;
	/* Most often it ends where the piece ends that is known already. */
	if (m->piece_end && (len < m->piece_end || (len == m->piece_end && m->piece + 1 >= m->iovecs)))
		return len < m->piece_end;
	return ww_message_look(m, len) == WW_FOUND;
}

/* Reads the first bytes of the message; returns how many there are. */
static __always_inline u32 ww_message_peek(struct ww_message *m, u64 len, struct ww_first *first)
{
	__builtin_memset(first, 0, sizeof(*first));
	if (ww_message_at(m, 0) != WW_FOUND)
		return 0;
	if (len > m->contiguous)
		len = m->contiguous;
	if (len > sizeof(*first))
		len = sizeof(*first);
	barrier_var(len);
	if (len > sizeof(*first) || bpf_probe_read_user(first, len, (void *)m->at)) {
		ww_count(WW_COUNT_USER_READ_FAILED);
		return 0;
	}
	return len;
}

#endif
