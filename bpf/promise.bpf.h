/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Promises of V8, as Node 18 to 26 have them: for whom an async function goes on that has awaited something. A probe
 * where V8 continues one finds it, the promise that it settles, who has asked to be told of that, which is an async
 * function that awaits it, or another promise (then(), Promise.all()), and so on up to the promise that nobody waits
 * for: that is the chain's root, and what the step sends is for whom that is.
 *
 * A collection moves promises. V8 leaves where they went in their old place, which is read before that is used again.
 */
#ifndef WHYWAIT_PROMISE_H
#define WHYWAIT_PROMISE_H

#include "programs.bpf.h"

/* Offsets in V8's objects, which begin with their map. Pointers have a tag; small numbers none, in the upper half. */
#define WW_V8_TAG	   1
#define WW_V8_TAGS	   3
#define WW_V8_MAP_OF_TYPE  0
#define WW_V8_SCOPE	   16 /* of a context: all functions of V8's own that settle promises have the same */
#define WW_V8_SLOT	   32 /* of a context of a function of V8's: the generator that it continues, or a promise */
#define WW_V8_SLOT_NEXT	   40 /* of Promise.all() and others: the capability */
#define WW_V8_GENERATOR	   80 /* JSAsyncFunctionObject.promise */
#define WW_V8_PROMISE	   24 /* JSPromise.reactions_or_result; behind it its state, 0: it is pending */
#define WW_V8_CAPABILITY   8  /* PromiseCapability.promise */
#define WW_V8_PAGE	   0x40000
#define WW_V8_LEFT	   0x8 /* bit of a page's flags: it is in the half of the space for new objects that is left */
#define WW_PROMISES_CHAIN  24
/* No objects' addresses: */
#define WW_PROMISE_UNKNOWN 2 /* it is not told, as of one that several wait for; */
#define WW_PROMISE_UNREAD  4 /* what tells it can't be read */

/* Since V8 12 a reaction begins with what asynchronous contexts need. */
enum ww_v8_reaction { WW_V8_REACTION_UNKNOWN, WW_V8_REACTION_PLAIN, WW_V8_REACTION_LONG };

/* Whether an object is of a type. */
enum ww_v8_typed { WW_V8_IS_NOT, WW_V8_IS, WW_V8_UNREAD };

static __always_inline struct ww_v8 *ww_v8_of(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&ww_v8s, &tgid);
}

static __always_inline u64 ww_v8_word(u64 object, u32 at)
{
	return (object & WW_V8_TAGS) == WW_V8_TAG ? ww_user_word(object - WW_V8_TAG + at) : 0;
}

/* The same where one that can't be read is not to be taken for one that says nothing. */
static __always_inline bool ww_v8_read(u64 object, u32 at, u64 *word)
{
	*word = 0;
	return (object & WW_V8_TAGS) != WW_V8_TAG ||
	       !bpf_probe_read_user(word, sizeof(*word), (void *)(object - WW_V8_TAG + at));
}

/* Whether an object that has this map is of that type. Nearly all of one type have the same, which is kept. */
static __always_inline u32 ww_v8_has(const struct ww_v8 *v8, u64 map, u32 type, u64 *known)
{
	u16 is = 0;
	if (map && map == *known)
		return WW_V8_IS;
	if ((map & WW_V8_TAGS) != WW_V8_TAG)
		return WW_V8_IS_NOT;
	if (bpf_probe_read_user(&is, sizeof(is), (void *)(map - WW_V8_TAG + v8->map_type)))
		return WW_V8_UNREAD;
	if (is != type)
		return WW_V8_IS_NOT;
	*known = map;
	return WW_V8_IS;
}

static __always_inline u32 ww_v8_is(const struct ww_v8 *v8, u64 object, u32 type, u64 *known)
{
	u64 map;
	return ww_v8_read(object, WW_V8_MAP_OF_TYPE, &map) ? ww_v8_has(v8, map, type, known) : WW_V8_UNREAD;
}

/* Of a reaction's words: what is behind the map, and may be what only newer ones have. */
static __always_inline bool ww_v8_is_long(struct ww_v8 *v8, const u64 *words)
{
	if (v8->reaction_is == WW_V8_REACTION_UNKNOWN) {
		/* Next comes the next one, or the number 0, and then a handler, which is no number. */
		if (!(words[2] & WW_V8_TAG))
			v8->reaction_is = WW_V8_REACTION_LONG;
		else if (!(words[1] & WW_V8_TAG))
			v8->reaction_is = WW_V8_REACTION_PLAIN;
	}
	return v8->reaction_is == WW_V8_REACTION_LONG;
}

/*
 * The promise that is settled when what waits for this one has gone on; 0: nothing waits for it; WW_PROMISE_UNKNOWN, or
 * WW_PROMISE_UNREAD.
 */
__weak u64 ww_promise_next(u64 promise)
{
	struct ww_v8 *v8 = ww_v8_of();
	u64 own[2] = {}, words[6] = {};
	if (!v8)
		return WW_PROMISE_UNKNOWN;
	if (bpf_probe_read_user(own, sizeof(own), (void *)(promise - WW_V8_TAG + WW_V8_PROMISE)))
		return WW_PROMISE_UNREAD;
	if ((own[1] >> 32 & 3) || !(own[0] & WW_V8_TAG))
		return 0;
	if (bpf_probe_read_user(words, sizeof(words), (void *)(own[0] - WW_V8_TAG)))
		return WW_PROMISE_UNREAD;
	u32 is = ww_v8_has(v8, words[0], v8->reaction, &v8->reaction_map);
	if (is != WW_V8_IS)
		return is == WW_V8_UNREAD ? WW_PROMISE_UNREAD : WW_PROMISE_UNKNOWN;
	bool is_long = ww_v8_is_long(v8, words);
	/* Several wait for it: whom it is for is not told. */
	if ((is_long ? words[2] : words[1]) & WW_V8_TAG)
		return WW_PROMISE_UNKNOWN;
	u64 handler = is_long ? words[4] : words[3], derived = is_long ? words[5] : words[4];
	u64 context, slot;
	/* Or a promise that nobody has would be taken for the end. */
	if (!ww_v8_read(handler, v8->function_context, &context) || !ww_v8_read(context, WW_V8_SLOT, &slot))
		return WW_PROMISE_UNREAD;
	is = ww_v8_is(v8, slot, v8->generator, &v8->generator_map);
	if (is == WW_V8_UNREAD)
		return WW_PROMISE_UNREAD;
	if (is == WW_V8_IS)
		return ww_v8_word(slot, WW_V8_GENERATOR) ?: WW_PROMISE_UNREAD;
	/* Where hooks are set, as AsyncLocalStorage does, there is a derived one, too, that nobody has. */
	u64 scope = ww_v8_word(context, WW_V8_SCOPE), capability = ww_v8_word(context, WW_V8_SLOT_NEXT);
	is = ww_v8_is(v8, capability, v8->capability, &v8->capability_map);
	if (is == WW_V8_UNREAD)
		return WW_PROMISE_UNREAD;
	if (is == WW_V8_IS) {
		v8->scope = scope;
		return ww_v8_word(capability, WW_V8_CAPABILITY) ?: WW_PROMISE_UNREAD;
	}
	u32 settles = ww_v8_is(v8, slot, v8->promise, &v8->promise_map);
	u32 derives = ww_v8_is(v8, derived, v8->promise, &v8->promise_map);
	if (settles == WW_V8_UNREAD || derives == WW_V8_UNREAD)
		return WW_PROMISE_UNREAD;
	if (settles && derives && !v8->scope)
		return WW_PROMISE_UNKNOWN;
	if (settles && scope == v8->scope)
		return slot;
	if (derives)
		return derived;
	is = ww_v8_is(v8, derived, v8->capability, &v8->capability_map);
	if (is == WW_V8_UNREAD)
		return WW_PROMISE_UNREAD;
	if (is == WW_V8_IS)
		return ww_v8_word(derived, WW_V8_CAPABILITY) ?: WW_PROMISE_UNREAD;
	return settles ? slot : WW_PROMISE_UNKNOWN;
}

/* The promise at the end of the chain that nobody waits for; 0: it isn't told; WW_PROMISE_UNREAD. */
__weak u64 ww_promise_root(u64 promise)
{
	for (u32 i = 0; i < WW_PROMISES_CHAIN && promise; i++) {
		u64 next = ww_promise_next(promise);
		if (!next)
			return promise;
		if (next == WW_PROMISE_UNKNOWN)
			return 0;
		if (next == WW_PROMISE_UNREAD)
			return next;
		promise = next;
	}
	return 0;
}

/* Where the promise is after a collection; 0: nobody had it; WW_PROMISE_UNKNOWN. Asked again it says the same. */
static __always_inline u64 ww_promise_moved(u64 promise)
{
	u64 word = ww_v8_word(promise, WW_V8_MAP_OF_TYPE), page[2] = {};
	if (word && !(word & WW_V8_TAGS))
		return word + WW_V8_TAG;
	struct ww_v8 *v8 = ww_v8_of();
	if (!v8 || ww_v8_has(v8, word, v8->promise, &v8->promise_map) != WW_V8_IS)
		return WW_PROMISE_UNKNOWN;
	if (bpf_probe_read_user(page, sizeof(page), (void *)(promise & ~(u64)(WW_V8_PAGE - 1))))
		return WW_PROMISE_UNKNOWN;
	/* Older versions have the page's size in front of its flags. */
	u64 flags = page[0] == WW_V8_PAGE ? page[1] : page[0];
	return flags & WW_V8_LEFT ? 0 : promise;
}

#endif
