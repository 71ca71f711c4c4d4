/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tasks of tokio's and virtual threads do for requests that can't be told: those that may have asked for it, which
 * are all that are there meanwhile, say so when they are answered.
 */
#ifndef WHYWAIT_STRAY_H
#define WHYWAIT_STRAY_H

#include "account.bpf.h"
#include "awaited.bpf.h"
#include "traffic.bpf.h"
#include "virtual.bpf.h"

/* A task of tokio's was sent something, or got an answer, for somebody whose task can't be told. */
static __always_inline void ww_tokio_strays(struct ww_go *go)
{
	struct ww_go_room *room = ww_go_room();
	if (go->is_tokio && room && room->hidden)
		go->tokio.stray = bpf_ktime_get_ns();
}

/*
 * The running thread answers the request: what others have done for it is not known, and some may have, if something
 * was sent for nobody since it was read, or if it was not one virtual thread that has read it and answers.
 */
WW_GLOBAL2(int, ww_goroutine_ends, T, t, R, r)
{
	struct ww_go *go = ww_go_get();
	struct ww_goroutine at = {};
	if (!t || !r || !go || (go->is_tokio && go->tokio.stray < r->opened))
		return 0;
	if (go->is_tokio) {
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_traffic_note(r, false);
		return 0;
	}
	if (!go->is_virtual)
		return 0;
	bool own = t->go && ww_virtual_now(go, &at) && r->goroutine && r->goid == at.id;
	if (own && go->java.stray < r->opened)
		return 0;
	/* A platform thread that answers, or a pool's: what virtual threads may have done for it counts. */
	bool platform = !t->go && !r->goroutine && (t->java_thread || !ww_virtual_may_carry());
	if (platform && go->java.carried < r->opened)
		return 0;
	r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_traffic_note(r, false);
	return 0;
}

#endif
