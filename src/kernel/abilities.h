/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the running kernel lets programs of tracepoints do: found by trying, never by its version.
 */
#ifndef WHYWAIT_ABILITIES_H
#define WHYWAIT_ABILITIES_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

struct btf;

/*
 * Loads a program for the tracepoint's typedef or the function with that BTF id. Returns its descriptor or a negative
 * errno; `log` of log_size bytes, which may be NULL, gets what the verifier says.
 */
int ww_abilities__load(enum bpf_attach_type type, int id, const struct bpf_insn *insns, size_t insns_len, char *log,
		       size_t log_size);

/* Whether such a program may call a helper: 1, 0, or a negative errno when it can't be tried. */
int ww_abilities__helper(const struct btf *btf, int helper);

struct ww_abilities {
	bool storage;  /* of tasks and sockets, and the helpers that come with it by 5.15: bpf/storage.bpf.h */
	bool whole;    /* programs are not preempted, as far as was said: bpf/again.bpf.h */
	bool bpf_loop; /* bpf/loop.bpf.h; not without the others */
};

/*
 * Tests take abilities away by the environment's WHYWAIT_WITHOUT, "storage", "loop" or "whole", so that what stands in
 * for them runs on any kernel.
 */
void ww_abilities__find(struct ww_abilities *abilities, const struct btf *btf);

#endif
