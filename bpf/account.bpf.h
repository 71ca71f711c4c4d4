/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The accounts: opening, charging, attaching to threads and closing (DESIGN.md, "Whose time is it").
 *
 * A request is charged up to `mark`, and only ever from `mark` on: every charge moves it. So the kinds sum to the wall
 * time by construction, whatever order events come in. Two things are charged: a gap, in which no thread worked for
 * the request, and the interval of a thread that turns out to have worked for it.
 *
 * The larger functions are global (`__weak int`, pointers checked): the verifier then looks at each once, and not once
 * for every way to get there.
 */
#ifndef WHYWAIT_ACCOUNT_H
#define WHYWAIT_ACCOUNT_H

#include "interval.bpf.h"

static __always_inline void ww_infer(struct ww_request *r)
{
	if (r->account.attribution == WW_ATTRIBUTION_EXACT)
		r->account.attribution = WW_ATTRIBUTION_INFERRED;
}

/* Adds to the request's named parts; `waits` of them took `ns` together. */
__weak int ww_request_detail(struct ww_request *r, u64 cause_kind_type, u32 value, u64 ns, u32 waits)
{
	if (!r)
		return 0;
	u8 kind = cause_kind_type & 0xff, type = cause_kind_type >> 8;
	for (u32 i = 0; i < WW_DETAILS; i++) {
		struct ww_detail *d = &r->account.details[i];
		if (i >= r->account.details_len) {
			d->ns = ns;
			d->count = waits;
			d->value = value;
			d->kind = kind;
			d->type = type;
			r->account.details_len = i + 1;
			return 0;
		}
		if (d->kind == kind && d->type == type && d->value == value) {
			d->ns += ns;
			d->count += waits;
			return 0;
		}
	}
	ww_count(WW_COUNT_DETAIL_OVERFLOW);
	return 0;
}

/* Draws [from, to) of the time line; both count from the clock, what lies before `drawn` is left out. */
__weak int ww_draw(struct ww_request *r, u64 cause_kind_type, u32 value, u64 from, u64 to)
{
	if (!r)
		return 0;
	u8 kind = cause_kind_type & 0xff, type = cause_kind_type >> 8;
	u64 start = from - r->account.start_ns;
	if (to <= from)
		return 0;
	r->drawn = to;
	u32 n = r->line.len, newest = n - 1;
	barrier_var(newest); /* lets the verifier see the check of what is used as the index */
	if (newest < WW_SEGMENTS) {
		struct ww_segment *last = &r->line.segments[newest];
		if (last->kind == kind && last->type == type && last->value == value &&
		    last->start_ns + last->duration_ns == start) {
			last->duration_ns += to - from;
			return 0;
		}
	}
	if (n >= WW_SEGMENTS) {
		r->line.truncated = 1;
		return 0;
	}
	struct ww_segment *s = &r->line.segments[n];
	s->start_ns = start;
	s->duration_ns = to - from;
	s->value = value;
	s->kind = kind;
	s->type = type;
	r->line.len = n + 1;
	return 0;
}

static __always_inline u64 ww_kind_type(u8 kind, u8 type)
{
	return kind | (u64)type << 8;
}

/* Charges [mark, to) to one cause. */
__weak int ww_charge(struct ww_request *r, u8 kind, u8 type, u32 value, u64 to)
{
	if (!r || kind >= WW_KIND_COUNT)
		return 0;
	u64 from = r->mark;
	if (to <= from)
		return 0;
	r->account.kinds_ns[kind] += to - from;
	r->mark = to;
	if (type != WW_DETAIL_NONE)
		ww_request_detail(r, ww_kind_type(kind, type), value, to - from, 1);
	ww_draw(r, ww_kind_type(kind, type), value, from, to);
	return 0;
}

/* Adds the thread's interval; the request must be charged up to its start exactly. */
__weak int ww_give(struct ww_request *r, struct ww_thread *t)
{
	if (!r || !t)
		return 0;
	for (u32 i = 0; i < WW_KIND_COUNT; i++)
		r->account.kinds_ns[i] += t->kinds_ns[i];
	r->account.cpu_ns += t->cpu_ns;
	for (u32 i = 0; i < WW_THREAD_DETAILS && i < t->details_len; i++) {
		struct ww_detail *d = &t->details[i];
		ww_request_detail(r, ww_kind_type(d->kind, d->type), d->value, d->ns, d->count);
	}
	u64 drawn = t->start;
	for (u32 i = 0; i < WW_PIECES && i < t->pieces_len; i++) {
		struct ww_piece *p = &t->pieces[i];
		ww_draw(r, ww_kind_type(WW_KIND_COMPUTE, 0), 0, drawn, p->start);
		ww_draw(r, ww_kind_type(p->cause.kind, p->cause.type), p->cause.value, p->start, p->end);
		drawn = p->end;
	}
	ww_draw(r, ww_kind_type(WW_KIND_COMPUTE, 0), 0, drawn, t->mark);
	r->mark = t->mark;
	return 0;
}

/* What ends a gap, as the touching side knows it. */
struct ww_touch {
	u64 ready;  /* when the bytes that are read now arrived; 0: not known, or a send */
	u8 kind;    /* what waiting for this socket is: DB, NET, CLIENT, IPC */
	u8 type;    /* enum ww_detail_type */
	u8 receive; /* bytes were received, not sent */
	u8 blocked; /* the thread, or the send before, was blocked on this very socket */
	u32 value;
};

/*
 * Charges the gap [mark, to), in which the request had no thread. `to` is when a thread took it up again: what lies
 * between the arrival of the bytes it waited for and that is queueing.
 */
__weak int ww_charge_gap(struct ww_request *r, const struct ww_thread *t, const struct ww_touch *touch, u64 to)
{
	if (!r || !t || !touch)
		return 0;
	if (to <= r->mark)
		return 0;
	if (r->state == WW_STATE_READY) {
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
		return 0;
	}
	if (r->state == WW_STATE_ATTACHED) {
		/* Another thread had it, and its interval is in that thread's storage: nobody here can tell. */
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_charge(r, WW_KIND_OTHER, WW_DETAIL_NONE, 0, to);
		return 0;
	}
	if (r->queued) {
		u64 queued = r->queued < to ? r->queued : to;
		r->queued = 0;
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, queued);
	}
	if (touch->receive) {
		u64 ready = touch->ready;
		if (ready && ready < to)
			ww_charge(r, touch->kind, touch->type, touch->value, ready);
		else
			ww_charge(r, touch->kind, touch->type, touch->value, to);
		ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
		return 0;
	}
	if (touch->blocked) {
		ww_charge(r, touch->kind, touch->type, touch->value, to);
		return 0;
	}
	/* Nothing arrived for it: a timer, or something inside of the process. */
	struct ww_cause hint = r->hint;
	if (hint.kind == WW_KIND_OTHER && (!r->outstanding || r->guessed) && t->loop &&
	    (t->deadline || t->slept < r->mark)) {
		/* Had the loop slept without a timeout since, it would have had no timer to wait for. */
		hint.kind = WW_KIND_SLEEP;
		hint.type = WW_DETAIL_NONE;
		hint.value = 0;
		ww_infer(r);
	}
	if (hint.kind == WW_KIND_SLEEP) {
		/*
		 * The timeout that the loop gave the kernel tells when the timer was due. A loop too busy to sleep
		 * gives none: asyncio then notices the timer when a round begins, and continues what waits for it in
		 * the next.
		 */
		u64 due = to;
		if (t->deadline > r->mark)
			due = t->deadline;
		else if (t->python && t->loop)
			due = t->round_at[1];
		else if (t->round)
			due = (t->round_at[0] > r->mark ? t->round_at[0] : r->mark) / 2 + to / 2;
		if (due < to) {
			ww_charge(r, WW_KIND_SLEEP, WW_DETAIL_NONE, 0, due);
			ww_charge(r, WW_KIND_QUEUE, WW_DETAIL_NONE, 0, to);
			return 0;
		}
	}
	ww_charge(r, hint.kind, hint.type, hint.value, to);
	return 0;
}

/* The thread lets go of its request, which is charged up to the thread's mark. */
static __always_inline void ww_detach(struct ww_thread *t, struct ww_request *r, struct ww_cause hint)
{
	/* What an event loop of asyncio's kind has read is not continued at once: until then it is in the queue. */
	r->state = t->python && t->loop && r->unread ? WW_STATE_READY : WW_STATE_WAIT;
	r->owner = 0;
	r->hint = hint;
	t->ref = 0;
	/* Of Node's kind: with nothing outstanding it waits for a timer, whose continuation will not say whose it is.
	 */
	if (t->loop && !t->python && !r->outstanding && !r->client)
		t->pending[t->pending_len++ & (WW_PENDING - 1)].ref = r->account.id;
}

static __always_inline bool ww_owns(const struct ww_request *r, u32 tid)
{
	return r->state == WW_STATE_ATTACHED && r->owner == tid;
}

/* Attaches the thread, whose new interval begins now, to a request that is charged up to now. */
static __always_inline void ww_attach(struct ww_thread *t, struct ww_request *r, u32 tid, u64 now)
{
	ww_interval_reset(t, now);
	t->ref = r->account.id;
	t->home = 0;
	r->owner = tid;
	r->state = WW_STATE_ATTACHED;
}

/*
 * Whether the thread just goes on with the request that it is attached to, without a wait since: charging it can be
 * left to the next touch.
 */
static __always_inline bool ww_goes_on(const struct ww_thread *t, const struct ww_request *r, u32 tid)
{
	return t->ref == r->account.id && ww_owns(r, tid) && r->mark == t->start && t->off == WW_OFF_NOT &&
	       !t->python && !t->details_len && !t->pieces_len;
}

/* ---- event loops that run their steps later than they read (asyncio) ---- */

/*
 * A step of the request has run by `now`, and touched no socket: from then on it waits for a timer, or for something
 * inside of the process. It is charged later, as the step may turn out to have had an account of its own
 * (carrier.bpf.h).
 */
static __always_inline void ww_loop_continued(ww_ref ref, const struct ww_cause *hint, u64 now)
{
	struct ww_request *r = ww_request_get(ref);
	if (!r || r->state != WW_STATE_READY || !r->unread)
		return;
	r->queued = now;
	r->state = WW_STATE_WAIT;
	r->hint = *hint;
	ww_infer(r);
}

struct ww_continued {
	struct ww_thread *thread;
	const struct ww_cause *hint;
	u64 at;
	u32 round;
	u32 kept;
};

static long ww_loop_continue_step(u32 i, void *ctx)
{
	struct ww_continued *c = ctx;
	struct ww_thread *t = c->thread;
	if (i >= t->pending_len)
		return 1;
	struct ww_pending p = t->pending[i & (WW_PENDING - 1)];
	bool due = p.round <= c->round;
	if (due)
		ww_loop_continued(p.ref, c->hint, c->at);
	/* Where a send does not tell whose it is, it is looked for among all. */
	if (!due || (t->shared && ww_request_get(p.ref)))
		t->pending[c->kept++ & (WW_PENDING - 1)] = p;
	return 0;
}

/* The steps that were due up to `round` have run by `at`. A callback: the verifier would follow a loop's every turn. */
static __always_inline void ww_loop_continue(struct ww_thread *t, const struct ww_cause *hint, u64 at, u32 round)
{
	struct ww_continued c = {.thread = t, .hint = hint, .at = at, .round = round};
	bpf_loop(WW_PENDING, ww_loop_continue_step, &c, 0);
	t->pending_len = c.kept;
}

static __always_inline void ww_loop_round(struct ww_thread *t)
{
	t->round++;
	t->round_at[1] = t->round_at[0];
	t->round_at[0] = t->start;
}

/*
 * Loops that run what follows from a read at once (Node's) read each connection once a round: a connection that comes
 * again, others having come between, begins a new one.
 */
static __always_inline void ww_loop_read(struct ww_thread *t, struct ww_conn *conn)
{
	if (!t->loop || t->python || t->read_from == (u64)conn)
		return;
	if (conn->round == t->round + 1)
		ww_loop_round(t);
	conn->round = t->round + 1;
	t->read_from = (u64)conn;
}

/*
 * A round of asyncio's loop runs the steps of what the round before has read, then reads. So a read after a send begins
 * the next round's reads. An upstream's answer is continued in the next round; a request in the one after that, as the
 * task for it is only made in the next. One round more is allowed for, since libraries put tasks of their own between.
 */
static __always_inline void ww_loop_step(struct ww_thread *t, struct ww_request *r, const struct ww_touch *touch,
					 u64 now)
{
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};
	if (!touch->receive) {
		t->sent = 1;
		return;
	}
	/* One epoll_wait() returns all that has arrived before: what arrived after the batch's first read is of
	 * another. */
	if (t->sent || touch->ready > t->batch_at) {
		t->batch++;
		t->batch_at = now;
	}
	if (t->sent) {
		t->sent = 0;
		ww_loop_round(t);
		ww_loop_continue(t, &nothing, t->start, t->round);
	}
	u32 n = t->pending_len;
	if (n >= WW_PENDING)
		return; /* stays in the queue until it is seen again */
	if (t->shared && r->listed)
		return;
	r->listed = t->shared;
	t->pending[n].ref = r->account.id;
	t->pending[n].round = t->round + (touch->kind == WW_KIND_CLIENT ? 3 : 2);
	t->pending_len = n + 1;
}

#define WW_DISPATCH_NS 1000000 /* between a wake-up and a read there is a runtime's dispatch, not a program's work */

/* Whether the thread's interval was spent on the way to the read that it ends with. */
static __always_inline bool ww_led_to_read(const struct ww_thread *t)
{
	return t->fresh && t->cpu_ns < WW_DISPATCH_NS && !t->kinds_ns[WW_KIND_SLEEP] && !t->kinds_ns[WW_KIND_DISK] &&
	       !t->kinds_ns[WW_KIND_IPC];
}

/*
 * The running thread touches a socket of request `r`: decides whose the thread's interval was, charges both, and
 * attaches the thread to r. Afterwards r is charged up to `now`.
 */
__weak int ww_touched(struct ww_thread *t, struct ww_request *r, const struct ww_touch *touch, u32 tid, u64 now)
{
	if (!t || !r || !touch)
		return 0;
	ww_interval_ran(t, now);
	ww_ref ref = r->account.id;
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};

	if (t->ref == ref && ww_owns(r, tid) && r->mark == t->start) {
		ww_give(r, t);
	} else {
		struct ww_request *before = t->ref == ref ? NULL : ww_request_get(t->ref);
		if (before && ww_owns(before, tid)) {
			t->loop = 1; /* it left a request unfinished for another */
			/* A read ends what the thread did for the one before; a send is the end of work for this one.
			 */
			if (touch->receive && before->mark == t->start) {
				ww_give(before, t);
				ww_interval_reset(t, now);
			}
			ww_detach(t, before, nothing);
		}
		/*
		 * What led to a send was work for it. What led to a read was so when the thread was idle before, or has
		 * worked for this request only; one that came from other work let it wait in the queue.
		 */
		if (r->mark <= t->start && (!touch->receive || ww_led_to_read(t) || (!t->loop && t->home == ref))) {
			ww_charge_gap(r, t, touch, t->start);
			if (r->mark == t->start)
				ww_give(r, t);
		}
		/* It came while the thread that was woken for it waited for a CPU, or was stopped. */
		if (touch->receive && r->state == WW_STATE_READY && r->mark > t->start && ww_led_to_read(t)) {
			struct ww_cause *off = &t->off_cause;
			bool named = off->kind == WW_KIND_RUNQ;
			if (off->kind == WW_KIND_OTHER && t->waking > r->mark && t->waking < t->on_cpu)
				ww_charge(r, off->kind, off->type, off->value, t->waking);
			ww_charge(r, WW_KIND_RUNQ, named ? off->type : WW_DETAIL_NONE, named ? off->value : 0,
				  t->on_cpu);
		}
		ww_charge_gap(r, t, touch, now);
	}
	ww_attach(t, r, tid, now);
	r->unread = touch->receive;
	if (t->python)
		ww_loop_step(t, r, touch, now);
	r->batch = t->batch;
	return 0;
}

/* An event loop goes to sleep: all that it has read was continued by now, with or without a socket's touch. */
__weak int ww_loop_sleeps(struct ww_thread *t, const struct ww_cause *hint, u64 now)
{
	if (!t || !hint)
		return 0;
	ww_loop_continue(t, hint, now, ~0u);
	t->sent = 0;
	return 0;
}

/* A new request whose first byte arrived at `arrival`. NULL when the table is full: the caller counts what that loses.
 */
static __always_inline struct ww_request *ww_request_open(u64 arrival)
{
	u32 slot = 0;
	u32 *freed = bpf_map_lookup_elem(&ww_freed_slot, &slot);
	if (freed && *freed)
		slot = __sync_lock_test_and_set(freed, 0);
	if (slot)
		slot--;
	else if (bpf_map_pop_elem(&ww_free_slots, &slot))
		return NULL;
	struct ww_request *r = bpf_map_lookup_elem(&ww_requests, &slot);
	if (!r)
		return NULL;
	u64 id = ((r->account.id >> 16) + 1) << 16 | slot;
	struct ww_account *a = &r->account;
	__builtin_memset(a, 0, offsetof(struct ww_account, details));
	a->details_len = 0;
	a->version = WW_ABI_VERSION;
	a->id = id;
	a->start_ns = arrival;
	a->method[0] = 0;
	a->target_len = 0;
	a->local = 0;
	a->port = 0;
	r->mark = arrival;
	r->next = 0;
	r->owner = 0;
	r->head_request = 0;
	r->unread = 0;
	r->anonymous = 0;
	r->outstanding = 0;
	r->answered = 0;
	r->guessed = 0;
	r->client = 0;
	r->listed = 0;
	r->swept = 0;
	r->queued = 0;
	r->drawn = arrival;
	r->sent.end_ns = 0;
	r->line.len = 0;
	r->line.truncated = 0;
	/* Nothing of who had the slot before, and nothing that a sweep could take for an orphan, before it
	 * shows. */
	a->tgid = 0;
	a->tid = 0;
	a->minor = 0;
	__builtin_memset(a->comm, 0, sizeof(a->comm));
	r->hint = (struct ww_cause){.kind = WW_KIND_OTHER};
	r->opened = ~0ull;
	r->live = 1;
	r->state = WW_STATE_READY;
	return r;
}

/*
 * Whether the caller is to end the request. Hooks on two CPUs may both come to its end (a last send, and the
 * close that another thread does meanwhile); the slot must be given back once.
 */
static __always_inline bool ww_request_claim(struct ww_request *r)
{
	return __sync_lock_test_and_set(&r->live, 0);
}

/* Gives the slot of a claimed request back; the reference is dead from here on. */
static __always_inline void ww_request_release(struct ww_request *r)
{
	u32 slot = WW_SLOT(r->account.id), zero = 0;
	r->state = WW_STATE_FREE;
	u32 *freed = bpf_map_lookup_elem(&ww_freed_slot, &zero);
	/* Also against a program that runs in between on this CPU. */
	if (freed && !*freed && !__sync_val_compare_and_swap(freed, 0, slot + 1))
		return;
	if (bpf_map_push_elem(&ww_free_slots, &slot, BPF_ANY))
		ww_count(WW_COUNT_SLOT_LOST);
}

static __always_inline void ww_request_free(struct ww_request *r)
{
	if (ww_request_claim(r))
		ww_request_release(r);
}

/* Whether a finished request's time line is worth sending. */
static __always_inline bool ww_wants_line(const struct ww_request *r, u64 wall)
{
	if (wall >= ww_segments_over_ns)
		return true;
	u32 one_in = ww_segments_one_in;
	return one_in && (r->account.id >> 16) % one_in == 0;
}

/* Sends the account, charged up to its end, and frees the slot. */
__weak int ww_request_close(struct ww_request *r)
{
	if (!r || !ww_request_claim(r))
		return 0;
	struct ww_account *a = &r->account;
	a->end_ns = r->mark;
	if (ww_wants_line(r, a->end_ns - a->start_ns)) {
		r->line.id = a->id;
		u64 size = offsetof(struct ww_segments, segments) + r->line.len * sizeof(struct ww_segment);
		if (size > sizeof(struct ww_segments))
			size = sizeof(struct ww_segments);
		if (bpf_ringbuf_output(&ww_details, &r->line, size, BPF_RB_NO_WAKEUP))
			ww_count(WW_COUNT_DETAIL_RING_FULL);
		else
			a->flags |= WW_FLAG_SEGMENTS;
	}
	u64 len = a->target_len;
	if (len > WW_TARGET_MAX)
		len = WW_TARGET_MAX;
	u64 size = offsetof(struct ww_account, target) + len;
	a->size = size;
	/* The reader comes on its own; only a ring that fills faster than that wakes it. */
	u64 wake = BPF_RB_NO_WAKEUP;
	if ((a->id >> 16) % 64 == 0 && bpf_ringbuf_query(&ww_accounts, BPF_RB_AVAIL_DATA) >= ww_account_wakeup)
		wake = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&ww_accounts, a, size, wake))
		ww_count(WW_COUNT_ACCOUNT_RING_FULL);
	ww_request_release(r);
	return 0;
}

/* Notes how the account stands at a send of a response whose end is not known in advance. */
__weak int ww_snapshot_take(struct ww_request *r)
{
	if (!r)
		return 0;
	struct ww_snapshot *s = &r->sent;
	s->end_ns = r->mark;
	s->cpu_ns = r->account.cpu_ns;
	__builtin_memcpy(s->kinds_ns, r->account.kinds_ns, sizeof(s->kinds_ns));
	__builtin_memcpy(s->details, r->account.details, sizeof(s->details));
	s->details_len = r->account.details_len;
	s->attribution = r->account.attribution;
	u32 n = r->line.len, newest = n - 1;
	barrier_var(newest);
	s->line_len = n;
	s->line_truncated = r->line.truncated;
	s->line_newest_ns = newest < WW_SEGMENTS ? r->line.segments[newest].duration_ns : 0;
	return 0;
}

/* Takes the account back to how it stood at the last send. */
__weak int ww_snapshot_restore(struct ww_request *r)
{
	if (!r)
		return 0;
	struct ww_snapshot *s = &r->sent;
	r->mark = s->end_ns;
	r->account.cpu_ns = s->cpu_ns;
	__builtin_memcpy(r->account.kinds_ns, s->kinds_ns, sizeof(s->kinds_ns));
	__builtin_memcpy(r->account.details, s->details, sizeof(s->details));
	r->account.details_len = s->details_len;
	r->account.attribution = s->attribution;
	u32 n = s->line_len, newest = n - 1;
	barrier_var(newest);
	r->line.len = n;
	r->line.truncated = s->line_truncated;
	if (newest < WW_SEGMENTS)
		r->line.segments[newest].duration_ns = s->line_newest_ns;
	return 0;
}

#endif
