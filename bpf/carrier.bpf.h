/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Carriers: work of an event loop for a request that is not known yet. A timer's continuation, or a step of asyncio in
 * a batch of several, sends on an upstream without a sign of whose step it is. Such work goes to an anonymous account,
 * and is added to its request when the same chain of work writes the response.
 *
 * What makes a chain: in CPython the Context of the running Task, one word of the thread's state; elsewhere that one
 * follows from the other without a wait (what is read or sent after a read is that read's).
 */
#ifndef WHYWAIT_CARRIER_H
#define WHYWAIT_CARRIER_H

#include "account.bpf.h"

#define WW_PYTHON_TRIES	  100 /* what is no CPython by then is none */
#define WW_PYTHON_THREADS 64  /* thread states looked at to find the own one */

static __always_inline u64 ww_user_word(u64 address)
{
	u64 word = 0;
	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* The thread's id in its own pid namespace, which is what CPython knows. */
static __always_inline u32 ww_own_tid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	int nr = 0;
	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (const char *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr));
	return nr;
}

/* Finds the thread's PyThreadState, once. */
__weak int ww_python_find(struct ww_thread *t)
{
	if (!t)
		return 0;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	t->python_tries++;
	if (!python)
		return 0; /* not known yet: asked again */
	t->python_tries = WW_PYTHON_TRIES;
	u32 tid = ww_own_tid(bpf_get_current_task_btf());
	u64 state = ww_user_word(ww_user_word(python->runtime + python->interpreters) + python->threads);
	for (u32 i = 0; i < WW_PYTHON_THREADS && state; i++) {
		if (ww_user_word(state + python->native_id) == tid) {
			t->python = state;
			return 0;
		}
		state = ww_user_word(state + python->next);
	}
	return 0;
}

/* The Context that the thread is in, as a key; false when there is none to be told. */
static __always_inline bool ww_carrier_context(struct ww_thread *t, struct ww_carrier_key *key)
{
	if (!t->loop)
		return false;
	if (t->python_tries < WW_PYTHON_TRIES)
		ww_python_find(t);
	if (!t->python)
		return false;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ww_python *python = bpf_map_lookup_elem(&ww_pythons, &tgid);
	if (!python)
		return false;
	key->tgid = tgid;
	key->context = ww_user_word(t->python + python->context);
	return key->context != 0;
}

/* Begins an anonymous account at the start of the thread's interval, in which its work began. */
static __noinline struct ww_request *ww_carrier_begin(struct ww_thread *t)
{
	struct ww_request *a = ww_request_open(t->start);
	if (!a)
		return NULL;
	a->anonymous = 1;
	a->state = WW_STATE_WAIT;
	/* Background work never meets a request: the oldest is given up for the newest. */
	u32 at = t->carriers_next % WW_CARRIERS;
	t->carriers_next = at + 1;
	struct ww_request *oldest = ww_request_get(t->carriers[at]);
	if (oldest && oldest->anonymous) {
		ww_count(WW_COUNT_CARRIER_FORGOTTEN);
		ww_request_free(oldest);
	}
	t->carriers[at] = a->account.id;
	return a;
}

/* The only request of a loop of Node's kind that waits for a timer; 0 when there are several or none. */
__weak u64 ww_carrier_sleeper(struct ww_thread *t)
{
	ww_ref only = 0;
	u32 kept = 0;
	if (!t)
		return 0;
	for (u32 i = 0; i < WW_PENDING && i < t->pending_len; i++) {
		struct ww_pending p = t->pending[i];
		struct ww_request *r = ww_request_get(p.ref);
		if (!r || r->state != WW_STATE_WAIT || r->outstanding || p.ref == only)
			continue;
		only = p.ref;
		if (kept < WW_PENDING)
			t->pending[kept] = p;
		kept++;
	}
	t->pending_len = kept;
	if (kept == 0)
		t->pending_lost = 0;
	return kept == 1 && !t->pending_lost ? only : 0;
}

/* Whose work is it that the thread sends something upstream? NULL when that is nobody's. */
static __noinline struct ww_request *ww_carrier_of_send(struct ww_thread *t, const struct ww_conn *conn)
{
	struct ww_carrier_key key;
	struct ww_request *r = ww_request_get(t->ref);
	if (!t->loop) {
		/* A thread of one request at a time: after a wait it is still that request's. */
		r = r ? r : ww_request_get(t->home);
		return r ? r : ww_request_get(conn ? conn->first : 0);
	}
	if (ww_carrier_context(t, &key)) {
		ww_ref *ref = bpf_map_lookup_elem(&ww_carriers, &key);
		r = ref ? ww_request_get(*ref) : NULL;
		if (r)
			return r;
		r = ww_carrier_begin(t);
		if (r) {
			ww_ref id = r->account.id;
			bpf_map_update_elem(&ww_carriers, &key, &id, BPF_ANY);
		}
		return r;
	}
	/* One that waits for another answer already is more likely asleep than sending: see where this one ends. */
	if (r && (!r->outstanding || (conn && conn->awaited && conn->first == t->ref)))
		return r;
	r = ww_request_get(conn && conn->connecting ? conn->first : 0);
	r = r ? r : ww_request_get(ww_carrier_sleeper(t));
	return r ? r : ww_carrier_begin(t);
}

/* Adds an account of work for the request, which began when the request waited; both are as far as the work's end. */
__weak int ww_carrier_add(struct ww_request *r, struct ww_request *a, struct ww_thread *t)
{
	if (!r || !a || !t)
		return 0;
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	ww_charge_gap(r, t, &step, a->account.start_ns);
	for (u32 i = 0; i < WW_KIND_COUNT; i++)
		r->account.kinds_ns[i] += a->account.kinds_ns[i];
	for (u32 i = 0; i < WW_DETAILS && i < a->account.details_len; i++) {
		struct ww_detail *d = &a->account.details[i];
		ww_request_detail(r, ww_kind_type(d->kind, d->type), d->value, d->ns, d->count);
	}
	for (u32 i = 0; i < WW_SEGMENTS && i < a->line.len; i++) {
		struct ww_segment *s = &a->line.segments[i];
		u64 from = a->account.start_ns + s->start_ns;
		ww_draw(r, ww_kind_type(s->kind, s->type), s->value, from, from + s->duration_ns);
	}
	r->account.cpu_ns += a->account.cpu_ns;
	r->mark = a->mark;
	r->hint = a->hint;
	ww_infer(r);
	ww_request_free(a);
	return 0;
}

/*
 * Work that ended in a wait for a timer, after which more work began that turned out to be the request's: it was the
 * request's, too, if it lies between. Of several the oldest is taken, and the request is marked as ambiguous.
 */
__weak u64 ww_carrier_between(struct ww_request *r, struct ww_thread *t, u64 to)
{
	ww_ref oldest = 0;
	u64 start = to;
	u32 found = 0;
	if (!r || !t || t->python)
		return 0;
	for (u32 i = 0; i < WW_PENDING && i < t->pending_len; i++) {
		ww_ref ref = t->pending[i].ref;
		struct ww_request *a = ww_request_get(ref);
		if (!a || !a->anonymous || a->state != WW_STATE_WAIT || a->outstanding ||
		    a->account.start_ns < r->mark || a->mark > to)
			continue;
		found += ref != oldest;
		if (a->account.start_ns < start) {
			start = a->account.start_ns;
			oldest = ref;
		}
	}
	if (found > 1)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	return oldest;
}

#define WW_CHAIN 4 /* waits for timers within one request that are followed back */

/* Adds the chain's account to the request that it turned out to be for; both are charged up to now. */
__weak int ww_carrier_merge(struct ww_request *r, struct ww_request *a, struct ww_thread *t, u64 now)
{
	if (!r || !a || !t)
		return 0;
	if (r->mark <= a->account.start_ns) {
		for (u32 i = 0; i < WW_CHAIN; i++) {
			struct ww_request *between = ww_request_get(ww_carrier_between(r, t, a->account.start_ns));
			if (!between)
				break;
			ww_carrier_add(r, between, t);
		}
		ww_carrier_add(r, a, t);
		return 0;
	}
	ww_infer(r);
	/* Both were at work for it, side by side: the answer that came last is what it waited for. */
	if (a->answered > r->mark)
		ww_charge(r, a->answer.kind, a->answer.type, a->answer.value, a->answered);
	/* What is left is not to be told from two accounts that overlap. */
	if (r->mark < now)
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
	ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, now);
	ww_request_free(a);
	return 0;
}

/*
 * The thread sends a response of `r`: what it did under no name until here was for r. Afterwards the thread is attached
 * to r when there was such work.
 */
static __noinline void ww_carrier_found(struct ww_thread *t, struct ww_request *r, u32 tid, u64 now)
{
	struct ww_carrier_key key = {};
	struct ww_request *a = ww_request_get(t->ref);
	ww_ref id = r->account.id;
	if (!t->loop)
		return;
	if (ww_carrier_context(t, &key)) {
		ww_ref *ref = bpf_map_lookup_elem(&ww_carriers, &key);
		a = ref ? ww_request_get(*ref) : NULL;
		if (!a || a->account.id != id)
			bpf_map_update_elem(&ww_carriers, &key, &id, BPF_ANY);
	}
	if (!a || !a->anonymous)
		return;
	if (a->account.start_ns < r->opened) {
		/* Older than the request: of a task that ended, whose Context's memory is this one's now. */
		if (t->ref == a->account.id)
			t->ref = 0;
		ww_request_free(a);
		if (key.context)
			bpf_map_update_elem(&ww_carriers, &key, &id, BPF_ANY);
		return;
	}
	struct ww_touch step = {.kind = WW_KIND_OTHER};
	ww_touched(t, a, &step, tid, now);
	ww_carrier_merge(r, a, t, now);
	ww_attach(t, r, tid, now);
}

#endif
