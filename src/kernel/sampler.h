/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks: the clock on every CPU that looks at what runs, and how many requests share the stacks of one, so that they
 * cost what they may.
 */
#ifndef WHYWAIT_SAMPLER_H
#define WHYWAIT_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct whywait_bpf;
struct ww_sampler;
struct ww_ingest;
struct ww_observer_options;

/*
 * Sizes what only stacks need, of a skeleton whose programs are chosen and not loaded yet. A negative errno, with a
 * line in `message`: -ENOTSUP when this kernel can't give stacks.
 */
int ww_sampler__prepare(struct whywait_bpf *bpf, bool stacks, char *message, size_t message_size);

/*
 * Starts it. On failure returns a negative errno and writes one line to `message`. The sampler is the caller's, to be
 * stopped by ww_sampler__stop() while the skeleton is still there.
 */
int ww_sampler__start(struct ww_sampler **sampler, struct whywait_bpf *bpf, const struct ww_observer_options *options,
		      char *message, size_t message_size);

/* Feeds what is in the ring to `ingest`; the number of records, or a negative errno. */
int ww_sampler__drain(struct ww_sampler *sampler, struct ww_ingest *ingest);

/* Opens the clock of a CPU: what a program for it is attached to. Its descriptor, or a negative errno. */
int ww_sampler__open_clock(int cpu);

/* Has more or fewer requests' stacks taken, by what those that `ingest` took have cost. */
void ww_sampler__adapt(struct ww_sampler *sampler, const struct ww_ingest *ingest);

/* NULL-safe. */
void ww_sampler__stop(struct ww_sampler *sampler);

#endif
