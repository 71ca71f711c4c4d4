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
#define WW_TRAFFIC_LOOKS  8 /* calls on a connection between two looks at how far it is filled */
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
__u64 ww_traffic_filled __weak = 0; /* the ring was, when it was looked at last */

/*
 * Whether the ring is filled so far that this record is to be left out. A look is a call, so there is one for each
 * record only while it is filled; what comes between two looks fits above the mark.
 */
static __always_inline bool ww_traffic_thinned(u64 request, u32 number)
{
	if (!ww_traffic_filled && number % WW_TRAFFIC_LOOKS)
		return false;
	u64 filled = bpf_ringbuf_query(&ww_traffics, BPF_RB_AVAIL_DATA) >= ww_traffic_thin;
	if (filled != ww_traffic_filled)
		ww_traffic_filled = filled;
	if (!filled || (request && (request >> 16) % WW_TRAFFIC_ONE_IN == 0))
		return false;
	ww_count(WW_COUNT_TRAFFIC_THINNED);
	return true;
}

static __always_inline struct ww_traffic_room *ww_traffic_room(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&ww_traffic_rooms, &zero);
}

static __always_inline void ww_traffic_fill(struct ww_traffic *record, u8 type, const struct ww_conn *conn, u64 request,
					    u64 began, u64 now)
{
	record->type = type;
	record->system = conn->system;
	record->peer = conn->peer;
	record->connection = conn->number;
	record->request = request;
	/* That bytes arrived may have been seen on another CPU, and since. */
	record->at_ns = began > now ? began : now;
	record->began_ns = began ? began : now;
	record->number = 0;
	record->total = 0;
	record->head = 0;
	record->tail = 0;
	record->pad = 0;
}

static __always_inline void ww_traffic_number(struct ww_conn *conn, u64 now)
{
	if (!conn->number)
		conn->number = ww_by_hand ? now << 8 | (u8)bpf_get_smp_processor_id()
					  : __sync_fetch_and_add(&ww_traffic_connections, 1) + 1;
}

/* Sends the record in the room, with what stands behind it; false when it is lost. */
static __always_inline bool ww_traffic_put(struct ww_traffic *record, u64 data)
{
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

/* Copies what it can of [from, to) to the data from `at` on; returns how many bytes. */
WW_GLOBAL4(int, ww_traffic_copy, M, m, N, from, N, to, N, at)
{
	struct ww_traffic_room *room = ww_traffic_room();
	u32 copied = 0;
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

/* What a call moved: bytes of the beginning, and of the end, that are sent. */
struct ww_traffic_part {
	u64 total;
	u64 head;
	u64 tail;
};

/* Sends the record in the room with what of it can be found of a message in pieces. What can't is left out. */
static __always_inline bool ww_traffic_pieces(struct ww_traffic *record, const struct ww_traffic_part *part)
{
	struct ww_message *m = ww_message_spare();
	if (!m)
		return ww_traffic_put(record, 0);
	ww_message_find(m, ww_current(), WW_MESSAGE_SPARE);
	if (!m->readable)
		return ww_traffic_put(record, 0);
	u32 head = ww_traffic_copy(m, 0, part->head, 0), tail = 0;
	/* A tail that is not whole would not be the end. */
	if (part->tail && head == part->head)
		tail = ww_traffic_copy(m, part->total - part->tail, part->total, head);
	if (tail < WW_TRAFFIC_TAIL)
		tail = 0;
	record->head = head;
	record->tail = tail;
	return ww_traffic_put(record, head + tail);
}

/* The running syscall's buffer; 0: there are several, or it is not known. */
static __always_inline u64 ww_traffic_buffer(void)
{
	struct pt_regs *regs = ww_task_regs(ww_current());
	switch ((s64)WW_REGS_NR(regs)) {
	case WW_SYS_READ:
	case WW_SYS_WRITE:
	case WW_SYS_RECVFROM:
	case WW_SYS_SENDTO:
		return WW_REGS_ARG2(regs);
	}
	return 0;
}

/* Of a few sizes, as the verifier has to know it, the least with room for `bytes` behind the record; `*room`: for how
 * many. */
static __always_inline struct ww_traffic *ww_traffic_reserve(u64 bytes, u64 *room)
{
#define WW_TRAFFIC_UP_TO(most)                                                                                         \
	if (bytes <= (most)) {                                                                                         \
		*room = (most);                                                                                        \
		barrier_var(*room);                                                                                    \
		return bpf_ringbuf_reserve(&ww_traffics, sizeof(struct ww_traffic) + (most), 0);                       \
	}
	WW_TRAFFIC_UP_TO(72)
	WW_TRAFFIC_UP_TO(136)
	WW_TRAFFIC_UP_TO(200)
	WW_TRAFFIC_UP_TO(WW_TRAFFIC_RECEIVED_HEAD + WW_TRAFFIC_TAIL)
	WW_TRAFFIC_UP_TO(WW_TRAFFIC_HTTP_HEAD + WW_TRAFFIC_TAIL)
	WW_TRAFFIC_UP_TO(1024)
	WW_TRAFFIC_UP_TO(WW_TRAFFIC_SENT_HEAD + WW_TRAFFIC_TAIL)
#undef WW_TRAFFIC_UP_TO
	return NULL;
}

/* What a call moved, as a number: a ww_traffic_type, and how many bytes. */
#define WW_TRAFFIC_CALL(type, total) ((u64)(type) << 32 | (u32)(total))

/*
 * A call has moved bytes for `request`. What is not readable is sent all the same, without the bytes. Returns whether
 * the record was sent.
 *
 * What lies in one buffer, as most does, is read into the ring at once. Here calls are what costs.
 */
WW_GLOBAL5(int, ww_traffic_moved, C, conn, N, request, N, began, N, now, N, call)
{
	if (!conn)
		return 0;
	u8 type = call >> 32;
	bool sent = type == WW_TRAFFIC_SENT;
	ww_traffic_number(conn, now);
	/* Two threads may send, or receive, at the same time. */
	u32 number = ww_next(&conn->calls[sent ? WW_TX : WW_RX]);
	if (ww_traffic_thinned(request, number))
		return 0;
	u64 most = sent				    ? WW_TRAFFIC_SENT_HEAD
		   : conn->system == WW_SYSTEM_HTTP ? WW_TRAFFIC_HTTP_HEAD
						    : WW_TRAFFIC_RECEIVED_HEAD;
	struct ww_traffic_part part = {.total = (u32)call};
	bool plain = conn->system != WW_SYSTEM_TLS;
	if (plain) {
		bool cut = part.total > most + WW_TRAFFIC_TAIL;
		part.head = cut ? most : part.total;
		part.tail = cut ? WW_TRAFFIC_TAIL : 0;
	}
	u64 buffer = plain ? ww_traffic_buffer() : 0;
	if (plain && !buffer) {
		struct ww_traffic_room *room = ww_traffic_room();
		if (!room)
			return 0;
		ww_traffic_fill(&room->record, type, conn, request, began, now);
		room->record.number = number;
		room->record.total = part.total;
		return ww_traffic_pieces(&room->record, &part);
	}
	u64 room = 0, head = part.head, tail = part.tail;
	struct ww_traffic *record = ww_traffic_reserve(head + tail, &room);
	if (!record) {
		ww_count(WW_COUNT_TRAFFIC_RING_FULL);
		return 0;
	}
	ww_traffic_fill(record, type, conn, request, began, now);
	record->number = number;
	record->total = part.total;
	barrier_var(head);
	if (head > room || bpf_probe_read_user(record + 1, head, (void *)buffer)) {
		ww_count(WW_COUNT_TRAFFIC_UNREAD);
		head = 0;
		tail = 0;
	}
	room -= WW_TRAFFIC_TAIL;
	barrier_var(room);
	if (tail) {
		if (head > room || bpf_probe_read_user((void *)(record + 1) + head, WW_TRAFFIC_TAIL,
						       (void *)(buffer + part.total - WW_TRAFFIC_TAIL))) {
			ww_count(WW_COUNT_TRAFFIC_UNREAD);
			tail = 0;
		}
	}
	record->size = sizeof(*record) + head + tail;
	record->head = head;
	record->tail = tail;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 1;
}

/* A connection begins, stands or ends; `error` is an errno. */
WW_GLOBAL4(int, ww_traffic_state, C, conn, N, request, N, type, N, error)
{
	struct ww_traffic_room *room = ww_traffic_room();
	if (!conn || !room)
		return 0;
	u64 now = bpf_ktime_get_ns();
	ww_traffic_number(conn, now);
	if (ww_traffic_thinned(request, 0))
		return 0;
	ww_traffic_fill(&room->record, type, conn, request, 0, now);
	room->record.total = error;
	return ww_traffic_put(&room->record, 0);
}

/* Notes in the request's account what became of one of its records. */
static __always_inline void ww_traffic_note(struct ww_request *r, bool was_sent)
{
	u16 *count = was_sent ? &r->account.traffic : &r->account.traffic_lost;
	/* A command's count of those that were sent begins anew. */
	if (*count < 0xffff || (r->job && was_sent))
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
	u32 sent = r->account.traffic + a->account.traffic, lost = r->account.traffic_lost + a->account.traffic_lost;
	struct ww_traffic_room *room = ww_traffic_room();
	if (!room)
		return 0;
	struct ww_traffic *record = &room->record;
	__builtin_memset(record, 0, sizeof(*record));
	record->type = WW_TRAFFIC_ADOPTED;
	record->connection = a->account.id;
	record->request = r->account.id;
	record->at_ns = bpf_ktime_get_ns();
	if (!ww_traffic_thinned(record->request, 0) && ww_traffic_put(record, 0))
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
