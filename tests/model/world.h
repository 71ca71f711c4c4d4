/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A host with a few server processes on the small kernel: what their threads, their clients and their upstreams can do,
 * each as one event that calls the hooks which the kernel would call.
 */
#ifndef WHYWAIT_MODEL_WORLD_H
#define WHYWAIT_MODEL_WORLD_H

#include "kernel.h"

#define THREADS	    6
#define CONNECTIONS 10
#define BUFFER	    2048
#define SLOTS	    48

enum process {
	PROCESS_PLAIN = 100,
	PROCESS_PYTHON = 200,
	PROCESS_NODE = 300,
};

enum thread_state {
	THREAD_GONE,
	THREAD_RUNS,
	THREAD_RUNNABLE,
	THREAD_BLOCKED,
};

struct thread {
	struct host_task task;
	enum thread_state state;
	u32 cpu; /* while it runs */
};

enum connection_kind {
	CONNECTION_NONE,
	CONNECTION_SERVER,	/* TCP, accepted */
	CONNECTION_SERVER_UNIX, /* accepted on a unix socket */
	CONNECTION_UPSTREAM,	/* TCP, made by a thread */
	CONNECTION_UPSTREAM_UNIX,
	CONNECTION_DATAGRAM,
	CONNECTION_PAIR, /* a socketpair between threads */
	CONNECTION_KINDS
};

struct connection {
	struct host_sock sock;
	struct host_sock peer; /* the other end, of a unix socket */
	enum connection_kind kind;
	bool established;
	bool ended;	   /* the peer sends no more */
	u8 coming[BUFFER]; /* on the way to it */
	u32 coming_len;
	u8 arrived[BUFFER]; /* and not read yet */
	u32 arrived_len;
	u8 going[BUFFER]; /* a response, not sent yet */
	u32 going_len;
	u32 going_body; /* so many of its last bytes are no head */
};

struct world {
	struct thread threads[THREADS];
	struct connection connections[CONNECTIONS];
	u32 threads_len;
	u32 connections_len;
	u32 cpus;
	struct connection *busy[2]; /* that events are about more often than others: upstream, server's */
	struct thread *waiting;
	bool illegal;  /* events may come in orders that no kernel has */
	bool hostile;  /* clients and servers may send anything */
	bool racing;   /* programs on several CPUs run at the same time */
	bool deaths;   /* a process may be gone while another has its connections */
	bool tagged;   /* every step of the clock is a power of two of its own */
	bool verbose;  /* every event is printed */
	u64 steps[44]; /* of the clock, that are left */
	u32 steps_len;
	u64 given;   /* CPU time that threads had */
	u64 charged; /* CPU time in records */
	u64 events;
	u64 records;
	u64 malformed;		     /* of these, of racing worlds: sums that are wrong */
	u64 kinds_ns[WW_KIND_COUNT]; /* in records */
	struct ww_segments line;     /* the last one */
	struct {
		ww_ref ref;
		u32 records;
	} traffic[SLOTS]; /* by slot, of its newest request */
	u64 counted[WW_COUNTER_COUNT];
	ww_ref shown[SLOTS]; /* requests that were noted */
};

extern struct world world;

/*
 * Boots a world that is drawn from the seed and lets events come; then closes all connections, sweeps as user space
 * does, and checks that nothing is left.
 */
void world_play(u64 seed, bool verbose);

/* Prints an event when the world is verbose. */
void world_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is wrong, with the seed, and ends the program; in a world that is not verbose, plays it once more first. */
void world_wrong(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- traffic.c: what connections can do ---- */

void traffic_accept(void);
void traffic_request(void);
void traffic_arrive(void);
void traffic_receive(struct thread *thread);
void traffic_respond(struct thread *thread);
void traffic_connect(struct thread *thread);
void traffic_established(void);
void traffic_send_upstream(struct thread *thread);
void traffic_close(void);
void traffic_shut_down(void);
void traffic_close_all(void);
void traffic_disorder(void); /* what no kernel does */

/* ---- invariants.c ---- */

/* What holds at any time. */
void invariants_check(void);

/* What holds for every record. */
void invariants_account(const struct ww_account *account, u64 size);
void invariants_segments(const struct ww_segments *line, u64 size);
void invariants_traffic(const struct ww_traffic *record, u64 size);

/* What holds when everything is over. */
void invariants_end(void);

#endif
