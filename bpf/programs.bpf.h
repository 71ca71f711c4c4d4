/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What user space tells of the programs that processes are: where their runtimes keep what goes on in them.
 */
#ifndef WHYWAIT_PROGRAMS_H
#define WHYWAIT_PROGRAMS_H

#include "maps.bpf.h"

enum ww_uvloop_is {
	WW_UVLOOP_NONE,
	WW_UVLOOP_MAPPED,
	WW_UVLOOP_FOLLOWED,
};

/* Where a CPython process keeps what its threads are at (Include/internal/pycore_runtime.h, cpython/pystate.h). */
struct ww_python {
	u64 runtime;	   /* address of _PyRuntime */
	u64 holder;	   /* and of the word that says which thread has had its lock last; 0: not known */
	u32 interpreters;  /* offsets: _PyRuntimeState.interpreters.head */
	u32 threads;	   /* PyInterpreterState.threads.head */
	u32 next;	   /* PyThreadState.next */
	u32 id;		   /* PyThreadState.native_thread_id; before 3.11, thread_id: pthread_self() */
	u32 context;	   /* PyThreadState.context; 0: its Tasks and threads are not followed */
	u32 cframe;	   /* PyThreadState.cframe; 0: it has none, and the frame is its own */
	u32 current_frame; /* _PyCFrame.current_frame; or of PyThreadState: current_frame, before 3.11 frame */
	u32 minor;	   /* its version is 3.minor */
	u32 loops;	   /* set by the BPF side: a thread of it that is followed runs an event loop */
	u32 uvloop;	   /* enum ww_uvloop_is: it has uvloop's event loop, whose steps no frame tells */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32); /* tgid */
	__type(value, struct ww_python);
} ww_pythons SEC(".maps") __weak;

#define WW_UVLOOP_CYCLES   2
#define WW_UVLOOP_PLACES   16 /* types are told apart by that */
#define WW_UVLOOP_ASKERS   32
#define WW_UVLOOP_SUSPECTS 4

/* A connection whose answers are awaited by a Task that may do so for others. */
struct ww_uvloop_suspect {
	u64 protocol; /* of its stream; 0: none */
	u64 task;     /* that awaits them, or whom that one works for */
	u64 kind;     /* of both: as in `askers` */
	u32 fd;
	u8 answered; /* it has had an answer since it asked last, */
	u8 stays;    /* and awaited more when the loop had nothing to do */
	u16 unused;
};

/* Where one with uvloop's event loop keeps its streams and Tasks (src/kernel/uvloop.h). */
struct ww_uvloop {
	u64 loop;   /* addresses: of its uv_loop_t, */
	u64 object; /* and of the Loop that it belongs to, */
	u64 thread; /* which that thread runs: its PyThreadState */
	u64 tasks;  /* of a dict with the Task whose step each loop is in */
	u64 future; /* of types */
	u64 reader;
	u64 event;
	u64 deque;
	u64 reference;
	u64 cycles[WW_UVLOOP_CYCLES];	/* uvicorn's, that answer a request each, */
	u32 complete[WW_UVLOOP_CYCLES]; /* and which attribute says that they have */
	/* The BPF side's: */
	u32 protocol;  /* where a stream has its protocol; 0: not known, */
	u32 tries;     /* and how often that was looked for */
	u32 stepped;   /* the Task that was found last is in a step: it awaits no answer yet */
	u32 looks;     /* at threads that are not known */
	u32 suspected; /* so many connections */
	u64 looks_at;  /* since then */
	u64 works_at;  /* where anyio's threads call what they were given; 0: not known */
	u64 unsure_at; /* when something was sent last of which no Task is known */
	/* Types, and in which place objects of theirs have what (uvloop.bpf.h): */
	u64 futures[WW_UVLOOP_PLACES];	  /* the Future that is awaited, */
	u64 behind[WW_UVLOOP_PLACES];	  /* what has that in turn, */
	u64 streams[WW_UVLOOP_PLACES];	  /* a stream, */
	u64 holders[WW_UVLOOP_PLACES];	  /* whom a protocol has answer; */
	u64 servers[WW_UVLOOP_PLACES];	  /* of protocols: Tasks were seen to answer for those; */
	u64 unawaited[WW_UVLOOP_PLACES];  /* how often nothing was found in the last ones: no Future, */
	u64 streamless[WW_UVLOOP_PLACES]; /* nor a stream */
	u64 askers[WW_UVLOOP_ASKERS]; /* kinds of Tasks: how often they awaited nothing when they had their answer */
	struct ww_uvloop_suspect suspects[WW_UVLOOP_SUSPECTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, struct ww_uvloop);
} ww_uvloops SEC(".maps") __weak;

/* Where a process that runs libuv's event loop shows the phase that it is in (src/kernel/libuv.h). */
struct ww_libuv {
	u64 slot;  /* address of a word on the main thread's stack */
	u64 turns; /* and of one that counts the loop's turns; 0: there is none */
	u64 idle;  /* and of the ring of that loop's idle handles; 0: as `turns` */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, struct ww_libuv);
} ww_libuvs SEC(".maps") __weak;

/* Where V8 has what in its objects, and which type they are of (src/kernel/v8.h). */
struct ww_v8 {
	u32 map_type;	      /* offsets: Map.instance_type */
	u32 function_context; /* JSFunction.context */
	u32 generator;	      /* types: of async functions' */
	u32 promise;
	u32 reaction;
	u32 capability;
	/* The BPF side's: */
	u32 reaction_is; /* enum ww_v8_reaction */
	u32 unused;
	u64 generator_map; /* the map that the last one had of each; 0: none was seen */
	u64 promise_map;
	u64 reaction_map;
	u64 capability_map;
	u64 scope; /* that contexts of V8's own functions have which settle promises; 0: not known */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, struct ww_v8);
} ww_v8s SEC(".maps") __weak;

enum ww_go_wait {
	WW_GO_WAIT_OTHER,
	WW_GO_WAIT_SLEEP,
	WW_GO_WAIT_LOCK,
	WW_GO_WAIT_CHANNEL,
	WW_GO_WAIT_ASSIST,
};

#define WW_GO_REASONS 64

/* Where a program with Rust's tokio keeps what its tasks are at (src/kernel/tokio.h). */
struct ww_tokio {
	u64 vtables; /* address of the first of the tables that tasks name their functions by */
	u64 vtables_len;
	u64 waker; /* and of the table that wakers of tasks do */
	u64 image; /* where the program is mapped: no task is */
	u64 image_len;
	u32 tls;	/* size of the program's thread-local storage, which is in front of the thread's pointer */
	u32 data_first; /* a waker's task comes before its table */
	/* The BPF side's: */
	u64 expired;  /* when a thread was last woken by the timeout that it had given */
	u64 voted;    /* the task that was found in thread-local storage last */
	u32 current;  /* where in front of the thread's pointer the number of the task is that it runs; 0: not known */
	u32 at;	      /* where that was found, */
	u32 votes;    /* for so many tasks more than not */
	u32 untagged; /* no word in front of it tells whether there is one */
	u32 looks;    /* stacks that were looked through before it was known */
	u32 unused;
	u64 stray; /* when something was sent last, or answered, for somebody whose task can't be told */
};

/* How a HotSpot process keeps the addresses of objects. */
enum ww_virtual_form {
	WW_VIRTUAL_PLAIN,
	WW_VIRTUAL_COLOURED, /* ZGC's generations */
	WW_VIRTUAL_OPAQUE,   /* not known */
};

/* Where HotSpot keeps which virtual thread each of its threads runs (src/kernel/virtual.h). */
struct ww_virtual {
	u32 osthread;  /* JavaThread._osthread */
	u32 thread_id; /* OSThread._thread_id */
	u32 vthread;   /* JavaThread._vthread */
	u32 eetop;     /* Thread.eetop */
	u32 tid;       /* Thread.tid */
	u32 blocker;   /* Thread.parkBlocker */
	u32 state;     /* VirtualThread.state; 0: not known */
	u32 form;      /* enum ww_virtual_form */
	u64 stray;     /* the BPF side's: when something was sent last for nobody that is known, */
	u64 carried;   /* and when by a virtual thread */
};

/* Where a Go program's runtime keeps what its goroutines are at (src/kernel/golang.h). */
struct ww_go {
	u32 is_tokio; /* it is no Go program, but one with tokio: its tasks are taken for goroutines */
	u32 startpc;  /* g.startpc; of a task: the table of its functions */
	union {
		struct ww_tokio tokio;
		struct ww_virtual java;
	};
	u64 semtable; /* address of runtime.semtable; 0: not known */
	u64 semtable_len;
	u32 stack_hi; /* offsets: g.stack.hi */
	u32 status;   /* g.atomicstatus */
	u32 goid;     /* g.goid */
	u32 waitreason;
	u32 timer;		   /* g.timer */
	u32 when;		   /* timer.when */
	u32 recvq;		   /* hchan.recvq.first; last comes behind it */
	u32 elem;		   /* sudog.elem */
	u32 channel;		   /* sudog.c */
	u32 sched;		   /* g.sched.sp */
	u8 reasons[WW_GO_REASONS]; /* enum ww_go_wait */
	u32 nextwhen;		   /* timer.nextwhen, of what is about to sleep; 0: */
	u32 sleepwhen;		   /* g.sleepWhen */
	u32 exact;		   /* the BPF side's: probes tell what goroutines are at (goexact.bpf.c) */
	u32 is_virtual;		   /* it is no Go program, but Java's: virtual threads are taken for goroutines */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32); /* tgid */
	__type(value, struct ww_go);
} ww_gos SEC(".maps") __weak;

#endif
