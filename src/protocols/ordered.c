/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/ordered.h"

#define SENT	 (WW_SENT + 1)
#define RECEIVED (WW_RECEIVED + 1)

void ww_ordered__begin(struct ww_ordered *ordered, bool whole)
{
	/* A request that is observed takes a connection from its pool: it is idle when it is seen first. */
	*ordered = (struct ww_ordered){.sure = true, .proven = whole};
}

void ww_ordered__lost(struct ww_ordered *ordered)
{
	/* What is missing was no silence. */
	*ordered = (struct ww_ordered){
		.last_ns = UINT64_MAX - WW_ORDERED_IDLE_NS,
		.last_request = ordered->last_request,
		.lost = true,
		.multiplexed = ordered->multiplexed,
	};
}

void ww_ordered__turn(struct ww_ordered *ordered)
{
	ordered->in_call = false;
}

void ww_ordered__give_up(struct ww_ordered *ordered, struct ww_dialogue *dialogue)
{
	ww_dialogue__unsure(dialogue);
	ordered->sure = ordered->proven = ordered->blurred = ordered->cut = false;
}

bool ww_ordered__is_tls(const uint8_t *bytes, size_t len)
{
	return len >= 3 && bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3 && bytes[2] <= 4;
}

void ww_ordered__round_trip(struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;

	ww_dialogue__unsure(dialogue);
	draft = ww_dialogue__open(dialogue);
	if (draft) {
		draft->flags |= WW_OPERATION_UNCAPTURED;
		draft->bytes_out = ww_dialogue__call(dialogue)->total;
	}
	ww_dialogue__encrypted(dialogue);
}

/* False when one of them has no answer yet: then the client does not wait. */
static bool finish_all(struct ww_dialogue *dialogue)
{
	for (size_t i = 0; i < ww_dialogue__drafts(dialogue); i++) {
		if (!ww_dialogue__draft(dialogue, i)->answered_ns)
			return false;
	}
	while (ww_dialogue__drafts(dialogue))
		ww_dialogue__finish(dialogue, 0);
	return true;
}

static void answered_all(struct ww_dialogue *dialogue)
{
	for (size_t i = 0; i < ww_dialogue__drafts(dialogue); i++)
		ww_dialogue__answered(dialogue, i);
}

/* What the call at hand does is not known, but that it does something is. */
static void do_something(struct ww_dialogue *dialogue)
{
	ww_dialogue__open(dialogue);
	ww_dialogue__unsure(dialogue);
}

/* A send begins. */
static bool sending(struct ww_ordered *ordered, struct ww_dialogue *dialogue, bool idle)
{
	uint64_t request = ww_dialogue__call(dialogue)->request;
	/* Calls of other requests are left out as a whole under load. Another one has the connection when it is idle.
	 */
	bool changed = ordered->lost && request && request != ordered->last_request;
	bool turned = ordered->last == RECEIVED || changed;

	if (ordered->blurred || ordered->cut) {
		if (!turned)
			return false;
		ordered->multiplexed = !finish_all(dialogue);
		if (ordered->multiplexed) {
			ww_ordered__give_up(ordered, dialogue);
			do_something(dialogue);
			return false;
		}
		ordered->blurred = ordered->cut = false;
		return true;
	}
	if (!ordered->sure) {
		if (idle || (turned && !ordered->multiplexed)) {
			ordered->sure = true;
			ordered->proven = idle;
			return true;
		}
		do_something(dialogue);
		return false;
	}
	if (turned && !ordered->midway && ww_dialogue__drafts(dialogue)) {
		ordered->multiplexed = true;
		if (!ordered->proven) {
			ww_ordered__give_up(ordered, dialogue);
			do_something(dialogue);
		}
	}
	return false;
}

bool ww_ordered__moved(struct ww_ordered *ordered, struct ww_dialogue *dialogue, enum ww_direction direction)
{
	const struct ww_call *call = ww_dialogue__call(dialogue);
	bool anew = false;

	if (ordered->in_call)
		return false;
	ordered->in_call = true;
	if (direction == WW_SENT)
		anew = sending(ordered, dialogue, call->began_ns >= ordered->last_ns + WW_ORDERED_IDLE_NS);
	else if (ordered->blurred)
		answered_all(dialogue);
	ordered->lost = false;
	ordered->last_request = call->request;
	ordered->last = direction + 1;
	ordered->last_ns = call->at_ns;
	return anew;
}

static struct ww_draft *newest(struct ww_dialogue *dialogue)
{
	return ww_dialogue__draft(dialogue, ww_dialogue__drafts(dialogue) - 1);
}

void ww_ordered__make_batch(struct ww_draft *draft)
{
	if (draft->flags & WW_OPERATION_BATCH)
		return;
	draft->flags &= ~(WW_OPERATION_READ | WW_OPERATION_WRITE | WW_OPERATION_FETCH | WW_OPERATION_CONTROL |
			  WW_OPERATION_BLOCKING | WW_OPERATION_CUT);
	draft->flags |= WW_OPERATION_BATCH;
	draft->phase = 0;
	draft->arguments = 0;
	ww_draft__set_summary(draft, "pipeline");
	ww_draft__set_statement(draft, "", 0);
}

struct ww_draft *ww_ordered__open(struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;

	if (ww_dialogue__drafts(dialogue) < WW_DRAFTS_MAX) {
		draft = ww_dialogue__open(dialogue);
		if (draft)
			draft->count = 1;
		return draft;
	}
	draft = newest(dialogue);
	ww_ordered__make_batch(draft);
	if (draft->count < WW_ORDERED_UNKNOWN - 1)
		draft->count++;
	return NULL;
}

bool ww_ordered__answered(struct ww_ordered *ordered, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft = ww_dialogue__draft(dialogue, 0);

	if (!draft) {
		ww_ordered__give_up(ordered, dialogue);
		return false;
	}
	ww_dialogue__answered(dialogue, 0);
	if (draft->count == WW_ORDERED_UNKNOWN) {
		if (ordered->cut_answered)
			ww_ordered__make_batch(draft);
		ordered->cut_answered = true;
	} else if (draft->count > 1) {
		draft->count--;
	} else {
		ww_dialogue__close(dialogue, 0);
	}
	return true;
}

void ww_ordered__blur(struct ww_ordered *ordered, struct ww_dialogue *dialogue)
{
	const struct ww_draft *oldest = ww_dialogue__draft(dialogue, 0);

	/* What was sent by several calls need not be of one who waits for all of it. */
	if (ordered->multiplexed || (oldest && oldest->start_ns != newest(dialogue)->start_ns)) {
		ww_ordered__give_up(ordered, dialogue);
		return;
	}
	ordered->blurred = true;
	answered_all(dialogue);
}

void ww_ordered__cut_short(struct ww_ordered *ordered, struct ww_dialogue *dialogue)
{
	if (ordered->multiplexed) {
		ww_ordered__give_up(ordered, dialogue);
		return;
	}
	ordered->cut = true;
	ordered->cut_answered = false;
}

struct ww_draft *ww_ordered__cut(struct ww_ordered *ordered, struct ww_dialogue *dialogue)
{
	struct ww_draft *draft;

	ww_ordered__cut_short(ordered, dialogue);
	if (!ordered->cut)
		return NULL;
	draft = ww_ordered__open(dialogue);
	if (draft)
		draft->count = WW_ORDERED_UNKNOWN;
	else if (ww_dialogue__drafts(dialogue))
		newest(dialogue)->count = WW_ORDERED_UNKNOWN;
	else
		ww_ordered__give_up(ordered, dialogue);
	return draft;
}
