/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which hooks this kernel has, and which of the programs are loaded for that: some tracepoints have a substitute on
 * older kernels. The kernel's BTF decides, never its version.
 */
#ifndef WHYWAIT_HOOKS_H
#define WHYWAIT_HOOKS_H

#include <stddef.h>
#include <stdint.h>

struct btf;
struct whywait_bpf;
struct ww_abilities;

/* The BTF id by which programs attach to a tracepoint, and how many arguments it has; 0 when there is none. */
int ww_hooks__tracepoint(const struct btf *btf, const char *name, int *arguments);

/* The BTF id of a function of the kernel; 0 when there is none. */
int ww_hooks__function(const struct btf *btf, const char *name);

/* The function that is hooked where there is no such tracepoint; NULL when nothing can stand in for it. */
const char *ww_hooks__substitute(const char *tracepoint);

/*
 * Before the skeleton is opened: finds what this kernel can do and sees to what it would not even load. `btf`, the
 * kernel's, is the caller's to free, when the skeleton is loaded. A negative errno.
 */
int ww_hooks__prepare(struct btf **btf, struct ww_abilities *abilities);

/* Chooses among the programs of an opened, not yet loaded skeleton. */
void ww_hooks__choose(struct whywait_bpf *bpf, const struct btf *btf, const struct ww_abilities *abilities);

/*
 * What stands in for something that this kernel does not give, in words, of a loaded skeleton; empty when nothing has
 * to. -ENOSPC: there is no room for all of it.
 */
int ww_hooks__stand_ins(const struct whywait_bpf *bpf, char *text, size_t size);

/*
 * How often programs for reads or sends did not run as the CPU was in the middle of them, for a task that this one
 * preempted; at the most, where there are two copies. Returns 0 or a negative errno.
 */
int ww_hooks__skipped(struct whywait_bpf *bpf, uint64_t *skipped);

#endif
