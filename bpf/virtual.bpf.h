/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Java's virtual threads, which are taken for goroutines. HotSpot's thread that runs one, its carrier, has the object
 * of that one in its JavaThread; which has a number that no other one ever has, and what it is at. Nothing is hooked.
 * The object is moved by collectors, and its number is not: what it waits for is told as long as it was not moved since
 * it touched a socket last.
 */
#ifndef WHYWAIT_VIRTUAL_BPF_H
#define WHYWAIT_VIRTUAL_BPF_H

#include "cause.bpf.h"
#include "charge.bpf.h"
#include "global.bpf.h"
#include "programs.bpf.h"
#include "python.bpf.h"
#include "tokio.bpf.h"

__u32 ww_virtual_any __weak = 0; /* there are Java processes with virtual threads */

#define WW_VIRTUAL_WORDS 64	      /* of a carrier's stack, where native code has kept the register */
#define WW_VIRTUAL_MOST	 (1ull << 40) /* threads' numbers are counted up */
#define WW_VIRTUAL_VIEWS                                                                                               \
	42 /* up to four bits: in which of its views of the heap ZGC without generations sees an object */
#define WW_VIRTUAL_MARK 3 /* the bits of an object's first word that say that it was moved */

/* VirtualThread.state */
#define WW_VIRTUAL_STARTED	1
#define WW_VIRTUAL_PARKED	4
#define WW_VIRTUAL_TIMED_PARKED 7
#define WW_VIRTUAL_UNPARKED	9
#define WW_VIRTUAL_YIELDED	11
/* From JDK 24 on, where they wait for monitors: */
#define WW_VIRTUAL_BLOCKED	13
#define WW_VIRTUAL_UNBLOCKED	14
#define WW_VIRTUAL_WAIT		16
#define WW_VIRTUAL_TIMED_WAIT	18
#define WW_VIRTUAL_SUSPENDED	(1 << 8)

/* Whether the running thread is named as carriers are. */
static __always_inline bool ww_virtual_may_carry(void)
{
	u64 comm[2] = {};
	bpf_get_current_comm(comm, sizeof(comm));
	return comm[0] == WW_WORD8('F', 'o', 'r', 'k', 'J', 'o', 'i', 'n');
}

/* An address as the collector keeps it. ZGC's generations: behind the bits that tell of it, of which one of four ends
 * them. */
static __always_inline u64 ww_virtual_address(const struct ww_virtual *java, u64 word)
{
	u64 bits = word >> 12 & 15;
	if (java->form != WW_VIRTUAL_COLOURED)
		return word;
	return word >> (bits & 1 ? 13 : bits & 2 ? 14 : bits & 4 ? 15 : 16);
}

static __always_inline bool ww_virtual_is_thread(const struct ww_virtual *java, u64 word, u32 tid)
{
	if (word & 7 || word >> 48 || !(word >> 16))
		return false;
	u64 os = ww_user_word(word + java->osthread);
	return os && (u32)ww_user_word(os + java->thread_id) == tid;
}

/* Finds the running thread's JavaThread, which HotSpot's code has in a register: native code has it, or has saved it.
 */
__weak int ww_virtual_find(void)
{
	struct task_struct *task = ww_current();
	struct ww_thread *t = ww_thread_get(task);
	struct ww_go *go = ww_go_get();
	struct ww_tokio_room *room = ww_tokio_room();
	if (!t || !go || !room)
		return 0;
	struct pt_regs *regs = ww_task_regs(task);
	u32 tid = ww_own_tid(task);
	if (ww_virtual_is_thread(&go->java, WW_REGS_JAVA(regs), tid)) {
		t->java_thread = WW_REGS_JAVA(regs);
		return 0;
	}
	if (bpf_probe_read_user(room->words, WW_VIRTUAL_WORDS * sizeof(room->words[0]), (void *)WW_REGS_SP(regs)))
		return 0;
	for (u32 i = 0; i < WW_VIRTUAL_WORDS; i++) {
		if (ww_virtual_is_thread(&go->java, room->words[i], tid)) {
			t->java_thread = room->words[i];
			return 0;
		}
	}
	return 0;
}

/* The object of the virtual thread that the running one carries; 0: none. */
__weak u64 ww_virtual_carried(void)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	struct ww_go *go = ww_go_get();
	if (!t || !go || !go->is_virtual || go->java.form == WW_VIRTUAL_OPAQUE)
		return 0;
	if (!t->java_thread && ww_virtual_may_carry())
		ww_virtual_find();
	if (!t->java_thread)
		return 0;
	u64 object = ww_virtual_address(&go->java, ww_user_word(ww_user_word(t->java_thread + go->java.vthread)));
	return object && !ww_user_word(object + go->java.eetop) ? object : 0;
}

/* What is known of it. */
static __always_inline bool ww_virtual_now(const struct ww_go *go, struct ww_goroutine *at)
{
	at->g = ww_virtual_carried();
	at->id = at->g ? ww_user_word(at->g + go->java.tid) : 0;
	return at->id && at->id < WW_VIRTUAL_MOST;
}

/* The thread is a carrier: then what is said of other threads of Java's is not so of it. */
static __always_inline bool ww_virtual_is(struct ww_thread *t)
{
	if (!ww_virtual_carried())
		return false;
	t->loop = 0;
	t->pool = 0;
	t->parked = 0;
	return true;
}

/* What one that none may run is at. */
WW_GLOBAL1(int, ww_virtual_kind, R, r)
{
	struct ww_go *go = ww_go_get();
	u64 g = r ? r->goroutine : 0;
	if (!g || !go || !go->java.state || ww_user_word(g + go->java.tid) != r->goid ||
	    ww_user_word(g + go->java.eetop) || (ww_user_word(g) & WW_VIRTUAL_MARK) == WW_VIRTUAL_MARK)
		return WW_KIND_OTHER;
	/* ZGC leaves no mark in what it has moved. */
	if (go->java.form == WW_VIRTUAL_COLOURED || (g >> WW_VIRTUAL_VIEWS && !(g >> (WW_VIRTUAL_VIEWS + 4))))
		ww_infer(r);
	u64 blocker = ww_user_word(g + go->java.blocker);
	blocker = go->java.form == WW_VIRTUAL_COLOURED ? blocker >> 16 : (u32)blocker;
	switch ((u32)ww_user_word(g + go->java.state) & ~WW_VIRTUAL_SUSPENDED) {
	case WW_VIRTUAL_STARTED:
	case WW_VIRTUAL_UNPARKED:
	case WW_VIRTUAL_YIELDED:
	case WW_VIRTUAL_UNBLOCKED:
		return WW_KIND_QUEUE;
	case WW_VIRTUAL_PARKED:
		return blocker ? WW_KIND_LOCK : WW_KIND_OTHER;
	case WW_VIRTUAL_TIMED_PARKED:
		return blocker ? WW_KIND_LOCK : WW_KIND_SLEEP;
	case WW_VIRTUAL_BLOCKED:
	case WW_VIRTUAL_WAIT:
	case WW_VIRTUAL_TIMED_WAIT:
		return WW_KIND_LOCK;
	}
	return WW_KIND_OTHER;
}

/*
 * Something is sent for nobody that is known, perhaps for one of the requests that wait; by a `carrier`: as platform
 * threads' own tasks are followed otherwise, for theirs only such count.
 */
static __always_inline void ww_virtual_strays(bool carrier)
{
	struct ww_go *go = ww_go_get();
	if (!go || !go->is_virtual)
		return;
	go->java.stray = bpf_ktime_get_ns();
	if (carrier)
		go->java.carried = go->java.stray;
}

#endif
