/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loading the programs. Nearly all of it is the kernel's verifier, which looks at a program in the thread that loads
 * it, and at those of several threads at the same time. libbpf loads one after the other: so of what is large it is
 * given the place only, and the programs are loaded side by side afterwards.
 */
#ifndef WHYWAIT_LOADER_H
#define WHYWAIT_LOADER_H

#include <stdbool.h>
#include <stddef.h>

struct btf;
struct whywait_bpf;

/*
 * Before the skeleton is opened: by handlers of libbpf for the sections that the programs use, which stay. `btf` is the
 * kernel's, and has to be there until ww_loader__load() has returned. `old`: the kernel does not know all instructions
 * (instructions.h). A negative errno.
 */
int ww_loader__prepare(const struct btf *btf, bool old);

/* Loads the skeleton. A negative errno; then why_size bytes at `why` may have got which program it was. */
int ww_loader__load(struct whywait_bpf *bpf, char *why, size_t why_size);

#endif
