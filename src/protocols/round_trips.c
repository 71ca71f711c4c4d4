/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A protocol that is not known, or can't be read: what is sent begins an operation, what is received answers it, and
 * the next send after that ends it. So it is told at the next send, or when the request ends.
 */
#include "protocols/dialogue.h"

static void moved(struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (direction == WW_RECEIVED) {
		if (!draft)
			return; /* the peer speaks first */
		draft->bytes_in += len;
		ww_dialogue__answered(dialogue, 0);
		return;
	}
	if (draft && draft->answered_ns) {
		ww_dialogue__finish(dialogue, 0);
		draft = NULL;
	}
	if (!draft) {
		draft = ww_dialogue__open(dialogue);
		if (!draft)
			return;
		draft->flags |= WW_OPERATION_UNCAPTURED;
	}
	draft->bytes_out += len;
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	(void)state;
	(void)bytes;
	moved(dialogue, direction, len);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	(void)state;
	moved(dialogue, direction, len);
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	(void)state;
	(void)dialogue;
}

const struct ww_protocol ww_protocol_round_trips = {
	.name = "round trips",
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
};
