/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs attached to the garbage collectors of runtimes: to the files that processes have mapped, once each, so that
 * processes that start later are seen, too.
 */
#ifndef WHYWAIT_RUNTIMES_H
#define WHYWAIT_RUNTIMES_H

#include <stdbool.h>
#include <stdint.h>

struct whywait_bpf;
struct ww_runtimes;

/*
 * `bpf` is loaded and outlives the runtimes, which are the caller's, to be freed with ww_runtimes__free(). Without
 * `collectors` none is attached to these. NULL: out of memory.
 */
struct ww_runtimes *ww_runtimes__new(struct whywait_bpf *bpf, bool collectors);

/* Detaches all. NULL-safe. */
void ww_runtimes__free(struct ww_runtimes *runtimes);

/*
 * Looks for runtimes in what the process has mapped, and attaches to those that are new: where it is not known to
 * `serve` requests, only in files that are named like interpreters.
 */
void ww_runtimes__look(struct ww_runtimes *runtimes, uint32_t pid, bool serves);

/* Before loading: whether programs are loaded that tell what goroutines are at. */
void ww_runtimes__want_goroutines(struct whywait_bpf *bpf, bool wanted);

/* Attaches those, where they were wanted, to the program of a process that is observed, if it is one of Go's. */
void ww_runtimes__look_at_goroutines(struct ww_runtimes *runtimes, uint32_t pid);

/*
 * Before privileges are dropped: on kernels that want more than is kept for user probes, those of the runtimes that run
 * now, or are installed where packages put them, are opened, for all observers that come; with those of V8's promises,
 * where these are followed.
 */
void ww_runtimes__prepare(bool promises);

/* Files that have probes, or may have, and that nothing could be attached to. */
uint64_t ww_runtimes__failed(const struct ww_runtimes *runtimes);

#endif
