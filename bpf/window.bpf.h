/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The window on a message: the bytes of a call that are at hand, with what the call before left of a line in front.
 */
#ifndef WHYWAIT_WINDOW_H
#define WHYWAIT_WINDOW_H

#include "head.bpf.h"

static __always_inline void ww_window_load(struct ww_window *w, struct ww_http *http, u32 direction)
{
	const struct ww_stream *s = &http->streams[direction];
	u32 carried = http->carried[direction];
	w->left = s->left;
	w->state = s->state;
	w->first_line = s->first_line;
	w->chunked = s->chunked;
	w->skip_line = s->skip_line;
	w->has_length = s->has_length;
	w->status = s->status;
	w->skip = s->skip;
	w->body = s->body;
	w->traceparent_at = 0;
	w->pos = 0;
	w->end = carried;
	if (!carried)
		return;
	ww_copy(w->bytes, http->carry[direction], carried, WW_CARRY);
	http->carried[direction] = 0;
}

static __always_inline void ww_window_store(struct ww_window *w, struct ww_stream *s)
{
	s->left = w->left;
	s->state = w->state;
	s->first_line = w->first_line;
	s->chunked = w->chunked;
	s->skip_line = w->skip_line;
	s->has_length = w->has_length;
	s->status = w->status;
	s->skip = w->skip;
	s->body = w->body;
}

/* Keeps what is left in the window for the next call. False when it is more than a line may have. */
static __always_inline bool ww_window_carry(struct ww_window *w, struct ww_http *http, u32 direction)
{
	u32 pos = w->pos, left = w->end - pos;
	if (left > WW_CARRY || pos > WW_WINDOW_SIZE - WW_CARRY)
		return false;
	http->carried[direction] = left;
	ww_copy(http->carry[direction], w->bytes + pos, left, WW_CARRY);
	w->pos = w->end;
	return true;
}

/*
 * Reads more of the message behind what is left in the window; 0 when that can't be done. It may take several calls. A
 * global function, so that the verifier looks at it once.
 */
__weak int ww_window_fill(u32 direction)
{
	struct ww_window *w = ww_window_of(direction);
	if (!w || !w->message.readable)
		return 0;
	struct ww_message *m = &w->message;
	int found = ww_message_at(m, m->next);
	if (found != WW_FOUND)
		return found == WW_FOUND_LATER;
	u32 pos = w->pos, kept = w->end - pos;
	if (kept) {
		/* The regions may overlap: through the room behind the window's bytes. */
		if (kept > WW_CARRY || pos > WW_WINDOW_SIZE - WW_CARRY)
			return 0;
		ww_copy(w->kept, w->bytes + pos, kept, WW_CARRY);
		ww_copy(w->bytes, w->kept, kept, WW_CARRY);
	}
	u64 len = m->total - m->next;
	if (len > m->contiguous)
		len = m->contiguous;
	if (len > WW_WINDOW)
		len = WW_WINDOW;
	barrier_var(len);
	if (len > WW_WINDOW || kept > WW_CARRY || bpf_probe_read_user(w->bytes + kept, len, (void *)m->at))
		return 0;
	m->next += len;
	w->pos = 0;
	w->end = kept + len;
	return 1;
}

#endif
