/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How often requests call their allocators (`record --allocations`): probes of malloc() and its kin, and of Go's, in
 * the processes that serve. A probe costs its call about a microsecond, so they are there in short windows only; a
 * request that lies within one has all its calls counted.
 */
#ifndef WHYWAIT_ALLOCATIONS_H
#define WHYWAIT_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "whywait/abi.h"

struct whywait_bpf;
struct ww_allocations;

/* Before loading: has what they need loaded, where they are wanted. */
void ww_allocations__prepare(struct whywait_bpf *bpf, bool wanted);

/* All calls below take NULL: then nothing is counted. */

/* `share` of the time is to lie in windows, 1: one window is open all the time. NULL when out of memory. */
struct ww_allocations *ww_allocations__new(struct whywait_bpf *bpf, double share);

/* NULL-safe. Detaches. */
void ww_allocations__free(struct ww_allocations *allocations);

/* A process that has answered a request: probes are attached to it from the next window on. */
void ww_allocations__serves(struct ww_allocations *allocations, uint32_t pid);

/* Opens or closes a window when it is time; call it whenever something was drained. */
void ww_allocations__tick(struct ww_allocations *allocations, uint64_t now_ns);

/* In how many ms the next call is due, `most_ms` at the most. */
int ww_allocations__due_ms(const struct ww_allocations *allocations, uint64_t now_ns, int most_ms);

/*
 * For how many requests this one stands, in units of WW_ALLOCATIONS_ONE: the longer one takes, the seldomer it lies
 * within a window. 0: its calls were not counted.
 */
uint64_t ww_allocations__weight(const struct ww_allocations *allocations, const struct ww_account *account);

/* Processes that could not be attached to, since the start. */
uint64_t ww_allocations__failed(const struct ww_allocations *allocations);

#endif
