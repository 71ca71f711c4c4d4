/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where HTTP/1 messages begin and end, told in the plainest way: all bytes at hand, one after the other. What the BPF
 * side's scanner, which sees them in pieces, is held against.
 */
#ifndef WHYWAIT_FUZZ_FRAMING_H
#define WHYWAIT_FUZZ_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGES 320

struct message {
	size_t start, end; /* `end` is behind it; where the bytes end when it is not whole */
	size_t head_end;   /* 0: the head is not whole */
	bool begun;	   /* its first line is whole */
	bool whole;
	size_t between;		   /* line ends between interim responses and the response */
	size_t method_len;	   /* of a request, from its start on */
	size_t target, target_len; /* without the query string */
	unsigned status;
};

struct framing {
	struct message messages[MESSAGES];
	size_t len;
	bool bad;    /* the message behind these is none */
	bool unsure; /* a line so long that it matters in which pieces it comes */
};

/* The requests in a client's bytes. */
void framing_requests(const uint8_t *bytes, size_t len, struct framing *framing);

/*
 * The responses in a server's bytes to `requests` requests, of which those whose bit is set in `heads` were HEAD. What
 * is behind an upgrade belongs to no message.
 */
void framing_responses(const uint8_t *bytes, size_t len, size_t requests, uint64_t heads, struct framing *framing);

#endif
