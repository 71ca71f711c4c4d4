/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A protocol that is not known, or can't be read: what is sent begins an operation, what is received answers it, and
 * the next send after that ends it. So it is told at the next send, or when the request ends. Where requests share a
 * connection nothing tells whom an answer is for: then none is told of, up to a silence.
 */
#include "protocols/dialogue.h"
#include "protocols/ordered.h"

struct round_trips {
	bool in_call;
	bool shared; /* answers may be due that nobody waits for here */
	uint64_t last_ns;
};

static void sent(struct round_trips *trips, struct ww_dialogue *dialogue, uint64_t len, bool begins)
{
	const struct ww_call *call = ww_dialogue__call(dialogue);
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (begins && trips->shared && call->began_ns >= trips->last_ns + WW_ORDERED_IDLE_NS)
		trips->shared = false;
	if (begins && draft && draft->answered_ns) {
		ww_dialogue__finish(dialogue, 0);
		draft = NULL;
	}
	/* A send for nobody that is known may be for the same. */
	if (begins && draft && call->request && draft->request != call->request)
		trips->shared = true;
	if (trips->shared) {
		if (begins) {
			ww_dialogue__open(dialogue);
			ww_dialogue__unsure(dialogue);
		}
		return;
	}
	if (!draft) {
		draft = ww_dialogue__open(dialogue);
		if (!draft)
			return;
		draft->flags |= WW_OPERATION_UNCAPTURED;
	}
	draft->bytes_out += len;
}

static void moved(struct round_trips *trips, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);
	bool begins = !trips->in_call;

	trips->in_call = true;
	if (direction == WW_SENT) {
		sent(trips, dialogue, len, begins);
	} else if (draft) { /* else the peer speaks first */
		draft->bytes_in += len;
		ww_dialogue__answered(dialogue, 0);
	}
	trips->last_ns = ww_dialogue__call(dialogue)->at_ns;
}

static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes,
		  size_t len)
{
	(void)bytes;
	moved(state, dialogue, direction, len);
}

static void skip(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, uint64_t len)
{
	moved(state, dialogue, direction, len);
}

static void turn(void *state, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	struct round_trips *trips = state;

	(void)dialogue;
	(void)direction;
	trips->in_call = false;
}

static void lost(void *state, struct ww_dialogue *dialogue)
{
	(void)state;
	(void)dialogue;
}

const struct ww_protocol ww_protocol_round_trips = {
	.name = "round trips",
	.size = sizeof(struct round_trips),
	.bytes = bytes,
	.skip = skip,
	.lost = lost,
	.turn = turn,
};
