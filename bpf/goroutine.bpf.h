/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose work a goroutine's is. The one that serves a connection works for the connection's request. One that works for
 * another (net/http's client has two for each connection; what `go` starts to be waited for) has in its first frames
 * what the other one waits on: a channel, a WaitGroup. The runtime keeps who waits there. So the chain leads from a
 * goroutine that sends to the one that serves; where none does, the work is nobody's: a ticker's, what goes on after
 * the response.
 */
#ifndef WHYWAIT_GOROUTINE_H
#define WHYWAIT_GOROUTINE_H

#include "carrier.bpf.h"
#include "conn.bpf.h"
#include "message.bpf.h"
#include "stray.bpf.h"

#define WW_GO_CHAIN 3	       /* who waits for whom */
#define WW_GO_TREE  12	       /* steps down the tree of those that wait for a semaphore */
#define WW_GO_ROOT  64	       /* bytes of an entry of semtable */
#define WW_GO_MOST  (1u << 20) /* goroutines that a WaitGroup is taken to have */

#define WW_GO_HEAP_SIZE (1ull << 38) /* goroutines are on the heap, and what they wait on is not farther off */

#define WW_GO_SURE	4 /* so often it was the same word: no other one is believed */
#define WW_GO_LEFT	4 /* one in so many that nobody waited for: none is believed to have a word */
#define WW_GO_SLOTS_MAX 64

/*
 * Which word of such a function's frame leads to who waits. A frame has others, too, that are left over; what they
 * pointed to may be another one's since. The word that is right is so most of the time.
 */
struct ww_go_slot {
	u32 at;
	u32 votes;
	u32 misses; /* work of such goroutines that nobody waited for, up to its answer */
	u32 alone;  /* tokio: so often nobody was found up to the answer, and not found since */
	u32 early;  /* tokio: so often in a row nobody was found when something was sent */
	u32 asked;  /* tokio: while it was not known whether somebody does */
	u32 from;   /* tokio: where looking through such a task was cut off, */
	u32 cuts;   /* and how often since one was found */
	u32 hidden; /* tokio: the way to who waits and can't be told, found last */
	u32 pad;
	u64 last; /* tokio: the request, or task, that was found last */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ww_go_slot_key);
	__type(value, struct ww_go_slot);
} ww_go_slots SEC(".maps") __weak;

static __always_inline struct ww_thread *ww_thread_make(struct task_struct *task, u64 now)
{
	struct ww_thread *t = ww_thread_get(task);
	if (t)
		return t;
	t = ww_thread_create(task);
	if (!t) {
		ww_count(WW_COUNT_TASK_STORAGE_FAILED);
		return NULL;
	}
	t->tid = ww_field(task, pid);
	t->start = now;
	t->mark = now;
	ww_python_find(t);
	return t;
}

/* The running thread's state. Those of a Go program work for requests before they have read any. */
static __always_inline struct ww_thread *ww_thread_of(struct task_struct *task)
{
	struct ww_thread *t = ww_thread_get(task);
	if (t || !ww_go_any)
		return t;
	struct ww_go *go = ww_go_get();
	bool makes = go && (!go->is_virtual || ww_virtual_may_carry());
	return makes ? ww_thread_make(task, bpf_ktime_get_ns()) : NULL;
}

/* Whether it may be one of something on the heap, as goroutine `g` is: since Go 1.26 that begins anywhere. */
static __always_inline bool ww_go_heap(u64 address, u64 g)
{
	return address - g + WW_GO_HEAP_SIZE < 2 * WW_GO_HEAP_SIZE && !(address & 7);
}

/* The goroutine that waits for a semaphore (runtime.semaRoot); 0: none. */
static __always_inline u64 ww_goroutine_of_semaphore(const struct ww_go *go, u64 address)
{
	if (!go->semtable || !go->semtable_len)
		return 0;
	u64 node = ww_user_word(go->semtable + (address >> 3) % go->semtable_len * WW_GO_ROOT + 8);
	for (u32 i = 0; i < WW_GO_TREE && node; i++) {
		u64 elem = ww_user_word(node + go->elem);
		if (elem == address)
			return ww_user_word(node);
		node = ww_user_word(node + (address < elem ? 16 : 8));
	}
	return 0;
}

/* The goroutine that waits on what the word of goroutine g's stack points to, alone; 0: none. */
WW_GLOBAL2(u64, ww_goroutine_of_word, N, g, N, word)
{
	struct ww_go *go = ww_go_get();
	if (!go || !ww_go_heap(word, g))
		return 0;
	u64 first = ww_user_word(word + go->recvq);
	if (ww_go_heap(first, g) && ww_user_word(first + go->channel) == word)
		return first == ww_user_word(word + go->recvq + 8) ? ww_user_word(first) : 0;
	/* sync.WaitGroup: how many it waits for, and how many wait; its semaphore. */
	u64 state = ww_user_word(word);
	u32 working = state >> 32, waiting = state;
	if (!working || working > WW_GO_MOST || waiting != 1)
		return 0;
	return ww_goroutine_of_semaphore(go, word + 8);
}

/* Looks at one of the words in the room, of goroutine `g`; true when it leads to a request, or to another goroutine. */
WW_GLOBAL2(int, ww_goroutine_look, N, g, N, i)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_room *room = ww_go_room();
	if (!go || !room)
		return 0;
	u64 waiter = ww_goroutine_of_word(g, room->words[i & (WW_GO_WORDS - 1)]);
	if (!waiter || waiter == g)
		return 0;
	struct ww_carrier_key key = {.context = ww_user_word(waiter + go->goid), .program = ww_program()};
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	struct ww_request *r = known ? ww_request_get(known->ref) : NULL;
	if (r && !r->anonymous) {
		room->ref = r->account.id;
		room->at = i;
		return 1;
	}
	room->next = waiter;
	room->at = i;
	return 1;
}

enum ww_go_found {
	WW_GO_FOUND_NOBODY,
	WW_GO_FOUND,
	WW_GO_FOUND_OTHER, /* one that is left over: a word that is right is so most of the time */
	WW_GO_FOUND_PERHAPS,
};

static __always_inline void ww_go_slot_put(const struct ww_go_slot_key *key, const struct ww_go_slot *first)
{
	if (bpf_map_update_elem(&ww_go_slots, key, first, BPF_ANY))
		ww_count(WW_COUNT_GO_SLOT_FAILED);
}

/* The first that is known of such functions: a way, or where a search was cut off. Apart, as its caller's stack is
 * full.
 */
static __noinline void ww_go_slot_make(const struct ww_go_slot_key *key, u32 at, u32 from, u32 cuts, u64 last)
{
	struct ww_go_slot first = {.at = at, .votes = !cuts, .from = from, .cuts = cuts, .last = last};
	ww_go_slot_put(key, &first);
}

/* Of such functions somebody waits who can't be told, by that way. Apart for the same reason. */
static __noinline void ww_go_slot_hides(struct ww_go_slot *slot, const struct ww_go_slot_key *key, u32 hidden)
{
	struct ww_go_slot first = {.hidden = hidden};
	if (slot)
		slot->hidden = hidden;
	else
		ww_go_slot_put(key, &first);
}

/* Notes which word it was. */
static __always_inline enum ww_go_found ww_go_slot_vote(struct ww_go_slot *slot, const struct ww_go_slot_key *key,
							u32 at, u64 last)
{
	if (!slot) {
		ww_go_slot_make(key, at, 0, 0, last);
		return WW_GO_FOUND;
	}
	bool sure = slot->votes >= WW_GO_SURE, left = slot->misses * WW_GO_LEFT > slot->votes;
	bool same = slot->at == at;
	if (same && slot->votes < WW_GO_SLOTS_MAX) {
		slot->votes++;
	} else if (same) {
		slot->misses /= 2;
	} else if (slot->votes) {
		slot->votes--;
	} else {
		slot->at = at;
		slot->votes = 1;
	}
	if (left)
		return slot->misses > slot->votes ? WW_GO_FOUND_OTHER : WW_GO_FOUND_PERHAPS;
	return same || !sure ? WW_GO_FOUND : WW_GO_FOUND_OTHER;
}

/*
 * What the goroutine does nobody waits for; `done`: nor did anybody when it had its answer. Until then one may come to
 * wait, where there are more threads than one.
 */
WW_GLOBAL2(int, ww_goroutine_left_alone, N, g, N, done)
{
	struct ww_go *go = ww_go_get();
	if (!go)
		return 0;
	struct ww_go_slot_key key = {.function = ww_user_word(g + go->startpc), .program = ww_program()};
	struct ww_go_slot *slot = bpf_map_lookup_elem(&ww_go_slots, &key),
			  first = {.misses = done, .alone = done, .early = !done};
	if (!slot) {
		ww_go_slot_put(&key, &first);
		return 0;
	}
	slot->misses += done && slot->misses < WW_GO_SLOTS_MAX;
	slot->alone += done && slot->alone < WW_GO_SLOTS_MAX;
	slot->early = done ? 0 : slot->early + 1;
	return 0;
}

/* Who waits for goroutine `g`: in the room. An enum ww_go_found. */
WW_GLOBAL1(int, ww_goroutine_waiter, N, g)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_room *room = ww_go_room();
	if (!go || !room)
		return 0;
	room->ref = 0;
	room->next = 0;
	if (bpf_probe_read_user(room->words, sizeof(room->words),
				(void *)(ww_user_word(g + go->stack_hi) - sizeof(room->words))))
		return 0;
	struct ww_go_slot_key key = {.function = ww_user_word(g + go->startpc), .program = ww_program()};
	struct ww_go_slot *slot = bpf_map_lookup_elem(&ww_go_slots, &key);
	bool found = slot && slot->votes >= WW_GO_SURE && ww_goroutine_look(g, slot->at);
	for (u32 i = 0; i < WW_GO_WORDS && !found; i++)
		found = ww_goroutine_look(g, i);
	if (!found)
		return WW_GO_FOUND_NOBODY;
	return ww_go_slot_vote(slot, &key, room->at, 0);
}

/* Notes where looking through a task of tokio's was cut off, if it was; the slot is of its type, NULL: there is none.
 */
static __always_inline void ww_goroutine_cut(struct ww_go_slot *slot)
{
	struct ww_go_room *room = ww_go_room();
	if (!room)
		return;
	if (slot) {
		slot->from = room->from;
		slot->cuts += room->cut && slot->cuts <= WW_TOKIO_MISSES;
	} else if (room->cut) {
		ww_go_slot_make(&room->key, 0, room->from, 1, 0);
	}
}

/*
 * The same for a task of tokio's. Of those that touch no socket themselves, and are not the `first` of a chain so, only
 * who joins them counts: other ways may lead to a connection's task that has waited for what they send, and now works
 * for others.
 */
WW_GLOBAL3(int, ww_goroutine_waiter_of_task, N, task, N, first, N, done)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_room *room = ww_go_room();
	if (!go || !room)
		return 0;
	room->key.function = ww_user_word(task + go->startpc);
	room->key.program = ww_program();
	struct ww_go_slot *slot = bpf_map_lookup_elem(&ww_go_slots, &room->key);
	bool believed = slot && slot->votes >= WW_GO_SURE && slot->misses * WW_GO_LEFT <= slot->votes;
	/* What is sent and not answered, nobody can be found to wait for later. */
	bool alone = slot && (slot->alone > WW_TOKIO_MISSES || (!done && slot->early > WW_TOKIO_EARLY)),
	     dense = slot && slot->cuts > WW_TOKIO_MISSES;
	bool seldom = (alone || dense) && (slot->asked++ & WW_TOKIO_SELDOM);
	u32 known = !first || !slot ? 0 : slot->votes ? slot->at : slot->hidden;
	room->from = slot ? slot->from : 0;
	int waits = ww_tokio_waiter(task, known, first && !seldom);
	room->cut |= seldom && !alone;
	ww_goroutine_cut(slot);
	if (waits != WW_TOKIO_NOBODY && slot) {
		slot->alone /= 2;
		slot->early = 0;
	}
	switch (waits) {
	case WW_TOKIO_JOINED:
		return WW_GO_FOUND;
	case WW_TOKIO_AWAITED: {
		/* Another way, where the known one leads to nobody: it may have been one that is left over itself. */
		if (slot && slot->at != room->at)
			slot->votes /= 2;
		if (slot)
			slot->cuts = 0;
		/*
		 * What is left over leads to one that waits for long again and again: that is one vote. What is right
		 * leads to all that there are.
		 */
		u64 last = room->ref ? room->ref : room->next;
		bool again = slot && slot->at == room->at && slot->last == last;
		int found = again ? WW_GO_FOUND : ww_go_slot_vote(slot, &room->key, room->at, last);
		if (slot)
			slot->last = last;
		bool left = slot && slot->misses * WW_GO_LEFT > slot->votes;
		/* What was so once or twice may be left over. */
		if (!slot || slot->votes < WW_TOKIO_VOTES || left)
			return left ? WW_GO_FOUND_OTHER : WW_GO_FOUND_PERHAPS;
		return found;
	}
	case WW_TOKIO_HIDDEN:
		ww_go_slot_hides(slot, &room->key, room->hidden);
		return WW_GO_FOUND_OTHER;
	case WW_TOKIO_SEVERAL:
		return believed || !slot ? WW_GO_FOUND_PERHAPS : WW_GO_FOUND_OTHER;
	}
	return WW_GO_FOUND_NOBODY;
}

/* The request that waits for what the goroutine does, or, when that is `done`, did; 0: none is known. */
WW_GLOBAL2(u64, ww_goroutine_for, N, g, N, done)
{
	struct ww_go *go = ww_go_get();
	struct ww_go_room *room = ww_go_room();
	if (!go || !room)
		return 0;
	room->awaited = 0;
	room->hidden = 0;
	for (u32 i = 0; i < WW_GO_CHAIN && g; i++) {
		int found = go->is_tokio ? ww_goroutine_waiter_of_task(g, !i, done) : ww_goroutine_waiter(g);
		/* Of a search that was cut off nothing is known. */
		if (found == WW_GO_FOUND_NOBODY && (go->is_tokio ? !i && !room->cut : done))
			ww_goroutine_left_alone(g, done);
		struct ww_request *perhaps = found == WW_GO_FOUND_PERHAPS ? ww_request_get(room->ref) : NULL;
		if (perhaps && done)
			ww_traffic_note(perhaps, false);
		if (found != WW_GO_FOUND)
			return 0;
		if (room->ref)
			return room->ref;
		g = room->next;
	}
	return 0;
}

/*
 * The running goroutine has read or answered the request. Another one than that which serves it may read the first byte
 * ahead: it is the one that reads on, then (`more`).
 */
WW_GLOBAL2(int, ww_goroutine_serves, R, r, N, more)
{
	struct ww_go *go = ww_go_get();
	struct ww_goroutine at;
	if (!r || !go || !ww_goroutine_now(go, &at))
		return 0;
	ww_goroutine_review(bpf_ktime_get_ns());
	if (r->goroutine && r->goid != at.id && !more)
		return 0;
	if (r->goroutine && r->goid == at.id) {
		if (go->is_virtual)
			r->goroutine = at.g;
		return 0;
	}
	struct ww_carrier_key key = {.context = at.id, .program = ww_program()};
	ww_carrier_know(bpf_map_lookup_elem(&ww_carriers, &key), &key, r->account.id);
	if (go->is_tokio && !at.g) {
		/* Who waits is known by where it is. */
		at.g = ww_tokio_address(at.id);
		key.context = at.g ? at.g : at.id;
		ww_carrier_know(bpf_map_lookup_elem(&ww_carriers, &key), &key, r->account.id);
	}
	r->goroutine = at.g ? at.g : at.id;
	r->goid = at.id;
	if (go->is_tokio && ww_handoffs_off)
		ww_traffic_note(r, false);
	if (go->is_tokio && !go->tokio.current) {
		/* Which task that is was found on a stack, where others may be left over. */
		r->account.attribution = WW_ATTRIBUTION_AMBIGUOUS;
		ww_traffic_note(r, false);
	}
	return 0;
}

/* The account that is known of the goroutine of that number; 0: there is none. */
static __always_inline ww_ref ww_goroutine_account(u64 id)
{
	struct ww_go_room *room = ww_go_room();
	if (!room || !id)
		return 0;
	room->own.context = id;
	room->own.program = ww_program();
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &room->own);
	return known ? known->ref : 0;
}

/* The request that a goroutine works for; 0: none that is known. Its account until now, if it has one, is `before`. */
static __always_inline ww_ref ww_goroutine_request(const struct ww_go *go, struct ww_goroutine *at, ww_ref *before)
{
	*before = ww_goroutine_account(at->id);
	struct ww_request *r = ww_request_get(*before);
	if (r && !r->anonymous) {
		if (go->is_virtual)
			r->goroutine = at->g;
		return r->account.id;
	}
	if (go->is_virtual || (go->is_tokio && ww_handoffs_off))
		return 0;
	if (go->is_tokio && !at->g)
		at->g = ww_tokio_address(at->id);
	ww_ref ref = ww_goroutine_for(at->g, false);
	r = go->is_tokio ? ww_request_get(ref) : NULL;
	if (r)
		ww_infer(r); /* one task has handed it to another */
	return ref;
}

/* Begins an account for what the running goroutine sends, and nobody is known to wait for. */
WW_GLOBAL3(u64, ww_goroutine_opens, T, t, N, g, N, id)
{
	struct ww_carrier_key key = {.context = id, .program = ww_program()};
	struct ww_request *a = t ? ww_carrier_begin(t) : NULL;
	if (!a)
		return 0;
	/* What the thread did before was another goroutine's. */
	a->account.start_ns = bpf_ktime_get_ns();
	a->mark = a->account.start_ns;
	a->drawn = a->account.start_ns;
	a->goroutine = g;
	a->goid = id;
	ww_carrier_know(bpf_map_lookup_elem(&ww_carriers, &key), &key, a->account.id);
	ww_tokio_sends(a->account.id);
	return a->account.id;
}

/* Whose work is it that the running goroutine sends something upstream? Nobody's has an anonymous account. */
WW_GLOBAL1(u64, ww_goroutine_of_send, T, t)
{
	struct ww_go *go = ww_go_get();
	struct ww_goroutine at;
	ww_ref before;
	if (!t || !go || !ww_goroutine_now(go, &at))
		return 0;
	ww_goroutine_review(bpf_ktime_get_ns());
	struct ww_go_room *room = ww_go_room();
	if (room) {
		room->awaited = 0;
		room->hidden = 0;
	}
	ww_ref ref = ww_goroutine_request(go, &at, &before);
	if (go->is_tokio && ww_handoffs_off)
		return ref;
	ww_tokio_strays(go);
	struct ww_request *a = ref ? NULL : ww_request_get(before);
	if (a && a->outstanding)
		ref = a->account.id;
	if (ref) {
		ww_tokio_sends(ref);
		return ref;
	}
	if (a)
		ww_request_free(a);
	return ww_goroutine_opens(t, at.g, at.id);
}

/* Whether the goroutine that the account is of is there still. */
static __always_inline bool ww_goroutine_is(const struct ww_go *go, const struct ww_request *a)
{
	struct ww_tokio_header header;
	if (!go->is_tokio)
		return ww_user_word(a->goroutine + go->goid) == a->goid;
	return ww_tokio_task(&go->tokio, a->goroutine, &header) && ww_tokio_number(a->goroutine, &header) == a->goid;
}

/*
 * The work on the connection was nobody's when it was sent: the one that it is for did not wait yet. Does one wait by
 * now?
 */
WW_GLOBAL1(int, ww_goroutine_answers, C, conn)
{
	struct ww_go *go = ww_go_get();
	struct ww_request *a = conn ? ww_request_get(conn->first) : NULL;
	ww_goroutine_review(bpf_ktime_get_ns());
	struct ww_goroutine at;
	if (go && go->is_virtual && a && ww_virtual_now(go, &at) && a->goid == at.id)
		a->goroutine = at.g;
	if (!go || go->is_virtual || !a || !a->anonymous || !ww_goroutine_is(go, a))
		return 0;
	struct ww_request *r = ww_request_get(ww_goroutine_for(a->goroutine, true));
	ww_tokio_strays(go);
	if (!r)
		return 0;
	if (go->is_tokio)
		ww_infer(r);
	ww_traffic_adopted(r, a);
	ww_request_free(a);
	if (conn->awaited)
		ww_outstanding(r, 1);
	conn->counted = 0;
	if (conn->awaited && conn->ready)
		ww_answer_arrived(conn, r, conn->ready);
	conn->first = r->account.id;
	return 0;
}

/*
 * The thread has no goroutine and goes to sleep. The one that it ran last is the argument of the call that left it
 * (runtime.mcall), the first word of the scheduler's stack. Did that do something, and does it wait for something else
 * now, without a touch of a socket?
 */
static __always_inline void ww_goroutine_left(struct ww_thread *t, const struct ww_go *go, u64 scheduler, u64 now)
{
	u64 g = ww_user_word(ww_user_word(scheduler + go->sched) - 8);
	struct ww_request *r = ww_request_get(ww_goroutine_account(ww_user_word(g + go->goid)));
	if (!r || r->anonymous || r->state != WW_STATE_WAIT || r->outstanding || r->mark > t->start)
		return;
	struct ww_go_state state;
	ww_goroutine_state(go, r, &state);
	if (state.cause.kind == WW_KIND_OTHER || state.cause.kind == WW_KIND_COMPUTE ||
	    (state.cause.number == r->hint.number && state.due == r->due))
		return;
	struct ww_touch touch = {.kind = WW_KIND_OTHER};
	ww_touched(t, r, &touch, now);
}

/* The thread blocks in a syscall. False: it has no goroutine, and waits for one. */
WW_GLOBAL2(int, ww_goroutine_blocks, T, t, N, now)
{
	struct ww_go *go = ww_go_get();
	struct ww_goroutine at = {};
	ww_ref of;
	u32 nr = ww_syscall_nr(ww_current());
	bool looks = nr == WW_SYS_FUTEX + 1 || ww_is_epoll(nr);
	if (!t || !go)
		return !looks;
	if (go->is_tokio)
		ww_tokio_expired(&go->tokio, t);
	/* Within the runtime, on the thread's own stack, as where it stops all others: it has not left the goroutine.
	 */
	if (t->exact && t->ref && t->goroutine && ww_user_word(t->goroutine + go->goid) == t->goid &&
	    (u32)(ww_user_word(t->goroutine + go->status) & ~WW_GO_SCAN) != WW_GO_DEAD)
		return 1;
	/* Until it is known where that stands, what looks for one is not told by its stack: there is a thread's own. */
	bool none = go->is_tokio && looks && !go->tokio.current;
	if (none || !ww_goroutine_now(go, &at)) {
		if (looks) {
			if (!go->is_tokio && !go->is_virtual && !go->exact)
				ww_goroutine_left(t, go, at.g, now);
			ww_goroutine_review(now);
		}
		return !looks;
	}
	struct ww_request *before = ww_request_get(t->ref);
	/* A virtual thread that may not leave its carrier waits there; for answers by another thread's word. */
	if (go->is_virtual && looks && before && before->goid == at.id && before->outstanding)
		return 0;
	if ((looks && !go->is_virtual) || (before && before->goid == at.id))
		return 1;
	struct ww_request *r = ww_request_get(ww_goroutine_request(go, &at, &of));
	struct ww_touch touch = {.kind = WW_KIND_OTHER};
	struct ww_cause nothing = {.kind = WW_KIND_OTHER};
	if (r && r != before) {
		ww_touched(t, r, &touch, now);
	} else if (!r && before && ww_hold(t, before, t->ref)) {
		if (ww_owns(before, t->tid)) {
			if (before->mark == t->start)
				ww_give(before, t);
			ww_interval_reset(t, now);
			ww_detach(t, before, nothing);
		}
		ww_let_go(t, before);
	}
	return 1;
}

#endif
