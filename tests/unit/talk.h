/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a client and a server say, fed to a dialogue as the kernel's capture would, and the operations that come out.
 * Times are in microseconds and begin at 1 s; each call takes place one microsecond after the one before.
 */
#ifndef WHYWAIT_TEST_TALK_H
#define WHYWAIT_TEST_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "accounts.h"
#include "protocols/dialogue.h"

/* What of a call is at hand. */
#define SENT_HEAD     2048
#define RECEIVED_HEAD 256
#define RECEIVED_TAIL 64

enum talk_pieces {
	CAPTURED, /* what the kernel captures of each call */
	ALL,	  /* each call's bytes, all of them */
	SINGLE,	  /* each byte by a call of its own */
	RANDOM,	  /* calls are divided at random, each captured */
};

struct said {
	uint64_t request;
	unsigned flags;
	char summary[WW_SUMMARY_SIZE], statement[WW_STATEMENT_SIZE], error[WW_ERROR_SIZE];
	uint64_t start_us, end_us, bytes_out, bytes_in, arguments;
};

struct talk {
	const struct ww_protocol *protocol;
	struct ww_dialogue_sink sink;
	struct ww_dialogue *dialogue;
	enum talk_pieces pieces;
	struct draw draw;
	uint64_t request; /* that calls are made for */
	uint64_t now_us;
	struct said *said;
	size_t len, cap;
	unsigned unsure;
};

static inline void talk_said(void *ctx, const struct ww_draft *draft, uint64_t end_ns)
{
	struct talk *talk = ctx;
	struct said *said;

	if (talk->len == talk->cap) {
		talk->cap = talk->cap ? 2 * talk->cap : 16;
		talk->said = realloc(talk->said, talk->cap * sizeof(*talk->said));
		assert_non_null(talk->said);
	}
	assert_true(draft->request != 0);
	assert_true(end_ns >= draft->start_ns);
	said = &talk->said[talk->len++];
	*said = (struct said){
		.request = draft->request,
		.flags = draft->flags,
		.start_us = draft->start_ns / 1000 - 1000000,
		.end_us = end_ns / 1000 - 1000000,
		.bytes_out = draft->bytes_out,
		.bytes_in = draft->bytes_in,
		.arguments = draft->arguments,
	};
	snprintf(said->summary, sizeof(said->summary), "%s", ww_draft__summary(draft));
	snprintf(said->statement, sizeof(said->statement), "%s", ww_draft__statement(draft));
	snprintf(said->error, sizeof(said->error), "%s", draft->error);
}

static inline void talk_unsure(void *ctx, uint64_t request)
{
	struct talk *talk = ctx;

	assert_true(request != 0);
	talk->unsure++;
}

static inline struct talk *talk_begin(const struct ww_protocol *protocol, bool whole, enum talk_pieces pieces)
{
	struct talk *talk = calloc(1, sizeof(*talk));

	assert_non_null(talk);
	talk->protocol = protocol;
	talk->sink = (struct ww_dialogue_sink){.operation = talk_said, .unsure = talk_unsure, .ctx = talk};
	talk->pieces = pieces;
	if (pieces == RANDOM)
		talk->draw = draw_start();
	talk->request = 1;
	talk->now_us = 1000000;
	talk->dialogue = ww_dialogue__new(protocol, whole, &talk->sink);
	assert_non_null(talk->dialogue);
	return talk;
}

static inline void talk_end(struct talk *talk)
{
	ww_dialogue__free(talk->dialogue);
	free(talk->said);
	free(talk);
}

/* One call, of which `head` and `tail` bytes are at hand. */
static inline void talk_call(struct talk *talk, enum ww_direction direction, const void *bytes, size_t len, size_t head,
			     size_t tail)
{
	struct ww_call call = {
		.request = talk->request,
		.began_ns = talk->now_us * 1000,
		.at_ns = talk->now_us * 1000 + 500,
		.total = (uint32_t)len,
	};
	/* Of its own size, so that the address sanitizer sees whoever reads beyond. */
	uint8_t *first, *last;

	if (head > len)
		head = len;
	if (tail > len - head)
		tail = len - head;
	first = malloc(head + 1);
	last = malloc(tail + 1);
	assert_true(first && last);
	first = realloc(memcpy(first, bytes, head), head ?: 1);
	last = realloc(memcpy(last, (const char *)bytes + len - tail, tail), tail ?: 1);
	ww_dialogue__moved(talk->dialogue, direction, &call, first, head, last, tail);
	free(first);
	free(last);
}

static inline void talk_moved(struct talk *talk, enum ww_direction direction, const void *bytes, size_t len)
{
	size_t head = direction == WW_SENT ? SENT_HEAD : RECEIVED_HEAD, tail = direction == WW_SENT ? 0 : RECEIVED_TAIL;

	talk->now_us++;
	if (talk->pieces == ALL) {
		talk_call(talk, direction, bytes, len, len, 0);
		return;
	}
	for (size_t at = 0, piece; at < len; at += piece) {
		piece = talk->pieces == SINGLE	 ? 1
			: talk->pieces == RANDOM ? 1 + draw_number(&talk->draw, len - at)
						 : len - at;
		talk_call(talk, direction, (const char *)bytes + at, piece, head, tail);
	}
}

/* The last call's time, as operations have it. */
static inline uint64_t talk_us(const struct talk *talk)
{
	return talk->now_us - 1000000;
}

static inline void talk_sent(struct talk *talk, const char *text)
{
	talk_moved(talk, WW_SENT, text, strlen(text));
}

static inline void talk_received(struct talk *talk, const char *text)
{
	talk_moved(talk, WW_RECEIVED, text, strlen(text));
}

/* The flags as letters, in their order in operation.h. */
static inline const char *flags_text(unsigned flags, char text[16])
{
	static const char letters[] = "crwfx+plCUe";
	char *at = text;

	for (int i = 0; i < 11; i++) {
		if (flags & 1u << i)
			*at++ = letters[i];
	}
	*at = '\0';
	return text;
}

/* Every operation that was said so far, a line each: "summary|statement|flags|error"; then they are forgotten. */
static inline void talk_expect(struct talk *talk, const char *lines)
{
	size_t size = 1, at = 0;
	char *text;

	for (size_t i = 0; i < talk->len; i++)
		size += sizeof(talk->said[i].summary) + strlen(talk->said[i].statement) + 64;
	text = calloc(1, size);
	assert_non_null(text);
	for (size_t i = 0; i < talk->len; i++) {
		const struct said *said = &talk->said[i];
		char flags[16];

		at += (size_t)snprintf(text + at, size - at, "%s|%s|%s|%s\n", said->summary, said->statement,
				       flags_text(said->flags, flags), said->error);
	}
	assert_string_equal(text, lines);
	free(text);
	talk->len = 0;
}

#endif
