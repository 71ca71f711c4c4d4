/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is kept of a connection's end on this host: a part of maps.bpf.h, which has what this needs, and includes it.
 */
#ifndef WHYWAIT_END_H
#define WHYWAIT_END_H

enum ww_role {
	WW_ROLE_UNKNOWN,
	WW_ROLE_SERVER,
	WW_ROLE_CLIENT,
};

enum ww_protocol {
	WW_PROTOCOL_NEW,   /* nothing was read yet */
	WW_PROTOCOL_MAYBE, /* begins like HTTP */
	WW_PROTOCOL_HTTP,
	WW_PROTOCOL_FASTCGI,
	WW_PROTOCOL_OTHER, /* or not selected, or lost, or upgraded: never looked at again */
};

#include "framing.bpf.h"

enum ww_stream_kind {
	WW_STREAM_NONE,	 /* no TCP */
	WW_STREAM_OTHER, /* what is read differs from what TCP has (kTLS) */
	WW_STREAM_PLAIN,
};

/* A connection end on this host that requests come in on, or that a request sends on. */
struct ww_conn {
	u64 ready;    /* when the first byte not read yet arrived; 0: none waits */
	ww_ref first; /* server: the request being served; client: the request that used it last */
	ww_ref last;  /* server: the newest pipelined behind it */
	u64 sent; /* upstream: when it was last sent to; before the first time: when it was connected, 0: it has spoken
		   */
	u64 newest; /* TCP server: when the newest bytes arrived, where older ones waited; 0: they are not told apart */
	u32 newest_at;	 /* where in the stream they begin */
	u32 arrived;	 /* where it ended at the last arrival */
	u32 copied;	 /* TCP server: where in the stream its reader is */
	u32 read_to;	 /* and where the last read ended that was seen */
	u32 newest_read; /* how many of the newest bytes the last read had */
	u32 taken; /* bytes of the request in progress that no traced call took, when the last response was sent */
	u32 busy;  /* server: 1 while a CPU works on it; 2: and another one could not wait for that */
	u32 peer;  /* index into the peer list; server: its own address */
	u32 round; /* of the loop that read it last, + 1 */
	u16 port;  /* server: its own */
	u8 role;
	u8 protocol;
	u8 system; /* enum ww_system, of an upstream */
	u8 counts; /* an upstream whose commands can be counted: Redis, by its bytes */
	u8 classified;
	u8 tx_blocked;	     /* the last send did not fit */
	u8 connecting;	     /* upstream: nothing was sent since connect() */
	u8 awaited;	     /* upstream: sent to, and no answer read yet */
	u8 guessed;	     /* upstream: whose it was that sent to it is a guess */
	u8 unseen;	     /* server: it was open before observation began */
	u8 tries;	     /* unseen: reads that did not begin like a request */
	u8 stream;	     /* TCP server: enum ww_stream_kind */
	u8 counted;	     /* upstream: that its answer arrived is counted */
	u8 lost;	     /* server: the last read showed that what was taken before it is not known */
	u8 queue;	     /* upstream, a queue's broker: enum ww_queue */
	u8 shared;	     /* upstream: its commands are counted: shared.bpf.h; 2: answers are to come */
	u8 unanswered;	     /* AMQP: what is published on it is not confirmed */
	u64 number;	     /* upstream: names it in ww_traffic records; 0: not named yet */
	u32 calls[2];	     /* upstream: that records were to be sent of, by enum ww_direction */
	struct ww_http http; /* of a server's connection; what is carried of lines comes last */
	u8 askers;	     /* upstream of uvloop's: how often another Task than the two before awaited its answer, */
	u64 asker;	     /* and the last one: as ww_carrier_key has it, */
	u64 asked_before;    /* and the one before that */
	u64 awaited_by;	     /* upstream of tokio: something by which its answer is awaited; 0: not known */
	u64 sock;	     /* where the state is kept by hand: of which struct sock it is */
};

#endif
