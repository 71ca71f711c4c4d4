/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a Go program's runtime keeps what its goroutines are at, so that the BPF side can tell which one touches a
 * socket, what it waits for, and who waits for it.
 */
#ifndef WHYWAIT_GOLANG_H
#define WHYWAIT_GOLANG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/tokio.h"
#include "kernel/virtual.h"

enum ww_golang_wait {
	WW_GOLANG_WAIT_OTHER,
	WW_GOLANG_WAIT_SLEEP,
	WW_GOLANG_WAIT_LOCK,	/* a mutex, a condition, a WaitGroup */
	WW_GOLANG_WAIT_CHANNEL, /* of a channel or of several */
	WW_GOLANG_WAIT_ASSIST,	/* until others have marked what it was to mark: there was nothing left for it */
};

#define WW_GOLANG_REASONS 64 /* a power of two */

/* Addresses and offsets within the runtime's structures; the same layout as the BPF map's value. */
struct ww_golang_layout {
	uint32_t is_tokio; /* 0: it is a Go program */
	uint32_t startpc;  /* g.startpc */
	union {
		struct ww_tokio_layout tokio;
		struct ww_virtual_layout java;
	};
	uint64_t semtable; /* address of runtime.semtable; 0: not known */
	uint64_t semtable_len;
	uint32_t stack_hi;		    /* offsets: g.stack.hi */
	uint32_t status;		    /* g.atomicstatus */
	uint32_t goid;			    /* g.goid */
	uint32_t waitreason;		    /* g.waitreason */
	uint32_t timer;			    /* g.timer */
	uint32_t when;			    /* timer.when */
	uint32_t recvq;			    /* hchan.recvq.first */
	uint32_t elem;			    /* sudog.elem; sudog.g, next and prev are its first words */
	uint32_t channel;		    /* sudog.c */
	uint32_t sched;			    /* g.sched.sp */
	uint8_t reasons[WW_GOLANG_REASONS]; /* enum ww_golang_wait, by g.waitreason */
	uint32_t nextwhen;		    /* timer.nextwhen; 0: */
	uint32_t sleepwhen;		    /* g.sleepWhen */
	uint32_t exact;			    /* the BPF side's */
	uint32_t is_virtual;		    /* it is none, but a Java process with virtual threads */
};

/*
 * Finds it for a running process. -ENOENT: no Go program, or built by a version whose layout is not known; -ESRCH,
 * -EACCES and others: the process can't be read. `layout` is written on success only.
 */
int ww_golang__find(pid_t pid, struct ww_golang_layout *layout);

/* What is known of a running Go program. */
struct ww_golang_about {
	unsigned minor;	 /* of Go 1 */
	bool known;	 /* goroutines are followed: the layout of its runtime is known */
	bool semaphores; /* also who waits for a WaitGroup */
};

/* Errors as above: -ENOENT for what is no Go program, whatever its version. */
int ww_golang__tell(pid_t pid, struct ww_golang_about *about);

#endif
