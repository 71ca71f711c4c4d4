/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a server's connection stands in the messages that it carries. A part of maps.bpf.h, which has what this needs.
 */
#ifndef WHYWAIT_FRAMING_H
#define WHYWAIT_FRAMING_H

/* Where a direction of a server's connection stands in its messages. */
enum ww_stream_state {
	WW_STREAM_START,   /* between messages */
	WW_STREAM_HEAD,	   /* in a head */
	WW_STREAM_BODY,	   /* `left` more bytes */
	WW_STREAM_CHUNK,   /* in a chunk's size line */
	WW_STREAM_TRAILER, /* in the lines behind the last chunk */
	WW_STREAM_CLOSE,   /* a body that ends with the connection */
	/* FastCGI's; WW_STREAM_START is between records there. */
	WW_STREAM_RECORD,   /* `left` more bytes of a record that nobody looks at */
	WW_STREAM_PARAMS,   /* `left` more bytes of names and values */
	WW_STREAM_CGI_HEAD, /* `left` more bytes that begin with lines of the response's head */
};

#define WW_CARRY 256 /* bytes kept of a line that is not whole yet: enough for a method and WW_TARGET_MAX */

struct ww_stream {
	u64 left; /* bytes of the body, chunk or record still to come */
	u8 state; /* enum ww_stream_state */
	union {
		u8 first_line; /* the head's first line is still to come */
		u8 record;     /* FastCGI: the type of the one at hand */
	};
	union {
		u8 chunked;
		u8 padding; /* FastCGI: bytes behind `left` */
	};
	u8 skip_line; /* the rest of the line, up to its end, does not matter; FastCGI's request: of the parameters */
	union {
		u8 has_length;
		u8 head_over; /* FastCGI */
	};
	u8 have; /* AMQP: bytes in `begins` */
	u16 status;
	union {
		struct {
			u32 skip; /* FastCGI's request: bytes of the parameter at hand that do not matter */
			u32 body; /* and of its body that no record has announced yet */
		};
		u64 begins; /* AMQP: what has come of a frame's beginning, in memory's order */
	};
};

enum ww_direction {
	WW_RX,
	WW_TX,
};

struct ww_http {
	struct ww_stream streams[2]; /* by enum ww_direction */
	ww_ref reading;		     /* the request whose bytes are being read */
	u32 open;		     /* accounts on this connection */
	u32 unaccounted; /* requests behind conn->last that found no room in the table: their responses are to come */
	u32 unaccounted_heads; /* bit n: the n-th of them is a HEAD request */
	u16 carried[2];	       /* bytes of a line that is not whole yet, by direction */
	char carry[2][WW_CARRY];
};

#endif
