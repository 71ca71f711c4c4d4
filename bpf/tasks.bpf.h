/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tasks of Java's pools (java.util.concurrent.ThreadPoolExecutor): which one a pool's thread works at, and whose thread
 * has made it. Nothing is hooked. At its end a task may wake nobody, and a thread may take the next one without a
 * pause, so the scheduler does not tell one from the next, nor for whom it is.
 *
 * The object of the task is in the frame of runWorker(), behind that of its Worker, near the base of the thread's
 * stack, also in compiled code: of the words there it is the first that is a Runnable and neither the thread's own
 * object nor a Worker. A new object lies in its thread's own buffer (TLAB), in which that thread alone makes objects,
 * one behind the other. So what lies behind where a buffer's end was when its thread read its request, that request's
 * thread has made since. Collectors move objects, and give what they lay in to others: of what was made before the last
 * collection nothing is known.
 */
#ifndef WHYWAIT_TASKS_BPF_H
#define WHYWAIT_TASKS_BPF_H

#include "handoff.bpf.h"
#include "python.bpf.h"
#include "tokio.bpf.h"

#define WW_TASKS_MOST  32  /* processes */
#define WW_TASKS_SLOTS 256 /* as src/kernel/tasks_jvm.h has it */

#define WW_TASKS_BASE	4096 /* bytes from a stack's base to where Java's frames begin, at least, */
#define WW_TASKS_STACK	512  /* and words in which the first one of a Worker is, */
#define WW_TASKS_FRAME	64   /* behind which the task is in so many words */
#define WW_TASKS_REGS	64   /* words of the stack where native code has kept the register with the JavaThread */
#define WW_TASKS_SUPERS 8
#define WW_TASKS_TRIES	8 /* in a row without finding a task: the thread has none */

#define WW_TASKS_NOBODY (~0ull) /* made for a request that has ended */

/* Of one thread, when it read its last request: */
struct ww_tasks_slot {
	u64 thread; /* its JavaThread */
	ww_ref ref; /* the request */
	u64 start;  /* of its buffer, */
	u64 top;    /* of what it had made there, */
	u64 end;    /* and of the buffer */
	u64 collections;
};

/* Where HotSpot keeps what is needed for that (src/kernel/tasks_jvm.h). */
struct ww_tasks {
	u64 heap;
	u64 heap_len;
	u64 collections;
	u64 classes;
	u32 shift;
	u32 osthread;
	u64 runnable;
	u32 thread_id;
	u32 object;
	u32 stack;
	u32 tlab;
	u32 tlab_end;
	u32 name;
	u32 name_len;
	u32 name_body;
	u32 supers;
	u32 supers_data;
	u32 slots_len; /* the BPF side's: so many slots were given, in turn */
	u32 pad;
	u64 worker; /* ThreadPoolExecutor.Worker's number in its objects, and bit 32; 0: not known yet */
	struct ww_tasks_slot slots[WW_TASKS_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_TASKS_MOST);
	__type(key, u32); /* tgid */
	__type(value, struct ww_tasks);
} ww_tasks SEC(".maps") __weak;

__u32 ww_tasks_known __weak = 0; /* there are such processes */

static __always_inline struct ww_tasks *ww_tasks_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_tasks, &tgid);
}

static __always_inline u32 ww_tasks_user_u32(u64 address)
{
	u32 word = 0;
	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline bool ww_tasks_is_thread(const struct ww_tasks *tasks, u64 word, u32 tid)
{
	if (word & 7 || word >> 47 || !(word >> 16))
		return false;
	u64 os = ww_user_word(word + tasks->osthread);
	return os && ww_tasks_user_u32(os + tasks->thread_id) == tid;
}

/* The running thread's JavaThread, which HotSpot's code has in a register: native code has it, or has saved it. */
__weak u64 ww_tasks_thread(void)
{
	struct task_struct *task = ww_current();
	struct ww_thread *t = ww_thread_get(task);
	struct ww_tasks *tasks = ww_tasks_of();
	struct ww_tokio_room *room = ww_tokio_room();
	if (!t || !tasks || !room || ww_by_hand)
		return 0;
	if (t->java_thread)
		return t->java_thread;
	struct pt_regs *regs = ww_task_regs(task);
	u32 tid = ww_own_tid(task);
	if (ww_tasks_is_thread(tasks, WW_REGS_JAVA(regs), tid)) {
		t->java_thread = WW_REGS_JAVA(regs);
		return t->java_thread;
	}
	if (bpf_probe_read_user(room->words, WW_TASKS_REGS * sizeof(room->words[0]), (void *)WW_REGS_SP(regs)))
		return 0;
	for (u32 i = 0; i < WW_TASKS_REGS; i++) {
		if (ww_tasks_is_thread(tasks, room->words[i], tid)) {
			t->java_thread = room->words[i];
			return t->java_thread;
		}
	}
	return 0;
}

/* The running thread makes objects for none that is known, from now on. */
static __always_inline void ww_tasks_forgets(struct ww_thread *t)
{
	struct ww_tasks *tasks = t->tasks_slot ? ww_tasks_of() : NULL;
	if (tasks)
		tasks->slots[(t->tasks_slot - 1) & (WW_TASKS_SLOTS - 1)].ref = 0;
}

/* The running thread, which carries no virtual ones, has read a request: what it makes from now on is made for that. */
__weak int ww_tasks_serves(u64 ref)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	struct ww_tasks *tasks = ww_without_loop ? NULL : ww_tasks_of();
	if (!tasks || !t)
		return 0;
	/* A loop makes objects for all of its requests. */
	if (t->loop) {
		ww_tasks_forgets(t);
		return 0;
	}
	u64 thread = ww_tasks_thread(), tlab[2];
	if (!thread)
		return 0;
	if (!t->tasks_slot)
		t->tasks_slot = (ww_next(&tasks->slots_len) & (WW_TASKS_SLOTS - 1)) + 1;
	struct ww_tasks_slot *slot = &tasks->slots[(t->tasks_slot - 1) & (WW_TASKS_SLOTS - 1)];
	if (slot->ref == ref && slot->thread == thread)
		return 0;
	slot->ref = 0;
	if (bpf_probe_read_user(tlab, sizeof(tlab), (void *)(thread + tasks->tlab)))
		return 0;
	slot->thread = thread;
	slot->start = tlab[0];
	slot->top = tlab[1];
	slot->end = ww_user_word(thread + tasks->tlab_end);
	slot->collections = ww_tasks_user_u32(tasks->collections);
	slot->ref = ref;
	return 0;
}

struct ww_tasks_search {
	struct ww_tasks *tasks;
	struct ww_tokio_room *room;
	u64 own;    /* the thread's own object */
	u64 at;	    /* where the word is that was found, in words behind the first that is looked at */
	u64 object; /* the task */
	u64 collections;
	ww_ref ref;
};

/* An object's class, as its number. */
static __always_inline u32 ww_tasks_class(const struct ww_tasks *tasks, u64 object)
{
	return ww_tasks_user_u32(object + 8);
}

static __always_inline bool ww_tasks_heap(const struct ww_tasks *tasks, u64 word)
{
	return !(word & 7) && word - tasks->heap < tasks->heap_len;
}

/* "java/util/concurrent/ThreadPoolExecutor$Worker": its length, how it begins and how it ends. */
#define WW_TASKS_WORKER_LEN   46
#define WW_TASKS_WORKER_FIRST WW_WORD8('j', 'a', 'v', 'a', '/', 'u', 't', 'i')
#define WW_TASKS_WORKER_LAST  WW_WORD8('r', '$', 'W', 'o', 'r', 'k', 'e', 'r')

static __noinline bool ww_tasks_is_worker(struct ww_tasks *tasks, u64 object)
{
	u32 number = ww_tasks_class(tasks, object);
	if (tasks->worker)
		return tasks->worker == (1ull << 32 | number);
	u64 name = ww_user_word(tasks->classes + ((u64)number << (tasks->shift & 31)) + tasks->name);
	if (!number || !name || (u16)ww_tasks_user_u32(name + tasks->name_len) != WW_TASKS_WORKER_LEN)
		return false;
	name += tasks->name_body;
	if (ww_user_word(name) != WW_TASKS_WORKER_FIRST ||
	    ww_user_word(name + WW_TASKS_WORKER_LEN - 8) != WW_TASKS_WORKER_LAST)
		return false;
	tasks->worker = 1ull << 32 | number;
	return true;
}

static __always_inline bool ww_tasks_is_runnable(const struct ww_tasks *tasks, u64 object)
{
	u64 class = tasks->classes + ((u64)ww_tasks_class(tasks, object) << (tasks->shift & 31));
	u64 supers = ww_user_word(class + tasks->supers), words[WW_TASKS_SUPERS];
	u32 len = ww_tasks_user_u32(supers);
	if (!supers || bpf_probe_read_user(words, sizeof(words), (void *)(supers + tasks->supers_data)))
		return false;
	bool is = false;
	for (u32 i = 0; i < WW_TASKS_SUPERS; i++)
		is |= i < len && words[i] == tasks->runnable;
	return is;
}

/* Words from the stack's base on: room->words has them by rising addresses. */
static long ww_tasks_worker_step(u32 i, void *ctx)
{
	struct ww_tasks_search *s = ctx;
	u64 word = s->room->words[(WW_TASKS_STACK - 1 - i) & (WW_TASKS_STACK - 1)];
	if (!ww_tasks_heap(s->tasks, word) || word == s->own || !ww_tasks_is_worker(s->tasks, word))
		return 0;
	s->at = i;
	s->object = word;
	return 1;
}

static long ww_tasks_task_step(u32 i, void *ctx)
{
	struct ww_tasks_search *s = ctx;
	u64 word = s->room->words[(WW_TASKS_FRAME - 1 - i) & (WW_TASKS_FRAME - 1)];
	if (!ww_tasks_heap(s->tasks, word) || word == s->own || ww_tasks_is_worker(s->tasks, word) ||
	    !ww_tasks_is_runnable(s->tasks, word))
		return 0;
	s->object = word;
	return 1;
}

static long ww_tasks_slot_step(u32 i, void *ctx)
{
	struct ww_tasks_search *s = ctx;
	const struct ww_tasks_slot *slot = &s->tasks->slots[i & (WW_TASKS_SLOTS - 1)];
	u64 from = slot->top, to = slot->end, tlab[2];
	if (!slot->ref || bpf_probe_read_user(tlab, sizeof(tlab), (void *)(slot->thread + s->tasks->tlab)))
		return 0;
	if (slot->collections == s->collections) {
		if (slot->start == tlab[0])
			to = tlab[1];
		if (s->object >= from && s->object < to) {
			s->ref = slot->ref;
			return 1;
		}
		if (slot->start == tlab[0])
			return 0;
	}
	if (s->object < tlab[0] || s->object >= tlab[1])
		return 0;
	s->ref = slot->ref;
	return 1;
}

/* The task that the running thread works at; 0: that is not known. */
__weak u64 ww_tasks_now(void)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	struct ww_tasks_search s = {.tasks = ww_without_loop ? NULL : ww_tasks_of(), .room = ww_tokio_room()};
	if (!s.tasks || !s.room || !t || t->tasks_tries >= WW_TASKS_TRIES)
		return 0;
	u64 thread = ww_tasks_thread();
	if (!thread)
		return 0;
	/* Of most threads that are no such pool's this finds nothing, each time. */
	t->tasks_tries++;
	s.own = ww_user_word(ww_user_word(thread + s.tasks->object));
	if (!t->tasks_at) {
		u64 base = ww_user_word(thread + s.tasks->stack) - WW_TASKS_BASE;
		if (bpf_probe_read_user(s.room->words, WW_TASKS_STACK * sizeof(u64),
					(void *)(base - WW_TASKS_STACK * sizeof(u64))))
			return 0;
		bpf_loop(WW_TASKS_STACK, ww_tasks_worker_step, &s, 0);
		if (!s.object)
			return 0;
		s.object = 0;
		t->tasks_at = base - s.at * sizeof(u64);
	}
	if (bpf_probe_read_user(s.room->words, WW_TASKS_FRAME * sizeof(u64),
				(void *)(t->tasks_at - WW_TASKS_FRAME * sizeof(u64))))
		return 0;
	bpf_loop(WW_TASKS_FRAME, ww_tasks_task_step, &s, 0);
	t->tasks_tries = s.object ? 0 : t->tasks_tries;
	t->tasks_at = s.object ? t->tasks_at : 0;
	return s.object;
}

/* The request whose thread has made that object; WW_TASKS_NOBODY: it has ended; 0: not known. */
__weak u64 ww_tasks_whose(u64 object)
{
	struct ww_tasks_search s = {.tasks = ww_tasks_of(), .object = object};
	if (!s.tasks || ww_without_loop)
		return 0;
	s.collections = ww_tasks_user_u32(s.tasks->collections);
	u32 len = s.tasks->slots_len;
	bpf_loop(len < WW_TASKS_SLOTS ? len : WW_TASKS_SLOTS, ww_tasks_slot_step, &s, 0);
	return !s.ref || ww_request_get(s.ref) ? s.ref : WW_TASKS_NOBODY;
}

/*
 * A pool's thread, with the account `r` of such work, sends something: whose task it works at tells for whom that is.
 * Returns the account that it is for, which is another one when this is another task.
 */
WW_GLOBAL2(u64, ww_tasks_turn, T, t, R, r)
{
	if (!t || !r)
		return 0;
	u64 task = ww_tasks_now();
	if (task != t->item) {
		t->item = task;
		t->item_for = task ? ww_tasks_whose(task) : 0;
	}
	/* It may serve requests at other times. */
	ww_tasks_forgets(t);
	bool known = t->item_for != 0, nobody = t->item_for == WW_TASKS_NOBODY;
	ww_ref root = nobody ? 0 : t->item_for;
	if (known ? r->owned && r->root == root : !r->owned)
		return r->account.id;
	if (r->account.traffic || r->owned) {
		struct ww_request *before = r;
		r = ww_handoff_turn(t, before, bpf_ktime_get_ns());
		if (r == before)
			return r->account.id;
		/* That task is over, and whose it was is known. */
		if (before->owned && !before->outstanding) {
			ww_handoff_adopt(before);
			r->before = before->before;
			ww_request_free(before);
		}
	}
	r->owned = known;
	if (known) {
		r->parent = r->root == root ? r->parent : 0;
		r->led = r->root == root && r->led;
		r->root = root;
		r->direct = !nobody;
	}
	return r->account.id;
}

#endif
