/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whom Tasks on uvloop's event loop answer, and whether all that they have sent is known to be theirs.
 *
 * A server's protocols make a Task of a method, whose object has the transport that the request came on, and which the
 * transport's protocol has in turn, unless it has gone on to another request.
 *
 * Where something is sent whose Task is not certain, each request that is there says so in the end.
 */
#ifndef WHYWAIT_UVSERVER_H
#define WHYWAIT_UVSERVER_H

#include "cause.bpf.h"
#include "global.bpf.h"
#include "uvloop.bpf.h"

#define WW_UVLOOP_SEEN	      3
#define WW_UVLOOP_ASKERS_SEEN 2
#define WW_UVLOOP_DOUBTED     2 /* in place of a thread's `uvloop`: connections are looked at when it sleeps */
#define WW_UVLOOP_MIX	      0x9e3779b97f4a7c15ull
#define WW_POLLOUT	      4
#define WW_UVLOOP_FD	      (1ull << 62) /* with a descriptor, in place of a Context */
#define WW_UVLOOP_ANSWERED    1		   /* in place of an account */

/* Something was sent, and whose it was is not known. */
static __always_inline void ww_uvloop_doubts(void)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	if (uv)
		uv->unsure_at = bpf_ktime_get_ns();
}

/*
 * Nobody is found to await the answer: whether libuv itself sends what did not fit before, for which it waits for room.
 * It may, if something was sent that is not answered. Whose everything else is is not known.
 */
__weak int ww_uvloop_rest(u32 may)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u32 fd = may ? ww_uvloop_sends_on() : ~0u;
	u64 io = uv && fd != ~0u ? ww_uvloop_watch(uv, fd) : 0;
	if (io && (u32)ww_user_word(io + WW_UV_WATCH_FOR) & WW_POLLOUT)
		return 1;
	ww_uvloop_doubts();
	return 0;
}

/* ---- whom a Task answers ---- */

/* A request begins, on the descriptor that the loop's thread reads from. */
__weak int ww_uvloop_opens(u64 ref)
{
	struct pt_regs *regs = ww_task_regs(ww_current());
	struct ww_carrier_key key = {.context = WW_UVLOOP_FD | (u32)WW_REGS_ARG1(regs)};
	struct ww_carrier carrier = {.ref = ref};
	key.program = ww_program();
	if (bpf_map_update_elem(&ww_carriers, &key, &carrier, BPF_ANY)) {
		ww_count(WW_COUNT_UVLOOP_REQUEST_FAILED);
		ww_uvloop_doubts();
	}
	return 0;
}

/* Whether an object is a stream of uvloop's; its loop is `own`, libuv's is `loop`. */
__weak int ww_uvloop_is_stream(u64 object, u64 own, u64 loop)
{
	u64 head[2] = {};
	if (!object || object & 7 || ww_user_word(object + WW_UVLOOP_LOOP) != own ||
	    bpf_probe_read_user(head, sizeof(head), (void *)ww_user_word(object + WW_UVLOOP_HANDLE)))
		return 0;
	return head[0] == object && head[1] == loop;
}

/* A stream among some words, with the place of its word; 0: there is none. */
__weak u64 ww_uvloop_stream_in(u64 words)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	if (!uv)
		return 0;
	u64 own = uv->object, loop = uv->loop;
	for (u32 i = 0; i < WW_UVLOOP_WORDS && i < WW_UVLOOP_LEN(words); i++) {
		u64 object = ww_user_word(WW_UVLOOP_AT(words, i));
		if (ww_uvloop_is_stream(object, own, loop))
			return WW_UVLOOP_SOME(object, i + 1);
	}
	return 0;
}

/* The stream that an object has; 0: it has none. */
__weak u64 ww_uvloop_stream_of(u64 object)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv && object ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	u32 at = type ? ww_uvloop_place(uv->streams, type) : 0;
	if (!type || (!at && ww_uvloop_skips(uv->streamless, type)))
		return 0;
	u64 words = at & WW_UVLOOP_OWN ? ww_uvloop_body(object) : ww_uvloop_attributes(object);
	u64 found = ww_uvloop_placed(words, at & ~WW_UVLOOP_OWN);
	if (ww_uvloop_is_stream(found, uv->object, uv->loop))
		return found;
	u32 own = 0;
	found = ww_uvloop_stream_in(ww_uvloop_attributes(object));
	if (!found) {
		own = WW_UVLOOP_OWN;
		found = ww_uvloop_stream_in(ww_uvloop_body(object));
	}
	if (found)
		ww_uvloop_places(uv->streams, type, own | WW_UVLOOP_LEN(found));
	/* One that was left out may have had one, too. */
	if (ww_uvloop_looked(uv->streamless, type, found) >= WW_UVLOOP_MISSES - 1 && found)
		ww_uvloop_doubts();
	return found & WW_UVLOOP_ADDRESS;
}

/* Whether an object has another one among its attributes. */
__weak int ww_uvloop_has(u64 object, u64 other)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv && object ? ww_user_word(object + WW_PYTHON_TYPE) : 0, words = ww_uvloop_attributes(object);
	if (!type)
		return 0;
	if (ww_uvloop_placed(words, ww_uvloop_place(uv->holders, type)) == other)
		return 1;
	for (u32 i = 0; i < WW_UVLOOP_WORDS && i < WW_UVLOOP_LEN(words); i++) {
		if (ww_user_word(WW_UVLOOP_AT(words, i)) == other) {
			ww_uvloop_places(uv->holders, type, i + 1);
			return 1;
		}
	}
	return 0;
}

/* Whether all of the response has been written by the object, which knows that if it is uvicorn's. */
static __always_inline bool ww_uvloop_complete(const struct ww_uvloop *uv, u64 self)
{
	u64 type = ww_user_word(self + WW_PYTHON_TYPE);
	u32 at = type == uv->cycles[0] ? uv->complete[0] : type == uv->cycles[1] ? uv->complete[1] : ~0u;
	u64 value = at == ~0u ? 0 : ww_user_word(WW_UVLOOP_AT(ww_uvloop_attributes(self), at));
	return value && (ww_type_name(value) & WW_WORD5_MASK) == WW_WORD4('b', 'o', 'o', 'l') &&
	       ww_user_word(value + WW_PYTHON_SIZE);
}

/*
 * The request that the Task is to answer yet; 0: none is known. WW_UVLOOP_ANSWERED, which is no request's: it is one
 * that answers, and goes on after that.
 */
__weak u64 ww_uvloop_serves(u64 task)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 self = uv ? ww_user_word(ww_task_word(task, WW_TASK_CORO, WW_UVLOOP_VERSION) + WW_CORO_LOCALS) : 0;
	if (!self || self & 7)
		return 0;
	u64 stream = ww_uvloop_stream_of(self);
	u64 protocol = stream ? ww_uvloop_protocol(uv, stream) : 0;
	if (!protocol)
		return 0;
	u64 handle = ww_user_word(stream + WW_UVLOOP_HANDLE);
	u32 fd = ww_user_word(handle + WW_UV_STREAM_IO + WW_UV_WATCH_FD);
	struct ww_carrier_key key = {.context = WW_UVLOOP_FD | fd};
	key.program = ww_program();
	struct ww_carrier *known = bpf_map_lookup_elem(&ww_carriers, &key);
	struct ww_request *r = known ? ww_request_get(known->ref) : NULL;
	u64 type = ww_user_word(self + WW_PYTHON_TYPE);
	u64 none = type == uv->cycles[0] || type == uv->cycles[1] ? WW_UVLOOP_ANSWERED : 0;
	if (!r)
		return none;
	type = ww_user_word(protocol + WW_PYTHON_TYPE);
	if (!ww_uvloop_place(uv->servers, type))
		ww_uvloop_places(uv->servers, type, 1);
	/* It may go on after its response, and the next request be there already. */
	if (protocol != self && !ww_uvloop_has(protocol, self))
		return none;
	return ww_uvloop_complete(uv, self) ? none : r->account.id;
}

/* The type of the protocol of the stream that the loop's thread sends on; 0: not known. */
__weak u64 ww_uvloop_protocol_type(void)
{
	u32 fd = ww_uvloop_sends_on();
	u64 protocol = fd == ~0u ? 0 : ww_uvloop_protocol_of(fd);
	return protocol ? ww_user_word(protocol + WW_PYTHON_TYPE) : 0;
}

/* Whether Tasks were seen to answer for protocols like that of the stream on which a response is sent. */
__weak int ww_uvloop_answers(void)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv ? ww_uvloop_protocol_type() : 0;
	return type ? ww_uvloop_place(uv->servers, type) : 0;
}

/* ---- Tasks that read for others ---- */

/*
 * One that awaits what is sent, and answers no request, has asked for itself, or is one that a client has read for all
 * others: then what is sent may be any other one's. The latter awaits the next answer whenever the loop has nothing to
 * do; the former leaves the connection when it has its answer: then nothing is awaited there, or another one does.
 * Until a function's Tasks have left clients of a kind a few times, without having been seen to stay in between, those
 * are in doubt. (While an answer comes in parts they stay, too; what tells is that they do until the next send.) Nor is
 * there such a one for a connection whose answers were awaited by three Tasks in turn: the first one may have made it
 * for the one that reads.
 */

/* Whether three Tasks have awaited, in turn, what was sent on the connection. */
static __always_inline bool ww_uvloop_in_turn(struct ww_conn *conn, u64 task)
{
	u64 key = ww_task_key(task, WW_UVLOOP_VERSION);
	if (conn->asker != key) {
		if (conn->asker && conn->asked_before != key && conn->askers < WW_UVLOOP_ASKERS_SEEN)
			conn->askers++;
		conn->asked_before = conn->asker;
		conn->asker = key;
	}
	return conn->askers >= WW_UVLOOP_ASKERS_SEEN;
}

/* What is known of such, in one of two places. */
static __always_inline u64 *ww_uvloop_asker(struct ww_uvloop *uv, u64 kind)
{
	u32 at = kind >> 16;
	u64 *first = &uv->askers[at % WW_UVLOOP_ASKERS], *second = &uv->askers[(at + 1) % WW_UVLOOP_ASKERS];
	if ((*first & WW_UVLOOP_ADDRESS) == kind)
		return first;
	return (*second & WW_UVLOOP_ADDRESS) == kind || WW_UVLOOP_LEN(*first) > WW_UVLOOP_LEN(*second) ? second : first;
}

/* How often its Tasks left a connection alone, on end. */
static __always_inline u32 ww_uvloop_seen(u64 asker, u64 kind)
{
	return (asker & WW_UVLOOP_ADDRESS) == kind ? WW_UVLOOP_LEN(asker) : 0;
}

/* It is in doubt no more. Its Task has left it, or (`stays`) not. */
static __always_inline void ww_uvloop_clears(struct ww_uvloop *uv, struct ww_uvloop_suspect *one, bool stays)
{
	u64 *asker = ww_uvloop_asker(uv, one->kind);
	u32 seen = ww_uvloop_seen(*asker, one->kind);
	if (seen < WW_UVLOOP_SEEN)
		*asker = WW_UVLOOP_SOME(one->kind, stays ? 0 : seen + 1);
	one->protocol = 0;
	uv->suspected--;
}

/*
 * A Task sends, or awaits what is sent, on the stream of a protocol: the place where that is in doubt, else a free one;
 * WW_UVLOOP_SUSPECTS: there is none.
 */
__weak int ww_uvloop_tells(u64 protocol, u64 task)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u32 place = WW_UVLOOP_SUSPECTS;
	if (!uv)
		return place;
	for (u32 i = 0; i < WW_UVLOOP_SUSPECTS; i++) {
		struct ww_uvloop_suspect *one = &uv->suspects[i];
		if (one->protocol == protocol && (one->stays || one->task != task))
			ww_uvloop_clears(uv, one, one->task == task);
		else if (one->protocol == protocol)
			one->answered = 0;
		if (!one->protocol || one->protocol == protocol)
			place = i;
		if (one->protocol == protocol)
			break;
	}
	return place;
}

/* The loop's thread reads from a descriptor. */
__weak int ww_uvloop_reads(void)
{
	struct pt_regs *regs = ww_task_regs(ww_current());
	struct ww_uvloop *uv = ww_uvloop_of();
	if (!uv)
		return 0;
	for (u32 i = 0; i < WW_UVLOOP_SUSPECTS; i++) {
		if (uv->suspects[i].fd == (u32)WW_REGS_ARG1(regs))
			uv->suspects[i].answered = 1;
	}
	return 0;
}

/*
 * Whether a Task awaits only what it has asked for, on the stream that the loop's thread sends on. One that serves a
 * request does, as far as is known here; so does one of those that do so in turn, which shows that for its function.
 */
__weak int ww_uvloop_asks(u64 task, u32 serves, u32 in_turn)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u32 fd = ww_uvloop_sends_on();
	if (!uv || fd == ~0u || (serves && !uv->suspected))
		return serves;
	u64 protocol = ww_uvloop_protocol_of(fd);
	u32 place = protocol ? ww_uvloop_tells(protocol, task) : WW_UVLOOP_SUSPECTS;
	u64 code = ww_user_word(ww_task_word(task, WW_TASK_CORO, WW_UVLOOP_VERSION) +
				ww_python_offsets(WW_UVLOOP_VERSION)->coro_code);
	if (serves || !protocol || !code)
		return serves;
	u64 kind = (code + ww_user_word(protocol + WW_PYTHON_TYPE) * WW_UVLOOP_MIX) & WW_UVLOOP_ADDRESS;
	u64 *asker = ww_uvloop_asker(uv, kind);
	u32 seen = ww_uvloop_seen(*asker, kind);
	if (seen >= WW_UVLOOP_SEEN)
		return 1;
	if (in_turn) {
		*asker = WW_UVLOOP_SOME(kind, seen + 1);
		return 1;
	}
	barrier_var(place);
	if (place >= WW_UVLOOP_SUSPECTS)
		return 0;
	struct ww_uvloop_suspect *one = &uv->suspects[place];
	if (one->protocol)
		return 0;
	one->protocol = protocol;
	one->task = task;
	one->kind = kind;
	one->fd = fd;
	one->answered = 0;
	one->stays = 0;
	uv->suspected++;
	return 0;
}

/* The loop has nothing to do: what it has on one of those connections. Returns whether that stays among them. */
__weak int ww_uvloop_looks_at(u32 at)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	if (!uv)
		return 0;
	barrier_var(at);
	if (at >= WW_UVLOOP_SUSPECTS)
		return 0;
	struct ww_uvloop_suspect *one = &uv->suspects[at];
	if (!one->protocol)
		return 0;
	if (ww_uvloop_protocol_of(one->fd) != one->protocol) {
		one->protocol = 0;
		uv->suspected--;
		return 0;
	}
	u64 future = ww_uvloop_awaits(one->protocol);
	u64 task = future ? ww_awaiter_root(ww_uvloop_awaiter(future) & ~WW_AWAITER_BITS, WW_UVLOOP_VERSION) &
				    ~WW_AWAITER_BITS
			  : 0;
	if (future && (!task || task == one->task)) {
		one->stays |= one->answered;
		return 1;
	}
	ww_uvloop_clears(uv, one, false);
	return 0;
}

/* The loop's thread, of which connections are in doubt, is about to sleep. */
static __always_inline void ww_uvloop_sleeps(struct ww_thread *t)
{
	bool left = false;
	for (u32 i = 0; i < WW_UVLOOP_SUSPECTS; i++)
		left |= ww_uvloop_looks_at(i);
	t->uvloop = left ? WW_UVLOOP_DOUBTED : 1;
}

/* The same as ww_uvloop_serves(), for the Task that does, or awaits, what is sent. */
WW_GLOBAL2(u64, ww_uvloop_whose, T, t, C, conn)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	if (!t || !uv)
		return 0;
	u64 ref = ww_uvloop_serves(t->task);
	if (uv->stepped)
		return ref;
	/* Another one's answer is to come there yet: one Task reads for both. */
	bool doubts = conn && conn->awaited && conn->first != ref && (!ref || ww_request_get(conn->first));
	bool in_turn = conn && ww_uvloop_in_turn(conn, t->task);
	if (!ww_uvloop_asks(t->task, ref != 0, in_turn)) {
		doubts = true;
		t->uvloop = WW_UVLOOP_DOUBTED;
	}
	if (doubts) {
		ww_uvloop_doubts();
	}
	return ref;
}

/* ---- threads ---- */

/* A loop's thread sends, of a process of which another loop is followed: perhaps for that one's requests. */
__weak int ww_uvloop_beside(u32 followed)
{
	if (followed == WW_UVLOOP_FOLLOWED)
		ww_uvloop_doubts();
	return 0;
}

/* The loop is followed from now on. Requests that it has by now did not begin as those that are followed do. */
static __always_inline void ww_uvloop_joins(struct ww_thread *t, const struct ww_python *python)
{
	struct ww_uvloop *uv = !t->uvloop && python->uvloop == WW_UVLOOP_FOLLOWED ? ww_uvloop_of() : NULL;
	if (!uv || uv->thread != t->python)
		return;
	t->uvloop = 1;
	uv->unsure_at = bpf_ktime_get_ns();
}

/* Whether all that the process has sent since then was a Task's that is known, or nobody's. */
static __always_inline bool ww_uvloop_sure(const struct ww_thread *t, u64 since)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	return uv && uv->thread == t->python && uv->unsure_at < since && ww_uvloop_answers();
}

#endif
