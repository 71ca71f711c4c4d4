/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What requests exchange with their upstreams, for user space to make operations of: a record for each call, with the
 * first and the last bytes that it moved. Accounts do not depend on it.
 *
 * A connection's calls are recorded from the first one on that is for a request, whoever makes them then: answers are
 * paired by counting, so a call that is left out has to be known as such (`calls`).
 */
#ifndef WHYWAIT_TRAFFIC_H
#define WHYWAIT_TRAFFIC_H

#include "claim.bpf.h"
#include "head.bpf.h"

#define WW_TRAFFIC_ONE_IN 8 /* requests whose traffic is sent also when the ring is well filled */
#define WW_TRAFFIC_PIECES 16
#define WW_TRAFFIC_ROOM	  4096

struct ww_traffic_room {
	struct ww_traffic record;
	u8 data[2 * WW_TRAFFIC_ROOM]; /* twice: the verifier adds the bounds of where and how many */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ww_traffic_room);
} ww_traffic_rooms SEC(".maps") __weak;

__u64 ww_traffic_connections __weak = 0;

/* Whether the ring is filled so far that this record is to be left out. */
static __always_inline bool ww_traffic_thinned(u64 request)
{
	if (bpf_ringbuf_query(&ww_traffics, BPF_RB_AVAIL_DATA) < ww_traffic_thin)
		return false;
	return !request || (request >> 16) % WW_TRAFFIC_ONE_IN;
}

/* Sends the record in the room, with what stands behind it; false when it is lost. */
static __always_inline bool ww_traffic_put(struct ww_traffic *record, u64 data)
{
	if (ww_traffic_thinned(record->request)) {
		ww_count(WW_COUNT_TRAFFIC_THINNED);
		return false;
	}
	u64 size = sizeof(*record) + data;
	barrier_var(size);
	if (size > sizeof(struct ww_traffic_room))
		return false;
	record->size = size;
	if (bpf_ringbuf_output(&ww_traffics, record, size, BPF_RB_NO_WAKEUP)) {
		ww_count(WW_COUNT_TRAFFIC_RING_FULL);
		return false;
	}
	return true;
}

static __always_inline struct ww_traffic_room *ww_traffic_begin(u8 type, struct ww_conn *conn, u64 request, u64 began)
{
	u32 zero = 0;
	struct ww_traffic_room *room = bpf_map_lookup_elem(&ww_traffic_rooms, &zero);
	if (!room)
		return NULL;
	if (!conn->number)
		conn->number = ww_by_hand ? bpf_ktime_get_ns() << 8 | (u8)bpf_get_smp_processor_id()
					  : __sync_fetch_and_add(&ww_traffic_connections, 1) + 1;
	struct ww_traffic *record = &room->record;
	record->type = type;
	record->system = conn->system;
	record->peer = conn->peer;
	record->connection = conn->number;
	record->request = request;
	record->at_ns = bpf_ktime_get_ns();
	record->began_ns = began ? began : record->at_ns;
	record->number = 0;
	record->total = 0;
	record->head = 0;
	record->tail = 0;
	record->pad = 0;
	return room;
}

/* Copies what it can of [from, to) to the data from `at` on; returns how many bytes. */
WW_GLOBAL4(int, ww_traffic_copy, M, m, N, from, N, to, N, at)
{
	u32 copied = 0, zero = 0;
	struct ww_traffic_room *room = bpf_map_lookup_elem(&ww_traffic_rooms, &zero);
	if (!room || !m)
		return 0;
	for (u32 i = 0; i < WW_TRAFFIC_PIECES && from < to; i++) {
		if (ww_message_look(m, from) != WW_FOUND)
			break;
		u64 len = to - from;
		if (len > m->contiguous)
			len = m->contiguous;
		u32 where = at + copied;
		barrier_var(len);
		barrier_var(where);
		if (len > WW_TRAFFIC_ROOM || where > WW_TRAFFIC_ROOM)
			break;
		if (bpf_probe_read_user(room->data + where, len, (void *)m->at)) {
			ww_count(WW_COUNT_TRAFFIC_UNREAD);
			break;
		}
		copied += len;
		from += len;
	}
	return copied;
}

/*
 * A call has moved `total` bytes for `request`. What is not readable is sent all the same, without the bytes. Returns
 * whether the record was sent.
 */
WW_GLOBAL5(int, ww_traffic_moved, C, conn, N, request, N, began, N, total, N, type)
{
	if (!conn)
		return 0;
	struct ww_traffic_room *room = ww_traffic_begin(type, conn, request, began);
	if (!room)
		return 0;
	struct ww_traffic *record = &room->record;
	bool sent = type == WW_TRAFFIC_SENT;
	/* Two threads may send, or receive, at the same time. */
	record->number = ww_next(&conn->calls[sent ? WW_TX : WW_RX]);
	record->total = total;
	struct ww_message *m = ww_message_spare();
	if (!m)
		return ww_traffic_put(record, 0);
	ww_message_find(m, ww_current(), WW_MESSAGE_SPARE);
	if (!m->readable || conn->system == WW_SYSTEM_TLS)
		return ww_traffic_put(record, 0);
	u32 most = sent				    ? WW_TRAFFIC_SENT_HEAD
		   : conn->system == WW_SYSTEM_HTTP ? WW_TRAFFIC_HTTP_HEAD
						    : WW_TRAFFIC_RECEIVED_HEAD;
	bool cut = total > most + WW_TRAFFIC_TAIL;
	u32 head = ww_traffic_copy(m, 0, cut ? most : total, 0), tail = 0;
	/* A tail that is not whole would not be the end. */
	if (cut && head == most)
		tail = ww_traffic_copy(m, total - WW_TRAFFIC_TAIL, total, head);
	if (tail < WW_TRAFFIC_TAIL)
		tail = 0;
	record->head = head;
	record->tail = tail;
	return ww_traffic_put(record, head + tail);
}

/* A connection begins, stands or ends; `error` is an errno. */
WW_GLOBAL4(int, ww_traffic_state, C, conn, N, request, N, type, N, error)
{
	if (!conn)
		return 0;
	struct ww_traffic_room *room = ww_traffic_begin(type, conn, request, 0);
	if (!room)
		return 0;
	room->record.total = error;
	return ww_traffic_put(&room->record, 0);
}

/* Notes in the request's account what became of one of its records. */
static __always_inline void ww_traffic_note(struct ww_request *r, bool was_sent)
{
	u16 *count = was_sent ? &r->account.traffic : &r->account.traffic_lost;
	if (*count < 0xffff)
		*count += 1;
}

/* Work for the request `a`, which nobody knew, was for the request `r`. */
WW_GLOBAL2(int, ww_traffic_adopted, R, r, R, a)
{
	if (!r || !a || !(a->account.traffic | a->account.traffic_lost))
		return 0;
	/* Time that may be another request's is marked as ambiguous; a statement that may be would be a lie. */
	if (a->unsure) {
		ww_traffic_note(r, false);
		return 0;
	}
	u32 zero = 0, sent = r->account.traffic + a->account.traffic,
	    lost = r->account.traffic_lost + a->account.traffic_lost;
	struct ww_traffic_room *room = bpf_map_lookup_elem(&ww_traffic_rooms, &zero);
	if (!room)
		return 0;
	struct ww_traffic *record = &room->record;
	__builtin_memset(record, 0, sizeof(*record));
	record->type = WW_TRAFFIC_ADOPTED;
	record->connection = a->account.id;
	record->request = r->account.id;
	record->at_ns = bpf_ktime_get_ns();
	if (ww_traffic_put(record, 0))
		sent++;
	else
		lost++;
	r->account.traffic = sent < 0xffff ? sent : 0xffff;
	r->account.traffic_lost = lost < 0xffff ? lost : 0xffff;
	a->account.traffic = 0;
	a->account.traffic_lost = 0;
	return 0;
}

#endif
