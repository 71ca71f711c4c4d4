/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pipes by which messages of queues are handed on to other processes (queue.bpf.c), until they are taken. */
#ifndef WHYWAIT_PIPE_H
#define WHYWAIT_PIPE_H

#include "request.bpf.h"

/* Processes that take messages and may hand them on to others, by pipes (queue.bpf.c): the brokers' enum ww_system. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid */
	__type(value, u8);
} ww_queue_parents SEC(".maps") __weak;

__u32 ww_queue_parents_known __weak = 0; /* there is one */

/* A pipe by which messages are handed on: numbers, from the time on at which it was seen first, of the next ones. */
struct ww_queue_pipe {
	u64 put;   /* that is handed on, */
	u64 taken; /* and that is read */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64); /* the inode's number: there is one file system of pipes */
	__type(value, struct ww_queue_pipe);
} ww_queue_pipes SEC(".maps") __weak;

struct ww_queue_place {
	u64 pipe;
	u64 number;
};

/* Messages that were handed on, until they are taken: a process may be given some ahead. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ww_queue_place);
	__type(value, ww_ref);
} ww_queue_handed SEC(".maps") __weak;

/* The number of the message that is read next, which is the caller's; false when there is none, or it is another's. */
static __always_inline bool ww_queue_next(struct ww_queue_pipe *p, u64 *number)
{
	u64 next = p->taken;
	if (next == p->put)
		return false;
	*number = next;
	if (!ww_by_hand)
		return __sync_val_compare_and_swap(&p->taken, next, next + 1) == next;
	p->taken = next + 1;
	return true;
}

#define WW_UNTAKEN 16 /* messages that are looked at, of a pipe whose reader ends */

/* Who read from the pipe ends: nobody takes what it was given ahead. */
WW_GLOBAL1(int, ww_queue_untaken, N, pipe)
{
	struct ww_queue_pipe *p = bpf_map_lookup_elem(&ww_queue_pipes, &pipe);
	struct ww_queue_place place = {.pipe = pipe};
	for (u32 i = 0; p && i < WW_UNTAKEN && ww_queue_next(p, &place.number); i++) {
		ww_ref *ref = bpf_map_lookup_elem(&ww_queue_handed, &place);
		struct ww_request *r = ref ? ww_request_get(*ref) : NULL;
		if (!r || bpf_map_delete_elem(&ww_queue_handed, &place))
			continue;
		ww_count(WW_COUNT_MESSAGE_UNTAKEN);
		ww_request_free(r);
	}
	return 0;
}

#endif
