/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests that one thread reads and others of its process work on, of whom no handoff is known (rule 5 of DESIGN.md):
 * a loop of select() that puts them into a queue, as Waitress' does, or Twisted's with its pool. What those threads ask
 * others for is nobody's. That there is such work shows when the request is answered:
 *
 * - by another thread than the one that has read it;
 * - or by that one, which has slept meanwhile, and has asked nobody for anything for it, while other threads of the
 *   process have sent what is nobody's.
 *
 * Such requests say so. Runtimes whose loops are followed have their own ways to tell.
 */
#ifndef WHYWAIT_ASIDE_H
#define WHYWAIT_ASIDE_H

#include "account.bpf.h"

/* Processes that have such requests, perhaps: when a thread of theirs has last sent what is nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, u64);
} ww_asides SEC(".maps") __weak;

__u32 ww_asides_known __weak = 0; /* there is one */

/* The running thread (`t`, NULL: it is not followed) has sent something to a peer: whether for nobody. */
static __always_inline void ww_aside_sent(const struct ww_thread *t)
{
	if (!ww_asides_known || (t && (t->go || ww_request_get(t->ref) || ww_request_get(t->home))))
		return;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u64 *strayed = bpf_map_lookup_elem(&ww_asides, &tgid);
	if (strayed)
		*strayed = bpf_ktime_get_ns();
}

/* The running thread begins to answer the request, which is charged up to now. */
WW_GLOBAL2(int, ww_aside_answers, T, t, R, r)
{
	if (!t || !r || t->go || t->phase_at || t->uvloop || t->pool || t->executor || r->helper || r->relayed)
		return 0;
	bool another = r->account.tid != t->tid;
	if (!another && (t->woke <= r->opened || r->account.traffic))
		return 0;
	/* It runs Tasks. */
	if (t->newest)
		return 0;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	u64 none = 0, *strayed = bpf_map_lookup_elem(&ww_asides, &tgid);
	if (!strayed) {
		bpf_map_update_elem(&ww_asides, &tgid, &none, BPF_NOEXIST);
		ww_asides_known = 1;
	} else if (*strayed > r->opened) {
		ww_doubt(r);
	}
	if (another)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	return 0;
}

#endif
