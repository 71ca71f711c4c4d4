/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose work a task's is, of Rust's tokio. A connection to a database or to another service is mostly a task of its own
 * (hyper's client, tokio-postgres), which others send what they want by a channel, and the waker of the one that awaits
 * the answer is in that channel's other end: in something that both share (Arc), to which the connection's task has a
 * pointer, or to which an element of a queue in it has. So the way leads from the task that sends to the one that
 * serves: a word of the task, or one behind that, and a word of what it points to. Where that is, is the same for all
 * tasks of one type, and found once. A task that was spawned has the waker of who joins it at its own end.
 */
#ifndef WHYWAIT_WAKER_H
#define WHYWAIT_WAKER_H

#include "golang.bpf.h"

#define WW_TOKIO_CELL	128 /* words of a task that are looked at */
#define WW_TOKIO_BLOCK	64  /* and of what they lead to */
#define WW_TOKIO_COUNTS 64  /* no more than so many share what is awaited */
#define WW_TOKIO_VOTES	3
#define WW_TOKIO_MISSES 16 /* so often nobody waited: it is looked for now and then only */
#define WW_TOKIO_EARLY	64 /* the same, of what is sent and not answered */
#define WW_TOKIO_SELDOM 63

/* A way from a task to who waits, as a number. */
#define WW_TOKIO_PATH(word, behind, waker) ((word) << 16 | (behind) << 8 | (waker))

/* Something by which a task awaits an answer, and was sent for. */
struct ww_tokio_sent {
	u64 waiter; /* the task */
	u64 by;	    /* the one that has sent */
	ww_ref ref; /* the account that has it outstanding */
	u64 waker;  /* where the waker is */
};

/* By its address and process: queues have such addresses left over, which may be others' by now. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ww_carrier_key);
	__type(value, struct ww_tokio_sent);
} ww_tokio_sents SEC(".maps") __weak;

/* Of those that wait, found on the ways that there are. */
struct ww_tokio_found {
	u64 waiter;
	u64 awaited;
	u32 at; /* the way */
	u32 several;
	u32 surely; /* it is the way of a queue, or leads there at once */
	u32 pad;
};

/* A queue of Rust's: std::collections::VecDeque. */
struct ww_tokio_queue {
	u32 first; /* element */
	u32 len;
	u32 room;   /* elements that it has room for; 0: it is no queue */
	u32 stride; /* words of an element */
	u32 from;   /* the first word that is looked at */
	u32 pad;
};

/* What is allocated at an address, as far as that can be told. */
struct ww_tokio_chunk {
	u64 size;   /* glibc's malloc() keeps it in front */
	u64 strong; /* counts of those who use it, where it is counted */
	u64 weak;
	u64 state; /* of a channel for one message, if that comes first */
};

/* A waker, and what is around it where there are two: who sends, and who waits (tokio::sync::oneshot::Inner). */
struct ww_tokio_wakers {
	u64 state;
	u64 before[2];
	u64 waker[2];
	u64 after[2];
	u64 behind;
};

/* The walk is kept in memory of its own, whose words the verifier does not follow, and which takes no room on the
 * stack. */
struct ww_tokio_walk {
	struct ww_tokio tokio;
	u64 own; /* the task whose waiter is looked for */
	struct ww_tokio_found fresh;
	struct ww_tokio_found sent;  /* that are known to wait for what was sent before */
	struct ww_tokio_queue queue; /* what is behind a word of the task, if it is one */
	u64 block;		     /* the address of what `inner` has */
	u32 path;		     /* and the way to it */
	u32 word;		     /* of the task, which is looked at */
	u32 looks;		     /* what it leads to was not looked at yet */
	u32 at_word, words_len;
	u32 at_behind, behind_len;
	u32 at_inner, inner_len;
	u32 glibc;	/* the task is what glibc's malloc() gave: so all is */
	u32 hidden;	/* the way to a waker that is no task's */
	u32 met;	/* the way to what may be one, found where the stack has no room to look at it, */
	u64 perhaps[2]; /* and what that is */
	struct ww_tokio_chunk chunk;
	struct ww_tokio_wakers wakers;
	u64 functions[4];	   /* of a waker, */
	struct ww_tokio_chunk arc; /* and what it is of */
	struct ww_tokio_header header;
	struct ww_carrier_key key;
	u64 around[5];		  /* words around the one that may be a queue's */
	u64 words[WW_TOKIO_CELL]; /* of the task */
	u64 behind[WW_TOKIO_BLOCK];
	u64 inner[WW_TOKIO_BLOCK];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_tokio_walk);
} ww_tokio_walks SEC(".maps") __weak;

static __always_inline struct ww_tokio_walk *ww_tokio_walk(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&ww_tokio_walks, &zero);
}

#define WW_TOKIO_CHUNK_LEAST 32
#define WW_TOKIO_CHUNK_MOST  (1ull << 32)
#define WW_TOKIO_CHUNK_OVER  256 /* bytes that are given beyond what was asked for */

/* Whether glibc's malloc() may have written that. */
static __always_inline bool ww_tokio_chunk_size(u64 size)
{
	return !(size & 8) && size - WW_TOKIO_CHUNK_LEAST < WW_TOKIO_CHUNK_MOST;
}

/* Whether so many bytes were asked for there. */
static __always_inline bool ww_tokio_chunk_for(u64 size, u64 bytes)
{
	return ww_tokio_chunk_size(size) && (size & ~7ull) - 8 - bytes < WW_TOKIO_CHUNK_OVER;
}

#define WW_TOKIO_ALIGNS 4 /* to 16, 32, 64 and 128 bytes */

/*
 * Whether it is another waker, of something that is shared (Arc): that of a future in a set of such (FuturesUnordered),
 * say, which has the task that polls the set wake up. A waker's table has four functions and nothing else, and who
 * uses what is shared is counted in front of it.
 */
static __noinline bool ww_tokio_hides(struct ww_tokio_walk *w, const u64 *pair)
{
	bool data_first = w->tokio.data_first;
	u64 data = data_first ? pair[0] : pair[1], table = data_first ? pair[1] : pair[0];
	if (table & 7 || table - w->tokio.image >= w->tokio.image_len || !ww_tokio_heap(&w->tokio, data) ||
	    bpf_probe_read_user(w->functions, sizeof(w->functions), (void *)table))
		return false;
#pragma unroll
	for (u32 i = 0; i < 4; i++)
		if (w->functions[i] - w->tokio.image >= w->tokio.image_len)
			return false;
#pragma unroll
	for (u32 i = 0; i < WW_TOKIO_ALIGNS; i++) {
		u64 in_front = 16ull << i;
		if ((i && data & (in_front - 1)) ||
		    bpf_probe_read_user(&w->arc, sizeof(w->arc), (void *)(data - in_front - 8)))
			continue;
		if ((!w->glibc || ww_tokio_chunk_size(w->arc.size)) && w->arc.strong - 1 < WW_TOKIO_COUNTS &&
		    w->arc.weak - 1 < WW_TOKIO_COUNTS)
			return true;
	}
	return false;
}

#define WW_TOKIO_BOTH 9 /* state of a channel for one message: both ends have wakers in it, and nothing was sent */

/* The task of a waker; 0: it is none of a task's. */
static __always_inline u64 ww_tokio_waker_task(const struct ww_tokio *tokio, const u64 *pair)
{
	bool data_first = tokio->data_first;
	return (data_first ? pair[1] : pair[0]) == tokio->waker ? data_first ? pair[0] : pair[1] : 0;
}

/*
 * Whether what two share has wakers of two others: then the task has not sent by it, the address is left over in it.
 */
static __always_inline bool ww_tokio_of_others(const struct ww_tokio_walk *w, u64 waiter)
{
	const struct ww_tokio_wakers *near = &w->wakers;
	u64 before = ww_tokio_waker_task(&w->tokio, near->before), after = ww_tokio_waker_task(&w->tokio, near->after);
	u64 other = before ? before : after;
	if (!other || other == w->own || other == waiter || w->chunk.strong != 2)
		return false;
	/* Where the state stands, the compiler decides. */
	return w->chunk.state == WW_TOKIO_BOTH || near->state == WW_TOKIO_BOTH || near->before[1] == WW_TOKIO_BOTH ||
	       near->after[0] == WW_TOKIO_BOTH || near->behind == WW_TOKIO_BOTH;
}

/* A waker of task `waiter` was found in what is at `awaited`. */
static __always_inline void ww_tokio_met(struct ww_tokio_walk *w, u64 waiter, u64 awaited, u32 path)
{
	if (waiter == w->own || !ww_tokio_task(&w->tokio, waiter, &w->header) || w->header.state & WW_TOKIO_COMPLETE)
		return;
	w->key.context = awaited;
	struct ww_tokio_sent *sent = bpf_map_lookup_elem(&ww_tokio_sents, &w->key);
	struct ww_request *r = sent && sent->waiter == waiter ? ww_request_get(sent->ref) : NULL;
	bool outstanding = r && r->outstanding;
	/* Another task answers: the address is left over here. */
	if (outstanding && sent->by != w->own)
		return;
	struct ww_tokio_found *found = outstanding ? &w->sent : &w->fresh;
	bool surely = w->queue.room || !(path >> 8 & 0xff);
	if (found->waiter && found->surely == surely)
		found->several |= found->waiter != waiter;
	if (found->waiter && (found->surely || !surely))
		return;
	if (found->waiter)
		found->several = 0;
	found->waiter = waiter;
	found->awaited = awaited;
	found->at = path;
	found->surely = surely;
}

#define WW_TOKIO_MANY 1000000 /* users of what tasks share */

/* How many words are there; 0: that can't be read. Of what another allocator gave that is not told. */
static __always_inline u32 ww_tokio_chunk_read(struct ww_tokio_walk *w, u64 address)
{
	struct ww_tokio_chunk *chunk = &w->chunk;
	if (!ww_tokio_heap(&w->tokio, address) || bpf_probe_read_user(chunk, sizeof(*chunk), (void *)(address - 8)))
		return 0;
	if (ww_tokio_chunk_size(chunk->size))
		return (chunk->size & ~7ull) / 8 - 1;
	return w->glibc ? 0 : WW_TOKIO_BLOCK;
}

/* Whether two at least share it, as the ends of a channel do. What was given back has other words there. */
static __always_inline bool ww_tokio_is_shared(const struct ww_tokio_chunk *chunk)
{
	return chunk->strong - 2 < WW_TOKIO_COUNTS && chunk->weak - 1 < WW_TOKIO_COUNTS;
}

/* Looks at all that is at `address`, if that is shared, where the way to it is `path`. */
static __always_inline void ww_tokio_inner(struct ww_tokio_walk *w, u64 address, u32 path)
{
	u32 words = ww_tokio_chunk_read(w, address);
	w->at_inner = 0;
	w->inner_len = 0;
	if (!words || !ww_tokio_is_shared(&w->chunk) ||
	    bpf_probe_read_user(w->inner, sizeof(w->inner), (void *)address))
		return;
	w->block = address;
	w->path = path;
	w->inner_len = words < WW_TOKIO_BLOCK ? words : WW_TOKIO_BLOCK;
}

/* Whether that may be the table of a waker, which is not looked for in vain if there is one already. */
static __always_inline bool ww_tokio_may_wake(const struct ww_tokio_walk *w, u64 word)
{
	return word == w->tokio.waker || (!w->hidden && !(word & 7) && word - w->tokio.image < w->tokio.image_len);
}

/* Whose waker is there, at the end of the way, in what is at `address`, and is shared? */
static __always_inline void ww_tokio_at(struct ww_tokio_walk *w, u64 address, u32 path, bool deep)
{
	u64 at = address + 8 * ((path & 0xff) - w->tokio.data_first);
	struct ww_tokio_wakers *near = &w->wakers;
	if (bpf_probe_read_user(near, sizeof(*near), (void *)(at - offsetof(struct ww_tokio_wakers, waker))))
		return;
	u64 waiter = ww_tokio_waker_task(&w->tokio, near->waker);
	if (ww_tokio_of_others(w, waiter))
		return;
	if (waiter) {
		ww_tokio_met(w, waiter, address, path);
	} else if (!deep) {
		if (!w->hidden && ww_tokio_hides(w, near->waker))
			w->hidden = path;
	} else if (!w->met && ww_tokio_may_wake(w, near->waker[w->tokio.data_first & 1])) {
		w->perhaps[0] = near->waker[0];
		w->perhaps[1] = near->waker[1];
		w->met = path;
	}
}

/* What the way leads to from `address`, where something is that is shared. */
static __always_inline void ww_tokio_end(struct ww_tokio_walk *w, u64 address, u32 path)
{
	if ((path & 0xff) < ww_tokio_chunk_read(w, address) && ww_tokio_is_shared(&w->chunk))
		ww_tokio_at(w, address, path, true);
}

/*
 * Whether the word of the task is where a queue of its has its elements, `words` in all. What is left over in the
 * others may be alive by now, and another one's.
 */
static __always_inline void ww_tokio_queue_read(struct ww_tokio_walk *w, u32 word, u32 words)
{
	struct ww_tokio_queue *q = &w->queue;
	u64 *at = w->around;
	q->room = 0;
	if (bpf_probe_read_user(w->around, sizeof(w->around), (void *)(w->own + 8 * (u64)(word - 2))))
		return;
	if (at[3] <= words && !(at[3] & (at[3] - 1)) && at[0] < at[3] && at[1] < at[3]) {
		/* Until Rust 1.66: first, end, address, room. */
		q->first = at[0];
		q->len = (at[1] - at[0]) & (at[3] - 1);
		q->room = at[3];
	} else if (at[1] <= words && at[3] < at[1] && at[4] <= at[1]) {
		/* Room, address, first, length. */
		q->first = at[3];
		q->len = at[4];
		q->room = at[1];
	} else if (at[3] - 1 < words && at[4] <= at[3]) {
		/* A Vec has no first: address, room, length; */
		q->first = 0;
		q->len = at[4];
		q->room = at[3];
	} else if (at[1] - 1 < words && at[3] <= at[1]) {
		/* room, address, length. */
		q->first = 0;
		q->len = at[3];
		q->room = at[1];
	}
	q->stride = q->room ? words / q->room : 0;
	/* What is allocated is rounded up to 16 bytes, and has 16 more where these would be too small a rest. */
	if (ww_tokio_chunk_size(w->chunk.size) && words - q->room * q->stride > 3)
		q->room = 0;
}

/* A table of a trait's functions, which a Box's address has behind it. */
struct ww_tokio_trait {
	u64 drop;
	u64 size;
	u64 align;
};

#define WW_TOKIO_ALIGN 256

/* Whether it is a Box of something, as the word behind its address says. What is not may hold anything: bytes read. */
static __always_inline bool ww_tokio_boxed(struct ww_tokio_walk *w)
{
	struct ww_tokio_trait trait;
	u64 table = w->around[3], size = w->chunk.size;
	if (table & 7 || table - w->tokio.image >= w->tokio.image_len ||
	    bpf_probe_read_user(&trait, sizeof(trait), (void *)table))
		return false;
	if (trait.drop - w->tokio.image >= w->tokio.image_len || !trait.align || trait.align > WW_TOKIO_ALIGN)
		return false;
	return w->glibc ? ww_tokio_chunk_for(size, trait.size) : trait.size - 8 < WW_TOKIO_MOST;
}

/* Whether a word behind that is of an element that is in the queue. */
static __always_inline bool ww_tokio_queued(const struct ww_tokio_queue *q, u32 word)
{
	if (!q->room || !q->stride)
		return true;
	u32 element = (q->from + word) / q->stride;
	element += element < q->first ? q->room : 0;
	return element - q->first < q->len;
}

/* Looks at what is at `address`, said by the task's `word`, if that is the task's alone. */
static __always_inline void ww_tokio_behind(struct ww_tokio_walk *w, u64 address, u32 word)
{
	struct ww_tokio_queue *q = &w->queue;
	u32 words = ww_tokio_chunk_read(w, address);
	w->at_behind = 0;
	w->behind_len = 0;
	if (!words || (w->chunk.strong - 1 < WW_TOKIO_MANY && w->chunk.weak - 1 < WW_TOKIO_MANY))
		return;
	ww_tokio_queue_read(w, word, words);
	if (!q->room && !ww_tokio_boxed(w))
		return;
	/* Of a long one, the part with the element that is the oldest. */
	q->from = 0;
	if (q->room && words > WW_TOKIO_BLOCK) {
		q->from = q->first * q->stride;
		q->from = q->from < words - WW_TOKIO_BLOCK ? q->from : words - WW_TOKIO_BLOCK;
	}
	if (!bpf_probe_read_user(w->behind, sizeof(w->behind), (void *)(address + 8 * (u64)q->from)))
		w->behind_len = words < WW_TOKIO_BLOCK ? words : WW_TOKIO_BLOCK;
}

struct ww_tokio_step {
	struct ww_tokio_walk *walk;
};

#define WW_TOKIO_STEPS (1u << 12) /* at once: the next time, for a task of the same type, it goes on from there */

/* One step in a task: on in what is looked at, else to the next that its word leads to, else to the next word. */
static long ww_tokio_look_step(u32 n, void *ctx)
{
	struct ww_tokio_walk *w = ((struct ww_tokio_step *)ctx)->walk;
	(void)n;
	if (w->at_inner < w->inner_len) {
		u32 at = w->at_inner++;
		if (!at || at >= WW_TOKIO_BLOCK - 1 || !ww_tokio_may_wake(w, w->inner[at & (WW_TOKIO_BLOCK - 1)]))
			return 0;
		ww_tokio_at(w, w->block, w->path | at, false);
		return 0;
	}
	if (w->at_behind < w->behind_len) {
		u32 at = w->at_behind++;
		if (ww_tokio_queued(&w->queue, at))
			ww_tokio_inner(w, w->behind[at & (WW_TOKIO_BLOCK - 1)], WW_TOKIO_PATH(w->word, 1, 0));
		return 0;
	}
	if (w->looks) {
		w->looks = 0;
		ww_tokio_behind(w, w->words[w->word & (WW_TOKIO_CELL - 1)], w->word);
		return 0;
	}
	if (w->at_word >= w->words_len)
		return 1;
	w->word = w->at_word++;
	w->looks = 1;
	ww_tokio_inner(w, w->words[w->word & (WW_TOKIO_CELL - 1)], WW_TOKIO_PATH(w->word, 0, 0));
	return 0;
}

/* One step on the way that is known. */
static long ww_tokio_known_step(u32 i, void *ctx)
{
	struct ww_tokio_walk *w = ((struct ww_tokio_step *)ctx)->walk;
	if (i >= w->behind_len)
		return 1;
	if (ww_tokio_queued(&w->queue, i))
		ww_tokio_end(w, w->behind[i & (WW_TOKIO_BLOCK - 1)], w->path);
	return 0;
}

/* Goes the way that is known. */
WW_GLOBAL1(int, ww_tokio_go, N, path)
{
	struct ww_tokio_walk *w = ww_tokio_walk();
	struct ww_tokio_step step = {.walk = w};
	if (!w || ww_without_loop)
		return 0;
	u32 at = path >> 16;
	u64 word = ww_user_word(w->own + 8 * (u64)at);
	if (!(path >> 8 & 0xff)) {
		ww_tokio_end(w, word, path);
	} else {
		w->path = path;
		ww_tokio_behind(w, word, at);
		bpf_loop(WW_TOKIO_BLOCK, ww_tokio_known_step, &step, 0);
	}
	if (w->met && ww_tokio_hides(w, w->perhaps))
		w->hidden = w->met;
	return 0;
}

/*
 * Looks through the task, which has so many words, from one of them on. Where that is cut off is noted: the next time,
 * for a task of the same type, it goes on there; or behind that word, if all steps went into what it leads to.
 */
static __always_inline void ww_tokio_look(struct ww_tokio_walk *w, struct ww_go_room *room, u64 words)
{
	struct ww_tokio_step step = {.walk = w};
	u32 from = room->from;
	room->from = 0;
	if (bpf_probe_read_user(w->words, sizeof(w->words), (void *)w->own))
		return;
	w->looks = 0;
	w->at_word = from;
	w->words_len = words < WW_TOKIO_CELL ? words : WW_TOKIO_CELL;
	w->at_behind = 0;
	w->behind_len = 0;
	w->at_inner = 0;
	w->inner_len = 0;
	if (bpf_loop(WW_TOKIO_STEPS, ww_tokio_look_step, &step, 0) < WW_TOKIO_STEPS)
		return;
	u32 next = w->word == from ? from + 1 : w->word;
	room->from = next < w->words_len ? next : 0;
	room->cut = 1;
	ww_count(WW_COUNT_TOKIO_CUT);
}

#define WW_TOKIO_LINKS                                                                                                 \
	16 /* bytes at the end of a task in front of the waker of who joins it; behind that are left-overs */
#define WW_TOKIO_TRAILER_LEAST 32
#define WW_TOKIO_JOINING       24 /* bits of a task's state: somebody may join it, and has a waker at its end */

/* Who joins the task. */
WW_GLOBAL1(int, ww_tokio_joins, N, trailer)
{
	struct ww_tokio_walk *w = ww_tokio_walk();
	u64 pair[2] = {};
	if (!w || bpf_probe_read_user(pair, sizeof(pair), (void *)(trailer + WW_TOKIO_LINKS)))
		return 0;
	bool data_first = w->tokio.data_first;
	if ((data_first ? pair[1] : pair[0]) == w->tokio.waker)
		ww_tokio_met(w, data_first ? pair[0] : pair[1], trailer, 0);
	else if ((w->header.state & WW_TOKIO_JOINING) == WW_TOKIO_JOINING && ww_tokio_hides(w, pair))
		w->hidden = WW_TOKIO_PATH(0, 0, 1);
	return 0;
}

enum ww_tokio_way {
	WW_TOKIO_NOBODY,
	WW_TOKIO_JOINED,  /* by who waits for the task itself */
	WW_TOKIO_AWAITED, /* what it does, on a way that is `at` in the room */
	WW_TOKIO_SEVERAL, /* one of several does */
	WW_TOKIO_HIDDEN,  /* somebody does whose task can't be told */
};

/* Begins the walk from the task; returns where its end is; 0: it is none. */
static __always_inline u64 ww_tokio_begin(struct ww_tokio_walk *w, const struct ww_go *go, u64 task)
{
	w->tokio = go->tokio;
	w->own = task;
	w->key.program = ww_program();
	w->fresh = (struct ww_tokio_found){};
	w->sent = (struct ww_tokio_found){};
	w->hidden = 0;
	w->met = 0;
	if (!ww_tokio_task(&w->tokio, task, &w->header))
		return 0;
	u64 trailer = ww_user_word(w->header.vtable + WW_TOKIO_TRAILER);
	w->glibc = ww_tokio_chunk_for(ww_user_word(task - 8), trailer + WW_TOKIO_TRAILER_LEAST);
	return trailer < WW_TOKIO_MOST ? task + trailer : 0;
}

/*
 * Who waits for the task, or for what it does: a request, or another task, in the room `ref`, `next`. The way `known`
 * (0: none is) is gone first; all of the task is looked through if it is to be (`all`), from a word of it on, in the
 * room.
 */
WW_GLOBAL3(int, ww_tokio_waiter, N, task, N, known, N, all)
{
	struct ww_go *go = ww_go_get();
	struct ww_tokio_walk *w = ww_tokio_walk();
	struct ww_go_room *room = ww_go_room();
	if (!go || !room || !w || ww_without_loop)
		return WW_TOKIO_NOBODY;
	room->ref = 0;
	room->next = 0;
	room->cut = 0;
	u64 end = ww_tokio_begin(w, go, task);
	if (!end)
		return WW_TOKIO_NOBODY;
	ww_tokio_joins(end);
	bool joined = w->fresh.waiter || w->sent.waiter;
	if (!joined && !w->hidden && known)
		ww_tokio_go(known);
	if (all && !w->fresh.waiter && !w->sent.waiter && !w->hidden)
		ww_tokio_look(w, room, (end - task) / 8);
	struct ww_tokio_found *found = w->fresh.waiter ? &w->fresh : &w->sent;
	if (!w->fresh.waiter)
		room->hidden = w->hidden;
	if (!found->waiter)
		return w->hidden ? WW_TOKIO_HIDDEN : WW_TOKIO_NOBODY;
	w->key.context = found->waiter;
	struct ww_carrier *carrier = bpf_map_lookup_elem(&ww_carriers, &w->key);
	struct ww_request *r = carrier ? ww_request_get(carrier->ref) : NULL;
	bool serves = r && !r->anonymous;
	room->ref = serves ? r->account.id : 0;
	room->next = serves ? 0 : found->waiter;
	room->at = found->at;
	if (!joined && !room->awaited) {
		room->awaited = found->awaited;
		room->waiter = found->waiter;
		room->by = task;
		room->waker = found->awaited + 8 * ((found->at & 0xff) - w->tokio.data_first);
	}
	return found->several ? WW_TOKIO_SEVERAL : joined ? WW_TOKIO_JOINED : WW_TOKIO_AWAITED;
}

#endif
