/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tasks of asyncio on uvloop's event loop, of CPython 3.11. Its steps are in no frame, and what they write is sent at
 * the end of the loop's turn, when none runs. But by then the Task awaits the answer: on the way from the descriptor to
 * libuv's stream, to the object that uvloop has for it, to the protocol that gets what is read there, is the Future
 * that it waits for. What is sent, or begun, in the midst of a step is the Task's that asyncio has for the current one.
 *
 * No offset of uvloop's own is known here in advance: what is said at one end has to be said at the other one as well.
 */
#ifndef WHYWAIT_UVLOOP_H
#define WHYWAIT_UVLOOP_H

#include "awaiter.bpf.h"

/* Offsets in libuv 1.x's structures, which all of its versions share. */
#define WW_UV_WATCHERS	104 /* uv_loop_t.watchers; how many there are comes behind it */
#define WW_UV_WATCH_FOR 40  /* uv__io_t.pevents */
#define WW_UV_WATCH_FD	48  /* uv__io_t.fd */
#define WW_UV_STREAM_IO 136 /* uv_stream_t.io_watcher; its first words are `data` and `loop` */

/* Words of uvloop's UVHandle: its uv_handle_t, whose `data` it is in turn, and its Loop. */
#define WW_UVLOOP_HANDLE 24
#define WW_UVLOOP_LOOP	 32

#define WW_UVLOOP_VERSION (11 - WW_PYTHON_FIRST) /* user space finds those processes only */

/* Offsets in CPython 3.11's objects. */
#define WW_DICT_USED	  16 /* PyDictObject.ma_used, then ma_version_tag, ma_keys, ma_values */
#define WW_DICT_KEYS	  32
#define WW_KEYS_INDICES	  32	   /* PyDictKeysObject.dk_indices */
#define WW_KEYS_COUNT	  24	   /* PyDictKeysObject.dk_nentries */
#define WW_TYPE_KEYS	  872	   /* PyHeapTypeObject.ht_cached_keys */
#define WW_TYPE_MANAGED	  (1 << 4) /* Py_TPFLAGS_MANAGED_DICT: the words in front of an object lead to its attributes */
#define WW_REFERENCE_TO	  16	   /* PyWeakReference.wr_object */
#define WW_DEQUE_LEFT	  24	   /* dequeobject.leftblock, rightblock, leftindex */
#define WW_DEQUE_DATA	  8
#define WW_OBJECT_HEAD	  16
#define WW_CORO_LOCALS	  152  /* PyCoroObject.cr_iframe.localsplus */
#define WW_UVLOOP_WORDS	  48   /* of an object that are looked at */
#define WW_UVLOOP_OWN	  0x80 /* a place in the object itself, not among its attributes */
#define WW_UVLOOP_METHODS 32   /* of a stream, to find its protocol */
#define WW_UVLOOP_TRIES	  64
#define WW_UVLOOP_WAITING 4  /* what protocols leave waiting to, that are looked at */
#define WW_UVLOOP_FUTURES 3  /* between what a protocol has and the first Task */
#define WW_UVLOOP_MISSES  16 /* when nothing was found in so many objects of a type, */
#define WW_UVLOOP_SKIPS	  64 /* one of so many is looked at */
#define WW_UVLOOP_ADDRESS 0xffffffffffffffull

/* So many words from an address on, as one number. */
#define WW_UVLOOP_SOME(at, len) ((at) | (u64)(len) << 56)
#define WW_UVLOOP_LEN(words)	((u32)((words) >> 56))
#define WW_UVLOOP_AT(words, i)	(((words)&WW_UVLOOP_ADDRESS) + 8 * (i))

static __always_inline struct ww_uvloop *ww_uvloop_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_uvloops, &tgid);
}

/* ---- what an object has ---- */

/*
 * In which place objects of a type have had something, from 1 on; 0: not known. Whether it is there is looked at anew
 * each time.
 */
static __always_inline u32 ww_uvloop_place(const u64 *places, u64 type)
{
	u64 place = places[(type >> 4) % WW_UVLOOP_PLACES];
	return (place & WW_UVLOOP_ADDRESS) == type ? WW_UVLOOP_LEN(place) : 0;
}

static __always_inline void ww_uvloop_places(u64 *places, u64 type, u32 at)
{
	places[(type >> 4) % WW_UVLOOP_PLACES] = WW_UVLOOP_SOME(type, at);
}

/* Whether an object of that type is not looked at, since nothing was found in those before. */
static __always_inline bool ww_uvloop_skips(u64 *misses, u64 type)
{
	u32 missed = ww_uvloop_place(misses, type) + 1;
	if (missed <= WW_UVLOOP_MISSES)
		return false;
	bool skips = missed < WW_UVLOOP_MISSES + WW_UVLOOP_SKIPS;
	ww_uvloop_places(misses, type, skips ? missed : WW_UVLOOP_MISSES - 1);
	return skips;
}

/* What was found in one that was looked at; returns how often nothing was, before. */
static __always_inline u32 ww_uvloop_looked(u64 *misses, u64 type, u64 found)
{
	u32 missed = ww_uvloop_place(misses, type);
	if (missed || !found)
		ww_uvloop_places(misses, type, found ? 0 : missed + 1);
	return missed;
}

/* The word in that place; 0: it is not among them. */
static __always_inline u64 ww_uvloop_placed(u64 words, u32 at)
{
	return at && at <= WW_UVLOOP_LEN(words) ? ww_user_word(WW_UVLOOP_AT(words, at - 1)) : 0;
}

/* What it has of its own, as slots and as classes written in C and Cython have it. */
__weak u64 ww_uvloop_body(u64 object)
{
	u64 size = ww_user_word(ww_user_word(object + WW_PYTHON_TYPE) + WW_TYPE_BASICSIZE);
	u64 len = size > WW_OBJECT_HEAD ? (size - WW_OBJECT_HEAD) / 8 : 0;
	return object ? WW_UVLOOP_SOME(object + WW_OBJECT_HEAD, len < WW_UVLOOP_WORDS ? len : WW_UVLOOP_WORDS) : 0;
}

/* Its attributes: values, or, of a dict of its own, keys and values in turn. */
__weak u64 ww_uvloop_attributes(u64 object)
{
	u64 type = object ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	u64 dict[2] = {}, at = 0, len = 0;
	if (!type || !(ww_user_word(type + WW_TYPE_FLAGS) & WW_TYPE_MANAGED))
		return 0;
	at = ww_user_word(object - WW_INSTANCE_VALUES);
	if (at) {
		len = ww_user_word(ww_user_word(type + WW_TYPE_KEYS) + WW_KEYS_COUNT);
	} else {
		u64 own = ww_user_word(object - WW_INSTANCE_DICT);
		if (!own || bpf_probe_read_user(dict, sizeof(dict), (void *)(own + WW_DICT_KEYS)))
			return 0;
		len = ww_user_word(dict[0] + WW_KEYS_COUNT);
		at = dict[1];
		if (!at) {
			u64 sizes = ww_user_word(dict[0] + 8);
			u32 bytes = sizes >> 8 & 0xff, kind = sizes >> 16 & 0xff;
			at = bytes < 32 ? dict[0] + WW_KEYS_INDICES + (1ull << bytes) : 0;
			len *= kind ? 2 : 3;
		}
	}
	return at ? WW_UVLOOP_SOME(at, len < WW_UVLOOP_WORDS ? len : WW_UVLOOP_WORDS) : 0;
}

/* The first object of a deque; 0: it is empty. */
static __always_inline u64 ww_uvloop_first(u64 deque)
{
	u64 at[3] = {};
	if (!ww_user_word(deque + WW_PYTHON_SIZE) ||
	    bpf_probe_read_user(at, sizeof(at), (void *)(deque + WW_DEQUE_LEFT)))
		return 0;
	return ww_user_word(at[0] + WW_DEQUE_DATA + 8 * (at[2] & 63));
}

/*
 * The Future that an object is, or is the first one of, if something awaits it; else 0. `future` and `deque` are the
 * types. A function of its own, as what is done for each word of an object is below: the verifier looks at it once.
 */
__weak u64 ww_uvloop_pending(u64 object, u64 future, u64 deque)
{
	u64 type = object && !(object & 7) ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	if (type && type == deque) {
		object = ww_uvloop_first(object);
		type = object ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	}
	if (!type || type != future || (u32)ww_user_word(object + ww_python_offsets(WW_UVLOOP_VERSION)->future_state) ||
	    !ww_user_word(object + WW_FUTURE_CALLBACK))
		return 0;
	return object;
}

/* One that is awaited, among some words, with the place of its word among them, from 1 on; 0: none is. */
__weak u64 ww_uvloop_future_in(u64 words)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	if (!uv)
		return 0;
	u64 future = uv->future, deque = uv->deque;
	for (u32 i = 0; i < WW_UVLOOP_WORDS && i < WW_UVLOOP_LEN(words); i++) {
		u64 found = ww_uvloop_pending(ww_user_word(WW_UVLOOP_AT(words, i)), future, deque);
		if (found)
			return WW_UVLOOP_SOME(found, i + 1);
	}
	return 0;
}

/* One that an object has: where objects of its type had it last, or else wherever it is. */
__weak u64 ww_uvloop_future_of(u64 object)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv && object ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	if (!type)
		return 0;
	u32 at = ww_uvloop_place(uv->futures, type);
	u64 words = at & WW_UVLOOP_OWN ? ww_uvloop_body(object) : ww_uvloop_attributes(object);
	u64 found = ww_uvloop_pending(ww_uvloop_placed(words, at & ~WW_UVLOOP_OWN), uv->future, uv->deque);
	if (found)
		return found;
	u32 own = 0;
	found = ww_uvloop_future_in(ww_uvloop_attributes(object));
	if (!found) {
		own = WW_UVLOOP_OWN;
		found = ww_uvloop_future_in(ww_uvloop_body(object));
	}
	if (found)
		ww_uvloop_places(uv->futures, type, own | WW_UVLOOP_LEN(found));
	return found & WW_UVLOOP_ADDRESS;
}

/* What asyncio has for waiting, if an object is that or refers to it: by these, protocols leave it to others. */
__weak u64 ww_uvloop_waits_by(u64 object)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv && object && !(object & 7) ? ww_user_word(object + WW_PYTHON_TYPE) : 0;
	if (type && type == uv->reference) {
		object = ww_user_word(object + WW_REFERENCE_TO);
		type = ww_user_word(object + WW_PYTHON_TYPE);
	}
	return type && (type == uv->reader || type == uv->event) ? object : 0;
}

/* The first such one among some words, from that place on, with its place; 0: there is none. */
__weak u64 ww_uvloop_waiting_in(u64 words, u32 from)
{
	u32 len = WW_UVLOOP_LEN(words) > from ? WW_UVLOOP_LEN(words) - from : 0;
	for (u32 i = 0; i < WW_UVLOOP_WORDS && i < len; i++) {
		u64 by = ww_uvloop_waits_by(ww_user_word(WW_UVLOOP_AT(words, from + i)));
		if (by)
			return WW_UVLOOP_SOME(by, from + i + 1);
	}
	return 0;
}

/* The Future by which what is read for a protocol is awaited: that has it, or such a one among its attributes. */
__weak u64 ww_uvloop_awaits(u64 protocol)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv && protocol ? ww_user_word(protocol + WW_PYTHON_TYPE) : 0;
	if (!type)
		return 0;
	u32 at = ww_uvloop_place(uv->behind, type), from = 0;
	u64 found = at ? 0 : ww_uvloop_future_of(protocol);
	u64 words = found ? 0 : ww_uvloop_attributes(protocol);
	if (at)
		found = ww_uvloop_future_of(ww_uvloop_waits_by(ww_uvloop_placed(words, at)));
	for (u32 i = 0; i < WW_UVLOOP_WAITING && !found; i++) {
		u64 by = ww_uvloop_waiting_in(words, from);
		from = WW_UVLOOP_LEN(by);
		if (!by)
			break;
		found = ww_uvloop_future_of(by & WW_UVLOOP_ADDRESS);
		if (found)
			ww_uvloop_places(uv->behind, type, from);
	}
	return found || !at ? found : ww_uvloop_future_of(protocol);
}

/* The same, of one on whose stream something is sent: such are not looked at each time where nothing was found for
 * long. */
__weak u64 ww_uvloop_awaited(u64 protocol)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 type = uv && protocol ? ww_user_word(protocol + WW_PYTHON_TYPE) : 0;
	if (!type || ww_uvloop_skips(uv->unawaited, type))
		return 0;
	u64 found = ww_uvloop_awaits(protocol);
	ww_uvloop_looked(uv->unawaited, type, found);
	return found;
}

/* ---- streams ---- */

/* What libuv waits by for a descriptor: its uv__io_t; 0: it does not. */
static __always_inline u64 ww_uvloop_watch(const struct ww_uvloop *uv, u32 fd)
{
	u64 watchers[2] = {};
	if (bpf_probe_read_user(watchers, sizeof(watchers), (void *)(uv->loop + WW_UV_WATCHERS)) ||
	    fd >= (u32)watchers[1])
		return 0;
	u64 io = ww_user_word(watchers[0] + 8 * (u64)fd);
	return io && (u32)ww_user_word(io + WW_UV_WATCH_FD) == fd ? io : 0;
}

/* The object of the stream of a descriptor; 0: it has none. */
static __always_inline u64 ww_uvloop_stream(const struct ww_uvloop *uv, u32 fd)
{
	u64 io = ww_uvloop_watch(uv, fd), head[2] = {};
	if (!io || bpf_probe_read_user(head, sizeof(head), (void *)(io - WW_UV_STREAM_IO)))
		return 0;
	return head[1] == uv->loop ? head[0] : 0;
}

/* Whose method an object is; 0: it is none. */
__weak u64 ww_uvloop_bound_to(u64 object)
{
	u64 name = object && !(object & 7) ? ww_type_name(object) : 0;
	if ((name & WW_WORD7_MASK) == WW_WORD8('m', 'e', 't', 'h', 'o', 'd', 0, 0) ||
	    name == WW_WORD8('b', 'u', 'i', 'l', 't', 'i', 'n', '_') ||
	    name == WW_WORD8('c', 'y', 't', 'h', 'o', 'n', '_', 'f'))
		return ww_user_word(object + WW_METHOD_SELF);
	return 0;
}

/* Where a stream has its protocol: of that it keeps a bound method as well. 0: it has none now. */
__weak u32 ww_uvloop_protocol_at(u64 stream)
{
	u64 self = 0;
	for (u32 i = 2; i < WW_UVLOOP_METHODS && !self; i++)
		self = ww_uvloop_bound_to(ww_user_word(stream + 8 * i));
	for (u32 i = 2; i < WW_UVLOOP_METHODS && self; i++) {
		if (ww_user_word(stream + 8 * i) == self)
			return 8 * i;
	}
	return 0;
}

/* The protocol of a stream; 0: none is found. */
static __always_inline u64 ww_uvloop_protocol(struct ww_uvloop *uv, u64 stream)
{
	if (!uv->protocol && uv->tries < WW_UVLOOP_TRIES) {
		uv->tries++;
		uv->protocol = ww_uvloop_protocol_at(stream);
	}
	return uv->protocol ? ww_user_word(stream + uv->protocol) : 0;
}

/* That of the stream of a descriptor. */
__weak u64 ww_uvloop_protocol_of(u32 fd)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 stream = uv ? ww_uvloop_stream(uv, fd) : 0;
	return stream ? ww_uvloop_protocol(uv, stream) : 0;
}

/* ---- Tasks ---- */

/* The Task whose step the loop's thread is in; 0: in none. What was put into the dict last stands last. */
__weak u64 ww_uvloop_step(void)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	struct {
		u64 used, version, at;
	} dict = {};
	struct {
		u64 references;
		u8 size, bytes, kind, unused;
		u32 version;
		u64 usable, count;
	} keys = {};
	struct {
		u64 hash, key, value;
	} last = {};
	if (!uv || bpf_probe_read_user(&dict, sizeof(dict), (void *)(uv->tasks + WW_DICT_USED)) || !dict.used ||
	    bpf_probe_read_user(&keys, sizeof(keys), (void *)dict.at) || keys.kind || !keys.count || keys.bytes >= 32)
		return 0;
	u64 entries = dict.at + WW_KEYS_INDICES + (1ull << (keys.bytes & 31));
	if (bpf_probe_read_user(&last, sizeof(last), (void *)(entries + sizeof(last) * (keys.count - 1))))
		return 0;
	return last.key == uv->object && ww_future_is(last.value) == WW_FUTURE_TASK ? last.value : 0;
}

/* The descriptor that the running thread sends on; ~0: it does something else. */
static __always_inline u32 ww_uvloop_sends_on(void)
{
	struct pt_regs *regs = ww_task_regs(ww_current());
	s64 nr = WW_REGS_NR(regs);
	bool sends = nr == WW_SYS_WRITE || nr == WW_SYS_WRITEV || nr == WW_SYS_SENDMSG || nr == WW_SYS_SENDTO;
	return sends ? WW_REGS_ARG1(regs) : ~0u;
}

/* The first Task that awaits a Future, with WW_AWAITER_BITS; 0: not known. */
__weak u64 ww_uvloop_awaiter(u64 future)
{
	u64 before = 0, how = 0;
	for (u32 i = 0; i < WW_UVLOOP_FUTURES && future; i++) {
		u64 next = ww_awaiter_next(future, before, WW_UVLOOP_VERSION);
		how |= next & WW_AWAITER_BITS;
		before = future;
		future = next & ~WW_AWAITER_BITS;
		if (ww_future_is(future) == WW_FUTURE_TASK)
			return future | how;
	}
	return 0;
}

/*
 * The Task that does what the loop's thread does now, or awaits the answer to what it sends, with WW_AWAITER_BITS; 0:
 * not known.
 */
__weak u64 ww_uvloop_task(void)
{
	struct ww_uvloop *uv = ww_uvloop_of();
	u64 task = ww_uvloop_step();
	if (uv)
		uv->stepped = task != 0;
	u32 fd = task ? ~0u : ww_uvloop_sends_on();
	u64 future = fd == ~0u ? 0 : ww_uvloop_awaited(ww_uvloop_protocol_of(fd));
	return future ? ww_uvloop_awaiter(future) : task;
}

#endif
