/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of a thread, and of what it has done that is nobody's yet: a part of maps.bpf.h, which includes it.
 */
#ifndef WHYWAIT_THREAD_H
#define WHYWAIT_THREAD_H

/* What a thread is doing. */
enum ww_off {
	WW_OFF_NOT,	/* it is on a CPU */
	WW_OFF_RUNQ,	/* preempted: it wants to run */
	WW_OFF_IDLE,	/* has no request, and waits for one */
	WW_OFF_SOCKET,	/* waits for sockets: whose, tells the one that it touches next */
	WW_OFF_BLOCKED, /* any other wait: kind, type, value say for what */
};

struct ww_cause {
	union {
		struct {
			u8 kind;
			u8 type;
			u16 nr; /* the blocking syscall + 1; 0: none */
			u32 value;
		};
		u64 number; /* all of it */
	};
};

/* A wait within an interval, for the time line. */
struct ww_piece {
	u64 start;
	u64 end;
	struct ww_cause cause;
};

#define WW_PIECES	  6
#define WW_THREAD_DETAILS 4
#define WW_WORKER_VARS	  4
#define WW_THREAD_HOLDERS 3
#define WW_TENURES	  3
#define WW_CARRIERS	  448 /* of one thread at a time */
#define WW_PENDING	  32  /* requests of an event loop that wait to be continued */
#define WW_SERVED	  8
#define WW_TURN		  64  /* requests that had a step in one turn of a loop of Node's kind */
#define WW_ANSWERED	  256 /* answers to asyncio's Tasks whose request is not known yet */

/* What an event loop of asyncio's kind has read: its step runs some rounds later. */
struct ww_pending {
	ww_ref ref;
	u32 round; /* by the end of this one it has run */
	u32 grace; /* rounds that it was given beyond that */
};

enum ww_dirty {
	WW_DIRTY_RAN = 1 << 0,	    /* time on a CPU */
	WW_DIRTY_WAITED = 1 << 1,   /* another kind, details or pieces */
	WW_DIRTY_INFERRED = 1 << 2, /* some of that is inferred */
};

/* Whether a thread does work for an event loop of CPython's: executor.bpf.h. */
enum ww_executing {
	WW_EXECUTOR_NOT,
	WW_EXECUTOR_IDLE,
	WW_EXECUTOR_BUSY,
	WW_EXECUTOR_UNCOUNTED, /* the same, but not one of those of its process that are counted */
};

/* Whether a thread's process goes on with its work on any thread, as Go does with goroutines. */
enum ww_go_is {
	WW_GO_NOT,
	WW_GO,
	WW_GO_TOKIO,   /* Rust's tokio, with tasks */
	WW_GO_VIRTUAL, /* Java, with virtual threads, of which this one runs some */
};

/* Whether a thread is one of a Java process. */
enum ww_java {
	WW_JAVA_UNKNOWN,
	WW_JAVA_NOT,
	WW_JAVA,    /* and the process is in ww_pools */
	WW_JAVA_VM, /* one that the virtual machine has for itself: it compiles, collects garbage */
};

/* A wait whose end tells what it was. */
enum ww_timed {
	WW_TIMED_NOT,
	WW_TIMED,	/* for a futex, with a timeout */
	WW_TIMED_TOLD,	/* the same, and whether it is for an interpreter's lock is certain */
	WW_TIMED_HALTED /* in a signal's handler, for another signal: halt.bpf.h */
};

/* Who had a lock from a time on. */
struct ww_tenure {
	u64 from;
	u64 type; /* enum ww_holder_type */
	union ww_who who;
};

/*
 * A thread that has worked for a request. Its current interval, from `start`, is time that nobody owns yet: whose it
 * was is known when the thread touches the next socket. Only the thread's own CPU writes it, but for `waking`.
 */
struct ww_thread {
	u64 start;
	u64 mark;	     /* the interval is accounted up to here */
	u64 waking;	     /* when it was last woken */
	u64 on_cpu;	     /* when it last got a CPU */
	u64 gc;		     /* runs while it collects garbage: the only word here that probes write besides the next */
	u64 gc_at;	     /* when that began last */
	u64 goroutine, goid; /* where probes tell it: its g, which stays when that ends, and its number */
	u64 java_thread;     /* of one that may run virtual threads: its JavaThread; 0: not known */
	/* Go: a goroutine is made to collect; all of these only probes write: */
	ww_ref assist_for; /* for which request; 0: for none that is known, */
	u64 assist_at;	   /* since when; 0: none is, */
	u64 assist_off;	   /* how long it had waited in its interval then. */
	ww_ref assisted;   /* Whose goroutine was so last, */
	u64 assisted_from; /* in the interval that began then, */
	u64 assisted_ns;   /* for so long, as far as its own clock tells, too */
	ww_ref ref;	   /* the request that it is attached to */
	struct ww_cause off_cause;
	u8 off; /* enum ww_off */
	u8 details_len;
	u8 pieces_len;
	u8 dirty;	 /* what the interval has besides nothing: enum ww_dirty */
	u8 fresh;	 /* the interval began with a wake-up from an idle wait, so what came first woke the thread */
	u8 loop;	 /* it waits in epoll, or works for several at a time: its steps may be of any request */
	u8 named;	 /* counts the answers since comm and cgroup were read */
	u8 sent;	 /* its last touch was a send */
	u64 gc_mark;	 /* what the clock `gc` showed at `mark` */
	u64 halting;	 /* up to when threads that it halted have let that clock run: halt.bpf.h */
	u64 stops;	 /* how long its process had been stopped by its collector when it began to wait .. */
	u64 stopped;	 /* .. and how long it was so in that wait */
	u64 cpu_ns;	 /* of the interval */
	u64 allocations; /* the same: allocation.bpf.h */
	u64 kinds_ns[WW_KIND_COUNT];
	ww_ref home;	      /* the request that it was attached to when it last began to wait for sockets */
	u64 deadline;	      /* when the timeout of its last wait for sockets ends; 0: none was given */
	u64 slept;	      /* when that wait began */
	u64 woke;	      /* when the last one ended */
	u64 worked_ns;	      /* between the last two */
	u32 off_nr;	      /* the syscall of its last wait for sockets + 1 */
	u32 round;	      /* of an event loop: counts up when it reads after it sent */
	u64 read_from;	      /* the connection that it read last */
	u64 round_at[2];      /* when the current round began, and the one before */
	u64 python;	      /* address of its PyThreadState in its process; 0: none */
	u64 phase_at;	      /* address of the word that tells libuv's phase; 0: not known */
	u64 phase_read;	      /* that word, when it last read: the phase in which it polls */
	u32 phase_asked;      /* reads since it was looked for */
	u64 turns_at;	      /* address of the word that counts the turns of that loop; 0: not known */
	u64 idle_at;	      /* and of its ring of idle handles: immediate.bpf.h */
	u32 steps;	      /* async functions that V8 has continued since it last read */
	u64 root;	      /* the promise at the end of the chain that it works for: promise.bpf.h; 0: not known */
	u64 root_first;	      /* of the first step since it last read, or slept */
	u64 root_last;	      /* of the last step that was told */
	u64 root_at;	      /* when the last step was */
	u64 root_lost;	      /* when the newest account for nobody began of which that was lost */
	u64 root_phase;	      /* and the phase in which it did: as phase_read */
	u32 turn_len;	      /* of a loop of Node's kind: */
	ww_ref turn[WW_TURN]; /* whose steps were in this turn, in order; */
	u64 turn_number;      /* which that was; 0: not known; */
	u64 turn_at;	      /* when its first read was; */
	u64 turn_read;	      /* and its last one, */
	u64 turn_from;	      /* which connection's that was; */
	/* The verifier follows every value of what a loop counts up, where that is not kept in memory: */
	u32 turn_alive;	    /* of these, so many have not ended, */
	u32 turn_first;	    /* and so many of those wait for nothing else that is known; */
	ww_ref turn_one;    /* the last of them; */
	u32 turn_maybe;	    /* of those, some may wait for the rest of an answer, or of themselves */
	u32 turn_in;	    /* of so many that may have asked; */
	u32 turn_before;    /* of those that can't, so many wait for nothing that is known; */
	ww_ref turn_last;   /* whose step its last read was; 0: not one's that is known; */
	ww_ref turn_asker;  /* in whose the first immediate was asked for, */
	u64 turn_since;	    /* and who had one since (of `turn`, a bit each); */
	u64 immediate_not;  /* when an immediate was last seen to be for something else than to send; */
	u8 immediate_right; /* how often it told what was known; */
	u8 turn_asked;	    /* enum ww_asked; */
	u8 turn_by;	    /* only who had a step since may have asked; */
	u8 turn_steps;	    /* steps since its last read; */
	u8 turn_unknown;    /* it had others, of which nobody knows whose; */
	u8 turn_unsure;	    /* some may have been in the turn before; */
	u8 turn_over;	    /* what is read next is in another turn; */
	u8 turn_chains;	    /* and what some wait for may be in accounts of their chains; */
	u8 deferred;	    /* what it sends now may be of any of the turn: shared.bpf.h */
	u8 defers;	    /* it has sent so before */
	u64 several;	    /* when it read the answers of several at once, if that was its last read; 0: it was not */
	u64 others;	    /* when a request was last seen to have waited for what no socket tells, */
	u32 others_seen;    /* how often that was */
	u64 pooled;    /* when a step was last seen while it polls that follows on no read, as on libuv's pool's work */
	u64 forgotten; /* when the newest account for nobody began that had to make room in `pending` */
	u32 pending_len;
	struct ww_cause connecting; /* what waiting for the connection is that it made last; type NONE: not known */
	u64 cgroup_id;
	char comm[WW_COMM];
	u64 batch_at;	  /* when the first read of its current batch was */
	u64 answered_at;  /* when it read an answer to an anonymous account last */
	u32 batch;	  /* counts up when a read is certain to be of a later epoll_wait() than the one before */
	u32 opened_batch; /* in which it read a new request last */
	u8 python_tries;  /* how often `python` was looked for; user space may learn of a process a little late */
	u8 shared;	  /* CPython, but its Tasks' sends come from one Context: uvloop */
	u8 roots_mixed;	  /* steps of several such chains come in turn */
	u8 orphan;	  /* what it has read last is an answer for an account that has ended */
	u8 mixed;	  /* how far it looks as if it were to be `shared` */
	u8 seen;	  /* the first of two copies of a program had its last call: again.bpf.h */
	u8 timed;	  /* enum ww_timed */
	u8 expired;	  /* no other thread has ended that wait */
	u8 posted;	  /* one has ended its last wait for sockets, by what that names: enum ww_detail_name */
	u8 java;	  /* enum ww_java */
	u8 pool;	  /* it has done work for other threads' requests: handoff.bpf.h */
	u8 place_seen;	  /* how often it has waited at `place`, less how often elsewhere */
	u8 parked;	  /* with an account of such work, it waits where it waits for work */
	u8 go;		  /* enum ww_go_is */
	u16 go_tries;	  /* how often that was looked for */
	u8 tasks_tries;	  /* how often in a row no task of Java's was found on its stack */
	u16 tasks_slot;	  /* of Java's: where its requests are noted, + 1; 0: nowhere (tasks.bpf.h) */
	u8 job;		  /* it is a thread of the command that is observed: job.bpf.h */
	u8 job_waits;	  /* and is one of those that want a CPU */
	u8 assists;	  /* what it has collected since `mark` it was made to: only probes write this, too */
	u8 exact;	  /* enum ww_exact */
	u32 tid;
	u32 executes_for; /* the process whose pool's thread it is: `executor` */
	u32 served_len;
	ww_ref served[WW_SERVED];      /* the requests that it read last */
	ww_ref crowd;		       /* one that had to make room there before it had ended */
	u64 ended_at;		       /* when a request of its ended last */
	u64 corked;		       /* the struct tcp_sock that holds a response of its back: cork.bpf.h; 0: none, */
	u64 corked_at;		       /* since when, */
	ww_ref corks;		       /* whose that is, */
	u32 corked_end;		       /* and what follows its last byte there */
	u64 futex;		       /* the one that it waits for, or waited for last */
	u64 place;		       /* and the one for which it waited last when it had no request */
	u64 idle_sp;		       /* where its stack was then */
	u64 futex_sp;		       /* and in its last wait for a futex */
	u64 woken_at[2];	       /* those at which others have ended a wait with a timeout */
	u64 job_since;		       /* and since when it has the CPU that it is on; 0: it is on none */
	ww_ref unit;		       /* its unit of work that is no request: unit.bpf.h */
	u64 unit_sp;		       /* of a function's call: where its stack was at the entry */
	u64 idle_wait;		       /* where it waited for messages last: syscall and descriptor; queue.bpf.h */
	u64 pipe;		       /* by which it is handed messages: the inode's number; 0: by none */
	ww_ref gift;		       /* the account that who woke it has for it, until it runs */
	u8 sampled;		       /* it is attached to a request whose stacks are taken */
	u8 weighed;		       /* weights of the interval were sent, */
	u64 weighed_ns[WW_KIND_COUNT]; /* so much of waits */
	u8 frames_tries;	       /* how often `frames_of` was looked for */
	u8 version;		       /* of its CPython, whose objects are known: python.bpf.h */
	u8 untold;		       /* or it has a CPython whose Tasks are not followed */
	u8 executor;		       /* enum ww_executing */
	u8 takes;		       /* it takes messages from a queue, and answers no requests: queue.bpf.h */
	u8 taking;		       /* it reads the message from `pipe` */
	u8 reading;		       /* it has begun to read from there when there was none */
	u8 relays;		       /* it has others go on with the requests that it reads: relay.bpf.h */
	u8 spreads;		       /* it wakes others for the messages that it takes: elsewhere.bpf.h */
	u64 strays;    /* what others of its process had sent when its last message ended, or it began to take them */
	u64 frames_of; /* its PyThreadState, for its frames; 0: none */
	u64 folded;    /* a loop of CPython's: when a thread of its pool had done something last */
	u64 opened_at; /* when it read a new request last */
	u64 responded; /* a loop of CPython's: the Context that answered last */
	u64 submitter; /* the Context that has woken it for work; 0: not known */
	u64 told;      /* the Future whose work was seen to be done last, unless it has sent something since; */
	u64 told_for;  /* and which Task awaited that */
	u64 base;    /* a pool's thread of uvloop's: the frame in which it takes its work; 0: not known; uvpool.bpf.h */
	u64 owes;    /* the Future that is set when what it works at is done; 0: not known, or it is; */
	u64 owes_by; /* what tells it from the next piece of work, */
	u64 owes_at; /* where in that function it was when that was found, */
	u64 owes_task;	  /* which Task awaits it, with WW_AWAITER_BITS, */
	u64 owes_key;	  /* the same as a key, */
	ww_ref owes_to;	  /* and as ww_uvloop_serves() has it */
	u64 handle_frame; /* a loop of CPython's: the frame in which it runs Handles; 0: not known */
	u64 leaf;	  /* the Task whose step it was in when it was looked at last, */
	u64 task;	  /* and the one that awaits what that does */
	u64 newest;	  /* the newest Task of its, as ww_carrier_key has it */
	u8 handle_tries;  /* how often that frame was looked for */
	u8 nested;	  /* Tasks of its do work for others that await them */
	u8 uvloop;	  /* it runs uvloop's loop, and is followed: uvloop.bpf.h */
	u8 uvpool;	  /* enum ww_uvpool: it works for such a loop, */
	u8 began;	  /* and is in what it was given */
	u8 led;		  /* how `task` was found to: WW_AWAITER_BITS */
	u64 worker;	  /* of a pool's thread of CPython's: the frame in which it takes its work; */
	u64 loop_slot;	  /* of another one: where the frame of what its loop calls is; */
	u64 item;	  /* what it works at, */
	ww_ref item_for;  /* and for which request; 0: not known */
	u64 tasks_at;	  /* of a pool's thread of Java's: where on its stack the Worker's object is; 0: not known */
	/* The first variables of its loop when it took that up, and which of them (a bit each) that was given. */
	u64 vars[WW_WORKER_VARS];
	u32 item_vars;
	ww_ref given; /* the request whose thread has made it, or handed it an item */
	u8 submits;   /* without a request, it has woken such a thread */
	u8 made;      /* a request's thread has made it, for one piece of work, or for a pool */
	u8 awaits;    /* enum ww_awaits: the end of what another thread does, worker.bpf.h */
	u64 stack;    /* where it blocked last; 0: none was taken */
	u8 holders_len;
	u8 tenures_len; /* of the lock that it waits, or waited, for last: who had it meanwhile, the last one first */
	u64 lock;	/* which that was: as `futex` */
	u64 lock_at;	/* when the wait was ended */
	struct ww_tenure tenures[WW_TENURES];
	struct ww_holder holders[WW_THREAD_HOLDERS];
	struct ww_detail details[WW_THREAD_DETAILS];
	struct ww_piece pieces[WW_PIECES];
	struct ww_pending pending[WW_PENDING]; /* of asyncio's kind: read; of Node's: waits for a timer */
};

#endif
