/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tasks of tokio's have sent for others, and whether who awaits the answer still does when it comes. */
#ifndef WHYWAIT_AWAITED_H
#define WHYWAIT_AWAITED_H

#include "waker.bpf.h"

/* What was found to be awaited last is sent for: the account has it outstanding. */
static __always_inline void ww_tokio_sends(ww_ref ref)
{
	struct ww_go_room *room = ww_go_room();
	if (!room || !room->awaited)
		return;
	struct ww_carrier_key what = {.context = room->awaited, .program = ww_program()};
	struct ww_tokio_sent sent = {.waiter = room->waiter, .by = room->by, .ref = ref, .waker = room->waker};
	if (bpf_map_update_elem(&ww_tokio_sents, &what, &sent, BPF_ANY))
		ww_count(WW_COUNT_TOKIO_SENT_FAILED);
}

/* By what is awaited what was sent last. */
static __always_inline u64 ww_tokio_awaited(void)
{
	struct ww_go_room *room = ww_go_room();
	return room ? room->awaited : 0;
}

/*
 * What is awaited by that is answered. False: who was taken to wait for it does not any more, so it was for another
 * one, or for nobody: what it was found by was left over.
 */
WW_GLOBAL1(int, ww_tokio_answered, N, awaited)
{
	struct ww_carrier_key what = {.context = awaited, .program = ww_program()};
	struct ww_go *go = ww_go_get();
	struct ww_tokio_sent *sent = bpf_map_lookup_elem(&ww_tokio_sents, &what);
	u64 pair[2] = {};
	if (!go || !sent)
		return 1;
	u64 waiter = sent->waiter;
	bool read = !bpf_probe_read_user(pair, sizeof(pair), (void *)sent->waker);
	bpf_map_delete_elem(&ww_tokio_sents, &what);
	bool data_first = go->tokio.data_first;
	return read && (data_first ? pair[0] : pair[1]) == waiter &&
	       (data_first ? pair[1] : pair[0]) == go->tokio.waker;
}

#endif
