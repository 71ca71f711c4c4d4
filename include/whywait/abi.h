/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the kernel side (bpf/) and user space (src/), and nothing else: fixed-width records, padded
 * by hand. Both sides include this file; neither may include the other's headers.
 *
 * All times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns) or differences of them.
 */
#ifndef WHYWAIT_ABI_H
#define WHYWAIT_ABI_H

#ifndef __bpf__ /* there, vmlinux.h has the types */
#include <linux/types.h>
#endif

#define WW_ABI_VERSION 1

enum ww_kind {
#define WW_KIND(id, name, meaning) WW_KIND_##id,
#include "kinds.def"
#undef WW_KIND
	WW_KIND_COUNT
};

enum ww_counter {
#define WW_COUNTER(id, name, loses, meaning) WW_COUNT_##id,
#include "counters.def"
#undef WW_COUNTER
	WW_COUNTER_COUNT
};

enum ww_system {
#define WW_SYSTEM(id, detail, otel, kind, port) WW_SYSTEM_##id,
#include "systems.def"
#undef WW_SYSTEM
	WW_SYSTEM_COUNT
};

/* How sure a record is that all of its time is its own (DESIGN.md, "Whose time is it"). */
enum ww_attribution {
	WW_ATTRIBUTION_EXACT,	  /* sockets and blocking calls alone decided */
	WW_ATTRIBUTION_INFERRED,  /* a handoff, a slice or a timer of an event loop was involved */
	WW_ATTRIBUTION_AMBIGUOUS, /* two requests could own some of the time: that time is in `other` */
	WW_ATTRIBUTION_COUNT
};

/* What the `value` of a detail means. */
enum ww_detail_type {
	WW_DETAIL_NONE,	   /* nothing more is known */
	WW_DETAIL_PEER,	   /* index into the peer list */
	WW_DETAIL_SYSCALL, /* number of the blocking syscall, of the host's architecture */
	WW_DETAIL_NAME,	   /* enum ww_detail_name */
};

/* Waits that have a name of their own. */
enum ww_detail_name {
	WW_NAME_NONE,
	WW_NAME_THROTTLED,  /* runq: the cgroup's CPU quota is used up */
	WW_NAME_PIPE,	    /* ipc */
	WW_NAME_EVENTFD,    /* ipc */
	WW_NAME_UNIX,	    /* ipc: unix socket, socketpair */
	WW_NAME_CHILD,	    /* ipc: wait4, waitid */
	WW_NAME_FUTEX,	    /* lock */
	WW_NAME_FILE_LOCK,  /* lock: flock, fcntl */
	WW_NAME_FSYNC,	    /* disk */
	WW_NAME_READ,	    /* disk */
	WW_NAME_WRITE,	    /* disk */
	WW_NAME_PAGE_FAULT, /* disk */
	WW_NAME_STOPPED,    /* other: SIGSTOP, a debugger */
	WW_NAME_MUTEX,	    /* lock: of a runtime that is not the kernel's: a mutex, condition, group of goroutines */
	WW_NAME_CHANNEL,    /* lock: another goroutine's word */
	WW_NAME_GIL,	    /* lock: CPython's interpreter lock */
	WW_NAME_GVL,	    /* lock: Ruby's */
	WW_NAME_ASSIST,	    /* gc: what an allocation is made to help Go's collector with */
	WW_NAME_COUNT
};

/* A part of a kind's time with its cause; parts of one kind may sum to less than the kind, never to more. */
struct ww_detail {
	__u64 ns;
	__u32 count; /* waits */
	__u32 value;
	__u8 kind; /* enum ww_kind */
	__u8 type; /* enum ww_detail_type */
	__u8 pad[6];
};
_Static_assert(sizeof(struct ww_detail) == 24, "ABI");

/* Who ended waits for a lock: had it, or posted what was waited for. */
enum ww_holder_type {
	WW_HOLDER_NONE,	   /* not known */
	WW_HOLDER_REQUEST, /* a thread that worked for another request */
	WW_HOLDER_THREAD,  /* one that worked for none */
};

union ww_who {
	__u64 words[2];
	__u64 request; /* account id; the other word is 0 */
	char comm[16];
};

/* A part of what a request waited for its program's own locks (WW_NAME_FUTEX): of such parts, those that took longest.
 */
struct ww_holder {
	__u64 ns;
	__u32 count; /* waits */
	__u32 type;  /* enum ww_holder_type */
	union ww_who who;
};
_Static_assert(sizeof(struct ww_holder) == 32, "ABI");

#define WW_HOLDERS 3 /* per request */

#define WW_DETAILS     8   /* per request; what does not fit is counted in DETAIL_OVERFLOW and has no name */
#define WW_TARGET_MAX  192 /* bytes kept of a request target, without its query string */
#define WW_TRACEPARENT 55  /* W3C trace context, version 00 */
#define WW_METHOD_MAX  24  /* longer methods are cut to one byte less */
#define WW_COMM	       16

enum ww_account_flags {
	WW_FLAG_ABORTED = 1 << 0,	   /* the connection ended before the response was whole */
	WW_FLAG_UPGRADED = 1 << 1,	   /* 101 or a CONNECT tunnel: the account ends there */
	WW_FLAG_UNTIL_CLOSE = 1 << 2,	   /* the response's length was its connection's end */
	WW_FLAG_PIPELINED = 1 << 3,	   /* arrived while an earlier request of its connection was not finished */
	WW_FLAG_TARGET_TRUNCATED = 1 << 4, /* the target was longer than WW_TARGET_MAX */
	WW_FLAG_TRACEPARENT = 1 << 5,	   /* `traceparent` is set */
	WW_FLAG_SEGMENTS = 1 << 6,	   /* a ww_segments record with the same id was sent */
	WW_FLAG_ARRIVAL_UNKNOWN = 1 << 7,  /* the first byte's arrival was not seen: the account starts at its read */
	WW_FLAG_FASTCGI = 1 << 8,	   /* it came by FastCGI and not by HTTP */
	WW_FLAG_RUN = 1 << 9,		   /* no request: a command, from its start to its end */
	WW_FLAG_CALL = 1 << 11,		   /* no request: a call of a function, `local` says of which */
	WW_FLAG_MESSAGE = 1 << 12,     /* no request: a message of a queue, `local` is the broker's enum ww_system */
	WW_FLAG_ALLOCATIONS = 1 << 13, /* `allocations` has all that it did */
	WW_FLAG_HANDS_ON = 1 << 14,    /* a message's, of a process that has made others, which may be to work on it */
	WW_FLAG_PART = 1 << 10,	       /* what there is of it by now: more, and the whole, come under the same id */
};

/* One finished request. Only `size` bytes are sent: `target` is cut after `target_len`. */
struct ww_account {
	__u16 size;
	__u8 version; /* WW_ABI_VERSION */
	__u8 attribution;
	__u16 flags;
	__u16 status; /* of the response; 0: none was sent */
	__u64 id;
	__u64 start_ns;	     /* arrival of the first byte */
	__u64 end_ns;	     /* the sum over kinds_ns is end_ns - start_ns, exactly */
	__u64 first_byte_ns; /* when the response's first byte was handed to the kernel; 0: never */
	__u64 cpu_ns;	     /* over all threads */
	__u64 bytes_in;
	__u64 bytes_out;
	__u64 cgroup_id; /* cgroup v2 */
	__u64 kinds_ns[WW_KIND_COUNT];
	struct ww_detail details[WW_DETAILS];
	struct ww_holder holders[WW_HOLDERS];
	__u32 tgid; /* of the thread that answered, in the initial pid namespace */
	__u32 tid;
	__u32 local; /* the server's own address: index into the peer list */
	__u16 port;  /* the server's port; 0: unix socket */
	__u8 details_len;
	__u8 minor; /* HTTP/1.minor */
	char comm[WW_COMM];
	char method[WW_METHOD_MAX]; /* NUL-padded */
	char traceparent[WW_TRACEPARENT + 1];
	__u16 target_len;
	__u16 traffic;	     /* ww_traffic records that were sent of what it exchanged with upstreams; at most 65535 */
	__u16 traffic_lost;  /* and that could not be sent */
	__u16 stacks_one_in; /* its stacks were sent, and stand for those of so many requests; 0: they were not */
	__u8 holders_len;
	__u8 pad[3];
	__u32 allocations;	    /* calls of allocators that its threads made, where WW_FLAG_ALLOCATIONS is set */
	char target[WW_TARGET_MAX]; /* not NUL-terminated */
};
_Static_assert(sizeof(struct ww_account) ==
		       72 + 8 * WW_KIND_COUNT + 24 * WW_DETAILS + 32 * WW_HOLDERS + 16 + 16 + 24 + 56 + 16 + 192,
	       "ABI");

/* What is kept of a request that another one has waited for, as it may go on: that part of its account. */
struct ww_held_by {
	char method[WW_METHOD_MAX];
	char traceparent[WW_TRACEPARENT + 1];
	__u16 target_len;
	__u16 unused[7];
	char target[WW_TARGET_MAX];
};
_Static_assert(sizeof(struct ww_held_by) == 24 + 56 + 16 + 192, "ABI");
_Static_assert(__builtin_offsetof(struct ww_account, target) - __builtin_offsetof(struct ww_account, method) ==
		       __builtin_offsetof(struct ww_held_by, target),
	       "ABI");

/* A stretch of one kind on a request's time line. */
struct ww_segment {
	__u64 start_ns; /* from the request's start */
	__u64 duration_ns;
	__u32 value;
	__u8 kind;
	__u8 type; /* enum ww_detail_type */
	__u8 pad[2];
};
_Static_assert(sizeof(struct ww_segment) == 24, "ABI");

#define WW_SEGMENTS 32

/*
 * The time line of a request, sent before its account, for a part of the requests only. When `truncated`, the time
 * after the last segment is not drawn.
 */
struct ww_segments {
	__u64 id; /* of the account */
	__u32 len;
	__u32 truncated;
	struct ww_segment segments[WW_SEGMENTS];
};
_Static_assert(sizeof(struct ww_segments) == 16 + 24 * WW_SEGMENTS, "ABI");

/* An address: a server's own, or an upstream's. Interned once; records refer to it by its index in the peer list. */
#define WW_PEER_PATH 64
struct ww_peer {
	__u8 family; /* AF_INET, AF_INET6, AF_UNIX */
	__u8 system; /* enum ww_system; of an upstream */
	__u16 port;  /* host byte order */
	__u8 addr[16];
	char path[WW_PEER_PATH]; /* of a unix socket; '@' in front of an abstract name; cut when longer */
	__u32 pad;
};
_Static_assert(sizeof(struct ww_peer) == 88, "ABI");

/*
 * What requests exchange with their upstreams, call by call, in a ring of its own: what user space makes operations of.
 * Records of a request come before its account. What the ring has behind `size` bytes is no part of a record.
 */
enum ww_traffic_type {
	WW_TRAFFIC_CONNECT,   /* connect() was called */
	WW_TRAFFIC_CONNECTED, /* it has succeeded */
	WW_TRAFFIC_SENT,
	WW_TRAFFIC_RECEIVED,
	WW_TRAFFIC_CLOSED,  /* by this end, or connect() has failed: `total` is the errno, 0: none */
	WW_TRAFFIC_ADOPTED, /* what was for the request in `connection` is for `request` */
	WW_TRAFFIC_MESSAGE, /* what was received with a message of a queue that `request` is the unit of work of */
	WW_TRAFFIC_OWNERS,  /* behind it, whose each command is, in order, that is sent next on the connection: u64 each
			     */
};

#define WW_TRAFFIC_SENT_HEAD	 2048 /* bytes kept of the beginning of what was sent */
#define WW_TRAFFIC_RECEIVED_HEAD 256
#define WW_TRAFFIC_HTTP_HEAD	 512  /* the same, from HTTP servers: most heads are whole then */
#define WW_TRAFFIC_TAIL		 64   /* and of its end, where it is longer */
#define WW_TRAFFIC_OWNERS_MAX	 32   /* commands of one send of several requests */
#define WW_TRAFFIC_MESSAGE_PART	 2048 /* the same, of either end of a message */

struct ww_traffic {
	__u16 size;
	__u8 type;	  /* enum ww_traffic_type */
	__u8 system;	  /* enum ww_system, as far as it is known by now */
	__u32 peer;	  /* index into the peer list */
	__u64 connection; /* its number, never used again; 0 is none */
	__u64 request;	  /* account id; 0: for no request that is known */
	__u64 began_ns;	  /* sent: when the call began to wait; received: when the bytes arrived */
	__u64 at_ns;	  /* when the bytes were handed over */
	__u32 number; /* of sends, or of receives, of this connection, from 0 on: a gap tells that some are missing */
	__u32 total;  /* bytes that the call moved */
	__u16 head;   /* of these, behind the record: so many from the first on, */
	__u16 tail;   /* and behind them so many up to the last */
	__u32 pad;
};
_Static_assert(sizeof(struct ww_traffic) == 56, "ABI");

/*
 * Where in the code requests spend their time, of a sample of them, in a ring of its own. A stack is sent when it is
 * taken; what it weighs is sent when that is charged. Whose time of a thread is shows at the end of its interval, so
 * weights name the interval, and a claim tells of which request it was. Records of a request come before its account.
 */
enum ww_stack_type {
	WW_STACK_TAKEN,	 /* struct ww_stack */
	WW_STACK_WEIGHT, /* struct ww_stack_weight, as are those below */
	WW_STACK_CLAIM,	 /* the interval `tid`, `start_ns` is `request`'s */
	WW_STACK_MOVED,	 /* what weighs for the request in `stack` weighs for `request` */
};

#define WW_STACK_REGISTERS                                                                                             \
	33		      /* as DWARF numbers them: of arm64; x86-64 has 17, the last is the address of the code   \
			       */
#define WW_STACK_KERNEL 32    /* addresses kept of the kernel's part */
#define WW_STACK_BYTES	32768 /* the most that is kept of the user's part */

#define WW_STACK_PYTHON 128
#define WW_STACK_ENTRY	1 /* in `at`, which is even: a call of the interpreter begins with this frame */

/* A frame of CPython's. */
struct ww_stack_python {
	__u64 code; /* address of its code object, */
	__u64 at;   /* and of the instruction that it is at; before 3.11 twice its number */
};

struct ww_stack {
	__u32 size; /* of all that was sent */
	__u8 type;
	__u8 on_cpu;
	__u16 kernel_len; /* addresses */
	__u64 id;	  /* never used again */
	__u64 at_ns;
	__u64 took_ns; /* the one before it at this place, until it was in the ring */
	__u32 tgid;
	__u32 tid;
	__u64 sp;
	__u64 pc;
	__u64 registers[WW_STACK_REGISTERS];
	__u64 kernel[WW_STACK_KERNEL]; /* innermost first */
	__u32 user_len;		       /* bytes from `sp` on, behind the record */
	__u16 python_minor;	       /* of CPython 3; 0: it is none */
	__u16 python_len;
	struct ww_stack_python python[WW_STACK_PYTHON]; /* innermost first */
};
_Static_assert(sizeof(struct ww_stack) == 64 + 8 * (WW_STACK_REGISTERS + WW_STACK_KERNEL) +
						  sizeof(struct ww_stack_python) * WW_STACK_PYTHON,
	       "ABI");

struct ww_stack_weight {
	__u32 size;
	__u8 type;
	__u8 kind;
	__u8 detail; /* enum ww_detail_type: what `value` is */
	__u8 gap;    /* no thread worked for the request then */
	__u32 value;
	__u32 tid;
	__u64 request;	/* 0: see `tid`, `start_ns` */
	__u64 start_ns; /* of the thread's interval */
	__u64 stack;	/* 0: none was taken */
	__u64 at_ns;	/* when what weighs was over */
	__u64 ns;
};
_Static_assert(sizeof(struct ww_stack_weight) == 56, "ABI");

/* What a server's port carries that can't be read; index of a per-port counter. */
enum ww_unreadable { WW_UNREADABLE_TLS, WW_UNREADABLE_HTTP2, WW_UNREADABLE_COUNT };

#endif
