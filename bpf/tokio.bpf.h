/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tasks of Rust's tokio, as far as its runtime lets them be read. Nothing is hooked. Which task a thread runs stands,
 * as a number that no other task ever has, in its thread-local storage: where in there, no symbol tells, so it is found
 * by what threads have on their stacks. A task begins with its state and the address of a table of functions
 * (tokio::runtime::task::core::Header); whatever else is said of it is said by address.
 */
#ifndef WHYWAIT_TOKIO_H
#define WHYWAIT_TOKIO_H

#include "cause.bpf.h"
#include "global.bpf.h"
#include "programs.bpf.h"
#include "python.bpf.h"

#define WW_TOKIO_RUNNING  1 /* bits of a task's state */
#define WW_TOKIO_COMPLETE 2
#define WW_TOKIO_NOTIFIED 4 /* it is in a queue of those that can go on */

#define WW_TOKIO_TRAILER                                                                                               \
	56		 /* offsets in the table: how far in the task are the links to others, and who waits for it */
#define WW_TOKIO_ID   72 /* its number */
#define WW_TOKIO_MOST (1u << 20) /* bytes that a task is taken to have */

#define WW_TOKIO_STACK 1024 /* words */
#define WW_TOKIO_TLS   256
#define WW_TOKIO_SURE  3

#define WW_TOKIO_CALL_NS 100000

#define WW_TOKIO_HEAP	 0x10000 /* nothing is allocated below: there stands how often a task was not found */
#define WW_TOKIO_LOOKS	 4096	 /* stacks that are looked through to learn where the task's number stands: */
#define WW_TOKIO_NOW_AND 63	 /* after these, one in so many + 1 */

struct ww_goroutine {
	u64 g; /* address of its struct g; of a task: 0, it is not known yet */
	u64 id;
};

struct ww_tokio_header {
	u64 state;
	u64 next;
	u64 vtable;
};

struct ww_tokio_room {
	u64 words[WW_TOKIO_STACK]; /* of a stack */
	u64 tls[WW_TOKIO_TLS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_tokio_room);
} ww_tokio_rooms SEC(".maps") __weak;

/* Where tasks are, by their number and process, or how often that was looked for in vain. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ww_carrier_key);
	__type(value, u64);
} ww_tokio_tasks SEC(".maps") __weak;

static __always_inline struct ww_go *ww_go_get(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_gos, &tgid);
}

static __always_inline struct ww_tokio_room *ww_tokio_room(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&ww_tokio_rooms, &zero);
}

/* Whether the word may be the address of something that was allocated. */
static __always_inline bool ww_tokio_heap(const struct ww_tokio *tokio, u64 word)
{
	return !(word & 7) && word >= WW_TOKIO_HEAP && word < 1ull << 47 && word - tokio->image >= tokio->image_len;
}

/* Whether there is a task. */
static __always_inline bool ww_tokio_task(const struct ww_tokio *tokio, u64 address, struct ww_tokio_header *header)
{
	return !bpf_probe_read_user(header, sizeof(*header), (void *)address) && !(header->vtable & 7) &&
	       header->vtable - tokio->vtables < tokio->vtables_len;
}

static __always_inline u64 ww_tokio_number(u64 address, const struct ww_tokio_header *header)
{
	u64 offset = ww_user_word(header->vtable + WW_TOKIO_ID);
	return offset < WW_TOKIO_MOST ? ww_user_word(address + offset) : 0;
}

/* What a task that has let go of its thread is at: it may go on, it does on another one, or that can't be told. */
static __always_inline u8 ww_tokio_kind(const struct ww_go *go, u64 address, u64 id)
{
	struct ww_tokio_header header;
	if (!ww_tokio_task(&go->tokio, address, &header) || ww_tokio_number(address, &header) != id)
		return WW_KIND_OTHER;
	if (header.state & WW_TOKIO_RUNNING)
		return WW_KIND_COMPUTE;
	return header.state & WW_TOKIO_NOTIFIED ? WW_KIND_QUEUE : WW_KIND_OTHER;
}

/* Notes when the timeout that a thread has given has woken it: then tasks' timers were due. */
static __always_inline u64 ww_tokio_expired(struct ww_tokio *tokio, const struct ww_thread *t)
{
	u64 woken = t->waking > t->slept && t->waking < t->woke ? t->waking : t->woke;
	/* The kernel reckons the timeout from the call, which was a little before it let the thread sleep. */
	if (t->deadline && woken + WW_TOKIO_CALL_NS >= t->deadline && woken > tokio->expired)
		tokio->expired = woken;
	return tokio->expired;
}

struct ww_tokio_search {
	const struct ww_tokio *tokio;
	struct ww_tokio_room *room;
	u64 wanted; /* the number of the task; 0: any that runs, the innermost one */
	u64 address;
	u64 id;
	u64 at;
};

static long ww_tokio_stack_step(u32 i, void *ctx)
{
	struct ww_tokio_search *s = ctx;
	struct ww_tokio_header header;
	u64 word = s->room->words[i & (WW_TOKIO_STACK - 1)];
	if (!ww_tokio_heap(s->tokio, word) || !ww_tokio_task(s->tokio, word, &header))
		return 0;
	if ((header.state & (WW_TOKIO_RUNNING | WW_TOKIO_COMPLETE)) != WW_TOKIO_RUNNING)
		return 0;
	u64 id = ww_tokio_number(word, &header);
	if (s->wanted && id != s->wanted)
		return 0;
	s->address = word;
	s->id = id;
	return 1;
}

static long ww_tokio_tls_step(u32 i, void *ctx)
{
	struct ww_tokio_search *s = ctx;
	if (!i || s->room->tls[i & (WW_TOKIO_TLS - 1)] != s->id)
		return 0;
	s->at = i;
	return 1;
}

/* Where in thread-local storage is the number of the task that the thread runs, `id`? */
WW_GLOBAL1(int, ww_tokio_learn, N, id)
{
	struct ww_go *go = ww_go_get();
	struct ww_tokio_search s = {.room = ww_tokio_room(), .id = id};
	if (!go || !s.room || !id || id == go->tokio.voted)
		return 0;
	struct ww_tokio *tokio = &go->tokio;
	u32 size = tokio->tls;
	u64 from = ww_pthread_self(ww_current()) - size;
	barrier_var(size);
	if (size > sizeof(s.room->tls) || bpf_probe_read_user(s.room->tls, size, (void *)from))
		return 0;
	u32 at = tokio->at;
	barrier_var(at);
	if (at < 1 || at >= WW_TOKIO_TLS || s.room->tls[at & (WW_TOKIO_TLS - 1)] != id) {
		if (tokio->votes) {
			tokio->votes--;
			return 0;
		}
		if (!ww_without_loop)
			bpf_loop(size / 8, ww_tokio_tls_step, &s, 0);
		at = s.at;
		tokio->at = at;
		tokio->untagged = 0;
	}
	barrier_var(at);
	if (at < 1 || at >= WW_TOKIO_TLS)
		return 0;
	tokio->voted = id;
	tokio->untagged |= s.room->tls[(at - 1) & (WW_TOKIO_TLS - 1)] != 1;
	if (++tokio->votes >= WW_TOKIO_SURE)
		tokio->current = size - 8 * at;
	return 0;
}

static __noinline void ww_tokio_tasks_put(const struct ww_carrier_key *key, u64 what)
{
	if (bpf_map_update_elem(&ww_tokio_tasks, key, &what, BPF_ANY))
		ww_count(WW_COUNT_TOKIO_TASK_FAILED);
}

#define WW_PAGE 4096 /* or a multiple of that */

/*
 * Reads the stack from there on, and returns how many words that are. A stack may end before: then up to where a page
 * does. That of a process's first thread ends up to 8 KiB behind main(), as the kernel has drawn.
 */
static __always_inline u32 ww_tokio_stack(struct ww_tokio_room *room, u64 sp)
{
	u32 size = sizeof(room->words);
	if (!bpf_probe_read_user(room->words, size, (void *)sp))
		return WW_TOKIO_STACK;
	u32 page = WW_PAGE - (sp & (WW_PAGE - 1));
	size = page + WW_PAGE;
	barrier_var(size);
	if (size <= sizeof(room->words) && !bpf_probe_read_user(room->words, size, (void *)sp))
		return size / 8;
	size = page;
	barrier_var(size);
	if (size <= sizeof(room->words) && !bpf_probe_read_user(room->words, size, (void *)sp))
		return size / 8;
	return 0;
}

/* The task of that number, which the thread runs, or (0) the innermost one that it does: its address; 0: none. */
WW_GLOBAL1(u64, ww_tokio_find, N, wanted)
{
	struct ww_go *go = ww_go_get();
	struct ww_tokio_search s = {.room = ww_tokio_room(), .wanted = wanted};
	if (!go || !s.room || ww_without_loop)
		return 0;
	s.tokio = &go->tokio;
	u32 read = ww_tokio_stack(s.room, WW_REGS_SP(ww_task_regs(ww_current())));
	if (read)
		bpf_loop(read, ww_tokio_stack_step, &s, 0);
	if (!s.address)
		return 0;
	struct ww_carrier_key key = {.context = s.id, .program = ww_program()};
	ww_tokio_tasks_put(&key, s.address);
	return s.address;
}

/* The address of the task of that number, which the thread runs; 0: it is not found. */
WW_GLOBAL1(u64, ww_tokio_address, N, id)
{
	struct ww_go *go = ww_go_get();
	struct ww_carrier_key key = {.context = id, .program = ww_program()};
	struct ww_tokio_header header;
	u64 *known = bpf_map_lookup_elem(&ww_tokio_tasks, &key);
	u64 address = known ? *known : 0, misses = 0;
	if (address >= WW_TOKIO_HEAP) {
		if (go && ww_tokio_task(&go->tokio, address, &header) && ww_tokio_number(address, &header) == id)
			return address;
	} else if (address) {
		/* Deep in its stack, say: looked for again after 2, 4, 8 times. */
		misses = address + 1 < WW_TOKIO_HEAP ? address + 1 : address;
		*known = misses;
		if (misses & (misses - 1))
			return 0;
	}
	address = ww_tokio_find(id);
	if (!address && !misses)
		ww_tokio_tasks_put(&key, 1);
	return address;
}

/* The task that the running thread runs; false: it looks for one, or waits. */
static __always_inline bool ww_tokio_now(struct ww_go *go, struct ww_goroutine *at)
{
	struct ww_tokio *tokio = &go->tokio;
	u64 self = ww_pthread_self(ww_current());
	u64 words[2] = {};
	at->g = 0;
	at->id = 0;
	if (!self)
		return false;
	if (!tokio->current) {
		struct ww_tokio_header header;
		if (++tokio->looks > WW_TOKIO_LOOKS && tokio->looks & WW_TOKIO_NOW_AND)
			return false;
		at->g = ww_tokio_find(0);
		if (at->g && ww_tokio_task(tokio, at->g, &header))
			at->id = ww_tokio_number(at->g, &header);
		ww_tokio_learn(at->id);
		return at->id != 0;
	}
	bpf_probe_read_user(words, sizeof(words), (void *)(self - tokio->current - 8));
	if (tokio->untagged || words[0] == 1)
		at->id = words[1];
	return at->id != 0;
}

#endif
