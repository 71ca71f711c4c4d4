/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages that say their length in a header, one direction of a connection: found over any split, and over bytes that
 * are not at hand as long as no header lies in them.
 */
#ifndef WHYWAIT_FRAME_H
#define WHYWAIT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"

#define WW_FRAME_HEADER_MAX 8

/* All zeros is the beginning of a message, once header_size is set. */
struct ww_frame {
	uint8_t header[WW_FRAME_HEADER_MAX];
	uint8_t header_size; /* the protocol's */
	uint8_t header_len;  /* of them have come */
	bool blind;	     /* where the next message begins is not known; the parser sets and clears it */
	bool torn;	     /* bytes of the body that were to be kept are missing */
	uint32_t keep;
	uint64_t len, left; /* of the body, and what of it is still to come */
	struct ww_bytes kept;
};

enum ww_frame_event {
	WW_FRAME_MORE,	  /* all bytes are used up */
	WW_FRAME_HEADER,  /* a header is whole: ww_frame__expect(), or `blind` */
	WW_FRAME_MESSAGE, /* a message is over */
};

/* Bytes at the beginning of a body, lent until the next call; `have` < `len` where it was longer than what is kept. */
struct ww_message {
	uint8_t type; /* the header's first byte */
	const uint8_t *body;
	size_t have;
	uint64_t len;
};

/* To be called until it wants more; takes off what it has used. */
enum ww_frame_event ww_frame__take(struct ww_frame *frame, const uint8_t **bytes, size_t *len,
				   struct ww_message *message);

/* The same for bytes that are not at hand. A header among them makes it blind, and `len` is what lies behind it. */
enum ww_frame_event ww_frame__skip(struct ww_frame *frame, uint64_t *len, struct ww_message *message);

/* What the header has said; of the body's beginning `keep` bytes are wanted. */
void ww_frame__expect(struct ww_frame *frame, uint64_t len, uint32_t keep);

/* A message begins with the next byte. */
void ww_frame__restart(struct ww_frame *frame);

void ww_frame__free(struct ww_frame *frame);

#endif
