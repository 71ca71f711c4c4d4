/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Dialogues for unit tests: calls are made up, operations are kept as text. */
#ifndef WHYWAIT_UNIT_DIALOGUES_H
#define WHYWAIT_UNIT_DIALOGUES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "protocols/dialogue.h"

#define TEXTS 32

struct talk {
	struct ww_dialogue *dialogue;
	struct ww_dialogue_sink sink;
	uint64_t now;
	size_t len; /* of the operations so far */
	char texts[TEXTS][256];
	uint64_t arguments[TEXTS], prepared[TEXTS];
	unsigned int unsure;
	uint8_t bytes[1 << 16];
	size_t bytes_len;
};

/* "START-END FLAGS|SUMMARY|STATEMENT|ERROR", times as numbers of calls. */
static inline void talk_operation(void *ctx, const struct ww_draft *draft, uint64_t end_ns)
{
	static const char *const names[] = {"connect", "read",	"write", "fetch",      "control",    "batch",
					    "piped",   "waits", "cut",	 "unfinished", "uncaptured", "unseen"};
	struct talk *talk = ctx;
	char *text = talk->texts[talk->len % TEXTS], flags[128] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (draft->flags >> i & 1)
			snprintf(flags + strlen(flags), sizeof(flags) - strlen(flags), " %s", names[i]);
	}
	talk->arguments[talk->len % TEXTS] = draft->arguments;
	talk->prepared[talk->len % TEXTS] = draft->prepared;
	snprintf(text, sizeof(talk->texts[0]), "%u-%u%s|%s|%.150s|%s", (unsigned int)draft->start_ns,
		 (unsigned int)end_ns, flags, ww_draft__summary(draft), ww_draft__statement(draft), draft->error);
	talk->len++;
}

static inline void talk_unsure(void *ctx, uint64_t request)
{
	struct talk *talk = ctx;

	assert_int_equal(request, 7);
	talk->unsure++;
}

static inline void talk_begin(struct talk *talk, const struct ww_protocol *protocol, bool whole)
{
	*talk = (struct talk){.sink = {.operation = talk_operation, .unsure = talk_unsure, .ctx = talk}};
	talk->dialogue = ww_dialogue__new(protocol, whole, &talk->sink);
	assert_non_null(talk->dialogue);
}

static inline void talk_end(struct talk *talk)
{
	ww_dialogue__free(talk->dialogue);
}

/* Adds to what the next call moves. */
static inline void talk_add(struct talk *talk, const void *bytes, size_t len)
{
	assert_true(talk->bytes_len + len <= sizeof(talk->bytes));
	memcpy(talk->bytes + talk->bytes_len, bytes, len);
	talk->bytes_len += len;
}

/* A call moves what was added; of it only the first and the last bytes are at hand. */
static inline void talk_move_part(struct talk *talk, enum ww_direction direction, size_t head, size_t tail)
{
	struct ww_call call = {
		.request = 7, .began_ns = ++talk->now, .at_ns = talk->now, .total = (uint32_t)talk->bytes_len};

	if (head > talk->bytes_len)
		head = talk->bytes_len;
	if (tail > talk->bytes_len - head)
		tail = talk->bytes_len - head;
	ww_dialogue__moved(talk->dialogue, direction, &call, talk->bytes, head, talk->bytes + talk->bytes_len - tail,
			   tail);
	talk->bytes_len = 0;
}

static inline void talk_move(struct talk *talk, enum ww_direction direction)
{
	talk_move_part(talk, direction, direction == WW_SENT ? 2048 : 256, direction == WW_SENT ? 0 : 64);
}

/* The operations so far are these, NULL behind the last; forgets them. */
static inline void talk_check(struct talk *talk, const char *const *texts)
{
	size_t count = 0;

	while (texts[count])
		count++;
	for (size_t i = 0; i < count && i < talk->len; i++)
		assert_string_equal(talk->texts[i], texts[i]);
	assert_int_equal(talk->len, count);
	talk->len = 0;
}

#define TALK_CHECK(talk, ...) talk_check(talk, (const char *const[]){__VA_ARGS__, NULL})
#define TALK_CHECK_NONE(talk) talk_check(talk, (const char *const[]){NULL})

#endif
