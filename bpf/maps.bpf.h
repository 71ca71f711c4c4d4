/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * State that the hook families share: what a thread, a connection and a request carry, maps, settings, counters. Every
 * map is here, but for storage.bpf.h, collector.bpf.h and working memory; `__weak` lets the linker keep one.
 */
#ifndef WHYWAIT_MAPS_H
#define WHYWAIT_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "whywait/abi.h"

#define AF_UNIX	    1
#define AF_INET	    2
#define AF_INET6    10
#define SOCK_STREAM 1

/* Waits of less than this are not drawn as segments of their own (they are in the account all the same). */
#define WW_PIECE_MIN_NS 20000

/* A request's reference: generation << 16 | slot. 0 is none, as generations start at 1. */
typedef u64 ww_ref;
#define WW_SLOT(ref) ((u32)(ref)&0xffff)

/* Settings, written before loading. */
const volatile bool ww_select_any __weak = true; /* no SELECT given: every process */
const volatile bool ww_select_by_pid __weak = false;
const volatile bool ww_select_by_comm __weak = false;
const volatile bool ww_select_by_port __weak = false;
const volatile bool ww_select_by_cgroup __weak = false;
const volatile __u32 ww_max_requests __weak = 0;
const volatile __u32 ww_max_peers __weak = 0;
const volatile __u64 ww_account_wakeup __weak = 0; /* bytes waiting in the ring at which its reader is woken */
const volatile __u64 ww_segments_over_ns __weak = 0;
const volatile __u32 ww_segments_one_in __weak = 0;
const volatile bool ww_queues_on __weak = false;    /* messages of queues are units of work */
const volatile bool ww_handoffs_off __weak = false; /* what CPython's threads and tokio's tasks hand on is left out */
const volatile bool ww_promises_on __weak = false;  /* for whom async functions of V8 go on is looked for */
const volatile __u64 ww_traffic_thin __weak =
	0; /* bytes in the ring from which on traffic is thinned; 0: none is sent */

#include "thread.bpf.h"

#include "gap.bpf.h"

enum ww_state {
	WW_STATE_READY,	   /* bytes are there, no thread has picked them up: `queue` */
	WW_STATE_ATTACHED, /* `owner` works for it */
	WW_STATE_WAIT,	   /* no thread works for it: it waits for what it has outstanding */
};

/* The account as it stood at the last send of a response that only its connection's end ends. */
struct ww_snapshot {
	u64 end_ns;
	u64 cpu_ns;
	u64 kinds_ns[WW_KIND_COUNT];
	struct ww_detail details[WW_DETAILS];
	struct ww_holder holders[WW_HOLDERS];
	u8 details_len;
	u8 attribution;
	u8 line_len; /* of the time line: segments, and the newest one's duration */
	u8 line_truncated;
	u8 holders_len;
	u8 pad[3];
	u64 line_newest_ns;
	u64 allocations;
};

#define WW_SIGHTS 6

/* A goroutine was seen to wait for something else than before. */
struct ww_sight {
	u64 at;
	u64 due;
	struct ww_cause cause;
};

enum ww_client {
	WW_CLIENT_SENDS = 1 << 0, /* the request is not whole */
	WW_CLIENT_READS = 1 << 1, /* the last send of its response did not fit */
};

/* What every touch looks at comes first, in one cache line; the account behind it begins with what is charged. */
struct ww_request {
	u64 mark;	      /* accounted up to here */
	ww_ref next;	      /* pipelined behind it on the same connection; anonymous: before it in the same Context */
	u64 queued;	      /* it was in the queue up to here, in front of the wait that it is in; 0: was not */
	u64 opened;	      /* when its first byte was read */
	u64 drawn;	      /* the time line is drawn up to here, from the start */
	u32 live;	      /* 1 until one CPU takes it upon itself to end it */
	u32 owner;	      /* tid of the attached thread */
	u8 state;	      /* enum ww_state */
	u8 head_request;      /* HEAD: the response has no body */
	u8 unread;	      /* a thread read for it, and nothing was sent for it since */
	u8 anonymous;	      /* work of an event loop for a request that is not known yet: carrier.bpf.h */
	u8 guessed;	      /* it got work of a timer that may have been another one's */
	u8 client;	      /* it waits for its client, and for no timer: enum ww_client */
	u8 job;		      /* a command's: job.bpf.h */
	u8 message;	      /* a message's of a queue: queue.bpf.h */
	u32 outstanding;      /* upstream connections that were sent to and have not answered */
	u32 arrived;	      /* of the requests of goroutines: those that have, and nobody has read it */
	struct ww_cause hint; /* what the thread waited for when it let go of the request */
	struct ww_account account;
	u64 answered; /* when the last upstream answer arrived, and what waiting for it was */
	struct ww_cause answer;
	struct ww_cause awaited; /* with something outstanding: what waiting for that is which it has asked for last */
	u64 connection;		 /* that it came on, as a number */
	u64 sock;		 /* of a unix socket: which struct sock, */
	u64 inode;		 /* and its number among files; 0: not known */
	u64 context;		 /* of which Context, or Task, it is: as ww_carrier_key; 0: of none */
	u64 code;		 /* anonymous: by which function the Task runs; 0: not known, */
	u64 task;		 /* and its address */
	u64 leaf;		 /* the Task that did so last, the same one or one that it awaits, */
	u64 leaf_print;		 /* ww_task_print() of it, */
	u64 root_task;		 /* and the same of the one that awaits it */
	u64 root_print;
	u64 newest;	 /* the newest Task of its loop's that had been seen when that touched it last */
	u64 begun_slept; /* and when the loop had begun to sleep before */
	u32 begun_batch; /* anonymous: in which it began */
	u32 batch;	 /* of its loop's reads, when that touched it last */
	u32 turn;	 /* its last answer's place in the ring of answers, counted on */
	u8 listed;	 /* it is in its thread's `pending`, of a loop with a shared Context */
	u8 background;	 /* anonymous: what its Context does is mostly for nobody */
	u8 unsure;	 /* anonymous: that it is for the request that it is added to is not certain */
	u8 helper;	 /* anonymous: work of a pool's thread: handoff.bpf.h */
	u32 pended;	 /* its last place in its thread's `pending`, of a loop of Node's kind, counted on */
	u64 stack;	 /* where its thread blocked when it let go of it; 0: none was taken */
	ww_ref heir_of;	 /* anonymous: who had used the connection before that it sent on first */
	ww_ref absorbed; /* the anonymous account that was added to it last */
	ww_ref root;	 /* of a helper: the request that it is taken to be for; 0: not known */
	ww_ref parent;	 /* of a helper: the one whose thread woke its thread */
	ww_ref before;	 /* of a helper: what its thread did before, perhaps for another request */
	ww_ref child;	 /* of a helper: the newest that its thread handed on */
	ww_ref target;	 /* of a helper: what it is added to when its thread runs; 0: it is handed on */
	u8 direct;	 /* of a helper: a thread of the request itself has woken its thread */
	u8 async;	 /* of a helper: an event loop has read for it, and handed it on */
	u8 owned;	 /* of a helper: that is so of `root` by the task that its thread works at: tasks.bpf.h */
	u8 led;		 /* of a helper: `parent` had asked for something before it handed on */
	u8 submitted;	 /* anonymous: it began when a thread was given work: executor.bpf.h */
	u8 handed;	 /* anonymous: a thread of a pool has worked for it */
	u8 relayed;	 /* an event loop has read it, and another thread is to go on with it: relay.bpf.h */
	u8 early;	 /* of a helper: it may have begun before its work did */
	u8 waited;	 /* how often it waited for a timer, or for something else that no socket tells */
	u8 asked;	 /* a message's: something was sent to where it came from that may be answered */
	u8 worked;	 /* a message's: its thread has sent to others than the broker */
	u8 apart;	 /* anonymous: when its Task ends something is called that leads to none that awaits it */
	u64 popped;	 /* when its answer was read last, at once with others'; anonymous: follows on such a read */
	u32 broker;	 /* a message's: as ww_conn.peer; 0: not known */
	u32 awaits;	 /* a message's: as `outstanding`, of others than that */
	u64 folded;	 /* when a thread of a pool had done something for it last */
	u64 goroutine, goid; /* which serves it, or did the work: address of its g, 0: none; and its number */
	u64 due;	     /* when the timer is due that it waits for; 0: not known */
	u64 window;	     /* in which it began: allocation.bpf.h; 0: in none */
	u64 assisted;	     /* so long its goroutine was made to collect since it was charged last */
	u64 promise;	     /* at the end of the chain that it is of: as ww_thread.root; 0: not known */
	u64 stops; /* its goroutine wants to run: how long its process had been stopped by its collector then, + 1 */
	u64 complete_at; /* when the last one of the answers outstanding arrived; 0: some have not */
	u64 ended;	 /* when it ended while another CPU charged it; 0: without a record */
	u32 lent;	 /* so many threads of a pool of uvloop's are at work for it: uvpool.bpf.h */
	u32 held;	 /* enum ww_held: several threads may work for it (goroutines) */
	u32 sights_len;
	struct ww_sight sights[WW_SIGHTS]; /* of a goroutine that waits for itself: golang.bpf.h */
	struct ww_snapshot sent;
	struct ww_segments line;
};

#include "end.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ww_thread);
} ww_threads SEC(".maps") __weak;

/* Apart from ww_threads, since few threads need one. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ww_loop);
} ww_loops SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ww_conn);
} ww_conns SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* sized before loading */
	__type(key, u32);
	__type(value, struct ww_request);
} ww_requests SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, u32);
} ww_free_slots SEC(".maps") __weak;

/* In front of the stack, which takes a lock: the slot that this CPU freed last, + 1; 0: none. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} ww_freed_slot SEC(".maps") __weak;

struct ww_carrier_key {
	u64 context; /* asyncio: the Task's number, or the Context that it runs in; a goroutine's number */
	u64 program; /* ww_program() */
};

struct ww_carrier {
	ww_ref ref;
	u64 connection; /* on which it responded last; 0: none */
	u32 batch;	/* of the loop's reads, then */
	u16 left;	/* accounts that nobody turned out to have waited for, less those that somebody did */
	u16 several;	/* a Task: it awaits those of several requests at a time, and so is nobody's */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ww_carrier_key);
	__type(value, struct ww_carrier);
} ww_carriers SEC(".maps") __weak;

/* In a process whose promises are followed: the promise at the end of a chain, and its account. */
struct ww_promise_key {
	u64 promise;
	u64 program;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192); /* src/kernel/map_sizes.c */
	__type(key, struct ww_promise_key);
	__type(value, ww_ref);
} ww_promises SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ww_accounts SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ww_details SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ww_traffics SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WW_COUNTER_COUNT);
	__type(key, u32);
	__type(value, u64);
} ww_counters SEC(".maps") __weak;

/* Ports that something on this host listens on: bit set = a connection with that local port is a server's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} ww_listening SEC(".maps") __weak;

/* Copies `len` bytes, or nothing when that is more than `most`. One check, so that the verifier can follow it. */
static __always_inline void ww_copy(void *to, const void *from, u32 len, u32 most)
{
	barrier_var(len);
	if (len <= most)
		bpf_probe_read_kernel(to, len, from);
}

/* Letters as they lie in memory. */
#define WW_WORD4(a, b, c, d) ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24)

static __always_inline u64 ww_user_word(u64 address)
{
	u64 word = 0;
	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline void ww_count_by(u32 counter, u32 by)
{
	u64 *value = bpf_map_lookup_elem(&ww_counters, &counter);
	if (value)
		*value += by;
}

static __always_inline void ww_count(u32 counter)
{
	ww_count_by(counter, 1);
}

/* The live request behind a reference, or NULL when it has ended. */
static __always_inline struct ww_request *ww_request_get(ww_ref ref)
{
	if (!ref)
		return NULL;
	u32 slot = WW_SLOT(ref);
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	if (!r || r->account.id != ref || !r->live)
		return NULL;
	return r;
}

#endif
