/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Global functions: the verifier looks at each once, and not once for every way to get there. They may take pointers
 * since e5069b9c23b3 ("bpf: Support pointers in global func args", 5.12). Before, they take numbers only, by which they
 * find again what the pointers point to.
 *
 * WW_GLOBAL2(int, ww_do, R, r, N, n) { .. } makes both: ww_do_p() takes pointers, ww_do_n() numbers, and ww_do() calls
 * the one that ww_by_hand tells. The other one is static when it is loaded (src/kernel/hooks.c), so that nobody looks
 * at it. Parameters are of these kinds; any pointer may be NULL:
 *
 *   N  a number, u64
 *   R  struct ww_request *
 *   T  struct ww_thread *, of the task that runs
 *   C  struct ww_conn *
 *   L  struct ww_loop *, of the task that runs
 *   M  struct ww_message *
 *   H  const struct ww_cause *
 *   W  const struct ww_touch *: two numbers
 *   F  const struct ww_first *: two numbers
 *   E  const struct ww_end *: three numbers
 */
#ifndef WHYWAIT_GLOBAL_H
#define WHYWAIT_GLOBAL_H

#include "storage.bpf.h"

static __always_inline struct ww_request *ww_request_at(u64 number)
{
	u32 slot = number - 1;
	return number ? bpf_map_lookup_elem(&ww_requests, &slot) : NULL;
}

#define WW_POINTER_N(a) u64 a
#define WW_POINTER_R(a) struct ww_request *a
#define WW_POINTER_T(a) struct ww_thread *a
#define WW_POINTER_C(a) struct ww_conn *a
#define WW_POINTER_L(a) struct ww_loop *a
#define WW_POINTER_H(a) const struct ww_cause *a
#define WW_POINTER_F(a) const struct ww_first *a
#define WW_POINTER_E(a) const struct ww_end *a
#define WW_POINTER_W(a) const struct ww_touch *a
#define WW_POINTER_M(a) struct ww_message *a

#define WW_NUMBER_N(a) u64 a
#define WW_NUMBER_R(a) u64 a##_number
#define WW_NUMBER_T(a) u64 a##_number
#define WW_NUMBER_C(a) u64 a##_number
#define WW_NUMBER_L(a) u64 a##_number
#define WW_NUMBER_H(a) u64 a##_number
#define WW_NUMBER_F(a) u64 a##_low, u64 a##_high
#define WW_NUMBER_E(a) u64 a##_at, u64 a##_slept, u64 a##_batch
#define WW_NUMBER_W(a) u64 a##_ready, u64 a##_what
#define WW_NUMBER_M(a) u64 a##_number

#define WW_AS_NUMBER_N(a) a
#define WW_AS_NUMBER_R(a) ((a) ? WW_SLOT((a)->account.id) + 1 : 0)
#define WW_AS_NUMBER_T(a) ((a) != NULL)
#define WW_AS_NUMBER_C(a) ((a) ? (a)->sock : 0)
#define WW_AS_NUMBER_L(a) ((a) != NULL)
#define WW_AS_NUMBER_H(a) (a)->number
#define WW_AS_NUMBER_F(a) (a)->words[0], (a)->words[1]
#define WW_AS_NUMBER_E(a) (a)->at, (a)->slept, (a)->batch
#define WW_AS_NUMBER_W(a) (a)->ready, (a)->what
#define WW_AS_NUMBER_M(a) (a)->place

#define WW_FIND_N(a)
#define WW_FIND_R(a) struct ww_request *a = ww_request_at(a##_number);
#define WW_FIND_T(a) struct ww_thread *a = a##_number ? ww_thread_get(ww_current()) : NULL;
#define WW_FIND_C(a) struct ww_conn *a = a##_number ? ww_hashed(&ww_hashed_conns, a##_number, false) : NULL;
#define WW_FIND_L(a) struct ww_loop *a = a##_number ? ww_loop_get(false) : NULL;
#define WW_FIND_H(a)                                                                                                   \
	struct ww_cause a##_found = {.number = a##_number};                                                            \
	const struct ww_cause *a = &a##_found;
#define WW_FIND_F(a)                                                                                                   \
	struct ww_first a##_found = {.words = {a##_low, a##_high}};                                                    \
	const struct ww_first *a = &a##_found;
#define WW_FIND_E(a)                                                                                                   \
	struct ww_end a##_found = {.at = a##_at, .slept = a##_slept, .batch = a##_batch};                              \
	const struct ww_end *a = &a##_found;
#define WW_FIND_W(a)                                                                                                   \
	struct ww_touch a##_found = {.ready = a##_ready, .what = a##_what};                                            \
	const struct ww_touch *a = &a##_found;
#define WW_FIND_M(a) struct ww_message *a = ww_message_of(a##_number);

#define WW_GLOBAL1(type, name, A, a)                                                                                   \
	static __always_inline type name##_do(WW_POINTER_##A(a));                                                      \
	__weak type name##_p(WW_POINTER_##A(a))                                                                        \
	{                                                                                                              \
		return name##_do(a);                                                                                   \
	}                                                                                                              \
	__weak type name##_n(WW_NUMBER_##A(a))                                                                         \
	{                                                                                                              \
		WW_FIND_##A(a) return name##_do(a);                                                                    \
	}                                                                                                              \
	static __always_inline type name(WW_POINTER_##A(a))                                                            \
	{                                                                                                              \
		return ww_by_hand ? name##_n(WW_AS_NUMBER_##A(a)) : name##_p(a);                                       \
	}                                                                                                              \
	static __always_inline type name##_do(WW_POINTER_##A(a))

#define WW_GLOBAL2(type, name, A, a, B, b)                                                                             \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b));                                   \
	__weak type name##_p(WW_POINTER_##A(a), WW_POINTER_##B(b))                                                     \
	{                                                                                                              \
		return name##_do(a, b);                                                                                \
	}                                                                                                              \
	__weak type name##_n(WW_NUMBER_##A(a), WW_NUMBER_##B(b))                                                       \
	{                                                                                                              \
		WW_FIND_##A(a) WW_FIND_##B(b) return name##_do(a, b);                                                  \
	}                                                                                                              \
	static __always_inline type name(WW_POINTER_##A(a), WW_POINTER_##B(b))                                         \
	{                                                                                                              \
		return ww_by_hand ? name##_n(WW_AS_NUMBER_##A(a), WW_AS_NUMBER_##B(b)) : name##_p(a, b);               \
	}                                                                                                              \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b))

#define WW_GLOBAL3(type, name, A, a, B, b, C_, c)                                                                      \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c));               \
	__weak type name##_p(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c))                                 \
	{                                                                                                              \
		return name##_do(a, b, c);                                                                             \
	}                                                                                                              \
	__weak type name##_n(WW_NUMBER_##A(a), WW_NUMBER_##B(b), WW_NUMBER_##C_(c))                                    \
	{                                                                                                              \
		WW_FIND_##A(a) WW_FIND_##B(b) WW_FIND_##C_(c) return name##_do(a, b, c);                               \
	}                                                                                                              \
	static __always_inline type name(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c))                     \
	{                                                                                                              \
		return ww_by_hand ? name##_n(WW_AS_NUMBER_##A(a), WW_AS_NUMBER_##B(b), WW_AS_NUMBER_##C_(c))           \
				  : name##_p(a, b, c);                                                                 \
	}                                                                                                              \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c))

#define WW_GLOBAL4(type, name, A, a, B, b, C_, c, D, d)                                                                \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c),                \
					      WW_POINTER_##D(d));                                                      \
	__weak type name##_p(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c), WW_POINTER_##D(d))              \
	{                                                                                                              \
		return name##_do(a, b, c, d);                                                                          \
	}                                                                                                              \
	__weak type name##_n(WW_NUMBER_##A(a), WW_NUMBER_##B(b), WW_NUMBER_##C_(c), WW_NUMBER_##D(d))                  \
	{                                                                                                              \
		WW_FIND_##A(a) WW_FIND_##B(b) WW_FIND_##C_(c) WW_FIND_##D(d) return name##_do(a, b, c, d);             \
	}                                                                                                              \
	static __always_inline type name(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c), WW_POINTER_##D(d))  \
	{                                                                                                              \
		return ww_by_hand ? name##_n(WW_AS_NUMBER_##A(a), WW_AS_NUMBER_##B(b), WW_AS_NUMBER_##C_(c),           \
					     WW_AS_NUMBER_##D(d))                                                      \
				  : name##_p(a, b, c, d);                                                              \
	}                                                                                                              \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c),                \
					      WW_POINTER_##D(d))

#define WW_GLOBAL5(type, name, A, a, B, b, C_, c, D, d, E, e)                                                          \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c),                \
					      WW_POINTER_##D(d), WW_POINTER_##E(e));                                   \
	__weak type name##_p(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c), WW_POINTER_##D(d),              \
			     WW_POINTER_##E(e))                                                                        \
	{                                                                                                              \
		return name##_do(a, b, c, d, e);                                                                       \
	}                                                                                                              \
	__weak type name##_n(WW_NUMBER_##A(a), WW_NUMBER_##B(b), WW_NUMBER_##C_(c), WW_NUMBER_##D(d),                  \
			     WW_NUMBER_##E(e))                                                                         \
	{                                                                                                              \
		WW_FIND_##A(a) WW_FIND_##B(b) WW_FIND_##C_(c) WW_FIND_##D(d)                                           \
			WW_FIND_##E(e) return name##_do(a, b, c, d, e);                                                \
	}                                                                                                              \
	static __always_inline type name(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c), WW_POINTER_##D(d),  \
					 WW_POINTER_##E(e))                                                            \
	{                                                                                                              \
		return ww_by_hand ? name##_n(WW_AS_NUMBER_##A(a), WW_AS_NUMBER_##B(b), WW_AS_NUMBER_##C_(c),           \
					     WW_AS_NUMBER_##D(d), WW_AS_NUMBER_##E(e))                                 \
				  : name##_p(a, b, c, d, e);                                                           \
	}                                                                                                              \
	static __always_inline type name##_do(WW_POINTER_##A(a), WW_POINTER_##B(b), WW_POINTER_##C_(c),                \
					      WW_POINTER_##D(d), WW_POINTER_##E(e))

#endif
